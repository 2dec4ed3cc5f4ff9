//! Documents that move by themselves: none holds up another, and none is left out.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, U256};
use api::consent::{GrantMessage, RequestMessage, RevokeMessage};
use api::links::NewLink;
use api::log::ProvenEntry;
use api::notices::MailState;
use api::peers::{ForgetPages, SpareView};
use api::people::StaffView;
use api::records::Stage;
use async_trait::async_trait;
use common::{World, now_of};
use custody::model::act::Errand;
use custody::model::appointment::Slot;
use custody::model::chain_facts::RecordFacts;
use custody::model::document::{Batch, Document, Expect, Kind, Query, Row, Write};
use custody::model::erasure::Erasure;
use custody::model::error::{Error, Result};
use custody::model::grant::Grant;
use custody::model::log_entry::Touch;
use custody::model::mail::Mail;
use custody::model::patient::Patient;
use custody::model::person::Person;
use custody::model::request::Request;
use custody::model::version::Version;
use custody::ports::peers::Peers;
use custody::ports::store::{Documents, Store};
use custody::uses::acts::carry::Acts;
use custody::uses::consent::grant::GrantDeliveries;
use custody::uses::consent::link::LinkExpiry;
use custody::uses::consent::request::RequestDeliveries;
use custody::uses::journal::copies::PageCopies;
use custody::uses::journal::foreign_log::EntryDeliveries;
use custody::uses::lifecycle::{Counts, Limits, Rounds, Runner};
use custody::uses::people::appointments::slot_expiry;
use custody::uses::people::mail::Mails;
use custody::uses::people::notices::notice_expiry;
use custody::uses::records::approve::Commits;
use custody::uses::records::erase::Erasures;
use custody::uses::records::upload::{DraftExpiry, SignedUploads};

const DEAD: Address = Address::repeat_byte(0xdd);
const ALIVE: Address = Address::repeat_byte(0xaa);

/// Nodes of which one never answers, and one refuses a grant.
#[derive(Default)]
struct Nodes {
    told: Mutex<Vec<B256>>,
    tries: AtomicUsize,
    refuses: Option<B256>,
}

impl Nodes {
    async fn hear(&self, to: Address, id: B256) -> Result<()> {
        if to == DEAD {
            self.tries.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        if self.refuses == Some(id) {
            let (institution, reason) = (to, "422".to_owned());
            return Err(Error::PeerRefuses {
                institution,
                reason,
            });
        }
        self.told.lock().unwrap().push(id);
        Ok(())
    }

    fn told(&self) -> usize {
        self.told.lock().unwrap().len()
    }
}

#[async_trait]
impl Peers for Nodes {
    async fn person(&self, _: Address) -> Result<Option<Person>> {
        Ok(None)
    }
    async fn staff(&self, _: Address) -> Result<Vec<StaffView>> {
        Ok(Vec::new())
    }
    async fn send_touch(&self, to: Address, entry: &ProvenEntry) -> Result<()> {
        self.hear(to, B256::from(U256::from(entry.leaf))).await
    }
    async fn proofs(&self, _: Address, _: &[u64]) -> Result<Vec<ProvenEntry>> {
        Ok(Vec::new())
    }
    async fn send_request(&self, to: Address, _: &RequestMessage) -> Result<()> {
        self.hear(to, B256::ZERO).await
    }
    async fn send_grant(&self, to: Address, message: &GrantMessage) -> Result<()> {
        self.hear(to, message.document().unwrap().id()).await
    }
    async fn send_revocation(&self, to: Address, message: &RevokeMessage) -> Result<()> {
        self.hear(to, message.grant).await
    }
    async fn send_erasure(&self, to: Address, _: Address) -> Result<()> {
        self.hear(to, B256::ZERO).await
    }
    async fn keep_page(&self, _: Address, _: &str, _: bytes::Bytes) -> Result<()> {
        Ok(())
    }
    async fn kept_pages(&self, _: Address) -> Result<Vec<SpareView>> {
        Ok(Vec::new())
    }
    async fn kept_page(&self, _: Address, _: &str) -> Result<bytes::Bytes> {
        Err(Error::NotFound("page"))
    }
    async fn forget_pages(&self, _: Address, _: &ForgetPages) -> Result<()> {
        Ok(())
    }
    fn all(&self) -> Vec<Address> {
        Vec::new()
    }
    fn knows(&self, _: Address) -> bool {
        false
    }
}

fn quick() -> Limits {
    Limits {
        step: Duration::from_millis(400),
        patience: Duration::from_millis(100),
        ..Limits::default()
    }
}

async fn put<D: Document>(world: &World, documents: &[D]) {
    let mut batch = Batch::new();
    for document in documents {
        batch.put(document).unwrap();
    }
    // Past the journal: a page for each would take most of the test's time.
    world.store.inner.apply(&batch).await.unwrap();
}

fn id(number: u64) -> B256 {
    B256::from(U256::from(number))
}

/// A grant of the world's patient, with what it took to give it.
async fn given(world: &World) -> Grant {
    let version = world.make(world.upload(), "given").await.unwrap();
    let version = world.approve(version.record).await;
    let grant = world.grant(&version).await;
    let held = world.store.inner.load::<Grant>(&hex::encode(grant)).await;
    held.unwrap().unwrap().document
}

fn request(number: u64, home: Address) -> Request {
    Request {
        id: id(number),
        patient: B256::ZERO,
        requester: Address::ZERO,
        message: RequestMessage {
            home,
            document: Default::default(),
            deadline: 0,
            signature: Default::default(),
        },
        received_at: 1,
        answer: None,
        owed: true,
    }
}

#[tokio::test]
async fn a_dead_node_holds_up_no_delivery_to_others() {
    let mut world = World::new().await;
    let grant = given(&world).await;
    let nodes = Arc::new(Nodes::default());
    world.restart_among(nodes.clone()).await;
    let owed = |number, to| Grant {
        id: id(number),
        owed: vec![to],
        ..grant.clone()
    };
    let mut grants: Vec<Grant> = (0..1200).map(|n| owed(n, DEAD)).collect();
    grants.push(owed(5000, ALIVE));
    put(&world, &grants).await;
    let mut requests: Vec<Request> = (0..1200).map(|n| request(n, DEAD)).collect();
    requests.push(request(5000, ALIVE));
    put(&world, &requests).await;

    let begun = Instant::now();
    let grants = Runner::with(GrantDeliveries, quick());
    let counts = grants.round(&world.hospital).await.unwrap();
    assert_eq!((counts.moved, nodes.told()), (1, 1));
    assert_eq!(counts.open(), 1200, "{counts:?}");
    let requests = Runner::with(RequestDeliveries, quick());
    let counts = requests.round(&world.hospital).await.unwrap();
    assert_eq!((counts.moved, nodes.told()), (1, 2));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(
        nodes.tries.load(Ordering::SeqCst),
        2,
        "one document of each kind tries at a time"
    );

    // While the dead node's step hangs, what comes in later goes out.
    put(&world, &[owed(6000, ALIVE)]).await;
    let counts = grants.round(&world.hospital).await.unwrap();
    assert_eq!((counts.moved, nodes.told()), (1, 3));

    // When its time is up the node is left alone for a while.
    tokio::time::sleep(quick().step).await;
    let counts = grants.round(&world.hospital).await.unwrap();
    assert_eq!(counts.moved, 0);
    assert!(counts.failed >= 1, "{counts:?}");
    assert!(nodes.tries.load(Ordering::SeqCst) <= 3);
}

#[tokio::test]
async fn a_refused_grant_holds_up_no_other_to_the_same_node() {
    let mut world = World::new().await;
    let grant = given(&world).await;
    let refuses = Some(grant.message.document().unwrap().id());
    let nodes = Arc::new(Nodes {
        refuses,
        ..Nodes::default()
    });
    world.restart_among(nodes.clone()).await;
    let mut refused = grant.clone();
    (refused.id, refused.owed) = (id(0), vec![ALIVE]);
    put(&world, &[refused]).await;
    let touch = world.store.inner.load::<Touch>(&Touch::id_of(0)).await;
    let mut touch = touch.unwrap().unwrap().document;
    touch.owed = Some(ALIVE);
    put(&world, &[touch]).await;
    let runner = Runner::with(GrantDeliveries, quick());
    for _ in 0..2 {
        let counts = runner.round(&world.hospital).await.unwrap();
        assert_eq!((counts.moved, counts.failed), (0, 1));
    }
    assert_eq!(world.round(EntryDeliveries).await.moved, 1);
}

#[tokio::test]
async fn more_than_a_thousand_documents_are_all_seen() {
    let mut world = World::new().await;
    let grant = given(&world).await;
    let nodes = Arc::new(Nodes::default());
    world.restart_among(nodes.clone()).await;
    let number_of = 1100;
    let grants: Vec<Grant> = (0..number_of)
        .map(|n| Grant {
            id: id(n),
            owed: vec![ALIVE],
            ..grant.clone()
        })
        .collect();
    put(&world, &grants).await;
    let runner = Runner::with(GrantDeliveries, Limits::default());
    let mut moved = 0;
    for _ in 0..3 {
        moved += runner.round(&world.hospital).await.unwrap().moved;
    }
    assert_eq!(moved, number_of);

    let caller = world.caller(&world.patient).await;
    let grants = world.hospital.grants(&caller);
    assert_eq!(grants.await.unwrap().len() as u64, number_of + 1);

    let patient = world.hospital.patient(world.id).await.unwrap();
    let patients: Vec<Patient> = (0..number_of)
        .map(|n| Patient {
            patient: id(n),
            ..patient.clone()
        })
        .collect();
    put(&world, &patients).await;
    assert_eq!(world.hospital.patient_count().await.unwrap(), number_of + 1);
    let everyone = Query::of(Kind::Patient);
    let all = world.store.readable::<Patient>(everyone.clone()).await;
    assert_eq!(all.unwrap().len() as u64, number_of + 1);
    let first = world
        .store
        .page::<Patient>(everyone.clone(), 1000)
        .await
        .unwrap();
    let rest = everyone.after(first.next.unwrap());
    let rest = world.store.page::<Patient>(rest, 1000).await.unwrap();
    assert_eq!((rest.documents.len(), rest.next), (101, None));

    let errands = Query::of(Kind::Errand);
    let mut first = world.store.page::<Errand>(errands, 1).await.unwrap();
    let errand = first.documents.remove(0).document;
    let before = world.hospital.all_errands().await.unwrap().len() as u64;
    let errands: Vec<_> = (0..number_of)
        .map(|n| Errand {
            id: id(n),
            ..errand.clone()
        })
        .collect();
    put(&world, &errands).await;
    let all = world.hospital.all_errands().await.unwrap().len() as u64;
    assert_eq!(all, before + number_of);
}

/// A document in front of all others of its kind that nobody can read.
async fn poison(world: &World, kind: Kind, state: &str) {
    let row = Row {
        kind,
        id: "!".to_owned(),
        owner: String::new(),
        state: state.to_owned(),
        due_at: 1,
        version: 0,
        body: vec![0xff],
    };
    let expect = Expect::Any;
    let batch = Batch(vec![Write::Put { row, expect }]);
    world.store.inner.apply(&batch).await.unwrap();
}

async fn behind_poison(world: &World, rounds: Box<dyn Rounds>, kind: Kind, state: &str) -> Counts {
    poison(world, kind, state).await;
    let counts = rounds.round(&world.hospital).await.unwrap();
    assert_eq!(counts.poisoned, 1, "{}: {counts:?}", rounds.name());
    let again = rounds.round(&world.hospital).await.unwrap();
    assert_eq!(again.poisoned, 1, "{}: {again:?}", rounds.name());
    counts
}

/// A doctor's hour that is over.
fn free_slot(doctor: Address) -> Slot {
    Slot {
        slot: id(1),
        doctor,
        from: 1,
        until: 2,
        taken: false,
    }
}

/// A mail that waits to be sent.
fn queued_mail() -> Mail {
    Mail {
        id: id(1),
        to: "ada@example.org".into(),
        subject: String::new(),
        text: String::new(),
        html: String::new(),
        created_at: 1,
        due_at: 1,
        expires_at: u64::MAX,
        attempts: 0,
        state: MailState::Queued,
    }
}

/// A patient's order to erase a record.
fn ordered_erasure(patient: B256) -> Erasure {
    Erasure {
        controller: Address::repeat_byte(0xee),
        patient,
        act: id(1),
        cids: Vec::new(),
        done: false,
        statements: Vec::new(),
        missing: Vec::new(),
        ordered_at: 1,
    }
}

/// Something of every kind that is due.
async fn something_due(world: &World) {
    let grant = given(world).await;
    let version = world
        .hospital
        .versions(world.id, None)
        .await
        .unwrap()
        .remove(0);
    let link = NewLink {
        grant: grant.id,
        email: "guest@example.org".into(),
        views: 1,
        expires_at: now_of(&world.now) + 60,
    };
    let patient = world.caller(&world.patient).await;
    world.hospital.make_link(&patient, link).await.unwrap();
    let doctor = world.caller(&world.doctor).await;
    let draft = world.hospital.draft(&doctor, "draft", world.upload());
    draft.await.unwrap();
    let with = |stage, number| Version {
        record: id(number),
        stage,
        ..version.clone()
    };
    put(world, &[with(Stage::Signed, 1), with(Stage::Committing, 2)]).await;
    let owed = Grant {
        owed: vec![ALIVE],
        ..grant
    };
    put(world, &[owed]).await;
    put(world, &[request(1, ALIVE)]).await;
    let touch = world.store.inner.load::<Touch>(&Touch::id_of(0)).await;
    let mut touch = touch.unwrap().unwrap().document;
    touch.owed = Some(ALIVE);
    put(world, &[touch]).await;
    put(world, &[free_slot(doctor.wallet)]).await;
    put(world, &[queued_mail()]).await;
    let erasure = ordered_erasure(world.id);
    world
        .chain
        .state
        .lock()
        .unwrap()
        .records
        .insert(erasure.controller, RecordFacts::Erased);
    put(world, &[erasure]).await;
    world.hospital.anchor().await.unwrap();
}

#[tokio::test]
async fn one_poisoned_document_in_front_stops_nothing() {
    let world = World::new().await;
    something_due(&world).await;
    let acts = Box::new(Runner::new(Acts::default()));
    let counts = behind_poison(&world, acts, Kind::Errand, "waiting").await;
    assert_eq!(counts.waiting, 1, "the checkpoint goes on its way");
    let mails = Mails {
        postman: None,
        keep: true,
    };
    let signed = Stage::Signed.name();
    let committing = Stage::Committing.name();
    let mut lifecycles: Vec<(Box<dyn Rounds>, Kind, &str)> = vec![
        (Box::new(Runner::new(SignedUploads)), Kind::Record, signed),
        (Box::new(Runner::new(Commits)), Kind::Record, committing),
        (Box::new(Runner::new(Erasures)), Kind::Erasure, ""),
        (Box::new(Runner::new(GrantDeliveries)), Kind::Grant, ""),
        (Box::new(Runner::new(RequestDeliveries)), Kind::Request, ""),
        (Box::new(Runner::new(EntryDeliveries)), Kind::Touch, ""),
        (Box::new(Runner::new(mails)), Kind::Mail, ""),
    ];
    world.now.fetch_add(100 * 86_400, Ordering::SeqCst);
    lifecycles.push((Box::new(Runner::new(DraftExpiry)), Kind::Draft, ""));
    lifecycles.push((Box::new(Runner::new(LinkExpiry)), Kind::Link, ""));
    lifecycles.push((Box::new(slot_expiry()), Kind::Slot, ""));
    let [notices, _told] = notice_expiry();
    lifecycles.push((notices, Kind::Notice, ""));
    for (rounds, kind, state) in lifecycles {
        let name = rounds.name();
        let counts = behind_poison(&world, rounds, kind, state).await;
        assert!(counts.moved >= 1, "{name}: {counts:?}");
    }
    let pages = Box::new(Runner::new(PageCopies::default()));
    behind_poison(&world, pages, Kind::Journal, "").await;
}

#[tokio::test]
async fn a_document_that_was_poisoned_goes_on_once_it_is_mended() {
    let world = World::new().await;
    let slots = slot_expiry();
    poison(&world, Kind::Slot, "").await;
    assert_eq!(slots.round(&world.hospital).await.unwrap().poisoned, 1);
    let slot = Slot {
        slot: id(1),
        doctor: Address::ZERO,
        from: 1,
        until: 2,
        taken: false,
    };
    put(&world, &[slot]).await;
    let good = world
        .store
        .get(Kind::Slot, &hex::encode(id(1)))
        .await
        .unwrap()
        .unwrap();
    let row = Row {
        id: "!".to_owned(),
        ..good
    };
    let expect = Expect::Any;
    let mended = Batch(vec![Write::Put { row, expect }]);
    world.store.inner.apply(&mended).await.unwrap();
    assert_eq!(slots.round(&world.hospital).await.unwrap().poisoned, 0);
}
