//! Between institutions' nodes.

use alloy_primitives::Address;
use api::consent::{GrantMessage, RequestMessage, RevokeMessage};
use api::error::ErrorBody;
use api::log::{ProofQuery, ProvenEntry};
use api::peers::{ErasureMessage, ForgetPages, SpareView};
use api::people::{PersonView, StaffView};
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::{Extension, Json};

use super::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::http::extract::{At, Json as Body};
use crate::http::gate::Institution;

/// The directory entry of a wallet that this node keeps.
#[utoipa::path(get, path = "/peer/v1/directory/{wallet}", tag = "peers", params(("wallet" = String, Path)), responses(
    (status = 200, body = PersonView), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)
))]
pub(crate) async fn person(State(app): State<App>, At(wallet): At<Address>) -> Answer<PersonView> {
    let person = app.hospital().person_here(wallet).await?;
    let mut person = person.ok_or(custody::model::error::Error::NotFound("person"))?;
    let facts = app.facts();
    let staff = facts
        .staff(wallet)
        .await
        .map_err(custody::model::error::Error::from)?;
    let institution = facts.institution(wallet).await;
    let institution = institution.map_err(custody::model::error::Error::from)?;
    // Patients' names stay in their own hospital's list.
    if staff.is_none() && institution.nonce == 0 {
        person.name.clear();
    }
    Ok(Json(person.into()))
}

/// Who works here.
#[utoipa::path(get, path = "/peer/v1/staff", tag = "peers", responses(
    (status = 200, body = [StaffView]), (status = 401, body = ErrorBody)
))]
pub(crate) async fn staff(State(app): State<App>) -> Answer<Vec<StaffView>> {
    Ok(Json(app.hospital().staff_here().await?.to_vec()))
}

/// Bring a request to a patient of this hospital.
#[utoipa::path(post, path = "/peer/v1/requests", tag = "peers", request_body = RequestMessage, responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 422, body = ErrorBody)
))]
pub(crate) async fn request(
    State(app): State<App>,
    Body(message): Body<RequestMessage>,
) -> Result<StatusCode, ApiError> {
    app.hospital().receive_request(message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring a grant to its recipient's hospital.
#[utoipa::path(post, path = "/peer/v1/grants", tag = "peers", request_body = GrantMessage, responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 422, body = ErrorBody)
))]
pub(crate) async fn grant(
    State(app): State<App>,
    Extension(Institution(from)): Extension<Institution>,
    Body(message): Body<GrantMessage>,
) -> Result<StatusCode, ApiError> {
    if message.home != from {
        return Err(ApiError::forbidden("the patient's own institution"));
    }
    app.hospital().receive_grant(message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring a revocation to the recipient's hospital.
#[utoipa::path(post, path = "/peer/v1/revocations", tag = "peers", request_body = RevokeMessage, responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 422, body = ErrorBody)
))]
pub(crate) async fn revocation(
    State(app): State<App>,
    Extension(Institution(from)): Extension<Institution>,
    Body(message): Body<RevokeMessage>,
) -> Result<StatusCode, ApiError> {
    app.hospital().receive_revocation(from, message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring an entry of the calling institution's log about a grant of a patient of this hospital.
#[utoipa::path(post, path = "/peer/v1/touches", tag = "peers", request_body = ProvenEntry, responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)
))]
pub(crate) async fn touch(
    State(app): State<App>,
    Extension(Institution(from)): Extension<Institution>,
    Body(entry): Body<ProvenEntry>,
) -> Result<StatusCode, ApiError> {
    app.hospital().receive_touch(from, entry).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Proofs of entries that this hospital brought to the calling institution, in the last checkpoint
/// on chain.
#[utoipa::path(post, path = "/peer/v1/proofs", tag = "peers", request_body = ProofQuery, responses(
    (status = 200, body = [ProvenEntry]), (status = 401, body = ErrorBody), (status = 422, body = ErrorBody)
))]
pub(crate) async fn proofs(
    State(app): State<App>,
    Extension(Institution(from)): Extension<Institution>,
    Body(query): Body<ProofQuery>,
) -> Answer<Vec<ProvenEntry>> {
    Ok(Json(app.hospital().prove_for(from, query).await?))
}

/// Tell that a record was erased.
#[utoipa::path(post, path = "/peer/v1/erasures", tag = "peers", request_body = ErasureMessage, responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 422, body = ErrorBody)
))]
pub(crate) async fn erasure(
    State(app): State<App>,
    Extension(Institution(from)): Extension<Institution>,
    Body(message): Body<ErasureMessage>,
) -> Result<StatusCode, ApiError> {
    app.hospital().receive_erasure(from, message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The pages of the calling institution's journal that are kept here.
#[utoipa::path(get, path = "/peer/v1/pages", tag = "peers", responses(
    (status = 200, body = [SpareView]), (status = 401, body = ErrorBody)
))]
pub(crate) async fn pages(
    State(app): State<App>,
    Extension(Institution(from)): Extension<Institution>,
) -> Answer<Vec<SpareView>> {
    Ok(Json(app.hospital().spare_pages(from).await?))
}

/// One of them, as it was brought.
#[utoipa::path(get, path = "/peer/v1/pages/{cid}", tag = "peers", params(("cid" = String, Path)), responses(
    (status = 200, content_type = "application/octet-stream"), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)
))]
pub(crate) async fn page(
    State(app): State<App>,
    Extension(Institution(from)): Extension<Institution>,
    At(cid): At<String>,
) -> Result<Bytes, ApiError> {
    Ok(app.hospital().spare_page(from, &cid).await?)
}

/// Keep a page of the calling institution's journal: sealed bytes of 64 MiB at most.
#[utoipa::path(put, path = "/peer/v1/pages/{cid}", tag = "peers", params(("cid" = String, Path)), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody, description = "No node of the configuration"), (status = 413, body = ErrorBody)
))]
pub(crate) async fn keep_page(
    State(app): State<App>,
    Extension(Institution(from)): Extension<Institution>,
    At(cid): At<String>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    // The gate has read it already, for its signature, and held it to the limit.
    let page = to_bytes(request.into_body(), usize::MAX).await;
    let page = page.map_err(|e| ApiError::unreadable(e.to_string()))?;
    app.hospital().keep_page(from, &cid, page).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete pages that the calling institution does not need any longer.
#[utoipa::path(post, path = "/peer/v1/pages", tag = "peers", request_body = ForgetPages, responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 422, body = ErrorBody)
))]
pub(crate) async fn forget_pages(
    State(app): State<App>,
    Extension(Institution(from)): Extension<Institution>,
    Body(forget): Body<ForgetPages>,
) -> Result<StatusCode, ApiError> {
    app.hospital().forget_pages(from, forget).await?;
    Ok(StatusCode::NO_CONTENT)
}
