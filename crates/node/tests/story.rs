//! The whole story on real components: three hospitals, a real chain, real HTTP.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use alloy_primitives::{Address, B256};
use api::log::Deed;
use api::records::VersionView;
use client::session::Session;
use client::verify::{ChainWitness, verify};
use common::{Place, WAIT, World, approve, grant_of, picture, until};
use node::now;
use record::grant::NewRequest;
use record::{Purpose, Recipient, Role};

#[tokio::test(flavor = "multi_thread")]
async fn from_an_x_ray_to_a_proof_that_anyone_can_check() {
    let Some(world) = World::new("story", 3).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "story doctor", Role::Doctor).await;
    let elsewhere = world.hire(1, "story specialist", Role::Doctor).await;
    let (patient, commitment) = world.enrol(0, "Story Patient").await;
    let home = &world.places[0];
    let author = home.sign_in(&doctor).await;
    let patient = home.sign_in(&patient).await;

    let made = made_once_however_often_it_is_sent(&author, commitment).await;
    a_quorum_holds_every_part(&world, &made).await;
    let version = read_and_taken_into_the_record(&patient, &made).await;

    let asking = world.places[1].sign_in(&elsewhere).await;
    let request = asked_for(&asking, home.address(), &patient, commitment).await;
    let grant = granted_and_opened(&patient, &version, &asking, request).await;
    // The patient's own node serves the same grant, and says whose it is.
    let visiting = home.sign_in(&elsewhere).await;
    assert_eq!(asking.grants().await.unwrap()[0].patient, None);
    let listed = visiting.grants().await.unwrap();
    assert_eq!(listed[0].patient, Some(commitment));
    visiting.open(grant).await.unwrap();

    // Not for anybody else.
    is_refused(&author, grant, "other_recipient").await;

    revoked_at_both_nodes(&patient, grant, &visiting, &asking).await;
    the_trail_tells_all_and_is_proven(home, &patient).await;
    let controller = version.controller.unwrap();
    the_bundle_is_verified_by_the_chain_alone(&world, &patient, controller).await;

    for mut place in world.places {
        place.stop().await;
    }
}

/// Made, signed, acknowledged; the same request again is the same upload.
async fn made_once_however_often_it_is_sent(author: &Session, commitment: B256) -> VersionView {
    let new = picture(commitment);
    let draft = author.upload(&new, "first").await.unwrap();
    assert_eq!(author.upload(&new, "first").await.unwrap(), draft);
    let made = author.sign_upload(&draft, commitment).await.unwrap();
    assert_eq!(
        author
            .sign_upload(&draft, commitment)
            .await
            .unwrap()
            .commitment,
        made.commitment
    );
    let other = custody::model::upload::NewUpload {
        title: "Another".into(),
        ..new.clone()
    };
    let reused = author.upload(&other, "first").await.unwrap_err();
    assert_eq!(reused.code(), Some("idempotency_key_reused"));
    // A client that never heard the answer goes on with the same key.
    let again = author.send(&new, "first").await.unwrap();
    assert_eq!(again.commitment, made.commitment);
    made
}

/// Every part is held by other hospitals too, sealed.
async fn a_quorum_holds_every_part(world: &World, made: &VersionView) {
    for cid in made.parts.iter().chain([&made.manifest]) {
        let cid = cid.parse().unwrap();
        let mut holders = 0;
        for place in &world.places {
            holders += usize::from(place.node().hospital().vault.has(&cid).await.unwrap());
        }
        assert!(holders >= 2, "a quorum holds {cid}");
    }
}

/// The patient opens what waits, checks it, and takes it into the record.
async fn read_and_taken_into_the_record(patient: &Session, made: &VersionView) -> VersionView {
    let waiting = patient.pending().await.unwrap();
    let opened = patient.open_version(&waiting[0]).await.unwrap();
    let document = patient
        .read_part(&waiting[0], &opened, "document")
        .await
        .unwrap();
    let bundle: serde_json::Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(bundle["resourceType"], "Bundle");
    let image = patient
        .read_part(&waiting[0], &opened, "image")
        .await
        .unwrap();
    assert_eq!(hex::encode(&image), common::PNG);
    let version = approve(patient).await;
    let records = patient.records().await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].commitment, made.commitment);
    version
}

/// A doctor elsewhere asks through the own node; the patient sees it in full. The request's id.
async fn asked_for(asking: &Session, home: Address, patient: &Session, commitment: B256) -> B256 {
    let specialist = asking.keys().address();
    let (request, act) = asking
        .ask(
            home,
            NewRequest {
                requester: specialist,
                recipient: Recipient::Person(specialist),
                patient: commitment,
                commitment: None,
                parts: vec!["image".into()],
                purpose: Purpose::Treatment,
                reason: "A second opinion before the operation".into(),
                from: now() - 60,
                until: now() + 3600,
            },
        )
        .await
        .unwrap();
    asking.settle(act, WAIT).await.unwrap();
    until("the request reaches the patient", async || {
        patient
            .requests()
            .await
            .unwrap()
            .iter()
            .any(|r| r.id == request.id)
    })
    .await;
    request.id
}

/// Granted: one part, one purpose, an hour. Before it is on chain nobody is served. The grant's id.
async fn granted_and_opened(
    patient: &Session,
    version: &VersionView,
    asking: &Session,
    request: B256,
) -> B256 {
    let mut new = grant_of(version, asking.keys().address(), &["image"]);
    new.request = Some(request);
    let grant = patient.grant(new).await.unwrap();
    patient.settle(grant.act.unwrap(), WAIT).await.unwrap();
    until("the grant reaches the specialist's node", async || {
        asking
            .grants()
            .await
            .unwrap()
            .iter()
            .any(|g| g.grant == grant.grant)
    })
    .await;
    let opened = asking.open(grant.grant).await.unwrap();
    let image = asking
        .read_granted(grant.grant, &opened, "image")
        .await
        .unwrap();
    assert_eq!(hex::encode(&image), common::PNG);
    assert!(
        opened.part("document").is_err(),
        "the report was not shared"
    );
    grant.grant
}

async fn is_refused(session: &Session, grant: B256, code: &str) {
    let refused = session.open(grant).await.err().unwrap();
    assert_eq!((refused.status(), refused.code()), (Some(403), Some(code)));
}

/// Revoked: refused at both nodes, and logged.
async fn revoked_at_both_nodes(
    patient: &Session,
    grant: B256,
    visiting: &Session,
    asking: &Session,
) {
    let revoked = patient.revoke(grant).await.unwrap();
    is_refused(visiting, grant, "revoked").await;
    patient
        .settle(revoked.revocation.unwrap(), WAIT)
        .await
        .unwrap();
    is_refused(asking, grant, "revoked").await;
    until(
        "the envelopes are deleted at the specialist's node",
        async || {
            let held = asking.grants().await.unwrap();
            held.iter()
                .any(|g| g.grant == grant && g.stage == api::consent::GrantStage::Revoked)
        },
    )
    .await;
}

/// After a checkpoint, the trail is proven.
async fn the_trail_tells_all_and_is_proven(home: &Place, patient: &Session) {
    let institution = home.sign_in(&home.keys).await;
    let anchor = institution.anchor().await.unwrap();
    institution
        .settle(anchor.act.unwrap().act, WAIT)
        .await
        .unwrap();
    let trail = patient.trail().await.unwrap();
    let deeds: Vec<Deed> = trail.iter().map(|(_, entry)| entry.deed).collect();
    for deed in [
        Deed::Enrol,
        Deed::Upload,
        Deed::Approve,
        Deed::Request,
        Deed::Grant,
        Deed::Open,
        Deed::Refused,
        Deed::Revoke,
    ] {
        assert!(deeds.contains(&deed), "{deed:?} is in the trail: {deeds:?}");
    }
    assert!(
        trail
            .iter()
            .all(|(proven, _)| proven.size > 0 || proven.institution != home.address()),
        "every entry of the own hospital is proven"
    );
}

async fn the_bundle_is_verified_by_the_chain_alone(
    world: &World,
    patient: &Session,
    controller: Address,
) {
    let bundle = patient
        .export(controller, &["image".to_owned()])
        .await
        .unwrap();
    let read = record::ProofBundle::decode(&bundle.encode()).unwrap();
    let witness = ChainWitness::read(world.chain.chain().await.unwrap())
        .await
        .unwrap();
    let verdict = verify(&read, &witness).await.unwrap();
    assert!(verdict.holds, "{verdict:#?}");
    assert!(verdict.log_entries > 0);
    assert_eq!(verdict.hidden, 1);
    let mut forged = read;
    forged.controller = world.places[0].address();
    forged.grants.clear();
    assert!(
        !verify(&forged, &witness).await.unwrap().holds,
        "another controller is noticed"
    );
}
