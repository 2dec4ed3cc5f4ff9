//! Files as DAGs: their layout and names, and what hostile ones do.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;

use bytes::Bytes;
use proptest::prelude::*;
use support::{bytes, pieces};
use vault::block::{DAG_PB, RAW, cid_of};
use vault::dagpb::{Link, Node};
use vault::file::{CHUNK, LINKS, cid_of_file, size};
use vault::unixfs::Data;
use vault::{Block, Cid, Error, MemoryVault, Vault, bytes_stream, collect};

/// A file whose every level links twice to the level below: 2^40 bytes in 40 small blocks.
async fn bomb(vault: &dyn Vault) -> Cid {
    let mut child = Block::new(RAW, &b"x"[..]).unwrap();
    let (mut size, mut batch) = (1u64, vault.begin().await.unwrap());
    batch.put(child.clone()).await.unwrap();
    for _ in 0..30 {
        let link = Link {
            cid: *child.cid(),
            name: String::new(),
            tsize: size,
        };
        let data = Data::file(vec![size, size]).encode();
        let node = Node {
            links: vec![link.clone(), link],
            data: Some(data.into()),
        };
        child = Block::new(DAG_PB, node.encode()).unwrap();
        batch.put(child.clone()).await.unwrap();
        size *= 2;
    }
    batch.commit().await.unwrap();
    vault.pin(child.cid()).await.unwrap();
    *child.cid()
}

#[tokio::test]
async fn bombs_neither_loop_nor_fill_memory() {
    let vault = MemoryVault::new();
    // Walking visits each block once.
    let root = bomb(&vault).await;
    assert_eq!(size(&vault, &root).await.unwrap(), 1 << 30);
    assert_eq!(vault.gc().await.unwrap().blocks, 0);
    // Reading yields bytes one after the other, and stops where the reader stops.
    assert!(matches!(
        collect(vault.get_file(&root), 100).await,
        Err(Error::Limit { .. })
    ));
    let end = collect(vault.get_range(&root, (1 << 30) - 3..u64::MAX), 10)
        .await
        .unwrap();
    assert_eq!(end, b"xxx");
}

#[tokio::test]
async fn lying_sizes_are_refused() {
    let vault = MemoryVault::new();
    let leaf = Block::new(RAW, &b"four"[..]).unwrap();
    let link = Link {
        cid: *leaf.cid(),
        name: String::new(),
        tsize: 4,
    };
    let node = Node {
        links: vec![link],
        data: Some(Data::file(vec![5]).encode().into()),
    };
    let node = Block::new(DAG_PB, node.encode()).unwrap();
    let mut batch = vault.begin().await.unwrap();
    batch.put(leaf).await.unwrap();
    batch.put(node.clone()).await.unwrap();
    batch.commit().await.unwrap();
    assert!(matches!(
        collect(vault.get_file(node.cid()), 10).await,
        Err(Error::Malformed { .. })
    ));
}

#[tokio::test]
async fn deeply_nested_documents_are_errors() {
    let vault = MemoryVault::new();
    let mut deep = vec![0x81; 1 << 20];
    deep.push(0xf6);
    let block = Block::new(vault::block::DAG_CBOR, deep).unwrap();
    vault.put_block(block.clone()).await.unwrap();
    assert!(matches!(
        vault.pin(block.cid()).await,
        Err(Error::Malformed { .. })
    ));
    let path = ["0".to_owned()];
    let resolved = vault::resolve::resolve(&vault, block.cid(), &path).await;
    assert!(
        matches!(resolved, Err(Error::Malformed { .. })),
        "{resolved:?}"
    );
}

/// The CIDs that Kubo computed once; `testdata/vectors/vault-cids.json` says how.
#[tokio::test]
async fn cids_are_those_that_kubo_computes() {
    let vectors = support::vectors("vault-cids.json");
    let files = vectors["files"].as_array().unwrap();
    assert!(files.len() >= 10);
    for file in files {
        let len = usize::try_from(file["len"].as_u64().unwrap()).unwrap();
        let seed = file["seed"].as_u64().unwrap();
        let data = if file["zero"].as_bool().unwrap() {
            vec![0; len]
        } else {
            bytes(seed, len)
        };
        assert_eq!(
            cid_of_file(&data).unwrap().to_string(),
            file["cid"].as_str().unwrap(),
            "{len} bytes"
        );
    }
}

/// What a tree over leaves of these sizes must look like, level by level.
fn reference_cid(data: &[u8]) -> Cid {
    let mut level: Vec<(Cid, u64, u64)> = data
        .chunks(CHUNK)
        .map(|chunk| (cid_of(RAW, chunk), chunk.len() as u64, chunk.len() as u64))
        .collect();
    if level.is_empty() {
        return cid_of(RAW, b"");
    }
    while level.len() > 1 {
        level = level.chunks(LINKS).map(parent).collect();
    }
    level[0].0
}

fn parent(children: &[(Cid, u64, u64)]) -> (Cid, u64, u64) {
    let links = children.iter().map(|(cid, _, tsize)| Link {
        cid: *cid,
        name: String::new(),
        tsize: *tsize,
    });
    let data = Data::file(children.iter().map(|(_, size, _)| *size).collect()).encode();
    let bytes = Node {
        links: links.collect(),
        data: Some(Bytes::from(data)),
    }
    .encode();
    let size = children.iter().map(|(_, size, _)| size).sum();
    let tsize = bytes.len() as u64 + children.iter().map(|(.., tsize)| tsize).sum::<u64>();
    (cid_of(DAG_PB, &bytes), size, tsize)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_streamed_layout_is_the_layered_one(len in 0usize..4 * CHUNK, step in 1usize..3 * CHUNK, seed: u64) {
        let data = bytes(seed, len);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let vault = MemoryVault::new();
        let stored = runtime.block_on(vault.put_file(pieces(data.clone(), step))).unwrap();
        prop_assert_eq!(stored.cid, reference_cid(&data));
    }

    #[test]
    fn any_sequence_of_puts_pins_and_collections_keeps_what_is_pinned(
        acts in prop::collection::vec((0u8..4, 0u64..5), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let vault = MemoryVault::new();
            let mut pinned = HashSet::new();
            for (act, seed) in acts {
                let data = bytes(seed, 300);
                let cid = cid_of_file(&data).unwrap();
                match act {
                    0 => { vault.put_file(bytes_stream(data)).await.unwrap(); pinned.insert(cid); }
                    1 => { assert_eq!(vault.unpin(&cid).await.unwrap(), pinned.remove(&cid)); }
                    2 => { vault.gc().await.unwrap(); }
                    _ => { if vault.pin(&cid).await.is_ok() { pinned.insert(cid); } }
                }
                for cid in &pinned {
                    assert!(vault.has(cid).await.unwrap());
                }
            }
        });
    }
}
