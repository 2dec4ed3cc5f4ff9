use std::sync::Arc;

use alloy_primitives::{Address, B256};
use api::log::{Deed, ProvenEntry};
use client::session::Session;
use custody::model::keys::KeyRing;
use record::Role;

use crate::common::{Place, WAIT, World, approve, grant_of, picture, until, upload};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_recipient_does_elsewhere_is_in_the_patients_trail_and_proven() {
    let Some(world) = World::new("abroad", 2).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "abroad doctor", Role::Doctor).await;
    let specialist = world.hire(1, "abroad specialist", Role::Doctor).await;
    let (keys, commitment) = world.enrol(0, "Abroad Patient").await;
    let (home, there) = (&world.places[0], &world.places[1]);
    upload(&home.sign_in(&doctor).await, &picture(commitment), "one").await;
    let patient = home.sign_in(&keys).await;
    let version = approve(&patient).await;
    let new = grant_of(&version, specialist.address(), &["image"]);
    let grant = patient.grant(new).await.unwrap();
    patient.settle(grant.act.unwrap(), WAIT).await.unwrap();
    opened_there_until_it_is_revoked(&patient, grant.grant, there, &specialist).await;

    // The patient is told at home, by whom and where, and has the entries.
    let abroad = async || {
        let mut trail = patient.trail().await.unwrap();
        trail.retain(|(proven, _)| proven.institution == there.address());
        trail
    };
    until("opening and refusal are told at home", async || {
        let deeds: Vec<Deed> = abroad().await.iter().map(|(_, e)| e.deed).collect();
        [Deed::Open, Deed::Serve, Deed::Refused]
            .iter()
            .all(|deed| deeds.contains(deed))
    })
    .await;
    who_opened_it_is_said(&patient, there.address(), specialist.address()).await;
    assert!(abroad().await.iter().all(|(proven, _)| proven.size == 0));

    // Once the other hospital has a checkpoint on chain, each of them is proven by it.
    let institution = there.sign_in(&there.keys).await;
    let anchor = institution.anchor().await.unwrap();
    let act = anchor.act.unwrap().act;
    institution.settle(act, WAIT).await.unwrap();
    until("all are proven", async || {
        abroad().await.iter().all(|(proven, _)| proven.size > 0)
    })
    .await;
    let proven = abroad().await;
    for (proven, _) in &proven {
        assert_eq!((proven.size, proven.root), (anchor.size, anchor.root));
        custody::model::log_entry::Entry::proven(proven).unwrap();
    }

    // They are in the record's proof bundle too.
    let controller = version.controller.unwrap();
    let bundle = patient.export(controller, &["image".to_owned()]).await;
    let bundle = bundle.unwrap();
    let from_there = bundle
        .log
        .iter()
        .filter(|e| e.institution == there.address());
    assert_eq!(from_there.count(), proven.len());

    nobody_else_adds_entries_or_is_given_proofs(home, there, &proven[0].0).await;
}

async fn opened_there_until_it_is_revoked(
    patient: &Session,
    grant: B256,
    there: &Place,
    specialist: &Arc<KeyRing>,
) {
    let asking = there.sign_in(specialist).await;
    until("the grant is there", async || {
        let known = asking.grants().await.unwrap();
        known.iter().any(|g| g.grant == grant)
    })
    .await;
    let opened = asking.open(grant).await.unwrap();
    asking.read_granted(grant, &opened, "image").await.unwrap();
    patient.revoke(grant).await.unwrap();
    until("the other hospital knows that it is revoked", async || {
        asking.open(grant).await.is_err()
    })
    .await;
}

async fn who_opened_it_is_said(patient: &Session, at: Address, by: Address) {
    let notices = patient.notices("", 0).await.unwrap();
    let notice = notices.iter().find(|n| n.kind == "opened").unwrap();
    assert_eq!(notice.params["at"], at.to_string());
    assert_eq!(notice.params["by"], by.to_string());
    assert!(notices.iter().any(|n| n.kind == "refused"));
}

async fn nobody_else_adds_entries_or_is_given_proofs(
    home: &Place,
    there: &Place,
    proven: &ProvenEntry,
) {
    let hospital = home.node().hospital();
    let mut forged = proven.clone();
    forged.leaf += 1000;
    let stranger = Address::repeat_byte(7);
    let refused = hospital.receive_touch(stranger, forged.clone()).await;
    assert_eq!(refused.unwrap_err().code(), "invalid");
    forged.institution = stranger;
    let refused = hospital.receive_touch(stranger, forged).await;
    assert_eq!(refused.unwrap_err().code(), "not_found");
    let leaves = vec![proven.leaf];
    let query = api::log::ProofQuery { leaves };
    let asked = there.node().hospital();
    let mine = asked.prove_for(home.address(), query.clone()).await;
    assert_eq!(mine.unwrap().len(), 1);
    assert!(asked.prove_for(stranger, query).await.unwrap().is_empty());
}
