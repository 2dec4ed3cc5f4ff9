//! One suite for every engine: in memory, on disk, in S3 and in Kubo. What needs a program of others
//! says that it is skipped where there is none; see `support::programs`.
#![allow(clippy::unwrap_used)]

mod support;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use support::programs::{Kubo, Moto, skipped};
use support::{bytes, pieces};
use vault::block::{DAG_PB, RAW, cid_of};
use vault::dagpb::{Link, Node};
use vault::file::{CHUNK, cid_of_file, size};
use vault::unixfs::Data;
use vault::{
    Block, Cid, EmbeddedVault, Error, KuboVault, MemoryVault, Owner, Reference, S3Vault, Vault,
    bytes_stream, collect,
};

/// Changes the stored bytes of a block behind an engine's back.
type Damage = Box<dyn Fn(&Cid) + Send + Sync>;

/// An empty store of one engine.
struct Store {
    vault: Arc<dyn Vault>,
    /// None where a test cannot reach what is stored.
    damage: Option<Damage>,
    /// What must live as long: a directory, a process.
    _keep: Box<dyn Any + Send + Sync>,
}

async fn memory() -> Option<Store> {
    let vault = MemoryVault::new();
    let inside = vault.clone();
    Some(Store {
        vault: Arc::new(vault),
        damage: Some(Box::new(move |cid| {
            inside.tamper(cid, Some(Bytes::from_static(b"damaged")));
        })),
        _keep: Box::new(()),
    })
}

async fn embedded() -> Option<Store> {
    let dir = tempfile::tempdir().unwrap();
    let vault = EmbeddedVault::open(dir.path().join("store")).await.unwrap();
    let inside = vault.clone();
    Some(Store {
        vault: Arc::new(vault),
        damage: Some(Box::new(move |cid| {
            std::fs::write(inside.block_path(cid).unwrap(), b"damaged").unwrap();
        })),
        _keep: Box::new(dir),
    })
}

async fn s3_in_memory() -> Option<Store> {
    let objects = Arc::new(object_store::memory::InMemory::new());
    Some(Store {
        vault: Arc::new(S3Vault::over(objects, "stele", Duration::ZERO)),
        damage: None,
        _keep: Box::new(()),
    })
}

async fn s3_server() -> Option<Store> {
    let moto = Moto::start().await?;
    Some(Store {
        vault: Arc::new(S3Vault::new(&moto.config("vault")).unwrap()),
        damage: None,
        _keep: Box::new(moto),
    })
}

async fn kubo() -> Option<Store> {
    let kubo = Kubo::start(None).await?;
    let vault = KuboVault::new(&kubo.rpc).unwrap();
    // A new repository pins an empty directory.
    for root in vault.pins().await.unwrap() {
        vault.unpin(&root).await.unwrap();
    }
    Some(Store {
        vault: Arc::new(vault),
        damage: None,
        _keep: Box::new(kubo),
    })
}

/// Runs every case of the suite against one engine.
macro_rules! suite {
    ($($engine:ident)+) => {
        $(suite!(@cases $engine:
            files_come_back_as_they_were_under_the_same_cid
            ranges_are_cut_to_the_byte
            absent_blocks_are_named
            collection_takes_what_nothing_keeps_and_no_more
            a_batch_holds_its_blocks_until_it_is_dropped
            pinning_wants_the_whole_dag
            owners_do_not_touch_each_others_pins
            blocks_named_by_sha2_512_are_kept_like_others
            damage_is_found_named_and_mended
            a_failing_stream_acknowledges_nothing
            collections_never_race_puts
        );)+
    };
    (@cases $engine:ident: $($case:ident)+) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    if let Some(store) = super::$engine().await {
                        super::$case(&store).await;
                    }
                }
            )+
        }
    };
}

suite!(memory embedded s3_in_memory s3_server kubo);

async fn put(vault: &Arc<dyn Vault>, data: Vec<u8>) -> Cid {
    vault.put_file(bytes_stream(data)).await.unwrap().cid
}

/// How many blocks are stored, where an engine holds nothing but them.
async fn blocks(vault: &Arc<dyn Vault>) -> Option<u64> {
    let stat = vault.stat().await.unwrap();
    (vault.engine() != "kubo").then_some(stat.blocks)
}

async fn files_come_back_as_they_were_under_the_same_cid(store: &Store) {
    let vault = &store.vault;
    for len in [0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17] {
        let data = bytes(len as u64, len);
        let stored = vault.put_file(pieces(data.clone(), 99_991)).await.unwrap();
        assert_eq!(stored.cid, cid_of_file(&data).unwrap(), "{len}");
        assert_eq!(stored.size, len as u64);
        assert_eq!(size(vault.as_ref(), &stored.cid).await.unwrap(), len as u64);
        let back = collect(vault.get_file(&stored.cid), len).await.unwrap();
        assert!(back == data, "{len}");
    }
    assert!(vault.verify().await.unwrap().is_clean());
}

async fn ranges_are_cut_to_the_byte(store: &Store) {
    let vault = &store.vault;
    let data = bytes(5, 2 * CHUNK + 100);
    let cid = put(vault, data.clone()).await;
    let edges = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, data.len()];
    for (at, from) in edges.iter().enumerate() {
        for to in &edges[at..] {
            let range = vault.get_range(&cid, *from as u64..*to as u64);
            let got = collect(range, data.len()).await.unwrap();
            assert!(got == data[*from..*to], "{from}..{to}");
        }
    }
    let past = collect(vault.get_range(&cid, data.len() as u64 + 1..u64::MAX), 10).await;
    assert!(matches!(past, Err(Error::OutOfRange { .. })), "{past:?}");
}

async fn absent_blocks_are_named(store: &Store) {
    let vault = &store.vault;
    let absent = cid_of(RAW, b"absent");
    let got = vault.get_block(&absent).await;
    assert!(
        matches!(got, Err(Error::NotFound(cid)) if cid == absent),
        "{got:?}"
    );
    assert!(!vault.has(&absent).await.unwrap());
    let here = put(vault, b"here".to_vec()).await;
    assert_eq!(vault.lacking(&[here, absent]).await.unwrap(), [absent]);
    // An identity CID carries its bytes.
    let identity: Cid = "bafkqaf3imvwgy3zaneqgc3janfxgy2lomvscay3jmqfa"
        .parse()
        .unwrap();
    assert!(vault.has(&identity).await.unwrap());
    let inlined = vault.get_block(&identity).await.unwrap();
    assert_eq!(inlined, "hello i am inlined cid\n");
}

async fn collection_takes_what_nothing_keeps_and_no_more(store: &Store) {
    let vault = &store.vault;
    let keep = put(vault, bytes(1, 2 * CHUNK)).await;
    let lose = put(vault, bytes(2, 2 * CHUNK)).await;
    let loose = Block::new(RAW, &b"loose"[..]).unwrap();
    vault.put_block(loose.clone()).await.unwrap();
    assert!(vault.unpin(&lose).await.unwrap());
    assert!(!vault.unpin(&lose).await.unwrap());
    assert_eq!(vault.pins().await.unwrap(), [keep]);
    assert!(vault.gc().await.unwrap().blocks >= 4);
    assert!(!vault.has(loose.cid()).await.unwrap());
    let gone = vault.get_block(&lose).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
    let kept = collect(vault.get_file(&keep), 4 * CHUNK).await.unwrap();
    assert_eq!(kept.len(), 2 * CHUNK);
    assert_eq!(vault.stat().await.unwrap().pins, 1);
    assert!(blocks(vault).await.is_none_or(|blocks| blocks == 3));
}

async fn a_batch_holds_its_blocks_until_it_is_dropped(store: &Store) {
    let vault = &store.vault;
    let block = Block::new(RAW, &b"held"[..]).unwrap();
    let mut batch = vault.begin().await.unwrap();
    batch.put(block.clone()).await.unwrap();
    batch.commit().await.unwrap();
    // A collection spares the block, or waits for the batch.
    let collecting = tokio::spawn({
        let vault = vault.clone();
        async move { vault.gc().await }
    });
    tokio::task::yield_now().await;
    assert!(vault.has(block.cid()).await.unwrap());
    drop(batch);
    collecting.await.unwrap().unwrap();
    vault.gc().await.unwrap();
    assert!(!vault.has(block.cid()).await.unwrap());
}

async fn pinning_wants_the_whole_dag(store: &Store) {
    let vault = &store.vault;
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
    for owner in [Owner::THIS_NODE, Owner::institution("0xa").unwrap()] {
        let pinned = vault.pin_for(node.cid(), &owner).await;
        assert!(
            matches!(pinned, Err(Error::NotFound(cid)) if cid == absent),
            "{pinned:?}"
        );
        assert!(vault.references().await.unwrap().is_empty());
    }
}

async fn owners_do_not_touch_each_others_pins(store: &Store) {
    let vault = &store.vault;
    let (a, b) = (
        Owner::institution("0xa").unwrap(),
        Owner::institution("0xb").unwrap(),
    );
    let owners_of = async |root: Cid| {
        let all = vault.references().await.unwrap();
        let mut owners: Vec<Owner> = all
            .into_iter()
            .filter(|held: &Reference| held.root == root)
            .map(|held| held.owner)
            .collect();
        owners.sort();
        owners
    };
    // Whether this node comes first, last or not at all, each owner ends its own claim alone.
    let first = put(vault, bytes(1, CHUNK + 1)).await;
    for owner in [&a, &b, &a] {
        vault.pin_for(&first, owner).await.unwrap();
    }
    let own = Owner::THIS_NODE;
    assert_eq!(owners_of(first).await, [own.clone(), a.clone(), b.clone()]);
    assert!(vault.unpin_for(&first, &a).await.unwrap());
    assert!(!vault.unpin_for(&first, &a).await.unwrap());
    assert!(vault.unpin(&first).await.unwrap());
    assert_eq!(vault.pins().await.unwrap(), [first]);
    assert!(vault.own_pins().await.unwrap().is_empty());
    vault.gc().await.unwrap();
    let back = collect(vault.get_file(&first), 2 * CHUNK).await.unwrap();
    assert_eq!(back.len(), CHUNK + 1, "b still owns it");

    let second = Block::new(RAW, &b"second"[..]).unwrap();
    vault.put_block(second.clone()).await.unwrap();
    vault.pin_for(second.cid(), &a).await.unwrap();
    assert!(!vault.unpin(second.cid()).await.unwrap());
    vault.pin(second.cid()).await.unwrap();
    assert_eq!(owners_of(*second.cid()).await, [own.clone(), a.clone()]);
    assert!(vault.unpin_for(second.cid(), &a).await.unwrap());
    vault.gc().await.unwrap();
    assert_eq!(vault.own_pins().await.unwrap(), [*second.cid()]);
    assert!(vault.has(second.cid()).await.unwrap(), "the node owns it");

    assert!(vault.unpin_for(&first, &b).await.unwrap());
    assert!(vault.unpin(second.cid()).await.unwrap());
    vault.gc().await.unwrap();
    assert!(vault.references().await.unwrap().is_empty());
    assert!(!vault.has(&first).await.unwrap());
    assert!(!vault.has(second.cid()).await.unwrap());
}

/// The raw block `hello\n`, by `ipfs add --cid-version 1 --hash sha2-512`.
const HELLO_512: &str = "bafkrgqhhyivzstcz3hhswshfjgy6ertgmnqeleynhwt4dlfsthi4hn7zgh4uvlsb5xncykzapi3ocd4lzogukir6ksdy6wzrnz6ohnv4aglcs";

async fn blocks_named_by_sha2_512_are_kept_like_others(store: &Store) {
    let vault = &store.vault;
    let hello: Cid = HELLO_512.parse().unwrap();
    let block = Block::verified(&hello, &b"hello\n"[..]).unwrap();
    let link = Link {
        cid: hello,
        name: "hello".into(),
        tsize: 6,
    };
    let folder = Node {
        links: vec![link],
        data: Some(Data::directory().encode().into()),
    };
    let folder = Block::new(DAG_PB, folder.encode()).unwrap();
    let mut batch = vault.begin().await.unwrap();
    batch.put(block).await.unwrap();
    batch.put(folder.clone()).await.unwrap();
    batch.commit().await.unwrap();
    vault.pin(folder.cid()).await.unwrap();
    drop(batch);
    vault.gc().await.unwrap();
    assert!(vault.has(&hello).await.unwrap());
    assert_eq!(vault.get_block(&hello).await.unwrap(), "hello\n");
    assert!(vault.verify().await.unwrap().is_clean());
    vault.pin(&hello).await.unwrap();
    assert!(vault.unpin(folder.cid()).await.unwrap());
    vault.gc().await.unwrap();
    assert_eq!(vault.pins().await.unwrap(), [hello]);
    assert!(vault.unpin(&hello).await.unwrap());
    vault.gc().await.unwrap();
    assert!(!vault.has(&hello).await.unwrap());
}

async fn damage_is_found_named_and_mended(store: &Store) {
    let (vault, Some(damage)) = (&store.vault, &store.damage) else {
        return skipped("the test cannot reach what this engine stores");
    };
    let data = bytes(9, 3 * CHUNK);
    let root = put(vault, data.clone()).await;
    let hello: Cid = HELLO_512.parse().unwrap();
    let block = Block::verified(&hello, &b"hello\n"[..]).unwrap();
    vault.put_block(block).await.unwrap();
    let hurt = cid_of(RAW, &data[CHUNK..2 * CHUNK]);
    for cid in [hurt, hello] {
        damage(&cid);
        let read = vault.get_block(&cid).await;
        assert!(
            matches!(read, Err(Error::Damaged(found)) if found == cid),
            "{read:?}"
        );
        assert!(!vault.has(&cid).await.unwrap());
    }
    let found = vault.verify().await.unwrap();
    assert_eq!(found.missing, [vault::Missing { root, block: hurt }]);
    assert_eq!(put(vault, data).await, root);
    assert!(vault.verify().await.unwrap().is_clean());
}

async fn a_failing_stream_acknowledges_nothing(store: &Store) {
    let vault = &store.vault;
    let start = pieces(bytes(8, 2 * CHUNK), 1000);
    let end = futures_util::stream::iter([Err(Error::Input("cut off".into()))]);
    let put = vault.put_file(start.chain(end).boxed()).await;
    assert!(matches!(put, Err(Error::Input(_))), "{put:?}");
    assert!(vault.pins().await.unwrap().is_empty());
    vault.gc().await.unwrap();
    assert!(blocks(vault).await.is_none_or(|blocks| blocks == 0));
}

async fn collections_never_race_puts(store: &Store) {
    let vault = &store.vault;
    // All uploads share most of their chunks, and each time one is unpinned, so that blocks go
    // from kept to loose and back while collections run.
    let uploads = (0..4u64).map(|worker| {
        let vault = vault.clone();
        tokio::spawn(async move {
            for round in 0..6 {
                let mut data = bytes(77, 2 * CHUNK);
                data.extend(bytes(worker * 100 + round, 10));
                let cid = put(&vault, data.clone()).await;
                let back = collect(vault.get_file(&cid), data.len()).await;
                assert!(back.unwrap() == data, "worker {worker} round {round}");
                vault.unpin(&cid).await.unwrap();
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
    assert!(vault.pins().await.unwrap().is_empty());
    assert!(blocks(vault).await.is_none_or(|blocks| blocks == 0));
}
