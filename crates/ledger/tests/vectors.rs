//! The log against an independent implementation (Python, from the RFC's recursive definitions)
//! and the reference vectors of Certificate Transparency.
// Helpers of tests fail like tests do.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::sync::Arc;

use alloy_primitives::{Address, B256, hex};
use ledger::log::merkle::{leaf_hash, node_hash};
use ledger::log::tile::Resource;
use ledger::log::{
    ConsistencyProof, Entry, InclusionProof, LogStore, MemoryLog, Origin, entry_digest,
};
use ledger::testing::key;
use ledger::{Log, SignedCheckpoint};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn vectors() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/vectors/log.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn hash(value: &Value) -> B256 {
    value.as_str().unwrap().parse().unwrap()
}

fn path(value: &Value) -> Vec<B256> {
    value["path"].as_array().unwrap().iter().map(hash).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[test]
fn roots_and_proofs_of_the_certificate_transparency_vectors() {
    // As the reference implementation of RFC 6962 publishes them.
    let published = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let vectors = vectors();
    let tree = &vectors["certificate_transparency"];
    let roots: Vec<B256> = tree["roots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|root| hash(&root["root"]))
        .collect();
    for (size, root) in published.iter().enumerate() {
        assert_eq!(hex::encode(roots[size]), *root, "size {size}");
    }
    let leaves: Vec<B256> = tree["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| leaf_hash(&hex::decode(entry.as_str().unwrap()).unwrap()))
        .collect();
    assert_eq!(node_hash(&leaves[0], &leaves[1]), roots[2]);
    for proof in tree["inclusion"].as_array().unwrap() {
        let (index, size) = (number(&proof["index"]), number(&proof["size"]));
        let inclusion = InclusionProof {
            index,
            size,
            path: path(proof),
        };
        inclusion
            .verify(&leaves[index as usize], &roots[size as usize])
            .unwrap();
    }
    for proof in tree["consistency"].as_array().unwrap() {
        let (old, new) = (number(&proof["old"]), number(&proof["new"]));
        let consistency = ConsistencyProof {
            old,
            new,
            path: path(proof),
        };
        consistency
            .verify(&roots[old as usize], &roots[new as usize])
            .unwrap();
    }
}

async fn log_of_700() -> (Log, Arc<MemoryLog>) {
    let origin = Origin {
        chain_id: 31337,
        contract: Address::repeat_byte(0xab),
        institution: key("hospital").address(),
    };
    let store = Arc::new(MemoryLog::default());
    let log = Log::open(store.clone(), origin).await.unwrap();
    for number in 0..700 {
        let salt: [u8; 32] = Sha256::digest(format!("salt {number}")).into();
        let digest = entry_digest(&salt, format!("entry {number}").as_bytes());
        let index = log
            .append(Entry {
                digest,
                payload: Default::default(),
            })
            .await
            .unwrap();
        assert_eq!(index, number);
    }
    (log, store)
}

#[tokio::test]
async fn the_log_makes_the_same_digests_roots_proofs_and_tiles() {
    let vectors = vectors();
    for entry in vectors["digests"].as_array().unwrap() {
        let bytes = hex::decode(entry["entry"].as_str().unwrap()).unwrap();
        assert_eq!(
            entry_digest(&hash(&entry["salt"]), &bytes),
            hash(&entry["digest"])
        );
    }
    let expected = &vectors["log"];
    let (log, _) = log_of_700().await;
    log.checkpoint(&key("hospital")).await.unwrap();
    assert_eq!(log.root(700).await.unwrap(), hash(&expected["root"]));
    for root in expected["roots"].as_array().unwrap() {
        assert_eq!(
            log.root(number(&root["size"])).await.unwrap(),
            hash(&root["root"])
        );
    }
    for proof in expected["inclusion"].as_array().unwrap() {
        let made = log
            .inclusion(number(&proof["index"]), number(&proof["size"]))
            .await
            .unwrap();
        assert_eq!(made.path, path(proof));
    }
    for proof in expected["consistency"].as_array().unwrap() {
        let made = log
            .consistency(number(&proof["old"]), number(&proof["new"]))
            .await
            .unwrap();
        assert_eq!(made.path, path(proof));
    }
    for (name, digest) in expected["tiles"].as_object().unwrap() {
        let bytes = log
            .serve(name.parse::<Resource>().unwrap())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            B256::from_slice(&Sha256::digest(bytes)),
            hash(digest),
            "{name}"
        );
    }
    // Wider, further or higher than the log is, there is nothing.
    for name in [
        "tile/0/002.p/189",
        "tile/0/002",
        "tile/0/003",
        "tile/1/000.p/3",
        "tile/2/000",
    ] {
        assert_eq!(
            log.serve(name.parse().unwrap()).await.unwrap(),
            None,
            "{name}"
        );
    }
}

#[test]
fn key_ids_are_those_of_the_signed_note_specification() {
    use base64::Engine;
    let vectors = vectors();
    let origin: Origin = vectors["key_id"]["origin"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let key_id = base64::engine::general_purpose::STANDARD.encode(origin.key_id());
    assert_eq!(key_id, vectors["key_id"]["key_id"].as_str().unwrap());
}

#[test]
fn the_vectors_are_what_the_python_implementation_makes() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/log_vectors.py");
    match Command::new("python3").arg(script).arg("--check").output() {
        Ok(output) => assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => eprintln!("SKIPPED: python3 does not start: {error}"),
    }
}

#[tokio::test]
async fn a_log_opens_again_as_it_was_and_notices_damage() {
    let (log, store) = log_of_700().await;
    let signed = log.checkpoint(&key("hospital")).await.unwrap();
    let again = Log::open(store.clone(), log.origin()).await.unwrap();
    assert_eq!(again.root(700).await.unwrap(), signed.root);
    let digest = B256::repeat_byte(5);
    assert_eq!(
        again
            .append(Entry {
                digest,
                payload: Default::default()
            })
            .await
            .unwrap(),
        700
    );
    again
        .consistency(700, 701)
        .await
        .unwrap()
        .verify(&signed.root, &again.root(701).await.unwrap())
        .unwrap();

    // Another log's entries under this log's checkpoint.
    let other = Arc::new(MemoryLog::default());
    let forged = Log::open(other.clone(), log.origin()).await.unwrap();
    for n in 0..700u32 {
        let digest = leaf_hash(&n.to_be_bytes());
        forged
            .append(Entry {
                digest,
                payload: Default::default(),
            })
            .await
            .unwrap();
    }
    other.put_checkpoint(&signed).await.unwrap();
    let error = Log::open(other, log.origin()).await.unwrap_err();
    assert!(matches!(error, ledger::Error::Corrupt { .. }), "{error}");
    let error = forged.checkpoint(&key("hospital")).await.unwrap_err();
    assert!(
        matches!(error, ledger::Error::Corrupt { .. }),
        "it signs nothing more: {error}"
    );
}

#[tokio::test]
async fn appends_at_once_are_all_kept_and_none_twice() {
    let origin = Origin {
        chain_id: 1,
        contract: Address::ZERO,
        institution: key("hospital").address(),
    };
    let store = Arc::new(MemoryLog::default());
    // Two processes on one store, many tasks each, every entry asked for twice.
    let logs = [
        Arc::new(Log::open(store.clone(), origin).await.unwrap()),
        Arc::new(Log::open(store.clone(), origin).await.unwrap()),
    ];
    let mut tasks = Vec::new();
    for n in 0..600u64 {
        for log in &logs {
            let log = log.clone();
            tasks.push(tokio::spawn(async move {
                let digest = leaf_hash(&n.to_be_bytes());
                (
                    n,
                    log.append(Entry {
                        digest,
                        payload: Default::default(),
                    })
                    .await
                    .unwrap(),
                )
            }));
        }
    }
    for task in tasks {
        let (n, index) = task.await.unwrap();
        assert_eq!(
            logs[0].entry(index).await.unwrap().digest,
            leaf_hash(&n.to_be_bytes())
        );
    }
    assert_eq!(store.size().await.unwrap(), 600);
    let fresh = Log::open(store, origin).await.unwrap();
    assert_eq!(
        fresh.root(600).await.unwrap(),
        logs[0].root(600).await.unwrap()
    );
    let checkpoint: SignedCheckpoint = fresh.checkpoint(&key("hospital")).await.unwrap();
    checkpoint.verify().unwrap();
}
