//! `stele forecast` as its users see it.
#![cfg(feature = "forecast")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::process::{Command, Output};

fn stele(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stele"))
        .arg("forecast")
        .args(args)
        .current_dir(folder)
        .env("STELE_FORECAST_STATE", folder.join("state/forecast.json"))
        .env("COLUMNS", "100")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn table() -> String {
    let mut text = String::from("date,gas_price_wei\n");
    let mut day: jiff::civil::Date = "2025-06-01".parse().unwrap();
    for at in 0..200 {
        let t = f64::from(at);
        text.push_str(&format!(
            "{day},{:.0}\n",
            2e9 * (0.4 * (t * 0.897).sin()).exp()
        ));
        day = day.tomorrow().unwrap();
    }
    text
}

#[test]
fn forecasts_are_shown_kept_and_shown_again_when_the_data_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("fees.csv");
    std::fs::write(&data, table()).unwrap();
    let args = [
        "predict", "--data", "fees.csv", "--plot", "a.svg", "--plot", "a.png", "--json",
    ];
    let made = stele(folder.path(), &args);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(made["days"].as_array().unwrap().len(), 7);
    assert_eq!(made["kept"], false);
    assert!(
        std::fs::read_to_string(folder.path().join("a.svg"))
            .unwrap()
            .contains("80 % interval")
    );
    assert!(
        std::fs::read(folder.path().join("a.png"))
            .unwrap()
            .starts_with(b"\x89PNG")
    );

    std::fs::remove_file(&data).unwrap();
    let again = stele(folder.path(), &["predict", "--data", "fees.csv", "--json"]);
    assert!(again.status.success());
    assert!(text(&again.stderr).contains("last good forecast"));
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["kept"], true);
    assert_eq!(again["days"], made["days"]);
}

#[test]
fn wrong_calls_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let missing = stele(folder.path(), &["predict", "--data", "none.csv"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(
        text(&missing.stderr).contains("try: check the file"),
        "{}",
        text(&missing.stderr)
    );
    std::fs::write(
        folder.path().join("short.csv"),
        "date,gas_price_wei\n2025-01-01,1000\n",
    )
    .unwrap();
    let short = stele(
        folder.path(),
        &["advise", "--data", "short.csv", "--gas", "90000"],
    );
    assert_eq!(short.status.code(), Some(2));
    assert!(text(&short.stderr).contains("121 are needed"));
    let down = stele(
        folder.path(),
        &["fetch", "--rpc", "http://127.0.0.1:1", "--out", "x.csv"],
    );
    assert_eq!(down.status.code(), Some(1));
    assert!(
        text(&down.stderr).contains("does not answer eth_chainId"),
        "{}",
        text(&down.stderr)
    );
}

#[test]
fn imports_report_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let export = "\"Date(UTC)\",\"UnixTimeStamp\",\"Value (Wei)\"\n\"1/1/2024\",\"1\",\"5000000000\"\n\
                  \"1/2/2024\",\"2\",\"0\"\n\"1/5/2024\",\"3\",\"6000000000\"\n";
    std::fs::write(folder.path().join("export.csv"), export).unwrap();
    let done = stele(
        folder.path(),
        &["import", "export.csv", "--out", "daily.csv"],
    );
    let shown = text(&done.stdout);
    assert!(shown.contains("gap: 2024-01-03 to 2024-01-04"), "{shown}");
    assert!(shown.contains("no usable price: 2024-01-02"), "{shown}");
    let daily = std::fs::read_to_string(folder.path().join("daily.csv")).unwrap();
    assert!(
        daily.starts_with("date,gas_price_wei,fullness,ether_price_usd\n2024-01-01,5000000000,,\n")
    );
}

#[test]
fn advice_is_in_ether_and_money() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fees.csv"), table()).unwrap();
    let args = [
        "advise", "--data", "fees.csv", "--within", "7d", "--gas", "90000", "--price", "3000",
    ];
    let made = stele(
        folder.path(),
        &[&args[..], &["--l1-data-fee", "1000000000000"]].concat(),
    );
    let shown = text(&made.stdout);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(
        shown.contains("ether (") && shown.contains("data on L1"),
        "{shown}"
    );
}
