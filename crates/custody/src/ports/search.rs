//! The index of words beside the documents, as the use cases see it. It is kept by every write of a
//! document, in the same batch, so that it never says anything else than the documents do.

use async_trait::async_trait;

use crate::model::document::Kind;
use crate::model::error::StoreError;
use crate::model::search::Term;

/// Where a document was found. Matches are ordered by word, then by id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// The first of its words that matches the leading term.
    pub word: String,
    /// The document.
    pub id: String,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Matching {
    /// Documents of this kind.
    pub kind: Kind,
    /// The leading term: matches are ordered by its words. The rarest one is quickest.
    pub leading: Term,
    /// What they have to match besides.
    pub others: Vec<Term>,
    /// Only those behind this one.
    pub after: Option<Match>,
    /// At most this many.
    pub limit: u32,
}

/// The index.
#[async_trait]
pub trait SearchIndex: Send + Sync {
    /// The documents that match, each once.
    async fn matching(&self, matching: &Matching) -> Result<Vec<Match>, StoreError>;
    /// How often a term occurs in the index, counted up to `cap`.
    async fn occurrences(&self, kind: Kind, term: &Term, cap: u32) -> Result<u64, StoreError>;
    /// The words that have one of these variants, in any order; one may be there several times.
    async fn words_like(&self, kind: Kind, variants: &[String]) -> Result<Vec<String>, StoreError>;
}
