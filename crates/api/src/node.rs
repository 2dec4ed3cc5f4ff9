//! What a node says about itself.

use acts::Deployment;
use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a node says about itself to everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeCard {
    /// The institution's wallet.
    #[schema(value_type = String)]
    pub institution: Address,
    /// Its name.
    pub name: String,
    /// Where clients reach the node.
    pub url: String,
    /// Where IPFS peers reach it: the address of its trustless gateway.
    pub ipfs_peer: String,
    /// The program's version.
    pub version: String,
    /// The chain and the contracts.
    #[schema(value_type = Object)]
    pub deployment: Deployment,
    /// The block in which the contracts were deployed: nothing of them stands before it.
    #[serde(default)]
    pub first_block: u64,
}
