//! Signing in with EIP-4361.

use alloy_primitives::{Address, B256, Bytes};
use record::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A fresh challenge for signing in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Challenge {
    /// The nonce that the EIP-4361 message must carry; it serves once.
    pub nonce: String,
    /// The domain that the message must name.
    pub domain: String,
    /// The URI that the message must name.
    pub uri: String,
    /// The chain id that the message must name.
    pub chain_id: u64,
    /// The node's time, RFC 3339.
    pub issued_at: String,
    /// When the nonce expires, RFC 3339.
    pub expires_at: String,
}

/// A signed EIP-4361 message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignIn {
    /// The message.
    pub message: String,
    /// Its `personal_sign` signature, or an ERC-1271 wallet's.
    #[schema(value_type = String)]
    pub signature: Bytes,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// Sent with every request as `Authorization: Bearer …`.
    pub token: String,
    /// Until when it serves, unix seconds.
    pub expires_at: u64,
    /// Who signed in.
    pub who: Who,
}

/// What a wallet is here at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Who {
    /// The wallet.
    #[schema(value_type = String)]
    pub wallet: Address,
    /// Whether it is the registrar.
    pub registrar: bool,
    /// Whether it is the institution that runs this node.
    pub institution: bool,
    /// Its institution and role, if it is active staff.
    #[schema(value_type = Option<Object>)]
    pub staff: Option<Staff>,
    /// Its patient's commitment, if it is enrolled here.
    #[schema(value_type = Option<String>)]
    pub patient: Option<B256>,
}

/// A person of an institution, active at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staff {
    /// The institution.
    pub institution: Address,
    /// The role there.
    pub role: Role,
}
