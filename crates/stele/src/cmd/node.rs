//! `stele node`: run a hospital's node.

use std::path::PathBuf;

use super::Failure;
use super::person::KeyArgs;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stele node --config stele.toml --key hospital.key
  STELE_LISTEN=0.0.0.0:8101 stele node --config stele.toml --key hospital.key
  stele node --config stele.toml --key hospital.key --set quorum=1 --set 'log=\"debug\"'

Settings come from the file, then STELE_* variables, then --set; the last one wins.
SIGTERM and Ctrl-C stop the node within five seconds; nothing acknowledged is lost.")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

/// What every command needs that works on a node's own data.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct NodeArgs {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    key: KeyArgs,
    /// Override a setting, as in stele.toml
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
}

impl NodeArgs {
    /// The configuration and the institution's keys.
    pub(crate) fn load(
        &self,
    ) -> Result<(node::Config, std::sync::Arc<custody::model::keys::KeyRing>), Failure> {
        let flags = self
            .settings
            .join("\n")
            .parse::<toml::Table>()
            .map_err(|error| {
                Failure::usage(format!("--set: {error}"))
                    .hint("write --set NAME=VALUE as a line of stele.toml, strings in quotes")
            })?;
        // Key, passphrase and default node address are this program's own variables.
        let own = [
            "STELE_KEY",
            "STELE_PASSPHRASE",
            "STELE_PASSPHRASE_FILE",
            "STELE_NODE",
        ];
        let env = std::env::vars()
            .filter(|(name, _)| !own.contains(&name.as_str()) && !is_tool_variable(name));
        let config = node::Config::load(self.config.as_deref(), env, flags)
            .map_err(|error| Failure::usage(error).hint("`stele init` writes a stele.toml"))?;
        Ok((config, self.key.ring()?))
    }
}

/// Variables that name programs and data of tests and the demo, not settings of a node.
fn is_tool_variable(name: &str) -> bool {
    ["STELE_ANVIL", "STELE_DICOM_DIR", "STELE_MODELS"].contains(&name)
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let (config, keys) = args.node.load()?;
    crate::runtime()?
        .block_on(node::run(config, keys, crate::extras::all()))
        .map_err(Failure::work)
}
