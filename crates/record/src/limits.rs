//! The limits that every parser of this crate keeps. A value beyond one is refused before memory
//! is spent on it.

pub use acts::SIGNATURE_BYTES;

/// Most bytes of an encoded [`Manifest`](crate::Manifest).
pub const MANIFEST_BYTES: usize = 256 * 1024;
/// Most parts of a record version.
pub const PARTS: usize = 256;
/// Most bytes of a part's name.
pub const PART_NAME_BYTES: usize = 64;
/// Most bytes of a media type (RFC 6838 allows 127 on either side of the slash; ours are shorter).
pub const MEDIA_TYPE_BYTES: usize = 127;
/// Most bytes of an encoded [`Disclosure`](crate::Disclosure).
pub const DISCLOSURE_BYTES: usize = 512 * 1024;
/// Most bytes of encoded [`PartKeys`](crate::PartKeys).
pub const PART_KEYS_BYTES: usize = 32 * 1024;
/// Most bytes of an encoded [`GrantDocument`](crate::GrantDocument) or
/// [`RequestDocument`](crate::RequestDocument).
pub const DOCUMENT_BYTES: usize = 32 * 1024;
/// Most bytes of a request's reason.
pub const REASON_BYTES: usize = 2000;
/// Most bytes of an encoded [`KeyStatement`](crate::KeyStatement).
pub const KEY_STATEMENT_BYTES: usize = 8 * 1024;
/// Most bytes of a public sealing key: suite byte and key (X25519 33, X-Wing 1217).
pub const SEALING_KEY_BYTES: usize = 2048;
/// Most bytes of an encoded [`PatientIndex`](crate::PatientIndex).
pub const INDEX_BYTES: usize = 16 * 1024 * 1024;
/// Most records of a patient's index.
pub const INDEX_RECORDS: usize = 20_000;
/// Most versions of one record.
pub const VERSIONS: usize = 1000;
/// Most grants kept in a patient's index.
pub const INDEX_GRANTS: usize = 20_000;
/// Most enrolments kept in a patient's index.
pub const INDEX_ENROLMENTS: usize = 1000;
/// Most people trusted in an emergency.
pub const INDEX_TRUSTED: usize = 100;
/// Most bytes of the code that says how a trusted person stands to the patient.
pub const RELATION_BYTES: usize = 32;
/// Most bytes of a label that a patient gives to a record.
pub const LABEL_BYTES: usize = 256;
/// Most bytes of a proof bundle.
pub const PROOF_BYTES: usize = 4 * 1024 * 1024;
/// Most log entries of a proof bundle.
pub const PROOF_LOG_ENTRIES: usize = 1000;
/// Most transactions named by a proof bundle.
pub const PROOF_TRANSACTIONS: usize = 1000;
/// Most bytes of one log entry in a proof bundle.
pub const LOG_ENTRY_BYTES: usize = 64 * 1024;
/// Longest inclusion proof: a tree of 2^64 leaves is 64 levels deep.
pub const PATH_HASHES: usize = 64;
