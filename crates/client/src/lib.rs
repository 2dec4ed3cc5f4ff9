//! What a person's own machine does.
//!
//! [`person`] is the owner's side of every use case: pure functions over a
//! [`KeyRing`](custody::model::keys::KeyRing) that seal, open, sign and verify, and believe a node
//! nothing that they can check. [`session`] speaks to a node. [`verify`] checks a proof bundle
//! against the chain alone, and asks no node at all.

pub mod person;
pub mod session;
pub mod verify;

pub use session::{Client, ClientError, Session};
