use std::sync::Arc;

use alloy_primitives::B256;
use api::records::Stage;
use client::person::sealed_upload::{PlainPart, SealedUpload};
use client::session::{ClientError, Session};
use custody::model::keys::KeyRing;
use custody::uses::lifecycle::Runner;
use custody::uses::records::upload::DraftExpiry;
use node::now;
use record::Role;

use crate::common::{PNG, Place, WAIT, World, approve, grant_of, until};

const DOCUMENT: &str = r#"{"resourceType":"Bundle","type":"document","entry":[]}"#;

fn parts() -> Vec<PlainPart> {
    let part = |name: &str, media_type: &str, bytes: Vec<u8>| PlainPart {
        name: name.into(),
        media_type: media_type.into(),
        bytes: bytes.into(),
    };
    vec![
        part("document", "application/fhir+json", DOCUMENT.into()),
        part("image", "image/png", hex::decode(PNG).unwrap()),
        // More than one block, so that its name is that of a tree.
        part("series", "application/dicom", vec![7; (1 << 20) + 12_345]),
    ]
}

fn code(result: Result<impl Sized, ClientError>) -> (u16, String) {
    let error = result.err().unwrap();
    let code = error.code().unwrap_or_default().to_owned();
    (error.status().unwrap_or(0), code)
}

async fn refused(author: &Session, upload: &SealedUpload, key: &str) -> (u16, String) {
    code(author.upload_sealed(upload, key).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_sealed_is_approved_granted_opened_and_corrected() {
    let Some(world) = World::new("sealed", 3).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "sealed doctor", Role::Doctor).await;
    let elsewhere = world.hire(1, "sealed specialist", Role::Doctor).await;
    let (patient, commitment) = world.enrol(0, "Sealed Patient").await;
    let home = &world.places[0];
    let author = home.sign_in(&doctor).await;
    let patient = home.sign_in(&patient).await;

    // Sent twice, as after a cut line: the same draft. Signed twice: the same version.
    let upload = author
        .seal_upload(commitment, None, &parts())
        .await
        .unwrap();
    let draft = author.upload_sealed(&upload, "one").await.unwrap();
    assert_eq!(author.upload_sealed(&upload, "one").await.unwrap(), draft);
    let made = author.sign_upload(&draft, commitment).await.unwrap();
    assert_eq!(made.stage, Stage::Pending);
    assert_eq!(made.commitment, upload.draft.commitment);
    let again = author.sign_upload(&draft, commitment).await.unwrap();
    assert_eq!(again.commitment, made.commitment);
    for cid in made.parts.iter().chain([&made.manifest]) {
        let cid = cid.parse().unwrap();
        let mut holders = 0;
        for place in &world.places {
            holders += usize::from(place.node().hospital().vault.has(&cid).await.unwrap());
        }
        assert!(holders >= 2, "a quorum holds {cid}");
    }

    // The patient reads and approves it as any other.
    let waiting = patient.pending().await.unwrap();
    let opened = patient.open_version(&waiting[0]).await.unwrap();
    for part in parts() {
        let read = patient.read_part(&waiting[0], &opened, &part.name).await;
        assert_eq!(*read.unwrap(), *part.bytes);
    }
    let version = approve(&patient).await;

    // One part of it is granted to a doctor elsewhere and opened there.
    let grant = grant_of(&version, elsewhere.address(), &["series"]);
    let grant = patient.grant(grant).await.unwrap();
    patient.settle(grant.act.unwrap(), WAIT).await.unwrap();
    let asking = world.places[1].sign_in(&elsewhere).await;
    until("the grant reaches the specialist's node", async || {
        let known = asking.grants().await.unwrap();
        known.iter().any(|g| g.grant == grant.grant)
    })
    .await;
    let opened = asking.open(grant.grant).await.unwrap();
    let series = asking.read_granted(grant.grant, &opened, "series").await;
    assert_eq!(*series.unwrap(), *parts()[2].bytes);
    assert!(opened.part("document").is_err(), "it was not shared");

    // A correction is a sealed upload too, and follows the version before.
    let mut corrected = parts();
    corrected.truncate(2);
    let first = author.authored().await.unwrap().remove(0);
    let upload = author.seal_upload(commitment, Some(&first), &corrected);
    let upload = upload.await.unwrap();
    let draft = author.upload_sealed(&upload, "two").await.unwrap();
    let second = author.sign_upload(&draft, commitment).await.unwrap();
    assert_eq!((second.version, second.series), (2, first.series));
    assert_eq!(second.previous, Some(first.commitment));
    let second = approve(&patient).await;
    assert_eq!(second.controller, version.controller);
    let records = patient.records().await.unwrap();
    assert_eq!((records.len(), records[0].versions), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_upload_that_does_not_hold_is_refused_and_leaves_nothing() {
    let Some(world) = World::new("sealed wrong", 1).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "wrong doctor", Role::Doctor).await;
    let other = world.hire(0, "wrong other", Role::Technician).await;
    let (_, commitment) = world.enrol(0, "Wrong Patient").await;
    let (_, stranger) = world.enrol(0, "Wrong Stranger").await;
    let home = &world.places[0];
    let author = home.sign_in(&doctor).await;
    let pins = async || home.node().hospital().vault.pins().await.unwrap().len();
    let good = author
        .seal_upload(commitment, None, &parts())
        .await
        .unwrap();
    let before = pins().await;

    a_wrong_announcement_is_refused(home, &author, &other, &good, (commitment, stranger)).await;
    assert_eq!(pins().await, before, "nothing was stored");

    wrong_parts_leave_nothing_to_sign(&author, &good, commitment).await;
    // The right ones go on.
    let draft = author.upload_sealed(&good, "h").await.unwrap();
    assert_eq!(author.drafts().await.unwrap(), std::slice::from_ref(&draft));

    // The same sealed bytes under another key could be deleted with that draft: refused.
    let invalid = (422, "invalid".to_owned());
    assert_eq!(
        refused(&author, &good, "i").await,
        invalid,
        "announced already"
    );
    author.sign_upload(&draft, commitment).await.unwrap();
    assert_eq!(
        refused(&author, &good, "i").await,
        invalid,
        "stored already"
    );
    assert_eq!(
        code(author.upload_sealed(&good, "h").await).1,
        "wrong_state"
    );
}

/// What the client says of it is wrong: for another patient, by another author and so on.
async fn a_wrong_announcement_is_refused(
    home: &Place,
    author: &Session,
    other: &Arc<KeyRing>,
    good: &SealedUpload,
    (commitment, stranger): (B256, B256),
) {
    let invalid = (422, "invalid".to_owned());
    let mut wrong = good.clone();
    wrong.draft.patient = stranger;
    assert_eq!(
        refused(author, &wrong, "a").await,
        invalid,
        "another patient"
    );
    let mut wrong = good.clone();
    wrong.draft.commitment.0[0] ^= 1;
    let sealed_bytes = (422, "sealed_bytes".to_owned());
    assert_eq!(
        refused(author, &wrong, "b").await,
        sealed_bytes,
        "another commitment"
    );
    let mut wrong = good.clone();
    wrong.draft.to_patient = vec![1; 3].into();
    assert_eq!(refused(author, &wrong, "c").await, invalid, "no envelope");
    let mut wrong = good.clone();
    wrong.manifest[100] ^= 1;
    assert_eq!(
        refused(author, &wrong, "d").await,
        invalid,
        "another manifest"
    );
    let technician = home.sign_in(other).await;
    assert_eq!(
        refused(&technician, good, "e").await,
        invalid,
        "another author"
    );
    let wrong = author
        .seal_upload(commitment, None, &parts()[1..])
        .await
        .unwrap();
    assert_eq!(refused(author, &wrong, "f").await, invalid, "no document");
    let mut wrong = good.clone();
    wrong.draft.corrects = Some(stranger);
    let missing = (404, "not_found".to_owned());
    assert_eq!(
        refused(author, &wrong, "g").await,
        missing,
        "corrects nothing"
    );
}

/// Parts that are missing, swapped or altered.
async fn wrong_parts_leave_nothing_to_sign(
    author: &Session,
    good: &SealedUpload,
    commitment: B256,
) {
    let invalid = (422, "invalid".to_owned());
    let mut wrong = good.clone();
    wrong.parts.pop();
    assert_eq!(
        refused(author, &wrong, "h").await,
        invalid,
        "a part is missing"
    );
    wrong.parts.swap(0, 1);
    assert_eq!(refused(author, &wrong, "h").await, invalid, "another order");
    let mut wrong = good.clone();
    wrong.parts[1][70] ^= 1;
    assert_eq!(
        refused(author, &wrong, "h").await,
        invalid,
        "an altered part"
    );
    assert!(author.drafts().await.unwrap().is_empty());
    let mut reused = good.clone();
    reused.draft.to_patient = author
        .seal_upload(commitment, None, &parts())
        .await
        .unwrap()
        .draft
        .to_patient;
    let conflict = (409, "idempotency_key_reused".to_owned());
    assert_eq!(refused(author, &reused, "h").await, conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_upload_goes_on_after_a_restart_and_expires_with_all_it_stored() {
    let Some(mut world) = World::new("sealed restart", 1).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "restart doctor", Role::Doctor).await;
    let (_, commitment) = world.enrol(0, "Restart Patient").await;
    let author = world.places[0].sign_in(&doctor).await;
    let whole = author
        .seal_upload(commitment, None, &parts())
        .await
        .unwrap();
    let left = author
        .seal_upload(commitment, None, &parts())
        .await
        .unwrap();
    let half = |upload: &SealedUpload| {
        let mut half = upload.clone();
        half.parts.truncate(1);
        half
    };
    let cut = refused(&author, &half(&whole), "cut").await;
    assert_eq!(cut, (422, "invalid".to_owned()));
    world.places[0].stop().await;
    world.places[0].start().await;
    let author = world.places[0].sign_in(&doctor).await;
    let draft = author.upload_sealed(&whole, "cut").await.unwrap();
    author.sign_upload(&draft, commitment).await.unwrap();

    let hospital = world.places[0].node().hospital();
    let blobs = left.parts.iter().chain([&left.manifest]);
    let opened: Vec<_> = blobs
        .map(|b| vault::file::cid_of_file(b).unwrap())
        .collect();
    let kept = async || {
        let pins = hospital.vault.pins().await.unwrap();
        opened.iter().filter(|cid| pins.contains(cid)).count()
    };
    refused(&author, &half(&left), "left").await;
    assert_eq!(kept().await, 2, "the manifest and the one part");
    let later = now() + hospital.settings.draft_ttl + 1;
    let drafts = Runner::new(DraftExpiry);
    assert_eq!(drafts.round_at(hospital, later).await.unwrap().moved, 1);
    assert_eq!(kept().await, 0);
}
