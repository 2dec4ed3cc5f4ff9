//! The crate on a real Anvil.
// Helpers of tests fail like tests do.
#![allow(clippy::unwrap_used)]

mod hostile {
    mod wedge;
}
mod common {
    pub(crate) mod life;
}

use std::sync::Arc;
use std::time::Duration;

use acts::{Act, Role};
use alloy_primitives::{Address, B256, Bytes, U256, bytes};
use common::life::{Net, WAIT, address, relayer, word};
use ledger::anvil::{Anvil, Options};
use ledger::event_index::{self as index, Kind, Standing};
use ledger::log::{Entry, MemoryLog, Origin};
use ledger::relayer::{self as outbox, MemoryOutbox, OutboxStore, State, Until};
use ledger::testing::{fund, key, mine, revert, snapshot};
use ledger::{
    Anchor, Call, Chain, Deployment, Endpoint, Error, FeePolicy, Finality, Log, Relayer, Rpc,
    Status,
};
use serde_json::json;

struct Anvilled {
    net: Net,
    rpc: Arc<Rpc>,
    // Ends with the test.
    _anvil: Anvil,
}

async fn start(test: &str, options: &Options) -> Option<Anvilled> {
    let anvil = match Anvil::start(options) {
        Ok(anvil) => anvil,
        Err(reason) => {
            eprintln!("SKIPPED {test}: {reason}");
            return None;
        }
    };
    let rpc = Arc::new(Rpc::connect(&anvil.url()).unwrap());
    for name in ["deployer", "relayer"] {
        fund(rpc.as_ref(), address(&key(name))).await.unwrap();
    }
    let net = Net::deploy(rpc.clone()).await;
    Some(Anvilled {
        net,
        rpc,
        _anvil: anvil,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_from_one_account() {
    let Some(it) = start("many_at_once", &Options::default()).await else {
        return;
    };
    it.net
        .send(
            "admit",
            it.net.set_institution(Status::Active, 0, &it.net.registrar),
        )
        .await;
    let net = Arc::new(it.net);
    let mut tasks = Vec::new();
    for n in 0..60 {
        let net = net.clone();
        tasks.push(tokio::spawn(async move {
            let staff = key(&format!("staff {n}"));
            net.send(
                &format!("staff {n}"),
                net.admit_staff(&staff, Role::Nurse, 0),
            )
            .await
        }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().refusal, None);
    }
    let used = it
        .rpc
        .nonce(net.relayer.sender(), ledger::rpc::At::Latest)
        .await
        .unwrap();
    assert_eq!(used, 61, "one transaction each, no nonce left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_that_rest_on_each_other_may_be_sent_together() {
    let options = Options {
        block_time: Some(1),
        ..Options::default()
    };
    let Some(it) = start("acts_that_rest_on_each_other", &options).await else {
        return;
    };
    let net = &it.net;
    let controller = key("controller");
    let calls = [
        net.set_institution(Status::Active, 0, &net.registrar),
        net.admit_staff(&net.doctor, Role::Doctor, 0),
        net.commit(&controller, 1, B256::ZERO, word("v1")),
        net.commit(&controller, 2, word("v1"), word("v2")),
    ];
    for (n, call) in calls.into_iter().enumerate() {
        net.relayer.submit(&format!("{n}"), call).await.unwrap();
    }
    net.relayer
        .settle("3", Until::Included, WAIT)
        .await
        .unwrap();
    assert_eq!(net.chain.version(address(&controller)).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_chain_an_empty_address_and_another_contract_are_told_apart() {
    let Some(it) = start("wrong_chain", &Options::default()).await else {
        return;
    };
    let good = it.net.at().clone();
    let error = |deployment: Deployment| {
        let rpc = it.rpc.clone();
        async move { Chain::connect(rpc, deployment).await.unwrap_err() }
    };
    let other = Deployment {
        chain_id: 1,
        ..good.clone()
    };
    assert!(matches!(
        error(other).await,
        Error::WrongChain {
            expected: 1,
            found: 31337
        }
    ));
    let nowhere = Deployment {
        consents: Address::repeat_byte(9),
        ..good.clone()
    };
    assert!(matches!(
        error(nowhere).await,
        Error::NoCode {
            contract: "Consents",
            ..
        }
    ));
    let swapped = Deployment {
        records: good.log,
        log: good.records,
        ..good.clone()
    };
    assert!(matches!(
        error(swapped).await,
        Error::WrongContract {
            contract: "Records",
            ..
        }
    ));

    // The right code on another registry.
    let second = Net::deploy(it.rpc.clone()).await;
    let mixed = Deployment {
        log: second.at().log,
        ..good.clone()
    };
    assert!(matches!(
        error(mixed).await,
        Error::WrongContract {
            contract: "Log",
            ..
        }
    ));

    // One instruction changed.
    let mut code = it.rpc.code(good.log).await.unwrap().to_vec();
    code[40] ^= 1;
    it.rpc
        .other("anvil_setCode", json!([good.log, Bytes::from(code)]))
        .await
        .unwrap();
    assert!(matches!(
        error(good).await,
        Error::WrongContract {
            contract: "Log",
            ..
        }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_for_another_deployment_is_refused() {
    let Some(it) = start("another_deployment", &Options::default()).await else {
        return;
    };
    let second = Net::deploy(it.rpc.clone()).await;
    let call = it.net.set_institution(Status::Active, 0, &it.net.registrar);
    let elsewhere = Call {
        to: second.at().registry,
        ..call
    };
    assert_eq!(second.refused("replayed", elsewhere).await, "BadSignature");
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_sign_too() {
    let Some(it) = start("contracts_sign_too", &Options::default()).await else {
        return;
    };
    let (yes, no) = (Address::repeat_byte(0x11), Address::repeat_byte(0x22));
    // Return the ERC-1271 magic value, and nothing at all.
    let agrees = bytes!("631626ba7e60e01b60005260206000f3");
    it.rpc
        .other("anvil_setCode", json!([yes, agrees]))
        .await
        .unwrap();
    it.rpc
        .other("anvil_setCode", json!([no, bytes!("00")]))
        .await
        .unwrap();
    let digest = word("sign-in");
    let chain = &it.net.chain;
    assert!(chain.is_signed_by(yes, digest, b"anything").await.unwrap());
    assert!(!chain.is_signed_by(no, digest, b"anything").await.unwrap());
    let doctor = &it.net.doctor;
    let signature = doctor.sign(digest);
    assert!(
        chain
            .is_signed_by(address(doctor), digest, &signature)
            .await
            .unwrap()
    );
    assert!(
        !chain
            .is_signed_by(address(&it.net.hospital), digest, &signature)
            .await
            .unwrap()
    );
}

/// A relayer that works only when told to, its clock in our hands.
fn manual(
    it: &Anvilled,
) -> (
    Relayer,
    Arc<MemoryOutbox>,
    Arc<std::sync::atomic::AtomicU64>,
) {
    manual_as(it, "relayer")
}

fn manual_as(
    it: &Anvilled,
    name: &str,
) -> (
    Relayer,
    Arc<MemoryOutbox>,
    Arc<std::sync::atomic::AtomicU64>,
) {
    let store = Arc::new(MemoryOutbox::default());
    let time = Arc::new(std::sync::atomic::AtomicU64::new(1_000_000));
    let clock = time.clone();
    let relayer = Relayer::new(
        it.rpc.clone(),
        store.clone(),
        Arc::new(key(name)),
        Arc::new(move || clock.load(std::sync::atomic::Ordering::SeqCst)),
        outbox::Settings {
            finality: Finality::Depth { blocks: 2 },
            ..outbox::Settings::new(it.net.at().chain_id)
        },
    );
    (relayer, store, time)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_transaction_is_replaced_and_a_dropped_one_sent_again() {
    let Some(it) = start("a_stuck_transaction", &Options::default()).await else {
        return;
    };
    let later = |time: &std::sync::atomic::AtomicU64| {
        time.fetch_add(61, std::sync::atomic::Ordering::SeqCst);
    };
    it.rpc
        .other("evm_setAutomine", json!([false]))
        .await
        .unwrap();
    let (relayer, store, time) = manual(&it);
    let call = it.net.set_institution(Status::Active, 0, &it.net.registrar);
    relayer.submit("admit", call).await.unwrap();
    relayer.work().await.unwrap();

    // The endpoint loses it.
    it.rpc
        .other("anvil_dropAllTransactions", json!([]))
        .await
        .unwrap();
    let first = store.get("admit").await.unwrap().unwrap().attempts[0].hash;
    assert!(!it.rpc.knows(first).await.unwrap());
    time.fetch_add(20, std::sync::atomic::Ordering::SeqCst);
    relayer.work().await.unwrap();
    assert!(it.rpc.knows(first).await.unwrap(), "the same bytes again");

    // Fees rise over what it offers: nobody includes it until it is replaced.
    let high = U256::from(20_000_000_000u64);
    it.rpc
        .other("anvil_setNextBlockBaseFeePerGas", json!([high]))
        .await
        .unwrap();
    mine(it.rpc.as_ref(), 1).await.unwrap();
    later(&time);
    relayer.work().await.unwrap();
    let item = store.get("admit").await.unwrap().unwrap();
    assert_eq!(item.attempts.len(), 2, "{item:?}");
    assert_eq!(item.nonce, Some(0));
    mine(it.rpc.as_ref(), 1).await.unwrap();
    relayer.work().await.unwrap();
    let item = store.get("admit").await.unwrap().unwrap();
    let State::Included(inclusion) = item.state else {
        panic!("{item:?}")
    };
    assert_eq!(inclusion.transaction, item.attempts[1].hash);
    mine(it.rpc.as_ref(), 2).await.unwrap();
    assert_eq!(relayer.work().await.unwrap(), 0);
    let status = relayer.status("admit").await.unwrap().unwrap();
    assert!(matches!(status, outbox::Status::Final(_)), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_a_stranger_took_is_replaced_once_that_is_final() {
    let Some(it) = start("a_nonce_that_a_stranger_took", &Options::default()).await else {
        return;
    };
    it.rpc
        .other("evm_setAutomine", json!([false]))
        .await
        .unwrap();
    let (relayer, store, _) = manual(&it);
    let call = it.net.set_institution(Status::Active, 0, &it.net.registrar);
    relayer.submit("admit", call.clone()).await.unwrap();
    relayer.work().await.unwrap();
    it.rpc
        .other("anvil_dropAllTransactions", json!([]))
        .await
        .unwrap();
    // The same key elsewhere: nonce 0 is gone.
    let sender = relayer.sender();
    it.rpc
        .other("anvil_impersonateAccount", json!([sender]))
        .await
        .unwrap();
    let stranger = json!([{ "from": sender, "to": sender, "value": "0x1", "nonce": "0x0" }]);
    it.rpc.other("eth_sendTransaction", stranger).await.unwrap();
    mine(it.rpc.as_ref(), 1).await.unwrap();
    relayer.work().await.unwrap();
    let item = store.get("admit").await.unwrap().unwrap();
    assert_eq!(
        (item.state, item.nonce),
        (State::Signed, Some(0)),
        "not final yet"
    );
    mine(it.rpc.as_ref(), 2).await.unwrap();
    relayer.work().await.unwrap();
    mine(it.rpc.as_ref(), 1).await.unwrap();
    relayer.work().await.unwrap();
    let item = store.get("admit").await.unwrap().unwrap();
    assert!(matches!(item.state, State::Included(_)), "{item:?}");
    assert_eq!(item.nonce, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_fails_in_its_block_says_why() {
    let Some(it) = start("fails_in_its_block", &Options::default()).await else {
        return;
    };
    it.rpc
        .other("evm_setAutomine", json!([false]))
        .await
        .unwrap();
    // Two relayers carry the same act in one block: neither knew of the other when it estimated.
    let (first, _, _) = manual_as(&it, "relayer");
    fund(it.rpc.as_ref(), address(&key("second")))
        .await
        .unwrap();
    let (second, _, _) = manual_as(&it, "second");
    let call = it.net.set_institution(Status::Active, 0, &it.net.registrar);
    for relayer in [&first, &second] {
        relayer.submit("admit", call.clone()).await.unwrap();
        relayer.work().await.unwrap();
    }
    mine(it.rpc.as_ref(), 1).await.unwrap();
    for relayer in [&first, &second] {
        relayer.work().await.unwrap();
    }
    let outcomes = [
        first
            .settle("admit", Until::Included, Duration::from_secs(5))
            .await,
        second
            .settle("admit", Until::Included, Duration::from_secs(5))
            .await,
    ];
    let refused: Vec<&Error> = outcomes.iter().filter_map(|o| o.as_ref().err()).collect();
    assert_eq!(refused.len(), 1, "one of the two: {outcomes:?}");
    assert!(
        refused[0].to_string().contains("BadNonce"),
        "{}",
        refused[0]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_follows_a_reorganisation() {
    let Some(it) = start("the_index_follows_a_reorganisation", &Options::default()).await else {
        return;
    };
    let net = &it.net;
    let rpc = it.rpc.as_ref();
    net.send(
        "admit",
        net.set_institution(Status::Active, 0, &net.registrar),
    )
    .await;
    let indexer = net.indexer(index::Settings {
        finality: Finality::Depth { blocks: 3 },
        ..index::Settings::default()
    });
    indexer.catch_up().await.unwrap();
    let before = snapshot(rpc).await.unwrap();
    let (controller, other) = (key("controller"), key("other"));
    net.send("commit", net.commit(&controller, 1, B256::ZERO, word("v1")))
        .await;
    mine(rpc, 1).await.unwrap();
    let change = indexer.catch_up().await.unwrap();
    assert_eq!(change.events.len(), 1);
    let progress = indexer.store().progress().await.unwrap().unwrap();
    assert_eq!(progress.standing(&change.events[0]), Standing::Included);

    // Another history from the snapshot on, longer than the first.
    revert(rpc, before).await.unwrap();
    let hospital = address(&net.hospital);
    assert!(net.chain.is_active_institution(hospital).await.unwrap());
    let second = relayer(it.rpc.clone(), &net.chain, "relayer");
    second
        .submit("other", net.commit(&other, 1, B256::ZERO, word("v2")))
        .await
        .unwrap();
    second.settle("other", Until::Included, WAIT).await.unwrap();
    mine(rpc, 3).await.unwrap();
    let change = indexer.catch_up().await.unwrap();
    assert!(change.rewound_to.is_some(), "{change:?}");
    let records = indexer.store().events_of_kind(Kind::Record).await.unwrap();
    assert!(records.iter().any(|e| e.event.subject() == address(&other)));
    // The first relayer brings its transaction back at any moment: both are compared at one head.
    let fresh = net.indexer(index::Settings::default());
    let mut same = false;
    for _ in 0..20 {
        fresh.catch_up().await.unwrap();
        indexer.catch_up().await.unwrap();
        let anew = fresh.store().events_after(None, usize::MAX).await.unwrap();
        let all = indexer
            .store()
            .events_after(None, usize::MAX)
            .await
            .unwrap();
        same = anew == all;
        if same {
            break;
        }
    }
    assert!(same, "an index that followed is one that was made anew");

    // The first relayer sees its transaction taken back and brings it onto the new branch.
    for _ in 0..200 {
        mine(rpc, 1).await.unwrap();
        indexer.catch_up().await.unwrap();
        let store = indexer.store();
        let records = store
            .events_of(Kind::Record, address(&controller))
            .await
            .unwrap();
        if records.len() == 1 {
            assert_eq!(net.chain.version(address(&controller)).await.unwrap(), 1);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the act never came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_made_by_anvil_is_followed_too() {
    let Some(it) = start("anvil_reorg", &Options::default()).await else {
        return;
    };
    let net = &it.net;
    let indexer = net.indexer(index::Settings::default());
    net.send(
        "admit",
        net.set_institution(Status::Active, 0, &net.registrar),
    )
    .await;
    mine(it.rpc.as_ref(), 1).await.unwrap();
    assert_eq!(indexer.catch_up().await.unwrap().events.len(), 1);
    it.rpc.other("anvil_reorg", json!([2, []])).await.unwrap();
    let change = indexer.catch_up().await.unwrap();
    assert!(change.rewound_to.is_some());
    // The relayer may bring the act back at any time: both must agree in the end.
    for _ in 0..100 {
        mine(it.rpc.as_ref(), 1).await.unwrap();
        indexer.catch_up().await.unwrap();
        if !indexer
            .store()
            .events_of_kind(Kind::Institution)
            .await
            .unwrap()
            .is_empty()
        {
            let hospital = address(&net.hospital);
            assert!(net.chain.is_active_institution(hospital).await.unwrap());
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the act never came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_kept_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        state: Some(folder.path().join("anvil.json")),
        state_interval: 1,
        ..Options::default()
    };
    let Some(it) = start("the_state_is_kept", &options).await else {
        return;
    };
    it.net
        .send(
            "admit",
            it.net.set_institution(Status::Active, 0, &it.net.registrar),
        )
        .await;
    let deployment = it.net.at().clone();
    let hospital = address(&it.net.hospital);
    let Anvilled {
        net,
        rpc,
        _anvil: anvil,
    } = it;
    drop((net, rpc));
    anvil.stop().unwrap();

    let anvil = Anvil::start(&options).unwrap();
    let rpc = Arc::new(Rpc::connect(&anvil.url()).unwrap());
    let chain = Chain::connect(rpc, deployment).await.unwrap();
    assert!(chain.is_active_institution(hospital).await.unwrap());
    let indexer = ledger::Indexer::new(
        chain,
        Arc::new(index::MemoryIndex::default()),
        index::Settings::default(),
    );
    assert_eq!(
        indexer.catch_up().await.unwrap().events.len(),
        1,
        "events are there as well"
    );
    anvil.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_ether_is_told_and_served_when_it_has_some() {
    let Some(it) = start("without_ether", &Options::default()).await else {
        return;
    };
    let poor = relayer(it.rpc.clone(), &it.net.chain, "poor");
    let call = it.net.set_institution(Status::Active, 0, &it.net.registrar);
    poor.submit("admit", call).await.unwrap();
    let error = poor
        .settle("admit", Until::Included, Duration::from_secs(2))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::StillPending(_)), "{error}");
    let Some(outbox::Status::Pending {
        trouble: Some(trouble),
        ..
    }) = poor.status("admit").await.unwrap()
    else {
        panic!("it should say what is missing");
    };
    assert!(trouble.to_lowercase().contains("fund"), "{trouble}");
    fund(it.rpc.as_ref(), poor.sender()).await.unwrap();
    poor.settle("admit", Until::Included, WAIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_follow_the_chain_and_stay_under_the_cap() {
    let Some(it) = start("fees", &Options::default()).await else {
        return;
    };
    let policy = FeePolicy::default();
    let fees = policy.estimate(it.rpc.as_ref()).await.unwrap();
    let base = it.net.chain.head().await.unwrap().base_fee_per_gas.unwrap();
    assert!(fees.max_fee >= base + fees.tip && fees.max_fee <= policy.cap);
    let mean = FeePolicy {
        cap: base / 2,
        ..policy
    };
    let error = mean.estimate(it.rpc.as_ref()).await.unwrap_err();
    assert!(matches!(error, Error::FeeTooHigh { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_calls_are_refused_by_name() {
    let Some(it) = start("refused_by_name", &Options::default()).await else {
        return;
    };
    let act = Act::EnrolPatient {
        institution: address(&it.net.hospital),
        patient: word("patient"),
        deadline: 1,
    };
    let call = it.net.signed(act, &[&it.net.hospital]);
    assert_eq!(it.net.refused("too late", call).await, "DeadlinePassed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_anchored_at_its_interval() {
    let Some(it) = start("anchored_at_its_interval", &Options::default()).await else {
        return;
    };
    let net = &it.net;
    net.send(
        "admit",
        net.set_institution(Status::Active, 0, &net.registrar),
    )
    .await;
    let origin = Origin {
        chain_id: net.at().chain_id,
        contract: net.at().log,
        institution: address(&net.hospital),
    };
    let log = Arc::new(
        Log::open(Arc::new(MemoryLog::default()), origin)
            .await
            .unwrap(),
    );
    let signer = Arc::new(net.hospital.clone());
    let anchor = Anchor::new(log.clone(), net.chain.clone(), net.relayer.clone(), signer);
    let anchoring = tokio::spawn(async move { anchor.run(Duration::from_secs(1)).await });
    for size in 1..=2u64 {
        let digest = word(&format!("entry {size}"));
        log.append(Entry {
            digest,
            payload: Bytes::new(),
        })
        .await
        .unwrap();
        let mut turns = 0;
        while net
            .chain
            .checkpoint_of(origin.institution)
            .await
            .unwrap()
            .size
            < size
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
            turns += 1;
            assert!(turns < 600, "never anchored");
        }
    }
    anchoring.abort();
}
