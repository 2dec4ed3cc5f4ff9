//! Anvil, the embedded Ethereum node: found, started on a free port, stopped so that its state is
//! kept.
//!
//! Anvil writes its state on SIGINT and SIGTERM and at the interval given; after SIGKILL what came
//! since the last write is gone. It is for one machine and for demonstrations, not a durable
//! store: see `docs/decisions/ethereum-endpoint.md`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Environment variable that names the Anvil program.
pub const PROGRAM_VARIABLE: &str = "STELE_ANVIL";

/// How Anvil is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Chain id.
    pub chain_id: u64,
    /// File that keeps the state across restarts.
    pub state: Option<PathBuf>,
    /// Seconds between writes of the state.
    pub state_interval: u64,
    /// Seconds between blocks; `None` makes one for each transaction, at once.
    pub block_time: Option<u64>,
    /// Funded accounts of the well-known test mnemonic.
    pub accounts: u16,
    /// Further arguments, as on the command line.
    pub extra: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            chain_id: 31337,
            state: None,
            state_interval: 1,
            block_time: None,
            accounts: 10,
            extra: Vec::new(),
        }
    }
}

/// A running Anvil; killed when dropped. Use [`Anvil::stop`] to have its state written.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    port: u16,
}

/// Finds the Anvil program: `STELE_ANVIL`, then `contracts/node_modules` in `root` or a folder
/// above the current one, then the search path.
///
/// # Errors
/// [`Error::Program`] that says how to get it.
pub fn find(root: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(PROGRAM_VARIABLE) {
        let path = PathBuf::from(named);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Error::Program(format!(
                "{PROGRAM_VARIABLE} names {}, which is no file",
                path.display()
            )))
        };
    }
    let installed = installed_path();
    let here = std::env::current_dir().unwrap_or_default();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = root
        .into_iter()
        .chain(here.ancestors())
        .chain(source.ancestors())
        .map(|folder| folder.join(&installed))
        .chain(search_path())
        .find(|path| path.is_file());
    found.ok_or_else(|| {
        Error::Program(format!(
            "Anvil was not found: run `npm ci --ignore-scripts` in contracts/, or name it by {PROGRAM_VARIABLE}"
        ))
    })
}

/// Where npm puts the program for this platform.
fn installed_path() -> PathBuf {
    let system = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        std::env::consts::OS
    };
    let machine = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    PathBuf::from(format!(
        "contracts/node_modules/@foundry-rs/anvil-{system}-{machine}/bin/anvil"
    ))
}

fn search_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join("anvil"))
        .collect::<Vec<_>>()
        .into_iter()
}

impl Anvil {
    /// Starts Anvil and waits until it listens.
    ///
    /// # Errors
    /// [`Error::Program`] if it is not found, ends at once, or does not listen within 30 s.
    pub fn start(options: &Options) -> Result<Self> {
        let program = find(None)?;
        let mut command = Command::new(&program);
        command
            .args(["--host", "127.0.0.1", "--port", &options.port.to_string()])
            .args(["--chain-id", &options.chain_id.to_string()])
            .args(["--accounts", &options.accounts.to_string()]);
        if let Some(state) = &options.state {
            command.arg("--state").arg(state);
            command.args(["--state-interval", &options.state_interval.to_string()]);
        }
        if let Some(seconds) = options.block_time {
            command.args(["--block-time", &seconds.to_string()]);
        }
        command.args(&options.extra);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| Error::Program(format!("{} does not start: {e}", program.display())))?;
        match listening_port(&mut child) {
            Some(port) => Ok(Self { child, port }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(Error::Program(format!(
                    "Anvil does not listen on port {}; the port may be taken, or the state file damaged",
                    options.port
                )))
            }
        }
    }

    /// The JSON-RPC endpoint.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks Anvil to end, which writes its state, and waits for up to ten seconds.
    ///
    /// # Errors
    /// [`Error::Program`] if it had to be killed; its state may be a few seconds old then.
    pub fn stop(mut self) -> Result<()> {
        if let Some(pid) = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if !self.is_running() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(Error::Program(
            "Anvil did not end within 10 s and was killed".into(),
        ))
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads what Anvil prints until it names its port, and goes on reading so that it never blocks.
fn listening_port(child: &mut Child) -> Option<u16> {
    let stdout = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout)
            .lines()
            .map_while(std::result::Result::ok)
        {
            if let Some(port) = line
                .strip_prefix("Listening on ")
                .and_then(|address| address.rsplit(':').next()?.trim().parse::<u16>().ok())
            {
                let _ = sender.send(port);
            }
        }
    });
    receiver.recv_timeout(Duration::from_secs(30)).ok()
}
