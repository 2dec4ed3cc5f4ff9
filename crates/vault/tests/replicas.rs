//! Replication between four institutions: in memory, and over HTTP.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use support::{bytes, holder, key_id, known, listen, serve, signer};
use vault::block::{RAW, cid_of};
use vault::dag::{DagLimits, walk};
use vault::file::CHUNK;
use vault::replicate::{
    Act, Answer, Challenge, Fault, Holder, LEAST_CHARGE, LocalPeer, MemoryBook, Peer, Policy,
    Proof, Quotas, Receipt, Replicator,
};
use vault::sign::{RequestVerifier, system_clock};
use vault::{
    Block, ByteStream, Cid, Error, GatewayClient, HttpPeer, MemoryVault, Result, Vault,
    bytes_stream, collect,
};

const HOME: u8 = 1;

/// A peer that can be switched off, and can claim to hold what it does not.
struct Moody {
    inner: LocalPeer,
    down: AtomicBool,
    lying: AtomicBool,
}

#[async_trait]
impl Peer for Moody {
    fn key_id(&self) -> &str {
        self.inner.key_id()
    }

    async fn store(&self, root: &Cid, car: ByteStream) -> Result<Receipt> {
        self.up()?;
        self.inner.store(root, car).await
    }

    async fn block(&self, cid: &Cid) -> Result<Bytes> {
        self.up()?;
        self.inner.block(cid).await
    }

    async fn challenge(&self, challenge: &Challenge) -> Result<Answer> {
        self.up()?;
        let mut answer = self.inner.challenge(challenge).await?;
        if self.lying.load(Ordering::Relaxed) {
            answer
                .proofs
                .iter_mut()
                .for_each(|proof| *proof = Proof::Missing);
        }
        Ok(answer)
    }

    async fn erase(&self, root: &Cid) -> Result<Receipt> {
        self.up()?;
        self.inner.erase(root).await
    }
}

impl Moody {
    fn up(&self) -> Result<()> {
        if self.down.load(Ordering::Relaxed) {
            return Err(Error::Remote {
                service: "peer",
                url: "memory".into(),
                why: "switched off".into(),
            });
        }
        Ok(())
    }
}

/// A home node and three others.
struct World {
    home: MemoryVault,
    vaults: Vec<MemoryVault>,
    peers: Vec<Arc<Moody>>,
    replicator: Replicator,
}

fn world(policy: Policy) -> World {
    let home = MemoryVault::new();
    let vaults: Vec<MemoryVault> = (0..3).map(|_| MemoryVault::new()).collect();
    let peers: Vec<Arc<Moody>> = vaults
        .iter()
        .zip(2u8..)
        .map(|(vault, seed)| {
            let inner = LocalPeer::new(holder(seed, Arc::new(vault.clone())), key_id(HOME));
            Arc::new(Moody {
                inner,
                down: AtomicBool::new(false),
                lying: AtomicBool::new(false),
            })
        })
        .collect();
    let as_peers = peers
        .iter()
        .map(|peer| peer.clone() as Arc<dyn Peer>)
        .collect();
    let replicator = Replicator::new(
        holder(HOME, Arc::new(home.clone())),
        as_peers,
        policy,
        known(1..5),
    );
    World {
        home,
        vaults,
        peers,
        replicator,
    }
}

const ALL: Policy = Policy {
    copies: 3,
    quorum: 3,
};

async fn upload(world: &World, seed: u64) -> (Cid, Vec<u8>) {
    let data = bytes(seed, 2 * CHUNK + 5);
    (
        world
            .home
            .put_file(bytes_stream(data.clone()))
            .await
            .unwrap()
            .cid,
        data,
    )
}

impl World {
    /// The vaults that hold `root`, with their seeds.
    async fn holding(&self, root: &Cid) -> Vec<(u8, MemoryVault)> {
        let mut out = Vec::new();
        for (vault, seed) in self.vaults.iter().zip(2u8..) {
            if vault.pins().await.unwrap().contains(root) {
                out.push((seed, vault.clone()));
            }
        }
        out
    }
}

fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

#[tokio::test]
async fn an_upload_is_acknowledged_when_a_quorum_holds_it() {
    let world = world(ALL);
    let (root, data) = upload(&world, 1).await;
    let done = world.replicator.replicate(&root).await.unwrap();
    assert_eq!(done.receipts.len(), 2);
    let holding = world.holding(&root).await;
    assert_eq!(holding.len(), 2);
    for (seed, vault) in holding {
        let receipt = done
            .receipts
            .iter()
            .find(|r| r.holder == key_id(seed))
            .unwrap();
        receipt
            .check(
                Act::Stored,
                &root,
                &key_id(HOME),
                &key_id(seed),
                known([seed]).as_ref(),
            )
            .await
            .unwrap();
        assert_eq!(receipt.blocks, 4);
        assert!(collect(vault.get_file(&root), data.len()).await.unwrap() == data);
    }
    // Again: nothing more is stored, the same receipts count.
    assert_eq!(
        world
            .replicator
            .replicate(&root)
            .await
            .unwrap()
            .receipts
            .len(),
        2
    );
    assert_eq!(world.holding(&root).await.len(), 2);
}

#[tokio::test]
async fn spare_peers_stand_in_and_too_few_are_an_error() {
    let world = world(ALL);
    let (root, _) = upload(&world, 2).await;
    world.peers[0].down.store(true, Ordering::Relaxed);
    let done = world.replicator.replicate(&root).await.unwrap();
    assert_eq!(done.receipts.len(), 2);

    let (root, _) = upload(&world, 3).await;
    world.peers[1].down.store(true, Ordering::Relaxed);
    let error = world.replicator.replicate(&root).await.unwrap_err();
    assert!(
        matches!(&error, Error::Quorum { needed: 3, have: 2, failures, .. } if failures.len() == 2),
        "{error}"
    );
    assert_eq!(world.replicator.heal().await.unwrap(), [root]);
    world.peers[1].down.store(false, Ordering::Relaxed);
    assert!(world.replicator.heal().await.unwrap().is_empty());
    assert_eq!(world.holding(&root).await.len(), 2);
}

#[tokio::test]
async fn copies_beyond_the_quorum_follow() {
    let world = world(Policy {
        copies: 4,
        quorum: 2,
    });
    let (root, _) = upload(&world, 4).await;
    world.replicator.replicate(&root).await.unwrap();
    for _ in 0..3000 {
        if world.replicator.receipts(&root).await.unwrap().len() == 3 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the background copies never came");
}

#[tokio::test]
async fn an_unreplicable_root_is_refused_at_once() {
    let world = world(ALL);
    let absent = cid_of(RAW, b"absent");
    assert!(matches!(
        world.replicator.replicate(&absent).await,
        Err(Error::NotFound(_))
    ));
    assert!(world.replicator.roots().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_reader_notices_nothing_of_what_the_home_node_lost() {
    let world = world(ALL);
    let (root, data) = upload(&world, 3).await;
    world.replicator.replicate(&root).await.unwrap();
    let leaves: Vec<Cid> = data.chunks(CHUNK).map(|chunk| cid_of(RAW, chunk)).collect();
    let limit = data.len();
    // The middle is gone, the end is damaged; then the root is gone as well.
    world.home.tamper(&leaves[1], None);
    world
        .home
        .tamper(&leaves[2], Some(Bytes::from_static(b"else")));
    let read = collect(world.replicator.read(&root), limit).await.unwrap();
    assert_eq!(read, data);
    world.home.tamper(&root, None);
    let read = collect(world.replicator.read(&root), limit).await.unwrap();
    assert_eq!(read, data);
    // It is kept: with nobody else there it is read again.
    for peer in &world.peers {
        peer.down.store(true, Ordering::Relaxed);
    }
    let read = collect(world.replicator.read(&root), limit).await.unwrap();
    assert_eq!(read, data);
    // What nobody has is an error, not a shorter file.
    world.home.tamper(&leaves[1], None);
    let error = collect(world.replicator.read(&root), limit)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::NotFound(cid) if cid == leaves[1]),
        "{error}"
    );
}

#[tokio::test]
async fn lost_and_damaged_blocks_are_found_named_and_mended() {
    let world = world(ALL);
    let (root, data) = upload(&world, 5).await;
    world.replicator.replicate(&root).await.unwrap();
    assert!(
        world
            .replicator
            .audit(&mut rng(), 16)
            .await
            .unwrap()
            .is_empty()
    );

    let holding = world.holding(&root).await;
    let [(first, lossy), (second, corrupt)] = &holding[..] else {
        panic!()
    };
    let (lost, flipped) = (
        cid_of(RAW, &data[..CHUNK]),
        cid_of(RAW, &data[CHUNK..2 * CHUNK]),
    );
    lossy.tamper(&lost, None);
    let mut bad = data[CHUNK..2 * CHUNK].to_vec();
    bad[77] ^= 0x10;
    corrupt.tamper(&flipped, Some(bad.into()));

    // 64 draws from 4 blocks miss one of them with a chance of 1 in 10^8.
    let found = world.replicator.audit(&mut rng(), 64).await.unwrap();
    let names = |seed: u8, block: Cid, fault: Fault| {
        let held =
            |f: &&vault::replicate::Finding| f.holder == key_id(seed) && f.block == Some(block);
        found
            .iter()
            .find(held)
            .is_some_and(|f| f.fault == fault && f.root == root)
    };
    assert!(names(*first, lost, Fault::Missing), "{found:?}");
    assert!(names(*second, flipped, Fault::Damaged), "{found:?}");
    assert!(
        found
            .iter()
            .all(|f| [key_id(*first), key_id(*second)].contains(&f.holder))
    );

    let repairs = world.replicator.repair(&mut rng(), &found).await.unwrap();
    assert!(
        repairs
            .iter()
            .all(|r| r.mended && r.source.as_deref() == Some(&key_id(HOME))),
        "{repairs:?}"
    );
    assert!(
        repairs
            .iter()
            .any(|r| r.to_string().contains(&flipped.to_string()))
    );
    assert!(
        world
            .replicator
            .audit(&mut rng(), 64)
            .await
            .unwrap()
            .is_empty()
    );
    for (_, vault) in &holding {
        assert!(collect(vault.get_file(&root), data.len()).await.unwrap() == data);
    }
}

#[tokio::test]
async fn the_home_copy_is_mended_from_the_others() {
    let world = world(ALL);
    let (root, data) = upload(&world, 6).await;
    world.replicator.replicate(&root).await.unwrap();
    // The root is an inner node: what is below it is known only when it is back.
    let flipped = cid_of(RAW, &data[..CHUNK]);
    world.home.tamper(&root, Some("forged".into()));
    world.home.tamper(&flipped, None);
    let found = world.replicator.audit(&mut rng(), 4).await.unwrap();
    assert!(found.iter().all(|f| f.holder == key_id(HOME)) && !found.is_empty());
    let (verified, repairs) = world.replicator.repair_own().await.unwrap();
    assert!(
        verified.missing.len() == 1 && repairs.len() == 2,
        "{verified:?} {repairs:?}"
    );
    assert!(repairs.iter().all(|r| r.mended));
    assert!(world.home.verify().await.unwrap().is_clean());
    assert!(
        collect(world.home.get_file(&root), data.len())
            .await
            .unwrap()
            == data
    );
}

#[tokio::test]
async fn a_holder_that_is_gone_is_replaced() {
    let world = world(ALL);
    let (root, _) = upload(&world, 7).await;
    world.replicator.replicate(&root).await.unwrap();
    let gone = world.holding(&root).await[0].0;
    world.peers[usize::from(gone) - 2]
        .down
        .store(true, Ordering::Relaxed);
    let found = world.replicator.audit(&mut rng(), 2).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].fault, found[0].holder.clone()),
        (Fault::Unreachable, key_id(gone))
    );
    let repairs = world.replicator.repair(&mut rng(), &found).await.unwrap();
    assert!(!repairs[0].mended);
    world
        .replicator
        .give_up(&root, &key_id(gone))
        .await
        .unwrap();
    assert!(world.replicator.heal().await.unwrap().is_empty());
    assert_eq!(
        world.holding(&root).await.len(),
        3,
        "the old copy and two that answer"
    );
}

#[tokio::test]
async fn forged_answers_are_named() {
    let world = world(ALL);
    let (root, _) = upload(&world, 8).await;
    world.replicator.replicate(&root).await.unwrap();
    let liar = world.holding(&root).await[0].0;
    world.peers[usize::from(liar) - 2]
        .lying
        .store(true, Ordering::Relaxed);
    let found = world.replicator.audit(&mut rng(), 2).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].fault, found[0].holder.clone()),
        (Fault::FalseStatement, key_id(liar))
    );
}

#[tokio::test]
async fn erasure_leaves_signed_statements_and_no_blocks() {
    let world = world(ALL);
    let (keep, _) = upload(&world, 9).await;
    let (root, _) = upload(&world, 10).await;
    world.replicator.replicate(&keep).await.unwrap();
    world.replicator.replicate(&root).await.unwrap();
    let holding = world.holding(&root).await;
    let (statements, failures) = world.replicator.erase(&root).await.unwrap();
    assert!(failures.is_empty());
    assert_eq!(statements.len(), 3);
    for statement in &statements {
        let holder = statement.holder.clone();
        statement
            .check(
                Act::Deleted,
                &root,
                &key_id(HOME),
                &holder,
                known(1..5).as_ref(),
            )
            .await
            .unwrap();
        assert!(
            statement
                .check(
                    Act::Stored,
                    &root,
                    &key_id(HOME),
                    &holder,
                    known(1..5).as_ref()
                )
                .await
                .is_err()
        );
    }
    for (_, vault) in holding {
        assert!(!vault.has(&root).await.unwrap());
    }
    assert!(!world.home.has(&root).await.unwrap());
    assert!(world.home.has(&keep).await.unwrap());
    assert_eq!(world.replicator.roots().await.unwrap(), [keep]);
}

/// A CAR of these blocks, whose root is the first one.
fn car_of(blocks: &[Block]) -> ByteStream {
    let mut stream = vault::car::header(blocks[0].cid()).unwrap().to_vec();
    for block in blocks {
        stream.extend(vault::car::section(block.cid(), block.data().len()));
        stream.extend_from_slice(block.data());
    }
    bytes_stream(stream)
}

/// A CAR with a header alone: it names a root and shows none of its bytes.
fn header_only(root: &Cid) -> ByteStream {
    bytes_stream(vault::car::header(root).unwrap())
}

fn block(seed: u64) -> Block {
    Block::new(RAW, bytes(seed, 100)).unwrap()
}

#[tokio::test]
async fn a_deletion_takes_the_owners_own_claim_alone() {
    let vault = MemoryVault::new();
    let held = holder(2, Arc::new(vault.clone()));
    let block = block(11);
    let root = *block.cid();
    let (a, b, c) = (key_id(3), key_id(4), key_id(5));
    for owner in [&a, &b] {
        let blocks = [block.clone()];
        held.store(&root, owner, car_of(&blocks)).await.unwrap();
    }
    // Who owns nothing of it is told so, and takes nothing.
    let told = held.erase(&root, &c).await.unwrap();
    assert_eq!((told.act, told.owner), (Act::Deleted, c));
    held.erase(&root, &a).await.unwrap();
    assert!(vault.has(&root).await.unwrap(), "b still owns it");
    held.erase(&root, &a).await.unwrap();
    assert!(vault.has(&root).await.unwrap(), "b still owns it");
    held.erase(&root, &b).await.unwrap();
    assert!(!vault.has(&root).await.unwrap());
    held.erase(&root, &b).await.unwrap();
}

#[tokio::test]
async fn what_the_node_keeps_for_itself_no_other_deletes() {
    let vault = MemoryVault::new();
    let held = holder(2, Arc::new(vault.clone()));
    let block = block(12);
    let root = *block.cid();
    let own = || vault.put_file(bytes_stream(block.data().clone()));
    let foreign = key_id(3);
    // Whoever came first: the node, or the institution that really has the bytes.
    for node_first in [true, false] {
        if node_first {
            assert_eq!(own().await.unwrap().cid, root);
        }
        let blocks = [block.clone()];
        held.store(&root, &foreign, car_of(&blocks)).await.unwrap();
        if !node_first {
            own().await.unwrap();
        }
        held.erase(&root, &foreign).await.unwrap();
        assert_eq!(vault.own_pins().await.unwrap(), [root]);
        assert!(vault.has(&root).await.unwrap(), "node first: {node_first}");
        held.erase_own(&root).await.unwrap();
        assert!(!vault.has(&root).await.unwrap());
    }
}

#[tokio::test]
async fn an_institution_that_names_our_root_without_its_bytes_owns_nothing() {
    let vault = MemoryVault::new();
    let held = holder(2, Arc::new(vault.clone()));
    let data = bytes(13, 2 * CHUNK + 5);
    let root = vault
        .put_file(bytes_stream(data.clone()))
        .await
        .unwrap()
        .cid;
    let foreign = key_id(3);
    let claimed = held.store(&root, &foreign, header_only(&root)).await;
    assert!(
        matches!(&claimed, Err(Error::Unproven { block, .. }) if **block == root),
        "{claimed:?}"
    );
    // The root block tells the names of the others; their bytes are still not shown.
    let top = Block::verified(&root, vault.get_block(&root).await.unwrap()).unwrap();
    let claimed = held.store(&root, &foreign, car_of(&[top])).await;
    assert!(
        matches!(&claimed, Err(error @ Error::Unproven { .. }) if error.code() == "not_shown"),
        "{claimed:?}"
    );
    assert_eq!(held.stored(&foreign).await.unwrap(), 0);
    held.erase(&root, &foreign).await.unwrap();
    let back = collect(vault.get_file(&root), data.len()).await.unwrap();
    assert!(back == data, "our only copy is gone");
}

#[tokio::test]
async fn an_institution_that_stores_our_root_holds_up_no_erasure() {
    let world = world(ALL);
    let (root, _) = upload(&world, 14).await;
    world.replicator.replicate(&root).await.unwrap();
    // Two that really have the bytes: one stores the record, one a folder around it.
    let home = world.replicator.home();
    let source = Arc::new(world.home.clone());
    let stored = home
        .store(
            &root,
            &key_id(4),
            vault::gateway::dag_car(source, &root).unwrap(),
        )
        .await;
    stored.unwrap();
    let link = vault::dagpb::Link {
        cid: root,
        name: "theirs".into(),
        tsize: 0,
    };
    let folder = vault::dagpb::Node {
        links: vec![link],
        data: Some(vault::unixfs::Data::directory().encode().into()),
    };
    let folder = Block::new(vault::block::DAG_PB, folder.encode()).unwrap();
    let mut blocks = vec![folder.clone()];
    for cid in walk(&world.home, &root, DagLimits::default())
        .await
        .unwrap()
    {
        let data = world.home.get_block(&cid).await.unwrap();
        blocks.push(Block::verified(&cid, data).unwrap());
    }
    home.store(folder.cid(), &key_id(5), car_of(&blocks))
        .await
        .unwrap();

    let (statements, failures) = world.replicator.erase(&root).await.unwrap();
    assert_eq!((statements.len(), failures.len()), (3, 0));
    assert!(!world.home.own_pins().await.unwrap().contains(&root));
    // What is theirs they delete themselves, and then nothing is left.
    home.erase(&root, &key_id(4)).await.unwrap();
    home.erase(folder.cid(), &key_id(5)).await.unwrap();
    assert_eq!(world.home.stat().await.unwrap().blocks, 0);
}

#[tokio::test]
async fn a_root_inside_another_dag_of_the_node_is_still_needed() {
    let vault = MemoryVault::new();
    let held = holder(2, Arc::new(vault.clone()));
    let data = bytes(15, 2 * CHUNK);
    vault.put_file(bytes_stream(data.clone())).await.unwrap();
    let part = cid_of(RAW, &data[..CHUNK]);
    vault.pin(&part).await.unwrap();
    let refused = held.erase_own(&part).await;
    assert!(matches!(refused, Err(Error::StillNeeded(cid)) if cid == part));
}

/// A holder for wallet 3 alone, with this quota.
fn limited(vault: &MemoryVault, quota: u64) -> Holder {
    let quotas = Quotas::new([(key_id(3), quota)]);
    let book = Arc::new(MemoryBook::default());
    Holder::new(Arc::new(vault.clone()), signer(2), book, system_clock()).with_quotas(quotas)
}

/// A stream that nobody may read.
fn untouched() -> ByteStream {
    futures_util::stream::poll_fn(|_| panic!("the stream was read")).boxed()
}

#[tokio::test]
async fn only_configured_institutions_store() {
    let vault = MemoryVault::new();
    let held = limited(&vault, 1 << 20);
    let refused = held.store(block(16).cid(), &key_id(4), untouched()).await;
    let Err(refused) = refused else { panic!() };
    assert!(matches!(&refused, Error::NotAPeer { caller } if **caller == key_id(4)));
    assert_eq!(refused.code(), "not_a_peer");
    assert!(refused.hint().contains("configuration"));
    // However the address is spelled, it is the same institution with the same quota.
    let spelled = signer(3).address().to_checksum(None);
    let blocks = [block(16)];
    held.store(blocks[0].cid(), &spelled, car_of(&blocks))
        .await
        .unwrap();
    assert_eq!(held.stored(&key_id(3)).await.unwrap(), LEAST_CHARGE);
}

#[tokio::test]
async fn a_quota_ends_a_stream_and_comes_back_with_deletions() {
    let vault = MemoryVault::new();
    let mib = CHUNK as u64;
    let held = limited(&vault, 3 * mib);
    let (owner, source) = (key_id(3), MemoryVault::new());
    let file = async |seed, chunks: usize| {
        let data = bytes(seed, chunks * CHUNK);
        source.put_file(bytes_stream(data)).await.unwrap().cid
    };
    let car = |root: &Cid| vault::gateway::dag_car(Arc::new(source.clone()), root).unwrap();
    let large = file(17, 4).await;
    let refused = held.store(&large, &owner, car(&large)).await;
    let Err(refused) = refused else { panic!() };
    assert!(matches!(&refused, Error::Quota { quota, .. } if *quota == 3 * mib));
    assert_eq!(refused.code(), "over_quota");
    assert!(refused.hint().contains("quota"));
    assert_eq!(vault.stat().await.unwrap().blocks, 0, "nothing of it stays");

    let (first, second) = (file(18, 2).await, file(19, 1).await);
    held.store(&first, &owner, car(&first)).await.unwrap();
    let counted = 2 * mib + LEAST_CHARGE;
    assert_eq!(held.stored(&owner).await.unwrap(), counted);
    assert!(matches!(
        held.store(&second, &owner, car(&second)).await,
        Err(Error::Quota { .. })
    ));
    // What is owned may be sent again, to mend it, and counts once.
    held.store(&first, &owner, car(&first)).await.unwrap();
    held.recount().await.unwrap();
    assert_eq!(held.stored(&owner).await.unwrap(), counted);
    held.erase(&first, &owner).await.unwrap();
    assert_eq!(held.stored(&owner).await.unwrap(), 0);
    held.store(&second, &owner, car(&second)).await.unwrap();
    assert_eq!(held.stored(&owner).await.unwrap(), mib);
}

#[tokio::test]
async fn streams_side_by_side_share_the_quota() {
    let vault = MemoryVault::new();
    let held = limited(&vault, 10 * LEAST_CHARGE);
    let owner = key_id(3);
    let stores = (0..20).map(|seed| {
        let blocks = [block(seed)];
        let (held, owner) = (&held, &owner);
        async move { held.store(blocks[0].cid(), owner, car_of(&blocks)).await }
    });
    let done = futures_util::future::join_all(stores).await;
    let stored = done.iter().filter(|stored| stored.is_ok()).count();
    assert!((1..=10).contains(&stored), "{stored}");
    let counted = held.stored(&owner).await.unwrap();
    assert_eq!(counted, stored as u64 * LEAST_CHARGE);
}

#[tokio::test]
async fn the_same_over_http() {
    let vaults = [MemoryVault::new(), MemoryVault::new()];
    let mut peers: Vec<Arc<dyn Peer>> = Vec::new();
    for (vault, seed) in vaults.iter().zip(2u8..) {
        let address = serve(holder(seed, Arc::new(vault.clone())), false, [HOME]).await;
        let client = GatewayClient::new(&format!("http://{address}")).unwrap();
        let client = client.signed_by(signer(HOME), system_clock());
        peers.push(Arc::new(HttpPeer::new(client, key_id(seed))));
    }
    let home = MemoryVault::new();
    let replicator = Replicator::new(
        holder(HOME, Arc::new(home.clone())),
        peers,
        ALL,
        known(1..4),
    );
    let data = bytes(13, 3 * CHUNK);
    let root = home.put_file(bytes_stream(data.clone())).await.unwrap().cid;
    assert_eq!(replicator.replicate(&root).await.unwrap().receipts.len(), 2);
    assert!(replicator.audit(&mut rng(), 8).await.unwrap().is_empty());
    let lost = cid_of(RAW, &data[..CHUNK]);
    vaults[0].tamper(&lost, Some("forged".into()));
    let found = replicator.audit(&mut rng(), 64).await.unwrap();
    assert!(
        found
            .iter()
            .any(|f| f.holder == key_id(2) && f.block == Some(lost)),
        "{found:?}"
    );
    let repairs = replicator.repair(&mut rng(), &found).await.unwrap();
    assert!(repairs.iter().all(|r| r.mended), "{repairs:?}");
    home.tamper(&lost, None);
    let (_, repairs) = replicator.repair_own().await.unwrap();
    assert!(repairs.len() == 1 && repairs[0].mended);
    let (statements, failures) = replicator.erase(&root).await.unwrap();
    assert_eq!((statements.len(), failures.len()), (3, 0));
    assert_eq!(vaults[0].stat().await.unwrap().blocks, 0);
}

#[tokio::test]
async fn replicas_are_taken_from_known_institutions_only() {
    let vault = MemoryVault::new();
    // Public for readers; storing and deleting still want a signature.
    let address = serve(holder(2, Arc::new(vault.clone())), true, [HOME]).await;
    let url = format!("http://{address}/vault/v1/replicas/{}", cid_of(RAW, b"x"));
    let http = reqwest::Client::new();
    assert_eq!(
        http.post(&url).body("x").send().await.unwrap().status(),
        401
    );
    assert_eq!(http.delete(&url).send().await.unwrap().status(), 401);
    let challenges = format!("http://{address}/vault/v1/challenges");
    assert_eq!(
        http.post(challenges)
            .body("x")
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    let stranger = GatewayClient::new(&format!("http://{address}"))
        .unwrap()
        .signed_by(signer(9), system_clock());
    let peer = HttpPeer::new(stranger, key_id(2));
    let stored = peer
        .store(&cid_of(RAW, b"x"), bytes_stream(&b"x"[..]))
        .await;
    assert!(
        matches!(stored, Err(Error::Refused { status: 401, .. })),
        "{stored:?}"
    );
    assert_eq!(vault.stat().await.unwrap().blocks, 0);
}

/// Sends a request's head over a socket of its own, and no byte of the body that it announces.
async fn head_only(address: std::net::SocketAddr, head: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(std::time::Duration::from_secs(20), socket.read(&mut answer));
    let read = read.await.expect("it waits for the body").unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn a_refusal_comes_before_the_body() {
    let address = serve(holder(2, Arc::new(MemoryVault::new())), true, [HOME]).await;
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 67108864\r\n\
             expect: 100-continue\r\n\r\n"
        )
    };
    let replica = format!("/vault/v1/replicas/{}", cid_of(RAW, b"x"));
    for path in ["/vault/v1/challenges", &replica] {
        let answer = head_only(address, &head(path)).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{path}: {answer}");
        assert!(answer.contains("not_signed"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_peer_beyond_its_share_of_the_memory_is_told_to_wait() {
    let budget = vault::budget::ByteBudget::new(8 << 20, 5 << 20);
    let budget = budget.waiting(std::time::Duration::ZERO);
    let requests = RequestVerifier::new(known([HOME, 3]), system_clock(), Vec::new());
    let address = listen(vault::gateway::Gateway {
        holder: holder(2, Arc::new(MemoryVault::new())),
        requests: Arc::new(requests),
        budget,
        public: false,
    })
    .await;
    let peer = |seed: u8| {
        let client = GatewayClient::new(&format!("http://{address}")).unwrap();
        HttpPeer::new(client.signed_by(signer(seed), system_clock()), key_id(2))
    };
    // One store goes on for as long as its sender likes.
    let (send, mut wait) = tokio::sync::mpsc::unbounded_channel::<Result<Bytes>>();
    let slowly = futures_util::stream::poll_fn(move |cx| wait.poll_recv(cx)).boxed();
    let root = *block(20).cid();
    let first = peer(HOME);
    let slow = tokio::spawn(async move { first.store(&root, slowly).await });
    send.send(Ok(vault::car::header(&root).unwrap())).unwrap();
    let mut busy = None;
    for _ in 0..1000 {
        match peer(HOME).store(&root, car_of(&[block(20)])).await {
            Err(Error::Refused {
                status: 503, why, ..
            }) => busy = Some(why),
            _ => tokio::task::yield_now().await,
        }
        if busy.is_some() {
            break;
        }
    }
    assert!(busy.expect("never busy").contains("\"busy\""));
    let nothing = Challenge {
        nonce: serde_bytes::ByteArray::new([7; 32]),
        probes: Vec::new(),
    };
    let other = peer(3);
    let answered = other.challenge(&nothing).await;
    answered.expect("another institution is served meanwhile");
    let block = block(20);
    let rest = [
        vault::car::section(&root, block.data().len()),
        block.data().clone(),
    ];
    for piece in rest {
        send.send(Ok(piece)).unwrap();
    }
    drop(send);
    slow.await.unwrap().unwrap();
}

#[tokio::test]
async fn refusals_name_a_code_and_a_hint() {
    let vault = MemoryVault::new();
    let address = serve(holder(2, Arc::new(vault)), false, [9]).await;
    // Known to the registry, but not a peer of this node's configuration.
    let client = GatewayClient::new(&format!("http://{address}")).unwrap();
    let peer = HttpPeer::new(client.signed_by(signer(9), system_clock()), key_id(2));
    let blocks = [block(21)];
    let refused = peer.store(blocks[0].cid(), car_of(&blocks)).await;
    let Err(Error::Refused { status, why, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(status, 403);
    let body: serde_json::Value = serde_json::from_str(&why).unwrap();
    assert_eq!(body["error"], "not_a_peer");
    assert!(!body["message"].as_str().unwrap().is_empty());
    assert!(!body["hint"].as_str().unwrap().is_empty());
}
