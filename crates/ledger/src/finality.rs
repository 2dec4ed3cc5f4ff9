//! When a block will not be taken back.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
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

/// Follows the newest final block of one endpoint.
///
/// It remembers that the endpoint has a `finalized` block: once it told one, an endpoint that fails
/// to tell it, or tells none, makes nothing final by depth.
#[derive(Debug)]
pub struct FinalityTracker {
    rule: Finality,
    /// The highest `finalized` block that was told.
    told: Mutex<Option<u64>>,
}

impl FinalityTracker {
    /// Follows by this rule.
    pub fn new(rule: Finality) -> Self {
        Self {
            rule,
            told: Mutex::default(),
        }
    }

    /// Height of the newest final block, with `head` the newest block; `None` if none is, or if
    /// the endpoint cannot tell now.
    ///
    /// # Errors
    /// The endpoint's failure, unless it is an answer to this question.
    pub async fn height(&self, endpoint: &dyn Endpoint, head: &Block) -> Result<Option<u64>> {
        let or_depth = match self.rule {
            Finality::Depth { blocks } => return Ok(head.number.checked_sub(blocks)),
            Finality::Tag { or_depth } => or_depth,
        };
        let (block, has_no_tag) = match endpoint.block(At::Finalized).await {
            Ok(block) => {
                let none = block.is_none();
                (block, none)
            }
            Err(Error::Rpc { code, .. }) => (None, NO_SUCH_TAG.contains(&code)),
            Err(other) => return Err(other),
        };
        // A panic while it was held left nothing half done.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        *told = (*told).max(block.map(|block| block.number));
        Ok(match *told {
            // Never ahead of the head we look at.
            Some(number) => Some(number.min(head.number)),
            None if has_no_tag => head.number.checked_sub(or_depth),
            None => None,
        })
    }
}

/// How clients without `finalized` blocks answer: no such method, invalid parameters. Any other
/// error (too many requests, say) leaves it open whether there is one.
const NO_SUCH_TAG: [i64; 2] = [-32601, -32602];
