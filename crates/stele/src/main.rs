//! The command line of Stele: the only crate that knows the terminal.

mod cmd;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Patient-owned medical records: sealed for the patient, carved for the world.
#[derive(Debug, Parser)]
#[command(name = "stele", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read radiographs: train, evaluate and use the models
    #[cfg(feature = "reader")]
    Reader(cmd::reader::Args),
    /// Forecast Ethereum fees and advise when to send
    #[cfg(feature = "forecast")]
    Forecast(cmd::forecast::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        #[cfg(feature = "reader")]
        Command::Reader(args) => cmd::reader::run(args),
        #[cfg(feature = "forecast")]
        Command::Forecast(args) => cmd::forecast::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
