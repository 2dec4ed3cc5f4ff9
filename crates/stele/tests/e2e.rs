//! The whole story with real processes: an Ethereum node and three hospitals' nodes. What the demo
//! claims is checked here by asking the chain and by opening what it left behind.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

const STELE: &str = env!("CARGO_BIN_EXE_stele");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A radiograph, or `None` with the reason printed.
fn xray(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("STELE_DICOM_DIR")
        .map_or_else(|| root().join("build/dicom"), PathBuf::from);
    let path = folder.join("RG1_UNCR.dcm");
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

fn stele(arguments: &[&str]) -> Output {
    Command::new(STELE).args(arguments).output().unwrap()
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no {path} in {value}"))
}

#[test]
fn the_demo_tells_the_truth() {
    let Some(xray) = xray("the_demo_tells_the_truth") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let run = stele(&[
        "demo",
        "--once",
        "--json",
        "--xray",
        xray.to_str().unwrap(),
        "--dir",
        dir.to_str().unwrap(),
    ]);
    let out = String::from_utf8(run.stdout).unwrap();
    let report: Value = serde_json::from_str(&out)
        .unwrap_or_else(|e| panic!("{e}: {out} {}", String::from_utf8_lossy(&run.stderr)));
    assert_eq!(report["ok"], true, "{report:#}");
    assert!(run.status.success());
    steps_are_all_there(&report);
    the_radiograph_was_read(&report);
    artifacts_are_what_they_say(&report, &xray);
    no_plaintext_on_disk(&dir, &xray);
}

fn steps_are_all_there(report: &Value) {
    let steps = report["steps"].as_array().unwrap();
    let named = |name: &str| steps.iter().find(|step| step["step"] == name);
    let wanted = [
        "admit",
        "upload",
        "commit",
        "request",
        "grant",
        "open",
        "revoke",
        "refused",
        "checkpoint",
        "verify",
    ];
    for name in wanted {
        let step = named(name).unwrap_or_else(|| panic!("no step {name}"));
        assert_eq!(step["ok"], true, "{step}");
    }
    // The ceilings that the contracts promise, on real receipts.
    let ceilings = [
        ("commit", 90_000),
        ("request", 40_000),
        ("grant", 60_000),
        ("revoke", 40_000),
        ("checkpoint", 60_000),
    ];
    for (name, most) in ceilings {
        let gas = named(name).and_then(|step| step["gas"].as_u64()).unwrap();
        assert!((21_000..=most).contains(&gas), "{name}: {gas}");
    }
}

/// The step `read` names the model by its weights and, where it drew one, the heatmap; a model that
/// abstains has no verdict and says so.
fn the_radiograph_was_read(report: &Value) {
    let steps = report["steps"].as_array().unwrap();
    let read = steps.iter().find(|step| step["step"] == "read").unwrap();
    assert_eq!(read["ok"], true, "{read}");
    if !cfg!(feature = "reader") {
        assert!(read.get("model_sha256").is_none(), "{read}");
        return;
    }
    assert_eq!(read["model_sha256"].as_str().unwrap().len(), 64, "{read}");
    match read["verdict"].as_str() {
        Some(verdict) => {
            let p = read["probability"].as_f64().unwrap();
            assert!(!verdict.is_empty() && (0.0..=1.0).contains(&p), "{read}");
        }
        None => assert!(
            read["note"]
                .as_str()
                .unwrap()
                .contains("no reliable reading")
        ),
    }
    if let Some(heatmap) = read["heatmap"].as_str() {
        assert!(std::fs::read(heatmap).unwrap().starts_with(b"\x89PNG"));
    }
}

fn artifacts_are_what_they_say(report: &Value, xray: &Path) {
    let sealed = std::fs::read(text(report, "/artifacts/sealed")).unwrap();
    let key = std::fs::read_to_string(text(report, "/artifacts/key")).unwrap();
    let key: [u8; 32] = hex::decode(key.trim()).unwrap().try_into().unwrap();
    let plain = seal::file::open(&sealed, &seal::PartKey::from_bytes(&key)).unwrap();
    assert_eq!(
        hex::encode(Sha256::digest(&plain[..])),
        text(report, "/artifacts/plain_sha256")
    );
    assert_eq!(plain[..], std::fs::read(xray).unwrap()[..]);
}

/// Invariant 1: only ciphertext leaves its owner's trust. Nothing that a node wrote holds a run of
/// the image's bytes.
fn no_plaintext_on_disk(dir: &Path, xray: &Path) {
    let image = std::fs::read(xray).unwrap();
    let middle = image.len() / 2;
    // A run that is not constant, so that it is this image's and no other file's.
    let at = (middle..image.len() - 64)
        .find(|&at| image[at..at + 64].iter().any(|byte| *byte != image[at]))
        .unwrap();
    let needle = &image[at..at + 64];
    let mut folders = vec![dir.to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(64).any(|window| window == needle);
            assert!(!found, "{} holds plaintext of the image", path.display());
        }
    }
    assert!(files > 20, "only {files} files were looked at");
}

#[test]
fn a_proof_needs_an_endpoint_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.proof");
    std::fs::write(&file, b"not a proof").unwrap();
    let run = stele(&[
        "record",
        "verify",
        file.to_str().unwrap(),
        "--rpc",
        "http://127.0.0.1:9",
    ]);
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("x.proof"));
}

#[test]
fn the_wrong_passphrase_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.key");
    let make = Command::new(STELE)
        .args([
            "key",
            "new",
            "--name",
            "A",
            "--json",
            file.to_str().unwrap(),
        ])
        .env("STELE_PASSPHRASE", "right")
        .output()
        .unwrap();
    assert!(
        make.status.success(),
        "{}",
        String::from_utf8_lossy(&make.stderr)
    );
    let shares = folder.path().join("shares");
    let share = |passphrase: &str| {
        Command::new(STELE)
            .args([
                "key",
                "share",
                "--key",
                file.to_str().unwrap(),
                "--out",
                shares.to_str().unwrap(),
            ])
            .env("STELE_PASSPHRASE", passphrase)
            .output()
            .unwrap()
    };
    assert_eq!(share("wrong").status.code(), Some(2));
    assert!(!shares.exists());
    assert!(share("right").status.success());
    let again = folder.path().join("b.key");
    let recover = Command::new(STELE)
        .args([
            "key",
            "recover",
            "--name",
            "A",
            "--json",
            "--out",
            again.to_str().unwrap(),
        ])
        .args([shares.join("1.share"), shares.join("3.share")])
        .env("STELE_PASSPHRASE", "new")
        .output()
        .unwrap();
    assert!(
        recover.status.success(),
        "{}",
        String::from_utf8_lossy(&recover.stderr)
    );
    let address = |output: &Output| -> Value {
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["address"].clone()
    };
    assert_eq!(address(&make), address(&recover));
}
