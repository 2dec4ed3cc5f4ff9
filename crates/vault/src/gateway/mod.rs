//! The server side of IPFS's [Trustless Gateway] over HTTP, and of replication between the
//! institutions' nodes.
//!
//! `GET` and `HEAD /ipfs/{cid}[/path]` answer with single blocks or CAR streams, never with
//! anything that the client could not verify. Unless the gateway is public, each request must be
//! signed (see [`crate::sign`]); requests under `/vault/v1/` always must.
//!
//! [Trustless Gateway]: https://specs.ipfs.tech/http-gateways/trustless-gateway/

mod params;
mod replicas;
mod respond;
mod routing;
mod select;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

pub use params::{ByteRange, CAR_TYPE, RAW_TYPE, Scope};
pub use routing::{Reachable, routing};

pub use select::dag_car;

use crate::budget::ByteBudget;
use crate::replicate::Holder;
use crate::sign::{self, Caller, RequestVerifier, SignatureError};

/// What a gateway serves, and to whom.
#[derive(Clone)]
pub struct Gateway {
    /// The store, and what it holds for whom.
    pub holder: Arc<Holder>,
    /// Verifies signed requests.
    pub requests: Arc<RequestVerifier>,
    /// What bodies may take in memory.
    pub budget: ByteBudget,
    /// Whether blocks are served to anybody. Replication always needs a signature.
    pub public: bool,
}

/// The gateway's routes: `/ipfs/…` and `/vault/v1/…`. Mount it at the root.
pub fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/ipfs/{*path}", get(serve))
        .route(
            "/vault/v1/replicas/{cid}",
            post(replicas::store).delete(replicas::erase),
        )
        .route("/vault/v1/challenges", post(replicas::challenge))
        .with_state(gateway)
}

async fn serve(State(gateway): State<Gateway>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if !gateway.public
        && let Err(refusal) = authenticate(&gateway, &head).await
    {
        return refused(&refusal);
    }
    respond::respond(gateway.holder.vault().shared(), &head.uri, &head.headers).await
}

/// Who sent the request, by its signature.
async fn authenticate(gateway: &Gateway, head: &Parts) -> Result<Caller, SignatureError> {
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = head
        .uri
        .authority()
        .map(|a| a.as_str())
        .or(host)
        .unwrap_or_default();
    let (method, uri, headers) = (&head.method, &head.uri, &head.headers);
    gateway
        .requests
        .verify(&sign::Request {
            method,
            authority,
            uri,
            headers,
        })
        .await
}

/// What a signature must look like, as RFC 9421 section 5.1 lets a server say.
const ACCEPT_SIGNATURE: &str = "stele=(\"@method\" \"@authority\" \"@path\" \"@query\");created;expires;nonce;keyid;tag=\"stele-vault\"";

/// A refusal that programs and people can read: a code, what happened, and what to do next.
fn refusal(status: StatusCode, code: &str, message: &str, hint: &str) -> Response {
    let body = json!({ "error": code, "message": message, "hint": hint });
    let kind = [(CONTENT_TYPE, "application/json")];
    (status, kind, format!("{body}\n")).into_response()
}

fn refused(error: &SignatureError) -> Response {
    let status = match error {
        SignatureError::Busy => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::UNAUTHORIZED,
    };
    let mut response = refusal(status, error.code(), &error.to_string(), error.hint());
    response.headers_mut().insert(
        "accept-signature",
        HeaderValue::from_static(ACCEPT_SIGNATURE),
    );
    response
}

/// The status that tells a client what kind of failure it was.
fn status_of(error: &crate::Error) -> StatusCode {
    use crate::Error as E;
    match error {
        E::NotFound(_) | E::NoSuchPath { .. } => StatusCode::NOT_FOUND,
        E::UnsupportedCid(_) | E::Input(_) => StatusCode::BAD_REQUEST,
        E::Malformed { .. } | E::Unproven { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        E::Limit { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        E::OutOfRange { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
        E::Full { .. } | E::Quota { .. } => StatusCode::INSUFFICIENT_STORAGE,
        E::NotAPeer { .. } => StatusCode::FORBIDDEN,
        E::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
        E::StillNeeded(_) => StatusCode::CONFLICT,
        E::Remote { .. } | E::Refused { .. } => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn failed(error: &crate::Error) -> Response {
    if let crate::Error::Signature(error) = error {
        return refused(error);
    }
    let status = status_of(error);
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(%error, "a storage request failed");
    }
    let mut response = refusal(status, error.code(), &error.to_string(), error.hint());
    if matches!(error, crate::Error::Busy { .. }) {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
