//! Questions to the chain that a page may ask through its node (JSON-RPC 2.0).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A JSON-RPC request.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct Question {
    /// Comes back with the answer.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub id: Value,
    /// One of `eth_chainId`, `eth_blockNumber`, `eth_call`, `eth_getLogs`, `eth_getBlockByNumber`,
    /// `eth_getTransactionReceipt`, `eth_feeHistory`, `eth_getCode`.
    pub method: String,
    /// As in Ethereum's JSON-RPC.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub params: Value,
}

/// A JSON-RPC answer: `result`, or `error` with `code` and `message`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Reply {
    /// `2.0`.
    pub jsonrpc: &'static str,
    /// The question's.
    #[schema(value_type = Object)]
    pub id: Value,
    /// What the chain says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub result: Option<Value>,
    /// Why there is no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// JSON-RPC's number for it.
    pub code: i64,
    /// In words.
    pub message: String,
}

impl Problem {
    /// A method that is not passed on.
    #[must_use]
    pub fn method(name: &str) -> Self {
        let name: String = name.chars().take(60).collect();
        Self {
            code: -32601,
            message: format!("{name} is not among the methods that this node passes on"),
        }
    }

    /// Parameters that were not understood.
    #[must_use]
    pub fn params(message: impl Into<String>) -> Self {
        Self {
            code: -32602,
            message: message.into(),
        }
    }

    /// More than is passed on at once.
    #[must_use]
    pub fn span(blocks: u64, most: u64) -> Self {
        Self {
            code: -32005,
            message: format!("{blocks} blocks were asked for; ask for at most {most} at a time"),
        }
    }
}
