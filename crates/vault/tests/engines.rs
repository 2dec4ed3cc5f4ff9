//! What every engine must do, run on those that need no other program.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use support::{bytes, pieces};
use vault::block::{DAG_PB, RAW, cid_of};
use vault::dagpb::{Link, Node};
use vault::file::{CHUNK, LINKS, cid_of_file, size};
use vault::unixfs::Data;
use vault::{Block, Cid, EmbeddedVault, Error, MemoryVault, S3Vault, Vault, bytes_stream, collect};

/// The engines, the embedded one in a directory that lives as long as the first value.
async fn engines() -> (tempfile::TempDir, Vec<Arc<dyn Vault>>) {
    let dir = tempfile::tempdir().unwrap();
    let embedded = EmbeddedVault::open(dir.path().join("store")).await.unwrap();
    let objects = Arc::new(object_store::memory::InMemory::new());
    let s3 = S3Vault::over(objects, "stele", Duration::ZERO);
    (
        dir,
        vec![
            Arc::new(MemoryVault::new()),
            Arc::new(embedded),
            Arc::new(s3),
        ],
    )
}

#[tokio::test]
async fn files_come_back_as_they_were_under_the_same_cid() {
    let (_dir, engines) = engines().await;
    for len in [0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17] {
        let data = bytes(len as u64, len);
        for vault in &engines {
            let stored = vault.put_file(pieces(data.clone(), 99_991)).await.unwrap();
            assert_eq!(
                stored.cid,
                cid_of_file(&data).unwrap(),
                "{} {len}",
                vault.engine()
            );
            assert_eq!(stored.size, len as u64);
            assert_eq!(size(vault.as_ref(), &stored.cid).await.unwrap(), len as u64);
            let back = collect(vault.get_file(&stored.cid), len).await.unwrap();
            assert!(back == data, "{} {len}", vault.engine());
        }
    }
}

#[tokio::test]
async fn ranges_are_cut_to_the_byte() {
    let (_dir, engines) = engines().await;
    let data = bytes(5, 2 * CHUNK + 100);
    for vault in &engines {
        let cid = vault
            .put_file(bytes_stream(data.clone()))
            .await
            .unwrap()
            .cid;
        let edges = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, data.len()];
        for (at, from) in edges.iter().enumerate() {
            for to in &edges[at..] {
                let got = collect(vault.get_range(&cid, *from as u64..*to as u64), data.len())
                    .await
                    .unwrap();
                assert!(got == data[*from..*to], "{} {from}..{to}", vault.engine());
            }
        }
        let past = collect(vault.get_range(&cid, data.len() as u64 + 1..u64::MAX), 10).await;
        assert!(matches!(past, Err(Error::OutOfRange { .. })), "{past:?}");
    }
}

#[tokio::test]
async fn collection_takes_what_nothing_keeps_and_no_more() {
    let (_dir, engines) = engines().await;
    for vault in &engines {
        let keep = vault
            .put_file(bytes_stream(bytes(1, 2 * CHUNK)))
            .await
            .unwrap()
            .cid;
        let lose = vault
            .put_file(bytes_stream(bytes(2, 2 * CHUNK)))
            .await
            .unwrap()
            .cid;
        let loose = Block::new(RAW, &b"loose"[..]).unwrap();
        vault.put_block(loose.clone()).await.unwrap();
        assert!(vault.unpin(&lose).await.unwrap());
        assert!(!vault.unpin(&lose).await.unwrap());
        assert_eq!(vault.pins().await.unwrap(), [keep]);
        let collected = vault.gc().await.unwrap();
        assert_eq!(collected.blocks, 4, "{}", vault.engine());
        assert!(!vault.has(loose.cid()).await.unwrap());
        assert!(matches!(
            vault.get_block(&lose).await,
            Err(Error::NotFound(_))
        ));
        assert_eq!(
            collect(vault.get_file(&keep), 4 * CHUNK)
                .await
                .unwrap()
                .len(),
            2 * CHUNK
        );
        let stat = vault.stat().await.unwrap();
        assert_eq!((stat.blocks, stat.pins), (3, 1));
    }
}

#[tokio::test]
async fn a_batch_holds_its_blocks_until_it_is_dropped() {
    let (_dir, engines) = engines().await;
    for vault in &engines {
        let block = Block::new(RAW, &b"held"[..]).unwrap();
        let mut batch = vault.begin().await.unwrap();
        batch.put(block.clone()).await.unwrap();
        batch.commit().await.unwrap();
        vault.gc().await.unwrap();
        assert!(vault.has(block.cid()).await.unwrap(), "{}", vault.engine());
        drop(batch);
        vault.gc().await.unwrap();
        assert!(!vault.has(block.cid()).await.unwrap(), "{}", vault.engine());
    }
}

#[tokio::test]
async fn an_uncommitted_batch_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let vault = EmbeddedVault::open(dir.path()).await.unwrap();
    let block = Block::new(RAW, &b"never"[..]).unwrap();
    let mut batch = vault.begin().await.unwrap();
    batch.put(block.clone()).await.unwrap();
    drop(batch);
    assert!(!vault.has(block.cid()).await.unwrap());
    drop(vault);
    // Reopening clears what a writer that was cut off may still have finished.
    let vault = loop {
        match EmbeddedVault::open(dir.path()).await {
            Err(Error::Locked { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            other => break other.unwrap(),
        }
    };
    assert_eq!(vault.stat().await.unwrap().blocks, 0);
    assert_eq!(
        std::fs::read_dir(dir.path().join("tmp")).unwrap().count(),
        0
    );
}

#[tokio::test]
async fn pinning_wants_the_whole_dag() {
    let (_dir, engines) = engines().await;
    for vault in &engines {
        let absent = cid_of(RAW, b"absent");
        let link = Link {
            cid: absent,
            name: String::new(),
            tsize: 6,
        };
        let node = Node {
            links: vec![link],
            data: Some(Data::file(vec![6]).encode().into()),
        };
        let node = Block::new(DAG_PB, node.encode()).unwrap();
        vault.put_block(node.clone()).await.unwrap();
        assert!(matches!(vault.pin(node.cid()).await, Err(Error::NotFound(cid)) if cid == absent));
        assert!(vault.pins().await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collections_never_race_puts() {
    let (_dir, engines) = engines().await;
    for vault in engines {
        // All uploads share most of their chunks, and each time one is unpinned, so that blocks
        // go from kept to loose and back while collections run.
        let uploads = (0..4u64).map(|worker| {
            let vault = vault.clone();
            tokio::spawn(async move {
                for round in 0..6 {
                    let mut data = bytes(77, 2 * CHUNK);
                    data.extend(bytes(worker * 100 + round, 10));
                    let stored = vault.put_file(bytes_stream(data.clone())).await.unwrap();
                    let back = collect(vault.get_file(&stored.cid), data.len()).await;
                    assert!(back.unwrap() == data, "worker {worker} round {round}");
                    vault.unpin(&stored.cid).await.unwrap();
                }
            })
        });
        let uploads: Vec<_> = uploads.collect();
        while uploads.iter().any(|upload| !upload.is_finished()) {
            vault.gc().await.unwrap();
            tokio::task::yield_now().await;
        }
        for upload in uploads {
            upload.await.unwrap();
        }
        vault.gc().await.unwrap();
        assert_eq!(vault.stat().await.unwrap().blocks, 0, "{}", vault.engine());
    }
}

#[tokio::test]
async fn flipped_bytes_are_found_named_and_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let vault = EmbeddedVault::open(dir.path()).await.unwrap();
    let data = bytes(9, 3 * CHUNK);
    let root = vault
        .put_file(bytes_stream(data.clone()))
        .await
        .unwrap()
        .cid;
    let hurt = cid_of(RAW, &data[CHUNK..2 * CHUNK]);
    let path = vault.block_path(&hurt).unwrap();
    let mut stored = std::fs::read(&path).unwrap();
    stored[12_345] ^= 1;
    std::fs::write(&path, stored).unwrap();

    let found = vault.verify().await.unwrap();
    assert_eq!(found.damaged, [hurt]);
    assert_eq!(found.missing, [vault::Missing { root, block: hurt }]);
    assert!(!vault.has(&hurt).await.unwrap());
    assert_eq!(
        std::fs::read_dir(dir.path().join("quarantine"))
            .unwrap()
            .count(),
        1
    );
    let read = collect(vault.get_file(&root), data.len()).await;
    assert!(matches!(read, Err(Error::NotFound(cid)) if cid == hurt));
    // Uploading the same file again mends it.
    assert_eq!(vault.put_file(bytes_stream(data)).await.unwrap().cid, root);
    assert!(vault.verify().await.unwrap().is_clean());
}

#[tokio::test]
async fn damage_under_a_pin_is_noticed_by_readers_and_by_the_next_put() {
    let dir = tempfile::tempdir().unwrap();
    let vault = EmbeddedVault::open(dir.path()).await.unwrap();
    let block = Block::new(RAW, &b"precious"[..]).unwrap();
    for _ in 0..2 {
        vault.put_block(block.clone()).await.unwrap();
        assert_eq!(vault.get_block(block.cid()).await.unwrap(), block.data());
        // The copy goes bad; a put that merely saw that the file exists would lose the block.
        std::fs::write(vault.block_path(block.cid()).unwrap(), b"previous").unwrap();
    }
    assert!(matches!(
        vault.get_block(block.cid()).await,
        Err(Error::Damaged(_))
    ));
    assert!(matches!(
        vault.get_block(block.cid()).await,
        Err(Error::NotFound(_))
    ));
}

#[tokio::test]
async fn a_damaged_inner_node_stops_the_collection() {
    let dir = tempfile::tempdir().unwrap();
    let vault = EmbeddedVault::open(dir.path()).await.unwrap();
    let root = vault
        .put_file(bytes_stream(bytes(3, 2 * CHUNK)))
        .await
        .unwrap()
        .cid;
    std::fs::write(vault.block_path(&root).unwrap(), b"nonsense").unwrap();
    assert!(matches!(vault.gc().await, Err(Error::Damaged(cid)) if cid == root));
    assert!(matches!(vault.gc().await, Err(Error::NotFound(cid)) if cid == root));
    assert_eq!(
        vault.stat().await.unwrap().blocks,
        2,
        "the chunks are still there"
    );
}

#[tokio::test]
async fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let vault = EmbeddedVault::open(dir.path()).await.unwrap();
    assert!(matches!(
        EmbeddedVault::open(dir.path()).await,
        Err(Error::Locked { .. })
    ));
    drop(vault);
    assert!(EmbeddedVault::open(dir.path()).await.is_ok());
}

#[tokio::test]
async fn another_directory_is_not_taken_for_a_store() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("FORMAT"), "something else").unwrap();
    assert!(matches!(
        EmbeddedVault::open(dir.path()).await,
        Err(Error::Malformed { .. })
    ));
}

#[tokio::test]
async fn pins_and_blocks_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let root = {
        let vault = EmbeddedVault::open(dir.path()).await.unwrap();
        vault
            .put_file(bytes_stream(bytes(4, CHUNK + 1)))
            .await
            .unwrap()
            .cid
    };
    let vault = EmbeddedVault::open(dir.path()).await.unwrap();
    assert_eq!(vault.pins().await.unwrap(), [root]);
    assert!(vault.verify().await.unwrap().is_clean());
}

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

#[tokio::test]
async fn a_failing_stream_acknowledges_nothing() {
    use futures_util::StreamExt;
    let (_dir, engines) = engines().await;
    for vault in &engines {
        let start = pieces(bytes(8, 2 * CHUNK), 1000);
        let broken = start.chain(futures_util::stream::iter([Err(Error::Input(
            "cut off".into(),
        ))]));
        assert!(matches!(
            vault.put_file(broken.boxed()).await,
            Err(Error::Input(_))
        ));
        assert!(vault.pins().await.unwrap().is_empty());
        vault.gc().await.unwrap();
        assert_eq!(vault.stat().await.unwrap().blocks, 0, "{}", vault.engine());
    }
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
