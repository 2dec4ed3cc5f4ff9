//! Journal page.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use cid::Cid;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::document::{Batch, Document, Kind, Row};
use crate::model::error::{Result, StoreError};

/// The head's id; it sorts after every page's.
pub(crate) const HEAD: &str = "head";

/// A part of a snapshot ends after so many bytes of documents.
pub(crate) const PART_BYTES: usize = 16 << 20;

/// What one blob says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Page {
    /// The writes of one batch.
    Batch { number: u64, at: u64, batch: Batch },
    /// Every durable document, as it was after batch `number`: what earlier versions wrote.
    Snapshot {
        number: u64,
        at: u64,
        rows: Vec<Row>,
    },
    /// Some of them; `id` is that of the snapshot, whose parts are numbered from 0.
    Part {
        number: u64,
        at: u64,
        id: B256,
        part: u32,
        last: bool,
        rows: Vec<Row>,
    },
}

/// A page that was found, without what it says.
pub(crate) struct Found {
    pub(crate) cid: Cid,
    pub(crate) number: u64,
    pub(crate) at: u64,
    pub(crate) kind: FoundKind,
}

pub(crate) enum FoundKind {
    Batch,
    Snapshot { id: B256, part: u32, last: bool },
}

impl Found {
    pub(crate) fn of(cid: Cid, page: &Page) -> Self {
        let (number, at, kind) = match *page {
            Page::Batch { number, at, .. } => (number, at, FoundKind::Batch),
            Page::Snapshot { number, at, .. } => {
                let id = B256::from_slice(&Sha256::digest(cid.to_bytes()));
                let (part, last) = (0, true);
                (number, at, FoundKind::Snapshot { id, part, last })
            }
            Page::Part {
                number,
                at,
                id,
                part,
                last,
                ..
            } => (number, at, FoundKind::Snapshot { id, part, last }),
        };
        Self {
            cid,
            number,
            at,
            kind,
        }
    }
}

/// Parts of a snapshot by number, and whether each is the last.
pub(crate) type Parts = BTreeMap<u32, (Cid, bool)>;

/// What a rebuild replays, in order.
#[derive(Default)]
pub(crate) struct Plan {
    /// The number of the snapshot, 0 if there is none, and its parts.
    pub(crate) snapshot: u64,
    pub(crate) parts: Vec<Cid>,
    /// The batches after it.
    pub(crate) batches: Vec<(u64, Cid)>,
    /// The first number of which there is no page, though there are later ones; and how many.
    pub(crate) gap: Option<(u64, u64)>,
}

impl Plan {
    pub(crate) fn of(found: &[Found]) -> Self {
        let mut plan = Self::default();
        let mut snapshots: BTreeMap<(u64, u64, B256), Parts> = BTreeMap::new();
        // Of two batches with one number the later one stands, since the earlier one belongs to a
        // batch that never reached the database.
        let mut batches: BTreeMap<u64, (u64, Cid)> = BTreeMap::new();
        for page in found {
            match page.kind {
                FoundKind::Batch => {
                    let known = batches.entry(page.number).or_insert((page.at, page.cid));
                    if known.0 <= page.at {
                        *known = (page.at, page.cid);
                    }
                }
                FoundKind::Snapshot { id, part, last } => {
                    let key = (page.number, page.at, id);
                    let parts = snapshots.entry(key).or_default();
                    parts.insert(part, (page.cid, last));
                }
            }
        }
        let whole = snapshots.into_iter().rev().find(|(_, parts)| {
            let all = parts.keys().copied().eq(0..parts.len() as u32);
            all && parts.last_key_value().is_some_and(|(_, (_, last))| *last)
        });
        if let Some(((number, ..), parts)) = whole {
            plan.snapshot = number;
            plan.parts = parts.into_values().map(|(cid, _)| cid).collect();
        }
        let mut later = batches.split_off(&(plan.snapshot + 1)).into_iter();
        for expected in plan.snapshot + 1.. {
            match later.next() {
                Some((number, (_, cid))) if number == expected => plan.batches.push((number, cid)),
                Some(_) => plan.gap = Some((expected, 1 + later.len() as u64)),
                None => {}
            }
            if plan.batches.last().map(|(number, _)| *number) != Some(expected) {
                break;
            }
        }
        plan
    }
}

/// The last page that the database knows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) number: u64,
    /// The number of the snapshot before it; 0 for none.
    pub(crate) snapshot: u64,
}

impl Document for Head {
    const KIND: Kind = Kind::Journal;
    fn id(&self) -> String {
        HEAD.to_owned()
    }
}

/// Where a page is, so that a snapshot can forget it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    pub(crate) number: u64,
    pub(crate) cid: Cid,
    #[serde(default)]
    pub(crate) part: u32,
    /// Whether other institutions still have to be given it.
    #[serde(default)]
    pub(crate) lacking: bool,
    /// The institutions that keep it as well.
    #[serde(default)]
    pub(crate) copies: Vec<Address>,
}

impl Document for Place {
    const KIND: Kind = Kind::Journal;
    fn id(&self) -> String {
        match self.part {
            0 => format!("{:016x}", self.number),
            part => format!("{:016x}.{part:08x}", self.number),
        }
    }
    fn due_at(&self) -> u64 {
        u64::from(self.lacking)
    }
}

/// A page that an institution keeps for this one and need not keep any longer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Gone {
    pub(crate) holder: Address,
    pub(crate) cid: Cid,
}

impl Gone {
    /// Sorts after every page, and before the head.
    pub(crate) const PREFIX: &str = "gone/";
}

impl Document for Gone {
    const KIND: Kind = Kind::Journal;
    fn id(&self) -> String {
        format!("{}{}/{}", Self::PREFIX, hex::encode(self.holder), self.cid)
    }
    fn owner(&self) -> String {
        hex::encode(self.holder)
    }
}

pub(crate) fn encode(page: &Page) -> Result<Vec<u8>> {
    serde_ipld_dagcbor::to_vec(page).map_err(|e| {
        StoreError::Corrupt {
            kind: Kind::Journal.name(),
            reason: e.to_string(),
        }
        .into()
    })
}
