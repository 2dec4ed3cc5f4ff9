//! `stele reader`: train, evaluate and use the models that read radiographs.

mod evaluate;
mod predict;
mod train;

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reader::model::{EngineChoice, LoadedModel};

use super::{Failure, print};

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

/// The engine to use, common to most commands.
#[derive(Debug, clap::Args)]
struct EngineArg {
    /// What runs the network: auto, native, onnxruntime, and burn or vulkan where they were built
    /// in. The native engine trains, from given and from fresh weights alike, unless burn or vulkan
    /// is named
    #[arg(long, default_value = "auto", value_name = "NAME")]
    engine: String,
}

impl EngineArg {
    fn choice(&self) -> Result<EngineChoice, Failure> {
        EngineChoice::parse(&self.engine).map_err(Failure::usage)
    }

    fn open(&self, model: &str) -> Result<LoadedModel, Failure> {
        LoadedModel::named(model, self.choice()?).map_err(|e| {
            Failure::usage(e)
                .hint("name a shipped model (fracture, chest) or a folder with a model.json")
        })
    }
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

/// A table for people.
fn table<T: Into<comfy_table::Row>>(header: T) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table
        .load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY)
        .set_header(header);
    table
}

/// A bar on standard error, silent where that is no terminal.
fn bar(length: usize, what: &str) -> ProgressBar {
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
fn make_folder(path: &PathBuf) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
}

/// Write a file.
fn write(path: &PathBuf, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|e| Failure::work(format!("{}: {e}", path.display())))
}
