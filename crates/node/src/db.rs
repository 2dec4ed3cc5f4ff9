//! The database: one layer of SQL for SQLite and PostgreSQL.
//!
//! Both understand the same statements here (`$1` parameters, `ON CONFLICT`), so that every query is
//! written once; only the migrations differ by dialect. SQLite runs with a write-ahead log and
//! `synchronous = FULL`, which makes a commit durable before it is acknowledged, and with a single
//! writing connection, since it takes one writer at a time anyway and a queue is fairer than a
//! busy loop.

mod search;

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use custody::model::document::{Batch, Expect, Kind, Query, Row, Write};
use custody::model::error::StoreError;
use custody::model::search::words_of;
use custody::ports::store::Store;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqlSafeStr as _};

use search::index_words;

/// The migrations of one database, in order, each with how it is undone. sqlx's own macro would
/// build both drivers a second time, for the compiler.
macro_rules! migrations {
    ($database:literal) => {
        Migrator::with_migrations(vec![
            migration(
                1,
                "documents",
                MigrationType::ReversibleUp,
                include_str!(concat!(
                    "../migrations/",
                    $database,
                    "/0001_documents.up.sql"
                )),
            ),
            migration(
                1,
                "documents",
                MigrationType::ReversibleDown,
                include_str!(concat!(
                    "../migrations/",
                    $database,
                    "/0001_documents.down.sql"
                )),
            ),
            migration(
                2,
                "search",
                MigrationType::ReversibleUp,
                include_str!(concat!("../migrations/", $database, "/0002_search.up.sql")),
            ),
            migration(
                2,
                "search",
                MigrationType::ReversibleDown,
                include_str!(concat!(
                    "../migrations/",
                    $database,
                    "/0002_search.down.sql"
                )),
            ),
        ])
    };
}
static SQLITE: LazyLock<Migrator> = LazyLock::new(|| migrations!("sqlite"));
static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| migrations!("postgres"));

fn migration(
    version: i64,
    name: &'static str,
    kind: MigrationType,
    sql: &'static str,
) -> Migration {
    Migration::new(version, name.into(), kind, sql.into_sql_str(), false)
}

const INSERT: &str = "INSERT INTO documents (kind, id, owner, state, due_at, version, body) \
     VALUES ($1, $2, $3, $4, $5, 1, $6) ON CONFLICT (kind, id) DO NOTHING";
const UPSERT: &str = "INSERT INTO documents (kind, id, owner, state, due_at, version, body) \
     VALUES ($1, $2, $3, $4, $5, 1, $6) ON CONFLICT (kind, id) DO UPDATE SET \
     owner = excluded.owner, state = excluded.state, due_at = excluded.due_at, \
     body = excluded.body, version = documents.version + 1";
const UPDATE: &str = "UPDATE documents SET owner = $3, state = $4, due_at = $5, body = $6, \
     version = version + 1 WHERE kind = $1 AND id = $2 AND version = $7";
const DELETE: &str = "DELETE FROM documents WHERE kind = $1 AND id = $2";
const SELECT: &str = "SELECT id, owner, state, due_at, version, body FROM documents";

/// How long a writer waits for another process's lock before it gives up.
const BUSY: Duration = Duration::from_secs(5);

/// The database of one node.
#[derive(Clone, Debug)]
pub struct Database {
    pools: Pools,
}

/// SQLite's write lock, until it is dropped.
pub struct WriteLock {
    _lock: sqlx::Transaction<'static, sqlx::Sqlite>,
}

#[derive(Clone, Debug)]
enum Pools {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

impl Database {
    /// Open the database at `url` (`sqlite:PATH` or `postgres://…`) and bring its schema up to date.
    /// A SQLite file is created if it is not there.
    ///
    /// # Errors
    /// If it cannot be reached, or if its schema was made by a newer program.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let pools = if url.starts_with("sqlite:") {
            open_sqlite(url).await?
        } else {
            open_postgres(url).await?
        };
        let database = Self { pools };
        database
            .migrate()
            .await
            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
        database.fill_index().await?;
        Ok(database)
    }

    async fn migrate(&self) -> Result<(), MigrateError> {
        match &self.pools {
            Pools::Sqlite { write, .. } => SQLITE.run(write).await,
            Pools::Postgres(pool) => POSTGRES.run(pool).await,
        }
    }

    /// Undo every migration: the schema is gone afterwards, and the data with it.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn revert(&self) -> Result<(), StoreError> {
        let undone = match &self.pools {
            Pools::Sqlite { write, .. } => SQLITE.undo(write, 0).await,
            Pools::Postgres(pool) => POSTGRES.undo(pool, 0).await,
        };
        undone.map_err(|e| StoreError::Unavailable(e.to_string()))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match &self.pools {
            Pools::Sqlite { read, .. } => sqlx::query("SELECT 1").execute(read).await.map(|_| ()),
            Pools::Postgres(pool) => sqlx::query("SELECT 1").execute(pool).await.map(|_| ()),
        }
        .map_err(unavailable)
    }

    /// Take SQLite's write lock and keep it until the answer is dropped: no other process writes
    /// meanwhile. Backups that copy files use it; PostgreSQL has its own means and gives none.
    ///
    /// # Errors
    /// If the lock cannot be had, or the database is PostgreSQL.
    pub async fn hold_write_lock(&self) -> Result<WriteLock, StoreError> {
        let Pools::Sqlite { write, .. } = &self.pools else {
            return Err(StoreError::Unavailable(
                "PostgreSQL is not locked as a whole".to_owned(),
            ));
        };
        let lock = write
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(unavailable)?;
        Ok(WriteLock { _lock: lock })
    }

    /// Whether nothing is stored yet.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        const ANY: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM documents LIMIT 1) AS first";
        let count: i64 = match &self.pools {
            Pools::Sqlite { read, .. } => sqlx::query_scalar(ANY).fetch_one(read).await,
            Pools::Postgres(pool) => sqlx::query_scalar(ANY).fetch_one(pool).await,
        }
        .map_err(unavailable)?;
        Ok(count == 0)
    }

    /// Wait for open queries and close.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(url: &str) -> Result<Pools, StoreError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(unavailable)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY);
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(BUSY)
        .connect_with(options.clone())
        .await
        .map_err(unavailable)?;
    let read = SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(BUSY)
        .connect_with(options)
        .await
        .map_err(unavailable)?;
    Ok(Pools::Sqlite { read, write })
}

async fn open_postgres(url: &str) -> Result<Pools, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(unavailable)?;
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .acquire_timeout(BUSY)
        .connect_with(options)
        .await
        .map_err(unavailable)?;
    Ok(Pools::Postgres(pool))
}

fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// The statement of a [`Query`] that begins with `what`, and the number of its next parameter. Its text
/// is put together from fixed fragments alone; every value is bound as a parameter, by `bound!`.
fn statement(what: &str, query: &Query) -> (String, usize) {
    let mut sql = format!("{what} WHERE kind = $1");
    let mut next = 2;
    let mut and = |condition: &str, wanted: bool| {
        if wanted {
            sql.push_str(&condition.replace('?', &format!("${next}")));
            next += 1;
        }
    };
    and(" AND owner <> '' AND owner = ?", query.owner.is_some());
    and(" AND state <> '' AND state = ?", query.state.is_some());
    and(" AND due_at > 0 AND due_at <= ?", query.due_by.is_some());
    and(" AND id > ?", query.after.is_some());
    (sql, next)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The same statements run on either kind of connection; generics over sqlx's databases would need
/// a page of bounds for the same.
macro_rules! on_either {
    ($pools:expr, $which:ident, $connection:ident => $body:expr) => {
        match $pools {
            Pools::Sqlite { read, write } => {
                let $connection = on_either!(@pick $which, read, write);
                $body
            }
            Pools::Postgres(pool) => {
                let $connection = pool;
                $body
            }
        }
    };
    (@pick read, $read:ident, $write:ident) => {{ let _ = $write; $read }};
    (@pick write, $read:ident, $write:ident) => {{ let _ = $read; $write }};
}

macro_rules! bound {
    ($sql:expr, $query:expr) => {{
        let mut bound = sqlx::query(AssertSqlSafe($sql)).bind($query.kind.name());
        if let Some(owner) = &$query.owner {
            bound = bound.bind(owner);
        }
        if let Some(state) = &$query.state {
            bound = bound.bind(state);
        }
        if let Some(due) = $query.due_by {
            bound = bound.bind(signed(due));
        }
        if let Some(after) = &$query.after {
            bound = bound.bind(after);
        }
        bound
    }};
}

macro_rules! row_of {
    ($kind:expr, $row:expr) => {
        Row {
            kind: $kind,
            id: $row.get("id"),
            owner: $row.get("owner"),
            state: $row.get("state"),
            due_at: $row.get::<i64, _>("due_at").unsigned_abs(),
            version: $row.get::<i64, _>("version").unsigned_abs(),
            body: $row.get("body"),
        }
    };
}

macro_rules! run_batch {
    ($transaction:ident, $batch:expr) => {{
        for write in &$batch.0 {
            match write {
                Write::Put { row, expect } => {
                    let sql = match expect {
                        Expect::Absent => INSERT,
                        Expect::Any => UPSERT,
                        Expect::Version(_) => UPDATE,
                    };
                    let mut put = sqlx::query(sql)
                        .bind(row.kind.name())
                        .bind(&row.id)
                        .bind(&row.owner)
                        .bind(&row.state)
                        .bind(signed(row.due_at))
                        .bind(&row.body);
                    if let Expect::Version(version) = expect {
                        put = put.bind(signed(*version));
                    }
                    let done = put.execute(&mut *$transaction).await.map_err(unavailable)?;
                    if done.rows_affected() == 0 {
                        return Err(StoreError::Conflict {
                            kind: row.kind.name(),
                            id: row.id.clone(),
                        });
                    }
                    if let Some(words) = words_of(row) {
                        index_words!($transaction, row.kind, &row.id, words);
                    }
                }
                Write::Delete { kind, id } => {
                    sqlx::query(DELETE)
                        .bind(kind.name())
                        .bind(id)
                        .execute(&mut *$transaction)
                        .await
                        .map_err(unavailable)?;
                    if *kind == Kind::Patient {
                        index_words!($transaction, kind, id, BTreeSet::new());
                    }
                }
            }
        }
        $transaction.commit().await.map_err(unavailable)
    }};
}

async fn apply_sqlite(
    connection: &mut sqlx::SqliteConnection,
    batch: &Batch,
) -> Result<(), StoreError> {
    // IMMEDIATE takes the write lock at once: a transaction that has to be upgraded later would
    // fail instead of waiting.
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(unavailable)?;
    run_batch!(transaction, batch)
}

#[async_trait]
impl Store for Database {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Row>, StoreError> {
        const ONE: &str = "SELECT id, owner, state, due_at, version, body FROM documents \
             WHERE kind = $1 AND id = $2";
        on_either!(&self.pools, read, pool => {
            let row = sqlx::query(ONE).bind(kind.name()).bind(id).fetch_optional(pool).await;
            Ok(row.map_err(unavailable)?.map(|row| row_of!(kind, row)))
        })
    }

    async fn get_several(&self, kind: Kind, ids: &[String]) -> Result<Vec<Row>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (2..ids.len() + 2).map(|n| format!("${n}")).collect();
        let sql = format!("{SELECT} WHERE kind = $1 AND id IN ({})", places.join(", "));
        on_either!(&self.pools, read, pool => {
            let mut several = sqlx::query(AssertSqlSafe(sql)).bind(kind.name());
            for id in ids {
                several = several.bind(id);
            }
            let rows = several.fetch_all(pool).await.map_err(unavailable)?;
            Ok(rows.iter().map(|row| row_of!(kind, row)).collect())
        })
    }

    async fn list(&self, query: &Query, limit: u32) -> Result<Vec<Row>, StoreError> {
        let (sql, next) = statement(SELECT, query);
        let sql = format!("{sql} ORDER BY id LIMIT ${next}");
        on_either!(&self.pools, read, pool => {
            let list = bound!(sql, query).bind(i64::from(limit));
            let rows = list.fetch_all(pool).await.map_err(unavailable)?;
            Ok(rows.iter().map(|row| row_of!(query.kind, row)).collect())
        })
    }

    async fn count(&self, query: &Query) -> Result<u64, StoreError> {
        let (sql, _) = statement("SELECT COUNT(*) AS count FROM documents", query);
        on_either!(&self.pools, read, pool => {
            let row = bound!(sql, query).fetch_one(pool).await.map_err(unavailable)?;
            Ok(row.get::<i64, _>("count").unsigned_abs())
        })
    }

    async fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        match &self.pools {
            Pools::Sqlite { write, .. } => {
                let mut connection = write.acquire().await.map_err(unavailable)?;
                let applied = apply_sqlite(&mut connection, batch).await;
                if matches!(applied, Err(StoreError::Unavailable(_))) {
                    // After a full disk SQLite has ended the transaction by itself, which sqlx
                    // does not know: every later one on this connection would fail.
                    connection.close_on_drop();
                }
                applied
            }
            Pools::Postgres(pool) => {
                let mut transaction = pool.begin().await.map_err(unavailable)?;
                run_batch!(transaction, batch)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn large(id: &str) -> Batch {
        let row = Row {
            kind: Kind::Index,
            id: id.to_owned(),
            owner: String::new(),
            state: String::new(),
            due_at: 0,
            version: 0,
            body: vec![7; 1 << 20],
        };
        let expect = Expect::Any;
        Batch(vec![Write::Put { row, expect }])
    }

    #[tokio::test]
    async fn a_full_disk_does_not_outlast_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stele.db");
        let database = Database::open(&format!("sqlite:{}", path.display()))
            .await
            .unwrap();
        let Pools::Sqlite { write, .. } = &database.pools else {
            panic!("SQLite was asked for");
        };
        // The limit belongs to the one connection that writes.
        sqlx::query("PRAGMA max_page_count = 100")
            .execute(write)
            .await
            .unwrap();
        let full = database.apply(&large("a")).await.unwrap_err();
        assert!(full.to_string().contains("full"), "{full}");
        for id in ["a", "b"] {
            database.apply(&large(id)).await.unwrap();
            assert!(database.get(Kind::Index, id).await.unwrap().is_some());
        }
    }
}
