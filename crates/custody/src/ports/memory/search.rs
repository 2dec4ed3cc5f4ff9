//! The in-memory twin of the index of words: it reads the documents anew each time.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::model::document::Kind;
use crate::model::error::StoreError;
use crate::model::search::{Term, variants, words_of};
use crate::ports::memory::store::MemoryStore;
use crate::ports::search::{Match, Matching, SearchIndex};

impl MemoryStore {
    fn indexed(&self, kind: Kind) -> Vec<(String, BTreeSet<String>)> {
        let rows = self.rows();
        let of_kind = rows.values().filter(|row| row.kind == kind);
        of_kind
            .filter_map(|row| Some((row.id.clone(), words_of(row)?)))
            .collect()
    }
}

#[async_trait]
impl SearchIndex for MemoryStore {
    async fn matching(&self, matching: &Matching) -> Result<Vec<Match>, StoreError> {
        let mut found = Vec::new();
        for (id, words) in self.indexed(matching.kind) {
            let has = |term: &Term| words.iter().any(|word| term.admits(word));
            let first = words.iter().find(|word| matching.leading.admits(word));
            if let Some(word) = first.filter(|_| matching.others.iter().all(has)) {
                let word = word.clone();
                found.push(Match { word, id });
            }
        }
        found.retain(|m| matching.after.as_ref().is_none_or(|after| m > after));
        found.sort();
        found.truncate(matching.limit as usize);
        Ok(found)
    }

    async fn occurrences(&self, kind: Kind, term: &Term, cap: u32) -> Result<u64, StoreError> {
        let indexed = self.indexed(kind);
        let words = indexed.iter().flat_map(|(_, words)| words);
        let places = words.filter(|word| term.admits(word)).count() as u64;
        Ok(places.min(u64::from(cap)))
    }

    async fn words_like(&self, kind: Kind, wanted: &[String]) -> Result<Vec<String>, StoreError> {
        let words: BTreeSet<String> = self
            .indexed(kind)
            .into_iter()
            .flat_map(|(_, words)| words)
            .collect();
        let like = |word: &String| variants(word).iter().any(|v| wanted.contains(v));
        Ok(words.into_iter().filter(like).collect())
    }
}
