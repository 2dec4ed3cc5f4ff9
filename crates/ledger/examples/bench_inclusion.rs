//! How long it takes to make and to verify the proof that an entry is in a log, by the size of the
//! log: `cargo run --release -p ledger --example bench_inclusion [-- --json]`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use ledger::log::{Entry, EntryProof, MemoryLog, Origin, entry_digest};
use ledger::{Error, Log, Result};

/// One size of log.
struct Row {
    entries: u64,
    path: usize,
    bytes: usize,
    append: Duration,
    prove: Duration,
    verify: Duration,
    verify_signed: Duration,
}

fn digest(n: u64) -> alloy_primitives::B256 {
    let mut salt = [0; 32];
    salt[..8].copy_from_slice(&n.to_be_bytes());
    entry_digest(
        &salt,
        b"an entry of usual length: who opened what, when and for which purpose",
    )
}

/// Mean time of one of `n` runs.
fn time<T>(n: u64, mut run: impl FnMut(u64) -> T) -> Duration {
    let begin = Instant::now();
    for i in 0..n {
        black_box(run(i));
    }
    begin.elapsed() / u32::try_from(n).unwrap_or(u32::MAX)
}

async fn measure(entries: u64) -> Result<Row> {
    let key = acts::WalletKey::from_bytes(&[7; 32])?;
    let origin = Origin {
        chain_id: 1,
        contract: Address::repeat_byte(1),
        institution: key.address(),
    };
    let log = Log::open(Arc::new(MemoryLog::default()), origin).await?;
    let begin = Instant::now();
    for n in 0..entries {
        log.append(Entry {
            digest: digest(n),
            payload: Default::default(),
        })
        .await?;
    }
    let append = begin.elapsed() / u32::try_from(entries).unwrap_or(u32::MAX);
    let root = log.checkpoint(&key).await?.root;

    // Entries spread over the log.
    let places: Vec<u64> = (0..64).map(|i| (i * 2_654_435_761) % entries).collect();
    let mut proofs: Vec<EntryProof> = Vec::new();
    let begin = Instant::now();
    for index in &places {
        let proof = log.prove(*index).await?;
        proofs.push(proof.ok_or_else(|| Error::store("no checkpoint covers the entry"))?);
    }
    let prove = begin.elapsed() / 64;
    let leaves: Vec<_> = places
        .iter()
        .map(|n| ledger::log::merkle::leaf_hash(digest(*n).as_slice()))
        .collect();
    let inclusions: Vec<_> = proofs.iter().map(EntryProof::inclusion).collect();
    let mut failed = 0;
    let verify = time(20_000, |i| {
        let at = (i % 64) as usize;
        failed += usize::from(inclusions[at].verify(&leaves[at], &root).is_err());
    });
    let verify_signed = time(640, |i| {
        let at = (i % 64) as usize;
        failed += usize::from(proofs[at].verify(&digest(places[at])).is_err());
    });
    if failed > 0 {
        return Err(Error::store("a proof did not verify"));
    }
    Ok(Row {
        entries,
        path: proofs[0].path.len(),
        bytes: proofs[0].to_text().len(),
        append,
        prove,
        verify,
        verify_signed,
    })
}

fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1000.0
}

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout)]
async fn main() -> Result<()> {
    let as_json = std::env::args().any(|argument| argument == "--json");
    let mut rows = Vec::new();
    for entries in [1_000, 10_000, 100_000, 1_000_000] {
        rows.push(measure(entries).await?);
    }
    if as_json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "entries": row.entries,
                    "path": row.path,
                    "proof_bytes": row.bytes,
                    "append_us": micros(row.append),
                    "prove_us": micros(row.prove),
                    "verify_us": micros(row.verify),
                    "verify_signed_us": micros(row.verify_signed),
                })
            })
            .collect();
        println!("{}", serde_json::json!({ "inclusion": rows }));
        return Ok(());
    }
    println!("Inclusion proofs, in memory, one thread; times in microseconds");
    println!(
        "| entries | path | proof, bytes | append | prove | verify path | verify path and signature |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for row in rows {
        println!(
            "| {} | {} | {} | {:.2} | {:.1} | {:.2} | {:.1} |",
            row.entries,
            row.path,
            row.bytes,
            micros(row.append),
            micros(row.prove),
            micros(row.verify),
            micros(row.verify_signed),
        );
    }
    Ok(())
}
