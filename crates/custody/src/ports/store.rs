//! The database as the use cases see it.

use std::collections::VecDeque;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::model::document::{Batch, Document, Held, Kind, Query, Row, decode};
use crate::model::error::StoreError;
use crate::ports::search::SearchIndex;

/// Rows that a walk reads at once.
const WALK: u32 = 200;

/// The database as the use cases see it.
#[async_trait]
pub trait Store: SearchIndex {
    /// Read one document.
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Row>, StoreError>;
    /// Read several documents of one kind, in any order; those that are not there are left out.
    async fn get_several(&self, kind: Kind, ids: &[String]) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            rows.extend(self.get(kind, id).await?);
        }
        Ok(rows)
    }
    /// The first `limit` documents of a [`Query`], ordered by id.
    async fn list(&self, query: &Query, limit: u32) -> Result<Vec<Row>, StoreError>;
    /// How many documents a [`Query`] is about.
    async fn count(&self, query: &Query) -> Result<u64, StoreError>;
    /// Write all or nothing, durably.
    async fn apply(&self, batch: &Batch) -> Result<(), StoreError>;
}

/// A part of the documents of a [`Query`].
#[derive(Clone, Debug)]
pub struct Page<D> {
    /// The documents, ordered by id.
    pub documents: Vec<Held<D>>,
    /// The id after which the next page begins; nothing on the last page.
    pub next: Option<String>,
}

/// Typed access to a [`Store`]. Whoever reads several documents says whether all of them are meant
/// or a page: nothing is cut without a word.
#[async_trait]
pub trait Documents: Store {
    /// Read a document as `D`.
    async fn load<D: Document>(&self, id: &str) -> Result<Option<Held<D>>, StoreError> {
        self.get(D::KIND, id).await?.map(decode).transpose()
    }

    /// Walk over every row of a query, however many there are. Rows that are written during the
    /// walk may be missed. After an error of the database the walk has ended.
    fn rows(&self, query: Query) -> BoxStream<'_, Result<Row, StoreError>> {
        let start = (query, VecDeque::new(), false);
        let walk = stream::try_unfold(start, move |(mut query, mut page, mut ended)| async move {
            if page.is_empty() && !ended {
                page = VecDeque::from(self.list(&query, WALK).await?);
                ended = page.len() < WALK as usize;
                if let Some(last) = page.back() {
                    query.after = Some(last.id.clone());
                }
            }
            Ok(page.pop_front().map(|row| (row, (query, page, ended))))
        });
        walk.boxed()
    }

    /// Walk over every document of a query; the query's kind is set to `D`'s. A document that cannot
    /// be decoded is an item of its own, [`StoreError::Corrupt`], and the walk goes on behind it.
    fn each<'a, D: Document + 'a>(
        &'a self,
        query: Query,
    ) -> BoxStream<'a, Result<Held<D>, StoreError>> {
        let query = Query {
            kind: D::KIND,
            ..query
        };
        self.rows(query).map(|row| row.and_then(decode)).boxed()
    }

    /// Every document of a query that can be decoded, for lists that people see: one that cannot is
    /// logged and left out, so that it does not hide the others.
    async fn readable<D: Document>(&self, query: Query) -> Result<Vec<Held<D>>, StoreError> {
        let mut found = Vec::new();
        let mut walk = self.each::<D>(query);
        loop {
            match walk.try_next().await {
                Ok(Some(held)) => found.push(held),
                Ok(None) => return Ok(found),
                Err(error) => leave_out(error)?,
            }
        }
    }

    /// The first `n` documents of a query, and where to go on; like [`Documents::readable`].
    async fn page<D: Document>(&self, query: Query, n: u32) -> Result<Page<D>, StoreError> {
        let query = Query {
            kind: D::KIND,
            ..query
        };
        let mut rows = self.list(&query, n.saturating_add(1)).await?;
        let more = rows.len() > n as usize;
        rows.truncate(n as usize);
        let next = rows.last().filter(|_| more).map(|row| row.id.clone());
        let mut documents = Vec::with_capacity(rows.len());
        for row in rows {
            match decode(row) {
                Ok(held) => documents.push(held),
                Err(error) => leave_out(error)?,
            }
        }
        Ok(Page { documents, next })
    }
}

/// A document that cannot be decoded is logged; any other error ends the reading.
fn leave_out(error: StoreError) -> Result<(), StoreError> {
    match error {
        StoreError::Corrupt { .. } => {
            tracing::error!(%error, "a document is left out");
            Ok(())
        }
        other => Err(other),
    }
}

impl<S: Store + ?Sized> Documents for S {}
