//! When a block will not be taken back.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::rpc::{At, Block, Endpoint};

/// What makes a block final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Finality {
    /// The consensus says so: the endpoint's `finalized` block. Where the endpoint has none, so
    /// many blocks on top.
    Tag {
        /// Blocks on top where there is no `finalized` block; 64 is two epochs of Ethereum.
        or_depth: u64,
    },
    /// So many blocks on top; 0 makes every block final, for chains that never reorganise.
    Depth {
        /// How many.
        blocks: u64,
    },
}

impl Default for Finality {
    fn default() -> Self {
        Self::Tag { or_depth: 64 }
    }
}

impl Finality {
    /// Height of the newest final block, with `head` the newest block; `None` if none is.
    ///
    /// # Errors
    /// The endpoint's failure.
    pub async fn height(self, endpoint: &dyn Endpoint, head: &Block) -> Result<Option<u64>> {
        match self {
            Self::Depth { blocks } => Ok(head.number.checked_sub(blocks)),
            Self::Tag { or_depth } => match endpoint.block(At::Finalized).await {
                // Never ahead of the head we look at.
                Ok(Some(block)) => Ok(Some(block.number.min(head.number))),
                // No such tag (an old or small client), or nothing final yet.
                Ok(None) | Err(crate::Error::Rpc { .. }) => Ok(head.number.checked_sub(or_depth)),
                Err(other) => Err(other),
            },
        }
    }
}
