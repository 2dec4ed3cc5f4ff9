//! The one error type of this crate.
use alloy_primitives::{Address, B256};

/// What can be wrong with a record, its documents and their encodings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More bytes or items than [`limits`](crate::limits) allow.
    #[error("{what} is over the limit: {found} > {limit}")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// What was found.
        found: usize,
    },
    /// The bytes are not the DAG-CBOR of the expected type.
    #[error("{what} cannot be read: {reason}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// Where it went wrong.
        reason: String,
    },
    /// The bytes decode, but are not the one canonical encoding of their value.
    #[error(
        "{what} is not in canonical DAG-CBOR; encode it again with sorted keys, shortest lengths and no unknown fields"
    )]
    NotCanonical {
        /// What was being read.
        what: &'static str,
    },
    /// A field's value is not allowed.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// Why it is refused.
        reason: String,
    },
    /// The Merkle root of the parts is not the root that is stated and signed.
    #[error("the parts do not hash to the stated root; the manifest was changed after signing")]
    WrongRoot,
    /// An inclusion proof does not lead to the root.
    #[error("the proof of {what} does not lead to the root")]
    WrongProof {
        /// The leaf.
        what: String,
    },
    /// Salt, root and manifest CID do not hash to the expected commitment.
    #[error("the record does not match its commitment: expected {expected}, computed {computed}")]
    WrongCommitment {
        /// What the chain, or the caller, says.
        expected: B256,
        /// What the bytes say.
        computed: B256,
    },
    /// The signature is not one by the claimed signer's key.
    #[error(
        "the {what} is not signed by {signer}; if that is a contract wallet, ask it by ERC-1271"
    )]
    WrongSignature {
        /// The statement.
        what: &'static str,
        /// Who should have signed.
        signer: Address,
    },
    /// A part that was asked for is not in the record.
    #[error("the record has no part named {0:?}")]
    NoSuchPart(String),
    /// A list of versions does not form one chain.
    #[error("version {version} does not follow the version before it: {reason}")]
    BrokenHistory {
        /// The version at fault.
        version: u64,
        /// What does not match.
        reason: &'static str,
    },
    /// Two patient indexes claim the same place in the chain of versions.
    #[error(
        "two different indexes of version {version} exist; merge them with `PatientIndex::merge`"
    )]
    Fork {
        /// The contested version.
        version: u64,
    },
    /// Two patient indexes contradict each other and cannot be merged.
    #[error("the indexes contradict each other in record {index}: {reason}")]
    Contradiction {
        /// The record's number.
        index: u64,
        /// What differs.
        reason: &'static str,
    },
}

impl Error {
    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }
}

impl From<acts::Error> for Error {
    fn from(error: acts::Error) -> Self {
        match error {
            acts::Error::SignatureTooLong(found) => Self::TooLarge {
                what: "signature",
                limit: acts::SIGNATURE_BYTES,
                found,
            },
            acts::Error::WrongSignature { what, signer } => Self::WrongSignature { what, signer },
            other => Self::invalid("signature", other.to_string()),
        }
    }
}

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Refuses a `found` beyond `limit`.
pub(crate) fn at_most(what: &'static str, found: usize, limit: usize) -> Result<()> {
    if found > limit {
        Err(Error::TooLarge { what, limit, found })
    } else {
        Ok(())
    }
}
