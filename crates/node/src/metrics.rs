//! What the node counts, in the Prometheus text format. Labels are routes and statuses, never ids.

use std::time::Duration;

use custody::uses::lifecycle::Counts;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Documents {
    lifecycle: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Moved {
    lifecycle: &'static str,
}

/// The node's metrics.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Route, Counter>,
    seconds: Histogram,
    documents: Family<Documents, Gauge>,
    moved: Family<Moved, Counter>,
    /// Acts that are not final yet.
    pub(crate) errands: Gauge,
    /// Those of them that wait for a low fee or for a person's own transaction.
    pub(crate) resting: Gauge,
    /// Blocks that were found lost or altered.
    pub(crate) damaged: Counter,
    /// Blocks that were restored from a replica.
    pub(crate) repaired: Counter,
    /// Opens that were refused.
    pub(crate) refused: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("stele");
        let requests = Family::<Route, Counter>::default();
        let seconds = Histogram::new(exponential_buckets(0.001, 4.0, 9));
        let (errands, resting) = (Gauge::default(), Gauge::default());
        let (damaged, repaired, refused) =
            (Counter::default(), Counter::default(), Counter::default());
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register("http_request_seconds", "Time to answer", seconds.clone());
        let documents = Family::<Documents, Gauge>::default();
        let moved = Family::<Moved, Counter>::default();
        registry.register(
            "documents_due",
            "Documents that were due in the last round, by what became of them",
            documents.clone(),
        );
        registry.register(
            "documents_moved",
            "Steps that brought a document on",
            moved.clone(),
        );
        registry.register("acts_open", "Acts that are not final yet", errands.clone());
        registry.register(
            "acts_resting",
            "Acts that wait for a low fee or for a person's own transaction",
            resting.clone(),
        );
        registry.register(
            "blocks_damaged",
            "Blocks found lost or altered",
            damaged.clone(),
        );
        registry.register("blocks_repaired", "Blocks restored", repaired.clone());
        registry.register("opens_refused", "Opens refused", refused.clone());
        Self {
            registry,
            requests,
            seconds,
            documents,
            moved,
            errands,
            resting,
            damaged,
            repaired,
            refused,
        }
    }

    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let (method, route) = (method.to_owned(), route.to_owned());
        self.requests
            .get_or_create(&Route {
                method,
                route,
                status,
            })
            .inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// What became of the documents of one lifecycle in a round.
    pub(crate) fn documents(&self, lifecycle: &'static str, counts: &Counts) {
        for (outcome, count) in [
            ("waiting", counts.waiting),
            ("resting", counts.resting),
            ("failed", counts.failed),
            ("poisoned", counts.poisoned),
        ] {
            let gauge = self
                .documents
                .get_or_create(&Documents { lifecycle, outcome });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.moved
            .get_or_create(&Moved { lifecycle })
            .inc_by(counts.moved);
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails only if memory does.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
