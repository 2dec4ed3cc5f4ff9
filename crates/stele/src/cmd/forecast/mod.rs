//! `stele forecast`: what fees will be, and when to send.

mod data;
mod evaluate;
mod outlook;
mod train;

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::Subcommand;
use forecast::history::{Findings, History};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Failure;

/// Arguments of `stele forecast`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the history from the chain, or bring it up to date
    Fetch(data::FetchArgs),
    /// Read a table of daily prices, say what is wrong with it, and write it in our columns
    Import(data::ImportArgs),
    /// Train a model and write it to a file
    Train(train::Args),
    /// Show the fees of the next seven days
    Predict(outlook::PredictArgs),
    /// Say when to send a transaction, and what that saves
    Advise(outlook::AdviseArgs),
    /// Backtest all models side by side over the last days or a span
    Evaluate(evaluate::Args),
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Fetch(args) => data::fetch(&args),
        Command::Import(args) => data::import(&args),
        Command::Train(args) => train::run(&args),
        Command::Predict(args) => outlook::predict(&args),
        Command::Advise(args) => outlook::advise(&args),
        Command::Evaluate(args) => evaluate::run(&args),
    }
}

/// Read a history.
fn open(path: &Path) -> Result<(History, Findings), Failure> {
    let file = File::open(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    History::read_csv(file).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// Read a history and say on standard error what is wrong with it.
fn read(path: &Path) -> Result<History, Failure> {
    let (history, findings) = open(path)?;
    tell(&findings);
    Ok(history)
}

fn tell(findings: &Findings) {
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
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
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

/// Unix seconds.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A progress bar that hides where nobody watches.
fn bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    if !crate::watched() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3}% {eta} left") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Show how much of a whole is done.
fn advance(bar: &ProgressBar, done: usize, of: usize) {
    bar.set_length(u64::try_from(of).unwrap_or(u64::MAX));
    bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn gwei(wei: f64) -> String {
    let gwei = wei / 1e9;
    if gwei < 1.0 {
        format!("{gwei:.4}")
    } else {
        format!("{gwei:.2}")
    }
}

fn new_table<const N: usize>(header: [&str; N]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(header);
    table
}
