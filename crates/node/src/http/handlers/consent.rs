//! Requests, grants, opening, revoking.

use alloy_primitives::B256;
use api::consent::{GrantSubmission, GrantView, RequestMessage, RequestView, RevokeOrder, Served};
use api::error::ErrorBody;
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use custody::model::caller::Caller;
use custody::model::grant::Grant;

use super::{Answer, sealed};
use crate::app::App;
use crate::error::ApiError;
use crate::http::extract::{At, Json as Body};

/// The requests that the caller made or has to answer.
#[utoipa::path(get, path = "/api/v1/requests", tag = "consent", responses((status = 200, body = [RequestView])), security(("session" = [])))]
pub(crate) async fn requests(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<Vec<RequestView>> {
    let requests = app.hospital().requests(&caller).await?;
    Ok(Json(requests.into_iter().map(Into::into).collect()))
}

/// Ask a patient for access.
#[utoipa::path(post, path = "/api/v1/requests", tag = "consent", request_body = RequestMessage, responses(
    (status = 200, body = RequestView), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn request(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(message): Body<RequestMessage>,
) -> Answer<RequestView> {
    Ok(Json(app.hospital().request(&caller, message).await?.into()))
}

/// The grants that the caller gave or was given.
#[utoipa::path(get, path = "/api/v1/grants", tag = "consent", responses((status = 200, body = [GrantView])), security(("session" = [])))]
pub(crate) async fn grants(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<Vec<GrantView>> {
    let grants = app.hospital().grants(&caller).await?;
    Ok(Json(grants.iter().map(Grant::view).collect()))
}

/// Grant parts of a record.
#[utoipa::path(post, path = "/api/v1/grants", tag = "consent", request_body = GrantSubmission, responses(
    (status = 200, body = GrantView), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn give(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(submission): Body<GrantSubmission>,
) -> Answer<GrantView> {
    Ok(Json(app.hospital().give(&caller, submission).await?.view()))
}

/// Open a grant: the caller's envelope, if the grant is live on chain at this moment.
#[utoipa::path(post, path = "/api/v1/grants/{grant}/open", tag = "consent", params(("grant" = String, Path)), responses(
    (status = 200, body = Served), (status = 403, body = ErrorBody, description = "Refused, and logged"),
    (status = 410, body = ErrorBody, description = "Erased"), (status = 503, body = ErrorBody, description = "Chain or log cannot be asked")
), security(("session" = [])))]
pub(crate) async fn open(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(grant): At<B256>,
) -> Answer<Served> {
    let served = app.hospital().open_grant(&caller, grant).await;
    count(&app, &served);
    Ok(Json(served?))
}

/// The sealed bytes of a granted part, if the grant is live on chain at this moment.
#[utoipa::path(get, path = "/api/v1/grants/{grant}/sealed/{cid}", tag = "consent", params(("grant" = String, Path), ("cid" = String, Path)), responses(
    (status = 200, content_type = "application/octet-stream"), (status = 403, body = ErrorBody, description = "Refused, and logged"),
    (status = 410, body = ErrorBody, description = "Erased"), (status = 503, body = ErrorBody, description = "Chain or log cannot be asked")
), security(("session" = [])))]
pub(crate) async fn serve(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At((grant, cid)): At<(B256, String)>,
) -> Result<Response, ApiError> {
    let served = app.hospital().serve_part(&caller, grant, &cid).await;
    count(&app, &served);
    Ok(sealed(served?))
}

fn count<T>(app: &App, served: &custody::model::error::Result<T>) {
    if matches!(served, Err(custody::model::error::Error::Refused(_))) {
        app.metrics().refused.inc();
    }
}

/// Revoke a grant.
#[utoipa::path(post, path = "/api/v1/grants/{grant}/revoke", tag = "consent", params(("grant" = String, Path)), request_body = RevokeOrder, responses(
    (status = 200, body = GrantView), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(grant): At<B256>,
    Body(order): Body<RevokeOrder>,
) -> Answer<GrantView> {
    if order.message.grant != grant {
        return Err(ApiError::unreadable(
            "the message revokes another grant than the address",
        ));
    }
    Ok(Json(app.hospital().revoke(&caller, order).await?.view()))
}
