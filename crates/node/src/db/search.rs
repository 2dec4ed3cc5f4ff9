//! The index of words in SQL. It is written in the transaction that writes the document.

use std::fmt::Write as _;

use async_trait::async_trait;
use custody::model::document::{Kind, Query};
use custody::model::error::StoreError;
use custody::model::search::{Term, words_of};
use custody::ports::search::{Match, Matching, SearchIndex};
use custody::ports::store::Documents as _;
use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Database, Pools, unavailable};

pub(super) const WORDS_OF: &str = "SELECT word FROM search_words WHERE kind = $1 AND id = $2";
pub(super) const FORGET: &str =
    "DELETE FROM search_words WHERE kind = $1 AND id = $2 AND word = $3";
/// So many words of one document: kind and id, then the words.
pub(super) fn find(words: usize) -> String {
    let rows: Vec<String> = (3..words + 3).map(|n| format!("($1, $2, ${n})")).collect();
    format!(
        "INSERT INTO search_words (kind, id, word) VALUES {} \
         ON CONFLICT (kind, word, id) DO NOTHING",
        rows.join(", ")
    )
}

/// Which of so many words have their variants already: the kind, then the words.
pub(super) fn known(words: usize) -> String {
    let places: Vec<String> = (2..words + 2).map(|n| format!("${n}")).collect();
    format!(
        "SELECT DISTINCT word FROM search_variants WHERE kind = $1 AND word IN ({})",
        places.join(", ")
    )
}

/// So many variants of one word: kind and word, then the variants.
pub(super) fn vary(variants: usize) -> String {
    let rows: Vec<String> = (3..variants + 3)
        .map(|n| format!("($1, $2, ${n})"))
        .collect();
    format!(
        "INSERT INTO search_variants (kind, word, variant) VALUES {} \
         ON CONFLICT (kind, variant, word) DO NOTHING",
        rows.join(", ")
    )
}

/// A word that nobody has any more is not kept: it may have been a name.
pub(super) const FORGET_VARIANTS: &str = "DELETE FROM search_variants WHERE kind = $1 \
     AND word = $2 AND NOT EXISTS (SELECT 1 FROM search_words \
     WHERE search_words.kind = $1 AND search_words.word = $2)";

/// Greater than every character of a word, so that words that begin alike are a range.
const LAST: char = '\u{10ffff}';

/// Have a document found under these words, and no others, within a transaction.
macro_rules! index_words {
    ($transaction:expr, $kind:expr, $id:expr, $words:expr) => {{
        let (kind, id) = ($kind.name(), $id);
        let words: std::collections::BTreeSet<String> = $words;
        let before: Vec<String> = sqlx::query_scalar(crate::db::search::WORDS_OF)
            .bind(kind)
            .bind(id)
            .fetch_all(&mut *$transaction)
            .await
            .map_err(unavailable)?;
        for word in before.iter().filter(|word| !words.contains(*word)) {
            sqlx::query(crate::db::search::FORGET)
                .bind(kind)
                .bind(id)
                .bind(word)
                .execute(&mut *$transaction)
                .await
                .map_err(unavailable)?;
            sqlx::query(crate::db::search::FORGET_VARIANTS)
                .bind(kind)
                .bind(word)
                .execute(&mut *$transaction)
                .await
                .map_err(unavailable)?;
        }
        let new: Vec<&String> = words.iter().filter(|w| !before.contains(*w)).collect();
        if !new.is_empty() {
            let mut put = sqlx::query(AssertSqlSafe(crate::db::search::find(new.len())))
                .bind(kind)
                .bind(id);
            let mut ask =
                sqlx::query_scalar(AssertSqlSafe(crate::db::search::known(new.len()))).bind(kind);
            for word in &new {
                put = put.bind(*word);
                ask = ask.bind(*word);
            }
            put.execute(&mut *$transaction).await.map_err(unavailable)?;
            let known: Vec<String> = ask
                .fetch_all(&mut *$transaction)
                .await
                .map_err(unavailable)?;
            for word in new.into_iter().filter(|word| !known.contains(word)) {
                let variants = custody::model::search::variants(word);
                if variants.is_empty() {
                    continue;
                }
                let sql = crate::db::search::vary(variants.len());
                let mut vary = sqlx::query(AssertSqlSafe(sql)).bind(kind).bind(word);
                for variant in variants {
                    vary = vary.bind(variant);
                }
                vary.execute(&mut *$transaction)
                    .await
                    .map_err(unavailable)?;
            }
        }
    }};
}
pub(super) use index_words;

/// The word of a row that is found by its document: each has a few. Written so that no planner
/// takes the range of words for the way to it.
fn unindexed(table: &str) -> String {
    format!("({table}.word || '')")
}

/// A statement with its values. Its text is put together from fixed fragments; every value is bound.
struct Statement {
    sql: String,
    values: Vec<String>,
}

impl Statement {
    fn new(kind: Kind, sql: String) -> Self {
        let values = vec![kind.name().to_owned()];
        Self { sql, values }
    }

    fn bind(&mut self, value: impl Into<String>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// That a word matches a term. A term that nothing matches is false.
    fn matches(&mut self, word: &str, term: &Term) -> String {
        let mut any: Vec<String> = Vec::new();
        for prefix in &term.prefixes {
            let (from, to) = (self.bind(prefix), self.bind(format!("{prefix}{LAST}")));
            any.push(format!("({word} >= {from} AND {word} < {to})"));
        }
        if !term.words.is_empty() {
            let words: Vec<String> = term.words.iter().map(|w| self.bind(w)).collect();
            any.push(format!("{word} IN ({})", words.join(", ")));
        }
        match any.len() {
            0 => "1 = 0".to_owned(),
            _ => format!("({})", any.join(" OR ")),
        }
    }

    fn of(matching: &Matching) -> Self {
        let mut one = Self::new(matching.kind, String::new());
        let leading = one.matches("s.word", &matching.leading);
        let earlier = one.matches(&unindexed("e"), &matching.leading);
        let mut sql = format!(
            "SELECT s.word AS word, s.id AS id FROM search_words s WHERE s.kind = $1 AND {leading}"
        );
        // The others first: they leave few of which the first matching word is to be found.
        for other in &matching.others {
            let condition = one.matches(&unindexed("o"), other);
            let _ = write!(
                sql,
                " AND EXISTS (SELECT 1 FROM search_words o WHERE o.kind = $1 AND o.id = s.id \
                 AND {condition})"
            );
        }
        let _ = write!(
            sql,
            " AND NOT EXISTS (SELECT 1 FROM search_words e WHERE e.kind = $1 AND e.id = s.id \
             AND {} < s.word AND {earlier})",
            unindexed("e")
        );
        if let Some(after) = &matching.after {
            let (word, id) = (one.bind(&after.word), one.bind(&after.id));
            let _ = write!(sql, " AND (s.word, s.id) > ({word}, {id})");
        }
        let _ = write!(sql, " ORDER BY s.word, s.id LIMIT {}", matching.limit);
        one.sql = sql;
        one
    }
}

macro_rules! rows_of {
    ($pool:expr, $statement:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($statement.sql));
        for value in $statement.values {
            query = query.bind(value);
        }
        query.fetch_all($pool).await.map_err(unavailable)?
    }};
}

#[async_trait]
impl SearchIndex for Database {
    async fn matching(&self, matching: &Matching) -> Result<Vec<Match>, StoreError> {
        let statement = Statement::of(matching);
        macro_rules! matches {
            ($pool:expr) => {
                rows_of!($pool, statement)
                    .iter()
                    .map(|row| Match {
                        word: row.get("word"),
                        id: row.get("id"),
                    })
                    .collect()
            };
        }
        Ok(match &self.pools {
            Pools::Sqlite { read, .. } => matches!(read),
            Pools::Postgres(pool) => matches!(pool),
        })
    }

    async fn occurrences(&self, kind: Kind, term: &Term, cap: u32) -> Result<u64, StoreError> {
        let mut one = Statement::new(kind, String::new());
        let condition = one.matches("s.word", term);
        one.sql = format!(
            "SELECT COUNT(*) AS count FROM (SELECT 1 FROM search_words s WHERE s.kind = $1 \
             AND {condition} LIMIT {cap}) AS counted"
        );
        let count: i64 = match &self.pools {
            Pools::Sqlite { read, .. } => rows_of!(read, one)[0].get("count"),
            Pools::Postgres(pool) => rows_of!(pool, one)[0].get("count"),
        };
        Ok(count.unsigned_abs())
    }

    async fn words_like(&self, kind: Kind, variants: &[String]) -> Result<Vec<String>, StoreError> {
        let mut one = Statement::new(kind, String::new());
        let places: Vec<String> = variants.iter().map(|variant| one.bind(variant)).collect();
        if places.is_empty() {
            return Ok(Vec::new());
        }
        one.sql = format!(
            "SELECT word FROM search_variants WHERE kind = $1 AND variant IN ({})",
            places.join(", ")
        );
        Ok(match &self.pools {
            Pools::Sqlite { read, .. } => {
                let rows = rows_of!(read, one);
                rows.iter().map(|row| row.get("word")).collect()
            }
            Pools::Postgres(pool) => {
                let rows = rows_of!(pool, one);
                rows.iter().map(|row| row.get("word")).collect()
            }
        })
    }
}

impl Database {
    /// Fill the index from documents that were written before there was one.
    pub(super) async fn fill_index(&self) -> Result<(), StoreError> {
        const ANY: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM search_words LIMIT 1) AS first";
        let filled: i64 = match &self.pools {
            Pools::Sqlite { read, .. } => sqlx::query_scalar(ANY).fetch_one(read).await,
            Pools::Postgres(pool) => sqlx::query_scalar(ANY).fetch_one(pool).await,
        }
        .map_err(unavailable)?;
        if filled > 0 {
            return Ok(());
        }
        let mut rows = self.rows(Query::of(Kind::Patient));
        while let Some(row) = rows.try_next().await? {
            let words = words_of(&row).unwrap_or_default();
            match &self.pools {
                Pools::Sqlite { write, .. } => {
                    let mut transaction = write.begin().await.map_err(unavailable)?;
                    index_words!(transaction, row.kind, &row.id, words);
                    transaction.commit().await.map_err(unavailable)?;
                }
                Pools::Postgres(pool) => {
                    let mut transaction = pool.begin().await.map_err(unavailable)?;
                    index_words!(transaction, row.kind, &row.id, words);
                    transaction.commit().await.map_err(unavailable)?;
                }
            }
        }
        Ok(())
    }
}
