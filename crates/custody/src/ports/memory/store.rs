//! Store.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use crate::model::document::{Batch, Kind, Query, Row, Write, check};
use crate::model::error::StoreError;
use crate::ports::store::Store;

/// The in-memory twin of the database.
#[derive(Debug, Default)]
pub struct MemoryStore {
    pub(crate) rows: Mutex<BTreeMap<(Kind, String), Row>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn rows(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Kind, String), Row>> {
        // A poisoned lock means a panic between two map operations; the map itself is whole.
        self.rows
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Row>, StoreError> {
        Ok(self.rows().get(&(kind, id.to_owned())).cloned())
    }

    async fn list(&self, query: &Query, limit: u32) -> Result<Vec<Row>, StoreError> {
        let rows = self.rows();
        let matching = rows.values().filter(|row| query.admits(row));
        Ok(matching.take(limit as usize).cloned().collect())
    }

    async fn count(&self, query: &Query) -> Result<u64, StoreError> {
        let rows = self.rows();
        Ok(rows.values().filter(|row| query.admits(row)).count() as u64)
    }

    async fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut rows = self.rows();
        let mut next = rows.clone();
        for write in &batch.0 {
            match write {
                Write::Put { row, expect } => {
                    let key = (row.kind, row.id.clone());
                    let found = next.get(&key).map(|r| r.version);
                    check(*expect, found, row)?;
                    let version = found.unwrap_or(0) + 1;
                    next.insert(
                        key,
                        Row {
                            version,
                            ..row.clone()
                        },
                    );
                }
                Write::Delete { kind, id } => {
                    next.remove(&(*kind, id.clone()));
                }
            }
        }
        *rows = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::model::document::Document;
    use crate::ports::store::Documents as _;

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    struct Note(String, u64);

    impl Document for Note {
        const KIND: Kind = Kind::Answer;
        fn id(&self) -> String {
            self.0.clone()
        }
        fn due_at(&self) -> u64 {
            self.1
        }
    }

    #[tokio::test]
    async fn a_batch_happens_as_a_whole_or_not_at_all() {
        let store = MemoryStore::new();
        let mut first = Batch::new();
        first.create(&Note("a".into(), 5)).unwrap();
        store.apply(&first).await.unwrap();

        let mut second = Batch::new();
        second.create(&Note("b".into(), 6)).unwrap();
        second.create(&Note("a".into(), 7)).unwrap();
        assert!(matches!(
            store.apply(&second).await,
            Err(StoreError::Conflict { .. })
        ));
        assert!(store.load::<Note>("b").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn the_second_of_two_racing_changes_is_refused() {
        let store = MemoryStore::new();
        let mut batch = Batch::new();
        batch.create(&Note("a".into(), 5)).unwrap();
        store.apply(&batch).await.unwrap();
        let held = store.load::<Note>("a").await.unwrap().unwrap();
        let mut winner = Batch::new();
        winner.replace(&held).unwrap();
        store.apply(&winner).await.unwrap();
        assert!(matches!(
            store.apply(&winner).await,
            Err(StoreError::Conflict { .. })
        ));
    }

    #[tokio::test]
    async fn documents_that_are_never_due_are_not_listed_as_due() {
        let store = MemoryStore::new();
        let mut batch = Batch::new();
        batch.create(&Note("a".into(), 0)).unwrap();
        batch.create(&Note("b".into(), 10)).unwrap();
        store.apply(&batch).await.unwrap();
        let due = store
            .readable::<Note>(Query::of(Kind::Answer).due_by(10))
            .await
            .unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].document.0, "b");
    }
}
