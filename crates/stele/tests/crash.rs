//! Processes that die at any moment: an acknowledged record is never lost, and none is seen half.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod scene;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};
use client::session::{ClientError, Session};
use custody::model::keys::KeyRing;
use custody::model::upload::NewUpload;
use record::grant::NewGrant;
use record::{Purpose, Recipient};
use scene::{PASSPHRASE, Scene};
use sha2::{Digest as _, Sha256};

/// Moments at which something is killed.
const ROUNDS: u32 = 50;
const SETTLE: Duration = Duration::from_secs(120);

/// The people and the image of the uploads.
struct Story {
    scene: Scene,
    doctor: Arc<KeyRing>,
    patient: Arc<KeyRing>,
    commitment: B256,
    image: Vec<u8>,
    seed: u64,
}

impl Story {
    async fn begin(test: &str) -> Option<Self> {
        let scene = Scene::set(test)?;
        let (doctor, patient) = (scene.keys("doctor"), scene.keys("patient"));
        let session = scene.nodes[0].session(&patient).await;
        let card = session.patient_card().unwrap();
        let commitment = card.commitment(session.card().institution);
        let seed = std::env::var("STELE_CRASH_SEED")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| u64::from(std::process::id()));
        println!("seed {seed} (STELE_CRASH_SEED repeats it)");
        let image = std::fs::read(&scene.xray).unwrap();
        Some(Self {
            scene,
            doctor,
            patient,
            commitment,
            image,
            seed,
        })
    }

    fn new_upload(&self, title: &str) -> NewUpload {
        NewUpload {
            patient: self.commitment,
            title: title.into(),
            report: format!("Report of {title}."),
            file: client::session::file("CR", "", self.image.clone()),
            corrects: None,
        }
    }

    /// A number in 0..1 that the seed and the round decide.
    fn chance(&self, round: u32) -> f64 {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(round.to_be_bytes());
        let bytes = hash.finalize();
        f64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            / f64::from(u32::MAX)
    }

    /// Upload, sign, take into the record: the whole way, resumable at every step.
    async fn upload(&self, title: &str) -> Result<(), ClientError> {
        let home = client::Client::new(&self.scene.nodes[0].url)?;
        let doctor = home.sign_in(self.doctor.clone()).await?;
        let view = doctor.send(&self.new_upload(title), title).await?;
        let patient = home.sign_in(self.patient.clone()).await?;
        let waits = patient.pending().await?;
        if let Some(waiting) = waits.into_iter().find(|known| known.record == view.record) {
            let opened = patient.open_version(&waiting).await?;
            let approved = patient.approve(&waiting, &opened, title).await?;
            if let Some(act) = approved.act {
                patient.settle(act, SETTLE).await?;
            }
        }
        Ok(())
    }

    /// The same by the program itself, so that the client can be killed too.
    fn upload_by_program(&self, title: &str) -> std::process::Child {
        Command::new(env!("CARGO_BIN_EXE_stele"))
            .args(["record", "upload", "--node", &self.scene.nodes[0].url])
            .args(["--key", self.scene.key_file("doctor").to_str().unwrap()])
            .args(["--patient", &self.commitment.to_string()])
            .args(["--title", title, "--idempotency-key", title])
            .args([
                "--report",
                &format!("Report of {title}."),
                "--modality",
                "CR",
            ])
            .arg(&self.scene.xray)
            .env("STELE_PASSPHRASE", PASSPHRASE)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// What the patient sees waiting is whole: every part opens and is what was signed.
    async fn nothing_half_is_seen(&self) {
        let patient = self.scene.nodes[0].session(&self.patient).await;
        for view in patient.pending().await.unwrap() {
            let opened = patient.open_version(&view).await.unwrap();
            for part in opened.manifest.parts.clone() {
                patient.read_part(&view, &opened, &part.name).await.unwrap();
            }
        }
    }

    async fn whole(&self, patient: &Session, controller: Address) {
        let (_, parts) = patient.whole(controller).await.unwrap();
        let image = parts.iter().find(|(name, _)| name == "image");
        let (_, bytes) = image.unwrap_or_else(|| panic!("no image in {controller}"));
        assert_eq!(bytes[..], self.image[..]);
    }

    /// A grantee at another hospital opens the image.
    async fn granted_and_opened(&self, patient: &Session, controller: Address) {
        let specialist = self.scene.keys("specialist");
        let now = node::now();
        let new = NewGrant {
            recipient: Recipient::Person(specialist.address()),
            controller,
            commitment: B256::ZERO,
            parts: vec!["image".into()],
            purpose: Purpose::Treatment,
            from: now,
            until: now + 86_400,
            request: None,
        };
        let view = patient.grant(new).await.unwrap();
        patient.settle(view.act.unwrap(), SETTLE).await.unwrap();
        let elsewhere = self.scene.nodes[1].session(&specialist).await;
        let opened = brought(&elsewhere, view.grant).await;
        let image = elsewhere.read_granted(view.grant, &opened, "image").await;
        assert_eq!(image.unwrap()[..], self.image[..]);
    }
}

/// Open a grant as soon as the patient's hospital has brought it to the recipient's.
async fn brought(elsewhere: &Session, grant: B256) -> client::person::open::OpenedGrant {
    let start = Instant::now();
    loop {
        match elsewhere.open(grant).await {
            Ok(opened) => return opened,
            Err(error) if error.code() == Some("not_found") && start.elapsed() < SETTLE => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(error) => panic!("{grant}: {error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_at_any_moment_of_an_upload_loses_and_doubles_nothing() {
    let Some(mut story) = Story::begin("whoever_is_killed").await else {
        return;
    };
    let start = Instant::now();
    story.upload("undisturbed").await.unwrap();
    let usual = start.elapsed();
    println!("an undisturbed upload and approval takes {usual:?}");
    let mut titles = BTreeSet::from(["undisturbed".to_owned()]);
    let (mut cut, mut through) = (0, 0);
    for round in 0..ROUNDS {
        let title = format!("round {round}");
        let delay = usual.mul_f64(story.chance(round) * 1.2);
        let victim = usize::try_from(round % 4).unwrap();
        let survived = match victim {
            3 => client_killed(&story, &title, delay).await,
            node => node_killed(&mut story, node, &title, delay).await,
        };
        if survived {
            through += 1
        } else {
            cut += 1
        }
        story.nothing_half_is_seen().await;
        story.upload(&title).await.unwrap_or_else(|error| {
            panic!("round {round}, victim {victim}, after {delay:?}: {error}")
        });
        titles.insert(title);
    }
    println!("{cut} uploads were cut off, {through} went through all the same");
    assert!(cut > 0, "no kill met an upload");

    let patient = story.scene.nodes[0].session(&story.patient).await;
    let records = patient.records().await.unwrap();
    let labels: BTreeSet<String> = records.iter().map(|line| line.label.clone()).collect();
    assert_eq!(labels, titles, "each title once, and no other");
    assert_eq!(records.len(), titles.len(), "nothing was made twice");
    assert!(patient.pending().await.unwrap().is_empty());
    for line in &records {
        story.whole(&patient, line.controller).await;
    }
    for line in records.iter().step_by(10) {
        story.granted_and_opened(&patient, line.controller).await;
    }
}

/// Kill a node while somebody uploads, and start it again. Whether the upload went through.
async fn node_killed(story: &mut Story, node: usize, title: &str, delay: Duration) -> bool {
    let done = {
        let upload = story.upload(title);
        tokio::pin!(upload);
        let early = tokio::time::timeout(delay, &mut upload).await;
        // The borrow of the story ends with the future; the process is killed by its number.
        let pid = story.scene.nodes[node].pid();
        scene::kill(pid);
        match early {
            Ok(outcome) => outcome,
            Err(_) => upload.await,
        }
    };
    story.scene.nodes[node].killed();
    if node != 0 {
        // Two of three hold the record: one that dies does not keep it from being acknowledged.
        done.as_ref()
            .unwrap_or_else(|error| panic!("{title}: the others were there: {error}"));
    }
    story.scene.nodes[node].start().await;
    done.is_ok()
}

async fn client_killed(story: &Story, title: &str, delay: Duration) -> bool {
    let mut child = story.upload_by_program(title);
    tokio::time::sleep(delay).await;
    let through = child.try_wait().unwrap().is_some();
    let _ = child.kill();
    child.wait().unwrap();
    through
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_die_and_the_third_still_serves() {
    let Some(mut story) = Story::begin("two_of_three_die").await else {
        return;
    };
    story.upload("before").await.unwrap();
    let (first, second) = (1, 2);
    story.scene.nodes[first].kill();
    story.scene.nodes[second].kill();
    let patient = story.scene.nodes[0].session(&story.patient).await;
    let records = patient.records().await.unwrap();
    assert_eq!(records.len(), 1);
    story.whole(&patient, records[0].controller).await;

    // Nothing new is acknowledged without a quorum, and it says so.
    let error = story.upload("alone").await.unwrap_err();
    assert_eq!(error.code(), Some("no_quorum"), "{error}");
    story.scene.nodes[first].start().await;
    story.upload("alone").await.unwrap();
    story.scene.nodes[second].start().await;
    let records = patient.records().await.unwrap();
    assert_eq!(records.len(), 2);
    for line in &records {
        story.whole(&patient, line.controller).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_ends_soon_after_sigterm_and_loses_nothing() {
    let Some(mut story) = Story::begin("a_node_ends_soon").await else {
        return;
    };
    story.upload("before").await.unwrap();
    // An upload is under way when the node is told to end.
    let (took, outcome) = {
        let upload = story.upload("under way");
        tokio::pin!(upload);
        let _ = tokio::time::timeout(Duration::from_millis(150), &mut upload).await;
        let pid = story.scene.nodes[0].pid();
        let ending = scene::terminate(pid);
        tokio::join!(ending, upload)
    };
    println!("ended after {took:?}; the upload: {outcome:?}");
    // The promise is five seconds; a loaded machine gets some grace.
    assert!(took < Duration::from_secs(10), "{took:?}");
    story.scene.nodes[0].killed();
    story.scene.nodes[0].start().await;
    story.upload("under way").await.unwrap();
    let patient = story.scene.nodes[0].session(&story.patient).await;
    let records = patient.records().await.unwrap();
    let labels: Vec<&str> = records.iter().map(|line| line.label.as_str()).collect();
    assert_eq!(labels.len(), 2, "{labels:?}");
}

/// A small disk of its own; gone when dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// Mount one, or say why that cannot be done here.
    fn mount(at: &std::path::Path) -> Result<Self, String> {
        std::fs::create_dir_all(at).unwrap();
        let run = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"])
            .arg(at)
            .output()
            .map_err(|error| error.to_string())?;
        if !run.status.success() {
            return Err(String::from_utf8_lossy(&run.stderr).trim().to_owned());
        }
        Ok(Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_loses_nothing() {
    let test = "a_full_disk";
    let Some(mut story) = Story::begin(test).await else {
        return;
    };
    story.upload("before").await.unwrap();
    let home = &mut story.scene.nodes[0];
    let disk = home.folder.join("small");
    let _small = match SmallDisk::mount(&disk) {
        Ok(small) => small,
        Err(reason) => {
            eprintln!("SKIPPED {test}: no disk of its own can be mounted here: {reason}");
            return;
        }
    };
    home.kill();
    let copied = Command::new("cp")
        .arg("-a")
        .arg(home.folder.join("data"))
        .arg(&disk)
        .status();
    assert!(copied.unwrap().success());
    let config = home.folder.join("stele.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let (was, is) = (home.folder.join("data"), disk.join("data"));
    let moved = text.replace(was.to_str().unwrap(), is.to_str().unwrap());
    assert_ne!(moved, text);
    std::fs::write(&config, moved).unwrap();
    home.start().await;

    // Something else takes the space, all but a little.
    let filler = disk.join("filler");
    let mut size = 32 << 20;
    while size > 0 && std::fs::write(&filler, vec![1; size]).is_err() {
        size -= 128 << 10;
    }
    let file = std::fs::OpenOptions::new().write(true).open(&filler);
    file.unwrap()
        .set_len((size as u64).saturating_sub(64 << 10))
        .unwrap();
    let error = story.upload("too much").await.unwrap_err();
    assert_eq!(error.code(), Some("disk_full"), "{error}");
    assert_eq!(error.status(), Some(507), "{error}");

    std::fs::remove_file(&filler).unwrap();
    story.upload("too much").await.unwrap();
    let patient = story.scene.nodes[0].session(&story.patient).await;
    let records = patient.records().await.unwrap();
    assert_eq!(records.len(), 2);
    for line in &records {
        story.whole(&patient, line.controller).await;
    }
}
