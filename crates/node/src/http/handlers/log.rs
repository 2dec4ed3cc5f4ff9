//! The institution's log, in the layout of C2SP's tlog-tiles, and a patient's own trail.

use api::error::ErrorBody;
use api::log::{AnchorView, ProvenEntry};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use custody::model::caller::Caller;
use ledger::log::tile::Resource;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::http::extract::{Asked, At};

fn failed(error: ledger::Error) -> ApiError {
    match error {
        ledger::Error::OutOfRange { .. } => {
            let hint = "ask for sizes up to that of the last checkpoint";
            ApiError::new(
                StatusCode::NOT_FOUND,
                "out_of_range",
                error.to_string(),
                hint,
            )
        }
        other => custody::model::error::Error::Log(other.to_string()).into(),
    }
}

fn absent() -> ApiError {
    custody::model::error::Error::NotFound("checkpoint").into()
}

/// The last signed checkpoint, as a C2SP note.
#[utoipa::path(get, path = "/api/v1/log/checkpoint", tag = "log", responses(
    (status = 200, content_type = "text/plain"), (status = 404, body = ErrorBody)
))]
pub(crate) async fn checkpoint(State(app): State<App>) -> Result<String, ApiError> {
    let last = app
        .hospital()
        .log
        .latest_checkpoint()
        .await
        .map_err(failed)?;
    last.map(|checkpoint| checkpoint.to_note())
        .ok_or_else(absent)
}

/// A tile of the log: hashes, or the entries' salted digests under `entries/`.
#[utoipa::path(get, path = "/api/v1/log/tile/{*path}", tag = "log", params(("path" = String, Path, description = "As in c2sp.org/tlog-tiles")), responses(
    (status = 200, content_type = "application/octet-stream"), (status = 404, body = ErrorBody)
))]
pub(crate) async fn tile(
    State(app): State<App>,
    At(path): At<String>,
) -> Result<Response, ApiError> {
    let resource: Resource = format!("tile/{path}")
        .parse()
        .map_err(|e: ledger::Error| ApiError::unreadable(e.to_string()))?;
    let bytes = app.hospital().log.serve(resource).await.map_err(failed)?;
    let bytes = bytes.ok_or_else(absent)?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// Two sizes of the log.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Sizes {
    /// The smaller one.
    from: u64,
    /// The larger one.
    to: u64,
}

/// That the log only grew between two sizes (RFC 6962, section 2.1.2).
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsistencyView {
    /// The smaller size.
    from: u64,
    /// The larger size.
    to: u64,
    /// The proof.
    #[schema(value_type = Vec<String>)]
    path: Vec<alloy_primitives::B256>,
}

/// Proof that the log only grew between two sizes.
#[utoipa::path(get, path = "/api/v1/log/consistency", tag = "log", params(Sizes), responses(
    (status = 200, body = ConsistencyView), (status = 404, body = ErrorBody)
))]
pub(crate) async fn consistency(
    State(app): State<App>,
    Asked(sizes): Asked<Sizes>,
) -> Answer<ConsistencyView> {
    let (from, to) = (sizes.from, sizes.to);
    let proof = app
        .hospital()
        .log
        .consistency(from, to)
        .await
        .map_err(failed)?;
    Ok(Json(ConsistencyView {
        from,
        to,
        path: proof.path,
    }))
}

/// Sign a checkpoint of the log now and have it anchored on chain.
#[utoipa::path(post, path = "/api/v1/log/anchor", tag = "log", responses((status = 200, body = AnchorView)), security(("session" = [])))]
pub(crate) async fn anchor(State(app): State<App>) -> Answer<AnchorView> {
    let (checkpoint, errand) = app.hospital().anchor().await?;
    let (size, root) = (checkpoint.size, checkpoint.root);
    Ok(Json(AnchorView {
        size,
        root,
        act: errand.map(Into::into),
    }))
}

/// Everything that was done with the caller's records here, with proofs.
#[utoipa::path(get, path = "/api/v1/trail", tag = "log", responses((status = 200, body = [ProvenEntry])), security(("session" = [])))]
pub(crate) async fn trail(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<Vec<ProvenEntry>> {
    let patient = caller
        .patient
        .ok_or_else(|| ApiError::forbidden("patients enrolled here"))?;
    Ok(Json(app.hospital().trail(patient).await?))
}
