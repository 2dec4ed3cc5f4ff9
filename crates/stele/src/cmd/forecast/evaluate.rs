//! `stele forecast evaluate`.

use std::path::{Path, PathBuf};

use forecast::backtest::Backtest;
use forecast::evaluate::{Evaluation, Span, evaluate};
use forecast::history::History;
use forecast::plot;
use jiff::civil::Date;

use super::{advance, bar, new_table, percent, read};
use crate::cmd::Failure;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stele forecast evaluate --data daily.csv --days 365
  stele forecast evaluate --data daily.csv --from 2023-05-13 --to 2023-05-19 --json")]
pub(super) struct Args {
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
    /// Draw plots into this folder, as SVG and PNG
    #[arg(long, value_name = "FOLDER")]
    plots: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let dates = args.from.zip(args.to);
    let span = dates.map_or(Span::Last(args.days), |(from, to)| Span::Dates(from, to));
    let history = read(&args.data)?;
    let bar = bar("forecasting");
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let judged = evaluate(&history, span, threads, |done, of| advance(&bar, done, of));
    let (evaluation, backtests) = judged.map_err(Failure::usage)?;
    bar.finish_and_clear();
    if let Some(folder) = &args.plots {
        draw(folder, &history, &evaluation, &backtests)?;
    }
    crate::cmd::print(args.json, &evaluation, table)
}

fn draw(
    folder: &Path,
    history: &History,
    evaluation: &Evaluation,
    backtests: &[Backtest],
) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::work(format!("cannot make {}: {error}", folder.display())))?;
    let Some(best) = backtests
        .iter()
        .find(|backtest| backtest.model == evaluation.best)
    else {
        return Err(Failure::work("the best model has no backtest"));
    };
    for kind in ["svg", "png"] {
        let file = |name: &str| folder.join(name).with_extension(kind);
        plot::backtest(&file("backtest"), history, best)
            .and_then(|()| plot::horizons(&file("horizons"), evaluation))
            .and_then(|()| plot::reliability(&file("reliability"), history, best))
            .and_then(|()| plot::savings(&file("savings"), evaluation))
            .map_err(Failure::work)?;
    }
    Ok(())
}

fn table(evaluation: &Evaluation) -> String {
    let mut all = new_table([
        "model",
        "rel. MAE",
        "MAPE",
        "sMAPE",
        "pinball",
        "80 % covers",
        "saved",
    ]);
    let mut ahead = new_table(["rel. MAE, days ahead", "1", "2", "3", "4", "5", "6", "7"]);
    let mut rows: Vec<_> = evaluation.models.iter().collect();
    rows.sort_by(|a, b| a.1.all.relative_mae.total_cmp(&b.1.all.relative_mae));
    for (name, judged) in rows {
        all.add_row([
            (*name).to_owned(),
            format!("{:.3}", judged.all.relative_mae),
            percent(judged.all.mape),
            percent(judged.all.smape),
            judged
                .all
                .pinball
                .map_or_else(String::new, |loss| format!("{loss:.3}")),
            judged.all.coverage_80.map_or_else(String::new, percent),
            percent(judged.savings.saved_share),
        ]);
        let errors = judged
            .by_horizon
            .values()
            .map(|score| format!("{:.3}", score.relative_mae));
        ahead.add_row(std::iter::once((*name).to_owned()).chain(errors));
    }
    format!(
        "{} to {}, horizons of 1 to 7 days\n{all}\n{ahead}\nbest: {}; following its advice saves \
         {} of the fee, hindsight would have saved {}",
        evaluation.from,
        evaluation.to,
        evaluation.best,
        percent(evaluation.saved_share),
        percent(evaluation.hindsight_share),
    )
}
