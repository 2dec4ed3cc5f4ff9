//! Notice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind};

/// How long a notice is kept, seconds.
pub(crate) const LIFE: u64 = 90 * 86_400;

/// A notice as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub(crate) owner: Address,
    pub(crate) id: String,
    pub(crate) at: u64,
    pub(crate) kind: String,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) link: String,
}

impl Document for Notice {
    const KIND: Kind = Kind::Notice;
    fn id(&self) -> String {
        key_of(self.owner, &self.id)
    }
    fn owner(&self) -> String {
        hex::encode(self.owner)
    }
    fn due_at(&self) -> u64 {
        self.at + LIFE
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) owner: Address,
    pub(crate) up_to: String,
}

impl Document for Seen {
    const KIND: Kind = Kind::Seen;
    fn id(&self) -> String {
        hex::encode(self.owner)
    }
}

/// When a person was told of something last: by mail, or of one kind of refusal.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) owner: Address,
    pub(crate) what: String,
    pub(crate) at: u64,
}

impl Document for Told {
    const KIND: Kind = Kind::Seen;
    fn id(&self) -> String {
        format!("{}/{}", hex::encode(self.owner), self.what)
    }
    fn due_at(&self) -> u64 {
        self.at + LIFE
    }
}

pub(crate) fn key_of(owner: Address, id: &str) -> String {
    format!("{}/{id}", hex::encode(owner))
}

/// What there is to know, and where the app shows it.
pub(crate) struct News<'a> {
    /// What happened.
    pub(crate) kind: &'a str,
    /// Ids and codes.
    pub(crate) params: Vec<(&'a str, String)>,
    /// The page of the app.
    pub(crate) link: String,
}

impl<'a> News<'a> {
    pub(crate) fn new(kind: &'a str, link: impl Into<String>) -> Self {
        Self {
            kind,
            params: Vec::new(),
            link: link.into(),
        }
    }

    pub(crate) fn with(mut self, name: &'a str, value: impl ToString) -> Self {
        self.params.push((name, value.to_string()));
        self
    }
}

/// A number that grows with every call in this process, and with the clock between processes.
pub(crate) fn ordinal() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX));
    let next = |last: u64| Some(last.saturating_add(1).max(now));
    // The closure always gives a value, so the update cannot fail; both arms hold the old one.
    let last = match LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next) {
        Ok(last) | Err(last) => last,
    };
    last.saturating_add(1).max(now)
}
