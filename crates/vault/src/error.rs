//! What can go wrong, and what to do about it.

use std::path::PathBuf;

use cid::Cid;

/// Every error of this crate. The text says what happened; [`Error::hint`] says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The block is not in this store.
    #[error("block {0} is not stored here")]
    NotFound(Cid),
    /// The stored or received bytes do not hash to the CID they were asked by.
    #[error("block {0} is damaged: its bytes do not match its CID")]
    Damaged(Cid),
    /// A CID that this crate does not handle.
    #[error("unsupported CID: {0}")]
    UnsupportedCid(String),
    /// Bytes that do not parse as what they claim to be.
    #[error("malformed {what}: {why}")]
    Malformed {
        /// Which format was being read.
        what: &'static str,
        /// What is wrong with the bytes.
        why: String,
    },
    /// An input over a fixed limit.
    #[error("{what} is over the limit of {limit}")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// The largest value allowed.
        limit: u64,
    },
    /// The path does not lead anywhere in this DAG.
    #[error("no link named {segment:?} under {parent}")]
    NoSuchPath {
        /// The node that was searched.
        parent: Cid,
        /// The path segment that it lacks.
        segment: Box<str>,
    },
    /// A range outside the file.
    #[error("range starts at byte {start}, the file has {size}")]
    OutOfRange {
        /// First byte asked for.
        start: u64,
        /// Size of the file in bytes.
        size: u64,
    },
    /// The disk is full or a quota is reached.
    #[error("no space left to write {}", path.display())]
    Full {
        /// The file that could not be written.
        path: PathBuf,
    },
    /// Another process holds the store.
    #[error("the block store {} is in use by another process", path.display())]
    Locked {
        /// The store's directory.
        path: PathBuf,
    },
    /// A file system call failed.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A stream handed in by the caller failed.
    #[error("the input stream failed: {0}")]
    Input(String),
    /// A remote service could not be reached, or answered what it should not.
    #[error("{service} at {url}: {why}")]
    Remote {
        /// Which kind of service.
        service: &'static str,
        /// Its address, without credentials.
        url: String,
        /// What happened.
        why: String,
    },
    /// A remote service refused.
    #[error("{url} refused with status {status}: {why}")]
    Refused {
        /// The address asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// The start of the answer's body.
        why: String,
    },
    /// An institution for which nothing is stored here.
    #[error("this node stores nothing for {caller}")]
    NotAPeer {
        /// Who asked.
        caller: Box<str>,
    },
    /// An institution's quota is used up.
    #[error("{caller} may store {quota} bytes here, and this would be more")]
    Quota {
        /// Whose quota.
        caller: Box<str>,
        /// The quota in bytes.
        quota: u64,
    },
    /// A claim to bytes that were not shown.
    #[error("{caller} has not shown block {block} of {root}")]
    Unproven {
        /// Who claims it.
        caller: Box<str>,
        /// The claimed root.
        root: Box<Cid>,
        /// A block under it that was not sent.
        block: Box<Cid>,
    },
    /// Too much at once.
    #[error("too much at once: {what} are limited to {limit}")]
    Busy {
        /// What is counted.
        what: &'static str,
        /// The most that is allowed.
        limit: u64,
    },
    /// A request that is not signed as it should be.
    #[error(transparent)]
    Signature(#[from] crate::sign::SignatureError),
    /// The root is part of something that must stay.
    #[error("{0} is still part of another pinned DAG")]
    StillNeeded(Cid),
    /// Too few nodes hold an upload durably.
    #[error("{have} of the {needed} nodes needed hold {root} durably: {}", failures.join("; "))]
    Quorum {
        /// The upload's root.
        root: Box<Cid>,
        /// Copies that are needed, the home node's included.
        needed: usize,
        /// Copies there are.
        have: usize,
        /// What each failed peer said.
        failures: Vec<String>,
    },
    /// A peer's statement is not what it should be, or not signed by the peer.
    #[error("{peer} sent a false statement: {why}")]
    FalseStatement {
        /// The peer.
        peer: String,
        /// What is wrong with it.
        why: String,
    },
    /// Our own key could not sign.
    #[error("cannot sign: {0}")]
    Signing(String),
    /// The record of replicas could not be read or written.
    #[error("the record of replicas failed: {0}")]
    Book(String),
    /// A task of this process was cancelled or panicked.
    #[error("a storage task did not finish: {0}")]
    Task(String),
}

impl Error {
    /// A stable name for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::Damaged(_) => "damaged",
            Self::UnsupportedCid(_) => "unsupported_cid",
            Self::Malformed { .. } => "malformed",
            Self::Limit { .. } => "too_large",
            Self::NoSuchPath { .. } => "no_such_path",
            Self::OutOfRange { .. } => "out_of_range",
            Self::Full { .. } => "disk_full",
            Self::Locked { .. } => "locked",
            Self::Io { .. } => "io",
            Self::Input(_) => "input_failed",
            Self::Remote { .. } => "remote_failed",
            Self::Refused { .. } => "remote_refused",
            Self::NotAPeer { .. } => "not_a_peer",
            Self::Quota { .. } => "over_quota",
            Self::Unproven { .. } => "not_shown",
            Self::Busy { .. } => "busy",
            Self::Signature(error) => error.code(),
            Self::StillNeeded(_) => "still_needed",
            Self::Quorum { .. } => "no_quorum",
            Self::FalseStatement { .. } => "false_statement",
            Self::Signing(_) => "signing_failed",
            Self::Book(_) => "book_failed",
            Self::Task(_) => "task_failed",
        }
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "fetch it from a replica, or check the CID",
            Self::Damaged(_) => "run the repair job; the damaged copy is kept in quarantine",
            Self::UnsupportedCid(_) => {
                "use a CID with sha2-256 or sha2-512 and codec raw, dag-pb or dag-cbor"
            }
            Self::Malformed { .. } => {
                "the sender's data is broken; ask for it again or from another peer"
            }
            Self::Limit { .. } => "split the data, or raise the limit if you trust the sender",
            Self::NoSuchPath { .. } => "check the path; names are case-sensitive",
            Self::OutOfRange { .. } => "ask for a range inside the file",
            Self::Full { .. } => {
                "free disk space or collect garbage, then try again; nothing was acknowledged"
            }
            Self::Locked { .. } => {
                "stop the other process, or give this one a directory of its own"
            }
            Self::Io { .. } => "check the disk and the permissions of the store's directory",
            Self::Input(_) => "send the data again from the start; nothing was acknowledged",
            Self::Remote { .. } => {
                "check that the service runs and its address is right; the call may be repeated"
            }
            Self::Refused { .. } => {
                "check the request's signature, the clocks of both sides and the permission"
            }
            Self::NotAPeer { .. } => {
                "ask its operator to add your institution to the peers of its configuration"
            }
            Self::Quota { .. } => {
                "delete replicas that are not needed, or ask the operator for a larger quota"
            }
            Self::Unproven { .. } => {
                "send all blocks of the DAG, whether they are stored here or not"
            }
            Self::Busy { .. } => "wait for other requests to finish and try again",
            Self::Signature(error) => error.hint(),
            Self::StillNeeded(_) => "unpin the DAG that contains it first",
            Self::Quorum { .. } => "bring more replicas up and upload again; the home copy is kept",
            Self::FalseStatement { .. } => "keep the statement as evidence and ask its operator",
            Self::Signing(_) => "check the institution's key",
            Self::Book(_) => "check the database or the directory that holds it",
            Self::Task(_) => "try again; if it persists, the log names the cause",
        }
    }

    pub(crate) fn malformed(what: &'static str, why: impl Into<String>) -> Self {
        Self::Malformed {
            what,
            why: why.into(),
        }
    }

    /// Wraps an I/O error, telling a full disk from the rest.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
        source: std::io::Error,
    ) -> Self {
        use std::io::ErrorKind;
        let path = path.into();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::Full { path }
            }
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }
}

impl From<tokio::task::JoinError> for Error {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Task(error.to_string())
    }
}

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
