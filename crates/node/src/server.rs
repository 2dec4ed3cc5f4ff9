//! A node from configuration to graceful stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::node::NodeCard;
use custody::model::keys::KeyRing;
use custody::ports::chain::Chain as _;
use custody::ports::postman::Postman;
use custody::ports::store::Store;
use custody::uses::hospital::{Hospital, Settings};
use custody::uses::journal::journaled::Journaled;
use custody::uses::replication::{ActiveInstitutions, InstitutionSigner, StoreBook, key_id};
use ledger::relayer::{Relayer, Settings as RelayerSettings};
use ledger::{Finality, SystemClock};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use vault::budget::ByteBudget;
use vault::gateway::Gateway;
use vault::replicate::{Holder, Peer, Policy, Quotas, Replicator};
use vault::sign::{FileReplays, RequestVerifier, Signer, Verifier};
use vault::{EmbeddedVault, GatewayClient, HttpPeer, KuboVault, S3Config, S3Vault, Vault};

use crate::app::{App, Inner};
use crate::chain::LedgerChain;
use crate::config::{Config, VaultConfig};
use crate::db::Database;
use crate::extras::Extras;
use crate::fees::Fees;
use crate::http::router;
use crate::mail::Smtp;
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::peers::HttpPeers;
use crate::reading::Readings;
use crate::session::Place;
use crate::templates::Templates;

/// How long a stopping node waits for requests under way.
const GRACE: Duration = Duration::from_secs(3);
/// How long it then waits for jobs to finish their step.
const JOBS_GRACE: Duration = Duration::from_millis(700);
/// How long closing the database may take.
const CLOSE_GRACE: Duration = Duration::from_millis(500);
/// How long to wait for a block store that another process is about to let go.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Rest between two attempts at it.
const LOCK_PAUSE: Duration = Duration::from_millis(100);
/// Rest between two looks at transactions under way.
const RELAYER_POLL: Duration = Duration::from_millis(100);

/// How long a node with an empty database waits for what other institutions say.
const ASK_PEERS: Duration = Duration::from_secs(5);

/// Why a node does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another address with `listen`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The data directory cannot be made.
    #[error("cannot use the data directory: {0}")]
    DataDir(#[source] std::io::Error),
    /// The chain, its endpoint or the deployment.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The block store.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] custody::model::error::StoreError),
    /// Anything of the use cases.
    #[error(transparent)]
    Custody(#[from] custody::model::error::Error),
    /// The database is empty, but the block store holds this institution's journal.
    #[error(
        "the database is empty, but the block store holds this institution's journal; restore the database with `stele rebuild`"
    )]
    NeedsRebuild,
    /// Database and block store are empty, but others keep this institution's journal.
    #[error(
        "the database and the block store are empty, but other institutions keep this institution's journal; restore both with `stele rebuild --from-peers`"
    )]
    NeedsPeers,
    /// A rebuild was asked for over a database that holds something.
    #[error("the database is not empty; a rebuild starts from an empty one: move it away first")]
    NotEmpty,
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The server failed.
    #[error("the server stopped: {0}")]
    Server(#[source] std::io::Error),
}

/// What a rebuild restored.
#[derive(Clone, Debug, serde::Serialize)]
pub struct RebuildReport {
    /// Journal pages found in the block store.
    pub pages: u64,
    /// Batches replayed.
    pub batches: u64,
    /// Documents in the database.
    pub documents: u64,
    /// Entries in the log, whose root agrees with the last checkpoint on chain.
    pub log_entries: u64,
    /// Blobs whose replication is watched again.
    pub blobs: u64,
    /// Journal pages that were fetched from other institutions.
    pub fetched: u64,
    /// Journal pages that could not be used, since one before them is missing everywhere.
    pub lost_pages: u64,
    /// Blobs that no institution could give.
    pub lost_blobs: u64,
}

/// A running node.
pub struct Node {
    address: SocketAddr,
    url: String,
    app: App,
    stop: CancellationToken,
    server: JoinHandle<()>,
    jobs: JoinSet<()>,
}

/// Everything below HTTP.
struct Parts {
    hospital: Arc<Hospital>,
    database: Database,
    chain: Arc<LedgerChain>,
    relayer: Relayer,
    holder: Arc<Holder>,
    requests: Arc<RequestVerifier>,
}

/// Log to standard error as JSON lines. Does nothing if logging is set up already.
pub fn init_logging(filter: &str) {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let format = tracing_subscriber::fmt().json().with_env_filter(filter);
    let _ = format.with_writer(std::io::stderr).try_init();
}

/// Run a node until SIGTERM or SIGINT; it stops within five seconds with nothing lost.
///
/// # Errors
/// If it cannot start, or the server fails.
pub async fn run(config: Config, keys: Arc<KeyRing>, extras: Extras) -> Result<(), NodeError> {
    init_logging(&config.log);
    let node = Node::start_with(config, keys, extras).await?;
    tracing::info!(address = %node.address, "the node listens");
    stop_signal().await;
    tracing::info!("the node stops");
    node.stop().await
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        // Without signals the node runs until it is killed, which loses nothing either.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

impl Node {
    /// Start a node and return when it listens.
    ///
    /// # Errors
    /// If a part of it cannot be used.
    pub async fn start(config: Config, keys: Arc<KeyRing>) -> Result<Self, NodeError> {
        Self::start_with(config, keys, Extras::default()).await
    }

    /// The same with parts that a node works without.
    ///
    /// # Errors
    /// If a part of it cannot be used.
    pub async fn start_with(
        mut config: Config,
        keys: Arc<KeyRing>,
        extras: Extras,
    ) -> Result<Self, NodeError> {
        let listener = listen(config.listen).await?;
        let address = listener.local_addr().map_err(NodeError::Server)?;
        let postman = Smtp::open(&config.mail).map_err(NodeError::Setting)?;
        let templates = Templates::load(&config.templates).map_err(NodeError::Setting)?;
        let stop = CancellationToken::new();
        if config.public_url.is_empty() {
            config.public_url = format!("http://{address}");
        }
        let url = config.public_url.trim_end_matches('/').to_owned();
        let parts = assemble(&config, keys.clone()).await?;
        needs_no_rebuild(&parts).await?;
        if config.vault == VaultConfig::Embedded {
            sweep(&parts.hospital).await?;
        }
        if let Err(error) = parts.hospital.state_own_key().await {
            tracing::warn!(%error, "the institution's key is not on chain yet");
        }
        let budget = body_budget(&config);
        tokio::spawn(recount(parts.holder.clone()));
        let gateway = Gateway {
            holder: parts.holder,
            requests: parts.requests.clone(),
            budget: budget.clone(),
            public: config.serve_public,
        };
        let card = card(&config, &keys, &url, &parts.chain);
        let fees = Fees::open(
            config.fees.clone(),
            card.deployment.chain_id,
            config.data_dir.join("fees"),
        );
        let patience = Duration::from_secs(config.limits.request_s);
        let app = App::new(Inner {
            fees,
            readings: Readings::new(extras.reader),
            hospital: parts.hospital,
            database: parts.database,
            chain: parts.chain,
            place: Place::of(&url),
            card,
            requests: parts.requests,
            budget,
            metrics: Metrics::new(),
            postman: postman.map(|smtp| Arc::new(smtp) as Arc<dyn Postman>),
            templates,
            stopping: stop.clone(),
            config,
        });
        let jobs = crate::jobs::start(&app, parts.relayer, &stop);
        let pages = router(app.clone(), gateway, extras.web);
        let server = tokio::spawn(crate::serve::serve(listener, pages, patience, stop.clone()));
        Ok(Self {
            address,
            url,
            app,
            stop,
            server,
            jobs,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its public URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The use cases behind the API, for tests that look at what a node holds.
    #[must_use]
    pub fn hospital(&self) -> &Arc<Hospital> {
        self.app.hospital()
    }

    /// One round of challenges and repairs, now.
    ///
    /// # Errors
    /// If the vault or the database refuses.
    pub async fn guard(&self) -> Result<(), NodeError> {
        Ok(crate::jobs::guard(&self.app).await?)
    }

    /// Stop: take no more requests, finish those under way, end the jobs, close the database.
    /// Takes less than five seconds; what is cut off then is resumed at the next start.
    ///
    /// # Errors
    /// If the server had failed.
    pub async fn stop(mut self) -> Result<(), NodeError> {
        self.stop.cancel();
        let served = tokio::time::timeout(GRACE, &mut self.server).await;
        if served.is_err() {
            self.server.abort();
        }
        let jobs = async { while self.jobs.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(JOBS_GRACE, jobs).await;
        self.jobs.abort_all();
        // Requests that were cut off may hold connections still; the file is safe without them.
        let _ = tokio::time::timeout(CLOSE_GRACE, self.app.database().close()).await;
        match served {
            Ok(Err(error)) => Err(NodeError::Server(std::io::Error::other(error))),
            _ => Ok(()),
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, NodeError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| NodeError::Listen { address, source })
}

/// Refuse to start over an empty database if this institution's journal is kept anywhere.
async fn needs_no_rebuild(parts: &Parts) -> Result<(), NodeError> {
    if !parts.database.is_empty().await? {
        return Ok(());
    }
    if parts.hospital.store.has_pages().await? {
        return Err(NodeError::NeedsRebuild);
    }
    let asked = parts.hospital.others_keep_pages();
    if tokio::time::timeout(ASK_PEERS, asked).await == Ok(true) {
        return Err(NodeError::NeedsPeers);
    }
    Ok(())
}

/// Let go of the blobs of uploads that were cut off.
async fn sweep(hospital: &Hospital) -> Result<(), NodeError> {
    let swept = hospital.sweep().await?;
    if swept > 0 {
        tracing::info!(swept, "blobs of uploads that were cut off are gone");
    }
    Ok(())
}

/// Count what others store here: an earlier process may have died between a replica and its
/// account.
async fn recount(holder: Arc<Holder>) {
    if let Err(error) = holder.recount().await {
        tracing::warn!(%error, "what others store here could not be counted");
    }
}

/// What the node says of itself.
fn card(config: &Config, keys: &KeyRing, url: &str, chain: &LedgerChain) -> NodeCard {
    NodeCard {
        institution: keys.address(),
        name: config.name.clone(),
        url: url.to_owned(),
        ipfs_peer: format!("{url}/ipfs/"),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        deployment: *chain.deployment(),
        first_block: chain.first_block(),
    }
}

/// Restore an empty database from the block store and check it against the chain. With `from_peers`,
/// pages and blobs that are not in the block store are fetched from the other institutions first.
///
/// # Errors
/// If the database is not empty, the journal is damaged, or the restored log contradicts the chain.
pub async fn rebuild(
    config: Config,
    keys: Arc<KeyRing>,
    from_peers: bool,
) -> Result<RebuildReport, NodeError> {
    let database = open_database(&config).await?;
    if !database.is_empty().await? {
        return Err(NodeError::NotEmpty);
    }
    database.close().await;
    let parts = assemble(&config, keys.clone()).await?;
    let fetched = match from_peers {
        true => parts.hospital.fetch_pages().await?,
        false => 0,
    };
    let rebuilt = parts.hospital.store.rebuild(from_peers).await?;
    // What was opened over the empty database is stale: the log has to be read anew.
    parts.database.close().await;
    drop(parts);
    let parts = assemble(&config, keys).await?;
    let hospital = &parts.hospital;
    hospital.find_spares().await?;
    let lost_blobs = match from_peers {
        true => hospital.fetch_blobs().await?,
        false => 0,
    };
    let blobs = hospital.watch_again().await?;
    hospital.agrees_with_chain().await?;
    let entry = custody::model::log_entry::Entry::new(
        api::log::Deed::Rebuild,
        hospital.now(),
        hospital.address(),
    );
    let log_entries = hospital.touch(entry).await? + 1;
    parts.database.close().await;
    Ok(RebuildReport {
        pages: rebuilt.pages,
        batches: rebuilt.batches,
        documents: rebuilt.documents,
        log_entries,
        blobs,
        fetched,
        lost_pages: rebuilt.lost,
        lost_blobs,
    })
}

async fn open_database(config: &Config) -> Result<Database, NodeError> {
    std::fs::create_dir_all(&config.data_dir).map_err(NodeError::DataDir)?;
    Ok(Database::open(&config.database_url()).await?)
}

async fn open_vault(config: &Config) -> Result<Arc<dyn Vault>, NodeError> {
    Ok(match &config.vault {
        VaultConfig::Embedded => Arc::new(open_blocks(config).await?),
        VaultConfig::Kubo { rpc } => Arc::new(KuboVault::new(rpc)?),
        VaultConfig::S3 {
            endpoint,
            bucket,
            region,
            access_key_id,
            secret_access_key,
        } => {
            Arc::new(S3Vault::new(&S3Config {
                endpoint: Some(endpoint.clone()),
                region: region.clone(),
                bucket: bucket.clone(),
                prefix: String::new(),
                access_key: access_key_id.clone(),
                secret_key: secret_access_key.clone().into(),
                // Longer than the longest upload may take.
                grace: Duration::from_secs(3600),
            })?)
        }
    })
}

/// Open the embedded block store. A node that is just stopping may hold it a moment longer.
async fn open_blocks(config: &Config) -> Result<EmbeddedVault, NodeError> {
    let mut patience = LOCK_PATIENCE;
    loop {
        match EmbeddedVault::open(config.data_dir.join("blocks")).await {
            Err(vault::Error::Locked { .. }) if !patience.is_zero() => {
                tokio::time::sleep(LOCK_PAUSE).await;
                patience = patience.saturating_sub(LOCK_PAUSE);
            }
            other => return Ok(other?),
        }
    }
}

async fn assemble(config: &Config, keys: Arc<KeyRing>) -> Result<Parts, NodeError> {
    let database = open_database(config).await?;
    let vault = open_vault(config).await?;
    let clock: custody::ports::clock::Clock = Arc::new(crate::now);
    let plain: Arc<dyn Store> = Arc::new(database.clone());
    let (chain, relayer) = open_chain(config, &keys, plain.clone()).await?;
    let key = seal::derive::subkey(keys.root(), "journal");
    let key = seal::PartKey::from_bytes(&key);
    let page_copies = config.replicas.saturating_sub(1).min(config.peers.len());
    let mut store = Journaled::new(plain, vault.clone(), key, clock.clone());
    if page_copies > 0 {
        store = store.spread();
    }
    let store = Arc::new(store);
    let signer: Arc<dyn Signer> = Arc::new(InstitutionSigner::new(&keys)?);
    let verifier: Arc<dyn Verifier> = Arc::new(ActiveInstitutions::new(chain.clone()));
    let book = Arc::new(StoreBook::new(store.clone()));
    let quota =
        |peer: &crate::config::Peer| (key_id(&peer.address), config.limits.peer_store_bytes);
    let holder = Holder::new(vault.clone(), signer.clone(), book, clock.clone());
    let holder = holder.with_quotas(Quotas::new(config.peers.iter().map(quota)));
    let holder = Arc::new(holder);
    let mut others: Vec<Arc<dyn Peer>> = Vec::new();
    for peer in &config.peers {
        let client = GatewayClient::new(&peer.url)?.signed_by(signer.clone(), clock.clone());
        others.push(Arc::new(HttpPeer::new(client, key_id(&peer.address))));
    }
    let policy = Policy {
        copies: config.replicas,
        quorum: config.quorum,
    };
    let replicator = Replicator::new(holder.clone(), others, policy, verifier.clone());
    let authority = Place::of(&config.public_url).domain;
    let authorities = if authority.is_empty() {
        Vec::new()
    } else {
        vec![authority]
    };
    let replays = FileReplays::open(config.data_dir.join("replays"), clock())?;
    let requests = RequestVerifier::new(verifier, clock.clone(), authorities);
    let requests = Arc::new(requests.remembering(Arc::new(replays)));
    let peers = HttpPeers::new(&config.peers, signer, clock.clone()).map_err(NodeError::Setting)?;
    let settings = Settings {
        name: config.name.clone(),
        draft_ttl: config.draft_ttl_s,
        upload_bytes: config.limits.upload_bytes,
        url: config.public_url.clone(),
        page_copies,
    };
    let hospital = Hospital::open(
        keys,
        store,
        vault,
        replicator,
        chain.clone(),
        Arc::new(peers),
        clock,
        settings,
    )
    .await?;
    Ok(Parts {
        hospital: Arc::new(hospital),
        database,
        chain,
        relayer,
        holder,
        requests,
    })
}

/// What other institutions' bodies may take in memory. One institution's share has room for a page.
fn body_budget(config: &Config) -> ByteBudget {
    let total = config
        .limits
        .peer_body_bytes
        .max(custody::uses::journal::copies::PAGE_BYTES);
    ByteBudget::new(
        total,
        (total / 2).max(custody::uses::journal::copies::PAGE_BYTES),
    )
}

async fn open_chain(
    config: &Config,
    keys: &KeyRing,
    store: Arc<dyn Store>,
) -> Result<(Arc<LedgerChain>, Relayer), NodeError> {
    let file = ledger::Deployment::load(&config.deployment)?;
    let mut settings = RelayerSettings::new(file.chain_id);
    settings.poll = RELAYER_POLL;
    let finality = Finality::Tag {
        or_depth: config.final_blocks,
    };
    settings.finality = finality;
    let chain = crate::chain::connect(config, file).await?;
    let signer = Arc::new(keys.wallet().clone());
    let outbox = Arc::new(Outbox::new(store));
    let relayer = Relayer::with_witnesses(
        chain.endpoint().clone(),
        chain.witnesses().to_vec(),
        outbox,
        signer,
        Arc::new(SystemClock),
        settings,
    );
    let chain = LedgerChain::new(chain, relayer.clone(), finality);
    Ok((Arc::new(chain), relayer))
}
