//! Content-addressed storage of sealed bytes: engines, replication, repair.
//!
//! The crate knows bytes and CIDs, no patients and no plaintext. What is stored here is named by a
//! CIDv1 (sha2-256), and blocks that others named by sha2-512 are kept as well; files are UnixFS DAGs with raw leaves, cut and linked as [`mod@file`] says, so that
//! every engine, and Kubo, computes the same name for the same bytes.

pub mod block;
pub mod budget;
pub mod car;
mod client;
pub mod dag;
pub mod dagpb;
mod embedded;
mod engine;
mod error;
pub mod file;
pub mod gateway;
mod holds;
mod http;
mod kubo;
mod memory;
mod owner;
pub mod replicate;
pub mod resolve;
#[cfg(feature = "s3")]
mod s3;
pub mod sign;
pub mod unixfs;
mod wire;

pub use block::{Block, MAX_BLOCK};
pub use cid::Cid;
pub use client::{GatewayClient, HttpPeer};
pub use embedded::EmbeddedVault;
pub use engine::{Batch, Collected, Missing, Stat, Vault, Verified};
pub use error::{Error, Result};
pub use file::{ByteStream, Stored, bytes_stream, collect};
pub use kubo::KuboVault;
pub use memory::MemoryVault;
pub use owner::{Owner, Reference};
#[cfg(feature = "s3")]
pub use s3::{S3Config, S3Vault};
