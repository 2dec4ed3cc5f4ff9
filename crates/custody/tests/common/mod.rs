//! A hospital in memory: store, vault, chain and peers that can be made to fail.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses its share"
)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use acts::{Act, Deployment, SignedAct};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use api::acts::Progress;
use api::consent::{GrantMessage, RequestMessage, RevokeMessage};
use api::log::ProvenEntry;
use api::peers::{ForgetPages, SpareView};
use api::people::{NewPatient, StaffView};
use async_trait::async_trait;
use clinical::{PatientDemographics, Sex};
use custody::model::caller::Caller;
use custody::model::chain_facts::{
    Carried, GrantFacts, InstitutionFacts, KeyFacts, RecordFacts, StaffFacts,
};
use custody::model::document::{Batch, Kind, Query, Row};
use custody::model::error::{ChainError, Result, StoreError};
use custody::model::keys::KeyRing;
use custody::model::person::Person;
use custody::model::search::Term;
use custody::model::upload::{NewUpload, UploadFile};
use custody::ports::chain::Chain;
use custody::ports::clock::Clock;
use custody::ports::memory::store::MemoryStore;
use custody::ports::peers::Peers;
use custody::ports::search::{Match, Matching, SearchIndex};
use custody::ports::store::Store;
use custody::uses::acts::carry::Acts;
use custody::uses::hospital::{Hospital, Settings};
use custody::uses::journal::journaled::Journaled;
use custody::uses::lifecycle::{Counts, Lifecycle, Runner};
use custody::uses::people::key_statement::state_key;
use custody::uses::records::approve::Commits;
use custody::uses::records::erase::Erasures;
use custody::uses::replication::{ActiveInstitutions, InstitutionSigner, StoreBook, key_id};
use record::{Contracts, Role};
use vault::replicate::{Holder, LocalPeer, Peer, Policy, Quotas, Replicator};
use vault::{MemoryVault, Vault};

pub const REPORT: &str = "A hairline fracture of the left clavicle is suspected.";
pub const NAME: &str = "Quackenbush";
pub const PNG: &str = "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da6364f8cf500f00038601805a347d6b0000000049454e44ae426082";

/// Keys from a name.
pub fn ring(name: &str) -> Arc<KeyRing> {
    let mut bytes = keccak256(name).to_vec();
    bytes.push(1);
    bytes.extend_from_slice(keccak256(format!("{name} sealing")).as_slice());
    bytes.extend_from_slice(keccak256(format!("{name} root")).as_slice());
    Arc::new(KeyRing::from_bytes(&bytes).unwrap())
}

/// The contracts' state, after the rules of `contracts/src` that these tests need.
#[derive(Default)]
pub struct State {
    pub institutions: HashMap<Address, InstitutionFacts>,
    pub staff: HashMap<Address, StaffFacts>,
    pub keys: HashMap<Address, KeyFacts>,
    pub enrolled: Vec<(Address, B256)>,
    pub records: HashMap<Address, RecordFacts>,
    pub grants: HashMap<(Address, B256), (u64, bool)>,
    pub anchored: HashMap<Address, u64>,
    /// Every act that was carried.
    pub acts: Vec<SignedAct>,
    pub carried: HashMap<B256, Carried>,
    /// Transactions of people's own wallets: their call, and how far they are.
    pub sent: HashMap<B256, ((Address, Bytes), Progress)>,
}

/// A chain in memory.
pub struct MemoryChain {
    pub deployment: Deployment,
    pub state: Mutex<State>,
    pub silent: AtomicBool,
    pub base_fee: AtomicU64,
    /// How often it was asked what a person is.
    pub asked_of_staff: AtomicU64,
    pub now: Arc<AtomicU64>,
}

impl MemoryChain {
    pub fn new(now: Arc<AtomicU64>) -> Self {
        let address = Address::repeat_byte;
        let contracts = Contracts {
            registry: address(1),
            records: address(2),
            consents: address(3),
            log: address(4),
        };
        let deployment = Deployment {
            chain_id: 31337,
            contracts,
        };
        let (state, silent) = (Mutex::default(), AtomicBool::new(false));
        Self {
            deployment,
            state,
            silent,
            base_fee: AtomicU64::new(1_000_000_000),
            asked_of_staff: AtomicU64::new(0),
            now,
        }
    }

    fn ask<T>(&self, read: impl FnOnce(&mut State) -> T) -> Result<T, ChainError> {
        if self.silent.load(Ordering::SeqCst) {
            return Err(ChainError::Silent("the test silenced it".into()));
        }
        Ok(read(&mut self.state.lock().unwrap()))
    }

    /// Do what an act does, or say why the contract would not.
    pub fn carry(&self, signed: &SignedAct) -> Result<(), ChainError> {
        let refuse = |why: &str| Err(ChainError::Refused(why.to_owned()));
        let now = self.now.load(Ordering::SeqCst);
        let mut state = self.state.lock().unwrap();
        match signed.act {
            Act::EnrolPatient {
                institution,
                patient,
                ..
            } => {
                state.enrolled.push((institution, patient));
            }
            Act::PublishKey {
                wallet,
                digest,
                version,
                ..
            } => {
                state.keys.insert(wallet, KeyFacts { digest, version });
            }
            Act::Commit {
                controller,
                version,
                previous,
                commitment,
                ..
            } => {
                let standing = state.records.get(&controller).copied();
                let fits = match standing.unwrap_or(RecordFacts::None) {
                    RecordFacts::None => version == 1 && previous.is_zero(),
                    RecordFacts::At {
                        version: v,
                        commitment: c,
                    } => version == v + 1 && previous == c,
                    RecordFacts::Erased => false,
                };
                if !fits {
                    return refuse("StalePrevious");
                }
                state.records.insert(
                    controller,
                    RecordFacts::At {
                        version,
                        commitment,
                    },
                );
            }
            Act::Erase { controller, .. } => {
                state.records.insert(controller, RecordFacts::Erased);
            }
            Act::Grant {
                controller,
                id,
                expiry,
            } => {
                if state.grants.contains_key(&(controller, id)) {
                    return refuse("AlreadyUsed");
                }
                if expiry < now {
                    return refuse("ExpiryPassed");
                }
                state.grants.insert((controller, id), (expiry, false));
            }
            Act::Revoke { controller, id } => {
                state.grants.entry((controller, id)).or_default().1 = true;
            }
            Act::Checkpoint {
                institution, size, ..
            } => {
                state.anchored.insert(institution, size);
            }
            _ => {}
        }
        state.acts.push(signed.clone());
        Ok(())
    }
}

#[async_trait]
impl Chain for MemoryChain {
    fn deployment(&self) -> &Deployment {
        &self.deployment
    }
    async fn registrar(&self) -> Result<Address, ChainError> {
        self.ask(|_| Address::repeat_byte(9))
    }
    async fn institution(&self, a: Address) -> Result<InstitutionFacts, ChainError> {
        self.ask(|s| s.institutions.get(&a).copied().unwrap_or_default())
    }
    async fn staff(&self, a: Address) -> Result<Option<StaffFacts>, ChainError> {
        self.asked_of_staff.fetch_add(1, Ordering::SeqCst);
        self.ask(|s| s.staff.get(&a).copied())
    }
    async fn key(&self, a: Address) -> Result<KeyFacts, ChainError> {
        self.ask(|s| s.keys.get(&a).copied().unwrap_or_default())
    }
    async fn enrolled(&self, i: Address, p: B256) -> Result<bool, ChainError> {
        self.ask(|s| s.enrolled.contains(&(i, p)))
    }
    async fn record(&self, c: Address) -> Result<RecordFacts, ChainError> {
        self.ask(|s| s.records.get(&c).copied().unwrap_or(RecordFacts::None))
    }
    async fn grant(&self, c: Address, id: B256) -> Result<GrantFacts, ChainError> {
        let now = self.now.load(Ordering::SeqCst);
        self.ask(|s| {
            let (expiry, revoked) = s.grants.get(&(c, id)).copied().unwrap_or_default();
            GrantFacts {
                expiry,
                revoked,
                live: !revoked && expiry != 0 && now <= expiry,
            }
        })
    }
    async fn anchored(&self, i: Address) -> Result<u64, ChainError> {
        self.ask(|s| s.anchored.get(&i).copied().unwrap_or(0))
    }
    async fn wallet_says_yes(&self, _: Address, _: B256, _: &Bytes) -> Result<bool, ChainError> {
        self.ask(|_| false)
    }
    async fn base_fee(&self) -> Result<u128, ChainError> {
        let fee = self.base_fee.load(Ordering::SeqCst);
        self.ask(|_| u128::from(fee))
    }
    async fn estimate(&self, _: &SignedAct) -> Result<u64, ChainError> {
        self.ask(|_| 90_000)
    }
    async fn call_in(&self, tx: B256) -> Result<Option<(Address, Bytes)>, ChainError> {
        self.ask(|s| s.sent.get(&tx).map(|(call, _)| call.clone()))
    }
    async fn follow(&self, tx: B256) -> Result<Carried, ChainError> {
        let progress = self.ask(|s| s.sent.get(&tx).map(|(_, progress)| *progress))?;
        Ok(Carried {
            progress: progress.unwrap_or(Progress::Pending),
            tx: Some(tx),
            gas: Some(2),
            block: Some(3),
            error: None,
        })
    }
    async fn check(&self, _: &SignedAct) -> Result<(), ChainError> {
        self.ask(|_| ())
    }
    async fn submit(&self, id: B256, act: &SignedAct) -> Result<(), ChainError> {
        self.ask(|_| ())?;
        if self.state.lock().unwrap().carried.contains_key(&id) {
            return Ok(());
        }
        self.carry(act)?;
        let carried = Carried {
            progress: Progress::Final,
            tx: Some(id),
            gas: Some(1),
            block: Some(1),
            error: None,
        };
        self.state.lock().unwrap().carried.insert(id, carried);
        Ok(())
    }
    async fn carried(&self, id: B256) -> Result<Option<Carried>, ChainError> {
        self.ask(|s| s.carried.get(&id).cloned())
    }
}

/// A store that fails when told: at once, or after so many writes.
pub struct FaultyStore {
    pub inner: MemoryStore,
    pub broken: AtomicBool,
    /// Writes left before it fails once; negative never.
    pub fuse: AtomicI64,
}

impl FaultyStore {
    pub fn new() -> Self {
        let (broken, fuse) = (AtomicBool::new(false), AtomicI64::new(-1));
        Self {
            inner: MemoryStore::new(),
            broken,
            fuse,
        }
    }
}

#[async_trait]
impl SearchIndex for FaultyStore {
    async fn matching(&self, matching: &Matching) -> Result<Vec<Match>, StoreError> {
        self.inner.matching(matching).await
    }
    async fn occurrences(&self, kind: Kind, term: &Term, cap: u32) -> Result<u64, StoreError> {
        self.inner.occurrences(kind, term, cap).await
    }
    async fn words_like(&self, kind: Kind, variants: &[String]) -> Result<Vec<String>, StoreError> {
        self.inner.words_like(kind, variants).await
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Row>, StoreError> {
        self.inner.get(kind, id).await
    }
    async fn list(&self, query: &Query, limit: u32) -> Result<Vec<Row>, StoreError> {
        self.inner.list(query, limit).await
    }
    async fn count(&self, query: &Query) -> Result<u64, StoreError> {
        self.inner.count(query).await
    }
    async fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        let left = self.fuse.load(Ordering::SeqCst);
        if left >= 0 {
            self.fuse.store(left - 1, Ordering::SeqCst);
        }
        if left == 0 || self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("database or disk is full".into()));
        }
        self.inner.apply(batch).await
    }
}

/// Other hospitals' nodes as far as messages go: nobody.
pub struct Alone;

#[async_trait]
impl Peers for Alone {
    async fn person(&self, _: Address) -> Result<Option<Person>> {
        Ok(None)
    }
    async fn staff(&self, _: Address) -> Result<Vec<StaffView>> {
        Ok(Vec::new())
    }
    async fn send_touch(&self, _: Address, _: &ProvenEntry) -> Result<()> {
        Ok(())
    }
    async fn proofs(&self, _: Address, _: &[u64]) -> Result<Vec<ProvenEntry>> {
        Ok(Vec::new())
    }
    async fn send_request(&self, _: Address, _: &RequestMessage) -> Result<()> {
        Ok(())
    }
    async fn send_grant(&self, _: Address, _: &GrantMessage) -> Result<()> {
        Ok(())
    }
    async fn send_revocation(&self, _: Address, _: &RevokeMessage) -> Result<()> {
        Ok(())
    }
    async fn send_erasure(&self, _: Address, _: Address) -> Result<()> {
        Ok(())
    }
    async fn keep_page(&self, _: Address, _: &str, _: bytes::Bytes) -> Result<()> {
        Ok(())
    }
    async fn kept_pages(&self, _: Address) -> Result<Vec<SpareView>> {
        Ok(Vec::new())
    }
    async fn kept_page(&self, _: Address, _: &str) -> Result<bytes::Bytes> {
        Err(custody::model::error::Error::NotFound("page"))
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

/// Make an institution active.
fn activate(chain: &MemoryChain, institution: &KeyRing) {
    let facts = InstitutionFacts {
        active: true,
        nonce: 1,
    };
    chain
        .state
        .lock()
        .unwrap()
        .institutions
        .insert(institution.address(), facts);
}

/// Another institution, which keeps a hospital's copies in its vault.
fn keeper(
    other: &KeyRing,
    hospital: &KeyRing,
    vault: &Arc<dyn Vault>,
    clock: &Clock,
) -> Arc<dyn Peer> {
    let signer = Arc::new(InstitutionSigner::new(other).unwrap());
    let book = Arc::new(vault::replicate::MemoryBook::default());
    let quotas = Quotas::new([(key_id(&hospital.address()), 1 << 30)]);
    let holder = Holder::new(vault.clone(), signer, book, clock.clone());
    let holder = holder.with_quotas(quotas);
    let peer = LocalPeer::new(Arc::new(holder), key_id(&hospital.address()));
    Arc::new(peer)
}

/// Make a person a doctor of an institution, whose key is published at the hospital.
async fn employ(hospital: &Hospital, chain: &MemoryChain, person: &KeyRing, institution: Address) {
    let (role, active, nonce) = (Some(Role::Doctor), true, 1);
    let facts = StaffFacts {
        institution,
        role,
        active,
        nonce,
    };
    chain
        .state
        .lock()
        .unwrap()
        .staff
        .insert(person.address(), facts);
    let now = now_of(&chain.now);
    let stated = state_key(person, &chain.deployment, "A. Doctor", now, None);
    hospital
        .publish_key(person.address(), stated.unwrap())
        .await
        .unwrap();
}

/// A hospital with two others that keep its copies.
pub struct World {
    pub keys: Arc<KeyRing>,
    pub hospital: Arc<Hospital>,
    pub chain: Arc<MemoryChain>,
    pub store: Arc<FaultyStore>,
    pub vault: Arc<dyn Vault>,
    pub replicas: Vec<Arc<dyn Vault>>,
    pub peers: Vec<Arc<dyn Peer>>,
    pub now: Arc<AtomicU64>,
    pub doctor: Arc<KeyRing>,
    pub specialist: Arc<KeyRing>,
    pub patient: Arc<KeyRing>,
    pub id: B256,
}

impl World {
    pub async fn new() -> Self {
        let now = Arc::new(AtomicU64::new(1_800_000_000));
        let chain = Arc::new(MemoryChain::new(now.clone()));
        let keys = ring("hospital");
        let others = [ring("second"), ring("third")];
        for institution in others.iter().chain([&keys]) {
            activate(&chain, institution);
        }
        let clock = clock_of(&now);
        let mut replicas: Vec<Arc<dyn Vault>> = Vec::new();
        let mut peers: Vec<Arc<dyn Peer>> = Vec::new();
        for other in &others {
            let vault: Arc<dyn Vault> = Arc::new(MemoryVault::new());
            peers.push(keeper(other, &keys, &vault, &clock));
            replicas.push(vault);
        }
        let store = Arc::new(FaultyStore::new());
        let vault: Arc<dyn Vault> = Arc::new(MemoryVault::new());
        let hospital = open(&keys, &store, &vault, &peers, &chain, &clock).await;
        let (doctor, specialist, patient) = (ring("doctor"), ring("specialist"), ring("patient"));
        employ(&hospital, &chain, &doctor, keys.address()).await;
        employ(&hospital, &chain, &specialist, others[0].address()).await;
        let card = client::person::enrolment::patient_card(
            &patient,
            &chain.deployment,
            keys.address(),
            now_of(&now),
        );
        let new = NewPatient {
            demographics: demographics(),
            card: card.unwrap(),
        };
        let id = hospital
            .enrol(doctor.address(), new)
            .await
            .unwrap()
            .document
            .patient;
        let world = Self {
            keys,
            hospital,
            chain,
            store,
            vault,
            replicas,
            peers,
            now,
            doctor,
            specialist,
            patient,
            id,
        };
        world.settle().await;
        world
    }

    /// The same hospital after a restart, among other hospitals' nodes.
    pub async fn restart_among(&mut self, nodes: Arc<dyn Peers>) {
        let clock = clock_of(&self.now);
        let (store, vault) = (&self.store, &self.vault);
        self.hospital = open_among(
            &self.keys,
            store,
            vault,
            &self.peers,
            &self.chain,
            &clock,
            nodes,
        )
        .await;
    }

    /// The same hospital after a restart, over the same store and vault.
    pub async fn restart(&mut self) {
        let clock = clock_of(&self.now);
        let (store, vault) = (&self.store, &self.vault);
        self.hospital = open(&self.keys, store, vault, &self.peers, &self.chain, &clock).await;
    }

    pub async fn settle(&self) {
        let acts = Runner::new(Acts::default());
        while acts.round(&self.hospital).await.unwrap().waiting > 0 {}
        self.round(Commits).await;
        self.round(Erasures).await;
    }

    /// One round of a lifecycle, by a runner that remembers no failures.
    pub async fn round(&self, lifecycle: impl Lifecycle) -> Counts {
        let runner = Runner::new(lifecycle);
        runner.round(&self.hospital).await.unwrap()
    }

    pub async fn caller(&self, keys: &KeyRing) -> Caller {
        self.hospital.caller(keys.address()).await.unwrap()
    }

    pub fn upload(&self) -> NewUpload {
        NewUpload {
            patient: self.id,
            title: "Radiograph".into(),
            report: REPORT.into(),
            file: UploadFile {
                modality: "DX".into(),
                body_part: "clavicle".into(),
                bytes: hex::decode(PNG).unwrap().into(),
            },
            corrects: None,
        }
    }

    /// Upload and sign.
    pub async fn make(
        &self,
        new: NewUpload,
        key: &str,
    ) -> Result<custody::model::version::Version> {
        let doctor = self.caller(&self.doctor).await;
        let draft = self.hospital.draft(&doctor, key, new).await;
        let record = custody::model::version::record_id(self.keys.address(), doctor.wallet, key);
        let signature = match draft {
            Ok(draft) => client::person::upload::sign_draft(
                &self.doctor,
                self.hospital.deployment(),
                &draft,
                self.id,
            )?,
            // Signed before: the signature is not needed again.
            Err(custody::model::error::Error::State { what: "upload", .. }) => Bytes::new(),
            Err(other) => return Err(other),
        };
        self.hospital
            .sign_upload(doctor.wallet, record, signature)
            .await
    }

    /// All sealed bytes of a blob, as a client would fetch them.
    pub async fn sealed(&self, cid: &vault::Cid) -> Vec<u8> {
        vault::collect(self.vault.get_file(cid), 1 << 28)
            .await
            .unwrap()
    }

    pub async fn index(&self) -> (record::PatientIndex, Option<record::SealedIndex>) {
        let page = self.hospital.index(self.patient.address()).await.unwrap();
        let Some(page) = page else {
            return Default::default();
        };
        let sealed = record::SealedIndex::decode(&page.sealed).unwrap();
        let at = self.hospital.deployment();
        (
            client::person::approval::open_index(&self.patient, at, &sealed).unwrap(),
            Some(sealed),
        )
    }

    /// Open, check and approve what waits; the committed version.
    pub async fn approve(&self, record: B256) -> custody::model::version::Version {
        let at = *self.hospital.deployment();
        let versions = self.hospital.versions(self.id, None).await.unwrap();
        let view = versions
            .iter()
            .find(|v| v.record == record)
            .unwrap()
            .to_patient();
        let secrets = client::person::approval::open_envelope(&self.patient, &at, &view).unwrap();
        let sealed = self.sealed(&secrets.manifest).await;
        let opened = client::person::approval::open_version(&at, secrets, &sealed, &view).unwrap();
        let (mut index, before) = self.index().await;
        let now = now_of(&self.now);
        let approval = client::person::approval::approve(
            &self.patient,
            &at,
            &opened,
            &mut index,
            before.as_ref(),
            "",
            now,
            now + 600,
        )
        .unwrap();
        self.hospital
            .approve(self.id, record, approval)
            .await
            .unwrap();
        self.settle().await;
        let versions = self.hospital.versions(self.id, None).await.unwrap();
        versions.into_iter().find(|v| v.record == record).unwrap()
    }

    /// Grant the image of a version to the specialist for an hour.
    pub async fn grant(&self, version: &custody::model::version::Version) -> B256 {
        let at = *self.hospital.deployment();
        let view = version.to_patient();
        let secrets = client::person::approval::open_envelope(&self.patient, &at, &view).unwrap();
        let sealed = self.sealed(&secrets.manifest).await;
        let opened = client::person::approval::open_version(&at, secrets, &sealed, &view).unwrap();
        let (index, _) = self.index().await;
        let entry = index.by_controller(&version.controller.unwrap()).unwrap();
        let shared = client::person::grant::Shared {
            index: entry.index,
            secrets: &opened.secrets,
            manifest: &opened.manifest,
        };
        let now = now_of(&self.now);
        let new = record::grant::NewGrant {
            recipient: record::Recipient::Person(self.specialist.address()),
            controller: entry.controller,
            commitment: opened.commitment,
            parts: vec!["image".into()],
            purpose: record::Purpose::Treatment,
            from: now,
            until: now + 3600,
            request: None,
        };
        let to = [(self.specialist.address(), self.specialist.sealing_public())];
        let home = self.keys.address();
        let (document, message) =
            client::person::grant::give(&self.patient, &at, &shared, new, &to, home).unwrap();
        let caller = self.caller(&self.patient).await;
        let submission = api::consent::GrantSubmission {
            message,
            index: None,
            wish: Default::default(),
        };
        self.hospital.give(&caller, submission).await.unwrap();
        self.settle().await;
        document.id()
    }
}

pub fn clock_of(now: &Arc<AtomicU64>) -> Clock {
    let now = now.clone();
    Arc::new(move || now.load(Ordering::SeqCst))
}

pub fn now_of(now: &Arc<AtomicU64>) -> u64 {
    now.load(Ordering::SeqCst)
}

pub async fn open(
    keys: &Arc<KeyRing>,
    store: &Arc<FaultyStore>,
    vault: &Arc<dyn Vault>,
    peers: &[Arc<dyn Peer>],
    chain: &Arc<MemoryChain>,
    clock: &Clock,
) -> Arc<Hospital> {
    open_among(keys, store, vault, peers, chain, clock, Arc::new(Alone)).await
}

/// The same among other hospitals' nodes.
pub async fn open_among(
    keys: &Arc<KeyRing>,
    store: &Arc<FaultyStore>,
    vault: &Arc<dyn Vault>,
    peers: &[Arc<dyn Peer>],
    chain: &Arc<MemoryChain>,
    clock: &Clock,
    nodes: Arc<dyn Peers>,
) -> Arc<Hospital> {
    let key = seal::PartKey::from_bytes(&seal::derive::subkey(keys.root(), "journal"));
    let journal = Journaled::new(store.clone(), vault.clone(), key, clock.clone());
    let journal = Arc::new(journal);
    let signer = Arc::new(InstitutionSigner::new(keys).unwrap());
    let book = Arc::new(StoreBook::new(journal.clone()));
    let holder = Arc::new(Holder::new(vault.clone(), signer, book, clock.clone()));
    let verifier = Arc::new(ActiveInstitutions::new(chain.clone()));
    let policy = Policy {
        copies: 3,
        quorum: 2,
    };
    let replicator = Replicator::new(holder, peers.to_vec(), policy, verifier);
    let settings = Settings {
        name: "Hospital".into(),
        draft_ttl: 3600,
        upload_bytes: 1 << 24,
        page_copies: 0,
        url: "https://hospital.example".into(),
    };
    let hospital = Hospital::open(
        keys.clone(),
        journal,
        vault.clone(),
        replicator,
        chain.clone(),
        nodes,
        clock.clone(),
        settings,
    );
    Arc::new(hospital.await.unwrap())
}

pub fn demographics() -> PatientDemographics {
    PatientDemographics {
        id: "MRN-77".into(),
        id_system: "urn:oid:1.2.3".into(),
        family: NAME.into(),
        given: vec!["Ada".into()],
        birth_date: "1970-02-03".into(),
        sex: Sex::Female,
    }
}
