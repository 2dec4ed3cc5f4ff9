//! Log page.

use alloy_primitives::B256;
use ledger::log::SignedCheckpoint;
use ledger::log::tile::TileId;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind};

pub(crate) const SIZE: &str = "size";

pub(crate) const CHECKPOINTS: &str = "checkpoint/";

/// How many entries the log has.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) size: u64,
}

impl Document for Size {
    const KIND: Kind = Kind::Log;
    fn id(&self) -> String {
        SIZE.to_owned()
    }
}

/// A tile of the tree.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TilePage {
    pub(crate) level: u8,
    pub(crate) index: u64,
    pub(crate) hashes: Vec<B256>,
}

impl TilePage {
    pub(crate) fn id_of(id: TileId) -> String {
        format!("tile/{:02}/{:016x}", id.level, id.index)
    }
}

impl Document for TilePage {
    const KIND: Kind = Kind::Log;
    fn id(&self) -> String {
        Self::id_of(TileId {
            level: self.level,
            index: self.index,
        })
    }
}

/// A signed checkpoint.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckpointPage(pub(crate) SignedCheckpoint);

impl CheckpointPage {
    pub(crate) fn id_of(size: u64) -> String {
        format!("{CHECKPOINTS}{size:016x}")
    }
}

impl Document for CheckpointPage {
    const KIND: Kind = Kind::Log;
    fn id(&self) -> String {
        Self::id_of(self.0.size)
    }
}
