//! Sealing and opening: sealed files, envelopes, key derivation, secret sharing.
//!
//! Everything that leaves its owner's trust passes through this crate first. It is pure: no clock,
//! no disk, no network; randomness comes in as an argument. Every byte it writes is specified in
//! `docs/formats.md`, so that a reader can be written in any language.
//!
//! | module | what | built on |
//! | --- | --- | --- |
//! | [`file`](mod@file) | files of any size, streamed in constant memory, readable at any range | XChaCha20-Poly1305 in STREAM |
//! | [`envelope`] | keys sealed to one recipient, bound to one grant on one chain | HPKE, RFC 9180 |
//! | [`derive`] | all of a patient's keys from one root secret | HKDF-SHA256, RFC 5869 |
//! | [`sharing`] | a secret among guardians, any `k` of `n` restore it | Shamir over GF(2^8) |
//!
//! Keys live on the heap, are wiped when dropped and have neither `Debug` nor `Clone`:
//!
//! ```compile_fail
//! fn print(key: seal::RecordKey) {
//!     println!("{key:?}");
//! }
//! ```

pub mod derive;
pub mod envelope;
mod error;
pub mod file;
mod keys;
pub mod sharing;

pub use envelope::{EnvelopeAad, SealingPublic, SealingSecret};
pub use error::{Error, Result};
pub use keys::{KEY_LEN, PartKey, RecordKey, RootSecret};
