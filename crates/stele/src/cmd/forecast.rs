//! `stele forecast`.

use super::Failure;

/// Arguments of `stele forecast`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Run the command.
pub(crate) fn run(_args: Args) -> Result<(), Failure> {
    Ok(())
}
