//! Programs of others that the tests run beside the crate: a Kubo daemon (`build/bin/ipfs`, by
//! scripts/install-go-tools.sh, or `STELE_IPFS`) and an S3 server
//! (`build/interop-venv/bin/moto_server`, by tests/ipfs/run.sh, or `STELE_MOTO`).

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use vault::{Cid, S3Config};

/// The program at `path` in the repository or in the variable; None, and a line that says so, where
/// there is none.
fn program(variable: &str, path: &str) -> Option<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    let program = std::env::var_os(variable).map_or(built, PathBuf::from);
    if !program.exists() {
        skipped(&format!(
            "no {}, and {variable} is not set",
            program.display()
        ));
        return None;
    }
    Some(program)
}

/// Says why a test does nothing, past the capture of what passing tests print.
pub fn skipped(why: &str) {
    let test = std::thread::current();
    let test = test.name().unwrap_or("a test");
    // Where there is no standard error nobody reads it.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn answers(url: &str, post: bool) -> bool {
    let http = reqwest::Client::new();
    let request = if post { http.post(url) } else { http.get(url) };
    request.send().await.is_ok()
}

async fn ready(url: &str, post: bool) {
    for _ in 0..600 {
        if answers(url, post).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{url} does not answer");
}

/// A Kubo daemon that knows nobody but, perhaps, one delegated router.
pub struct Kubo {
    pub rpc: String,
    pub gateway: String,
    _process: Running,
    _repo: tempfile::TempDir,
}

impl Kubo {
    pub async fn start(router: Option<&str>) -> Option<Self> {
        let ipfs = program("STELE_IPFS", "build/bin/ipfs")?;
        let repo = tempfile::tempdir().unwrap();
        let run = |args: &[&str]| {
            let output = Command::new(&ipfs)
                .args(args)
                .env("IPFS_PATH", repo.path())
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{args:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        };
        let (api, gateway) = (free_port(), free_port());
        let multiaddr = |port: u16| format!("/ip4/127.0.0.1/tcp/{port}");
        run(&["init", "--empty-repo"]);
        run(&["bootstrap", "rm", "--all"]);
        run(&["config", "Addresses.API", &multiaddr(api)]);
        run(&["config", "Addresses.Gateway", &multiaddr(gateway)]);
        run(&[
            "config",
            "--json",
            "Addresses.Swarm",
            &format!("[\"{}\"]", multiaddr(free_port())),
        ]);
        for (key, value) in [
            ("AutoConf.Enabled", "false"),
            ("AutoTLS.Enabled", "false"),
            ("Discovery.MDNS.Enabled", "false"),
            ("DNS.Resolvers", "{}"),
            ("Ipns.DelegatedPublishers", "[]"),
            ("Gateway.NoFetch", "true"),
            ("Provide.Enabled", "false"),
            ("Swarm.DisableNatPortMap", "true"),
        ] {
            run(&["config", "--json", key, value]);
        }
        let routers = router.map_or_else(|| "[]".to_owned(), |url| format!("[\"{url}\"]"));
        run(&["config", "--json", "Routing.DelegatedRouters", &routers]);
        run(&[
            "config",
            "Routing.Type",
            if router.is_some() {
                "autoclient"
            } else {
                "none"
            },
        ]);
        let mut daemon = Command::new(&ipfs);
        daemon
            .arg("daemon")
            .env("IPFS_PATH", repo.path())
            .stdout(Stdio::null());
        let log = std::fs::File::create(repo.path().join("daemon.log")).unwrap();
        let process = Running(daemon.stderr(log).spawn().unwrap());
        let (rpc, gateway) = (
            format!("http://127.0.0.1:{api}"),
            format!("http://127.0.0.1:{gateway}"),
        );
        ready(&format!("{rpc}/api/v0/version"), true).await;
        ready(&format!("{gateway}/ipfs/bafkqaaa?format=raw"), false).await;
        Some(Self {
            rpc,
            gateway,
            _process: process,
            _repo: repo,
        })
    }

    pub async fn call(&self, command: &str, form: Option<Vec<u8>>) -> bytes::Bytes {
        let mut request = reqwest::Client::new().post(format!("{}/api/v0/{command}", self.rpc));
        if let Some(data) = form {
            let part = reqwest::multipart::Part::bytes(data).file_name("file");
            request = request.multipart(reqwest::multipart::Form::new().part("file", part));
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body = answer.bytes().await.unwrap();
        assert!(
            status.is_success(),
            "{command}: {}",
            String::from_utf8_lossy(&body)
        );
        body
    }

    /// `ipfs add` with the settings that this crate pins.
    pub async fn add(&self, data: Vec<u8>) -> Cid {
        let options =
            "cid-version=1&raw-leaves=true&chunker=size-1048576&quieter=true&progress=false";
        let answer = self.call(&format!("add?{options}"), Some(data)).await;
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        answer["Hash"].as_str().unwrap().parse().unwrap()
    }
}

/// An S3 server with one bucket.
pub struct Moto {
    endpoint: String,
    _process: Running,
}

impl Moto {
    pub async fn start() -> Option<Self> {
        let moto = program("STELE_MOTO", "build/interop-venv/bin/moto_server")?;
        let port = free_port();
        let mut server = Command::new(moto);
        server
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = Running(server.spawn().unwrap());
        let endpoint = format!("http://127.0.0.1:{port}");
        ready(&endpoint, false).await;
        let made = reqwest::Client::new()
            .put(format!("{endpoint}/stele-test"))
            .send()
            .await
            .unwrap();
        assert!(made.status().is_success(), "{made:?}");
        Some(Self {
            endpoint,
            _process: process,
        })
    }

    /// A store in it that collects without a time of grace.
    pub fn config(&self, prefix: &str) -> S3Config {
        S3Config {
            endpoint: Some(self.endpoint.clone()),
            region: "us-east-1".into(),
            bucket: "stele-test".into(),
            prefix: prefix.into(),
            access_key: "test".into(),
            secret_key: "test".to_owned().into(),
            grace: Duration::ZERO,
        }
    }
}
