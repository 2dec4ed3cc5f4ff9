//! Links for guests.

use alloy_primitives::B256;
use api::error::ErrorBody;
use api::links::{GuestLink, LinkCode, LinkView, NewLink};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use custody::model::caller::Caller;

use super::Answer;
use super::records::patient;
use crate::app::App;
use crate::error::ApiError;
use crate::http::extract::{At, Json as Body};

/// The links that the caller made.
#[utoipa::path(get, path = "/api/v1/links", tag = "links", responses((status = 200, body = [LinkView])), security(("session" = [])))]
pub(crate) async fn links(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<Vec<LinkView>> {
    Ok(Json(app.hospital().links(patient(&caller)?).await?))
}

/// Make a link to a grant that the caller gave to a guest. The guest's keys travel in the link, not
/// here.
#[utoipa::path(post, path = "/api/v1/links", tag = "links", request_body = NewLink, responses(
    (status = 200, body = LinkView), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn make(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(new): Body<NewLink>,
) -> Answer<LinkView> {
    Ok(Json(app.hospital().make_link(&caller, new).await?))
}

/// Take a link back. The grant behind it is revoked with its own route.
#[utoipa::path(post, path = "/api/v1/links/{id}/revoke", tag = "links", params(("id" = String, Path)), responses(
    (status = 200, body = LinkView), (status = 404, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(link): At<B256>,
) -> Answer<LinkView> {
    let patient = patient(&caller)?;
    Ok(Json(app.hospital().revoke_link(patient, link).await?))
}

/// Have a code sent to the guest. The answer is the same whether there is such a link or not.
#[utoipa::path(post, path = "/api/v1/links/{id}/code", tag = "links", params(("id" = String, Path)), responses(
    (status = 202), (status = 429, body = ErrorBody)
))]
pub(crate) async fn code(
    State(app): State<App>,
    At(link): At<B256>,
) -> Result<(StatusCode, Json<serde_json::Value>), ApiError> {
    app.hospital().send_code(link).await?;
    Ok((StatusCode::ACCEPTED, Json(serde_json::json!({}))))
}

/// Enter the code from the mail: the guest's session may open from now on.
#[utoipa::path(post, path = "/api/v1/links/{id}/confirm", tag = "links", params(("id" = String, Path)), request_body = LinkCode, responses(
    (status = 200, body = GuestLink), (status = 403, body = ErrorBody, description = "`code_wrong`, `code_spent`, `views_used_up`, `revoked`, `expired`"), (status = 404, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn confirm(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(link): At<B256>,
    Body(entered): Body<LinkCode>,
) -> Answer<GuestLink> {
    let link = app
        .hospital()
        .confirm_link(&caller, link, &entered.code)
        .await?;
    Ok(Json(link))
}
