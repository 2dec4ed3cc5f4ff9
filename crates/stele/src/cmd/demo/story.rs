//! The story: a hospital takes a radiograph, three hospitals keep it, the patient decides.

mod reading;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use api::acts::Progress;
use api::readings::ReadingView;
use api::records::VersionView;
use client::session::{Client, Session};
use client::verify::{ChainWitness, verify};
use clinical::{PatientDemographics, Sex};
use custody::model::keys::KeyRing;
use custody::model::upload::{DOCUMENT, IMAGE};
use record::grant::{NewGrant, NewRequest};
use record::{Purpose, Recipient, Role};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::Running;
use super::teller::{Done, Teller};
use crate::cmd::person::refused;
use crate::cmd::{Failure, key};
use crate::stage;
use crate::stage::{Chain, Hospital};

/// How long an act may take to be included.
const SETTLE: Duration = Duration::from_secs(60);
const WEEK: u64 = 7 * 24 * 3600;
const HOSPITALS: [&str; 3] = ["Asklepieion", "Kos General", "Pergamon Clinic"];

/// The radiograph and whom it shows.
pub(super) struct Xray {
    path: PathBuf,
    bytes: Vec<u8>,
    patient: PatientDemographics,
}

/// What a stranger's program can check.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Artifacts {
    /// The proof bundle.
    proof: PathBuf,
    /// The image as it lies in the block stores.
    sealed: PathBuf,
    /// Its part key, hex. Shown because this is a demonstration.
    key: PathBuf,
    /// SHA-256 of the image as it was uploaded.
    plain_sha256: String,
}

/// The people of the story.
pub(super) struct Cast {
    registrar: Arc<KeyRing>,
    doctor: Arc<KeyRing>,
    technician: Arc<KeyRing>,
    specialist: Arc<KeyRing>,
    auditor: Arc<KeyRing>,
    patient: Arc<KeyRing>,
    neighbour: Arc<KeyRing>,
    commitment: B256,
}

impl Xray {
    /// Read a radiograph; without a path the real one that `make demo` fetched.
    pub(super) fn load(path: Option<&Path>) -> Result<Self, Failure> {
        let path = path.map_or_else(default_xray, Path::to_owned);
        let bytes = std::fs::read(&path).map_err(|error| {
            Failure::usage(format!(
                "cannot read the radiograph {}: {error}",
                path.display()
            ))
            .hint("give one with --xray FILE, or run `make demo`, which fetches one")
        })?;
        let mut patient = PatientDemographics {
            id: "S-1001".into(),
            id_system: "urn:stele:demo".into(),
            family: "Papadaki".into(),
            given: vec!["Maria".into()],
            birth_date: "1968-04-11".into(),
            sex: Sex::Female,
        };
        if clinical::dicom::is_dicom(&bytes) {
            let summary = clinical::dicom::read(&bytes, &clinical::dicom::DicomLimits::default())
                .map_err(Failure::usage)?;
            identify(&mut patient, &summary.patient);
        }
        Ok(Self {
            path,
            bytes,
            patient,
        })
    }

    fn digest(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }
}

/// The patient of the story is the one of the file, so that the comparison at upload is a real one.
fn identify(patient: &mut PatientDemographics, file: &clinical::dicom::DicomPatient) {
    if !file.id.is_empty() {
        patient.id.clone_from(&file.id);
    }
    let mut names = file.name.split('^').filter(|name| !name.trim().is_empty());
    if let Some(family) = names.next() {
        family.trim().clone_into(&mut patient.family);
        patient.given = names.take(2).map(|name| name.trim().to_owned()).collect();
    }
    if let (8, Some(year), Some(month), Some(day)) = (
        file.birth_date.len(),
        file.birth_date.get(..4),
        file.birth_date.get(4..6),
        file.birth_date.get(6..8),
    ) {
        patient.birth_date = format!("{year}-{month}-{day}");
    }
    match file.sex.as_str() {
        "F" => patient.sex = Sex::Female,
        "M" => patient.sex = Sex::Male,
        "O" => patient.sex = Sex::Other,
        _ => {}
    }
}

fn default_xray() -> PathBuf {
    let folder = std::env::var_os("STELE_DICOM_DIR")
        .map_or_else(|| PathBuf::from("build/dicom"), PathBuf::from);
    folder.join("RG1_UNCR.dcm")
}

impl Cast {
    fn new() -> Self {
        let ring = || Arc::new(KeyRing::generate(&mut crate::random::os()));
        Self {
            registrar: ring(),
            doctor: ring(),
            technician: ring(),
            specialist: ring(),
            auditor: ring(),
            patient: ring(),
            neighbour: ring(),
            commitment: B256::ZERO,
        }
    }

    fn people(&self) -> [(&'static str, &Arc<KeyRing>); 7] {
        [
            ("registrar", &self.registrar),
            ("doctor", &self.doctor),
            ("technician", &self.technician),
            ("specialist", &self.specialist),
            ("auditor", &self.auditor),
            ("patient", &self.patient),
            ("neighbour", &self.neighbour),
        ]
    }

    /// Write everybody's key file, so that the commands can be tried while the demo is up.
    pub(super) fn key_files(
        &self,
        folder: &Path,
    ) -> Result<BTreeMap<&'static str, PathBuf>, Failure> {
        let passphrase = Zeroizing::new(stage::PASSPHRASE.to_owned());
        let mut files = BTreeMap::new();
        for (name, ring) in self.people() {
            let path = folder.join("people").join(format!("{name}.key"));
            key::create(&path, name, ring, &passphrase)?;
            files.insert(name, path);
        }
        Ok(files)
    }
}

async fn session(url: &str, keys: &Arc<KeyRing>) -> Result<Session, Failure> {
    Client::new(url)
        .map_err(refused)?
        .sign_in(keys.clone())
        .await
        .map_err(refused)
}

/// Wait for an act and add what it cost.
async fn settled(session: &Session, act: B256, done: Done) -> Result<Done, Failure> {
    let view = session.settle(act, SETTLE).await.map_err(refused)?;
    debug_assert!(matches!(
        view.progress,
        Progress::Included | Progress::Final
    ));
    Ok(match (view.tx, view.gas) {
        (Some(tx), Some(gas)) => done.tx(tx, gas),
        _ => done,
    })
}

/// Chain, hospitals and people, all admitted.
pub(super) async fn scene(
    teller: &mut Teller,
    running: &mut Running,
    folder: &Path,
    xray: &Xray,
) -> Result<Cast, Failure> {
    let mut cast = Cast::new();
    teller.chapter("The ground: an Ethereum node and the contracts that nobody can bend");
    let registrar = cast.registrar.address();
    let chain = teller
        .step(
            "deploy",
            "Starting the Ethereum node and deploying four contracts",
            async {
                let chain = Chain::start(&folder.join("chain"), registrar).await?;
                let note = format!(
                    "four contracts on chain {} at {}",
                    chain.deployment.chain_id,
                    chain.url()
                );
                Ok((chain, Done::new(note)))
            },
        )
        .await?;
    let mut hospitals = stage::lay_out(folder, &chain, &HOSPITALS)?;
    for hospital in &hospitals {
        // Each hospital's relayer pays for what its people sign.
        stage::fund(&chain.rpc, hospital.keys.address()).await?;
    }
    running.chain = Some(chain);
    teller
        .step("nodes", "Starting three hospitals' nodes", async {
            for hospital in &mut hospitals {
                hospital.start()?;
            }
            for hospital in &mut hospitals {
                hospital.ready().await?;
            }
            let note = "three processes, each with its own keys, block store and database";
            Ok(((), Done::new(note)))
        })
        .await?;
    running.hospitals = hospitals;
    teller.chapter("The people: who may do what stands on chain, and nothing else about them");
    admit(teller, running, &cast).await?;
    cast.commitment = enrol(teller, running, &cast, xray).await?;
    Ok(cast)
}

async fn admit(teller: &mut Teller, running: &Running, cast: &Cast) -> Result<(), Failure> {
    let hospitals = &running.hospitals;
    teller
        .step(
            "admit",
            "The registrar admits three hospitals, and they their staff",
            async {
                let registrar = session(&hospitals[0].url, &cast.registrar).await?;
                let mut done = Done::new(
                    "three hospitals, a doctor, a technician, a specialist and an auditor admitted",
                );
                for hospital in hospitals {
                    let act = registrar
                        .set_institution(hospital.keys.address(), true)
                        .await;
                    done = settled(&registrar, act.map_err(refused)?.act, done).await?;
                }
                let staff = [
                    (0, &cast.doctor, Role::Doctor, "Dr Asha Rao"),
                    (0, &cast.technician, Role::Technician, "Jon Berg"),
                    (0, &cast.auditor, Role::Auditor, "Ida Holm"),
                    (1, &cast.specialist, Role::Doctor, "Dr Leo Okafor"),
                ];
                for (hospital, person, role, name) in staff {
                    let hospital = &hospitals[hospital];
                    let office = session(&hospital.url, &hospital.keys).await?;
                    office
                        .invite(person.address(), role)
                        .await
                        .map_err(refused)?;
                    let invited = session(&hospital.url, person).await?;
                    let act = invited.accept_invitation().await.map_err(refused)?;
                    done = settled(&invited, act.act, done).await?;
                    if let Some(act) = invited.state_key(name).await.map_err(refused)? {
                        done = settled(&invited, act.act, done).await?;
                    }
                }
                Ok(((), done))
            },
        )
        .await
}

async fn enrol(
    teller: &mut Teller,
    running: &Running,
    cast: &Cast,
    xray: &Xray,
) -> Result<B256, Failure> {
    let home = &running.hospitals[0];
    teller
        .step(
            "enrol",
            "The hospital enrols two patients, as salted commitments",
            async {
                let doctor = session(&home.url, &cast.doctor).await?;
                let mut done =
                    Done::new("two patients enrolled; the chain has two random-looking numbers");
                let neighbour = PatientDemographics {
                    id: "S-1002".into(),
                    family: "Doukas".into(),
                    given: vec!["Nikos".into()],
                    birth_date: "1951-09-30".into(),
                    sex: Sex::Male,
                    ..xray.patient.clone()
                };
                let mut first = B256::ZERO;
                for (keys, who) in [
                    (&cast.neighbour, neighbour),
                    (&cast.patient, xray.patient.clone()),
                ] {
                    let card = session(&home.url, keys)
                        .await?
                        .patient_card()
                        .map_err(refused)?;
                    let patient = doctor.enrol(who, card).await.map_err(refused)?;
                    done = settled(&doctor, patient.act, done).await?;
                    first = patient.patient;
                }
                Ok((first, done))
            },
        )
        .await
}

/// From the X-ray to the proof.
pub(super) async fn play(
    teller: &mut Teller,
    running: &Running,
    cast: &Cast,
    folder: &Path,
    xray: &Xray,
) -> Result<Artifacts, Failure> {
    let [home, away, _] = running.hospitals.as_slice() else {
        return Err(Failure::work("the story needs three hospitals"));
    };
    teller.chapter("The record: sealed at one hospital, kept by three, committed by the patient");
    let reading = reading::read(teller, home, cast, folder, xray).await?;
    let version = upload(teller, home, cast, xray, reading).await?;
    let (version, controller) = commit(teller, &home.url, cast, &version, xray).await?;
    teller.chapter("The consent: one part, one purpose, one week");
    let request = ask(teller, &away.url, home.keys.address(), cast).await?;
    let grant = give(teller, &home.url, cast, controller, request).await?;
    let key = read(teller, &away.url, cast, grant, xray).await?;
    take_back(teller, &home.url, &away.url, cast, grant).await?;
    teller.chapter("The proof: for anyone, with an Ethereum endpoint and nothing else");
    checkpoint(teller, &home.url, cast).await?;
    let artifacts = keep(folder, &home.url, cast, &version, controller, &key, xray).await?;
    check(teller, running, &artifacts).await?;
    Ok(artifacts)
}

async fn upload(
    teller: &mut Teller,
    home: &Hospital,
    cast: &Cast,
    xray: &Xray,
    reading: Option<ReadingView>,
) -> Result<VersionView, Failure> {
    let name = xray
        .path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let saying = format!(
        "The technician's machine compares and seals {} ({} kB); three hospitals keep it",
        name.unwrap_or_default(),
        xray.bytes.len() / 1000
    );
    teller
        .step("upload", &saying, async {
            let technician = session(&home.url, &cast.technician).await?;
            let parts = reading::parts(home, cast, xray, reading)?;
            let sealed = technician.seal_upload(cast.commitment, None, &parts).await;
            let key = format!("demo-{}", hex::encode(&cast.commitment[..8]));
            let sealed = sealed.map_err(refused)?;
            let draft = technician.upload_sealed(&sealed, &key);
            let draft = draft.await.map_err(refused)?;
            let version = technician
                .sign_upload(&draft, cast.commitment)
                .await
                .map_err(refused)?;
            let note = format!(
                "{} sealed parts and a sealed manifest held by a quorum of three hospitals",
                version.parts.len()
            );
            let done = Done::new(note)
                .cid(&version.manifest)
                .commitment(version.commitment);
            Ok((version, done))
        })
        .await
}

async fn commit(
    teller: &mut Teller,
    url: &str,
    cast: &Cast,
    version: &VersionView,
    xray: &Xray,
) -> Result<(VersionView, Address), Failure> {
    teller
        .step(
            "commit",
            "The patient opens it, checks every digest, and approves",
            async {
                let patient = session(url, &cast.patient).await?;
                let pending = patient.pending().await.map_err(refused)?;
                let mine = pending
                    .into_iter()
                    .find(|pending| pending.record == version.record)
                    .ok_or_else(|| Failure::work("the record is not in the patient's inbox"))?;
                let opened = patient.open_version(&mine).await.map_err(refused)?;
                let image = patient
                    .read_part(&mine, &opened, IMAGE)
                    .await
                    .map_err(refused)?;
                if image[..] != xray.bytes[..] {
                    return Err(Failure::work(
                        "the image that the patient opened is another one",
                    ));
                }
                reading::seen(&patient, &mine, &opened).await?;
                let approved = patient
                    .approve(&mine, &opened, "My X-ray")
                    .await
                    .map_err(refused)?;
                let controller = approved
                    .controller
                    .ok_or_else(|| Failure::work("no controller"))?;
                let act = approved
                    .act
                    .ok_or_else(|| Failure::work("the commit was not sent"))?;
                let note =
                    "one salted commitment on chain, under an address used for this record alone";
                let done = Done::new(note).commitment(approved.commitment);
                let done = settled(&patient, act, done).await?;
                Ok(((approved, controller), done))
            },
        )
        .await
}

async fn ask(teller: &mut Teller, url: &str, home: Address, cast: &Cast) -> Result<B256, Failure> {
    teller
        .step(
            "request",
            "A specialist at another hospital asks for the image, to treat",
            async {
                let specialist = session(url, &cast.specialist).await?;
                let now = node::now();
                let new = NewRequest {
                    requester: cast.specialist.address(),
                    recipient: Recipient::Person(cast.specialist.address()),
                    patient: cast.commitment,
                    commitment: None,
                    parts: vec![IMAGE.into()],
                    purpose: Purpose::Treatment,
                    reason: "Second opinion before treatment.".into(),
                    from: now,
                    until: now + WEEK,
                };
                let (request, act) = specialist.ask(home, new).await.map_err(refused)?;
                let note =
                    "the patient reads who, what, why and until when; the chain a random number";
                let done = settled(&specialist, act, Done::new(note)).await?;
                Ok((request.id, done))
            },
        )
        .await
}

async fn give(
    teller: &mut Teller,
    url: &str,
    cast: &Cast,
    controller: Address,
    request: B256,
) -> Result<B256, Failure> {
    teller
        .step(
            "grant",
            "The patient grants the image, for treatment, for a week",
            async {
                let patient = session(url, &cast.patient).await?;
                let asked = awaited(&patient, request).await?;
                let now = node::now();
                let new = NewGrant {
                    recipient: Recipient::Person(asked),
                    controller,
                    commitment: B256::ZERO,
                    parts: vec![IMAGE.into()],
                    purpose: Purpose::Treatment,
                    from: now,
                    until: now + WEEK,
                    request: Some(request),
                };
                let grant = patient.grant(new).await.map_err(refused)?;
                let act = grant
                    .act
                    .ok_or_else(|| Failure::work("the grant was not sent"))?;
                let done = Done::new("one part of the record, one person, one purpose, one week");
                let done = settled(&patient, act, done.grant(grant.grant)).await?;
                Ok((grant.grant, done))
            },
        )
        .await
}

/// The requester of a request, once the other hospital's node has brought it.
async fn awaited(patient: &Session, request: B256) -> Result<Address, Failure> {
    for _ in 0..200 {
        let requests = patient.requests().await.map_err(refused)?;
        if let Some(found) = requests.into_iter().find(|found| found.id == request) {
            return Ok(found.requester);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Failure::work(
        "the request did not reach the patient's hospital within 20 s",
    ))
}

/// The specialist reads; the hex of the part key that opened it.
async fn read(
    teller: &mut Teller,
    url: &str,
    cast: &Cast,
    grant: B256,
    xray: &Xray,
) -> Result<Zeroizing<String>, Failure> {
    teller
        .step(
            "open",
            "The specialist opens it on their own machine",
            async {
                let specialist = session(url, &cast.specialist).await?;
                let opened = opened_when_brought(&specialist, grant).await?;
                let image = specialist
                    .read_granted(grant, &opened, IMAGE)
                    .await
                    .map_err(refused)?;
                if image[..] != xray.bytes[..] {
                    return Err(Failure::work(
                        "the image that the specialist opened is another one",
                    ));
                }
                if opened.part(DOCUMENT).is_ok() {
                    return Err(Failure::work("more was disclosed than was granted"));
                }
                let key = opened.key(IMAGE).map_err(Failure::work)?;
                let key = Zeroizing::new(hex::encode(key.expose()));
                let part = opened.part(IMAGE).map_err(Failure::work)?;
                let note = "byte for byte the image; the report stays hidden, its place is proven";
                Ok((key, Done::new(note).grant(grant).cid(part.cid)))
            },
        )
        .await
}

/// Open a grant as soon as the patient's hospital has brought it to the recipient's.
async fn opened_when_brought(
    specialist: &Session,
    grant: B256,
) -> Result<client::person::open::OpenedGrant, Failure> {
    let mut last = None;
    for _ in 0..200 {
        match specialist.open(grant).await {
            Ok(opened) => return Ok(opened),
            Err(error) if error.status() == Some(404) => last = Some(error),
            Err(error) => return Err(refused(error)),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(last.map_or_else(|| Failure::work("the grant did not arrive"), refused))
}

async fn take_back(
    teller: &mut Teller,
    home: &str,
    away: &str,
    cast: &Cast,
    grant: B256,
) -> Result<(), Failure> {
    teller
        .step("revoke", "The patient takes it back", async {
            let patient = session(home, &cast.patient).await?;
            let revoked = patient.revoke(grant).await.map_err(refused)?;
            let act = revoked
                .revocation
                .ok_or_else(|| Failure::work("the revocation was not sent"))?;
            let done = Done::new("the contract says no from now on, to every node").grant(grant);
            Ok(((), settled(&patient, act, done).await?))
        })
        .await?;
    teller
        .step("refused", "The specialist tries again", async {
            let specialist = session(away, &cast.specialist).await?;
            match specialist.open(grant).await {
                Ok(_) => Err(Failure::work("a revoked grant was opened")),
                Err(error) if error.status() == Some(403) => {
                    let code = error.code().unwrap_or_default();
                    let note = format!("refused ({code}), and the refusal is in the log");
                    Ok(((), Done::new(note).grant(grant)))
                }
                Err(error) => Err(refused(error)),
            }
        })
        .await
}

async fn checkpoint(teller: &mut Teller, url: &str, cast: &Cast) -> Result<(), Failure> {
    teller
        .step(
            "checkpoint",
            "The hospital's log is anchored on chain",
            async {
                let auditor = session(url, &cast.auditor).await?;
                let anchored = auditor.anchor().await.map_err(refused)?;
                let note = format!("{} entries under one root", anchored.size);
                let mut done = Done::new(note).commitment(anchored.root);
                if let Some(act) = anchored.act {
                    done = settled(&auditor, act.act, done).await?;
                }
                Ok(((), done))
            },
        )
        .await
}

/// Write what a stranger can check.
async fn keep(
    folder: &Path,
    url: &str,
    cast: &Cast,
    version: &VersionView,
    controller: Address,
    key: &str,
    xray: &Xray,
) -> Result<Artifacts, Failure> {
    let patient = session(url, &cast.patient).await?;
    let bundle = patient
        .export(controller, &[IMAGE.to_owned()])
        .await
        .map_err(refused)?;
    let opened = patient.open_version(version).await.map_err(refused)?;
    let part = opened.manifest.part(IMAGE).map_err(Failure::work)?;
    let sealed = patient
        .sealed_of(version.record, &part.cid.to_string())
        .await
        .map_err(refused)?;
    let artifacts = Artifacts {
        proof: folder.join("record.proof"),
        sealed: folder.join("image.sealed"),
        key: folder.join("image.key"),
        plain_sha256: xray.digest(),
    };
    let files: [(&PathBuf, &[u8]); 3] = [
        (&artifacts.proof, &bundle.encode()),
        (&artifacts.sealed, &sealed),
        (&artifacts.key, key.as_bytes()),
    ];
    for (path, bytes) in files {
        std::fs::write(path, bytes)
            .map_err(|error| Failure::work(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(artifacts)
}

async fn check(
    teller: &mut Teller,
    running: &Running,
    artifacts: &Artifacts,
) -> Result<(), Failure> {
    let chain = running
        .chain
        .as_ref()
        .ok_or_else(|| Failure::work("the chain is gone"))?;
    teller
        .step(
            "verify",
            "An auditor verifies the proof from its file and the endpoint alone",
            async {
                let bytes = std::fs::read(&artifacts.proof).map_err(Failure::work)?;
                let bundle = record::ProofBundle::decode(&bytes).map_err(Failure::work)?;
                let rpc = ledger::Rpc::connect(&chain.url()).map_err(Failure::work)?;
                let reader = ledger::Chain::connect(Arc::new(rpc), chain.deployment.clone()).await;
                let witness = ChainWitness::read(reader.map_err(Failure::work)?)
                    .await
                    .map_err(Failure::work)?;
                let verdict = verify(&bundle, &witness).await.map_err(Failure::work)?;
                if let Some(failed) = verdict.findings.iter().find(|finding| !finding.holds) {
                    return Err(Failure::work(format!("does not hold: {}", failed.fact)));
                }
                let note = format!(
                    "{} facts confirmed by the chain, {} log entries included, {} part hidden",
                    verdict.findings.len(),
                    verdict.log_entries,
                    verdict.hidden
                );
                Ok(((), Done::new(note).commitment(verdict.commitment)))
            },
        )
        .await
}
