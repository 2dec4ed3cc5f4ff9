//! `stele forecast`: what fees will be, and when to send.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use forecast::evaluate::{Evaluation, Span, evaluate};
use forecast::history::{Findings, History};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::civil::Date;

use super::Failure;

/// Arguments of `stele forecast`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Backtest all models side by side over the last days or a span
    #[command(after_help = "Examples:
  stele forecast evaluate --data daily.csv --days 365
  stele forecast evaluate --data daily.csv --from 2023-05-13 --to 2023-05-19 --json")]
    Evaluate {
        /// Table with the columns date and gas_price_wei, or an Etherscan export
        #[arg(long, value_name = "FILE")]
        data: PathBuf,
        /// Judge the last so many days
        #[arg(long, default_value_t = 365, value_name = "N")]
        days: usize,
        /// Judge from this day instead
        #[arg(long, requires = "to", value_name = "DATE")]
        from: Option<Date>,
        /// Judge up to and with this day
        #[arg(long, requires = "from", value_name = "DATE")]
        to: Option<Date>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Evaluate { data, days, from, to, json } => {
            let span = from.zip(to).map_or(Span::Last(days), |(from, to)| Span::Dates(from, to));
            let history = read(&data)?;
            let bar = bar("forecasting");
            let threads = std::thread::available_parallelism().map_or(1, Into::into);
            let (evaluation, _) = evaluate(&history, span, threads, |done, of| {
                bar.set_length(u64::try_from(of).unwrap_or(u64::MAX));
                bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
            })
            .map_err(Failure::usage)?;
            bar.finish_and_clear();
            super::print(json, &evaluation, table)
        }
    }
}

/// Read a history and say on standard error what is wrong with it.
fn read(path: &Path) -> Result<History, Failure> {
    let file = File::open(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    let (history, findings) = History::read_csv(file)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    tell(&findings);
    Ok(history)
}

fn tell(findings: &Findings) {
    for (first, last) in &findings.gaps {
        eprintln!("note: no data from {first} to {last}");
    }
    for (what, days) in
        [("without a usable price", &findings.unpriced), ("far from their neighbours", &findings.outliers)]
    {
        if let (Some(first), Some(last)) = (days.first(), days.last()) {
            eprintln!("note: {} days {what}, between {first} and {last}", days.len());
        }
    }
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

fn table(evaluation: &Evaluation) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["model", "rel. MAE", "MAPE", "sMAPE", "80 % covers", "saved"]);
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let mut rows: Vec<_> = evaluation.models.iter().collect();
    rows.sort_by(|a, b| a.1.all.relative_mae.total_cmp(&b.1.all.relative_mae));
    for (name, judged) in rows {
        table.add_row([
            (*name).to_owned(),
            format!("{:.3}", judged.all.relative_mae),
            percent(judged.all.mape),
            percent(judged.all.smape),
            judged.all.coverage_80.map_or_else(String::new, percent),
            percent(judged.savings.saved_share),
        ]);
    }
    format!(
        "{} to {}, horizons of 1 to 7 days\n{table}\nbest: {}; following its advice saves {} of the fee, \
         hindsight would have saved {}",
        evaluation.from,
        evaluation.to,
        evaluation.best,
        percent(evaluation.saved_share),
        percent(evaluation.hindsight_share),
    )
}
