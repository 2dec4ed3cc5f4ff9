//! `stele reader`: train, evaluate and use the models that read radiographs.

mod engine;
mod evaluate;
mod predict;
mod show;
mod train;

use clap::Subcommand;

use super::{Failure, print};
use engine::EngineArg;
use show::{bar, make_folder, table, write};

/// Arguments of `stele reader`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read images: verdict, calibrated probability, heatmap, or why there is none
    Predict(predict::Args),
    /// Measure a model on labelled images
    Evaluate(evaluate::Args),
    /// Put several evaluations side by side
    #[command(after_help = "Example:\n  stele reader compare runs/resnet50 runs/lite0")]
    Compare(evaluate::CompareArgs),
    /// Train a model
    Train(Box<train::Args>),
    /// Recompute a model's digests and, given the data, its figures
    #[command(after_help = "Example:\n  stele reader verify chest --data manifest.csv")]
    Verify(evaluate::VerifyArgs),
    /// Show what can run the networks here
    Engines(EnginesArgs),
}

/// Arguments of `stele reader engines`.
#[derive(Debug, clap::Args)]
struct EnginesArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Predict(args) => predict::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Compare(args) => evaluate::compare(&args),
        Command::Train(args) => train::run(&args),
        Command::Verify(args) => evaluate::verify(&args),
        Command::Engines(args) => engines(&args),
    }
}

fn engines(args: &EnginesArgs) -> Result<(), Failure> {
    print(args.json, &reader::model::engines(), |engines| {
        let mut table = table(["engine", "here", "auto", "detail"]);
        let mark = |yes: bool| if yes { "yes" } else { "no" };
        for e in engines {
            table.add_row([
                e.name.as_str(),
                mark(e.available),
                mark(e.chosen),
                e.detail.as_str(),
            ]);
        }
        table.to_string()
    })
}
