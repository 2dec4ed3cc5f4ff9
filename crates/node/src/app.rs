//! What every handler and every job works with.

use std::sync::Arc;

use crate::Config;
use crate::chain::LedgerChain;
use crate::db::Database;
use crate::fees::Fees;
use crate::metrics::Metrics;
use crate::reading::Readings;
use crate::session::Place;
use crate::templates::Templates;
use api::node::NodeCard;
use custody::ports::chain::Chain;
use custody::ports::postman::Postman;
use custody::uses::hospital::Hospital;
use tokio_util::sync::CancellationToken;
use vault::budget::ByteBudget;
use vault::sign::RequestVerifier;

/// What every handler works with.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) hospital: Arc<Hospital>,
    pub(crate) database: Database,
    pub(crate) chain: Arc<LedgerChain>,
    pub(crate) config: Config,
    pub(crate) place: Place,
    pub(crate) card: NodeCard,
    pub(crate) requests: Arc<RequestVerifier>,
    pub(crate) budget: ByteBudget,
    pub(crate) metrics: Metrics,
    pub(crate) postman: Option<Arc<dyn Postman>>,
    pub(crate) templates: Templates,
    pub(crate) stopping: CancellationToken,
    pub(crate) fees: Fees,
    pub(crate) readings: Readings,
}

impl App {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) fn hospital(&self) -> &Arc<Hospital> {
        &self.0.hospital
    }

    pub(crate) fn database(&self) -> &Database {
        &self.0.database
    }

    pub(crate) fn chain(&self) -> &LedgerChain {
        &self.0.chain
    }

    pub(crate) fn facts(&self) -> &dyn Chain {
        self.0.chain.as_ref()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0.place
    }

    pub(crate) fn card(&self) -> &NodeCard {
        &self.0.card
    }

    /// What checks the signatures of other institutions' requests.
    pub(crate) fn requests(&self) -> &RequestVerifier {
        &self.0.requests
    }

    /// The bytes of other institutions' requests that are held in memory at once.
    pub(crate) fn budget(&self) -> &ByteBudget {
        &self.0.budget
    }

    pub(crate) fn readings(&self) -> &Readings {
        &self.0.readings
    }

    pub(crate) fn fees(&self) -> &Fees {
        &self.0.fees
    }

    pub(crate) fn postman(&self) -> Option<Arc<dyn Postman>> {
        self.0.postman.clone()
    }

    pub(crate) fn templates(&self) -> &Templates {
        &self.0.templates
    }

    /// Cancelled when the node stops.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }
}
