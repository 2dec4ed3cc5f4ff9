//! `stele forecast fetch` against a real node.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use forecast::history::History;
use ledger::{Endpoint as _, Rpc};
use serde_json::json;

struct Anvil(Child);

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn binary() -> Option<PathBuf> {
    let set = std::env::var_os("STELE_ANVIL").map(PathBuf::from);
    let npm = "../../contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil";
    set.or_else(|| Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(npm)))
        .filter(|path| path.exists())
}

#[test]
fn a_nodes_blocks_become_days() {
    let Some(anvil) = binary() else {
        println!(
            "SKIPPED: no Anvil; run `npm ci --ignore-scripts` in contracts/ or set STELE_ANVIL"
        );
        return;
    };
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    // 10 January 2024, 22:00 UTC.
    let begin = 1_704_924_000;
    let child = Command::new(anvil)
        .args([
            "--silent",
            "--port",
            &port.to_string(),
            "--timestamp",
            &begin.to_string(),
        ])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _anvil = Anvil(child);
    let url = format!("http://127.0.0.1:{port}");
    // 200 blocks half an hour apart: four days and four hours.
    let mine = async {
        let rpc = Rpc::connect(&url).unwrap();
        while rpc.chain_id().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        rpc.other("anvil_mine", json!(["0xc8", "0x708"]))
            .await
            .unwrap()
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(mine);
    let folder = tempfile::tempdir().unwrap();
    let days = folder.path().join("fees.csv");
    let fetched = Command::new(env!("CARGO_BIN_EXE_stele"))
        .args(["forecast", "fetch", "--days", "30", "--run", "64", "--json"])
        .args(["--rpc", &url, "--out"])
        .arg(&days)
        .output()
        .unwrap();
    assert!(
        fetched.status.success(),
        "{}",
        String::from_utf8_lossy(&fetched.stderr)
    );
    let said: serde_json::Value = serde_json::from_slice(&fetched.stdout).unwrap();
    assert_eq!(said["days"], 4, "{said}");
    let (history, findings) = History::read_csv(&*std::fs::read(&days).unwrap()).unwrap();
    assert!(findings.gaps.is_empty());
    assert_eq!(history.first(), "2024-01-11".parse().unwrap());
    assert_eq!(history.days().len(), 4);
    assert!(history.days().iter().all(|day| day.gas_price.is_some()));
    assert!(days.with_extension("hours.csv").exists());
}
