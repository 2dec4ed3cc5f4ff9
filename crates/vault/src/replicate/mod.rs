//! Replicas at other institutions: storing with a quorum, proving, repairing, deleting.
//!
//! A *home* node uploads; *holders* keep copies. Every copy is acknowledged by a signed
//! [`Receipt`]. A [`Replicator`] at the home node returns from an upload once a quorum holds it
//! durably, later challenges the holders to prove that they still do, and repairs what they lost.
//! Who stores a replica owns it: it counts against the owner's quota, and only the owner's own claim
//! ends with its deletion ([`Holder`]).
//! What a challenge proves: that a holder had the challenged bytes at hand when asked. It cannot tell a
//! holder's own disk from one that it asks in turn.

mod audit;
mod book;
mod challenge;
mod holder;
mod peer;
mod quota;
mod read;
mod receipt;
mod replicator;

pub use audit::{Fault, Finding, Repair};
pub use book::{Book, FileBook, MemoryBook};
pub use challenge::{Answer, Challenge, MAX_CHALLENGE, MAX_PROBES, Probe, Proof};
pub use holder::Holder;
pub use peer::{LocalPeer, Peer};
pub use quota::{LEAST_CHARGE, Quotas};
pub use receipt::{Act, Receipt};
pub use replicator::{Policy, Replication, Replicator};

use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result};

/// Media type of receipts, challenges and answers.
pub const CBOR_TYPE: &str = "application/vnd.ipld.dag-cbor";

fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>> {
    serde_ipld_dagcbor::to_vec(value).map_err(|e| Error::malformed(what, e.to_string()))
}

fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T> {
    serde_ipld_dagcbor::from_slice(bytes).map_err(|e| Error::malformed(what, e.to_string()))
}
