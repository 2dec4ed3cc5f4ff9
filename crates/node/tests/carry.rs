//! When it is cheap, and who pays: on a real chain, over HTTP, and over a restart.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::time::Duration;

use alloy_primitives::{B256, U256};
use api::acts::{ActView, OwnTransaction, Payer, Progress, Wish};
use api::records::{Stage, VersionView};
use client::session::Session;
use common::{WAIT, World, approve, grant_of, picture, until, upload};
use ledger::relayer::{Call, Relayer, Until};
use ledger::rpc::Endpoint;
use node::now;
use record::Role;
use serde_json::json;

const GWEI: u64 = 1_000_000_000;

/// Let the newest block have this base fee.
async fn set_fee(world: &World, wei: u64) {
    let rpc = &world.chain.rpc;
    let fee = json!([format!("{wei:#x}")]);
    rpc.other("anvil_setNextBlockBaseFeePerGas", fee)
        .await
        .unwrap();
    rpc.other("anvil_mine", json!(["0x1"])).await.unwrap();
}

/// Approve what waits, with a wish.
async fn wished(patient: &Session, wish: Wish) -> VersionView {
    let view = patient.pending().await.unwrap().remove(0);
    let opened = patient.open_version(&view).await.unwrap();
    patient
        .approve_with(&view, &opened, "", wish)
        .await
        .unwrap()
}

async fn stage(patient: &Session, record: B256) -> Stage {
    let versions = patient.versions().await.unwrap();
    let found = versions.iter().find(|v| v.record == record);
    found.unwrap().stage
}

/// Send the call from a wallet of its own; the transaction.
async fn pay(wallet: &Relayer, own: &OwnTransaction) -> B256 {
    let key = own.data.to_string();
    let call = Call {
        to: own.to,
        data: own.data.clone(),
        value: U256::ZERO,
    };
    wallet.submit(&key, call).await.unwrap();
    let settled = wallet.settle(&key, Until::Included, WAIT).await;
    settled.unwrap().transaction
}

async fn final_after_blocks(world: &World, session: &Session, act: B256) -> ActView {
    let rpc = &world.chain.rpc;
    rpc.other("anvil_mine", json!(["0x80"])).await.unwrap();
    until("the act is final", async || {
        session.act(act).await.unwrap().progress == Progress::Final
    })
    .await;
    session.act(act).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_waits_until_it_is_cheap() {
    let Some(mut world) = World::new("cheap", 2).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "cheap doctor", Role::Doctor).await;
    let (patient, commitment) = world.enrol(0, "Cheap Patient").await;
    let author = world.places[0].sign_in(&doctor).await;
    let session = world.places[0].sign_in(&patient).await;
    let made = upload(&author, &picture(commitment), "one").await;

    set_fee(&world, 50 * GWEI).await;
    let wish = Wish::cheap(20 * GWEI, now() + 86_400);
    let approved = wished(&session, wish).await;
    let act = approved.act.unwrap();
    assert_eq!(approved.stage, Stage::Committing);
    world.places[0].stop().await;
    world.places[0].start().await;
    let session = world.places[0].sign_in(&patient).await;
    // Long enough for the jobs to look at it twice.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let waits = session.act(act).await.unwrap();
    assert_eq!((waits.progress, waits.tx), (Progress::Waiting, None));
    assert_eq!(waits.held, wish.when);
    assert_eq!(stage(&session, made.record).await, Stage::Committing);
    let metrics = reqwest::get(format!("{}/metrics", world.places[0].url()));
    let metrics = metrics.await.unwrap().text().await.unwrap();
    assert!(metrics.contains("stele_acts_resting 1\n"), "{metrics}");

    // Nobody else can hurry it, though all who have signed in can see how far it is.
    let author = world.places[0].sign_in(&doctor).await;
    assert_eq!(author.act(act).await.unwrap(), waits);
    let (stranger, other) = world.enrol(0, "Other Cheap Patient").await;
    let stranger = world.places[0].sign_in(&stranger).await;
    let refused = stranger.send_now(act).await.unwrap_err();
    assert_eq!(refused.status(), Some(404));

    // Enrolling has made blocks, in which the fee fell: it is the fee that let the act go.
    set_fee(&world, GWEI).await;
    let carried = session.settle(act, WAIT).await.unwrap();
    assert_eq!(carried.held, None);
    until("the version is committed", async || {
        stage(&session, made.record).await == Stage::Committed
    })
    .await;

    // Until its time has come, whatever it costs then; and a grant like an approval.
    set_fee(&world, 50 * GWEI).await;
    let mut cheap = grant_of(&approved, doctor.address(), &["image"]);
    cheap.until = now() + 86_400;
    let grant = session
        .grant_with(cheap, Wish::cheap(GWEI, now() + 6))
        .await
        .unwrap();
    let refused = author.open(grant.grant).await.err().unwrap();
    assert_eq!(refused.code(), Some("not_on_chain"));
    session.settle(grant.act.unwrap(), WAIT).await.unwrap();
    author.open(grant.grant).await.unwrap();

    // Taken back, and approved again.
    let author_of_other = world.places[0].sign_in(&doctor).await;
    let second = upload(&author_of_other, &picture(other), "two").await;
    set_fee(&world, 50 * GWEI).await;
    let held = wished(&stranger, Wish::cheap(GWEI, now() + 86_400)).await;
    let taken = stranger.withdraw(&held).await.unwrap();
    assert_eq!(taken.progress, Progress::Withdrawn);
    assert_eq!(stage(&stranger, second.record).await, Stage::Pending);
    assert!(stranger.records().await.unwrap().is_empty());
    approve(&stranger).await;
    assert_eq!(stranger.records().await.unwrap().len(), 1);
    for mut place in world.places {
        place.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_pays_with_an_own_wallet() {
    let Some(world) = World::new("own wallet", 2).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "own doctor", Role::Doctor).await;
    let (patient, commitment) = world.enrol(0, "Own Patient").await;
    let author = world.places[0].sign_in(&doctor).await;
    let session = world.places[0].sign_in(&patient).await;
    let wallet = world.chain.relayer("own wallet").await.unwrap();
    let made = upload(&author, &picture(commitment), "one").await;

    let approved = wished(&session, Wish::own()).await;
    let act = approved.act.unwrap();
    let waits = session.act(act).await.unwrap();
    assert_eq!(waits.progress, Progress::OwnWallet);
    assert_eq!(stage(&session, made.record).await, Stage::Committing);
    assert_eq!(author.act(act).await.unwrap().own, None, "for its signer");
    let own = waits.own.unwrap();
    assert_eq!(own.to, world.chain.deployment.records);
    assert!((40_000..150_000).contains(&own.gas), "{} gas", own.gas);

    // Another transaction is not taken for it; one that nobody knows is asked for again.
    let unknown = session.sent(act, B256::repeat_byte(7)).await.unwrap_err();
    assert_eq!(unknown.status(), Some(404));
    let other = OwnTransaction {
        to: patient.address(),
        ..own.clone()
    };
    let other = pay(
        &wallet,
        &OwnTransaction {
            data: vec![1].into(),
            ..other
        },
    )
    .await;
    let wrong = session.sent(act, other).await.unwrap_err();
    assert_eq!((wrong.status(), wrong.code()), (Some(422), Some("invalid")));

    let tx = pay(&wallet, &own).await;
    let named = session.sent(act, tx).await.unwrap();
    assert_eq!((named.progress, named.tx), (Progress::Pending, Some(tx)));
    let carried = session.settle(act, WAIT).await.unwrap();
    assert_eq!(carried.tx, Some(tx));
    let done = final_after_blocks(&world, &session, act).await;
    assert_eq!((done.tx, done.gas), (Some(tx), carried.gas));
    assert_eq!(stage(&session, made.record).await, Stage::Committed);

    // A grant and its revocation likewise; the proof names the wallet's transactions.
    let mut new = grant_of(&approved, doctor.address(), &["image"]);
    new.until = now() + 86_400;
    let grant = session.grant_with(new, Wish::own()).await.unwrap();
    let act = grant.act.unwrap();
    let own = session.act(act).await.unwrap().own.unwrap();
    let tx = pay(&wallet, &own).await;
    session.sent(act, tx).await.unwrap();
    session.settle(act, WAIT).await.unwrap();
    author.open(grant.grant).await.unwrap();

    let revoked = session.revoke_paid_by(grant.grant, Payer::Own).await;
    let act = revoked.unwrap().revocation.unwrap();
    let refused = author.open(grant.grant).await.err().unwrap();
    assert_eq!(refused.code(), Some("revoked"), "at once at this node");
    // The patient changes their mind: the hospital pays.
    let sent = session.send_now(act).await.unwrap();
    assert_eq!((sent.progress, sent.own), (Progress::Waiting, None));
    session.settle(act, WAIT).await.unwrap();
    let controller = approved.controller.unwrap();
    let chain = world.chain.chain().await.unwrap();
    let on_chain = chain.grant_of(controller, grant.grant).await.unwrap();
    assert!(on_chain.revoked);
    for mut place in world.places {
        place.stop().await;
    }
}
