//! A record's way through real processes, timed: uploads by size with the share of each stage, and
//! opens per second. `cargo bench -p stele --bench journey [-- --json]`.
//!
//! Three hospitals' nodes and an Ethereum node run on this one machine and share its cores with
//! the clients, so that a hospital with machines of its own has more.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends where a step fails"
)]

#[allow(dead_code, reason = "tests play more of it")]
#[path = "../tests/scene/mod.rs"]
mod scene;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use client::session::Session;
use custody::model::upload::NewUpload;
use record::grant::NewGrant;
use record::{Purpose, Recipient};
use scene::Scene;
use serde_json::{Value, json};

const SETTLE: Duration = Duration::from_secs(120);
/// Sizes and how often each is uploaded.
const SIZES: [(f64, usize); 4] = [(0.1, 40), (1.0, 40), (10.0, 20), (100.0, 6)];
const CLIENTS: [usize; 3] = [1, 8, 64];
const OPENING: Duration = Duration::from_secs(10);

/// A picture of one pixel that carries so many bytes beside it, random so that nothing compresses
/// or repeats.
fn picture(bytes: usize, seed: u64) -> Vec<u8> {
    const PIXEL: &str = "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c48\
                         90000000d4944415478da6364f8cf500f00038601805a347d6b0000000049454e44ae426082";
    let pixel = hex::decode(PIXEL).unwrap();
    let end = pixel.len() - 12;
    let mut chunk = b"stPd".to_vec();
    let mut state = seed | 1;
    while chunk.len() < bytes {
        // xorshift64: quick, and good enough to be incompressible.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        chunk.extend_from_slice(&state.to_le_bytes());
    }
    let mut picture = pixel[..end].to_vec();
    picture.extend_from_slice(&u32::try_from(chunk.len() - 4).unwrap().to_be_bytes());
    picture.extend_from_slice(&chunk);
    picture.extend_from_slice(&crc32fast::hash(&chunk).to_be_bytes());
    picture.extend_from_slice(&pixel[end..]);
    picture
}

fn at(sorted: &[f64], share: f64) -> f64 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

struct People {
    doctor: Session,
    patient: Session,
    commitment: B256,
}

async fn uploads(people: &People) -> Vec<Value> {
    let mut rows = Vec::new();
    for (mib, times) in SIZES {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let bytes = (mib * f64::from(1 << 20)) as usize;
        let (mut whole, mut draft_time, mut sign_time) = (Vec::new(), 0.0, 0.0);
        for time in 0..times {
            let seed = u64::try_from(bytes + time).unwrap();
            let new = NewUpload {
                patient: people.commitment,
                title: format!("{mib} MiB, {time}"),
                report: "No fracture is seen.".into(),
                file: client::session::file("DX", "", picture(bytes, seed)),
                corrects: None,
            };
            let start = Instant::now();
            let draft = people.doctor.upload(&new, &new.title).await.unwrap();
            let drafted = start.elapsed().as_secs_f64();
            people
                .doctor
                .sign_upload(&draft, new.patient)
                .await
                .unwrap();
            let acknowledged = start.elapsed().as_secs_f64();
            whole.push(acknowledged);
            draft_time += drafted;
            sign_time += acknowledged - drafted;
        }
        let whole = sorted(whole);
        rows.push(json!({
            "mib": mib,
            "uploads": times,
            "p50_ms": (at(&whole, 0.5) * 1e3).round(),
            "p99_ms": (at(&whole, 0.99) * 1e3).round(),
            "share_send_read_seal_keep": (draft_time / (draft_time + sign_time) * 100.0).round(),
            "share_sign_replicate_acknowledge": (sign_time / (draft_time + sign_time) * 100.0).round(),
        }));
    }
    rows
}

/// A grant of the image of the smallest upload to somebody at another hospital.
async fn granted(people: &People, recipient: alloy_primitives::Address) -> B256 {
    let pending = people.patient.pending().await.unwrap();
    let opened = people.patient.open_version(&pending[0]).await.unwrap();
    let approved = people
        .patient
        .approve(&pending[0], &opened, "bench")
        .await
        .unwrap();
    people
        .patient
        .settle(approved.act.unwrap(), SETTLE)
        .await
        .unwrap();
    let controller = people.patient.records().await.unwrap()[0].controller;
    let now = node::now();
    let new = NewGrant {
        recipient: Recipient::Person(recipient),
        controller,
        commitment: B256::ZERO,
        parts: vec!["image".into()],
        purpose: Purpose::Treatment,
        from: now,
        until: now + 86_400,
        request: None,
    };
    let view = people.patient.grant(new).await.unwrap();
    people
        .patient
        .settle(view.act.unwrap(), SETTLE)
        .await
        .unwrap();
    view.grant
}

/// Wait until the patient's hospital has brought the grant to the recipient's.
async fn brought(specialist: &Session, grant: B256) {
    let start = Instant::now();
    while let Err(error) = specialist.open(grant).await {
        let coming = error.code() == Some("not_found") && start.elapsed() < SETTLE;
        assert!(coming, "{grant}: {error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Opens, each with its log entry, its question to the chain and the client's verification.
async fn opens(specialist: &Arc<Session>, grant: B256) -> Vec<Value> {
    let mut rows = Vec::new();
    for clients in CLIENTS {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        let tasks: Vec<_> = (0..clients)
            .map(|_| {
                let (session, stop, done) = (specialist.clone(), stop.clone(), done.clone());
                tokio::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        session.open(grant).await.unwrap();
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        tokio::time::sleep(OPENING).await;
        stop.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.unwrap();
        }
        #[allow(clippy::cast_precision_loss)]
        let rate = done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
        rows.push(json!({ "clients": clients, "opens_per_second": (rate * 10.0).round() / 10.0 }));
    }
    rows
}

/// Benchmarks ask as often as they can, which the limit of a hospital's node is there to refuse.
async fn unlimited(scene: &mut Scene) {
    for node in &mut scene.nodes {
        let path = node.folder.join("stele.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let limited = "requests_per_minute = 1200";
        assert!(text.contains(limited), "{text}");
        let text = text.replace(limited, "requests_per_minute = 4000000000");
        std::fs::write(&path, text).unwrap();
        node.kill();
        node.start().await;
    }
}

#[tokio::main]
async fn main() {
    let Some(mut scene) = Scene::set("journey") else {
        return;
    };
    unlimited(&mut scene).await;
    let home = &scene.nodes[0];
    let patient = home.session(&scene.keys("patient")).await;
    let card = patient.patient_card().unwrap();
    let people = People {
        commitment: card.commitment(patient.card().institution),
        doctor: home.session(&scene.keys("doctor")).await,
        patient,
    };
    let uploads = uploads(&people).await;
    let keys = scene.keys("specialist");
    let grant = granted(&people, keys.address()).await;
    let specialist = Arc::new(scene.nodes[1].session(&keys).await);
    brought(&specialist, grant).await;
    let opens = opens(&specialist, grant).await;
    if std::env::args().any(|argument| argument == "--json") {
        println!("{:#}", json!({ "uploads": uploads, "opens": opens }));
        return;
    }
    print(&uploads, &opens);
}

fn print(uploads: &[Value], opens: &[Value]) {
    println!(
        "Upload to acknowledged, 3 hospitals, quorum 2; p99 is the slowest where uploads < 100"
    );
    println!("| MiB | uploads | p50, ms | p99, ms | send, read, seal, keep | sign, replicate |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for row in uploads {
        println!(
            "| {} | {} | {} | {} | {} % | {} % |",
            row["mib"],
            row["uploads"],
            row["p50_ms"],
            row["p99_ms"],
            row["share_send_read_seal_keep"],
            row["share_sign_replicate_acknowledge"]
        );
    }
    println!("\nOpens on one node");
    println!("| clients | opens/s |\n| ---: | ---: |");
    for row in opens {
        println!("| {} | {} |", row["clients"], row["opens_per_second"]);
    }
}
