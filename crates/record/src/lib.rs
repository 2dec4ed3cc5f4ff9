//! What a record is: manifest, parts, selective disclosure, grants, index, proofs. Pure, no I/O.
//!
//! A record version is a [`Manifest`] that lists its parts. Each part, and the header that names
//! author, institution, patient and previous version, is a leaf of a salted Merkle tree; the
//! author signs the root; [`commitment`] is all that a chain ever holds. A [`Disclosure`] shows
//! some leaves and proves that they belong to the committed record. A [`GrantDocument`] says who
//! may open which parts, for what purpose and until when.
//!
//! Nothing here reads a clock, a disk, a network or a global random number generator: times
//! (seconds since 1970-01-01 UTC) and generators are arguments. Every parser takes hostile input
//! and has limits, listed in [`limits`]. docs/formats.md specifies the bytes.
#![deny(missing_docs)]

mod codec;
pub mod disclosure;
mod error;
pub mod grant;
pub mod index;
pub mod key_statement;
pub mod limits;
pub mod manifest;
pub mod merkle;
pub mod proof;
pub mod secret;

pub use acts::{Contracts, Domain, Role, Signed, WalletQuestion};
pub use disclosure::{DisclosedPart, Disclosure, PartKeys, VerifiedDisclosure};
pub use error::{Error, Result};
pub use grant::{Caller, GrantDocument, Purpose, Recipient, Refusal, RequestDocument, StaffStatus};
pub use index::{IndexEntry, IndexVersion, Order, PatientIndex, SealedIndex, Trusted};
pub use key_statement::KeyStatement;
pub use manifest::{Header, Manifest, Part, commitment, patient_commitment, verify_history};
pub use proof::{ChainFact, LogProof, ProofBundle, ProofReport, TxRef};
pub use secret::Secret32;
