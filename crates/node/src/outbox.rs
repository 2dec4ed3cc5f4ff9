//! The relayer's outbox on the node's database.
//!
//! An item is a document; a second document per (sender, nonce) makes sure that no two open items
//! share a nonce, also with several processes. The counter of items is written with every change,
//! so that its version says whether anything has changed: the relayer looks several times a second,
//! and what it saw last is still right nearly always.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use alloy_primitives::Address;
use async_trait::async_trait;
use custody::model::document::{Batch, Document, Held, Kind, Query};
use custody::model::error::StoreError;
use custody::ports::store::{Documents, Store};
use futures_util::TryStreamExt as _;
use ledger::relayer::{Item, OutboxStore};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

/// How often a write is tried again that another one came before.
const TRIES: u32 = 64;

/// The outbox on a store.
pub(crate) struct Outbox {
    store: Arc<dyn Store>,
    /// What was seen last, by sender.
    seen: Mutex<HashMap<Address, Seen>>,
}

/// The open items of one sender as they were at one version of the counter.
#[derive(Default)]
struct Seen {
    /// The counter's version; 0 while there is none.
    at: u64,
    /// By their places in the queue.
    items: BTreeMap<u64, SeenItem>,
}

struct SeenItem {
    /// The document's version.
    version: u64,
    item: Item,
}

impl Seen {
    /// Takes a write of our own over, if nothing else was written since.
    fn follow(&mut self, counter: u64, place: u64, version: u64, item: &Item) {
        if self.at != counter {
            return;
        }
        self.at = counter + 1;
        if item.is_open() {
            let item = item.clone();
            self.items.insert(place, SeenItem { version, item });
        } else {
            self.items.remove(&place);
        }
    }
}

impl Outbox {
    /// The outbox in `store`.
    #[must_use]
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            seen: Mutex::default(),
        }
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

    async fn counter(&self) -> ledger::Result<Held<Counter>> {
        let none = Held {
            version: 0,
            document: Counter { next: 0 },
        };
        let held = self.store.load::<Counter>("counter").await;
        Ok(held.map_err(failed)?.unwrap_or(none))
    }

    /// Adds an item behind all others, if nothing was written since `counter`.
    async fn try_insert(&self, item: &Item, counter: &Held<Counter>) -> ledger::Result<()> {
        let place = counter.document.next;
        let mut batch = Batch::new();
        batch.create(&entry(item, place)?).map_err(failed)?;
        count(&mut batch, counter, place + 1)?;
        self.store.apply(&batch).await.map_err(failed)
    }

    /// Replaces an item, if nothing was written since `counter`.
    async fn try_update(
        &self,
        before: &Item,
        after: &Item,
        held: &Held<Entry>,
        counter: &Held<Counter>,
    ) -> ledger::Result<()> {
        let mut batch = Batch::new();
        let document = entry(after, held.document.place)?;
        let version = held.version;
        batch.replace(&Held { version, document }).map_err(failed)?;
        count(&mut batch, counter, counter.document.next)?;
        let (old, new) = (taken(before), taken(after));
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

    /// Whether another open item has the nonce of this one.
    async fn nonce_is_taken(&self, item: &Item) -> ledger::Result<bool> {
        let Some(wanted) = taken(item) else {
            return Ok(false);
        };
        let there = self
            .store
            .load::<Taken>(&wanted.id())
            .await
            .map_err(failed)?;
        Ok(there.is_some_and(|there| there.document.key != item.key))
    }

    /// Reads the sender's open items; those whose version is known are not parsed again.
    async fn look(&self, sender: Address, seen: &mut Seen, counter: u64) -> ledger::Result<()> {
        let query = Query::of(Kind::Outbox).owner(hex::encode(sender));
        // An item that cannot be read may hold a nonce: nothing is sent without it.
        let held = self.store.each::<Entry>(query).try_collect::<Vec<_>>();
        let held = held.await.map_err(failed)?;
        let mut items = BTreeMap::new();
        for entry in held {
            let (version, place) = (entry.version, entry.document.place);
            let known = seen.items.remove(&place);
            let item = match known.filter(|known| known.version == version) {
                Some(known) => known.item,
                None => read(&entry.document)?,
            };
            items.insert(place, SeenItem { version, item });
        }
        *seen = Seen { at: counter, items };
        Ok(())
    }
}

/// Writes the counter along with a batch, which then applies only if nothing was written since.
fn count(batch: &mut Batch, held: &Held<Counter>, next: u64) -> ledger::Result<()> {
    let document = Counter { next };
    match held.version {
        0 => batch.create(&document),
        version => batch.replace(&Held { version, document }),
    }
    .map_err(failed)
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
        let mut seen = self.seen.lock().await;
        for _ in 0..TRIES {
            if let Some(known) = self.held(&item.key).await? {
                return read(&known.document);
            }
            let counter = self.counter().await?;
            match self.try_insert(item, &counter).await {
                Ok(()) => {
                    let seen = seen.entry(item.sender).or_default();
                    seen.follow(counter.version, counter.document.next, 1, item);
                    return Ok(item.clone());
                }
                // Another process wrote first: this item's place is the next.
                Err(ledger::Error::Conflict) => {}
                Err(other) => return Err(other),
            }
        }
        Err(ledger::Error::Conflict)
    }

    async fn get(&self, key: &str) -> ledger::Result<Option<Item>> {
        self.held(key)
            .await?
            .map(|held| read(&held.document))
            .transpose()
    }

    async fn open(&self, sender: Address) -> ledger::Result<Vec<Item>> {
        let mut seen = self.seen.lock().await;
        let seen = seen.entry(sender).or_default();
        let counter = self.counter().await?.version;
        if seen.at != counter {
            self.look(sender, seen, counter).await?;
        }
        Ok(seen.items.values().map(|seen| seen.item.clone()).collect())
    }

    async fn update(&self, item: &Item) -> ledger::Result<()> {
        let mut seen = self.seen.lock().await;
        for _ in 0..TRIES {
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
            let counter = self.counter().await?;
            match self.try_update(&before, &after, &held, &counter).await {
                Ok(()) => {
                    let (place, version) = (held.document.place, held.version + 1);
                    let seen = seen.entry(after.sender).or_default();
                    seen.follow(counter.version, place, version, &after);
                    return Ok(());
                }
                Err(ledger::Error::Conflict) if self.nonce_is_taken(&after).await? => {
                    return Err(ledger::Error::Conflict);
                }
                // Another item was written meanwhile; this one may still be as it was.
                Err(ledger::Error::Conflict) => {}
                Err(other) => return Err(other),
            }
        }
        Err(ledger::Error::Conflict)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use alloy_primitives::{Bytes, U256};
    use custody::model::document::Row;
    use custody::ports::memory::store::MemoryStore;
    use ledger::relayer::{Call, Inclusion, State};

    use super::*;
    use custody::model::search::Term;
    use custody::ports::search::{Match, Matching, SearchIndex};

    fn item(key: &str) -> Item {
        let call = Call {
            to: Address::repeat_byte(1),
            data: Bytes::from_static(b"data"),
            value: U256::ZERO,
        };
        Item::new(key, Address::repeat_byte(2), call, 5)
    }

    /// Counts how often documents are listed.
    struct Counted {
        store: Arc<MemoryStore>,
        lists: AtomicUsize,
    }

    #[async_trait]
    impl SearchIndex for Counted {
        async fn matching(&self, matching: &Matching) -> Result<Vec<Match>, StoreError> {
            self.store.matching(matching).await
        }

        async fn occurrences(&self, kind: Kind, term: &Term, cap: u32) -> Result<u64, StoreError> {
            self.store.occurrences(kind, term, cap).await
        }

        async fn words_like(
            &self,
            kind: Kind,
            variants: &[String],
        ) -> Result<Vec<String>, StoreError> {
            self.store.words_like(kind, variants).await
        }
    }

    #[async_trait]
    impl Store for Counted {
        async fn get(&self, kind: Kind, id: &str) -> Result<Option<Row>, StoreError> {
            self.store.get(kind, id).await
        }

        async fn list(&self, query: &Query, limit: u32) -> Result<Vec<Row>, StoreError> {
            self.lists.fetch_add(1, Ordering::SeqCst);
            self.store.list(query, limit).await
        }

        async fn count(&self, query: &Query) -> Result<u64, StoreError> {
            self.store.count(query).await
        }

        async fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
            self.store.apply(batch).await
        }
    }

    #[tokio::test]
    async fn what_has_not_changed_is_not_read_again() {
        let store = Arc::new(Counted {
            store: Arc::new(MemoryStore::new()),
            lists: AtomicUsize::new(0),
        });
        let (outbox, other) = (Outbox::new(store.clone()), Outbox::new(store.clone()));
        let sender = item("").sender;
        for n in 0..100 {
            outbox.insert(&item(&format!("{n}"))).await.unwrap();
        }
        for _ in 0..10 {
            assert_eq!(outbox.open(sender).await.unwrap().len(), 100);
        }
        let done = Item {
            state: State::Refused(ledger::contracts::Refusal::decode(&[])),
            ..item("7")
        };
        outbox.update(&done).await.unwrap();
        assert_eq!(outbox.open(sender).await.unwrap().len(), 99);
        assert_eq!(
            store.lists.load(Ordering::SeqCst),
            0,
            "its own writes it knows"
        );

        // Another process reads all once, and its write is seen here.
        let signed = Item {
            state: State::Signed,
            nonce: Some(1),
            ..item("8")
        };
        other.update(&signed).await.unwrap();
        let (here, there) = (outbox.open(sender).await, other.open(sender).await);
        let here = here.unwrap();
        assert_eq!(here, there.unwrap());
        assert_eq!(here.iter().filter(|item| item.nonce == Some(1)).count(), 1);
        assert_eq!(store.lists.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn two_processes_write_at_once_and_lose_nothing() {
        let store = Arc::new(MemoryStore::new());
        let outboxes = [(); 2].map(|()| Arc::new(Outbox::new(store.clone())));
        let mut writers = Vec::new();
        for n in 0..40 {
            let outbox = outboxes[n % 2].clone();
            writers.push(tokio::spawn(async move {
                let key = format!("{n:02}");
                outbox.insert(&item(&key)).await.unwrap();
                let signed = Item {
                    state: State::Signed,
                    nonce: Some(n as u64),
                    ..item(&key)
                };
                outbox.update(&signed).await.unwrap();
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        for outbox in outboxes {
            let open = outbox.open(item("").sender).await.unwrap();
            let nonces: std::collections::BTreeSet<_> = open.iter().map(|i| i.nonce).collect();
            assert_eq!((open.len(), nonces.len()), (40, 40));
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
