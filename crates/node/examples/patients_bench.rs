//! How long it takes to find one of 100,000 patients, on SQLite and on PostgreSQL: the use case as
//! the route calls it, without HTTP. Names are drawn from syllables, so that there are as many
//! different ones as in a large hospital; numbers and birth dates are drawn too.
//!
//! `make patients-bench`, or `cargo run -p node --example patients_bench [PATIENTS]`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints its figures, and says what failed and ends"
)]

#[path = "../tests/postgres/mod.rs"]
mod postgres;

use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, U256};
use api::people::{PatientCard, PersonView};
use clinical::{PatientDemographics, Sex};
use custody::model::document::Batch;
use custody::model::patient::Patient;
use custody::ports::store::Store as _;
use custody::uses::people::find::{Found, find};
use node::db::Database;
use postgres::Postgres;

const SYLLABLES: [&str; 40] = [
    "an", "ber", "car", "do", "el", "fa", "gar", "hei", "in", "jo", "ka", "lin", "mar", "ne", "or",
    "pe", "quin", "ro", "sen", "ti", "ul", "vi", "wal", "xa", "yo", "zel", "brun", "cle", "dor",
    "eck", "fried", "glen", "hart", "is", "kow", "lund", "mann", "nov", "stein", "son",
];

/// Numbers that look random and are the same each time (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn name(&mut self, syllables: usize) -> String {
        (0..syllables)
            .map(|_| SYLLABLES[self.below(SYLLABLES.len())])
            .collect()
    }
}

fn patient(number: u64, draw: &mut Draw) -> Patient {
    let (year, month, day) = (
        1930 + draw.below(90),
        1 + draw.below(12),
        1 + draw.below(28),
    );
    // Given names are few, family names many.
    let given = draw.below(2000);
    let given = Draw(given as u64).name(2);
    Patient {
        patient: B256::from(U256::from(number)),
        demographics: PatientDemographics {
            id: format!("MRN-{:07}", number * 37),
            id_system: "urn:oid:1.2.3".into(),
            family: draw.name(3),
            given: vec![given],
            birth_date: format!("{year}-{month:02}-{day:02}"),
            sex: Sex::Other,
        },
        card: PatientCard {
            person: PersonView {
                wallet: Address::left_padding_from(&number.to_be_bytes()),
                name: String::new(),
                statement: Default::default(),
                salt: B256::ZERO,
            },
            salt: B256::ZERO,
        },
        enrolled_at: 1,
        errand: B256::ZERO,
    }
}

fn percentile(times: &[Duration], percent: usize) -> f64 {
    times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3
}

/// A name with two letters swapped in its middle.
fn mistyped(name: &str) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    let middle = letters.len() / 2;
    letters.swap(middle, middle - 1);
    letters.into_iter().collect()
}

async fn measure(name: &str, database: &Database, count: u64) {
    let mut draw = Draw(1);
    let people: Vec<Patient> = (0..count)
        .map(|number| patient(number, &mut draw))
        .collect();
    let begun = Instant::now();
    for chunk in people.chunks(2000) {
        let mut batch = Batch::new();
        for one in chunk {
            batch.put(one).unwrap();
        }
        database.apply(&batch).await.unwrap();
    }
    println!(
        "{name}: {count} patients in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    type Ask = fn(&PatientDemographics) -> String;
    let asks: [(&str, Ask); 8] = [
        ("one letter", |p| p.family[..1].to_owned()),
        ("three letters", |p| p.family[..3].to_owned()),
        ("family name", |p| p.family.clone()),
        ("given and family name", |p| {
            format!("{} {}", p.given[0], p.family)
        }),
        ("two beginnings", |p| {
            format!("{} {}", &p.given[0][..2], &p.family[..2])
        }),
        ("family name mistyped", |p| mistyped(&p.family)),
        ("number", |p| p.id.clone()),
        ("birth date", |p| p.birth_date.clone()),
    ];
    for (what, ask) in asks {
        let mut times = Vec::new();
        let mut hits = 0;
        for _ in 0..200 {
            let one = &people[draw.below(people.len())];
            let wanted = ask(&one.demographics);
            let begun = Instant::now();
            let Found { patients, .. } = find(database, &wanted, None, 50).await.unwrap();
            times.push(begun.elapsed());
            hits += usize::from(!patients.is_empty());
        }
        times.sort();
        println!(
            "{name}: {what}: p50 {:.2} ms, p95 {:.2} ms, found {hits} of 200",
            percentile(&times, 50),
            percentile(&times, 95)
        );
    }
}

#[tokio::main]
async fn main() {
    let count = std::env::args()
        .nth(1)
        .map_or(100_000, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("stele.db").display());
    measure("SQLite", &Database::open(&url).await.unwrap(), count).await;
    if let Some(server) = Postgres::start_or_skip("PostgreSQL") {
        measure(
            "PostgreSQL",
            &Database::open(&server.url()).await.unwrap(),
            count,
        )
        .await;
    }
}
