//! HTTP requests with limits, shared by the clients of this crate.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use reqwest::{RequestBuilder, Response};

use crate::file::ByteStream;
use crate::{Error, Result};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the other side may be silent.
const SILENCE: Duration = Duration::from_secs(30);
/// How much of a refusal's text is kept, in bytes.
const MAX_REFUSAL: usize = 500;

/// A client that gives up on who does not connect or falls silent, and follows no redirects (a
/// signature is for one address).
pub(crate) fn client(service: &'static str) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE);
    let built = builder.redirect(reqwest::redirect::Policy::none()).build();
    built.map_err(|e| Error::Remote {
        service,
        url: String::new(),
        why: e.to_string(),
    })
}

/// An error of `reqwest`, with its causes and without its address, which may hold credentials.
pub(crate) fn remote(service: &'static str, url: &str, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let mut why = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        why.push_str(": ");
        why.push_str(&cause.to_string());
        source = cause.source();
    }
    Error::Remote {
        service,
        url: url.to_owned(),
        why,
    }
}

/// Sends a request; an answer other than 2xx is an error with the start of its text.
pub(crate) async fn send(
    service: &'static str,
    url: &str,
    request: RequestBuilder,
) -> Result<Response> {
    let response = request.send().await.map_err(|e| remote(service, url, e))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = body(service, url, response, MAX_REFUSAL)
        .await
        .unwrap_or_default();
    let why = String::from_utf8_lossy(&text).trim().to_owned();
    Err(Error::Refused {
        url: url.to_owned(),
        status: status.as_u16(),
        why,
    })
}

/// The body, up to `limit` bytes.
pub(crate) async fn body(
    service: &'static str,
    url: &str,
    mut response: Response,
    limit: usize,
) -> Result<Bytes> {
    let mut out = Vec::new();
    while let Some(piece) = response
        .chunk()
        .await
        .map_err(|e| remote(service, url, e))?
    {
        if out.len() + piece.len() > limit {
            return Err(Error::Limit {
                what: "bytes of an answer",
                limit: limit as u64,
            });
        }
        out.extend_from_slice(&piece);
    }
    Ok(out.into())
}

/// The body as a stream.
pub(crate) fn stream(service: &'static str, url: &str, response: Response) -> ByteStream {
    let url = url.to_owned();
    response
        .bytes_stream()
        .map_err(move |e| remote(service, &url, e))
        .boxed()
}
