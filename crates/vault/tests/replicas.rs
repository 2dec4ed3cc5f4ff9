//! Replication between four institutions: in memory, and over HTTP.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use support::{bytes, holder, key_id, known, serve, signer};
use vault::block::{RAW, cid_of};
use vault::file::CHUNK;
use vault::replicate::{
    Act, Answer, Challenge, Fault, LocalPeer, Peer, Policy, Proof, Receipt, Replicator,
};
use vault::sign::system_clock;
use vault::{
    ByteStream, Cid, Error, GatewayClient, HttpPeer, MemoryVault, Result, Vault, bytes_stream,
    collect,
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

#[tokio::test]
async fn only_the_owner_deletes() {
    let vault = MemoryVault::new();
    let held = holder(2, Arc::new(vault.clone()));
    let source = MemoryVault::new();
    let root = source
        .put_file(bytes_stream(bytes(11, 100)))
        .await
        .unwrap()
        .cid;
    let car = |source: &MemoryVault| {
        let mut stream = vault::car::header(&root).unwrap().to_vec();
        stream.extend(vault::car::section(&root, 100));
        stream.extend(bytes(11, 100));
        let _ = source;
        bytes_stream(stream)
    };
    held.store(&root, "0xa", car(&source)).await.unwrap();
    held.store(&root, "0xb", car(&source)).await.unwrap();
    assert!(matches!(
        held.erase(&root, "0xc").await,
        Err(Error::NotYours { .. })
    ));
    held.erase(&root, "0xa").await.unwrap();
    assert!(vault.has(&root).await.unwrap(), "b still owns it");
    assert!(matches!(
        held.erase(&root, "0xa").await,
        Err(Error::NotYours { .. })
    ));
    held.erase(&root, "0xb").await.unwrap();
    assert!(!vault.has(&root).await.unwrap());
    assert!(
        held.erase(&root, "0xb").await.is_ok(),
        "deleting what is gone is stated again"
    );
    // What the node keeps for itself is nobody else's to delete.
    let own = vault
        .put_file(bytes_stream(bytes(12, 100)))
        .await
        .unwrap()
        .cid;
    assert!(matches!(
        held.erase(&own, "0xa").await,
        Err(Error::NotYours { .. })
    ));
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
