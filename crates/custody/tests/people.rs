//! What strangers cannot do to those who work and are cared for here: drown, delay or outspend them.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alloy_primitives::B256;
use api::letters::LetterKind;
use api::log::Deed;
use api::people::ProfileView;
use async_trait::async_trait;
use common::{World, clock_of, now_of, open, ring};
use custody::model::document::{Batch, Kind, Query};
use custody::model::error::{Error, Refusal};
use custody::model::invitation::Invitation;
use custody::model::keys::KeyRing;
use custody::model::mail::{Mail, Undelivered};
use custody::ports::postman::Postman;
use custody::ports::store::Documents;
use custody::uses::lifecycle::Runner;
use custody::uses::people::key_statement::state_key;
use custody::uses::people::mail::Mails;
use record::Role;

#[tokio::test]
async fn the_chain_is_asked_of_people_who_were_invited_here_alone() {
    let world = World::new().await;
    for n in 0..20 {
        let stranger = ring(&format!("stranger {n}"));
        let at = world.hospital.deployment();
        let stated = state_key(&stranger, at, "", now_of(&world.now), None).unwrap();
        let published = world.hospital.publish_key(stranger.address(), stated);
        published.await.unwrap();
    }
    let deadline = now_of(&world.now) + 600;
    let at = world.hospital.deployment();
    for invited in [&world.doctor, &world.specialist] {
        let offer = Invitation::offer(
            &world.keys,
            at,
            invited.address(),
            Role::Doctor,
            1,
            deadline,
        );
        world.hospital.invite(offer).await.unwrap();
    }
    let before = world.chain.asked_of_staff.load(Ordering::SeqCst);
    let staff = world.hospital.staff_here().await.unwrap();
    let asked = world.chain.asked_of_staff.load(Ordering::SeqCst) - before;
    // The specialist was invited and works elsewhere.
    assert_eq!(staff.len(), 1);
    assert_eq!(staff[0].wallet, world.doctor.address());
    assert_eq!(asked, 2);
}

async fn refused(world: &World, keys: &KeyRing, grant: B256) {
    let caller = world.caller(keys).await;
    let refused = world.hospital.open_grant(&caller, grant).await;
    assert!(matches!(refused, Err(Error::Refused(_))));
}

async fn refusals_logged(world: &World) -> usize {
    let entries = world.hospital.entries_since(0, 1000).await.unwrap();
    entries.iter().filter(|e| e.deed == Deed::Refused).count()
}

async fn refusals_told(world: &World) -> usize {
    let patient = world.patient.address();
    let notices = world.hospital.notices(patient, "", 0).await.unwrap();
    notices.iter().filter(|n| n.kind == "refused").count()
}

#[tokio::test]
async fn strangers_cannot_flood_a_patient_and_the_log_has_them_all() {
    let world = World::new().await;
    let made = world.make(world.upload(), "one").await.unwrap();
    let version = world.approve(made.record).await;
    let grant = world.grant(&version).await;
    for n in 0..8 {
        refused(&world, &ring(&format!("flood {n}")), grant).await;
    }
    assert_eq!(refusals_logged(&world).await, 8);
    assert_eq!(refusals_told(&world).await, 1, "once for all strangers");
    // Staff is no stranger.
    refused(&world, &world.doctor, grant).await;
    assert_eq!(refusals_told(&world).await, 2);
    world.now.fetch_add(3600, Ordering::SeqCst);
    refused(&world, &ring("flood again"), grant).await;
    assert_eq!(refusals_told(&world).await, 3);
}

#[tokio::test]
async fn a_refusal_is_logged_though_its_patient_is_gone() {
    let world = World::new().await;
    let made = world.make(world.upload(), "one").await.unwrap();
    let version = world.approve(made.record).await;
    let grant = world.grant(&version).await;
    let mut batch = Batch::new();
    batch.delete::<custody::model::patient::Patient>(hex::encode(world.id));
    world.hospital.store.write(&batch).await.unwrap();
    let caller = world.caller(&ring("late stranger")).await;
    let answer = world.hospital.open_grant(&caller, grant).await;
    assert!(matches!(
        answer,
        Err(Error::Refused(Refusal::OtherRecipient))
    ));
    assert_eq!(refusals_logged(&world).await, 1);
}

/// Write a letter of the largest size.
async fn write(world: &World, from: &KeyRing, to: &KeyRing) -> custody::model::error::Result<()> {
    let at = world.hospital.deployment();
    let text = vec![7; 250 << 10];
    let reader = (to.address(), &to.sealing_public());
    let letter = client::person::letters::write(
        from,
        at,
        reader,
        LetterKind::Advice,
        None,
        &text,
        Vec::new(),
    );
    let caller = world.caller(from).await;
    world.hospital.send_letter(&caller, letter?).await?;
    world.now.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

#[tokio::test]
async fn a_mailbox_comes_in_pieces_and_a_writer_has_only_so_much_a_day() {
    let world = World::new().await;
    world
        .now
        .fetch_add(86_400 - 1_800_000_000 % 86_400, Ordering::SeqCst);
    let mut sent = 0;
    let end = loop {
        match write(&world, &world.doctor, &world.patient).await {
            Ok(()) => sent += 1,
            Err(end) => break end,
        }
    };
    assert!(matches!(end, Error::TooOften(_)), "{end}");
    assert!((30..=33).contains(&sent), "16 MiB in two mailboxes: {sent}");
    for _ in 0..10 {
        write(&world, &world.patient, &world.doctor).await.unwrap();
    }
    let patient = world.patient.address();
    let first = world.hospital.letters(patient, None, 0).await.unwrap();
    let bytes: u64 = first.iter().map(|l| l.size).sum();
    assert!(first.len() < sent + 10, "not all at once");
    assert!((8 << 20..9 << 20).contains(&bytes), "{bytes} bytes");
    let since = first.last().unwrap().at;
    let rest = world.hospital.letters(patient, None, since).await.unwrap();
    assert_eq!(rest[0], *first.last().unwrap(), "from that time on");
    assert_eq!(first.len() + rest.len() - 1, sent + 10);
}

/// Takes a while, and counts.
#[derive(Default)]
struct Slow(AtomicU64);

#[async_trait]
impl Postman for Slow {
    async fn send(&self, _: &Mail) -> Result<(), Undelivered> {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn two_processes_send_a_mail_once() {
    let world = World::new().await;
    let set = ProfileView {
        email: "ada@example.org".into(),
        mail: true,
        ..ProfileView::default()
    };
    let patient = world.patient.address();
    world.hospital.set_profile(patient, set).await.unwrap();
    world.make(world.upload(), "one").await.unwrap();
    let clock = clock_of(&world.now);
    let (store, vault) = (&world.store, &world.vault);
    let second = open(
        &world.keys,
        store,
        vault,
        &world.peers,
        &world.chain,
        &clock,
    )
    .await;
    let waiting = Query::of(Kind::Mail);
    let queued = world
        .hospital
        .store
        .readable::<Mail>(waiting)
        .await
        .unwrap();
    assert_eq!(queued.len(), 1);
    let postman = Arc::new(Slow::default());
    let mails = || Mails {
        postman: Some(postman.clone()),
        keep: false,
    };
    let (first, other) = (Runner::new(mails()), Runner::new(mails()));
    let sent = tokio::join!(first.round(&world.hospital), other.round(&second),);
    assert_eq!(postman.0.load(Ordering::SeqCst), 1);
    assert_eq!(sent.0.unwrap().moved + sent.1.unwrap().moved, 1);
    assert!(world.hospital.mails().await.unwrap().is_empty());
}
