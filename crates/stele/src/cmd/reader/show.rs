//! Tables, progress and files.

use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Failure;

/// A table for people.
pub(super) fn table<T: Into<comfy_table::Row>>(header: T) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table
        .load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY)
        .set_header(header);
    table
}

/// A bar on standard error, silent where that is no terminal.
pub(super) fn bar(length: usize, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {per_sec}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// Make a folder and those above it.
pub(super) fn make_folder(path: &PathBuf) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
}

/// Write a file.
pub(super) fn write(path: &PathBuf, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|e| Failure::work(format!("{}: {e}", path.display())))
}
