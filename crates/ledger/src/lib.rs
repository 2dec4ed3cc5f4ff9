//! Ethereum for Stele: contract bindings, transactions that are done exactly once, an event index
//! that survives reorganisations, and the transparency log whose checkpoints are anchored on
//! chain.
//!
//! The crate knows commitments, never plaintext. What it keeps, it keeps behind traits
//! ([`OutboxStore`], [`IndexStore`], [`LogStore`]) that a database implements; each has a twin in
//! memory for tests.

pub mod anvil;
mod chain;
mod clock;
pub mod contracts;
mod deployment;
pub mod eip1559;
mod error;
mod finality;
pub mod index;
pub mod log;
pub mod logs;
pub mod relayer;
pub mod rollup;
pub mod rpc;
mod tx;
pub mod typed;

#[cfg(feature = "testing")]
pub mod testing;

pub use chain::{
    AnchoredCheckpoint, Chain, ERASED, GrantState, Institution, KeyAnchor, Role, Staff, Status,
};
pub use clock::{Clock, SystemClock};
pub use deployment::{Deployment, FILE_NAME, deploy};
pub use error::{Error, Result};
pub use finality::Finality;
pub use index::{IndexStore, Indexer};
pub use log::{Anchor, FraudProof, Log, LogStore, Origin, SignedCheckpoint};
pub use relayer::{Call, OutboxStore, Relayer};
pub use rpc::{Endpoint, Rpc};
pub use tx::{FeePolicy, Fees};
pub use typed::{Signer, WalletKey, wallet};
