//! The fetch against a real node.
#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(feature = "http")]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use forecast::fetch::{Hours, Http, Plan, Rpc as _, fetch};
use forecast::history::History;
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
    let mut rpc = Http::new(&url, Duration::from_secs(20), Duration::from_secs(1));
    // 200 blocks half an hour apart: four days and four hours.
    rpc.call("anvil_mine", json!(["0xc8", "0x708"])).unwrap();
    let mut hours = Hours::default();
    let plan = Plan { days: 30, run: 64 };
    let mut saves = 0;
    let save = |_: &Hours| {
        saves += 1;
        Ok(())
    };
    fetch(&mut rpc, &mut hours, plan, save, |_, _| {}).unwrap();
    assert!(saves > 0);
    let mut days = Vec::new();
    hours.write_days(&mut days).unwrap();
    let (history, findings) = History::read_csv(&*days).unwrap();
    assert!(findings.gaps.is_empty());
    assert_eq!(history.first(), "2024-01-11".parse().unwrap());
    assert_eq!(
        history.days().len(),
        4,
        "{}",
        String::from_utf8_lossy(&days)
    );
    assert!(history.days().iter().all(|day| day.gas_price.is_some()));
}
