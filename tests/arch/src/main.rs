//! `make arch`: prints circles, arrows upwards and long functions as JSON, and fails if there are any.
//! An argument names another checkout than the one that this program was built from.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arch::{Plan, check};

fn main() -> ExitCode {
    let root = std::env::args_os().nth(1).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
        PathBuf::from,
    );
    let found =
        Plan::read(&root.join("tests/arch/layers.toml")).and_then(|plan| check(&root, &plan));
    let report = match found {
        Ok(report) => report,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            return ExitCode::from(2);
        }
    };
    let printed = serde_json::to_writer_pretty(std::io::stdout(), &report).is_ok()
        && writeln!(std::io::stdout()).is_ok();
    if printed && report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
