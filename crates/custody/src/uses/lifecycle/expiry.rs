//! Documents that are deleted when their time is over.

use std::marker::PhantomData;

use async_trait::async_trait;

use crate::model::document::{Batch, Document, Held, Query};
use crate::model::error::Result;
use crate::uses::hospital::Hospital;
use crate::uses::lifecycle::{Lifecycle, Step};

/// The lifecycle of documents that end by being deleted, and do nothing before.
pub struct Expiry<D> {
    name: &'static str,
    documents: PhantomData<fn() -> D>,
}

impl<D: Document> Expiry<D> {
    /// That of the documents of type `D`.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            documents: PhantomData,
        }
    }
}

#[async_trait]
impl<D: Document + 'static> Lifecycle for Expiry<D> {
    type Document = D;

    fn name(&self) -> &'static str {
        self.name
    }

    fn due(&self, now: u64) -> Query {
        Query::of(D::KIND).due_by(now)
    }

    async fn step(&self, hospital: &Hospital, held: Held<D>) -> Result<Step> {
        let mut batch = Batch::new();
        batch.delete::<D>(held.document.id());
        hospital.store.write(&batch).await?;
        Ok(Step::Moved)
    }
}
