//! One function per route: read the request, call the use case, shape the answer.

pub(crate) mod acts;
pub(crate) mod applications;
pub(crate) mod chain;
pub(crate) mod consent;
pub(crate) mod fees;
pub(crate) mod fhir;
pub(crate) mod hospital;
pub(crate) mod links;
pub(crate) mod log;
pub(crate) mod node;
pub(crate) mod peers;
pub(crate) mod people;
pub(crate) mod readings;
pub(crate) mod records;
pub(crate) mod registry;
pub(crate) mod session;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use vault::ByteStream;

/// What handlers return.
pub(crate) type Answer<T> = Result<axum::Json<T>, crate::error::ApiError>;

/// Sealed bytes as they come from the vault. They never change under their CID.
fn sealed(stream: ByteStream) -> Response {
    let body = Body::from_stream(stream.map_err(|e| std::io::Error::other(e.to_string())));
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        // Access can be revoked at any moment: nobody in between may keep a copy.
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}
