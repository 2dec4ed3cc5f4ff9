//! Finding patients: the same on SQLite, on PostgreSQL and in memory.
#![allow(clippy::unwrap_used, reason = "a test")]

mod postgres;

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, U256};
use api::people::{PatientCard, PersonView};
use clinical::{PatientDemographics, Sex};
use custody::model::document::{Batch, Document as _, Kind};
use custody::model::patient::Patient;
use custody::model::search::{Term, may_mean, terms_of, variants};
use custody::ports::memory::store::MemoryStore;
use custody::ports::search::{Match, Matching};
use custody::ports::store::Store;
use node::db::Database;
use postgres::Postgres;

fn patient(number: u64, given: &str, family: &str, birth_date: &str) -> Patient {
    let person = PersonView {
        wallet: Address::left_padding_from(&number.to_be_bytes()),
        name: String::new(),
        statement: Default::default(),
        salt: B256::ZERO,
    };
    Patient {
        patient: B256::from(U256::from(number)),
        demographics: PatientDemographics {
            id: format!("MRN-{number}"),
            id_system: "urn:oid:1.2.3".into(),
            family: family.into(),
            given: vec![given.into()],
            birth_date: birth_date.into(),
            sex: Sex::Female,
        },
        card: PatientCard {
            person,
            salt: B256::ZERO,
        },
        enrolled_at: 1,
        errand: B256::ZERO,
    }
}

fn asked(terms: &[Term], leading: usize, after: Option<Match>, limit: u32) -> Matching {
    let mut others = terms.to_vec();
    Matching {
        kind: Kind::Patient,
        leading: others.remove(leading),
        others,
        after,
        limit,
    }
}

/// The numbers of the patients found, each term leading once.
async fn found(store: &dyn Store, wanted: &str) -> BTreeSet<u64> {
    let terms = terms_of(wanted);
    let mut answers = Vec::new();
    for leading in 0..terms.len() {
        let found = store
            .matching(&asked(&terms, leading, None, 1000))
            .await
            .unwrap();
        let numbers: BTreeSet<u64> = found.iter().map(number).collect();
        assert_eq!(numbers.len(), found.len(), "each once");
        answers.push(numbers);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "whichever leads: {wanted}");
    answers.remove(0)
}

fn number(found: &Match) -> u64 {
    u64::from_str_radix(&found.id[48..], 16).unwrap()
}

async fn behaves(store: &dyn Store) {
    let people = [
        patient(1, "Ada", "Müller", "1970-02-03"),
        patient(2, "Anna Annabel", "Mueller", "1971-02-03"),
        patient(3, "Annette", "Quackenbush", "1970-02-13"),
        patient(4, "Seán", "O'Brien-Łęcki", "2001-12-31"),
    ];
    let mut batch = Batch::new();
    for one in &people {
        batch.put(one).unwrap();
    }
    store.apply(&batch).await.unwrap();
    for (wanted, numbers) in [
        ("mull", vec![1]),
        ("MÜLL", vec![1, 2]),
        ("mueller", vec![1, 2]),
        ("ann", vec![2, 3]),
        ("mueller ann", vec![2]),
        ("annabel mueller", vec![2]),
        ("quack annette", vec![3]),
        ("1970-02", vec![1, 3]),
        ("3.2.1970", vec![1]),
        ("obrien", vec![4]),
        ("O'Brien sean", vec![4]),
        ("lecki", vec![4]),
        ("MRN-3", vec![3]),
        ("mrn3", vec![3]),
        ("nobody", vec![]),
    ] {
        assert_eq!(
            found(store, wanted).await,
            BTreeSet::from_iter(numbers),
            "{wanted}"
        );
    }
    for (typed, word) in [("quakcenbush", "quackenbush"), ("anette", "annette")] {
        let wanted: Vec<String> = variants(typed).into_iter().collect();
        let like = store.words_like(Kind::Patient, &wanted).await.unwrap();
        let like: BTreeSet<String> = like.into_iter().collect();
        let meant: Vec<_> = like
            .into_iter()
            .filter(|word| may_mean(typed, word))
            .collect();
        assert_eq!(meant, [word]);
    }

    // Page by page, the same as at once.
    let terms = terms_of("m");
    let all = store.matching(&asked(&terms, 0, None, 100)).await.unwrap();
    let mut paged: Vec<Match> = Vec::new();
    loop {
        let next = asked(&terms, 0, paged.last().cloned(), 1);
        let page = store.matching(&next).await.unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
    assert_eq!(all.len(), 4, "everybody's number begins with it");
    let often = store
        .occurrences(Kind::Patient, &terms[0], 3)
        .await
        .unwrap();
    assert_eq!(often, 3);

    // A changed name is found, the former one is not, and leaves nothing behind.
    let married = patient(3, "Annette", "Smith", "1970-02-13");
    let mut batch = Batch::new();
    batch.put(&married).unwrap();
    batch.delete::<Patient>(people[0].id());
    store.apply(&batch).await.unwrap();
    assert!(found(store, "quackenbush").await.is_empty());
    assert_eq!(found(store, "smith").await, BTreeSet::from([3]));
    assert_eq!(found(store, "mueller").await, BTreeSet::from([2]));
    let gone: Vec<String> = variants("quackenbush").into_iter().collect();
    assert!(
        store
            .words_like(Kind::Patient, &gone)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn in_memory() {
    behaves(&MemoryStore::new()).await;
}

#[tokio::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("stele.db").display());
    behaves(&Database::open(&url).await.unwrap()).await;
}

#[tokio::test]
async fn on_postgres() {
    let Some(server) = Postgres::start_or_skip("patients on PostgreSQL") else {
        return;
    };
    behaves(&Database::open(&server.url()).await.unwrap()).await;
}
