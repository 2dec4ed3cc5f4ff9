//! Whatever fails, each act that was asked for is done once: a process that dies at any step, an
//! endpoint that forgets or lies, reorganisations, rising fees, strangers who use the account, two
//! processes on one account. And nobody can stop it: no act that cannot be carried, whatever is
//! wrong with it, holds up another.
// Helpers of tests fail like tests do.
#![allow(clippy::unwrap_used)]

mod common {
    pub(crate) mod sim;
}

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alloy_primitives::{Address, Bytes, U256};
use common::sim::{
    CHAIN_ID, Death, Fate, Lies, Life, MortalOutbox, Nature, REVOKE, SimChain, SimEndpoint,
};
use ledger::relayer::{Call, Lane, MemoryOutbox, OutboxStore, Settings, State, Status};
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

fn settings() -> Settings {
    Settings {
        finality: Finality::Depth { blocks: FINALITY },
        stuck_after: 30,
        fees: FeePolicy {
            cap: 1_000_000_000_000,
            urgent_cap: 5_000_000_000_000,
            ..FeePolicy::default()
        },
        ..Settings::new(CHAIN_ID)
    }
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
            settings(),
        );
        (relayer, life)
    }

    /// A process with a second endpoint that must agree before an act is over.
    fn watched_by(&self, witness: Arc<SimEndpoint>) -> Relayer {
        let time = self.time.clone();
        let endpoint = SimEndpoint {
            chain: self.chain.clone(),
            life: Life::until(None),
        };
        Relayer::with_witnesses(
            Arc::new(endpoint),
            vec![witness],
            self.outbox.clone(),
            Arc::new(key("relayer")),
            Arc::new(move || time.load(Ordering::SeqCst)),
            settings(),
        )
    }

    fn pass(&self, seconds: u64) {
        self.time.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Rounds of work and blocks until nothing is open.
    async fn finish(&self) {
        self.finish_but(0).await;
    }

    /// The same until nothing is open but so many acts whose estimates fail.
    async fn finish_but(&self, unclear: usize) {
        let (relayer, _) = self.process(None);
        self.chain.set_base_fee(1_000_000_000);
        self.chain.lie(Lies::default());
        for _ in 0..200 {
            self.pass(20);
            if relayer.work().await.unwrap() == unclear {
                return;
            }
            self.chain.mine();
        }
        let open = self.outbox.open(relayer.sender()).await.unwrap();
        panic!("still open: {open:#?}");
    }

    /// What is said of an act in the end.
    async fn refusal(&self, act: &str) -> String {
        let item = self.outbox.get(act).await.unwrap().unwrap();
        match item.state {
            State::Refused(refusal) => refusal.error,
            other => panic!("{act}: {other:?}"),
        }
    }

    /// Each act is done exactly once and said to be final.
    async fn check(&self, acts: &[String]) {
        let executions = self.chain.executions();
        for act in acts {
            let count = executions.get(&call(act).data).copied().unwrap_or(0);
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

/// The call of an act; those named `urgent …` are revocations, `urgent` left out.
fn call(act: &str) -> Call {
    let data = match act.strip_prefix("urgent ") {
        Some(rest) => [&REVOKE, rest.as_bytes()].concat(),
        None => act.as_bytes().to_vec(),
    };
    Call {
        to: Address::repeat_byte(1),
        data: Bytes::from(data),
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

#[tokio::test]
async fn a_transaction_that_no_pool_takes_frees_its_nonce() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    for act in ["poison", "act", "urgent act"] {
        relayer.submit(act, call(act)).await.unwrap();
    }
    world.finish().await;
    world.check(&["act".into(), "urgent act".into()]).await;
    assert_eq!(world.refusal("poison").await, "NotTaken");
    // Nothing of it can be included any more: it may be asked for again.
    relayer.retry("poison").await.unwrap();
    relayer.submit("after", call("after")).await.unwrap();
    world.finish().await;
    world.check(&["after".into()]).await;
    assert_eq!(world.refusal("poison").await, "NotTaken");
}

#[tokio::test]
async fn an_item_that_was_signed_over_the_limits_frees_its_nonce_at_once() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    let huge = Call {
        data: vec![7; 200_000].into(),
        ..call("huge")
    };
    let error = relayer.submit("huge", huge.clone()).await.unwrap_err();
    assert!(
        matches!(error, ledger::Error::CallTooLarge { .. }),
        "{error}"
    );
    // As an earlier version would have stored it.
    let item = ledger::relayer::Item::new("huge", relayer.sender(), huge, 1_000_000);
    world.outbox.insert(&item).await.unwrap();
    relayer.submit("act", call("act")).await.unwrap();
    world.pass(20);
    relayer.work().await.unwrap();
    world.chain.mine();
    relayer.work().await.unwrap();
    assert_eq!(
        world.chain.executions()[&call("act").data],
        1,
        "after one block"
    );
    world.finish().await;
    assert_eq!(world.refusal("huge").await, "NotTaken");
}

#[tokio::test]
async fn estimates_that_fail_hold_up_nobody() {
    for hostile in ["unclear", "silent"] {
        let world = World::new();
        let (relayer, _) = world.process(None);
        for n in 0..20 {
            let act = format!("{hostile} {n}");
            relayer.submit(&act, call(&act)).await.unwrap();
        }
        let acts: Vec<String> = vec!["act".into(), "urgent act".into()];
        for act in &acts {
            relayer.submit(act, call(act)).await.unwrap();
        }
        relayer.work().await.unwrap();
        world.chain.mine();
        let urgent = &call("urgent act").data;
        assert_eq!(
            world.chain.executions().get(urgent),
            Some(&1),
            "{hostile}: in the first block"
        );
        world.finish_but(20).await;
        world.check(&acts).await;
        world.pass(300);
        let health = relayer.health().await.unwrap();
        assert_eq!((health.queued, health.in_flight), (20, 0));
        let oldest = health.oldest.unwrap();
        assert_eq!(oldest.key, format!("{hostile} 0"));
        assert!(oldest.trouble.is_some());
        assert!(
            health.stuck.unwrap().contains(hostile),
            "told after a while"
        );
    }
}

#[tokio::test]
async fn a_wallet_that_burns_gas_is_not_paid_for() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    for act in ["burner", "act"] {
        relayer.submit(act, call(act)).await.unwrap();
    }
    world.finish().await;
    world.check(&["act".into()]).await;
    assert_eq!(world.refusal("burner").await, "GasCeiling");
    let item = world.outbox.get("burner").await.unwrap().unwrap();
    assert!(item.attempts.is_empty(), "nothing was signed for it");
}

#[tokio::test]
async fn lying_estimates_end_no_act_that_a_witness_takes() {
    let world = World::new();
    let witness = Arc::new(SimEndpoint {
        chain: SimChain::new(),
        life: Life::until(None),
    });
    let relayer = world.watched_by(witness);
    world.chain.lie(Lies {
        high_estimates: 2,
        refusing_estimates: 2,
        ..Lies::default()
    });
    let acts: Vec<String> = vec!["act 1".into(), "act 2".into()];
    for act in &acts {
        relayer.submit(act, call(act)).await.unwrap();
        relayer.work().await.unwrap();
    }
    world.finish().await;
    world.check(&acts).await;
}

#[tokio::test]
async fn an_invented_nonce_leaves_no_gap() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    world.chain.lie(Lies {
        pending_nonces: 1,
        ..Lies::default()
    });
    relayer.submit("act", call("act")).await.unwrap();
    relayer.work().await.unwrap();
    assert_eq!(world.chain.waiting(), [0]);
    world.finish().await;
    world.check(&["act".into()]).await;
}

#[tokio::test]
async fn revocations_overtake_and_have_slots_of_their_own() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    let in_flight = Settings::new(CHAIN_ID).in_flight;
    let acts: Vec<String> = (0..in_flight + 20).map(|n| format!("act {n}")).collect();
    for act in &acts {
        relayer.submit(act, call(act)).await.unwrap();
    }
    relayer.work().await.unwrap();
    assert_eq!(world.chain.waiting().len(), in_flight);
    relayer
        .submit("urgent act", call("urgent act"))
        .await
        .unwrap();
    relayer.work().await.unwrap();
    assert_eq!(
        world.chain.waiting().len(),
        in_flight + 1,
        "one more, and it is the urgent one"
    );
    world.chain.mine();
    assert_eq!(
        world.chain.executions().get(&call("urgent act").data),
        Some(&1)
    );
    assert_eq!(
        world
            .chain
            .executions()
            .get(&call(acts.last().unwrap()).data),
        None
    );
    world.finish().await;
    world.check(&acts).await;
}

#[tokio::test]
async fn revocations_go_on_above_the_fee_cap_and_take_those_before_them_along() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    relayer.submit("act", call("act")).await.unwrap();
    relayer.work().await.unwrap();
    // Over the cap for ordinary acts, under that for urgent ones.
    world.chain.set_base_fee(1_500_000_000_000);
    world.chain.mine_empty();
    relayer.submit("later", call("later")).await.unwrap();
    relayer
        .submit("urgent act", call("urgent act"))
        .await
        .unwrap();
    for _ in 0..4 {
        world.pass(31);
        relayer.work().await.unwrap();
        world.chain.mine();
    }
    let done = world.chain.executions();
    assert_eq!(done.get(&call("urgent act").data), Some(&1));
    assert_eq!(
        done.get(&call("act").data),
        Some(&1),
        "its nonce stands before"
    );
    assert_eq!(done.get(&call("later").data), None, "the cap holds for it");
    world.finish().await;
    world
        .check(&["act".into(), "later".into(), "urgent act".into()])
        .await;
}

#[tokio::test]
async fn a_reverted_act_is_sent_again_with_more_gas() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    relayer.submit("cold", call("cold")).await.unwrap();
    relayer.work().await.unwrap();
    world.chain.mine();
    relayer.work().await.unwrap();
    let status = relayer.status("cold").await.unwrap().unwrap();
    let Status::Pending {
        trouble: Some(trouble),
        ..
    } = &status
    else {
        panic!("it goes on: {status:?}");
    };
    assert!(trouble.contains("too little gas"), "{trouble}");
    world.finish().await;
    world.check(&["cold".into()]).await;
    let item = world.outbox.get("cold").await.unwrap().unwrap();
    assert_eq!(item.round, 1);

    // A revocation has the gas of its most expensive path from the start.
    relayer
        .submit("urgent cold", call("urgent cold"))
        .await
        .unwrap();
    world.finish().await;
    world.check(&["urgent cold".into()]).await;
    let item = world.outbox.get("urgent cold").await.unwrap().unwrap();
    assert_eq!((item.round, item.lane()), (0, Lane::Urgent));
}

#[tokio::test]
async fn a_person_can_mend_it_at_once() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    for act in ["poison", "act"] {
        relayer.submit(act, call(act)).await.unwrap();
    }
    relayer.work().await.unwrap();
    world.chain.mine();
    assert_eq!(
        world.chain.executions().get(&call("act").data),
        None,
        "it is held up"
    );
    assert_eq!(relayer.repair().await.unwrap(), ["poison"]);
    world.chain.mine();
    assert_eq!(world.chain.executions().get(&call("act").data), Some(&1));
    world.finish().await;
    assert_eq!(world.refusal("poison").await, "NotTaken");
}

#[tokio::test]
async fn an_endpoint_that_takes_nothing_ends_no_act() {
    let world = World::new();
    let (relayer, _) = world.process(None);
    relayer.submit("act", call("act")).await.unwrap();
    world.chain.refuse_all(true);
    for _ in 0..40 {
        world.pass(20);
        relayer.work().await.unwrap();
        world.chain.mine_empty();
    }
    let health = relayer.health().await.unwrap();
    assert!(health.stuck.is_some(), "{health:?}");
    world.chain.refuse_all(false);
    world.finish().await;
    world.check(&["act".into()]).await;
}

/// Things that happen to a relayer.
#[derive(Debug, Clone)]
enum Happening {
    Submit,
    /// The same, for an act that ends access.
    SubmitUrgent,
    /// Somebody hands in what cannot be carried, or not as it seems.
    SubmitHostile {
        nature: usize,
        urgent: bool,
    },
    Lie(Lies),
    Repair,
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
        2 => Just(Happening::SubmitUrgent),
        2 => (0..Nature::HOSTILE.len(), any::<bool>())
            .prop_map(|(nature, urgent)| Happening::SubmitHostile { nature, urgent }),
        1 => (0u32..4, 0u32..2).prop_map(|(failing_estimates, pending_nonces)| {
            Happening::Lie(Lies { failing_estimates, pending_nonces, ..Lies::default() })
        }),
        1 => Just(Happening::Repair),
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
            let mut story = Story::default();
            let (mut relayer, _) = world.process(None);
            for happening in happenings {
                story.tell(&world, &mut relayer, happening).await;
                let most = world.chain.executions().iter()
                    .filter(|(data, _)| !data.is_empty() && !data.starts_with(b"foreign"))
                    .map(|(_, count)| *count).max().unwrap_or(0);
                assert!(most <= 1, "an act was done {most} times");
            }
            story.end(&world).await;
        });
    }
}

/// What was asked for in one random history.
#[derive(Default)]
struct Story {
    /// Acts that must be done.
    acts: Vec<String>,
    /// Acts that must be refused, or stay open with a reason.
    hostile: Vec<(Nature, String)>,
}

impl Story {
    async fn submit(&mut self, relayer: &Relayer, act: String, nature: Nature) {
        relayer.submit(&act, call(&act)).await.unwrap();
        match nature {
            Nature::Honest | Nature::Cold => self.acts.push(act),
            hostile => self.hostile.push((hostile, act)),
        }
    }

    async fn tell(&mut self, world: &World, relayer: &mut Relayer, happening: Happening) {
        let number = self.acts.len() + self.hostile.len();
        match happening {
            Happening::Submit => {
                self.submit(relayer, format!("act {number}"), Nature::Honest)
                    .await
            }
            Happening::SubmitUrgent => {
                self.submit(relayer, format!("urgent act {number}"), Nature::Honest)
                    .await;
            }
            Happening::SubmitHostile { nature, urgent } => {
                let (nature, letters) = Nature::HOSTILE[nature];
                let lane = if urgent { "urgent " } else { "" };
                self.submit(relayer, format!("{lane}{letters} {number}"), nature)
                    .await;
            }
            Happening::Lie(lies) => world.chain.lie(lies),
            Happening::Repair => {
                relayer.repair().await.unwrap();
            }
            Happening::Work => {
                relayer.work().await.unwrap();
            }
            Happening::Die { at, after } => {
                let (mortal, _) = world.process(Some(Death { at, after }));
                let _ = mortal.work().await;
                *relayer = world.process(None).0;
            }
            Happening::Mine => world.chain.mine(),
            Happening::MineEmpty => world.chain.mine_empty(),
            Happening::Forget => world.chain.forget(),
            Happening::Reorganise { depth, fate } => world.chain.reorganise(depth, fate),
            Happening::Usurp => world.chain.usurp(key("relayer").address()),
            Happening::BaseFee(wei) => world.chain.set_base_fee(wei),
            Happening::Pass(seconds) => world.pass(seconds),
        }
    }

    /// Whatever was handed in, what should be done is done, and the rest is said to be refused or
    /// waits and says why.
    async fn end(&self, world: &World) {
        let waits = |nature: Nature| matches!(nature, Nature::Unclear | Nature::Silent);
        let unclear = self.hostile.iter().filter(|(nature, _)| waits(*nature));
        world.finish_but(unclear.count()).await;
        world.check(&self.acts).await;
        for (nature, act) in &self.hostile {
            let item = world.outbox.get(act).await.unwrap().unwrap();
            match nature {
                nature if waits(*nature) => {
                    assert_eq!(item.state, State::Queued, "{act}");
                    assert!(item.trouble.is_some(), "{act} says why it waits");
                }
                Nature::Poison => assert_eq!(world.refusal(act).await, "NotTaken"),
                Nature::Burner => assert_eq!(world.refusal(act).await, "GasCeiling"),
                _ => assert!(matches!(item.state, State::Refused(_)), "{act}: {item:?}"),
            }
        }
    }
}
