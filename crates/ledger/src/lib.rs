//! Ethereum for Stele: contract bindings, transactions that are done exactly once, an event index
//! that survives reorganisations, and the transparency log whose checkpoints are anchored on
//! chain.
//!
//! The crate knows commitments, never plaintext. What it keeps, it keeps behind traits
//! ([`OutboxStore`], [`IndexStore`], [`LogStore`]) that a database implements; each has a twin in
//! memory for tests.

mod agreement;
pub mod anvil;
mod clock;
pub mod contracts;
mod deployment;
pub mod eip1559;
mod error;
pub mod event_index;
mod finality;
pub mod l1_fee;
pub mod log;
pub mod logs;
mod reads;
pub mod relayer;
pub mod rpc;
mod tx;

#[cfg(feature = "testing")]
pub mod testing;

pub use agreement::{DEVELOPMENT_CHAINS, MAX_HEAD_AGE};
pub use clock::{Clock, SystemClock};
pub use deployment::{Deployment, FILE_NAME, deploy};
pub use error::{Error, Result};
pub use event_index::{IndexStore, Indexer};
pub use finality::{Finality, FinalityTracker};
pub use log::{Anchor, FraudProof, Log, LogStore, Origin, SignedCheckpoint};
pub use reads::{
    AnchoredCheckpoint, Chain, ERASED, GrantState, Institution, KeyAnchor, Staff, Status,
};
pub use relayer::{Call, OutboxStore, Relayer};
pub use rpc::{Endpoint, Rpc};
pub use tx::{FeePolicy, Fees};
