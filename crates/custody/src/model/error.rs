//! The one error type of the use cases, with what to do next.

use crate::model::keys::KeyError;
use alloy_primitives::{Address, B256};

impl From<acts::Error> for Error {
    fn from(error: acts::Error) -> Self {
        Self::Record(error.into())
    }
}

impl From<record::Refusal> for Refusal {
    fn from(refusal: record::Refusal) -> Self {
        use record::Refusal as R;

        match refusal {
            R::Suspended => Self::NotActive,
            R::PartNotGranted { .. } => Self::OtherPart,
            R::NotYet { .. } => Self::NotYet,
            R::Expired { .. } => Self::Expired,
            _ => Self::OtherRecipient,
        }
    }
}

/// Why the chain did not serve.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// It did not answer, answered nonsense, or its witnesses disagree. Nobody can know, so nothing
    /// is allowed.
    #[error("the Ethereum endpoint cannot be relied on now: {0}")]
    Silent(String),
    /// The contract refuses an act.
    #[error("the contract refuses this: {0}")]
    Refused(String),
}

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a use case stopped. Messages hold no names, identifiers or clinical words, so that they may
/// be logged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault refused, or what it returned does not match its CID.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// Sealing or opening failed.
    #[error(transparent)]
    Seal(#[from] seal::Error),
    /// A record, document or statement does not hold.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// The chain did not answer, or refused.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The log could not be written or read.
    #[error("the log is not available: {0}")]
    Log(String),
    /// Keys cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Another institution's node did not do what was asked.
    #[error("the node of {institution} did not answer as it should: {reason}")]
    Peer {
        /// The institution.
        institution: Address,
        /// What happened.
        reason: String,
    },
    /// Another institution's node answered, and does not take what it was given.
    #[error("the node of {institution} refuses this: {reason}")]
    PeerRefuses {
        /// The institution.
        institution: Address,
        /// What it said.
        reason: String,
    },
    /// Too few replicas hold the sealed bytes durably.
    #[error("{held} of {needed} replicas hold the record; it is not acknowledged yet")]
    Quorum {
        /// How many hold it.
        held: usize,
        /// How many are needed.
        needed: usize,
    },
    /// It does not exist, or not for this caller.
    #[error("{0} was not found")]
    NotFound(&'static str),
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// Access is refused; the reason is in the log.
    #[error("access is refused: {0}")]
    Refused(Refusal),
    /// The state machine is in another state.
    #[error("the {what} is {state}, which does not allow this")]
    State {
        /// What it is about.
        what: &'static str,
        /// Its state.
        state: String,
    },
    /// A code from a mail is another one.
    #[error("this is not the code; {left} more attempts")]
    CodeWrong {
        /// Attempts that are left.
        left: u32,
    },
    /// A code from a mail cannot be used any more.
    #[error("this code was used, has expired, or was entered wrongly too often")]
    CodeSpent,
    /// Something was asked for too often.
    #[error("{0}")]
    TooOften(String),
    /// An idempotency key was used for something else.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// The DICOM file names another patient than the one chosen.
    #[error("the image is of another patient: {0}")]
    WrongPatient(String),
    /// The uploaded file cannot be taken.
    #[error("the file cannot be taken: {0}")]
    BadFile(String),
    /// More bytes than allowed.
    #[error("{what} is over the limit of {limit} bytes")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A signature is not by whom it should be.
    #[error("the {what} is not signed by {signer}")]
    WrongSignature {
        /// What was signed.
        what: &'static str,
        /// Who should have signed.
        signer: Address,
    },
    /// A field's value is not allowed.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// Why it is refused.
        reason: String,
    },
    /// What the chain holds contradicts what was served.
    #[error("{what} does not match the chain: expected {expected}, found {found}")]
    Mismatch {
        /// What it is.
        what: &'static str,
        /// What the chain says.
        expected: B256,
        /// What was computed.
        found: B256,
    },
    /// A programming error: an invariant of this crate does not hold.
    #[error("internal: {0}")]
    Internal(String),
}

/// Why an open is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// The chain does not know the grant (yet).
    NotOnChain,
    /// It was revoked.
    Revoked,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYet,
    /// It is for somebody else.
    OtherRecipient,
    /// It is for another deployment of the contracts.
    OtherDeployment,
    /// The recipient or the recipient's institution is not active.
    NotActive,
    /// The part is not granted.
    OtherPart,
    /// The purpose stated is not the purpose granted.
    OtherPurpose,
    /// The record was erased.
    Erased,
    /// The chain cannot be asked, so nobody can know.
    ChainSilent,
    /// The guest has not entered the code from the mail in this session.
    NotConfirmed,
    /// The guest has looked as often as the patient allowed.
    ViewsUsedUp,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotOnChain => "not_on_chain",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::OtherRecipient => "other_recipient",
            Self::OtherDeployment => "other_deployment",
            Self::NotActive => "not_active",
            Self::OtherPart => "other_part",
            Self::OtherPurpose => "other_purpose",
            Self::Erased => "erased",
            Self::ChainSilent => "chain_silent",
            Self::NotConfirmed => "not_confirmed",
            Self::ViewsUsedUp => "views_used_up",
        }
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotOnChain => "the grant is not on chain (yet)",
            Self::Revoked => "the grant was revoked",
            Self::Expired => "the grant has expired",
            Self::NotYet => "the grant is not valid yet",
            Self::OtherRecipient => "the grant is for somebody else",
            Self::OtherDeployment => "the grant is for another deployment",
            Self::NotActive => "the recipient or the recipient's institution is not active",
            Self::OtherPart => "this part is not granted",
            Self::OtherPurpose => "another purpose was granted",
            Self::Erased => "the record was erased",
            Self::ChainSilent => "the chain cannot be asked now",
            Self::NotConfirmed => "the code from the mail was not entered in this session",
            Self::ViewsUsedUp => "it was looked at as often as the patient allowed",
        })
    }
}

/// What kind of fault an [`Error`] is; HTTP statuses and exit codes follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The input is wrong.
    Invalid,
    /// The input is too large.
    TooLarge,
    /// The caller may not.
    Forbidden,
    /// It does not exist.
    NotFound,
    /// It is in a state that does not allow this, or changed meanwhile.
    Conflict,
    /// It existed and does not any more.
    Gone,
    /// Something that is needed does not answer now.
    Unavailable,
    /// There is no room.
    Full,
    /// It was asked for too often.
    TooOften,
    /// A defect.
    Internal,
}

impl Error {
    /// A field with a value that is not allowed.
    pub fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }

    /// What kind of fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Store(StoreError::Conflict { .. }) | Self::KeyReused | Self::State { .. } => {
                Fault::Conflict
            }
            Self::Store(StoreError::Unavailable(reason)) if is_full(reason) => Fault::Full,
            Self::Store(StoreError::Unavailable(_))
            | Self::Chain(ChainError::Silent(_))
            | Self::Refused(Refusal::ChainSilent)
            | Self::Log(_)
            | Self::Peer { .. }
            | Self::PeerRefuses { .. }
            | Self::Quorum { .. } => Fault::Unavailable,
            Self::Vault(error) => vault_fault(error),
            Self::Seal(_)
            | Self::Record(_)
            | Self::Key(_)
            | Self::Chain(ChainError::Refused(_))
            | Self::WrongPatient(_)
            | Self::BadFile(_)
            | Self::WrongSignature { .. }
            | Self::Invalid { .. } => Fault::Invalid,
            Self::TooLarge { .. } => Fault::TooLarge,
            Self::NotFound(_) => Fault::NotFound,
            Self::Refused(Refusal::Erased) => Fault::Gone,
            Self::Forbidden(_) | Self::Refused(_) | Self::CodeWrong { .. } | Self::CodeSpent => {
                Fault::Forbidden
            }
            Self::TooOften(_) => Fault::TooOften,
            Self::Store(StoreError::Corrupt { .. }) | Self::Mismatch { .. } | Self::Internal(_) => {
                Fault::Internal
            }
        }
    }

    /// A stable code that programs can match.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(StoreError::Conflict { .. }) => "changed_meanwhile",
            Self::Store(StoreError::Unavailable(reason)) if is_full(reason) => "disk_full",
            Self::Store(StoreError::Unavailable(_)) => "database_unavailable",
            Self::Store(StoreError::Corrupt { .. }) => "database_corrupt",
            Self::Vault(error) if vault_fault(error) == Fault::Full => "disk_full",
            Self::Vault(_) => "vault",
            Self::Seal(_) => "sealed_bytes",
            Self::Record(_) => "record",
            Self::Chain(ChainError::Silent(_)) => "chain_unavailable",
            Self::Chain(ChainError::Refused(_)) => "chain_refused",
            Self::Log(_) => "log_unavailable",
            Self::Key(_) => "keys",
            Self::Peer { .. } => "peer_unavailable",
            Self::PeerRefuses { .. } => "peer_refuses",
            Self::Quorum { .. } => "no_quorum",
            Self::NotFound(_) => "not_found",
            Self::Forbidden(_) => "forbidden",
            Self::Refused(refusal) => refusal.code(),
            Self::State { .. } => "wrong_state",
            Self::KeyReused => "idempotency_key_reused",
            Self::CodeWrong { .. } => "code_wrong",
            Self::CodeSpent => "code_spent",
            Self::TooOften(_) => "too_often",
            Self::WrongPatient(_) => "wrong_patient",
            Self::BadFile(_) => "bad_file",
            Self::TooLarge { .. } => "too_large",
            Self::WrongSignature { .. } => "wrong_signature",
            Self::Invalid { .. } => "invalid",
            Self::Mismatch { .. } => "mismatch",
            Self::Internal(_) => "internal",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Store(StoreError::Conflict { .. }) => "read it again and repeat the request",
            Self::State { .. } => "read its state again; it may be done already",
            Self::Store(StoreError::Corrupt { .. }) => {
                "stop the node and restore the database with 'stele rebuild'"
            }
            Self::Seal(_) => "fetch the bytes again, and check that the key belongs to them",
            Self::Record(_) => "make the document again with a current client",
            Self::Key(_) => "check that the right key file was given",
            Self::Chain(ChainError::Refused(_)) => {
                "read the state on chain again and sign the act for it"
            }
            Self::NotFound("transaction") => {
                "the chain may not have it yet: ask again in a few seconds"
            }
            Self::NotFound(_) => "check the id, and that the right wallet is signed in",
            Self::Forbidden(_) => "sign in with a wallet that has this role",
            Self::Refused(Refusal::NotOnChain) => "wait until the grant's transaction is included",
            Self::Refused(Refusal::ChainSilent) => "try again when the Ethereum endpoint answers",
            Self::Refused(Refusal::NotConfirmed) => {
                "ask for a code with POST /api/v1/links/{link}/code and confirm it"
            }
            Self::Refused(_) => "ask the patient for a new grant",
            Self::CodeWrong { .. } => "read the newest mail again",
            Self::CodeSpent => "ask for a new code",
            Self::TooOften(_) => "wait and try again",
            Self::KeyReused => "use a new Idempotency-Key for a new upload",
            Self::WrongPatient(_) => {
                "choose the patient that the image names, or correct the image"
            }
            Self::BadFile(_) => "send a DICOM, PNG or JPEG file that opens in other programs",
            Self::TooLarge { .. } => "send a smaller file, or raise the limit in stele.toml",
            Self::WrongSignature { .. } => "sign the typed data that was returned, unchanged",
            Self::Invalid { .. } => "correct the field and send the request again",
            Self::Mismatch { .. } => "fetch it again from another node; this one may be lying",
            Self::Internal(_) => "report it with the request id from the response's headers",
            _ => match self.fault() {
                Fault::Full => {
                    "make room on the disk; nothing was lost, the request can be repeated"
                }
                _ => "try again in a moment; the request can be repeated safely",
            },
        }
    }
}

pub(crate) fn is_full(reason: &str) -> bool {
    // SQLite says "database or disk is full", PostgreSQL and the system "No space left on device".
    let reason = reason.to_ascii_lowercase();
    reason.contains("disk is full") || reason.contains("no space left")
}

pub(crate) fn vault_fault(error: &vault::Error) -> Fault {
    // Engines that are services of their own say it in words only.
    if matches!(error, vault::Error::Full { .. }) || is_full(&error.to_string()) {
        Fault::Full
    } else {
        Fault::Unavailable
    }
}

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Someone else changed a document first. Read again and decide anew.
    #[error("{kind} {id} was changed by another request")]
    Conflict {
        /// The kind of the document.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// The database is locked, full or unreachable. Nothing was written.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A document cannot be read as what it should be.
    #[error("a stored {kind} cannot be read: {reason}")]
    Corrupt {
        /// The kind of the document.
        kind: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}
