//! The chain of custody: one module per use case, composed of seal, record, vault and ledger.
//!
//! Each module tells one story from both sides. The node's side is an `impl Hospital`: it checks,
//! writes the log, keeps state, and never sees a plaintext except that of a record being made. The
//! client's side is a handful of pure functions over a [`KeyRing`]: it seals, opens, signs and
//! verifies, and believes a node nothing that it can check.
//!
//! | module | story |
//! | --- | --- |
//! | [`admit`] | the registrar admits hospitals, hospitals admit their staff, everyone states a sealing key |
//! | [`enrol`] | a hospital enrols a patient |
//! | [`upload`] | a doctor or technician makes a record, which then waits for its patient |
//! | [`approve`] | the patient takes it into the record, or refuses it |
//! | [`request`] | a doctor elsewhere asks for access |
//! | [`grant`] | the patient grants it |
//! | [`open`] | the recipient opens what was granted, or is refused |
//! | [`link`] | a guest opens by a link, a code from a mail and a number of views |
//! | [`revoke`] | the patient takes it back |
//! | [`correct`] | a new version takes the place of the one before |
//! | [`export`] | the patient takes everything along, with proofs |
//! | [`erase`] | the patient ends a record |
//! | [`verify`] | anyone checks, trusting the chain alone |
//! | [`carry`] | signed acts get to the chain: now, when it is cheap, by the hospital or an own wallet |
//! | [`pages`] | institutions keep each other's journals, sealed, for the day when one lost all |
//! | [`abroad`] | what recipients do elsewhere comes into the patient's trail |
//! | [`letter`] | two people write to each other, sealed |
//! | [`appointment`] | a patient asks a doctor for one of the doctor's free times |
//! | [`profile`] | who works here, and how people want to be told of news |
//! | [`notice`], [`mail`] | what people are told, in the app and by mail |

pub mod abroad;
pub mod act;
pub mod admit;
pub mod apply;
pub mod appointment;
pub mod approve;
mod blobs;
pub mod caller;
pub mod carry;
pub mod chain;
pub mod correct;
pub mod enrol;
pub mod erase;
pub mod error;
pub mod export;
pub mod grant;
pub mod holding;
pub mod hospital;
pub mod journal;
pub mod keys;
pub mod letter;
pub mod link;
pub mod log;
pub mod mail;
pub mod notice;
pub mod open;
pub mod overview;
pub mod pages;
pub mod peers;
pub mod profile;
pub mod request;
pub mod revoke;
pub mod secrets;
pub mod store;
pub mod touch;
pub mod upload;
pub mod verify;

use std::sync::Arc;

pub use error::{Error, Fault, Refusal, Result};
pub use hospital::{Hospital, Settings};
pub use keys::{KeyRing, WalletKey};

/// Tells the time, unix seconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The longest that a signature may still be carried to the chain after it was made, seconds.
pub const SIGNATURE_TTL: u64 = 3600;
