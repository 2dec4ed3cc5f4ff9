//! The command line of Stele: the only crate that knows the terminal.
// What a command prints is its result.
#![allow(clippy::print_stdout)]

#[cfg(feature = "hospital")]
mod beat;
mod cmd;
#[cfg(feature = "hospital")]
mod extras;
#[cfg(feature = "hospital")]
mod keystore;
mod output;
#[cfg(feature = "hospital")]
mod random;
#[cfg(any(feature = "hospital", feature = "forecast"))]
mod runtime;
#[cfg(feature = "hospital")]
mod stage;

#[cfg(any(feature = "hospital", feature = "forecast"))]
pub(crate) use runtime::runtime;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// Patient-owned medical records: sealed for the patient, carved for the world.
#[derive(Debug, Parser)]
#[command(name = "stele", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a node's configuration and key file
    #[cfg(feature = "hospital")]
    Init(cmd::init::Args),
    /// Run a hospital's node
    #[cfg(feature = "hospital")]
    Node(cmd::node::Args),
    /// Run the whole story on this machine
    #[cfg(feature = "hospital")]
    Demo(cmd::demo::Args),
    /// Make, show, share and recover keys
    #[cfg(feature = "hospital")]
    Key(cmd::key::Args),
    /// Deploy the contracts; admit hospitals, staff and patients
    #[cfg(feature = "hospital")]
    Registry(cmd::registry::Args),
    /// Upload, approve, list, read, export, verify and erase records
    #[cfg(feature = "hospital")]
    Record(cmd::record::Args),
    /// Ask for access, grant it, open what was granted, revoke
    #[cfg(feature = "hospital")]
    Consent(cmd::consent::Args),
    /// See who touched a record; verify a hospital's log
    #[cfg(feature = "hospital")]
    Audit(cmd::audit::Args),
    /// Make a node's database again from the chain, the log and the vault
    #[cfg(feature = "hospital")]
    Rebuild(cmd::rebuild::Args),
    /// Read radiographs: train, evaluate and use the models
    #[cfg(feature = "reader")]
    Reader(cmd::reader::Args),
    /// Forecast Ethereum fees and advise when to send
    #[cfg(feature = "forecast")]
    Forecast(cmd::forecast::Args),
    /// Print a script that completes commands in a shell
    #[command(after_help = "Example:\n  stele completions bash > /etc/bash_completion.d/stele")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<(), cmd::Failure> {
    match command {
        #[cfg(feature = "hospital")]
        Command::Init(args) => cmd::init::run(args),
        #[cfg(feature = "hospital")]
        Command::Node(args) => cmd::node::run(args),
        #[cfg(feature = "hospital")]
        Command::Demo(args) => cmd::demo::run(args),
        #[cfg(feature = "hospital")]
        Command::Key(args) => cmd::key::run(args),
        #[cfg(feature = "hospital")]
        Command::Registry(args) => cmd::registry::run(args),
        #[cfg(feature = "hospital")]
        Command::Record(args) => cmd::record::run(args),
        #[cfg(feature = "hospital")]
        Command::Consent(args) => cmd::consent::run(args),
        #[cfg(feature = "hospital")]
        Command::Audit(args) => cmd::audit::run(args),
        #[cfg(feature = "hospital")]
        Command::Rebuild(args) => cmd::rebuild::run(args),
        #[cfg(feature = "reader")]
        Command::Reader(args) => cmd::reader::run(args),
        #[cfg(feature = "forecast")]
        Command::Forecast(args) => cmd::forecast::run(args),
        Command::Completions { shell } => {
            let out = &mut std::io::stdout();
            clap_complete::generate(shell, &mut Cli::command(), "stele", out);
            Ok(())
        }
    }
}
