//! The crate on `geth --dev`: the same contracts, acts, relayer and index, unchanged.
// Helpers of tests fail like tests do.
#![allow(clippy::unwrap_used)]

mod common {
    pub(crate) mod life;
}

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use alloy_primitives::U256;
use common::life::{Net, address, whole_life};
use ledger::testing::key;
use ledger::{Endpoint, Rpc};
use serde_json::json;

struct Geth {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Geth {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("STELE_GETH") {
        return Some(named.into());
    }
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build/bin/geth");
    built.is_file().then_some(built)
}

impl Geth {
    fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(program)
            .args(["--dev", "--dev.period", "0", "--datadir"])
            .arg(folder.path())
            .args(["--http", "--http.addr", "127.0.0.1", "--http.port", "0"])
            .args([
                "--http.api",
                "eth,net,web3",
                "--ipcdisable",
                "--nodiscover",
                "--port",
                "0",
            ])
            .args(["--authrpc.port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let endpoint = line
                    .contains("HTTP server started")
                    .then(|| line.split("endpoint=").nth(1)?.split_whitespace().next());
                if let Some(Some(endpoint)) = endpoint {
                    let _ = sender.send(endpoint.to_owned());
                }
            }
        });
        let endpoint = receiver
            .recv_timeout(Duration::from_secs(60))
            .expect("geth listens");
        Self {
            child,
            url: format!("http://{endpoint}"),
            _folder: folder,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_life_on_geth() {
    let Some(program) = program() else {
        eprintln!(
            "SKIPPED a_whole_life_on_geth: no geth in build/bin (scripts/install-go-tools.sh) \
             and STELE_GETH is not set"
        );
        return;
    };
    let geth = Geth::start(&program);
    let rpc = Arc::new(Rpc::connect(&geth.url).unwrap());
    let rich = rpc.other("eth_accounts", json!([])).await.unwrap()[0].clone();
    for name in ["deployer", "relayer"] {
        let wei = U256::from(10).pow(U256::from(20));
        let transfer = json!([{ "from": rich, "to": address(&key(name)), "value": wei }]);
        rpc.other("eth_sendTransaction", transfer).await.unwrap();
    }
    for name in ["deployer", "relayer"] {
        for _ in 0..100 {
            if rpc.balance(address(&key(name))).await.unwrap() > U256::ZERO {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let net = Net::deploy(rpc).await;
    whole_life(&net).await;
}
