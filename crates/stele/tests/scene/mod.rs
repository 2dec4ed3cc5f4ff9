//! A scene of real processes to play with: an Ethereum node and three hospitals' nodes, with a
//! doctor, a specialist elsewhere and patients admitted (`stele demo --scene`).

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::session::{Client, Session};
use custody::model::keys::KeyRing;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

// Only reading is needed here; the program needs the rest.
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/keystore.rs"]
mod keystore;

const STELE: &str = env!("CARGO_BIN_EXE_stele");
/// The passphrase of every key of a scene.
pub(crate) const PASSPHRASE: &str = "demo";
/// How long a loaded machine may need to start a node.
const PATIENCE: Duration = Duration::from_secs(120);

/// One hospital's node.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) folder: PathBuf,
    pid: u32,
    /// Started here, after the first one was killed.
    again: Option<Child>,
}

/// Everything; ended when dropped.
pub(crate) struct Scene {
    stage: Child,
    _folder: tempfile::TempDir,
    pub(crate) nodes: Vec<Node>,
    pub(crate) xray: PathBuf,
    report: Value,
}

/// A radiograph, or `None` with the reason printed.
pub(crate) fn xray(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("STELE_DICOM_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build/dicom"),
        PathBuf::from,
    );
    let path = folder.join("RG3_J2KI.dcm");
    if let Err(error) = ledger::anvil::find(None) {
        eprintln!("SKIPPED {test}: {error}");
        return None;
    }
    if path.is_file() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED {test}: no {} (make setup fetches it)",
        path.display()
    );
    None
}

impl Scene {
    /// Set the scene, or print why that cannot be done here.
    pub(crate) fn set(test: &str) -> Option<Self> {
        let xray = xray(test)?;
        let folder = tempfile::tempdir().unwrap();
        let mut stage = Command::new(STELE)
            .args(["demo", "--scene", "--json", "--xray"])
            .arg(&xray)
            .arg("--dir")
            .arg(folder.path().join("scene"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(stage.stdout.take().unwrap());
        let mut text = String::new();
        // The report's last line is its closing brace.
        while !text.ends_with("\n}\n") {
            assert!(out.read_line(&mut text).unwrap() > 0, "no scene: {text}");
        }
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["ok"], true, "{report:#}");
        let nodes = report["nodes"].as_array().unwrap();
        let nodes = nodes.iter().map(|node| Node::of(node, &report)).collect();
        Some(Self {
            stage,
            _folder: folder,
            nodes,
            xray,
            report,
        })
    }

    /// A person's keys.
    pub(crate) fn keys(&self, who: &str) -> Arc<KeyRing> {
        let (_, secrets) =
            keystore::open(&self.key_file(who), &PASSPHRASE.to_owned().into()).unwrap();
        Arc::new(KeyRing::from_bytes(&secrets).unwrap())
    }

    /// A person's key file.
    pub(crate) fn key_file(&self, who: &str) -> PathBuf {
        let path = self.report["people"][who].as_str();
        path.unwrap_or_else(|| panic!("nobody is called {who}: {}", self.report["people"]))
            .into()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // The stage ends what it started; a test that failed must not wait for politeness.
        signal(self.stage.id(), Signal::TERM);
        for node in &mut self.nodes {
            if let Some(mut child) = node.again.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        let _ = self.stage.wait();
    }
}

impl Node {
    fn of(node: &Value, report: &Value) -> Self {
        let text = |key: &str| node[key].as_str().unwrap().to_owned();
        let name = text("name");
        let pid = report["pids"][&name].as_u64().unwrap();
        Self {
            url: text("url"),
            folder: text("folder").into(),
            pid: u32::try_from(pid).unwrap(),
            name,
            again: None,
        }
    }

    /// The process that runs now.
    pub(crate) fn pid(&self) -> u32 {
        self.again.as_ref().map_or(self.pid, Child::id)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        kill(self.pid());
        self.killed();
    }

    /// Forget a process that was ended by its number.
    pub(crate) fn killed(&mut self) {
        if let Some(mut child) = self.again.take() {
            child.wait().unwrap();
        }
    }

    /// Start it again and wait until it is ready.
    pub(crate) async fn start(&mut self) {
        let log = std::fs::OpenOptions::new()
            .append(true)
            .open(self.folder.join("node.log"))
            .unwrap();
        let child = Command::new(STELE)
            .arg("node")
            .arg("--config")
            .arg(self.folder.join("stele.toml"))
            .arg("--key")
            .arg(self.folder.join("hospital.key"))
            .env("STELE_PASSPHRASE", PASSPHRASE)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.again = Some(child);
        let client = Client::new(&self.url).unwrap();
        let start = Instant::now();
        while client.ready().await.is_err() {
            let ended = self.again.as_mut().and_then(|c| c.try_wait().unwrap());
            assert!(ended.is_none(), "{} ended: {ended:?}", self.name);
            assert!(start.elapsed() < PATIENCE, "{} is not ready", self.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sign somebody in.
    pub(crate) async fn session(&self, keys: &Arc<KeyRing>) -> Session {
        let client = Client::new(&self.url).unwrap();
        client.sign_in(keys.clone()).await.unwrap()
    }
}

/// `kill -9`.
pub(crate) fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// `SIGTERM`; gives how long the process went on.
pub(crate) async fn terminate(pid: u32) -> Duration {
    let start = Instant::now();
    signal(pid, Signal::TERM);
    while start.elapsed() < PATIENCE && alive(pid) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    // It may have ended by itself meanwhile, which is as good.
    let _ = kill_process(pid, signal);
}

/// Whether a process runs; one that ended and was not waited for yet does not.
fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}
