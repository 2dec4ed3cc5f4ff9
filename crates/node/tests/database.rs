//! The same tests on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test")]

mod postgres;

use std::sync::Arc;

use custody::model::document::{Batch, Expect, Kind, Query, Row, Write};
use custody::model::error::StoreError;
use custody::ports::store::Store;
use node::db::Database;
use postgres::Postgres;

fn row(id: &str, owner: &str, state: &str, due_at: u64) -> Row {
    Row {
        kind: Kind::Draft,
        id: id.into(),
        owner: owner.into(),
        state: state.into(),
        due_at,
        version: 0,
        body: vec![0, 255, 1],
    }
}

fn put(row: Row, expect: Expect) -> Write {
    Write::Put { row, expect }
}

async fn ids(database: &Database, query: Query) -> Vec<String> {
    database
        .list(&query, u32::MAX)
        .await
        .unwrap()
        .into_iter()
        .map(|r| r.id)
        .collect()
}

async fn behaves(database: &Database) {
    assert!(database.is_empty().await.unwrap());
    let batch = Batch(vec![
        put(row("b", "x", "open", 5), Expect::Absent),
        put(row("a", "x", "", 0), Expect::Absent),
        put(row("C", "y", "open", 9), Expect::Any),
    ]);
    database.apply(&batch).await.unwrap();
    assert!(!database.is_empty().await.unwrap());
    let read = database.get(Kind::Draft, "b").await.unwrap().unwrap();
    assert_eq!(
        read,
        Row {
            version: 1,
            ..row("b", "x", "open", 5)
        }
    );
    assert!(database.get(Kind::Record, "b").await.unwrap().is_none());

    // Ordered by bytes in either dialect; every filter, alone and together.
    assert_eq!(ids(database, Query::of(Kind::Draft)).await, ["C", "a", "b"]);
    assert_eq!(
        ids(database, Query::of(Kind::Draft).owner("x")).await,
        ["a", "b"]
    );
    assert_eq!(
        ids(database, Query::of(Kind::Draft).state("open")).await,
        ["C", "b"]
    );
    assert_eq!(ids(database, Query::of(Kind::Draft).due_by(5)).await, ["b"]);
    assert_eq!(
        ids(database, Query::of(Kind::Draft).after("C")).await,
        ["a", "b"]
    );
    let first = database.list(&Query::of(Kind::Draft).after("C"), 1).await;
    assert_eq!(first.unwrap()[0].id, "a");
    let all = Query::of(Kind::Draft)
        .owner("y")
        .state("open")
        .due_by(9)
        .after("B");
    assert_eq!(ids(database, all.clone()).await, ["C"]);
    for (query, count) in [
        (all, 1),
        (Query::of(Kind::Draft).owner("x"), 2),
        (Query::of(Kind::Draft).state("open"), 2),
        (Query::of(Kind::Record), 0),
    ] {
        assert_eq!(database.count(&query).await.unwrap(), count, "{query:?}");
    }

    // A version that is not there any more, and everything beside it, is refused.
    let stale = Batch(vec![
        put(row("new", "", "", 0), Expect::Absent),
        put(row("b", "x", "done", 0), Expect::Version(7)),
    ]);
    assert!(matches!(
        database.apply(&stale).await,
        Err(StoreError::Conflict { .. })
    ));
    assert!(database.get(Kind::Draft, "new").await.unwrap().is_none());
    let twice = Batch(vec![put(row("b", "", "", 0), Expect::Absent)]);
    assert!(matches!(
        database.apply(&twice).await,
        Err(StoreError::Conflict { .. })
    ));
    let next = Batch(vec![put(row("b", "x", "done", 0), Expect::Version(1))]);
    database.apply(&next).await.unwrap();
    assert_eq!(
        database
            .get(Kind::Draft, "b")
            .await
            .unwrap()
            .unwrap()
            .version,
        2
    );
    let gone = Batch(vec![Write::Delete {
        kind: Kind::Draft,
        id: "b".into(),
    }]);
    database.apply(&gone).await.unwrap();
    assert!(database.get(Kind::Draft, "b").await.unwrap().is_none());
}

/// Many writers count one document up; none of their steps is lost.
async fn races(database: Arc<Database>) {
    let start = Batch(vec![put(row("count", "", "0", 0), Expect::Absent)]);
    database.apply(&start).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let database = database.clone();
        writers.spawn(async move {
            for _ in 0..10 {
                loop {
                    let held = database.get(Kind::Draft, "count").await.unwrap().unwrap();
                    let count: u64 = held.state.parse().unwrap();
                    let next = row("count", "", &(count + 1).to_string(), 0);
                    let batch = Batch(vec![put(next, Expect::Version(held.version))]);
                    match database.apply(&batch).await {
                        Ok(()) => break,
                        Err(StoreError::Conflict { .. }) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            }
        });
    }
    writers.join_all().await;
    assert_eq!(
        database
            .get(Kind::Draft, "count")
            .await
            .unwrap()
            .unwrap()
            .state,
        "80"
    );
}

async fn goes_back(url: &str) {
    let database = Database::open(url).await.unwrap();
    database.revert().await.unwrap();
    assert!(database.is_empty().await.is_err(), "the table is gone");
    database.close().await;
    let again = Database::open(url).await.unwrap();
    assert!(again.is_empty().await.unwrap(), "and is made anew");
    again.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("node.db").display());
    let database = Arc::new(Database::open(&url).await.unwrap());
    behaves(&database).await;
    races(database.clone()).await;
    database.close().await;
    goes_back(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql() {
    let Some(server) = Postgres::start_or_skip("postgresql") else {
        return;
    };
    let database = Arc::new(Database::open(&server.url()).await.unwrap());
    behaves(&database).await;
    races(database.clone()).await;
    database.close().await;
    goes_back(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_there_after_the_file_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("node.db").display());
    let database = Database::open(&url).await.unwrap();
    let batch = Batch(vec![put(row("kept", "", "", 0), Expect::Absent)]);
    database.apply(&batch).await.unwrap();
    drop(database);
    let again = Database::open(&url).await.unwrap();
    assert!(again.get(Kind::Draft, "kept").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_another_process_locks_is_waited_for_and_then_named() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("node.db").display());
    let database = Database::open(&url).await.unwrap();
    let other = Database::open(&url).await.unwrap();
    let lock = other.hold_write_lock().await.unwrap();
    let batch = Batch(vec![put(row("late", "", "", 0), Expect::Absent)]);
    let refused = database.apply(&batch).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Unavailable(why) if why.contains("locked")),
        "{refused}"
    );
    drop(lock);
    database.apply(&batch).await.unwrap();
}
