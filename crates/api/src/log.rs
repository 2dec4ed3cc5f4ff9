//! Entries of an institution's log with their proofs.

use alloy_primitives::{Address, B256, Bytes};
use record::LogProof;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::acts::ActView;

/// One log entry with its proof, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProvenEntry {
    /// The institution whose log it is.
    #[schema(value_type = String)]
    pub institution: Address,
    /// Its place in the log.
    pub leaf: u64,
    /// The entry, DAG-CBOR.
    #[schema(value_type = String)]
    pub entry: Bytes,
    /// Its salt.
    #[schema(value_type = String)]
    pub salt: B256,
    /// Size of the log at the checkpoint; 0 if no checkpoint covers the entry yet.
    pub size: u64,
    /// Root of the log at the checkpoint.
    #[schema(value_type = String)]
    pub root: B256,
    /// The inclusion proof, from the leaf upwards.
    #[schema(value_type = Vec<String>)]
    pub path: Vec<B256>,
}

impl ProvenEntry {
    /// As a proof bundle holds it.
    #[must_use]
    pub fn proof(&self) -> LogProof {
        LogProof {
            institution: self.institution,
            entry: self.entry.clone(),
            salt: self.salt,
            leaf: self.leaf,
            size: self.size,
            root: self.root,
            path: self.path.clone(),
        }
    }
}

/// The entries of a log whose proofs are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofQuery {
    /// Their places in the log.
    pub leaves: Vec<u64>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A patient was enrolled.
    Enrol,
    /// A record version was uploaded and waits for its patient.
    Upload,
    /// The patient approved it.
    Approve,
    /// The patient refused it.
    Refuse,
    /// A grant was asked for.
    Request,
    /// A grant was given.
    Grant,
    /// A grant was received from another institution's node.
    Receive,
    /// A grant was opened: its envelope was served.
    Open,
    /// A sealed part was served.
    Serve,
    /// An open was refused.
    Refused,
    /// A grant was revoked.
    Revoke,
    /// The patient exported a record.
    Export,
    /// The patient erased a record.
    Erase,
    /// This node deleted its copies of an erased record.
    Delete,
    /// A stored block was lost or altered, and named.
    Damage,
    /// A lost or altered block was restored from a replica.
    Repair,
    /// The node's database was rebuilt from chain, log and vault.
    Rebuild,
    /// The patient took an approval back before it was on its way to the chain.
    Withdraw,
    /// The patient replaced the sealed index.
    Index,
}

/// A checkpoint that was made on demand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnchorView {
    /// Entries that it covers.
    pub size: u64,
    /// Their root.
    #[schema(value_type = String)]
    pub root: B256,
    /// The act that anchors it; nothing if the chain has it already.
    pub act: Option<ActView>,
}
