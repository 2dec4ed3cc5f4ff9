//! What can go wrong between us and a chain, a log or a store, said so that it can be acted on.

use alloy_primitives::{Address, B256};

use crate::contracts::Refusal;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoint could not be reached, or gave no answer in time. Trying again may help.
    #[error(
        "the Ethereum endpoint {url} did not answer {method}: {reason}; check that it runs and is reachable"
    )]
    Unreachable {
        /// Where it was sought, without user name and password.
        url: String,
        /// The JSON-RPC method.
        method: String,
        /// What happened.
        reason: String,
    },
    /// The endpoint answered with a JSON-RPC error.
    #[error("the Ethereum endpoint refused {method}: {message} (code {code})")]
    Rpc {
        /// The JSON-RPC method.
        method: String,
        /// JSON-RPC error code.
        code: i64,
        /// The endpoint's words.
        message: String,
    },
    /// The endpoint's answer contradicts itself, its earlier answers, a witness or the protocol.
    #[error("the Ethereum endpoint cannot be trusted: {0}; use another endpoint")]
    Untrustworthy(String),
    /// The endpoint serves another chain than the deployment file names.
    #[error(
        "the endpoint serves chain {found}, but the deployment is on chain {expected}; point `rpc` at the right network or use its deployment file"
    )]
    WrongChain {
        /// Chain id in the deployment file.
        expected: u64,
        /// Chain id that the endpoint told.
        found: u64,
    },
    /// No contract at an address of the deployment.
    #[error(
        "no contract {contract} at {address} on chain {chain_id}: the chain was started anew, or the deployment file belongs to another network; deploy again or use the right file"
    )]
    NoCode {
        /// Name of the contract.
        contract: &'static str,
        /// Where it was sought.
        address: Address,
        /// On which chain.
        chain_id: u64,
    },
    /// A contract is there, but not this version of Stele's.
    #[error(
        "the contract at {address} is not this version's {contract} ({reason}); use the `stele` release that the deployment was made with, or deploy anew"
    )]
    WrongContract {
        /// Name of the contract.
        contract: &'static str,
        /// Where it was found.
        address: Address,
        /// What differs.
        reason: String,
    },
    /// A contract refused a call or a transaction.
    #[error("{0}")]
    Refused(Refusal),
    /// A transaction would cost more than the configured limit allows.
    #[error(
        "gas costs {needed} wei a unit now, over the limit of {limit}; wait, or raise the limit"
    )]
    FeeTooHigh {
        /// Fee per unit of gas that would be needed, in wei.
        needed: u128,
        /// The configured limit, in wei.
        limit: u128,
    },
    /// A call is longer than its act can need.
    #[error(
        "the call {act} has {size} bytes; at most {limit} are carried, signatures of contract wallets included"
    )]
    CallTooLarge {
        /// Name of the act.
        act: &'static str,
        /// Its length in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The newest block is too old to decide on.
    #[error(
        "the Ethereum endpoint's newest block is {age} seconds old, over the limit of {limit}; wait until it has caught up, use another endpoint, or list a chain that makes blocks on demand as a development chain"
    )]
    StaleHead {
        /// Age of the newest block in seconds.
        age: u64,
        /// The limit in seconds.
        limit: u64,
    },
    /// The idempotency key was used for another transaction.
    #[error("the transaction key {0:?} was used for another call; use one key for one act")]
    KeyReused(String),
    /// No transaction under this key.
    #[error("no transaction under the key {0:?}")]
    UnknownKey(String),
    /// Waiting ended before the transaction got there; it goes on.
    #[error("the transaction {0:?} is still pending; it goes on by itself, ask again later")]
    StillPending(String),
    /// Somebody else changed the stored item meanwhile. Read again and retry.
    #[error("the stored item was changed by another process meanwhile; read it again and retry")]
    Conflict,
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A store holds what cannot be: it was damaged or tampered with.
    #[error("the stored {what} is damaged: {reason}; restore it from a backup or rebuild it")]
    Corrupt {
        /// Which data.
        what: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// The chain holds a longer log of ours than the store: entries were lost.
    #[error(
        "the chain has a checkpoint of size {anchored}, but the log has {size} entries only: entries were lost; restore the log before it goes on"
    )]
    LogBehindChain {
        /// Entries in the store.
        size: u64,
        /// Size of the anchored checkpoint.
        anchored: u64,
    },
    /// An index or size beyond the log.
    #[error("the log has {size} entries; {asked} is out of range")]
    OutOfRange {
        /// What was asked for.
        asked: u64,
        /// Entries in the log.
        size: u64,
    },
    /// A proof, note or bundle is malformed.
    #[error("malformed {what}: {reason}")]
    Malformed {
        /// Which format.
        what: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// A proof does not prove what it should.
    #[error("the {what} does not verify: {reason}")]
    BadProof {
        /// Which proof.
        what: &'static str,
        /// What does not hold.
        reason: String,
    },
    /// Not signed by whom it should be.
    #[error("signed by {found}, not by {expected}")]
    WrongSigner {
        /// Who should have signed.
        expected: Address,
        /// Who did.
        found: Address,
    },
    /// Not a signature at all.
    #[error("not a valid signature")]
    BadSignature,
    /// A key could not sign.
    #[error("the key could not sign: {0}")]
    Signing(String),
    /// A log entry that was to be private is over the limit.
    #[error("the log entry has {size} bytes; at most {limit} are allowed")]
    EntryTooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The transaction of a deployment failed.
    #[error("the deployment of {contract} failed in transaction {tx}")]
    DeploymentFailed {
        /// Name of the contract.
        contract: &'static str,
        /// Transaction hash.
        tx: B256,
    },
    /// A program that is needed could not be found or started.
    #[error("{0}")]
    Program(String),
}

impl From<acts::Error> for Error {
    fn from(error: acts::Error) -> Self {
        match error {
            acts::Error::BadSignature => Self::BadSignature,
            acts::Error::Signing(reason) => Self::Signing(reason),
            other => Self::Signing(other.to_string()),
        }
    }
}

impl Error {
    /// Wraps a store's own error.
    pub fn store(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Store(error.into())
    }

    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::StaleHead { .. }
                | Self::FeeTooHigh { .. }
                | Self::StillPending(_)
                | Self::Conflict
                | Self::Store(_)
        )
    }

    pub(crate) fn malformed(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Malformed {
            what,
            reason: reason.into(),
        }
    }

    pub(crate) fn bad_proof(what: &'static str, reason: impl Into<String>) -> Self {
        Self::BadProof {
            what,
            reason: reason.into(),
        }
    }

    pub(crate) fn corrupt(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Corrupt {
            what,
            reason: reason.into(),
        }
    }
}
