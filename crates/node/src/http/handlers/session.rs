//! Signing in and out.

use alloy_primitives::Address;
use api::error::ErrorBody;
use api::session::{Challenge, SignIn, SignedIn, Who};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::{Extension, Json};
use custody::model::caller::Caller;

use super::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::http::extract::Json as Body;
use crate::http::gate::token;
use crate::session;

/// A challenge to sign in, good once and for five minutes.
#[utoipa::path(post, path = "/api/v1/session/nonce", tag = "session", responses((status = 200, body = Challenge)))]
pub(crate) async fn challenge(State(app): State<App>) -> Answer<Challenge> {
    let at = app.hospital().deployment();
    Ok(Json(
        session::challenge(app.database(), app.place(), at, crate::now()).await?,
    ))
}

/// Sign in with a signed EIP-4361 message.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = SignIn, responses(
    (status = 200, body = SignedIn), (status = 401, body = ErrorBody)
))]
pub(crate) async fn sign_in(
    State(app): State<App>,
    headers: HeaderMap,
    Body(request): Body<SignIn>,
) -> Answer<SignedIn> {
    let ttl = app.config().session_ttl_s;
    let (store, chain, place) = (app.database(), app.facts(), app.place());
    let opened = session::sign_in(store, chain, place, &request, crate::now(), ttl).await?;
    let who = app.hospital().caller(opened.wallet).await?;
    if who.staff.is_some() || who.patient.is_some() || who.institution {
        remember_device(&app, opened.wallet, &headers).await?;
    }
    Ok(Json(SignedIn {
        token: opened.token,
        expires_at: opened.expires_at,
        who: who.into(),
    }))
}

async fn remember_device(app: &App, wallet: Address, headers: &HeaderMap) -> Result<(), ApiError> {
    let browser = headers.get(header::USER_AGENT);
    let browser = browser.and_then(|name| name.to_str().ok());
    let (hospital, store) = (app.hospital(), app.database());
    let seen = crate::devices::seen(hospital, store, wallet, browser.unwrap_or_default()).await;
    seen.map_err(|error| custody::model::error::Error::from(error).into())
}

/// Who is signed in, and what the chain says of the wallet now.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses(
    (status = 200, body = Who), (status = 401, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn who(Extension(caller): Extension<Caller>) -> Json<Who> {
    Json(caller.into())
}

/// Sign out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)), security(("session" = [])))]
pub(crate) async fn sign_out(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    if let Some(token) = token(&headers) {
        session::sign_out(app.database(), token).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
