//! Answering `GET /ipfs/…`.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::failed;
use super::params::{Format, Params};
use super::select::Selection;
use crate::engine::Vault;
use crate::resolve::{Resolved, resolve};
use crate::{Error, Result};

const X_IPFS_PATH: HeaderName = HeaderName::from_static("x-ipfs-path");
const X_IPFS_ROOTS: HeaderName = HeaderName::from_static("x-ipfs-roots");
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Answers one request for blocks.
pub(super) async fn respond(vault: Arc<dyn Vault>, uri: &Uri, headers: &HeaderMap) -> Response {
    let params = match Params::parse(uri, headers) {
        Ok(params) => params,
        Err(bad) => {
            let status = StatusCode::from_u16(bad.status).unwrap_or(StatusCode::BAD_REQUEST);
            return (status, format!("{}\n", bad.why)).into_response();
        }
    };
    match answer(vault, &params, headers).await {
        Ok(response) => response,
        // A cache that may not fetch says so by 412 (RFC 9111 knows only 504; the gateway
        // specification asks for this).
        Err(Error::NotFound(_)) if only_if_cached(headers) => {
            (StatusCode::PRECONDITION_FAILED, "not stored here\n").into_response()
        }
        Err(error) => failed(&error),
    }
}

fn only_if_cached(headers: &HeaderMap) -> bool {
    let fields = headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok());
    fields
        .flat_map(|field| field.split(','))
        .any(|directive| directive.trim() == "only-if-cached")
}

async fn answer(vault: Arc<dyn Vault>, params: &Params, headers: &HeaderMap) -> Result<Response> {
    let resolved = resolve(vault.as_ref(), &params.root, &params.segments).await?;
    let etag = params.format.etag(&params.path, &resolved.last);
    if matches_etag(headers, &etag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        insert(&mut response, header::ETAG, &etag);
        return Ok(response);
    }
    let mut response = body(vault, params, &resolved).await?;
    let roots: Vec<String> = resolved.roots.iter().map(ToString::to_string).collect();
    insert(&mut response, header::ETAG, &etag);
    insert(
        &mut response,
        header::CONTENT_TYPE,
        &params.format.content_type(),
    );
    insert(
        &mut response,
        header::CONTENT_DISPOSITION,
        &disposition(params, &resolved),
    );
    insert(&mut response, X_IPFS_PATH, &params.path);
    insert(&mut response, X_IPFS_ROOTS, &roots.join(","));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, IMMUTABLE);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

async fn body(vault: Arc<dyn Vault>, params: &Params, resolved: &Resolved) -> Result<Response> {
    match params.format {
        Format::Raw => Ok(Body::from(vault.get_block(&resolved.last).await?).into_response()),
        Format::Car {
            scope,
            range,
            duplicates,
        } => {
            if !vault.has(&resolved.last).await? {
                return Err(Error::NotFound(resolved.last));
            }
            let root = resolved.last;
            let selection = Selection::new(vault, resolved, scope, range, duplicates);
            Ok(Body::from_stream(selection.into_car(&root)?).into_response())
        }
    }
}

/// Sets a header, if the value can be one: names from the request may hold what headers may not.
fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn matches_etag(headers: &HeaderMap, etag: &str) -> bool {
    let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let fields = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    fields
        .flat_map(|field| field.split(','))
        .any(|tag| tag.trim() == "*" || weak(tag) == weak(etag))
}

fn disposition(params: &Params, resolved: &Resolved) -> String {
    let extension = params.format.extension();
    let name = match (&params.filename, params.segments.last()) {
        (Some(name), _) if !name.is_empty() => name.clone(),
        (_, Some(segment)) => format!("{segment}.{extension}"),
        _ => format!("{}.{extension}", resolved.last),
    };
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && c != '"' && c != '\\' || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if plain == name {
        return format!("attachment; filename=\"{plain}\"");
    }
    let encoded = utf8_percent_encode(&name, NON_ALPHANUMERIC);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}
