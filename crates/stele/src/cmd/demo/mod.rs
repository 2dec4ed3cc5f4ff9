//! `stele demo`: the whole story on real components, on this machine.

mod story;
mod teller;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use teller::{Step, Teller};

use super::Failure;
use crate::stage::{Chain, Hospital};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stele demo
  stele demo --xray wrist.dcm
  stele demo --once --json | jq .steps

Everything runs on this machine and listens on 127.0.0.1 only: an Ethereum node with its state on
disk and three hospitals' nodes. Keys are made anew each time; their passphrase is `demo`.")]
pub(crate) struct Args {
    /// Radiograph to tell the story with: DICOM, PNG or JPEG [default: a real chest radiograph]
    #[arg(long, value_name = "FILE")]
    xray: Option<PathBuf>,
    /// End when the story does instead of staying up until Ctrl-C
    #[arg(long)]
    once: bool,
    /// Print one JSON document and nothing else
    #[arg(long)]
    json: bool,
    /// Folder for keys, blocks, databases and proofs; one that an earlier demo made is emptied
    #[arg(long, default_value = ".stele/demo", value_name = "DIR")]
    dir: PathBuf,
    /// Only set the scene (chain, hospitals, people) and keep it up: for tests that play themselves
    #[arg(long, hide = true)]
    scene: bool,
}

/// What the demo says to programs.
#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    rpc: String,
    chain_id: u64,
    contracts: BTreeMap<&'static str, String>,
    nodes: Vec<NodeReport>,
    steps: &'a [Step],
    #[serde(skip_serializing_if = "Option::is_none")]
    artifacts: Option<&'a story::Artifacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    people: Option<BTreeMap<&'static str, PathBuf>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    pids: BTreeMap<String, u32>,
}

#[derive(Serialize)]
struct NodeReport {
    name: String,
    url: String,
    ipfs_peer: String,
    institution: String,
    folder: PathBuf,
}

/// Everything that runs.
#[derive(Default)]
struct Running {
    chain: Option<Chain>,
    hospitals: Vec<Hospital>,
    artifacts: Option<story::Artifacts>,
    people: BTreeMap<&'static str, PathBuf>,
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    crate::runtime()?.block_on(async {
        let mut stop = Box::pin(stopped());
        let mut teller = Teller::new(args.json);
        let mut running = Running::default();
        let outcome = tokio::select! {
            outcome = tell(&args, &mut teller, &mut running) => outcome,
            () = &mut stop => Err(Failure::work("stopped before the story ended")),
        };
        report(&args, &teller, &running, outcome.as_ref().err())?;
        if outcome.is_ok() && !args.once {
            stop.await;
        }
        end(running).await?;
        outcome
    })
}

async fn tell(args: &Args, teller: &mut Teller, running: &mut Running) -> Result<(), Failure> {
    let folder = empty(&args.dir)?;
    let xray = story::Xray::load(args.xray.as_deref())?;
    let cast = story::scene(teller, running, &folder, &xray).await?;
    running.people = cast.key_files(&folder)?;
    if args.scene {
        return Ok(());
    }
    running.artifacts = Some(story::play(teller, running, &cast, &folder, &xray).await?);
    Ok(())
}

/// Ctrl-C or SIGTERM.
async fn stopped() {
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    match terminate {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without the handler SIGTERM ends the process at once, which stops the demo too.
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

async fn end(mut running: Running) -> Result<(), Failure> {
    for hospital in &mut running.hospitals {
        hospital.stop().await?;
    }
    running.chain.map_or(Ok(()), Chain::stop)
}

/// A folder for this run. An earlier demo's is emptied; anything else is left alone.
fn empty(dir: &Path) -> Result<PathBuf, Failure> {
    let io = |error: std::io::Error| {
        Failure::usage(format!("cannot use the folder {}: {error}", dir.display()))
    };
    let mark = dir.join("made-by-stele-demo");
    if dir.exists() {
        let mut entries = std::fs::read_dir(dir).map_err(io)?;
        if !mark.exists() && entries.next().is_some() {
            return Err(
                Failure::usage(format!("{} holds something else", dir.display()))
                    .hint("choose another folder with --dir"),
            );
        }
        std::fs::remove_dir_all(dir).map_err(io)?;
    }
    std::fs::create_dir_all(dir).map_err(io)?;
    std::fs::write(&mark, "").map_err(io)?;
    dir.canonicalize().map_err(io)
}

fn report(
    args: &Args,
    teller: &Teller,
    running: &Running,
    failure: Option<&Failure>,
) -> Result<(), Failure> {
    let Some(chain) = &running.chain else {
        return Ok(());
    };
    let report = Report {
        ok: failure.is_none(),
        rpc: chain.url(),
        chain_id: chain.deployment.chain_id,
        contracts: chain
            .deployment
            .contracts()
            .into_iter()
            .map(|(name, address)| (name, address.to_string()))
            .collect(),
        nodes: running.hospitals.iter().map(node_report).collect(),
        steps: teller.steps(),
        artifacts: running.artifacts.as_ref(),
        people: (!running.people.is_empty()).then(|| running.people.clone()),
        error: failure.map(ToString::to_string),
        pids: running
            .hospitals
            .iter()
            .filter_map(|hospital| Some((hospital.name.clone(), hospital.pid()?)))
            .chain([("ethereum".to_owned(), chain.pid())])
            .collect(),
    };
    if args.json {
        return super::print(true, &report, |_| String::new());
    }
    println!("\n{}", teller::table(report.steps));
    println!("\nEthereum  {} (chain {})", report.rpc, report.chain_id);
    for (name, address) in &report.contracts {
        println!("  {name:<9} {address}");
    }
    println!("Hospitals");
    for node in &report.nodes {
        println!("  {:<18} {}", node.name, node.url);
    }
    println!(
        "Keys, blocks, databases and proofs are in {}",
        args.dir.display()
    );
    if report.ok && !args.once {
        println!("{}", next_steps(running));
    }
    Ok(())
}

/// Which page to open, as whom, and what to try.
fn next_steps(running: &Running) -> String {
    let url = |number: usize| running.hospitals.get(number).map_or("", |h| h.url.as_str());
    let key = |who: &str| {
        let path = running.people.get(who);
        path.map_or_else(String::new, |path| path.display().to_string())
    };
    format!(
        "\nEverything stays up until Ctrl-C. Now try it yourself, with the passphrase `{}`:\n\
         \n  {}  with the key file {}\n    \
         as the patient: open \"My X-ray\", see the image, the reading and its heatmap, share it\n\
         \n  {}  with the key file {}\n    \
         as the doctor: write a report, have a radiograph read, look for a patient\n\
         \n  {}  with the key file {}\n    \
         as the specialist elsewhere: ask for access; the patient above answers",
        crate::stage::PASSPHRASE,
        url(0),
        key("patient"),
        url(0),
        key("doctor"),
        url(1),
        key("specialist"),
    )
}

fn node_report(hospital: &Hospital) -> NodeReport {
    NodeReport {
        name: hospital.name.clone(),
        url: hospital.url.clone(),
        ipfs_peer: format!("{}/ipfs/", hospital.url),
        institution: hospital.keys.address().to_string(),
        folder: hospital.folder().to_owned(),
    }
}
