//! Hospitals apply; the registrar decides.

use alloy_primitives::B256;
use api::applications::{ApplicationForm, ApplicationView, DecisionForm};
use api::error::ErrorBody;
use api::people::ApplicationStage;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody::model::application::{Application, NewApplication, NewCredential};
use custody::model::caller::Caller;
use custody::uses::people::apply::{CREDENTIAL_BYTES, MAX_CREDENTIALS};

use super::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::http::extract::{At, Json as Body};

/// The largest body: the documents in base64, and the rest.
pub(crate) const BODY_BYTES: usize = MAX_CREDENTIALS * (CREDENTIAL_BYTES / 3 * 4 + 1024) + 65_536;

async fn view(app: &App, application: Application) -> Result<ApplicationView, ApiError> {
    let facts = app.facts().institution(application.institution).await;
    let active = facts.map_err(custody::model::error::Error::from)?.active;
    let decision = (application.stage != ApplicationStage::Open).then(|| DecisionForm {
        admit: application.stage == ApplicationStage::Admitted,
        reason: application.reason.clone(),
    });
    Ok(ApplicationView {
        application: application.into(),
        decision,
        active,
    })
}

fn decoded(form: ApplicationForm) -> Result<NewApplication, ApiError> {
    let mut documents = Vec::new();
    for document in form.documents {
        let bytes = STANDARD.decode(&document.content).map_err(|error| {
            ApiError::unreadable(format!("a document is not in base64: {error}"))
        })?;
        documents.push(NewCredential {
            name: document.name,
            bytes: bytes.into(),
        });
    }
    Ok(NewApplication {
        name: form.name,
        url: form.url,
        documents,
    })
}

/// Apply to be admitted, signed in with the hospital's own wallet.
#[utoipa::path(post, path = "/api/v1/applications", tag = "registry", request_body = ApplicationForm, responses(
    (status = 200, body = ApplicationView), (status = 409, body = ErrorBody, description = "An earlier one still waits"),
    (status = 413, body = ErrorBody), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn apply(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(form): Body<ApplicationForm>,
) -> Answer<ApplicationView> {
    if form.institution != caller.wallet {
        return Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "institution: it is not the wallet that has signed in",
            "sign in with the hospital's own wallet, which is the one to be admitted",
        ));
    }
    let application = app
        .hospital()
        .apply_for(caller.wallet, decoded(form)?)
        .await?;
    Ok(Json(view(&app, application).await?))
}

/// Applications: the registrar sees all, others their own.
#[utoipa::path(get, path = "/api/v1/applications", tag = "registry", responses((status = 200, body = [ApplicationView])), security(("session" = [])))]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<Vec<ApplicationView>> {
    let of = (!caller.registrar).then_some(caller.wallet);
    let mut views = Vec::new();
    for application in app.hospital().applications(of).await? {
        views.push(view(&app, application).await?);
    }
    Ok(Json(views))
}

/// A credential document, to be saved: it is never shown as a page of this address.
#[utoipa::path(get, path = "/api/v1/applications/{id}/documents/{number}", tag = "registry", params(("id" = String, Path), ("number" = usize, Path, description = "From 0")), responses(
    (status = 200, content_type = "application/octet-stream"), (status = 404, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn credential(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At((id, number)): At<(B256, usize)>,
) -> Result<Response, ApiError> {
    let application = app.hospital().application(id).await?.document;
    if !caller.registrar && application.institution != caller.wallet {
        return Err(custody::model::error::Error::NotFound("application").into());
    }
    let kind = application.documents.get(number);
    let kind = kind.and_then(|c| HeaderValue::from_str(&c.media_type).ok());
    let kind = kind.ok_or(custody::model::error::Error::NotFound("credential"))?;
    let bytes = app.hospital().credential(id, number).await?;
    let fixed = HeaderValue::from_static;
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, fixed("attachment")),
        (header::CACHE_CONTROL, fixed("no-store")),
        (header::CONTENT_SECURITY_POLICY, fixed("sandbox")),
    ];
    Ok((headers, bytes).into_response())
}

/// Write down the decision. What admits a hospital is the registrar's act on chain.
#[utoipa::path(post, path = "/api/v1/applications/{id}/decision", tag = "registry", params(("id" = String, Path)), request_body = DecisionForm, responses(
    (status = 200, body = ApplicationView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn decide(
    State(app): State<App>,
    At(id): At<B256>,
    Body(form): Body<DecisionForm>,
) -> Answer<ApplicationView> {
    let hospital = app.hospital();
    let decided = hospital
        .decide_application(id, form.admit, form.reason.as_deref())
        .await?;
    Ok(Json(view(&app, decided).await?))
}
