//! `stele rebuild`: make a node's database again.

use super::Failure;
use super::node::NodeArgs;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  rm data/node.db && stele rebuild --config stele.toml --key hospital.key

Stop the node first. The database must be empty or absent; what it held is restored from the chain,
the log and the blocks in the vault (fetched from the other institutions where they are missing).")]
pub(crate) struct Args {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let (config, keys) = args.node.load()?;
    let report = crate::runtime()?
        .block_on(node::rebuild(config, keys))
        .map_err(Failure::work)?;
    super::print(args.json, &report, |report| {
        format!(
            "restored {} documents from {} batches on {} journal pages; {} log entries agree with the \
             chain; {} blobs are watched again",
            report.documents, report.batches, report.pages, report.log_entries, report.blobs
        )
    })
}
