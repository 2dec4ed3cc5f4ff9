//! What comes after the story: corrections, refusals, erasure, and a node on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
mod postgres;

use alloy_primitives::{Address, B256, Bytes};
use api::consent::GrantStage;
use api::records::{EraseOrder, Stage, VersionView};
use client::session::Session;
use common::{WAIT, World, approve, grant_of, picture, ring, until, upload};
use postgres::Postgres;
use record::Role;
use reqwest::StatusCode;
use vault::sign::wallet;

/// Order to erase what a controller stands for, under the address of a record; nobody signed it.
async fn erase_at(patient: &Session, record: B256, controller: Address) -> StatusCode {
    let order = EraseOrder {
        controller,
        deadline: u64::MAX,
        signature: Bytes::new(),
        index: Bytes::new(),
    };
    let home = &patient.card().url;
    let request = reqwest::Client::new()
        .post(format!("{home}/api/v1/records/{record}/erase"))
        .bearer_auth(patient.token());
    request.json(&order).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_corrected_refused_shared_and_erased() {
    let Some(world) = World::new("afterwards", 3).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "afterwards doctor", Role::Doctor).await;
    let elsewhere = world.hire(2, "afterwards specialist", Role::Doctor).await;
    let (patient, commitment) = world.enrol(0, "Afterwards Patient").await;
    let home = &world.places[0];
    let (doctor, patient) = (home.sign_in(&doctor).await, home.sign_in(&patient).await);

    let refused = the_author_alone_learns_why_it_was_refused(&doctor, &patient, commitment).await;
    let second = a_correction_is_version_two(&doctor, &patient, commitment).await;

    // Shared, then erased everywhere, and every holder signs that it deleted.
    let new = grant_of(&second, elsewhere.address(), &["image"]);
    let grant = patient.grant(new).await.unwrap();
    patient.settle(grant.act.unwrap(), WAIT).await.unwrap();
    let specialist = world.places[2].sign_in(&elsewhere).await;
    let grant = grant.grant;
    opened_once_it_is_there(&specialist, grant).await;
    let controller = second.controller.unwrap();
    let answer = erase_at(&patient, refused, controller).await;
    assert_eq!(answer, StatusCode::NOT_FOUND, "the address is another's");
    every_holder_deletes_and_signs(&world, &patient, second.controller.unwrap()).await;
    an_erased_grant_opens_nothing(&specialist, grant).await;
    let records = patient.records().await.unwrap();
    assert!(records[0].erased && records[0].versions == 0);
    // Ordering it again changes nothing.
    assert!(
        patient
            .versions()
            .await
            .unwrap()
            .iter()
            .all(|v| v.envelope.is_none() || v.series != second.series)
    );
}

async fn the_author_alone_learns_why_it_was_refused(
    doctor: &Session,
    patient: &Session,
    commitment: B256,
) -> B256 {
    let made = upload(doctor, &picture(commitment), "refused").await;
    let waiting = patient.pending().await.unwrap();
    patient
        .refuse(&waiting[0], "This is not my chest")
        .await
        .unwrap();
    let views = doctor.authored().await.unwrap();
    let view = views.iter().find(|v| v.record == made.record).unwrap();
    assert_eq!(view.stage, Stage::Refused);
    let at = doctor.card().deployment;
    let why = client::person::approval::read_refusal(doctor.keys(), &at, view).unwrap();
    assert_eq!(why, "This is not my chest");
    made.record
}

/// Corrected: version 2 of the same record, under the same controller.
async fn a_correction_is_version_two(
    doctor: &Session,
    patient: &Session,
    commitment: B256,
) -> VersionView {
    upload(doctor, &picture(commitment), "first").await;
    let first = approve(patient).await;
    let mut correction = picture(commitment);
    correction.report = "On a second look: a hairline fracture.".into();
    correction.corrects = Some(first.record);
    upload(doctor, &correction, "second").await;
    let second = approve(patient).await;
    assert_eq!((second.version, second.controller), (2, first.controller));
    let records = patient.records().await.unwrap();
    assert_eq!((records.len(), records[0].versions), (1, 2));
    let opened = patient.open_version(&second).await.unwrap();
    let document = patient
        .read_part(&second, &opened, "document")
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&document).contains("hairline fracture"));
    second
}

async fn opened_once_it_is_there(specialist: &Session, grant: B256) {
    until("the grant reaches the specialist's node", async || {
        specialist
            .grants()
            .await
            .unwrap()
            .iter()
            .any(|g| g.grant == grant)
    })
    .await;
    specialist.open(grant).await.unwrap();
}

async fn every_holder_deletes_and_signs(world: &World, patient: &Session, controller: Address) {
    let erasure = patient.erase(controller).await.unwrap();
    patient.settle(erasure.act, WAIT).await.unwrap();
    let hospital = world.places[0].node().hospital();
    until("every copy is deleted", async || {
        hospital.erasure(controller).await.unwrap().unwrap().done
    })
    .await;
    let done = hospital.erasure(controller).await.unwrap().unwrap();
    for place in &world.places {
        let id = wallet::key_id(&place.address());
        assert!(
            done.statements.iter().any(|s| s.holder == id),
            "{id} signed"
        );
        for cid in &done.cids {
            let cid = cid.parse().unwrap();
            assert!(!place.node().hospital().vault.has(&cid).await.unwrap());
        }
    }
}

async fn an_erased_grant_opens_nothing(specialist: &Session, grant: B256) {
    let refused = specialist.open(grant).await.err().unwrap();
    assert_eq!(
        (refused.status(), refused.code()),
        (Some(410), Some("erased"))
    );
    until(
        "the envelopes are deleted at the specialist's node",
        async || {
            let held = specialist.grants().await.unwrap();
            held.iter()
                .any(|g| g.grant == grant && g.stage == GrantStage::Erased)
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_runs_on_postgresql() {
    let Some(server) = Postgres::start_or_skip("a_node_runs_on_postgresql") else {
        return;
    };
    let url = server.url();
    let change = |config: &mut node::Config| config.database = url.clone();
    let Some(mut world) = World::with("on postgresql", 1, change).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "pg doctor", Role::Doctor).await;
    let guest = ring("pg guest");
    let (patient, commitment) = world.enrol(0, "Pg Patient").await;
    let home = &world.places[0];
    let (author, owner) = (home.sign_in(&doctor).await, home.sign_in(&patient).await);
    upload(&author, &picture(commitment), "one").await;
    let version = approve(&owner).await;
    // A guest states a key and is given a part.
    let session = home.sign_in(&guest).await;
    assert!(session.state_key("A guest").await.unwrap().is_none());
    let grant = owner
        .grant(grant_of(&version, guest.address(), &["document"]))
        .await
        .unwrap();
    owner.settle(grant.act.unwrap(), WAIT).await.unwrap();
    world.places[0].stop().await;
    world.places[0].start().await;
    let session = world.places[0].sign_in(&guest).await;
    let opened = session.open(grant.grant).await.unwrap();
    let document = session
        .read_granted(grant.grant, &opened, "document")
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&document).contains("No fracture"));
}
