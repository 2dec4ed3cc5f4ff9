//! `stele init`: everything a node needs to start, in one folder.

use std::path::{Path, PathBuf};

use custody::model::keys::KeyRing;
use node::config::Peer;
use serde::Serialize;

use super::person::new_passphrase;
use super::{Failure, key};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stele init --name 'City Hospital' hospital/
  stele init --name 'City Hospital' --rpc http://127.0.0.1:8545 \\
      --deployment stele-deployment.json --peer 0xA1…=https://stele.other.example hospital/

Then: stele node --config hospital/stele.toml --key hospital/hospital.key")]
pub(crate) struct Args {
    /// Folder to fill; made if it does not exist
    folder: PathBuf,
    /// The institution's name as people read it
    #[arg(long)]
    name: String,
    /// Ethereum endpoint
    #[arg(long, default_value = "http://127.0.0.1:8545", value_name = "URL")]
    rpc: String,
    /// Deployment file of the contracts (`stele registry deploy` writes one)
    #[arg(long, default_value = ledger::FILE_NAME, value_name = "FILE")]
    deployment: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8101", value_name = "ADDRESS")]
    listen: std::net::SocketAddr,
    /// Another institution's node, as WALLET=URL; may be repeated
    #[arg(long = "peer", value_name = "WALLET=URL", value_parser = peer)]
    peers: Vec<Peer>,
    /// File whose first line is the passphrase of the new key file
    #[arg(long, env = "STELE_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    config: PathBuf,
    key: PathBuf,
    institution: String,
}

fn peer(text: &str) -> Result<Peer, String> {
    let (wallet, url) = text.split_once('=').ok_or("write it as WALLET=URL")?;
    let address = wallet
        .parse()
        .map_err(|_| format!("`{wallet}` is no wallet address"))?;
    Ok(Peer {
        address,
        url: url.to_owned(),
    })
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let io = |path: &Path, error: std::io::Error| {
        Failure::usage(format!("cannot write {}: {error}", path.display()))
    };
    std::fs::create_dir_all(&args.folder).map_err(|error| io(&args.folder, error))?;
    let config = args.folder.join("stele.toml");
    if config.exists() {
        return Err(
            Failure::usage(format!("{} exists already", config.display()))
                .hint("choose another folder, or edit that file"),
        );
    }
    let copies = args.peers.len() + 1;
    let settings = node::Config {
        name: args.name.clone(),
        listen: args.listen,
        data_dir: args.folder.join("data"),
        rpc: args.rpc,
        deployment: args.deployment,
        peers: args.peers,
        replicas: copies.min(3),
        quorum: copies.min(2),
        ..node::Config::default()
    };
    let text = settings.to_toml().map_err(Failure::usage)?;
    let passphrase = new_passphrase(args.passphrase_file.as_ref())?;
    let ring = KeyRing::generate(&mut crate::random::os());
    let file = args.folder.join("hospital.key");
    key::create(&file, &args.name, &ring, &passphrase)?;
    std::fs::write(&config, text).map_err(|error| io(&config, error))?;
    let made = Made {
        config,
        key: file,
        institution: ring.address().to_string(),
    };
    super::print(args.json, &made, |made| {
        format!(
            "{} and {} are written.\nThe institution's wallet is {}; give it ether for gas and have the \
             registrar admit it.\nStart: stele node --config {} --key {}",
            made.config.display(),
            made.key.display(),
            made.institution,
            made.config.display(),
            made.key.display()
        )
    })
}
