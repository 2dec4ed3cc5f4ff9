//! `stele forecast train`.

use std::path::PathBuf;
use std::time::Instant;

use forecast::plot;
use forecast::trained::{Kind, train};
use serde::Serialize;

use super::{advance, bar, read, write};
use crate::cmd::Failure;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stele forecast train --data daily.csv --out fees.json
  stele forecast train --data daily.csv --model paper-lstm --plot loss.svg --out lstm.json

The same data and seed give the same file, bit for bit.")]
pub(super) struct Args {
    /// Table with the columns date and gas_price_wei, or an Etherscan export
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Which model
    #[arg(long, value_enum, default_value_t = Choice::QuantileBlend)]
    model: Choice,
    /// Seed of weights and order
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Model file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Plot the loss of each epoch (SVG or PNG by its name); the blend has no epochs
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Choice {
    /// Quantile regressions over four spans of the past: what the program ships
    QuantileBlend,
    /// The recurrent network of the 2023 paper
    PaperLstm,
}

#[derive(Serialize)]
struct Done {
    model: &'static str,
    from: jiff::civil::Date,
    to: jiff::civil::Date,
    seed: u64,
    seconds: f64,
    bytes: usize,
    losses: Vec<f64>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let kind = match args.model {
        Choice::QuantileBlend => Kind::Blend,
        Choice::PaperLstm => Kind::Paper,
    };
    let history = read(&args.data)?;
    let begun = Instant::now();
    let bar = bar("training");
    let training = train(&history, kind, args.seed, |done, of| {
        advance(&bar, done, of)
    })
    .map_err(Failure::usage)?;
    bar.finish_and_clear();
    let seconds = begun.elapsed().as_secs_f64();
    let bytes = training.trained.to_json().map_err(Failure::work)?;
    write(&args.out, &bytes)?;
    match &args.plot {
        Some(path) if !training.losses.is_empty() => {
            plot::losses(path, &training.losses).map_err(Failure::work)?;
        }
        Some(_) => eprintln!(
            "note: {} has no epochs, so no loss is plotted",
            training.trained.name()
        ),
        None => {}
    }
    let done = Done {
        model: training.trained.name(),
        from: training.trained.from,
        to: training.trained.to,
        seed: args.seed,
        seconds,
        bytes: bytes.len(),
        losses: training.losses,
    };
    crate::cmd::print(args.json, &done, |done| {
        let mut text = String::new();
        for (epoch, loss) in done.losses.iter().enumerate() {
            text.push_str(&format!("epoch {:>2}  loss {loss:.4}\n", epoch + 1));
        }
        text + &format!(
            "{} trained on {} to {} in {:.1} s; {} bytes in {}",
            done.model,
            done.from,
            done.to,
            done.seconds,
            done.bytes,
            args.out.display()
        )
    })
}
