//! Acts on their way to the chain, and what the person who handed one in may change.

use alloy_primitives::B256;
use api::acts::{ActView, SentForm, WithdrawForm};
use api::error::ErrorBody;
use axum::extract::State;
use axum::{Extension, Json};
use custody::model::act::Errand;
use custody::model::caller::Caller;

use super::Answer;
use crate::app::App;
use crate::http::extract::{At, Json as Body};

fn shown(app: &App, caller: &Caller, errand: Errand) -> Json<ActView> {
    let at = app.hospital().deployment();
    Json(errand.view_for(caller.wallet, at))
}

/// How far an act is.
#[utoipa::path(get, path = "/api/v1/acts/{id}", tag = "acts", params(("id" = String, Path, description = "The act's digest")), responses(
    (status = 200, body = ActView), (status = 404, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn act(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<B256>,
) -> Answer<ActView> {
    let errand = app.hospital().errand(id).await?;
    Ok(shown(&app, &caller, errand))
}

/// Have the hospital carry an act now that waits for a low fee or for an own wallet.
#[utoipa::path(post, path = "/api/v1/acts/{id}/send-now", tag = "acts", params(("id" = String, Path)), responses(
    (status = 200, body = ActView), (status = 404, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn send_now(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<B256>,
) -> Answer<ActView> {
    let errand = app.hospital().send_now(caller.wallet, id).await?;
    Ok(shown(&app, &caller, errand))
}

/// Name the transaction with which an own wallet carries an act; the node follows it.
#[utoipa::path(post, path = "/api/v1/acts/{id}/sent", tag = "acts", params(("id" = String, Path)), request_body = SentForm, responses(
    (status = 200, body = ActView), (status = 404, body = ErrorBody, description = "No such act, or the chain does not know the transaction yet"),
    (status = 409, body = ErrorBody, description = "The hospital carries it already"),
    (status = 422, body = ErrorBody, description = "The transaction makes another call")
), security(("session" = [])))]
pub(crate) async fn sent(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<B256>,
    Body(form): Body<SentForm>,
) -> Answer<ActView> {
    let errand = app.hospital().sent(caller.wallet, id, form.tx).await?;
    Ok(shown(&app, &caller, errand))
}

/// Take an approval back that is not on its way yet; the record version is pending again.
#[utoipa::path(post, path = "/api/v1/acts/{id}/withdraw", tag = "acts", params(("id" = String, Path)), request_body = WithdrawForm, responses(
    (status = 200, body = ActView), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "It is on its way"), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn withdraw(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<B256>,
    Body(form): Body<WithdrawForm>,
) -> Answer<ActView> {
    let errand = app.hospital().withdraw(&caller, id, form.index).await?;
    Ok(shown(&app, &caller, errand))
}
