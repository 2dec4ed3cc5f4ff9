//! Content-addressed storage of sealed bytes: engines, replication, repair.
//!
//! The crate knows bytes and CIDs, no patients and no plaintext. Everything is named by a CIDv1
//! (sha2-256); files are UnixFS DAGs with raw leaves, cut and linked as [`file`] says, so that
//! every engine, and Kubo, computes the same name for the same bytes.

pub mod block;
pub mod dag;
pub mod dagpb;
mod embedded;
mod engine;
mod error;
pub mod file;
mod holds;
mod memory;
pub mod unixfs;
mod wire;

pub use block::{Block, MAX_BLOCK};
pub use cid::Cid;
pub use embedded::EmbeddedVault;
pub use engine::{Batch, Collected, Missing, Stat, Vault, Verified};
pub use error::{Error, Result};
pub use file::{ByteStream, Stored, bytes_stream, collect};
pub use memory::MemoryVault;
