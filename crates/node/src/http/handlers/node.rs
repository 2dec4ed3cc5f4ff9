//! The node itself.

use api::error::ErrorBody;
use api::node::NodeCard;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::error::ApiError;

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "node", responses((status = 200, description = "It does")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether everything that is needed to serve answers: database, Ethereum endpoint, block store.
#[utoipa::path(get, path = "/readyz", tag = "node", responses(
    (status = 200, description = "It does"),
    (status = 503, body = ErrorBody, description = "Something does not answer")
))]
pub(crate) async fn readyz(State(app): State<App>) -> Result<&'static str, ApiError> {
    let missing = |what: &str, why: String| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        ApiError::new(
            status,
            "not_ready",
            format!("{what}: {why}"),
            "see the node's log",
        )
        .retry_after(2)
    };
    app.database()
        .ping()
        .await
        .map_err(|e| missing("database", e.to_string()))?;
    app.chain()
        .ready()
        .await
        .map_err(|e| missing("chain", e.to_string()))?;
    app.facts()
        .registrar()
        .await
        .map_err(|e| missing("chain", e.to_string()))?;
    app.hospital()
        .vault
        .stat()
        .await
        .map_err(|e| missing("block store", e.to_string()))?;
    Ok("ready\n")
}

/// Counters and times in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "node", responses((status = 200, content_type = "application/openmetrics-text")))]
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics().text()).into_response()
}

/// What the node says about itself.
#[utoipa::path(get, path = "/api/v1/node", tag = "node", responses((status = 200, body = NodeCard)))]
pub(crate) async fn card(State(app): State<App>) -> Json<NodeCard> {
    Json(app.card().clone())
}
