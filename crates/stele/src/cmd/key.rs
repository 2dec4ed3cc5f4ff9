//! `stele key`: make key files, look at them, share them among guardians, get them back.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use custody::model::keys::{KeyRing, RING_LEN};
use serde::Serialize;
use zeroize::Zeroizing;

use super::Failure;
use super::person::{KeyArgs, new_passphrase};
use crate::keystore;
use crate::keystore::Public;

/// Length of each of a key ring's secrets, bytes.
const SECRET: usize = 32;
/// Where the wallet, the sealing key and the root secret begin in a key ring's bytes. The byte
/// before the sealing key names its suite and is no secret.
const SECRETS_AT: [usize; 3] = [0, 33, 65];
const SUITE_AT: usize = 32;

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
    /// Make a key file
    #[command(after_help = "Examples:
  stele key new --name 'Asha Rao' rao.key
  STELE_PASSPHRASE=… stele key new --name 'City Hospital' city.key")]
    New {
        /// Where to write it; never overwritten
        file: PathBuf,
        /// A name for your own eyes
        #[arg(long)]
        name: String,
        /// File whose first line is the passphrase
        #[arg(long, env = "STELE_PASSPHRASE_FILE", value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Show the public half of a key file; needs no passphrase
    #[command(after_help = "Example:\n  stele key show maria.key")]
    Show {
        /// The key file
        file: PathBuf,
    },
    /// Split the keys among guardians: any THRESHOLD of them give them back
    #[command(after_help = "Example:
  stele key share --key rao.key --guardians 3 --threshold 2 --out shares/")]
    Share {
        #[command(flatten)]
        key: KeyArgs,
        /// How many shares to make
        #[arg(long, default_value_t = 3)]
        guardians: u8,
        /// How many of them are needed
        #[arg(long, default_value_t = 2)]
        threshold: u8,
        /// Folder for the shares
        #[arg(long)]
        out: PathBuf,
    },
    /// Make a key file again out of guardians' shares
    #[command(after_help = "Example:
  stele key recover --name 'Asha Rao' --out rao.key shares/1.share shares/3.share")]
    Recover {
        /// The shares
        #[arg(required = true)]
        shares: Vec<PathBuf>,
        /// Where to write the key file; never overwritten
        #[arg(long)]
        out: PathBuf,
        /// A name for your own eyes
        #[arg(long)]
        name: String,
        /// File whose first line is the new passphrase
        #[arg(long, env = "STELE_PASSPHRASE_FILE", value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
}

/// What a key file says without its passphrase.
#[derive(Serialize)]
struct Shown<'a> {
    file: &'a Path,
    #[serde(flatten)]
    public: Public,
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::New {
            file,
            name,
            passphrase_file,
        } => {
            let passphrase = new_passphrase(passphrase_file.as_ref())?;
            let ring = KeyRing::generate(&mut crate::random::os());
            let public = create(&file, &name, &ring, &passphrase)?;
            shown(args.json, &file, public)
        }
        Command::Show { file } => {
            let public = keystore::public(&file).map_err(Failure::usage)?;
            shown(args.json, &file, public)
        }
        Command::Share {
            key,
            guardians,
            threshold,
            out,
        } => share(args.json, &key, guardians, threshold, &out),
        Command::Recover {
            shares,
            out,
            name,
            passphrase_file,
        } => {
            let ring = recover(&shares)?;
            let passphrase = new_passphrase(passphrase_file.as_ref())?;
            let public = create(&out, &name, &ring, &passphrase)?;
            shown(args.json, &out, public)
        }
    }
}

/// Write a key file for a ring.
pub(crate) fn create(
    file: &Path,
    name: &str,
    ring: &KeyRing,
    passphrase: &Zeroizing<String>,
) -> Result<Public, Failure> {
    let public = Public {
        name: name.to_owned(),
        address: ring.address(),
        sealing_public: hex::encode(ring.sealing_public().to_bytes()),
    };
    keystore::create(file, &public, &ring.to_bytes(), passphrase).map_err(Failure::usage)?;
    Ok(public)
}

fn shown(json: bool, file: &Path, public: Public) -> Result<(), Failure> {
    super::print(json, &Shown { file, public }, |shown| {
        format!(
            "{}\n  name         {}\n  address      {}\n  sealing key  {}",
            shown.file.display(),
            shown.public.name,
            shown.public.address,
            shown.public.sealing_public,
        )
    })
}

/// Split a key ring's bytes into shares, one file each.
fn share(
    json: bool,
    key: &KeyArgs,
    guardians: u8,
    threshold: u8,
    out: &Path,
) -> Result<(), Failure> {
    let bytes = key.ring()?.to_bytes();
    // Wallet, sealing key and root secret are shared apart; a guardian's file holds a share of each.
    let suite = format!("{:02x}\n", bytes[SUITE_AT]);
    let mut lines: Vec<Zeroizing<String>> = (0..guardians)
        .map(|_| Zeroizing::new(suite.clone()))
        .collect();
    for at in SECRETS_AT {
        let secret = bytes[at..at + SECRET].try_into().map_err(Failure::work)?;
        let shares = seal::sharing::split(secret, threshold, guardians, &mut crate::random::os())
            .map_err(Failure::usage)?;
        for (line, share) in lines.iter_mut().zip(&shares) {
            line.push_str(&Zeroizing::new(hex::encode(&share.to_bytes()[..])));
            line.push('\n');
        }
    }
    let io = |error: std::io::Error| {
        Failure::usage(format!("cannot write shares to {}: {error}", out.display()))
    };
    std::fs::create_dir_all(out).map_err(io)?;
    let mut files = Vec::new();
    for (at, lines) in lines.iter().enumerate() {
        let path = out.join(format!("{}.share", at + 1));
        std::fs::write(&path, lines.as_bytes()).map_err(io)?;
        files.push(path);
    }
    super::print(json, &files, |files| {
        let names: Vec<String> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        format!(
            "any {threshold} of these restore the keys:\n  {}",
            names.join("\n  ")
        )
    })
}

fn recover(files: &[PathBuf]) -> Result<KeyRing, Failure> {
    let mut shares: [Vec<seal::sharing::Share>; SECRETS_AT.len()] = Default::default();
    let mut suite = None;
    for file in files {
        let bad = |why: &str| Failure::usage(format!("{}: {why}", file.display()));
        let text = std::fs::read_to_string(file).map(Zeroizing::new);
        let text = text.map_err(|error| bad(&error.to_string()))?;
        let decoded: Result<Vec<Zeroizing<Vec<u8>>>, _> = text
            .lines()
            .map(|line| hex::decode(line.trim()).map(Zeroizing::new))
            .collect();
        let decoded = decoded.map_err(|_| bad("it is no guardian's share"))?;
        let [byte, secrets @ ..] = decoded.as_slice() else {
            return Err(bad("it is empty"));
        };
        if secrets.len() != shares.len() || byte.len() != 1 {
            return Err(bad("it is no guardian's share"));
        }
        suite = Some(byte[0]);
        for (bytes, shares) in secrets.iter().zip(&mut shares) {
            let share = seal::sharing::Share::from_bytes(bytes);
            shares.push(share.map_err(|error| bad(&error.to_string()))?);
        }
    }
    let mut bytes = Zeroizing::new(vec![0; RING_LEN]);
    bytes[SUITE_AT] = suite.unwrap_or_default();
    for (at, shares) in SECRETS_AT.into_iter().zip(&shares) {
        let secret = seal::sharing::combine(shares).map_err(Failure::usage)?;
        bytes[at..at + SECRET].copy_from_slice(&secret[..]);
    }
    KeyRing::from_bytes(&bytes).map_err(Failure::usage)
}
