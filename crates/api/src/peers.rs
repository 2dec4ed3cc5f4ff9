//! What institutions' nodes tell each other.

use alloy_primitives::{Address, Bytes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A holder's signed statement that it deleted a blob, as the vault's replication makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deletion {
    /// Who held it: an institution's wallet in lower case.
    pub holder: String,
    /// The blob.
    pub cid: String,
    /// When it was deleted, unix seconds by the holder's clock.
    pub at: u64,
    /// The signed receipt, DAG-CBOR ([`vault::replicate::Receipt`]).
    #[schema(value_type = String)]
    pub receipt: Bytes,
}

/// The news that a record was erased. The chain says whether it is true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasureMessage {
    /// The erased record's controller.
    #[schema(value_type = String)]
    pub controller: Address,
}

/// A page that is kept for the institution that asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpareView {
    /// The page's CID at the institution that wrote it.
    pub cid: String,
    /// Its size.
    pub bytes: u64,
}

/// Pages that need not be kept any longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForgetPages {
    /// Their CIDs at the institution that wrote them, 1000 at most.
    pub cids: Vec<String>,
}
