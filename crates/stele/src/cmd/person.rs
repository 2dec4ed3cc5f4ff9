//! Whose keys a command uses, and which node it talks to.

use std::path::PathBuf;
use std::sync::Arc;

use client::session::{Client, Session};
use custody::model::keys::KeyRing;
use zeroize::Zeroizing;

use super::Failure;
use crate::keystore;

/// A key file and how to open it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct KeyArgs {
    /// Key file
    #[arg(long, env = "STELE_KEY", value_name = "FILE")]
    key: PathBuf,
    /// File whose first line is the passphrase (or set STELE_PASSPHRASE; asked for otherwise)
    #[arg(long, env = "STELE_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Somebody who talks to a node.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PersonArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// Address of a node
    #[arg(
        long,
        env = "STELE_NODE",
        value_name = "URL",
        default_value = "http://127.0.0.1:8101"
    )]
    node: String,
}

impl KeyArgs {
    /// Open the key file.
    pub(crate) fn ring(&self) -> Result<Arc<KeyRing>, Failure> {
        // Read first what needs no passphrase, so that a wrong path is noticed before the prompt.
        let public = keystore::public(&self.key).map_err(|error| {
            Failure::usage(error).hint("make a key file with `stele key new --name NAME FILE`")
        })?;
        let prompt = format!("Passphrase of {} ({}): ", public.name, public.address);
        let passphrase = passphrase(self.passphrase_file.as_ref(), &prompt)?;
        let (_, secrets) = keystore::open(&self.key, &passphrase).map_err(Failure::usage)?;
        KeyRing::from_bytes(&secrets)
            .map(Arc::new)
            .map_err(Failure::usage)
    }
}

impl PersonArgs {
    /// Sign in to the node.
    pub(crate) async fn session(&self) -> Result<Session, Failure> {
        let ring = self.key.ring()?;
        let client = self.client()?;
        client.sign_in(ring).await.map_err(refused)
    }

    /// The node, without signing in.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.node).map_err(refused)
    }
}

/// What a node or its client said, as a failure of the work.
pub(crate) fn refused(error: client::session::ClientError) -> Failure {
    let hint = error.hint().map(str::to_owned);
    let failure = Failure::work(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A passphrase from a file, the environment or the terminal, in that order.
pub(crate) fn passphrase(
    file: Option<&PathBuf>,
    prompt: &str,
) -> Result<Zeroizing<String>, Failure> {
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|error| {
                Failure::usage(format!(
                    "cannot read the passphrase file {}: {error}",
                    path.display()
                ))
            })?;
        return Ok(Zeroizing::new(
            text.lines().next().unwrap_or_default().to_owned(),
        ));
    }
    if let Ok(text) = std::env::var("STELE_PASSPHRASE") {
        return Ok(Zeroizing::new(text));
    }
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|error| {
            Failure::usage(format!("no passphrase could be read: {error}")).hint(
                "give --passphrase-file FILE or set STELE_PASSPHRASE where there is no terminal",
            )
        })
}

/// A new passphrase: asked for twice at a terminal.
pub(crate) fn new_passphrase(file: Option<&PathBuf>) -> Result<Zeroizing<String>, Failure> {
    let first = passphrase(file, "New passphrase: ")?;
    if first.is_empty() {
        return Err(Failure::usage("an empty passphrase protects nothing"));
    }
    let asked = file.is_none() && std::env::var_os("STELE_PASSPHRASE").is_none();
    if asked && *passphrase(None, "Again: ")? != *first {
        return Err(Failure::usage(
            "the two passphrases differ; nothing was written",
        ));
    }
    Ok(first)
}
