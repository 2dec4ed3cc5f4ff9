//! `stele forecast`: what fees will be, and when to send.

mod data;
mod endpoint;
mod evaluate;
mod files;
mod outlook;
mod show;
mod train;

use clap::Subcommand;

use super::Failure;
use files::{open, read, tell, write};
use show::{advance, bar, gwei, new_table, now, percent};

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
