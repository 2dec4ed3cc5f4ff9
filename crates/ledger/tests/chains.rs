//! One suite for every chain: what the relayer and the reads rest on holds on the chain in memory,
//! on Anvil and on `geth --dev` alike, and a whole life of a deployment on the two that run
//! contracts.
// Helpers of tests fail like tests do.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "other tests use the rest of the chain in memory")]
mod common {
    pub(crate) mod life;
    pub(crate) mod sim;
    pub(crate) mod whole_life;
}

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use common::life::{Net, address};
use common::sim::{CHAIN_ID, Life, REVOKE, SimChain, SimEndpoint};
use common::whole_life::whole_life;
use ledger::relayer::{MemoryOutbox, OutboxStore as _, Settings, State, Status};
use ledger::rpc::{At, Sent};
use ledger::testing::{TestChain, fund, key};
use ledger::{Call, Endpoint, Error, Finality, Relayer, Rpc, SystemClock};
use serde_json::json;

/// A chain under test.
struct Subject {
    name: &'static str,
    chain_id: u64,
    endpoint: Arc<dyn Endpoint>,
    /// A call that is refused.
    refused: Call,
    /// Includes what waits, where that does not happen by itself.
    advance: Box<dyn Fn() + Send + Sync>,
}

fn call(data: Vec<u8>) -> Call {
    Call {
        to: Address::repeat_byte(1),
        data: Bytes::from(data),
        value: U256::ZERO,
    }
}

impl Subject {
    fn relayer(&self) -> (Relayer, Arc<MemoryOutbox>) {
        let store = Arc::new(MemoryOutbox::default());
        let relayer = Relayer::new(
            self.endpoint.clone(),
            store.clone(),
            Arc::new(key("relayer")),
            Arc::new(SystemClock),
            Settings {
                finality: Finality::Depth { blocks: 0 },
                ..Settings::new(self.chain_id)
            },
        );
        (relayer, store)
    }

    /// Works until nothing is open.
    async fn settle(&self, relayer: &Relayer) {
        for _ in 0..200 {
            if relayer.work().await.unwrap() == 0 {
                return;
            }
            (self.advance)();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{}: {:?}", self.name, relayer.health().await.unwrap());
    }
}

/// Acts are done once, in the order of their nonces, and what is refused is told and holds up
/// nobody.
async fn acts_are_done_once(subject: &Subject) {
    let (relayer, store) = subject.relayer();
    let start = subject
        .endpoint
        .nonce(relayer.sender(), At::Latest)
        .await
        .unwrap();
    relayer
        .submit("refused", subject.refused.clone())
        .await
        .unwrap();
    let acts = ["a", "b", "c"];
    for act in acts {
        for _ in 0..2 {
            relayer
                .submit(act, call(act.as_bytes().to_vec()))
                .await
                .unwrap();
        }
    }
    let urgent = call([&REVOKE, b"urgent".as_slice()].concat());
    relayer.submit("urgent", urgent).await.unwrap();
    subject.settle(&relayer).await;

    let status = relayer.status("refused").await.unwrap().unwrap();
    assert!(
        matches!(status, Status::Refused(_)),
        "{}: {status:?}",
        subject.name
    );
    let mut nonces = Vec::new();
    for act in ["urgent", "a", "b", "c"] {
        let item = store.get(act).await.unwrap().unwrap();
        let State::Final(inclusion) = &item.state else {
            panic!("{}: {act}: {:?}", subject.name, item.state);
        };
        assert_eq!(inclusion.refusal, None, "{}: {act}", subject.name);
        nonces.push(item.nonce.unwrap() - start);
        let block = subject
            .endpoint
            .block(At::Number(inclusion.block))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(block.hash, inclusion.block_hash, "{}", subject.name);
        assert!(
            block.transactions.contains(&inclusion.transaction),
            "{}",
            subject.name
        );
    }
    assert_eq!(
        nonces,
        [0, 1, 2, 3],
        "{}: urgent first, then in order",
        subject.name
    );
    let used = subject
        .endpoint
        .nonce(relayer.sender(), At::Latest)
        .await
        .unwrap();
    assert_eq!(used - start, 4, "{}: nothing else was sent", subject.name);
}

/// What is not there is told as such, and what is over is not taken again.
async fn absence_is_told(subject: &Subject) {
    let endpoint = subject.endpoint.as_ref();
    let nowhere = B256::repeat_byte(0xab);
    assert!(!endpoint.knows(nowhere).await.unwrap(), "{}", subject.name);
    assert_eq!(
        endpoint.receipt(nowhere).await.unwrap(),
        None,
        "{}",
        subject.name
    );
    assert_eq!(
        endpoint.block(At::Number(1 << 40)).await.unwrap(),
        None,
        "{}",
        subject.name
    );
    assert_eq!(
        endpoint.chain_id().await.unwrap(),
        subject.chain_id,
        "{}",
        subject.name
    );

    let (relayer, store) = subject.relayer();
    relayer
        .submit("once", call(b"once".to_vec()))
        .await
        .unwrap();
    subject.settle(&relayer).await;
    let item = store.get("once").await.unwrap().unwrap();
    let again = endpoint.send_raw(&item.attempts[0].raw).await.unwrap();
    assert!(
        matches!(again, Sent::NonceTooLow | Sent::Accepted),
        "{}: {again:?}",
        subject.name
    );
}

/// What no pool takes is called so, whatever the client.
async fn the_limits_of_the_protocol_are_enforced(subject: &Subject) {
    let (relayer, _) = subject.relayer();
    let huge = call(vec![7; 200_000]);
    let error = relayer.submit("huge", huge).await.unwrap_err();
    assert!(
        matches!(error, Error::CallTooLarge { .. }),
        "{}: {error}",
        subject.name
    );
}

async fn suite(subject: &Subject) {
    acts_are_done_once(subject).await;
    absence_is_told(subject).await;
    the_limits_of_the_protocol_are_enforced(subject).await;
}

#[tokio::test]
async fn the_chain_in_memory() {
    let chain = SimChain::new();
    let endpoint = SimEndpoint {
        chain: chain.clone(),
        life: Life::until(None),
    };
    let subject = Subject {
        name: "memory",
        chain_id: CHAIN_ID,
        endpoint: Arc::new(endpoint),
        refused: call(b"refused".to_vec()),
        advance: Box::new(move || chain.mine()),
    };
    suite(&subject).await;
}

/// A deployment on a client, and what the suite needs of it.
async fn on_client(name: &'static str, rpc: Arc<Rpc>) {
    let net = Net::deploy(rpc.clone()).await;
    whole_life(&net).await;
    // The one relayer that works in the background has done all that it had.
    let forged = net.set_institution(ledger::Status::Suspended, 1, &net.hospital);
    let subject = Subject {
        name,
        chain_id: net.at().chain_id,
        endpoint: rpc,
        refused: forged,
        advance: Box::new(|| {}),
    };
    suite(&subject).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anvil() {
    let Some(chain) = TestChain::start_or_skip("anvil").await else {
        return;
    };
    for name in ["deployer", "relayer"] {
        fund(chain.rpc.as_ref(), address(&key(name))).await.unwrap();
    }
    on_client("anvil", chain.rpc.clone()).await;
}

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

/// `STELE_GETH`, then `build/bin`, then the search path.
fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("STELE_GETH") {
        return Some(named.into());
    }
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(built)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("geth"))
        .find(|program| program.is_file())
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
async fn geth() {
    let Some(program) = program() else {
        eprintln!(
            "SKIPPED geth: no geth in build/bin (scripts/install-go-tools.sh) or on the search path, \
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
    on_client("geth", rpc).await;
}
