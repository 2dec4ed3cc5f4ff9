//! `stele forecast fetch` and `stele forecast import`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use forecast::fetch::{self, Hours, MAX_RUN, Plan};
use forecast::history::{Findings, History};
use jiff::civil::Date;
use serde::Serialize;

use super::endpoint::Endpoint;
use super::{bar, open, write};
use crate::cmd::Failure;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  stele forecast fetch --rpc https://example.org --out fees.csv --days 400

Writes days to fees.csv and hours to fees.hours.csv beside it. Run it again to go on where it \
stopped.")]
pub(super) struct FetchArgs {
    /// Ethereum JSON-RPC endpoint
    #[arg(long, value_name = "URL", env = "STELE_RPC")]
    rpc: String,
    /// Table of days to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Days to go back if there is no file yet
    #[arg(long, default_value_t = 400, value_name = "N")]
    days: u32,
    /// Blocks in one call; fewer for endpoints that refuse many
    #[arg(long, default_value_t = MAX_RUN, value_parser = clap::value_parser!(u64).range(2..=MAX_RUN), value_name = "N")]
    run: u64,
    /// Seconds to wait for an answer
    #[arg(long, default_value_t = 20, value_name = "SECONDS")]
    timeout: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Fetched {
    hours: usize,
    days: usize,
    first: Option<Date>,
    last: Option<Date>,
    findings: Findings,
}

pub(super) fn fetch(args: &FetchArgs) -> Result<(), Failure> {
    let hourly = args.out.with_extension("hours.csv");
    let mut hours = match File::open(&hourly) {
        Ok(file) => Hours::read(file).map_err(Failure::usage)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Hours::default(),
        Err(error) => {
            return Err(Failure::usage(format!(
                "cannot read {}: {error}",
                hourly.display()
            )));
        }
    };
    let mut rpc = Endpoint::new(
        &args.rpc,
        Duration::from_secs(args.timeout),
        Duration::from_millis(500),
    )?;
    let plan = Plan {
        days: args.days,
        run: args.run,
    };
    let bar = bar("reading blocks");
    // A save that fails ends the fetch, with its own reason.
    let mut unsaved = None;
    let save = |hours: &Hours| {
        keep(hours, &hourly, &args.out).map_err(|failure| {
            let problem = failure.to_string();
            unsaved = Some(failure);
            forecast::Error::Resume { problem }
        })
    };
    let fetched = fetch::fetch(&mut rpc, &mut hours, plan, save, |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    if let Err(error) = fetched {
        if unsaved.is_none() {
            keep(&hours, &hourly, &args.out)?;
        }
        return Err(unsaved.unwrap_or_else(|| Failure::work(error)));
    }
    let (history, findings) =
        open(&args.out).map_or((None, Findings::default()), |(h, f)| (Some(h), f));
    let fetched = Fetched {
        hours: hours.len(),
        days: history.as_ref().map_or(0, |history| history.days().len()),
        first: history.as_ref().map(History::first),
        last: history.as_ref().map(History::last),
        findings,
    };
    crate::cmd::print(args.json, &fetched, |fetched| {
        match fetched.first.zip(fetched.last) {
            Some((first, last)) => {
                super::tell(&fetched.findings);
                format!(
                    "{} full hours, {} full days: {first} to {last}",
                    fetched.hours, fetched.days
                )
            }
            None => format!("{} full hours, no full day yet", fetched.hours),
        }
    })
}

/// Write hours and days, each whole or not at all.
fn keep(hours: &Hours, hourly: &Path, daily: &Path) -> Result<(), Failure> {
    let mut text = Vec::new();
    hours.write(&mut text).map_err(Failure::work)?;
    write(hourly, &text)?;
    text.clear();
    hours.write_days(&mut text).map_err(Failure::work)?;
    write(daily, &text)
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  stele forecast import export-AvgGasPrice.csv --out daily.csv")]
pub(super) struct ImportArgs {
    /// An Etherscan chart export, or a table with the columns date and gas_price_wei
    file: PathBuf,
    /// Table to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Imported {
    days: usize,
    first: Date,
    last: Date,
    findings: Findings,
}

pub(super) fn import(args: &ImportArgs) -> Result<(), Failure> {
    let (history, findings) = open(&args.file)?;
    let mut text = Vec::new();
    history.write_csv(&mut text).map_err(Failure::work)?;
    write(&args.out, &text)?;
    let imported = Imported {
        days: history.days().len(),
        first: history.first(),
        last: history.last(),
        findings,
    };
    crate::cmd::print(args.json, &imported, |imported| {
        let mut text = String::new();
        for (first, last) in &imported.findings.gaps {
            text.push_str(&format!("gap: {first} to {last}\n"));
        }
        let days = [
            ("no usable price", &imported.findings.unpriced),
            ("outlier, kept", &imported.findings.outliers),
        ];
        for (what, days) in days {
            for day in days {
                text.push_str(&format!("{what}: {day}\n"));
            }
        }
        let Imported {
            days, first, last, ..
        } = imported;
        text + &format!("{days} days, {first} to {last}, in {}", args.out.display())
    })
}
