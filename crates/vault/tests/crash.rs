//! What a process that dies, and a disk that is full, may do to the embedded store.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::bytes;
use vault::file::CHUNK;
use vault::{Cid, EmbeddedVault, Error, Vault, bytes_stream, collect};

/// Set in the child process: the store that it writes to until it is killed.
const STORE: &str = "VAULT_CRASH_STORE";
/// Set in the child process that may write no file of this many bytes.
const LIMITED: &str = "VAULT_LIMITED_STORE";

/// Starts this test program again, to run one of the ignored tests below as a process.
fn child(test: &str, variable: &str, store: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(variable, store);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Uploads file after file and says so when each is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the body of a child process"]
async fn upload_until_killed() {
    let Some(store) = std::env::var_os(STORE) else {
        return;
    };
    let vault = EmbeddedVault::open(store).await.unwrap();
    for seed in 0.. {
        let stored = vault.put_file(bytes_stream(file(seed))).await.unwrap();
        println!("\nacknowledged {seed} {}", stored.cid);
        if seed % 5 == 4 {
            vault.gc().await.unwrap();
        }
    }
}

/// From nothing to three chunks.
fn file(seed: u64) -> Vec<u8> {
    bytes(seed + 1, usize::try_from(seed % 7).unwrap() * CHUNK / 2 + 1)
}

/// Kills the child after it acknowledged `enough` files and `delay` more; returns what it
/// acknowledged.
fn kill_while_writing(store: &Path, enough: usize, delay: Duration) -> BTreeMap<u64, Cid> {
    let mut process = child("upload_until_killed", STORE, store).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut acknowledged = BTreeMap::new();
    let mut note = |line: String| {
        if let Some((seed, cid)) = line
            .strip_prefix("acknowledged ")
            .and_then(|rest| rest.split_once(' '))
        {
            acknowledged.insert(seed.parse().unwrap(), cid.parse().unwrap());
        }
        acknowledged.len()
    };
    while let Some(Ok(line)) = lines.next() {
        if note(line) >= enough {
            break;
        }
    }
    std::thread::sleep(delay);
    // SIGKILL: nothing of the process runs any more.
    process.kill().unwrap();
    process.wait().unwrap();
    lines.map_while(Result::ok).for_each(|line| {
        note(line);
    });
    acknowledged
}

#[tokio::test]
async fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    let mut files = 0;
    for round in 0..12u64 {
        let dir = tempfile::tempdir().unwrap();
        let delay = Duration::from_micros(round * round * 400);
        let enough = usize::try_from(round % 4).unwrap();
        let acknowledged = kill_while_writing(dir.path(), enough, delay);
        files += acknowledged.len();

        let vault = EmbeddedVault::open(dir.path()).await.unwrap();
        let pins = vault.pins().await.unwrap();
        for (seed, cid) in &acknowledged {
            assert!(
                pins.contains(cid),
                "round {round}: file {seed} is not pinned"
            );
            let back = collect(vault.get_file(cid), 4 * CHUNK).await.unwrap();
            assert!(
                back == file(*seed),
                "round {round}: file {seed} came back changed"
            );
        }
        // No half block under any name, no pin without its blocks, nothing left in tmp.
        let found = vault.verify().await.unwrap();
        assert!(found.is_clean(), "round {round}: {found:?}");
        assert_eq!(
            std::fs::read_dir(dir.path().join("tmp")).unwrap().count(),
            0
        );
    }
    assert!(
        files > 12,
        "the children acknowledged only {files} files in all"
    );
}

/// Runs under a limit on the size of files, which the kernel enforces as it does a full disk.
#[tokio::test]
#[ignore = "the body of a child process"]
async fn upload_with_little_room() {
    let Some(store) = std::env::var_os(LIMITED) else {
        return;
    };
    let vault = EmbeddedVault::open(store).await.unwrap();
    let small = vault.put_file(bytes_stream(bytes(1, 1000))).await.unwrap();
    let error = vault
        .put_file(bytes_stream(bytes(2, 3 * CHUNK)))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(error.hint().contains("free disk space"));
    assert_eq!(vault.pins().await.unwrap(), [small.cid]);
    assert_eq!(
        collect(vault.get_file(&small.cid), 1000).await.unwrap(),
        bytes(1, 1000)
    );
    // Room again, or a smaller file: the store goes on.
    vault.put_file(bytes_stream(bytes(3, 1000))).await.unwrap();
    assert!(vault.verify().await.unwrap().is_clean());
    println!("\nas it should be");
}

#[test]
fn a_full_disk_is_an_error_that_spoils_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // The shell sets the limit (in KiB) and has writers see an error instead of a signal.
    let program = std::env::current_exe().unwrap();
    let script = "trap '' XFSZ; ulimit -f 512 && exec \"$0\" \"$@\"";
    let output = Command::new("bash")
        .args(["-c", script])
        .arg(program)
        .args([
            "--exact",
            "upload_with_little_room",
            "--ignored",
            "--nocapture",
        ])
        .env(LIMITED, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("as it should be"),
        "{said}\n{complained}"
    );
}
