//! A whole system of real processes on this machine: an Ethereum node with its state on disk and
//! three hospitals' nodes, each with its own keys, block store and database.
//!
//! The demo runs its story on it, and `stele demo --serve FILE` leaves it to a test to play with.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, U256};
use client::session::Client;
use custody::model::keys::KeyRing;
use ledger::anvil::{Anvil, Options};
use ledger::{Deployment, Endpoint as _, FeePolicy, Rpc};
use node::config::{Config, MailConfig, Peer};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use crate::beat;
use crate::beat::Beat;
use crate::cmd::{Failure, key};

/// The passphrase of every key of a stage. Public on purpose: a stage holds nothing real.
pub(crate) const PASSPHRASE: &str = "demo";
/// How long a node may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// An Ethereum node with the contracts on it.
pub(crate) struct Chain {
    anvil: Anvil,
    _beat: Beat,
    /// Where the contracts are.
    pub(crate) deployment: Deployment,
    /// The endpoint.
    pub(crate) rpc: Rpc,
}

/// One hospital's node, a process of its own.
pub(crate) struct Hospital {
    /// Its name.
    pub(crate) name: String,
    /// Its keys; in the story they are its administrator's.
    pub(crate) keys: Arc<KeyRing>,
    /// Where it listens.
    pub(crate) url: String,
    folder: PathBuf,
    process: Option<Child>,
}

impl Chain {
    /// Start the Ethereum node and deploy the contracts for a registrar.
    pub(crate) async fn start(folder: &Path, registrar: Address) -> Result<Self, Failure> {
        make(folder)?;
        let options = Options {
            chain_id: 31_337,
            state: Some(folder.join("state.json")),
            state_interval: 1,
            extra: beat::OPTIONS.map(str::to_owned).to_vec(),
            ..Options::default()
        };
        let anvil = Anvil::start(&options).map_err(Failure::work)?;
        let rpc = Rpc::connect(&anvil.url()).map_err(Failure::work)?;
        // A key for this stage alone pays for the deployment.
        let payer = KeyRing::generate(&mut crate::random::os());
        fund(&rpc, payer.address()).await?;
        let deployment = ledger::deploy(&rpc, payer.wallet(), registrar, &FeePolicy::default())
            .await
            .map_err(Failure::work)?;
        deployment
            .save(&folder.join(ledger::FILE_NAME))
            .map_err(Failure::work)?;
        Ok(Self {
            _beat: Beat::start(Rpc::connect(&anvil.url()).map_err(Failure::work)?),
            anvil,
            deployment,
            rpc,
        })
    }

    /// Its JSON-RPC address.
    pub(crate) fn url(&self) -> String {
        self.anvil.url()
    }

    /// Process id, for tests that kill it.
    pub(crate) fn pid(&self) -> u32 {
        self.anvil.id()
    }

    /// Stop it so that its state is written.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        self.anvil.stop().map_err(Failure::work)
    }
}

/// Give an address ether on a test chain.
pub(crate) async fn fund(rpc: &Rpc, address: Address) -> Result<(), Failure> {
    let ether = U256::from(1_000_000_000_000_000_000_000_u128);
    let arguments = serde_json::json!([address, format!("{ether:#x}")]);
    rpc.other("anvil_setBalance", arguments)
        .await
        .map_err(Failure::work)?;
    Ok(())
}

/// Write the configurations of hospitals that know each other, each in its own folder.
pub(crate) fn lay_out(
    folder: &Path,
    chain: &Chain,
    names: &[&str],
) -> Result<Vec<Hospital>, Failure> {
    let ports = ports(names.len())?;
    let mut hospitals = Vec::new();
    for (name, port) in names.iter().zip(ports) {
        let keys = Arc::new(KeyRing::generate(&mut crate::random::os()));
        let slug: String = name
            .to_lowercase()
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '-' })
            .collect();
        let folder = folder.join(slug);
        make(&folder)?;
        let passphrase = Zeroizing::new(PASSPHRASE.to_owned());
        key::create(&folder.join("hospital.key"), name, &keys, &passphrase)?;
        let url = format!("http://127.0.0.1:{port}");
        hospitals.push(Hospital {
            name: (*name).to_owned(),
            keys,
            url,
            folder,
            process: None,
        });
    }
    for (at, hospital) in hospitals.iter().enumerate() {
        let peers = hospitals
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .map(|(_, other)| Peer {
                address: other.keys.address(),
                url: other.url.clone(),
            })
            .collect();
        let listen = hospital.url["http://".len()..]
            .parse::<SocketAddr>()
            .map_err(Failure::work)?;
        let config = Config {
            name: hospital.name.clone(),
            listen,
            public_url: hospital.url.clone(),
            data_dir: hospital.folder.join("data"),
            rpc: chain.url(),
            deployment: folder.join("chain").join(ledger::FILE_NAME),
            peers,
            replicas: names.len(),
            quorum: names.len().div_ceil(2).max(1),
            // One block makes a transaction final on a chain that makes blocks on demand.
            final_blocks: 1,
            // Nobody's mail is real here: it can be read in the app.
            mail: MailConfig {
                demo_inbox: true,
                ..MailConfig::default()
            },
            ..Config::default()
        };
        let text = config.to_toml().map_err(Failure::work)?;
        let path = hospital.folder.join("stele.toml");
        std::fs::write(&path, text)
            .map_err(|error| Failure::work(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(hospitals)
}

impl Hospital {
    /// Start its process; [`Hospital::ready`] waits for it.
    pub(crate) fn start(&mut self) -> Result<(), Failure> {
        let program = std::env::current_exe().map_err(Failure::work)?;
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("node.log"))
            .map_err(Failure::work)?;
        let process = Command::new(program)
            .arg("node")
            .arg("--config")
            .arg(self.folder.join("stele.toml"))
            .arg("--key")
            .arg(self.folder.join("hospital.key"))
            .env("STELE_PASSPHRASE", PASSPHRASE)
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone().map_err(Failure::work)?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::work(format!("cannot start {}: {error}", self.name)))?;
        self.process = Some(process);
        Ok(())
    }

    /// Wait until the node says that it is ready.
    pub(crate) async fn ready(&mut self) -> Result<(), Failure> {
        let client = Client::new(&self.url).map_err(Failure::work)?;
        let start = Instant::now();
        loop {
            if client.ready().await.is_ok() {
                return Ok(());
            }
            let ended = match self.process.as_mut().map(Child::try_wait) {
                Some(Ok(Some(status))) => Some(format!("it ended with {status}")),
                _ if start.elapsed() > READY_WITHIN => Some("it does not answer".to_owned()),
                _ => None,
            };
            if let Some(why) = ended {
                let log = self.folder.join("node.log");
                return Err(Failure::work(format!("{} is not ready: {why}", self.name))
                    .hint(format!("read its log: {}", log.display())));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Its folder: configuration, key file, data, log.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Process id while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Child::id)
    }

    /// Ask it to stop and wait.
    pub(crate) async fn stop(&mut self) -> Result<(), Failure> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        if let Some(pid) = process.id().and_then(|pid| i32::try_from(pid).ok()) {
            let pid = rustix::process::Pid::from_raw(pid);
            if let Some(pid) = pid {
                // It may have ended by itself meanwhile, which is as good.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
        }
        let end = tokio::time::timeout(Duration::from_secs(10), process.wait()).await;
        match end {
            Ok(Ok(_)) => Ok(()),
            _ => process.kill().await.map_err(Failure::work),
        }
    }
}

fn make(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::work(format!("cannot make {}: {error}", folder.display())))
}

/// Free ports on loopback. Another program could take one before a node does; the node says so.
fn ports(count: usize) -> Result<Vec<u16>, Failure> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::work(format!("no free port: {error}")))?;
    listeners
        .iter()
        .map(|listener| listener.local_addr().map(|address| address.port()))
        .collect::<Result<_, _>>()
        .map_err(Failure::work)
}
