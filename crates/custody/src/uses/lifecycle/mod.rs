//! Documents that move by themselves: acts on their way to the chain, deliveries to other nodes,
//! mails, whatever expires.
//!
//! Each kind is a [`Lifecycle`]: which documents are due, and one step of one document. A [`Runner`]
//! does the rest, in the same way for all:
//!
//! ```text
//! due documents, page by page ──► decoded? no: poisoned, counted, left alone until it changes
//!    │ rests after a failure? counted, next
//!    │ goes to somebody who does not answer? left to the one that tries, next
//!    └──► step, so many at once, each for so long at most
//!            done │ moving │ resting │ failed ──► rests, twice as long each time, up to a cap
//! ```
//!
//! A document that cannot be read, a step that fails or hangs, and a node that does not answer hold
//! up nothing but themselves. What rests is known to this process alone: after a restart everything
//! that is due is tried at once.

mod expiry;
mod rests;
mod runner;

use std::time::Duration;

use async_trait::async_trait;

pub use expiry::Expiry;
pub use runner::{Rounds, Runner};

use crate::model::document::{Document, Held, Query};
use crate::model::error::Result;
use crate::uses::hospital::Hospital;

/// Where a step left a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It went on, and is not due any more or due for its next step.
    Moved,
    /// It is on its way: look again in the next round.
    Waiting,
    /// It waits for something that takes its time: a low fee, a person.
    Resting,
    /// It could not be finished, which was written down: look again after a rest.
    Later,
}

/// What became of the documents that were due in one round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that went on.
    pub moved: u64,
    /// Those on their way.
    pub waiting: u64,
    /// Those that wait for something that takes its time.
    pub resting: u64,
    /// Those whose last step failed.
    pub failed: u64,
    /// Those that cannot be read.
    pub poisoned: u64,
}

impl Counts {
    /// Those that are still to be moved, and can be.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.waiting + self.resting + self.failed
    }
}

/// How a runner treats the documents of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Steps at once.
    pub concurrency: usize,
    /// Steps at once that go to the same target.
    pub per_target: usize,
    /// How long one step may take.
    pub step: Duration,
    /// How long a round waits for steps that are under way when all are begun. Those that take
    /// longer go on, and count in a later round.
    pub patience: Duration,
    /// Rest after the first failure; it doubles with each further one.
    pub first_rest: Duration,
    /// The longest rest.
    pub longest_rest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 16,
            per_target: 4,
            step: Duration::from_secs(30),
            patience: Duration::from_secs(1),
            first_rest: Duration::from_secs(1),
            longest_rest: Duration::from_secs(30),
        }
    }
}

/// One kind of documents that move by themselves.
#[async_trait]
pub trait Lifecycle: Send + Sync + 'static {
    /// The documents.
    type Document: Document + 'static;

    /// Its name, for logs and metrics: lower case, with underscores.
    fn name(&self) -> &'static str;

    /// The documents that are due at `now`, unix seconds.
    fn due(&self, now: u64) -> Query;

    /// How they are treated.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// On whom the step of a document depends, such as another institution. While that one does not
    /// answer, one document at a time tries, and those of other targets go on.
    fn target(&self, _document: &Self::Document) -> Option<String> {
        None
    }

    /// A round begins.
    fn begin(&self) {}

    /// One step of one document. It may be cut off at any await, or done twice.
    ///
    /// # Errors
    /// If it cannot be done now.
    async fn step(&self, hospital: &Hospital, held: Held<Self::Document>) -> Result<Step>;

    /// A round has ended.
    ///
    /// # Errors
    /// If what has to be done after a round cannot be.
    async fn finish(&self, _hospital: &Hospital, _counts: &Counts) -> Result<()> {
        Ok(())
    }
}
