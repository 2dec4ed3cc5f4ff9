//! Files of prices, read with what is wrong with them and written whole.

use std::fs::File;
use std::path::Path;

use forecast::history::{Findings, History};

use crate::output::Failure;

/// Read a history.
pub(super) fn open(path: &Path) -> Result<(History, Findings), Failure> {
    let file = File::open(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    History::read_csv(file).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// Read a history and say on standard error what is wrong with it.
pub(super) fn read(path: &Path) -> Result<History, Failure> {
    let (history, findings) = open(path)?;
    tell(&findings);
    Ok(history)
}

pub(super) fn tell(findings: &Findings) {
    for (first, last) in &findings.gaps {
        eprintln!("note: no data from {first} to {last}");
    }
    for (what, days) in [
        ("without a usable price", &findings.unpriced),
        ("far from their neighbours", &findings.outliers),
    ] {
        if let (Some(first), Some(last)) = (days.first(), days.last()) {
            eprintln!(
                "note: {} days {what}, between {first} and {last}",
                days.len()
            );
        }
    }
}

/// Write a file so that it is there whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::work(format!("cannot write {}: {error}", path.display()));
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file = File::create(&part).map_err(failed)?;
    std::io::Write::write_all(&mut file, bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)
}
