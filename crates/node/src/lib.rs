//! The hospital's server: HTTP API, sign-in, jobs, database.
//!
//! [`run`] is the whole program: it reads nothing but its [`Config`] and the institution's keys,
//! and stops within five seconds of SIGTERM with nothing lost. The crate `client` is the other
//! side of the same API.

mod app;
pub mod chain;
pub mod config;
pub mod db;
mod devices;
pub mod error;
mod extras;
mod fee_history;
mod fee_model;
pub mod fees;
pub mod http;
mod jobs;
mod mail;
mod metrics;
mod outbox;
pub mod overview;
mod peers;
pub mod proxy;
pub mod reading;
mod serve;
mod server;
mod session;
mod sign_in_message;
mod templates;
pub mod watch;

pub use config::Config;
pub use extras::Extras;
pub use http::openapi_json;
pub use server::{Node, NodeError, RebuildReport, init_logging, rebuild, run};

/// Now, unix seconds.
#[must_use]
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| d.as_secs())
}
