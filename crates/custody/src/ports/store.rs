//! Store.

use async_trait::async_trait;

use crate::model::document::{Batch, Document, Held, Kind, Query, Row, decode};
use crate::model::error::StoreError;

/// The database as the use cases see it.
#[async_trait]
pub trait Store: Send + Sync {
    /// Read one document.
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Row>, StoreError>;
    /// List documents by [`Query`], ordered by id.
    async fn list(&self, query: &Query) -> Result<Vec<Row>, StoreError>;
    /// How many documents a [`Query`] is about, whatever its limit.
    async fn count(&self, query: &Query) -> Result<u64, StoreError>;
    /// Write all or nothing, durably.
    async fn apply(&self, batch: &Batch) -> Result<(), StoreError>;
}

/// Typed access to a [`Store`].
#[async_trait]
pub trait Documents: Store {
    /// Read a document as `D`.
    async fn load<D: Document>(&self, id: &str) -> Result<Option<Held<D>>, StoreError> {
        self.get(D::KIND, id).await?.map(decode).transpose()
    }

    /// List documents as `D`; the query's kind is set to `D`'s.
    async fn all<D: Document>(&self, query: Query) -> Result<Vec<Held<D>>, StoreError> {
        let query = Query {
            kind: D::KIND,
            ..query
        };
        self.list(&query).await?.into_iter().map(decode).collect()
    }
}

impl<S: Store + ?Sized> Documents for S {}
