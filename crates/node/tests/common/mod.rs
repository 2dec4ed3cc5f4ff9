//! Three hospitals on one chain, for tests: real HTTP on loopback, real Anvil, real SQLite and
//! block stores, all in this process.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses its share"
)]

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, keccak256};
use api::records::VersionView;
use client::session::{Client, Session};
use clinical::{PatientDemographics, Sex};
use custody::model::keys::KeyRing;
use custody::model::upload::{NewUpload, UploadFile};
use ledger::testing::{TestChain, fund};
use node::config::{Config, Limits, Peer};
use node::{Node, now};
use record::{Purpose, Recipient, Role};
use tempfile::TempDir;

/// A PNG of one pixel.
pub const PNG: &str = "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da6364f8cf500f00038601805a347d6b0000000049454e44ae426082";

pub const WAIT: Duration = Duration::from_secs(60);

/// Keys from a name: the same for the same name.
pub fn ring(name: &str) -> Arc<KeyRing> {
    let mut bytes = keccak256(name).to_vec();
    bytes.push(1);
    bytes.extend_from_slice(keccak256(format!("{name} sealing")).as_slice());
    bytes.extend_from_slice(keccak256(format!("{name} root")).as_slice());
    Arc::new(KeyRing::from_bytes(&bytes).unwrap())
}

/// One hospital.
pub struct Place {
    pub keys: Arc<KeyRing>,
    pub config: Config,
    pub dir: TempDir,
    pub node: Option<Node>,
}

impl Place {
    pub fn url(&self) -> &str {
        &self.config.public_url
    }

    pub fn address(&self) -> Address {
        self.keys.address()
    }

    pub fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    pub fn client(&self) -> Client {
        Client::new(self.url()).unwrap()
    }

    pub async fn start(&mut self) {
        self.node = Some(
            Node::start(self.config.clone(), self.keys.clone())
                .await
                .unwrap(),
        );
    }

    pub async fn stop(&mut self) {
        if let Some(node) = self.node.take() {
            node.stop().await.unwrap();
        }
    }

    pub async fn sign_in(&self, keys: &Arc<KeyRing>) -> Session {
        self.client().sign_in(keys.clone()).await.unwrap()
    }
}

/// A chain and its hospitals.
pub struct World {
    pub chain: TestChain,
    pub places: Vec<Place>,
    pub registrar: Arc<KeyRing>,
    _dir: TempDir,
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

impl World {
    /// Hospitals that listen, not admitted yet; nothing if there is no Anvil here.
    pub async fn new(test: &str, hospitals: usize) -> Option<Self> {
        Self::with(test, hospitals, |_| {}).await
    }

    /// The same with settings of the test's own.
    pub async fn with(test: &str, hospitals: usize, change: impl Fn(&mut Config)) -> Option<Self> {
        if let Ok(filter) = std::env::var("STELE_TEST_LOG") {
            node::init_logging(&filter);
        }
        let chain = TestChain::start_or_skip(test).await?;
        let dir = tempfile::tempdir().unwrap();
        let deployment = dir.path().join(ledger::FILE_NAME);
        chain.deployment.save(&deployment).unwrap();
        let addresses: Vec<SocketAddr> = (0..hospitals).map(|_| free_address()).collect();
        let keys: Vec<_> = (0..hospitals)
            .map(|i| ring(&format!("{test} hospital {i}")))
            .collect();
        let mut places = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            fund(chain.rpc.as_ref(), keys[index].address())
                .await
                .unwrap();
            let peers = (0..hospitals).filter(|i| *i != index);
            let dir = tempfile::tempdir().unwrap();
            let mut config = Config {
                name: format!("Hospital {index}"),
                listen: *address,
                public_url: format!("http://{address}"),
                data_dir: dir.path().to_owned(),
                rpc: chain.anvil.url(),
                deployment: deployment.clone(),
                peers: peers
                    .map(|i| Peer {
                        address: keys[i].address(),
                        url: format!("http://{}", addresses[i]),
                    })
                    .collect(),
                replicas: hospitals.min(3),
                quorum: hospitals.min(2),
                anchor_every_s: 0,
                challenge_every_s: 0,
                limits: Limits {
                    requests_per_minute: 100_000,
                    ..Limits::default()
                },
                ..Config::default()
            };
            change(&mut config);
            places.push(Place {
                keys: keys[index].clone(),
                config,
                dir,
                node: None,
            });
        }
        for place in &mut places {
            place.start().await;
        }
        Some(Self {
            chain,
            places,
            registrar: ring("registrar"),
            _dir: dir,
        })
    }

    /// Admit every hospital.
    pub async fn admit_hospitals(&self) {
        let registrar = self.places[0].sign_in(&self.registrar).await;
        for place in &self.places {
            let act = registrar
                .set_institution(place.address(), true)
                .await
                .unwrap();
            registrar.settle(act.act, WAIT).await.unwrap();
        }
        for place in &self.places {
            let session = place.sign_in(&place.keys).await;
            let act = session
                .state_key(&place.config.name)
                .await
                .unwrap()
                .unwrap();
            session.settle(act.act, WAIT).await.unwrap();
        }
    }

    /// Admit a person to the staff of a hospital.
    pub async fn hire(&self, at: usize, name: &str, role: Role) -> Arc<KeyRing> {
        let keys = ring(name);
        let place = &self.places[at];
        let institution = place.sign_in(&place.keys).await;
        institution.invite(keys.address(), role).await.unwrap();
        let person = place.sign_in(&keys).await;
        let act = person.accept_invitation().await.unwrap();
        person.settle(act.act, WAIT).await.unwrap();
        let act = person.state_key(name).await.unwrap().unwrap();
        person.settle(act.act, WAIT).await.unwrap();
        keys
    }

    /// Enrol a patient at a hospital; keys and commitment.
    pub async fn enrol(&self, at: usize, name: &str) -> (Arc<KeyRing>, B256) {
        let keys = ring(name);
        let place = &self.places[at];
        let patient = place.sign_in(&keys).await;
        let card = patient.patient_card().unwrap();
        let institution = place.sign_in(&place.keys).await;
        let view = institution.enrol(demographics(name), card).await.unwrap();
        institution.settle(view.act, WAIT).await.unwrap();
        assert_eq!(view.wallet, keys.address());
        (keys, view.patient)
    }
}

pub fn demographics(name: &str) -> PatientDemographics {
    PatientDemographics {
        id: format!("ID-{name}"),
        id_system: "urn:oid:1.2.3".into(),
        family: name.into(),
        given: vec!["Ada".into()],
        birth_date: "1970-02-03".into(),
        sex: Sex::Female,
    }
}

/// An upload of a picture for a patient.
pub fn picture(patient: B256) -> NewUpload {
    NewUpload {
        patient,
        title: "Radiograph of the chest".into(),
        report: "No fracture is seen.".into(),
        file: UploadFile {
            modality: "DX".into(),
            body_part: "chest".into(),
            bytes: hex::decode(PNG).unwrap().into(),
        },
        corrects: None,
    }
}

/// Upload and sign; the acknowledged version.
pub async fn upload(author: &Session, new: &NewUpload, key: &str) -> VersionView {
    let draft = author.upload(new, key).await.unwrap();
    author.sign_upload(&draft, new.patient).await.unwrap()
}

/// Approve the one version that waits; its view after the commit is on chain.
pub async fn approve(patient: &Session) -> VersionView {
    let pending = patient.pending().await.unwrap();
    assert_eq!(pending.len(), 1, "one version waits");
    let opened = patient.open_version(&pending[0]).await.unwrap();
    let approved = patient
        .approve(&pending[0], &opened, "chest")
        .await
        .unwrap();
    patient.settle(approved.act.unwrap(), WAIT).await.unwrap();
    approved
}

pub fn grant_of(
    version: &VersionView,
    recipient: Address,
    parts: &[&str],
) -> record::grant::NewGrant {
    record::grant::NewGrant {
        recipient: Recipient::Person(recipient),
        controller: version.controller.unwrap(),
        commitment: version.commitment,
        parts: parts.iter().map(|p| (*p).to_owned()).collect(),
        purpose: Purpose::Treatment,
        from: now() - 60,
        until: now() + 3600,
        request: None,
    }
}

/// Try until it is so, for what the background jobs bring about.
pub async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    for _ in 0..600 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it never came about that {what}");
}

/// The file under `root` that holds exactly these bytes.
pub fn file_with(root: &Path, content: &[u8]) -> Option<PathBuf> {
    for entry in std::fs::read_dir(root).ok()? {
        let path = entry.ok()?.path();
        if path.is_dir() {
            if let Some(found) = file_with(&path, content) {
                return Some(found);
            }
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes == content) {
            return Some(path);
        }
    }
    None
}
