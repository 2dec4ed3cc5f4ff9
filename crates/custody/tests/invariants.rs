//! The invariants that every change has to keep, each shown on the use cases themselves.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use acts::{Act, SignedAct};
use alloy_primitives::B256;
use api::log::Deed;
use api::records::Stage;
use common::{FaultyStore, NAME, PNG, REPORT, World, clock_of, now_of, ring};
use custody::model::document::{Kind, Query};
use custody::model::error::{Error, Refusal};
use custody::model::log_entry::{Entry, Touch};
use custody::ports::store::Store;
use custody::uses::journal::journaled::Journaled;
use custody::uses::records::upload::{DraftExpiry, SignedUploads};

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

async fn rows(store: &dyn Store) -> Vec<custody::model::document::Row> {
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        rows.extend(store.list(&Query::of(kind), u32::MAX).await.unwrap());
    }
    rows
}

async fn entries(world: &World) -> Vec<Entry> {
    let rows = world
        .store
        .list(&Query::of(Kind::Touch), u32::MAX)
        .await
        .unwrap();
    let touch = |row| {
        custody::model::document::decode::<Touch>(row)
            .unwrap()
            .document
    };
    rows.into_iter()
        .map(|row| Entry::decode(&touch(row).entry).unwrap())
        .collect()
}

#[tokio::test]
async fn one_only_ciphertext_leaves_its_owners_trust() {
    let world = World::new().await;
    let version = world.make(world.upload(), "k").await.unwrap();
    let version = world.approve(version.record).await;
    world.grant(&version).await;
    let image = hex::decode(PNG).unwrap();
    let secrets = [
        REPORT.as_bytes(),
        &image[40..],
        NAME.as_bytes(),
        b"clavicle",
    ];
    for vault in world.replicas.iter().chain([&world.vault]) {
        let pins = vault.pins().await.unwrap();
        assert!(!pins.is_empty());
        for cid in pins {
            let bytes = vault::collect(vault.get_file(&cid), 1 << 28).await.unwrap();
            for secret in secrets {
                assert!(!holds(&bytes, secret), "{cid} shows a secret");
            }
        }
    }
    // Of what is made here, the database keeps demographics only.
    for row in rows(world.store.as_ref()).await {
        for secret in [REPORT.as_bytes(), &image[40..], b"clavicle"] {
            assert!(
                !holds(&row.body, secret),
                "a {} shows a secret",
                row.kind.name()
            );
        }
        if row.kind != Kind::Patient {
            assert!(
                !holds(&row.body, NAME.as_bytes()),
                "a {} shows a name",
                row.kind.name()
            );
        }
    }
}

#[tokio::test]
async fn two_the_chain_learns_nothing_about_a_person() {
    let world = World::new().await;
    let version = world.make(world.upload(), "k").await.unwrap();
    let version = world.approve(version.record).await;
    let second = world.make(world.upload(), "another").await.unwrap();
    let second = world.approve(second.record).await;
    world.grant(&version).await;
    let acts = world.chain.state.lock().unwrap().acts.clone();
    assert!(
        acts.len() >= 4,
        "enrolment, two commits, a grant: {}",
        acts.len()
    );
    let all = serde_json::to_string(&acts).unwrap().to_lowercase();
    let cids = version
        .blobs()
        .into_iter()
        .map(|cid| hex::encode(cid.to_bytes()));
    let mut never: Vec<String> = cids.collect();
    never.push(hex::encode(world.patient.address()));
    never.push(hex::encode(world.specialist.address()));
    never.extend(
        version
            .blobs()
            .iter()
            .map(|cid| hex::encode(cid.hash().digest())),
    );
    for secret in never {
        assert!(!all.contains(&secret), "the chain was told {secret}");
    }
    // Two records of one patient have nothing in common there.
    assert_ne!(version.controller, second.controller);
}

#[tokio::test]
async fn three_the_contract_decides() {
    let world = World::new().await;
    let version = world.make(world.upload(), "k").await.unwrap();
    let version = world.approve(version.record).await;
    let grant = world.grant(&version).await;
    let specialist = world.caller(&world.specialist).await;
    let cid = version.parts[1].to_string();
    world.hospital.open_grant(&specialist, grant).await.unwrap();
    let part = world
        .hospital
        .serve_part(&specialist, grant, &cid)
        .await
        .unwrap();
    assert_eq!(
        vault::collect(part, 1 << 20).await.unwrap(),
        world.sealed(&version.parts[1]).await
    );

    let refusal = async |world: &World| {
        let opened = world
            .hospital
            .open_grant(&specialist, grant)
            .await
            .unwrap_err();
        let part = world.hospital.serve_part(&specialist, grant, &cid).await;
        match (opened, part.err().unwrap()) {
            (Error::Refused(a), Error::Refused(b)) if a == b => a,
            other => panic!("{other:?}"),
        }
    };
    // A chain that does not answer has not said yes.
    world.chain.silent.store(true, Ordering::SeqCst);
    assert_eq!(refusal(&world).await, Refusal::ChainSilent);
    world.chain.silent.store(false, Ordering::SeqCst);
    // Suspended on chain.
    let suspend = |active| {
        let mut state = world.chain.state.lock().unwrap();
        state
            .staff
            .get_mut(&world.specialist.address())
            .unwrap()
            .active = active;
    };
    suspend(false);
    assert_eq!(refusal(&world).await, Refusal::NotActive);
    suspend(true);
    // A part that was not granted.
    let document = version.parts[0].to_string();
    let other = world
        .hospital
        .serve_part(&specialist, grant, &document)
        .await;
    assert!(matches!(
        other.err(),
        Some(Error::Refused(Refusal::OtherPart))
    ));
    // Somebody else.
    let doctor = world.caller(&world.doctor).await;
    let other = world.hospital.open_grant(&doctor, grant).await;
    assert!(matches!(
        other,
        Err(Error::Refused(Refusal::OtherRecipient))
    ));
    // Revoked on chain behind this node's back: by the patient's own wallet, say.
    let controller = version.controller.unwrap();
    let act = SignedAct {
        act: Act::Revoke {
            controller,
            id: grant,
        },
        signatures: Vec::new(),
    };
    world.chain.carry(&act).unwrap();
    assert_eq!(refusal(&world).await, Refusal::Revoked);

    let refused = entries(&world)
        .await
        .into_iter()
        .filter(|e| e.deed == Deed::Refused)
        .count();
    assert_eq!(refused, 8, "every refusal is in the log");
}

#[tokio::test]
async fn three_a_grant_ends_with_its_time_and_its_record() {
    let world = World::new().await;
    let version = world.make(world.upload(), "k").await.unwrap();
    let version = world.approve(version.record).await;
    let grant = world.grant(&version).await;
    let specialist = world.caller(&world.specialist).await;
    let start = now_of(&world.now);
    world.now.store(start + 3600, Ordering::SeqCst);
    world.hospital.open_grant(&specialist, grant).await.unwrap();
    world.now.store(start + 3601, Ordering::SeqCst);
    let late = world.hospital.open_grant(&specialist, grant).await;
    assert!(matches!(late, Err(Error::Refused(Refusal::Expired))));
    world.now.store(start, Ordering::SeqCst);
    let controller = version.controller.unwrap();
    let act = Act::Erase {
        controller,
        deadline: start + 1,
    };
    world
        .chain
        .carry(&SignedAct {
            act,
            signatures: Vec::new(),
        })
        .unwrap();
    let gone = world.hospital.open_grant(&specialist, grant).await;
    assert!(matches!(gone, Err(Error::Refused(Refusal::Erased))));
}

#[tokio::test]
async fn four_what_cannot_be_logged_is_not_served() {
    let world = World::new().await;
    let version = world.make(world.upload(), "k").await.unwrap();
    let version = world.approve(version.record).await;
    let grant = world.grant(&version).await;
    let specialist = world.caller(&world.specialist).await;
    let before = entries(&world).await.len();
    world.store.broken.store(true, Ordering::SeqCst);
    let opened = world
        .hospital
        .open_grant(&specialist, grant)
        .await
        .unwrap_err();
    assert_eq!(opened.code(), "disk_full");
    let cid = version.parts[1].to_string();
    assert!(
        world
            .hospital
            .serve_part(&specialist, grant, &cid)
            .await
            .is_err()
    );
    world.store.broken.store(false, Ordering::SeqCst);
    assert_eq!(entries(&world).await.len(), before);
    let served = world.hospital.open_grant(&specialist, grant).await.unwrap();
    assert_eq!(entries(&world).await.len(), before + 1);
    // And the entry is provably in the log that the institution signs.
    world.hospital.anchor().await.unwrap();
    let trail = world.hospital.trail(world.id).await.unwrap();
    let entry = trail.iter().find(|e| e.leaf == served.leaf).unwrap();
    assert_eq!(Entry::proven(entry).unwrap().deed, Deed::Open);
}

#[tokio::test]
async fn five_an_upload_survives_a_failure_at_every_write() {
    for fuse in 0.. {
        let mut world = World::new().await;
        world.store.fuse.store(fuse, Ordering::SeqCst);
        let first = world.make(world.upload(), "k").await;
        let unharmed = world.store.fuse.load(Ordering::SeqCst) >= 0;
        world.store.fuse.store(-1, Ordering::SeqCst);
        if first.is_err() {
            // Nobody sees half a record.
            let seen = world.hospital.versions(world.id, None).await.unwrap();
            assert!(
                seen.iter().all(|v| v.stage == Stage::Pending),
                "after failure {fuse}"
            );
        }
        // The process dies, starts again, and the client repeats its request.
        world.restart().await;
        let version = world.make(world.upload(), "k").await.unwrap();
        assert_eq!(version.stage, Stage::Pending);
        let versions = world.hospital.versions(world.id, None).await.unwrap();
        assert_eq!(versions.len(), 1, "after failure {fuse}");
        let uploads = entries(&world)
            .await
            .into_iter()
            .filter(|e| e.deed == Deed::Upload);
        assert_eq!(uploads.count(), 1, "after failure {fuse}");
        world.approve(version.record).await;
        if unharmed {
            assert!(fuse > 3, "the fuse was never reached");
            return;
        }
    }
}

#[tokio::test]
async fn five_the_database_is_a_cache() {
    let mut world = World::new().await;
    let version = world.make(world.upload(), "k").await.unwrap();
    let version = world.approve(version.record).await;
    let grant = world.grant(&version).await;
    let left = world.make(world.upload(), "waiting").await.unwrap();
    let head = world.hospital.checkpoint().await.unwrap();
    let durable = |rows: Vec<custody::model::document::Row>| {
        let rows = rows.into_iter().filter(|r| r.kind.durable());
        rows.map(|r| (r.kind, r.id, r.body)).collect::<Vec<_>>()
    };
    let before = durable(rows(world.store.as_ref()).await);

    world.store = Arc::new(FaultyStore::new());
    world.restart().await;
    assert!(world.hospital.store.has_pages().await.unwrap());
    let rebuilt = world.hospital.store.rebuild(false).await.unwrap();
    assert_eq!(rebuilt.documents, before.len() as u64);
    world.restart().await;
    assert_eq!(durable(rows(world.store.as_ref()).await), before);
    assert_eq!(
        world.hospital.checkpoint().await.unwrap(),
        head,
        "the log is the same"
    );
    world.hospital.agrees_with_chain().await.unwrap();

    // And everything goes on where it was.
    let specialist = world.caller(&world.specialist).await;
    world.hospital.open_grant(&specialist, grant).await.unwrap();
    world.approve(left.record).await;
}

#[tokio::test]
async fn five_a_snapshot_forgets_nothing_and_a_rebuild_reads_it() {
    let mut world = World::new().await;
    let version = world.make(world.upload(), "k").await.unwrap();
    let pages = world.vault.pins().await.unwrap().len();
    world.hospital.store.snapshot().await.unwrap();
    assert!(world.vault.pins().await.unwrap().len() < pages);
    world.approve(version.record).await;
    world.store = Arc::new(FaultyStore::new());
    world.restart().await;
    world.hospital.store.rebuild(false).await.unwrap();
    world.restart().await;
    let versions = world.hospital.versions(world.id, None).await.unwrap();
    assert_eq!(versions[0].stage, Stage::Committed);
}

#[tokio::test]
async fn five_a_snapshot_of_many_parts_is_read_as_one_and_brings_nothing_old_back() {
    let mut world = World::new().await;
    let version = world.make(world.upload(), "k").await.unwrap();
    let journal = |store: &Arc<FaultyStore>| {
        let key = seal::derive::subkey(world.keys.root(), "journal");
        let key = seal::PartKey::from_bytes(&key);
        let clock = clock_of(&world.now);
        Journaled::new(store.clone(), world.vault.clone(), key, clock).parts_of(1000)
    };
    let before = world.vault.pins().await.unwrap();
    let parts = journal(&world.store).snapshot().await.unwrap();
    assert!(parts > 3, "{parts} parts");
    // A page from before the snapshot that was left lying.
    let lying: Vec<_> = before.iter().take(2).copied().collect();
    for cid in &lying {
        if world.vault.has(cid).await.unwrap() {
            world.vault.pin(cid).await.unwrap();
        }
    }
    let store = Arc::new(FaultyStore::new());
    let rebuilt = journal(&store).rebuild(false).await.unwrap();
    assert_eq!(rebuilt.batches, parts as u64);
    world.store = store;
    world.restart().await;
    assert_eq!(world.approve(version.record).await.stage, Stage::Committed);
}

#[tokio::test]
async fn five_no_quorum_no_acknowledgement_and_nothing_lost() {
    let mut world = World::new().await;
    let peers = std::mem::take(&mut world.peers);
    world.restart().await;
    let refused = world.make(world.upload(), "k").await.unwrap_err();
    assert!(
        matches!(refused, Error::Quorum { held: 1, needed: 2 }),
        "{refused}"
    );
    assert!(
        world
            .hospital
            .versions(world.id, None)
            .await
            .unwrap()
            .is_empty()
    );
    world.peers = peers;
    world.restart().await;
    assert_eq!(world.round(SignedUploads).await.moved, 1);
    let versions = world
        .hospital
        .versions(world.id, Some(Stage::Pending))
        .await
        .unwrap();
    assert_eq!(versions.len(), 1);
}

#[tokio::test]
async fn seven_erasure_leaves_nothing_that_opens() {
    let mut world = World::new().await;
    let version = world.make(world.upload(), "k").await.unwrap();
    let version = world.approve(version.record).await;
    let grant = world.grant(&version).await;
    let kept = world.make(world.upload(), "kept").await.unwrap();
    let kept = world.approve(kept.record).await;
    let (mut index, before) = world.index().await;
    let controller = version.controller.unwrap();
    let number = index.by_controller(&controller).unwrap().index;
    index.erase(number);
    let at = *world.hospital.deployment();
    let sealed =
        client::person::approval::seal_index(&world.patient, &at, &index, before.as_ref()).unwrap();
    let order = client::person::erasure::erase(
        &world.patient.controller(number),
        &at,
        now_of(&world.now) + 600,
        sealed.encode().into(),
    );
    let patient = world.caller(&world.patient).await;
    world.hospital.erase(&patient, order).await.unwrap();
    world.settle().await;

    let erasure = world.hospital.erasure(controller).await.unwrap().unwrap();
    assert!(erasure.done, "{:?}", erasure.missing);
    let holders: std::collections::BTreeSet<&str> = erasure
        .statements
        .iter()
        .map(|s| s.holder.as_str())
        .collect();
    assert!(
        holders.len() >= 2,
        "holders signed that they deleted: {holders:?}"
    );
    for vault in world.replicas.iter().chain([&world.vault]) {
        for cid in version.blobs() {
            assert!(!vault.has(&cid).await.unwrap(), "a copy of {cid} is left");
        }
    }
    for cid in kept.blobs() {
        assert!(
            world.vault.has(&cid).await.unwrap(),
            "the other record is whole"
        );
    }
    // The envelopes are gone from the database, and from the journal as well.
    let envelopes = [&version.to_patient, &version.to_institution];
    for row in rows(world.store.as_ref()).await {
        assert!(
            envelopes.iter().all(|e| !holds(&row.body, e)),
            "a {}",
            row.kind.name()
        );
    }
    world.store = Arc::new(FaultyStore::new());
    world.restart().await;
    world.hospital.store.rebuild(false).await.unwrap();
    for row in rows(world.store.as_ref()).await {
        assert!(
            envelopes.iter().all(|e| !holds(&row.body, e)),
            "a {}",
            row.kind.name()
        );
    }
    world.restart().await;
    let specialist = world.caller(&world.specialist).await;
    let gone = world.hospital.open_grant(&specialist, grant).await;
    assert!(matches!(gone, Err(Error::Refused(Refusal::Erased))));
}

#[tokio::test]
async fn a_correction_is_a_new_version_and_history_keeps_both() {
    let world = World::new().await;
    let first = world.make(world.upload(), "k").await.unwrap();
    let first = world.approve(first.record).await;
    let mut new = world.upload();
    new.report = "On a second look there is no fracture.".into();
    new.corrects = Some(first.record);
    let second = world.make(new.clone(), "correction").await.unwrap();
    assert_eq!(
        (second.version, second.previous),
        (2, Some(first.commitment))
    );
    let second = world.approve(second.record).await;
    assert_eq!(second.controller, first.controller);
    let history = world
        .hospital
        .history(world.id, first.series)
        .await
        .unwrap();
    assert_eq!(
        history.iter().map(|v| v.version).collect::<Vec<_>>(),
        [1, 2]
    );
    // Only what stands can be corrected.
    let stale = world.make(new, "stale").await.unwrap_err();
    assert!(matches!(stale, Error::State { .. }), "{stale}");
}

#[tokio::test]
async fn a_refusal_is_logged_and_its_reason_is_for_the_author_alone() {
    let world = World::new().await;
    let version = world.make(world.upload(), "k").await.unwrap();
    let at = *world.hospital.deployment();
    let author = world.doctor.sealing_public();
    let reason = "This is not my clavicle";
    let note =
        client::person::approval::refuse(&at, &version.to_patient(), &author, reason).unwrap();
    world
        .hospital
        .refuse(world.id, version.record, note)
        .await
        .unwrap();
    let made = world
        .hospital
        .authored(world.doctor.address())
        .await
        .unwrap();
    let view = made[0].to_author();
    assert_eq!(
        client::person::approval::read_refusal(&world.doctor, &at, &view).unwrap(),
        reason
    );
    assert!(client::person::approval::read_refusal(&ring("else"), &at, &view).is_err());
    assert!(entries(&world).await.iter().any(|e| e.deed == Deed::Refuse));
    for row in rows(world.store.as_ref()).await {
        assert!(!holds(&row.body, reason.as_bytes()));
    }
}

#[tokio::test]
async fn grants_for_others_deployments_and_records_are_not_taken() {
    let world = World::new().await;
    let version = world.make(world.upload(), "k").await.unwrap();
    let version = world.approve(version.record).await;
    let grant = world.grant(&version).await;
    let patient = world.caller(&world.patient).await;
    let held = world.hospital.grants(&patient).await.unwrap();
    let message = held.into_iter().find(|g| g.id == grant).unwrap().message;
    let give = async |message| {
        let submission = api::consent::GrantSubmission {
            message,
            index: None,
            wish: Default::default(),
        };
        world.hospital.give(&patient, submission).await.unwrap_err()
    };
    let mut other = message.clone();
    other.chain_id = 1;
    assert!(matches!(
        give(other).await,
        Error::Refused(Refusal::OtherDeployment)
    ));
    let mut other = message.clone();
    other.envelopes[0].recipient = world.doctor.address();
    assert!(matches!(
        give(other).await,
        Error::Refused(Refusal::OtherRecipient)
    ));
    let mut other = message.clone();
    let mut signature = other.signature.to_vec();
    signature[5] ^= 1;
    other.signature = signature.into();
    assert!(matches!(give(other).await, Error::WrongSignature { .. }));
    let mut other = message.clone();
    other.document = B256::ZERO.to_vec().into();
    assert!(matches!(give(other).await, Error::Record(_)));
}

#[tokio::test]
async fn drafts_that_nobody_signs_are_deleted_with_their_parts() {
    let world = World::new().await;
    let doctor = world.caller(&world.doctor).await;
    let draft = world
        .hospital
        .draft(&doctor, "k", world.upload())
        .await
        .unwrap();
    let manifest = record::Manifest::decode(&draft.manifest).unwrap();
    assert!(world.vault.has(&manifest.parts[0].cid).await.unwrap());
    world.now.fetch_add(3601, Ordering::SeqCst);
    let at = *world.hospital.deployment();
    let signature =
        client::person::upload::sign_draft(&world.doctor, &at, &draft, world.id).unwrap();
    let late = world
        .hospital
        .sign_upload(doctor.wallet, draft.record, signature)
        .await;
    assert!(matches!(late, Err(Error::NotFound(_))));
    assert_eq!(world.round(DraftExpiry).await.moved, 1);
    for part in &manifest.parts {
        assert!(!world.vault.has(&part.cid).await.unwrap());
    }
    let _ = clock_of(&world.now);
}

#[tokio::test]
async fn parts_of_an_upload_that_was_cut_off_are_swept_away_and_nothing_else() {
    let mut world = World::new().await;
    let version = world.make(world.upload(), "k").await.unwrap();
    let version = world.approve(version.record).await;
    let doctor = world.caller(&world.doctor).await;
    let draft = world
        .hospital
        .draft(&doctor, "draft", world.upload())
        .await
        .unwrap();
    let orphan = world
        .vault
        .put_file(vault::bytes_stream(vec![7; 2000]))
        .await
        .unwrap()
        .cid;
    world.restart().await;
    assert_eq!(world.hospital.sweep().await.unwrap(), 1);
    assert!(!world.vault.has(&orphan).await.unwrap());
    let manifest = record::Manifest::decode(&draft.manifest).unwrap();
    let kept = version
        .blobs()
        .into_iter()
        .chain(manifest.parts.iter().map(|p| p.cid));
    for cid in kept {
        assert!(world.vault.has(&cid).await.unwrap());
    }
    assert_eq!(world.hospital.sweep().await.unwrap(), 0);
}

#[tokio::test]
async fn bad_files_are_refused_and_leave_nothing() {
    let world = World::new().await;
    let doctor = world.caller(&world.doctor).await;
    let pins = world.vault.pins().await.unwrap();
    let whole = hex::decode(PNG).unwrap();
    for (bytes, code) in [
        (Vec::new(), "bad_file"),
        (b"neither of them".to_vec(), "bad_file"),
        (whole[..40].to_vec(), "bad_file"),
        (vec![0; (1 << 24) + 1], "too_large"),
    ] {
        let mut new = world.upload();
        new.file.bytes = bytes.into();
        let refused = world.hospital.draft(&doctor, "k", new).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
    let mut new = world.upload();
    new.patient = B256::repeat_byte(7);
    let refused = world.hospital.draft(&doctor, "k", new).await.unwrap_err();
    assert_eq!(refused.code(), "not_found");
    assert_eq!(world.vault.pins().await.unwrap(), pins);
}
