//! `stele audit`: see who touched a record; verify a hospital's log.

use std::path::PathBuf;
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use clap::Subcommand;
use ledger::event_index::{Event, IndexStore as _, Kind, MemoryIndex, Settings};
use serde::Serialize;

use super::Failure;
use super::person::{PersonArgs, refused};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Who touched the own records, when and why; every entry verified
    Trail {
        #[command(flatten)]
        person: PersonArgs,
    },
    /// Anchor the hospital's log on chain now
    Checkpoint {
        #[command(flatten)]
        person: PersonArgs,
    },
    /// Verify that a hospital's checkpoints on chain only grow, from the chain alone
    #[command(after_help = "Example:
  stele audit verify --institution 0xA1… --deployment stele-deployment.json --rpc http://127.0.0.1:8545")]
    Verify {
        /// The hospital's wallet
        #[arg(long, value_name = "WALLET")]
        institution: Address,
        /// Deployment file of the contracts
        #[arg(long, default_value = ledger::FILE_NAME, value_name = "FILE")]
        deployment: PathBuf,
        /// Ethereum endpoint
        #[arg(long, value_name = "URL")]
        rpc: String,
    },
}

#[derive(Serialize)]
struct Line {
    institution: Address,
    leaf: u64,
    at: u64,
    deed: String,
    actor: Address,
    refusal: Option<String>,
    proven: bool,
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    crate::runtime()?.block_on(work(args))
}

async fn work(args: Args) -> Result<(), Failure> {
    let json = args.json;
    match args.command {
        Command::Trail { person } => {
            let trail = person.session().await?.trail().await.map_err(refused)?;
            let lines: Vec<Line> = trail
                .into_iter()
                .map(|(proven, entry)| Line {
                    institution: proven.institution,
                    leaf: proven.leaf,
                    at: entry.at,
                    deed: format!("{:?}", entry.deed).to_lowercase(),
                    actor: entry.actor,
                    refusal: entry.refusal.map(|refusal| format!("{refusal:?}")),
                    proven: proven.size > 0,
                })
                .collect();
            super::print(json, &lines, |lines| {
                let rows: Vec<String> = lines.iter().map(told).collect();
                rows.join("\n")
            })
        }
        Command::Checkpoint { person } => {
            let session = person.session().await?;
            let anchored = session.anchor().await.map_err(refused)?;
            if let Some(act) = &anchored.act {
                session
                    .settle(act.act, super::registry::SETTLE)
                    .await
                    .map_err(refused)?;
            }
            super::print(json, &anchored, |anchored| {
                format!("{} entries anchored under {}", anchored.size, anchored.root)
            })
        }
        Command::Verify {
            institution,
            deployment,
            rpc,
        } => {
            let report = checkpoints(institution, &deployment, &rpc).await?;
            let holds = report.holds;
            super::print(json, &report, told_log)?;
            if holds {
                Ok(())
            } else {
                Err(Failure::work("the log does not hold"))
            }
        }
    }
}

/// What the chain says about a hospital's log.
#[derive(Serialize)]
struct LogReport {
    holds: bool,
    institution: Address,
    admitted: bool,
    checkpoints: Vec<Anchor>,
}

#[derive(Serialize)]
struct Anchor {
    block: u64,
    size: u64,
    root: B256,
}

async fn checkpoints(
    institution: Address,
    deployment: &std::path::Path,
    rpc: &str,
) -> Result<LogReport, Failure> {
    let deployment = ledger::Deployment::load(deployment).map_err(Failure::usage)?;
    let endpoint = Arc::new(ledger::Rpc::connect(rpc).map_err(Failure::work)?);
    let chain = ledger::Chain::connect(endpoint, deployment)
        .await
        .map_err(Failure::work)?;
    let latest = chain
        .checkpoint_of(institution)
        .await
        .map_err(Failure::work)?;
    let events = Arc::new(MemoryIndex::default());
    ledger::Indexer::new(chain, events.clone(), Settings::default())
        .catch_up()
        .await
        .map_err(Failure::work)?;
    let of = |kind| events.events_of(kind, institution);
    let admitted = !of(Kind::Institution)
        .await
        .map_err(Failure::work)?
        .is_empty();
    let mut checkpoints = Vec::new();
    for indexed in of(Kind::Checkpoint).await.map_err(Failure::work)? {
        if let Event::Anchored { size, root, .. } = indexed.event {
            checkpoints.push(Anchor {
                block: indexed.block,
                size,
                root,
            });
        }
    }
    let grows = checkpoints
        .windows(2)
        .all(|pair| pair[0].size < pair[1].size);
    // What the events say last must be what the contract holds now.
    let last = checkpoints.last().map_or(0, |anchor| anchor.size);
    let holds = admitted && grows && latest.size == last;
    Ok(LogReport {
        holds,
        institution,
        admitted,
        checkpoints,
    })
}

fn told(line: &Line) -> String {
    let refusal = line
        .refusal
        .as_ref()
        .map_or_else(String::new, |why| format!(" ({why})"));
    let proven = if line.proven {
        "proven"
    } else {
        "not yet under a checkpoint"
    };
    format!(
        "{}  {:<9} {}{refusal}  [{} in the log of {}, {proven}]",
        super::date(line.at),
        line.deed,
        line.actor,
        line.leaf,
        line.institution
    )
}

fn told_log(report: &LogReport) -> String {
    let mut text = format!(
        "{}: {} checkpoints of {}",
        if report.holds {
            "VERIFIED"
        } else {
            "DOES NOT HOLD"
        },
        report.checkpoints.len(),
        report.institution
    );
    for checkpoint in &report.checkpoints {
        text.push_str(&format!(
            "\n  block {:>8}  {:>8} entries  {}",
            checkpoint.block, checkpoint.size, checkpoint.root
        ));
    }
    text
}
