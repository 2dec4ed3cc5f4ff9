//! What the store on disk does beyond what every engine must.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use support::bytes;
use vault::block::{RAW, cid_of};
use vault::file::CHUNK;
use vault::{Block, EmbeddedVault, Error, Owner, Vault, bytes_stream, collect};

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

#[tokio::test]
async fn owners_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let other = Owner::institution("0xa").unwrap();
    let root = {
        let vault = EmbeddedVault::open(dir.path()).await.unwrap();
        let stored = vault.put_file(bytes_stream(bytes(4, 10))).await.unwrap();
        vault.pin_for(&stored.cid, &other).await.unwrap();
        stored.cid
    };
    let vault = EmbeddedVault::open(dir.path()).await.unwrap();
    assert!(vault.unpin_for(&root, &other).await.unwrap());
    assert_eq!(vault.own_pins().await.unwrap(), [root]);
}
