//! Acts that wait for a low fee, and acts that their signer pays for.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::atomic::Ordering;

use alloy_primitives::B256;
use api::acts::{LONGEST_WAIT, Payer, Progress, Wish};
use api::log::Deed;
use api::records::{Approval, Stage};
use client::person::approval::OpenedVersion;
use common::{World, now_of};
use custody::model::act::Errand;
use custody::model::chain_facts::RecordFacts;
use custody::model::error::Error;
use custody::model::version::Version;
use custody::uses::acts::carry::{Acts, MARGIN, OWN_PATIENCE, OWN_WAIT};

const GWEI: u64 = 1_000_000_000;

/// An approval of `record` with a wish, signed until `deadline`.
async fn approval(world: &World, record: B256, wish: Wish, deadline: u64) -> Approval {
    let at = *world.hospital.deployment();
    let opened = opened(world, record).await;
    let (mut index, before) = world.index().await;
    let now = now_of(&world.now);
    let mut approval = client::person::approval::approve(
        &world.patient,
        &at,
        &opened,
        &mut index,
        before.as_ref(),
        "",
        now,
        deadline,
    )
    .unwrap();
    approval.wish = wish;
    approval
}

async fn opened(world: &World, record: B256) -> OpenedVersion {
    let at = *world.hospital.deployment();
    let view = version(world, record).await.to_patient();
    let secrets = client::person::approval::open_envelope(&world.patient, &at, &view).unwrap();
    let sealed = world.sealed(&secrets.manifest).await;
    client::person::approval::open_version(&at, secrets, &sealed, &view).unwrap()
}

async fn version(world: &World, record: B256) -> Version {
    let versions = world.hospital.versions(world.id, None).await.unwrap();
    versions.into_iter().find(|v| v.record == record).unwrap()
}

/// An uploaded version that waits for its patient.
async fn pending(world: &World) -> B256 {
    let uploads = world.hospital.versions(world.id, None).await.unwrap().len();
    let key = format!("upload {uploads}");
    world.make(world.upload(), &key).await.unwrap().record
}

/// Upload, approve with the wish, let the jobs run; the record and the act.
async fn wished(world: &World, wish: Wish) -> (B256, B256) {
    let record = pending(world).await;
    let deadline = now_of(&world.now) + LONGEST_WAIT + 86_400;
    let approval = approval(world, record, wish, deadline).await;
    let version = world.hospital.approve(world.id, record, approval).await;
    let act = version.unwrap().errand.unwrap();
    world.settle().await;
    (record, act)
}

async fn errand(world: &World, act: B256) -> Errand {
    world.hospital.errand(act).await.unwrap()
}

/// Whether the record is on chain.
async fn stands(world: &World, record: B256) -> bool {
    let Some(controller) = version(world, record).await.controller else {
        return false;
    };
    let state = world.chain.state.lock().unwrap();
    matches!(state.records.get(&controller), Some(RecordFacts::At { .. }))
}

fn pass(world: &World, seconds: u64) {
    world.now.fetch_add(seconds, Ordering::SeqCst);
}

fn price(world: &World, wei: u64) {
    world.chain.base_fee.store(wei, Ordering::SeqCst);
}

fn who(world: &World) -> alloy_primitives::Address {
    world.patient.address()
}

#[tokio::test]
async fn a_held_act_waits_for_the_fee_also_over_a_restart() {
    let mut world = World::new().await;
    price(&world, 30 * GWEI);
    let until = now_of(&world.now) + 3 * 86_400;
    let (record, act) = wished(&world, Wish::cheap(20 * GWEI, until)).await;
    world.restart().await;
    world.settle().await;
    let waits = errand(&world, act).await;
    assert_eq!(waits.progress, Progress::Waiting);
    assert_eq!(waits.held, Wish::cheap(20 * GWEI, until).when);
    assert_eq!(version(&world, record).await.stage, Stage::Committing);
    assert!(!stands(&world, record).await, "nothing was sent");

    price(&world, 20 * GWEI);
    world.settle().await;
    assert_eq!(errand(&world, act).await.progress, Progress::Final);
    assert_eq!(errand(&world, act).await.held, None);
    assert_eq!(version(&world, record).await.stage, Stage::Committed);
}

#[tokio::test]
async fn a_held_act_is_carried_when_its_time_has_come() {
    let world = World::new().await;
    price(&world, 30 * GWEI);
    let until = now_of(&world.now) + 60;
    let (record, act) = wished(&world, Wish::cheap(GWEI, until)).await;
    pass(&world, 59);
    world.settle().await;
    assert!(!stands(&world, record).await);
    pass(&world, 1);
    world.settle().await;
    assert_eq!(errand(&world, act).await.progress, Progress::Final);
    assert!(stands(&world, record).await);
}

#[tokio::test]
async fn a_silent_chain_lets_a_held_act_wait() {
    let world = World::new().await;
    price(&world, 30 * GWEI);
    let until = now_of(&world.now) + 60;
    let (record, act) = wished(&world, Wish::cheap(GWEI, until)).await;
    world.chain.silent.store(true, Ordering::SeqCst);
    price(&world, 0);
    assert_eq!(world.round(Acts::default()).await.failed, 1);
    world.chain.silent.store(false, Ordering::SeqCst);
    assert!(errand(&world, act).await.held.is_some());
    world.settle().await;
    assert!(stands(&world, record).await);
}

#[tokio::test]
async fn what_cannot_be_held_is_refused_before_anything_is_written() {
    let world = World::new().await;
    let record = pending(&world).await;
    let now = now_of(&world.now);
    let own_and_held = Wish {
        payer: Payer::Own,
        ..Wish::cheap(GWEI, now + 60)
    };
    let far = now + LONGEST_WAIT + 86_400;
    for (wish, deadline) in [
        (Wish::cheap(GWEI, now), far),
        (Wish::cheap(GWEI, now + LONGEST_WAIT + 1), far),
        (Wish::cheap(GWEI, now + 60), now + 60 + MARGIN - 1),
        (own_and_held, far),
        (Wish::own(), now + OWN_WAIT + MARGIN - 1),
    ] {
        let approval = approval(&world, record, wish, deadline).await;
        let refused = world.hospital.approve(world.id, record, approval).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{wish:?}");
        assert_eq!(version(&world, record).await.stage, Stage::Pending);
    }
    let wish = Wish::cheap(GWEI, now + LONGEST_WAIT);
    let approval = approval(&world, record, wish, now + LONGEST_WAIT + MARGIN).await;
    let taken = world.hospital.approve(world.id, record, approval).await;
    assert_eq!(taken.unwrap().stage, Stage::Committing);
}

#[tokio::test]
async fn only_who_handed_an_act_in_may_hurry_name_or_withdraw_it() {
    let world = World::new().await;
    price(&world, 30 * GWEI);
    let until = now_of(&world.now) + 60;
    let (record, act) = wished(&world, Wish::cheap(GWEI, until)).await;
    let doctor = world.doctor.address();
    for refused in [
        world.hospital.send_now(doctor, act).await,
        world.hospital.sent(doctor, act, B256::ZERO).await,
        world
            .hospital
            .withdraw(&world.caller(&world.doctor).await, act, None)
            .await,
    ] {
        assert!(matches!(refused, Err(Error::NotFound("act"))));
    }
    // A held act has no transaction of the patient's.
    let refused = world.hospital.sent(who(&world), act, B256::ZERO).await;
    assert!(matches!(refused, Err(Error::State { .. })));

    world.hospital.send_now(who(&world), act).await.unwrap();
    world.settle().await;
    assert!(stands(&world, record).await, "sent at once");
    let done = errand(&world, act).await;
    assert_eq!(
        world.hospital.send_now(who(&world), act).await.unwrap(),
        done,
        "again changes nothing"
    );
    let patient = world.caller(&world.patient).await;
    let late = world.hospital.withdraw(&patient, act, None).await;
    assert!(matches!(late, Err(Error::State { .. })), "too late");
}

#[tokio::test]
async fn an_approval_taken_back_leaves_the_version_pending_and_can_be_given_again() {
    let world = World::new().await;
    price(&world, 30 * GWEI);
    let until = now_of(&world.now) + 60;
    let (record, act) = wished(&world, Wish::cheap(GWEI, until)).await;
    let controller = version(&world, record).await.controller;
    let (mut index, before) = world.index().await;
    let commitment = version(&world, record).await.commitment;
    client::person::approval::take_back(&mut index, commitment);
    assert!(index.records.is_empty());
    let at = *world.hospital.deployment();
    let sealed = client::person::approval::seal_index(&world.patient, &at, &index, before.as_ref());
    let patient = world.caller(&world.patient).await;
    let sealed = Some(sealed.unwrap().encode().into());
    let taken = world
        .hospital
        .withdraw(&patient, act, sealed)
        .await
        .unwrap();
    assert_eq!(taken.progress, Progress::Withdrawn);
    price(&world, 0);
    pass(&world, 3600);
    world.settle().await;
    assert_eq!(version(&world, record).await.stage, Stage::Pending);
    assert!(!stands(&world, record).await, "it is never sent");
    assert!(world.index().await.0.records.is_empty());
    let entries = world.hospital.entries_since(0, 100).await.unwrap();
    assert!(entries.iter().any(|e| e.deed == Deed::Withdraw));

    let again = world.approve(record).await;
    assert_eq!(again.stage, Stage::Committed);
    assert_ne!(again.controller, controller, "a number is used once");
}

#[tokio::test]
async fn a_version_approved_again_keeps_its_controller() {
    let world = World::new().await;
    price(&world, 30 * GWEI);
    let until = now_of(&world.now) + 60;
    let (record, act) = wished(&world, Wish::cheap(GWEI, until)).await;
    let controller = version(&world, record).await.controller;
    let patient = world.caller(&world.patient).await;
    world.hospital.withdraw(&patient, act, None).await.unwrap();
    let again = world.approve(record).await;
    assert_eq!(again.controller, controller);
    assert_eq!(world.index().await.0.records.len(), 1);
}

#[tokio::test]
async fn an_own_wallet_carries_an_act_that_the_relayer_never_sees() {
    let mut world = World::new().await;
    let (record, act) = wished(&world, Wish::own()).await;
    let waits = errand(&world, act).await;
    assert_eq!(waits.progress, Progress::OwnWallet);
    let own = waits.own.clone().unwrap();
    assert_eq!(own.relay_at, now_of(&world.now) + OWN_WAIT);
    assert!(own.gas > 0);

    let (unknown, other, tx) = (
        B256::repeat_byte(1),
        B256::repeat_byte(2),
        B256::repeat_byte(3),
    );
    let refused = world.hospital.sent(who(&world), act, unknown).await;
    assert!(matches!(refused, Err(Error::NotFound("transaction"))));
    let call = (own.to, own.data.clone());
    {
        let mut state = world.chain.state.lock().unwrap();
        let elsewhere = (own.to, vec![1].into());
        state.sent.insert(other, (elsewhere, Progress::Final));
        state.sent.insert(tx, (call.clone(), Progress::Pending));
    }
    let refused = world.hospital.sent(who(&world), act, other).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "tx", .. })));

    let named = world.hospital.sent(who(&world), act, tx).await.unwrap();
    assert_eq!((named.progress, named.tx), (Progress::Pending, Some(tx)));
    world.restart().await;
    // The wallet's transaction is included: the signed act is what it carries.
    world.chain.carry(&named.signed).unwrap();
    let set = |progress| {
        let mut state = world.chain.state.lock().unwrap();
        state.sent.insert(tx, (call.clone(), progress));
    };
    set(Progress::Included);
    world.settle().await;
    assert_eq!(errand(&world, act).await.progress, Progress::Included);
    assert_eq!(version(&world, record).await.stage, Stage::Committed);
    set(Progress::Final);
    pass(&world, OWN_PATIENCE + OWN_WAIT);
    world.settle().await;
    let done = errand(&world, act).await;
    assert_eq!((done.progress, done.gas), (Progress::Final, Some(2)));
    let relayed = &world.chain.state.lock().unwrap().carried;
    assert!(!relayed.contains_key(&act), "the relayer never had it");
}

#[tokio::test]
async fn what_an_own_wallet_does_not_bring_on_chain_the_hospital_carries() {
    let world = World::new().await;
    // Never sent.
    let (record, act) = wished(&world, Wish::own()).await;
    pass(&world, OWN_WAIT - 1);
    world.settle().await;
    assert_eq!(errand(&world, act).await.progress, Progress::OwnWallet);
    pass(&world, 1);
    world.settle().await;
    assert_eq!(errand(&world, act).await.progress, Progress::Final);
    assert!(stands(&world, record).await);

    // Sent and reverted: the wallet may try again, until its time is over.
    let tx = B256::repeat_byte(4);
    let (record, act) = wished(&world, Wish::own()).await;
    let own = errand(&world, act).await.own.unwrap();
    let call = (own.to, own.data);
    let set = |progress| {
        let mut state = world.chain.state.lock().unwrap();
        state.sent.insert(tx, (call.clone(), progress));
    };
    set(Progress::Failed);
    world.hospital.sent(who(&world), act, tx).await.unwrap();
    world.settle().await;
    let back = errand(&world, act).await;
    assert_eq!((back.progress, back.tx), (Progress::OwnWallet, None));
    assert!(back.error.unwrap().contains("reverted"));

    // Sent again and stuck: the hospital carries it in the end.
    set(Progress::Pending);
    world.hospital.sent(who(&world), act, tx).await.unwrap();
    pass(&world, OWN_PATIENCE);
    world.settle().await;
    assert_eq!(errand(&world, act).await.progress, Progress::Final);
    assert!(stands(&world, record).await);

    // By the person's choice, at once.
    let (record, act) = wished(&world, Wish::own()).await;
    world.hospital.send_now(who(&world), act).await.unwrap();
    world.settle().await;
    assert!(stands(&world, record).await);
}
