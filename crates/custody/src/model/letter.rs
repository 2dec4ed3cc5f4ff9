//! Letter.

use alloy_primitives::{Address, B256};
use api::letters::LetterView;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind, hex_id};

/// A letter in one mailbox. Its id sorts by time, so that a mailbox is read from a time on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) owner: Address,
    pub(crate) view: LetterView,
}

pub(crate) fn key_of(owner: Address, at: u64, id: &str) -> String {
    format!("{}/{at:012}/{id}", hex::encode(owner))
}

impl Document for Letter {
    const KIND: Kind = Kind::Letter;
    fn id(&self) -> String {
        key_of(self.owner, self.view.at, &hex_id(self.view.id))
    }
    fn owner(&self) -> String {
        hex::encode(self.owner)
    }
    fn state(&self) -> String {
        hex::encode(self.view.thread)
    }
}

/// Where a letter is in a mailbox. Belongs to no owner, so that it is in no list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) owner: Address,
    pub(crate) id: B256,
    pub(crate) at: u64,
}

impl Place {
    pub(crate) fn key(owner: Address, id: B256) -> String {
        format!("place/{}/{}", hex::encode(owner), hex_id(id))
    }
}

impl Document for Place {
    const KIND: Kind = Kind::Letter;
    fn id(&self) -> String {
        Self::key(self.owner, self.id)
    }
}

/// That one person has written to another, who may answer from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wrote {
    pub(crate) from: Address,
    pub(crate) to: Address,
}

impl Wrote {
    pub(crate) fn key(from: Address, to: Address) -> String {
        format!("wrote/{}/{}", hex::encode(from), hex::encode(to))
    }
}

impl Document for Wrote {
    const KIND: Kind = Kind::Letter;
    fn id(&self) -> String {
        Self::key(self.from, self.to)
    }
}

/// How much a person has sent on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) from: Address,
    pub(crate) day: u64,
    pub(crate) letters: u32,
    #[serde(default)]
    pub(crate) bytes: u64,
}

impl Document for Sent {
    const KIND: Kind = Kind::Letter;
    fn id(&self) -> String {
        format!("sent/{}", hex::encode(self.from))
    }
}
