//! The chain of custody: seal, record, vault and ledger composed into use cases, in three floors.
//!
//! - [`model`]: the documents that a hospital keeps and their state machines, without any I/O.
//! - [`ports`]: what the use cases need of the world as traits (chain, peers, store, postman,
//!   search, clock), with twins in memory for tests.
//! - [`uses`]: the use cases as a hospital's node sees them. The node checks, writes the log, keeps
//!   state, and never sees a plaintext except that of a record being made.
//!
//! The owner's side of each use case, which needs keys that never reach a node, is in `client`.

pub mod model;
pub mod ports;
pub mod uses;

pub use model::error::{Error, Fault, Refusal, Result};
pub use model::keys::KeyRing;
pub use ports::clock::Clock;
pub use uses::hospital::{Hospital, Settings};
