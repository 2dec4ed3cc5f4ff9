//! Every statement that a person signs, once: the EIP-712 types, the contracts and their signing
//! domains, staff roles, who signs an act and how soon and at what cost it is carried, its contract
//! call, and signing and checking by secp256k1 keys.
//!
//! What differs from statement to statement is written by `contracts/scripts/acts.mjs` from
//! `contracts/eip712.json`; CONTRIBUTING.md says how to add an act. An [`Act`] goes to the chain;
//! [`AuthorStatement`], [`KeyStatement`] and [`IndexStatement`] are signed in the same way and stay
//! off it.
//!
//! Nothing here reads a clock, a disk, a network or a chain. Whether a contract wallet (ERC-1271)
//! signed can only be asked on chain: [`check`] returns the question.
#![deny(missing_docs)]

mod domain;
mod error;
#[rustfmt::skip] // Compared byte for byte with what its generator writes.
mod generated;
mod role;
mod signature;
mod signed;
mod statement;
mod wallet;

pub use domain::{Deployment, Domain};
pub use error::{Error, Result};
pub use generated::{
    Act, AdmitStaff, AuthorStatement, Checkpoint, Commit, CommitBatch, Contract, Contracts,
    EnrolPatient, Erase, Grant, IndexStatement, KeyStatement, PublishKey, Request, Revoke, Role,
    SetInstitution, SetStaff,
};
pub use signature::{SIGNATURE_BYTES, Signed, WalletQuestion, check, recover};
pub use signed::SignedAct;
pub use statement::{Call, ChainAct, Kind, Lane, Signatory, Statement};
pub use wallet::{Signer, WalletKey};
