//! Configuration, twelve-factor style: built-in defaults < `stele.toml` < environment < flags.
//!
//! An environment variable is `STELE_` and the setting's path in capitals, two underscores between
//! levels: `STELE_LISTEN=127.0.0.1:8101`, `STELE_LIMITS__UPLOAD_BYTES=1048576`. Its value is read as
//! TOML where it parses as such (numbers, booleans, lists), and as a plain string otherwise.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// The prefix of every environment variable that configures a node.
pub const PREFIX: &str = "STELE_";

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, or a setting has a name or a value that does not exist.
    #[error("the configuration is wrong: {0}")]
    Wrong(String),
}

/// Another institution's node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// The institution's wallet address.
    pub address: Address,
    /// Where its node listens, for example `https://stele.hospital.example`.
    pub url: String,
}

/// Where sealed bytes are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "engine", deny_unknown_fields)]
pub enum VaultConfig {
    /// In the block store inside `stele`, under the data directory.
    Embedded,
    /// In a Kubo node.
    Kubo {
        /// Its RPC address, for example `http://127.0.0.1:5001`.
        rpc: String,
    },
    /// In S3-compatible object storage.
    S3 {
        /// Its endpoint.
        endpoint: String,
        /// The bucket.
        bucket: String,
        /// The region's name.
        region: String,
        /// The access key's id.
        access_key_id: String,
        /// The secret access key.
        secret_access_key: String,
    },
}

/// What a node accepts from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The largest upload, bytes.
    pub upload_bytes: u64,
    /// The largest JSON body, bytes.
    pub json_bytes: u64,
    /// Requests per minute from one address before it has to wait.
    pub requests_per_minute: u32,
    /// How long a request may take, seconds; uploads and downloads have ten times as long.
    pub request_s: u64,
    /// How long an Ethereum endpoint may take to answer, seconds.
    pub rpc_s: u64,
    /// Seconds without a new block after which the Ethereum endpoint counts as stalled; 0 turns the
    /// check off, for chains that make blocks only on demand.
    pub stale_block_s: u64,
}

/// What is known and told of the chain's fees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeesConfig {
    /// Keep a history of fees and forecast the next days.
    pub forecast: bool,
    /// Days of history to begin with.
    pub history_days: u32,
    /// A model that `stele forecast train` made from this chain's own history; empty: the one that
    /// ships, which knows the main network.
    pub model: PathBuf,
    /// Seconds between two looks for new blocks.
    pub refresh_s: u64,
    /// The currency in which costs are shown beside ether, for example `EUR`.
    pub currency: String,
    /// Units of that currency for one ether; 0: costs are shown in ether alone. Nobody is asked for
    /// it: whoever runs the node keeps it as current as they like.
    pub ether_price: u64,
}

/// What counts as unusual access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchConfig {
    /// The hour at which the hospital's day begins.
    pub day_from: u8,
    /// The hour at which it ends.
    pub day_until: u8,
    /// Minutes that the hospital's clock is ahead of UTC.
    pub utc_offset_minutes: i32,
    /// Refused opens of one person on one day that are worth a question.
    pub refusals_warn: u64,
    /// The same, at once.
    pub refusals_alert: u64,
    /// Grants opened by one person within an hour that are worth a question.
    pub bulk_warn: u64,
    /// The same, at once.
    pub bulk_alert: u64,
}

/// How mail leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// The mail server, for example `smtps://user:password@mail.example.org` (TLS) or
    /// `smtp://user:password@mail.example.org?tls=required` (STARTTLS). Empty: no mail leaves.
    pub smtp: String,
    /// Who writes, for example `Hospital <noreply@example.org>`.
    pub from: String,
    /// Show every mail to everybody at `/api/v1/mails`. For demonstrations only: codes stand in
    /// mails.
    pub demo_inbox: bool,
}

/// The configuration of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The institution's name as people read it.
    pub name: String,
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address under which clients and peers reach this node; its host is the domain that
    /// sign-in messages must name. Empty: `http://` and the listening address.
    pub public_url: String,
    /// The folder for blocks and the embedded database.
    pub data_dir: PathBuf,
    /// `sqlite:PATH` or `postgres://…`. Empty: `node.db` in the data directory.
    pub database: String,
    /// The Ethereum endpoint.
    pub rpc: String,
    /// Further endpoints that must agree before access is given. One endpoint that lies can then
    /// only refuse service.
    pub rpc_witnesses: Vec<String>,
    /// The deployment file of the contracts.
    pub deployment: PathBuf,
    /// Where sealed bytes are kept.
    pub vault: VaultConfig,
    /// Serve blocks to everyone instead of to institutions only.
    pub serve_public: bool,
    /// The other institutions' nodes.
    pub peers: Vec<Peer>,
    /// How many institutions keep every record, this one included.
    pub replicas: usize,
    /// How many of them must hold it durably before an upload is acknowledged.
    pub quorum: usize,
    /// Seconds between two checkpoints on chain; 0 anchors on demand only.
    pub anchor_every_s: u64,
    /// Seconds between two rounds of challenges and repairs.
    pub challenge_every_s: u64,
    /// Seconds that an unsigned draft is kept.
    pub draft_ttl_s: u64,
    /// Seconds that a session lasts.
    pub session_ttl_s: u64,
    /// Blocks after which a transaction counts as final where the endpoint knows no `finalized` tag.
    pub final_blocks: u64,
    /// What is known and told of the chain's fees.
    pub fees: FeesConfig,
    /// What counts as unusual access.
    pub watch: WatchConfig,
    /// How mail leaves.
    pub mail: MailConfig,
    /// A folder with templates of reports of the hospital's own, FHIR Questionnaires; may be empty.
    pub templates: PathBuf,
    /// What is accepted from outside.
    pub limits: Limits,
    /// What to log: a `tracing` filter.
    pub log: String,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload_bytes: 256 << 20,
            json_bytes: 1 << 20,
            requests_per_minute: 1200,
            request_s: 30,
            rpc_s: 10,
            stale_block_s: 0,
        }
    }
}

impl Default for FeesConfig {
    fn default() -> Self {
        Self {
            forecast: true,
            history_days: 150,
            model: PathBuf::new(),
            refresh_s: 1800,
            currency: "EUR".to_owned(),
            ether_price: 0,
        }
    }
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            day_from: 6,
            day_until: 22,
            utc_offset_minutes: 0,
            refusals_warn: 3,
            refusals_alert: 10,
            bulk_warn: 10,
            bulk_alert: 30,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "Hospital".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8100)),
            public_url: String::new(),
            data_dir: PathBuf::from("stele-data"),
            database: String::new(),
            rpc: "http://127.0.0.1:8545".to_owned(),
            rpc_witnesses: Vec::new(),
            deployment: PathBuf::from("stele-deployment.json"),
            vault: VaultConfig::Embedded,
            serve_public: false,
            peers: Vec::new(),
            replicas: 3,
            quorum: 2,
            anchor_every_s: 3600,
            challenge_every_s: 300,
            draft_ttl_s: 86_400,
            session_ttl_s: 1800,
            final_blocks: 12,
            fees: FeesConfig::default(),
            watch: WatchConfig::default(),
            mail: MailConfig::default(),
            templates: PathBuf::new(),
            limits: Limits::default(),
            log: "info".to_owned(),
        }
    }
}

impl Config {
    /// Merge defaults, the file, the environment and flags, weakest first.
    ///
    /// # Errors
    /// If the file cannot be read, or a setting does not exist or has a value of the wrong kind.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: Table,
    ) -> Result<Self, ConfigError> {
        let mut merged = Table::try_from(Self::default()).map_err(wrong)?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                path: path.to_owned(),
                source,
            })?;
            let table = text
                .parse()
                .map_err(|e| wrong(format!("{}: {e}", path.display())))?;
            merge(&mut merged, table);
        }
        merge(&mut merged, from_environment(environment));
        merge(&mut merged, flags);
        let config: Self = merged.try_into().map_err(wrong)?;
        config.check()?;
        Ok(config)
    }

    /// The settings as a `stele.toml` that [`Config::load`] reads back.
    ///
    /// # Errors
    /// If a setting cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string_pretty(self).map_err(wrong)
    }

    /// The database's URL, with the default filled in.
    #[must_use]
    pub fn database_url(&self) -> String {
        if self.database.is_empty() {
            format!("sqlite:{}", self.data_dir.join("node.db").display())
        } else {
            self.database.clone()
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.quorum == 0 || self.quorum > self.replicas {
            return Err(wrong(format!(
                "quorum is {} of {} replicas: it must be at least 1 and at most the number of replicas",
                self.quorum, self.replicas
            )));
        }
        if self.mail.demo_inbox && !self.mail.smtp.is_empty() {
            return Err(wrong(
                "mail.demo_inbox shows every mail to everybody, guests' codes as well: remove it where mail.smtp sends real ones",
            ));
        }
        let least = forecast::features::LOOKBACK + 2;
        let days = usize::try_from(self.fees.history_days).unwrap_or(usize::MAX);
        if self.fees.forecast && days < least {
            return Err(wrong(format!(
                "fees.history_days is {days}: a forecast needs at least {least}"
            )));
        }
        if self.fees.forecast && !self.fees.model.as_os_str().is_empty() {
            crate::fee_model::model(&self.fees.model)
                .map_err(|error| wrong(format!("fees.model: {error}")))?;
        }
        if self.replicas > self.peers.len() + 1 {
            return Err(wrong(format!(
                "replicas is {} but there are {} nodes: add peers or lower replicas",
                self.replicas,
                self.peers.len() + 1
            )));
        }
        Ok(())
    }
}

fn wrong(error: impl ToString) -> ConfigError {
    ConfigError::Wrong(error.to_string())
}

fn merge(into: &mut Table, from: Table) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            // A vault of another engine replaces the whole table: its settings are not shared.
            (Some(Value::Table(old)), Value::Table(new)) if !new.contains_key("engine") => {
                merge(old, new);
            }
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

fn from_environment(environment: impl IntoIterator<Item = (String, String)>) -> Table {
    let mut table = Table::new();
    for (name, value) in environment {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let path = path.to_lowercase();
        // Other programs of the family have variables of their own (passphrases, for instance);
        // only names of settings are taken, so that a secret never ends up in a configuration.
        if !SETTINGS.contains(&path.split("__").next().unwrap_or_default()) {
            continue;
        }
        let mut nested = scalar(&value);
        for level in path.rsplit("__") {
            nested = Value::Table(Table::from_iter([(level.to_owned(), nested)]));
        }
        if let Value::Table(nested) = nested {
            merge(&mut table, nested);
        }
    }
    table
}

const SETTINGS: [&str; 24] = [
    "name",
    "listen",
    "public_url",
    "data_dir",
    "database",
    "rpc",
    "rpc_witnesses",
    "deployment",
    "vault",
    "serve_public",
    "peers",
    "replicas",
    "quorum",
    "anchor_every_s",
    "challenge_every_s",
    "draft_ttl_s",
    "session_ttl_s",
    "final_blocks",
    "fees",
    "watch",
    "mail",
    "templates",
    "limits",
    "log",
];

fn scalar(text: &str) -> Value {
    match format!("value = {text}").parse::<Table>() {
        Ok(mut table) => table
            .remove("value")
            .unwrap_or_else(|| Value::String(text.to_owned())),
        Err(_) => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("stele.toml");
        let text = "name = 'file'\nlisten = '127.0.0.1:1'\nreplicas = 1\nquorum = 1\n[limits]\njson_bytes = 7\n";
        std::fs::write(&file, text).unwrap();
        let flags: Table = "listen = '127.0.0.1:3'".parse().unwrap();
        let env = environment(&[
            ("STELE_LISTEN", "127.0.0.1:2"),
            ("STELE_NAME", "environment"),
            ("STELE_LIMITS__UPLOAD_BYTES", "9"),
            ("STELE_PASSPHRASE", "never read"),
        ]);
        let config = Config::load(Some(&file), env, flags).unwrap();
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.name, "environment");
        assert_eq!(config.limits.json_bytes, 7);
        assert_eq!(config.limits.upload_bytes, 9);
    }

    #[test]
    fn a_setting_that_does_not_exist_is_refused_by_name() {
        let flags: Table = "replicaz = 1".parse().unwrap();
        let error = Config::load(None, [], flags).unwrap_err();
        assert!(error.to_string().contains("replicaz"), "{error}");
    }

    #[test]
    fn a_model_of_fees_that_is_none_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("model.json");
        std::fs::write(&file, "{}").unwrap();
        for path in [&file, &dir.path().join("nowhere.json")] {
            let flags = format!("replicas = 1\nquorum = 1\n[fees]\nmodel = {path:?}");
            let error = Config::load(None, [], flags.parse().unwrap()).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("fees.model") && text.contains("json"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_quorum_that_cannot_be_reached_is_refused() {
        let flags: Table = "replicas = 1\nquorum = 2".parse().unwrap();
        assert!(
            Config::load(None, [], flags)
                .unwrap_err()
                .to_string()
                .contains("quorum")
        );
        let flags: Table = "replicas = 3\nquorum = 2".parse().unwrap();
        assert!(
            Config::load(None, [], flags)
                .unwrap_err()
                .to_string()
                .contains("peers")
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let written = Config {
            replicas: 2,
            peers: vec![Peer {
                address: Address::repeat_byte(3),
                url: "http://a.example".into(),
            }],
            vault: VaultConfig::Kubo {
                rpc: "http://127.0.0.1:5001".into(),
            },
            ..Config::default()
        };
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("stele.toml");
        std::fs::write(&file, written.to_toml().unwrap()).unwrap();
        assert_eq!(
            Config::load(Some(&file), [], Table::new()).unwrap(),
            written
        );
    }

    #[test]
    fn every_setting_has_an_environment_variable() {
        let names: Vec<String> = Table::try_from(Config::default())
            .unwrap()
            .keys()
            .cloned()
            .collect();
        let mut settings: Vec<String> = SETTINGS.iter().map(|s| (*s).to_owned()).collect();
        settings.sort();
        let mut names = names;
        names.sort();
        assert_eq!(names, settings);
    }
}
