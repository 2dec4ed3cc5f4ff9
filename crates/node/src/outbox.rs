//! The relayer's outbox on the node's database.
//!
//! An item is a document; a second document per (sender, nonce) makes sure that no two open items
//! share a nonce, also with several processes.

use std::sync::Arc;

use alloy_primitives::Address;
use async_trait::async_trait;
use custody::model::document::{Batch, Document, Held, Kind, Query};
use custody::model::error::StoreError;
use custody::ports::store::{Documents, Store};
use futures_util::TryStreamExt as _;
use ledger::relayer::{Item, OutboxStore};
use serde::{Deserialize, Serialize};

/// The outbox on a store.
pub(crate) struct Outbox {
    store: Arc<dyn Store>,
}

impl Outbox {
    /// The outbox in `store`.
    #[must_use]
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

/// An item as a document. JSON inside: amounts of wei exceed what DAG-CBOR's integers hold.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    key: String,
    /// Its place in the queue.
    place: u64,
    /// The sender while it is open; empty afterwards.
    open: String,
    json: String,
}

impl Document for Entry {
    const KIND: Kind = Kind::Outbox;
    fn id(&self) -> String {
        format!("item/{}", self.key)
    }
    fn owner(&self) -> String {
        self.open.clone()
    }
}

/// A nonce that an open item has taken.
#[derive(Debug, Serialize, Deserialize)]
struct Taken {
    sender: Address,
    nonce: u64,
    key: String,
}

impl Taken {
    fn id_of(sender: Address, nonce: u64) -> String {
        format!("nonce/{}/{nonce:016x}", hex::encode(sender))
    }
}

impl Document for Taken {
    const KIND: Kind = Kind::Outbox;
    fn id(&self) -> String {
        Self::id_of(self.sender, self.nonce)
    }
}

/// Counts the items that were ever added.
#[derive(Debug, Serialize, Deserialize)]
struct Counter {
    next: u64,
}

impl Document for Counter {
    const KIND: Kind = Kind::Outbox;
    fn id(&self) -> String {
        "counter".to_owned()
    }
}

fn failed(error: StoreError) -> ledger::Error {
    match error {
        StoreError::Conflict { .. } => ledger::Error::Conflict,
        other => ledger::Error::store(other),
    }
}

fn read(entry: &Entry) -> ledger::Result<Item> {
    serde_json::from_str(&entry.json).map_err(ledger::Error::store)
}

fn entry(item: &Item, place: u64) -> ledger::Result<Entry> {
    let open = if item.is_open() {
        hex::encode(item.sender)
    } else {
        String::new()
    };
    let json = serde_json::to_string(item).map_err(ledger::Error::store)?;
    Ok(Entry {
        key: item.key.clone(),
        place,
        open,
        json,
    })
}

impl Outbox {
    async fn held(&self, key: &str) -> ledger::Result<Option<Held<Entry>>> {
        self.store
            .load::<Entry>(&format!("item/{key}"))
            .await
            .map_err(failed)
    }

    async fn try_insert(&self, item: &Item) -> ledger::Result<()> {
        let counter = self
            .store
            .load::<Counter>("counter")
            .await
            .map_err(failed)?;
        let place = counter.as_ref().map_or(0, |c| c.document.next);
        let next = Counter { next: place + 1 };
        let mut batch = Batch::new();
        batch.create(&entry(item, place)?).map_err(failed)?;
        match counter {
            Some(held) => batch.replace(&Held {
                version: held.version,
                document: next,
            }),
            None => batch.create(&next),
        }
        .map_err(failed)?;
        self.store.apply(&batch).await.map_err(failed)
    }
}

/// What an item holds of a nonce while it is open.
fn taken(item: &Item) -> Option<Taken> {
    let nonce = item.nonce.filter(|_| item.is_open())?;
    Some(Taken {
        sender: item.sender,
        nonce,
        key: item.key.clone(),
    })
}

#[async_trait]
impl OutboxStore for Outbox {
    async fn insert(&self, item: &Item) -> ledger::Result<Item> {
        loop {
            if let Some(known) = self.held(&item.key).await? {
                return read(&known.document);
            }
            match self.try_insert(item).await {
                Ok(()) => return Ok(item.clone()),
                // Another item came first: this one's place is the next.
                Err(ledger::Error::Conflict) => {}
                Err(other) => return Err(other),
            }
        }
    }

    async fn get(&self, key: &str) -> ledger::Result<Option<Item>> {
        self.held(key)
            .await?
            .map(|held| read(&held.document))
            .transpose()
    }

    async fn open(&self, sender: Address) -> ledger::Result<Vec<Item>> {
        let query = Query::of(Kind::Outbox).owner(hex::encode(sender));
        // An item that cannot be read may hold a nonce: nothing is sent without it.
        let held = self.store.each::<Entry>(query).try_collect::<Vec<_>>();
        let mut held = held.await.map_err(failed)?;
        held.sort_by_key(|h| h.document.place);
        held.iter().map(|h| read(&h.document)).collect()
    }

    async fn update(&self, item: &Item) -> ledger::Result<()> {
        let Some(held) = self.held(&item.key).await? else {
            return Err(ledger::Error::Conflict);
        };
        let before = read(&held.document)?;
        if before.revision != item.revision {
            return Err(ledger::Error::Conflict);
        }
        let after = Item {
            revision: item.revision + 1,
            ..item.clone()
        };
        let mut batch = Batch::new();
        let document = entry(&after, held.document.place)?;
        batch
            .replace(&Held {
                version: held.version,
                document,
            })
            .map_err(failed)?;
        let (old, new) = (taken(&before), taken(&after));
        let same = old.as_ref().map(Taken::id) == new.as_ref().map(Taken::id);
        if !same {
            if let Some(old) = old {
                batch.delete::<Taken>(old.id());
            }
            if let Some(new) = new {
                batch.create(&new).map_err(failed)?;
            }
        }
        self.store.apply(&batch).await.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Bytes, U256};
    use custody::ports::memory::store::MemoryStore;
    use ledger::relayer::{Call, Inclusion, State};

    use super::*;

    fn item(key: &str) -> Item {
        let to = Address::repeat_byte(1);
        Item {
            key: key.into(),
            sender: Address::repeat_byte(2),
            call: Call {
                to,
                data: Bytes::from_static(b"data"),
                value: U256::ZERO,
            },
            created_at: 5,
            state: State::Queued,
            nonce: None,
            attempts: Vec::new(),
            trouble: None,
            revision: 0,
        }
    }

    #[tokio::test]
    async fn one_key_one_item_one_nonce_one_open_item() {
        let outbox = Outbox::new(Arc::new(MemoryStore::new()));
        for key in ["b", "a"] {
            assert_eq!(outbox.insert(&item(key)).await.unwrap(), item(key));
        }
        let again = Item {
            created_at: 9,
            ..item("b")
        };
        assert_eq!(
            outbox.insert(&again).await.unwrap(),
            item("b"),
            "the first one stays"
        );
        let sender = item("b").sender;
        let open: Vec<String> = outbox
            .open(sender)
            .await
            .unwrap()
            .into_iter()
            .map(|i| i.key)
            .collect();
        assert_eq!(open, ["b", "a"], "in the order in which they came");

        let signed = Item {
            state: State::Signed,
            nonce: Some(7),
            ..item("b")
        };
        outbox.update(&signed).await.unwrap();
        assert!(
            matches!(outbox.update(&signed).await, Err(ledger::Error::Conflict)),
            "stale"
        );
        let same = Item {
            state: State::Signed,
            nonce: Some(7),
            ..item("a")
        };
        assert!(
            matches!(outbox.update(&same).await, Err(ledger::Error::Conflict)),
            "nonce taken"
        );

        let inclusion = Inclusion {
            transaction: alloy_primitives::B256::ZERO,
            block: 1,
            block_hash: alloy_primitives::B256::ZERO,
            gas_used: 2,
            gas_price: u128::MAX,
            refusal: None,
            skipped: Vec::new(),
        };
        let done = Item {
            state: State::Final(inclusion),
            revision: 1,
            ..signed
        };
        outbox.update(&done).await.unwrap();
        outbox.update(&same).await.unwrap();
        let read = outbox.get("b").await.unwrap().unwrap();
        assert_eq!(
            read,
            Item {
                revision: 2,
                ..done
            }
        );
        assert_eq!(outbox.open(sender).await.unwrap().len(), 1);
    }
}
