//! Whatever fails, each act that was asked for is done once: a process that dies at any step, an
//! endpoint that forgets, reorganisations, rising fees, strangers who use the account, two
//! processes on one account.
// Helpers of tests fail like tests do.
#![allow(clippy::unwrap_used)]

mod common {
    pub(crate) mod sim;
}

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alloy_primitives::{Address, Bytes, U256};
use common::sim::{CHAIN_ID, Death, Fate, Life, MortalOutbox, SimChain, SimEndpoint};
use ledger::relayer::{Call, MemoryOutbox, OutboxStore, Settings, State, Status};
use ledger::testing::key;
use ledger::{FeePolicy, Finality, Relayer};
use proptest::prelude::*;

const FINALITY: u64 = 3;

/// What survives the death of a process: the chain, the outbox's disk, the time.
struct World {
    chain: Arc<SimChain>,
    outbox: Arc<MemoryOutbox>,
    time: Arc<AtomicU64>,
}

impl World {
    fn new() -> Self {
        Self {
            chain: SimChain::new(),
            outbox: Arc::default(),
            time: Arc::new(AtomicU64::new(1_000_000)),
        }
    }

    fn process(&self, death: Option<Death>) -> (Relayer, Arc<Life>) {
        let life = Life::until(death);
        let time = self.time.clone();
        let relayer = Relayer::new(
            Arc::new(SimEndpoint {
                chain: self.chain.clone(),
                life: life.clone(),
            }),
            Arc::new(MortalOutbox {
                outbox: self.outbox.clone(),
                life: life.clone(),
            }),
            Arc::new(key("relayer")),
            Arc::new(move || time.load(Ordering::SeqCst)),
            Settings {
                finality: Finality::Depth { blocks: FINALITY },
                stuck_after: 30,
                fees: FeePolicy {
                    cap: 1_000_000_000_000,
                    ..FeePolicy::default()
                },
                ..Settings::new(CHAIN_ID)
            },
        );
        (relayer, life)
    }

    fn pass(&self, seconds: u64) {
        self.time.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Rounds of work and blocks until nothing is open.
    async fn finish(&self) {
        let (relayer, _) = self.process(None);
        self.chain.set_base_fee(1_000_000_000);
        for _ in 0..200 {
            self.pass(20);
            if relayer.work().await.unwrap() == 0 {
                return;
            }
            self.chain.mine();
        }
        let open = self.outbox.open(relayer.sender()).await.unwrap();
        panic!("still open: {open:#?}");
    }

    /// Each act is done exactly once and said to be final.
    async fn check(&self, acts: &[String]) {
        let executions = self.chain.executions();
        for act in acts {
            let count = executions.get(act.as_bytes()).copied().unwrap_or(0);
            assert_eq!(count, 1, "{act} was done {count} times");
            let item = self.outbox.get(act).await.unwrap().unwrap();
            assert!(
                matches!(item.state, State::Final(_)),
                "{act}: {:?}",
                item.state
            );
        }
    }
}

fn call(act: &str) -> Call {
    Call {
        to: Address::repeat_byte(1),
        data: Bytes::copy_from_slice(act.as_bytes()),
        value: U256::ZERO,
    }
}

/// A life of a process: three acts, a block, a forgetful endpoint, a reorganisation.
async fn story(world: &World, relayer: &Relayer, acts: &[String]) -> ledger::Result<()> {
    for act in acts {
        relayer.submit(act, call(act)).await?;
    }
    relayer.work().await?;
    world.chain.forget();
    world.pass(20);
    relayer.work().await?;
    world.chain.mine();
    relayer.work().await?;
    world.chain.reorganise(1, Fate::Forgotten);
    world.pass(40);
    relayer.work().await?;
    world.chain.mine();
    relayer.work().await?;
    for _ in 0..FINALITY {
        world.chain.mine();
        relayer.work().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_process_may_die_at_any_step() {
    let acts: Vec<String> = (0..3).map(|n| format!("act {n}")).collect();
    let whole = World::new();
    let (relayer, life) = whole.process(None);
    story(&whole, &relayer, &acts).await.unwrap();
    whole.check(&acts).await;
    let steps = life.steps();
    assert!(steps > 60, "the story has {steps} steps only");

    for at in 0..steps {
        for after in [false, true] {
            let world = World::new();
            let (relayer, _) = world.process(Some(Death { at, after }));
            story(&world, &relayer, &acts).await.expect_err("it died");
            // What was not acknowledged, the caller asks for again: under the same key.
            let (relayer, _) = world.process(None);
            for act in &acts {
                relayer.submit(act, call(act)).await.unwrap();
            }
            world.finish().await;
            world.check(&acts).await;
        }
    }
}

#[tokio::test]
async fn a_stuck_transaction_is_replaced_up_to_the_cap() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    relayer.submit("act", call("act")).await.unwrap();
    relayer.work().await.unwrap();
    world.chain.set_base_fee(50_000_000_000);
    let mut turns = 0;
    while matches!(
        relayer.status("act").await.unwrap(),
        Some(Status::Pending { .. })
    ) {
        world.chain.mine();
        world.pass(31);
        relayer.work().await.unwrap();
        turns += 1;
        assert!(turns < 40, "never included");
    }
    let item = world.outbox.get("act").await.unwrap().unwrap();
    assert!(item.attempts.len() > 1);
    assert!(
        item.attempts
            .iter()
            .all(|attempt| attempt.fees.max_fee <= 1_000_000_000_000)
    );

    // Beyond the cap it waits, says why, and goes on when fees fall.
    relayer.submit("dear", call("dear")).await.unwrap();
    world.chain.set_base_fee(2_000_000_000_000);
    world.chain.mine_empty();
    relayer.work().await.unwrap();
    let Some(Status::Pending {
        trouble: Some(trouble),
        ..
    }) = relayer.status("dear").await.unwrap()
    else {
        panic!("it should wait and say why");
    };
    assert!(trouble.contains("limit"), "{trouble}");
    world.finish().await;
    world.check(&["act".into(), "dear".into()]).await;
}

#[tokio::test]
async fn refusals_are_told_and_hold_up_nobody() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    for act in ["refused", "act"] {
        relayer.submit(act, call(act)).await.unwrap();
    }
    world.finish().await;
    world.check(&["act".into()]).await;
    assert!(matches!(
        relayer.status("refused").await.unwrap(),
        Some(Status::Refused(_))
    ));
    assert!(
        world
            .chain
            .executions()
            .keys()
            .all(|data| data.as_ref() != b"refused")
    );
}

#[tokio::test]
async fn one_key_is_one_act() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    relayer.submit("key", call("act")).await.unwrap();
    relayer.submit("key", call("act")).await.unwrap();
    let error = relayer.submit("key", call("other")).await.unwrap_err();
    assert!(matches!(error, ledger::Error::KeyReused(_)), "{error}");
    world.finish().await;
    assert_eq!(world.chain.executions().len(), 1);
}

#[tokio::test]
async fn a_gap_that_a_reorganisation_left_is_filled() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    // A stranger's transaction takes nonce 0, ours 1; then the stranger's is taken back for ever.
    world.chain.usurp(relayer.sender());
    relayer.submit("act", call("act")).await.unwrap();
    relayer.work().await.unwrap();
    world.chain.mine();
    relayer.work().await.unwrap();
    world.chain.reorganise(2, Fate::Forgotten);
    world.finish().await;
    world.check(&["act".into()]).await;
}

#[tokio::test]
async fn a_lost_nonce_is_given_up_only_when_it_is_lost_for_good() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    // Something is final already, only not what follows.
    for _ in 0..=FINALITY {
        world.chain.mine_empty();
    }
    relayer.submit("act", call("act")).await.unwrap();
    relayer.work().await.unwrap();
    // A stranger's transaction takes our nonce; what we do now must not be done beside the first
    // form, should a reorganisation bring that one back.
    world.chain.usurp(relayer.sender());
    for _ in 0..2 {
        world.pass(20);
        relayer.work().await.unwrap();
        world.chain.mine();
    }
    world.chain.reorganise(FINALITY as usize, Fate::Gossip);
    world.chain.mine();
    world.finish().await;
    world.check(&["act".into()]).await;

    // Lost for good, it has a new nonce.
    relayer.submit("next", call("next")).await.unwrap();
    relayer.work().await.unwrap();
    world.chain.usurp(relayer.sender());
    world.finish().await;
    world.check(&["act".into(), "next".into()]).await;
}

#[tokio::test]
async fn two_processes_share_an_account() {
    let world = World::new();
    let (first, _) = world.process(None);
    let (second, _) = world.process(None);
    let acts: Vec<String> = (0..20).map(|n| format!("act {n}")).collect();
    for (n, act) in acts.iter().enumerate() {
        let relayer = if n % 2 == 0 { &first } else { &second };
        relayer.submit(act, call(act)).await.unwrap();
    }
    let (a, b) = tokio::join!(first.work(), second.work());
    a.unwrap();
    b.unwrap();
    world.finish().await;
    world.check(&acts).await;
}

/// Things that happen to a relayer.
#[derive(Debug, Clone)]
enum Happening {
    Submit,
    Work,
    /// The process dies at that step of the next round.
    Die {
        at: u64,
        after: bool,
    },
    Mine,
    MineEmpty,
    Forget,
    Reorganise {
        depth: usize,
        fate: Fate,
    },
    Usurp,
    BaseFee(u128),
    Pass(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => Just(Happening::Submit),
        8 => Just(Happening::Work),
        3 => (0u64..30, any::<bool>()).prop_map(|(at, after)| Happening::Die { at, after }),
        6 => Just(Happening::Mine),
        1 => Just(Happening::MineEmpty),
        1 => Just(Happening::Forget),
        // A final block is not taken back: that is what final means.
        3 => (
            1..=FINALITY as usize,
            prop_oneof![Just(Fate::Waits), Just(Fate::Forgotten), Just(Fate::Gossip)],
        )
            .prop_map(|(depth, fate)| Happening::Reorganise { depth, fate }),
        1 => Just(Happening::Usurp),
        1 => (1u128..40).prop_map(|gwei| Happening::BaseFee(gwei * 1_000_000_000)),
        3 => (1u64..60).prop_map(Happening::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_act_is_done_once(
        happenings in prop::collection::vec(happening(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            let mut acts: Vec<String> = Vec::new();
            let (mut relayer, _) = world.process(None);
            for happening in happenings {
                match happening {
                    Happening::Submit => {
                        let act = format!("act {}", acts.len());
                        relayer.submit(&act, call(&act)).await.unwrap();
                        acts.push(act);
                    }
                    Happening::Work => {
                        relayer.work().await.unwrap();
                    }
                    Happening::Die { at, after } => {
                        let (mortal, _) = world.process(Some(Death { at, after }));
                        let _ = mortal.work().await;
                        relayer = world.process(None).0;
                    }
                    Happening::Mine => world.chain.mine(),
                    Happening::MineEmpty => world.chain.mine_empty(),
                    Happening::Forget => world.chain.forget(),
                    Happening::Reorganise { depth, fate } => {
                        world.chain.reorganise(depth, fate);
                    }
                    Happening::Usurp => world.chain.usurp(key("relayer").address()),
                    Happening::BaseFee(wei) => world.chain.set_base_fee(wei),
                    Happening::Pass(seconds) => world.pass(seconds),
                }
                let most = world.chain.executions().iter()
                    .filter(|(data, _)| data.starts_with(b"act"))
                    .map(|(_, count)| *count).max().unwrap_or(0);
                assert!(most <= 1, "an act was done {most} times");
            }
            world.finish().await;
            world.check(&acts).await;
        });
    }
}
