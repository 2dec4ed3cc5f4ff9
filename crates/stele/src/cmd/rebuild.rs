//! `stele rebuild`: make a node's database again.

use super::Failure;
use super::node::NodeArgs;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rm data/node.db && stele rebuild --config stele.toml --key hospital.key
  stele rebuild --config stele.toml --key hospital.key --from-peers

Stop the node first. The database must be empty or absent; what it held is restored from the chain,
the log and the journal in the vault. With --from-peers, what the vault does not have any more is
fetched from the other institutions, which keep the journal's pages as well, sealed.")]
pub(crate) struct Args {
    #[command(flatten)]
    node: NodeArgs,
    /// Fetch pages of the journal and blobs that are not here from the other institutions
    #[arg(long)]
    from_peers: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let (config, keys) = args.node.load()?;
    let report = crate::runtime()?
        .block_on(node::rebuild(config, keys, args.from_peers))
        .map_err(Failure::work)?;
    super::print(args.json, &report, |report| {
        let mut said = format!(
            "restored {} documents from {} batches on {} journal pages, {} of them from other \
             institutions; {} log entries agree with the chain; {} blobs are watched again",
            report.documents,
            report.batches,
            report.pages,
            report.fetched,
            report.log_entries,
            report.blobs
        );
        if report.lost_pages > 0 {
            let lost = report.lost_pages;
            said.push_str(&format!("\n{lost} pages at the end of the journal could not be used: one before them is lost"));
        }
        if report.lost_blobs > 0 {
            let lost = report.lost_blobs;
            said.push_str(&format!(
                "\n{lost} blobs of records are lost: no institution has them"
            ));
        }
        said
    })
}
