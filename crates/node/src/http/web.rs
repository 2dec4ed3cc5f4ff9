//! The web app: files that the program brings along, and its page for every address of its own.
//!
//! The pages are made in the browser, which alone knows their addresses. Whatever is neither a file
//! nor an API's address and asks for HTML is therefore answered with the one page there is.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tower_http::compression::CompressionLayer;

/// What a page of ours may load and run: its own files, nothing inline, nothing from elsewhere.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; \
    worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
    form-action 'self'";

/// The first parts of addresses that belong to programs: they never answer with a page.
const PROGRAMS: [&str; 7] = [
    "api", "healthz", "ipfs", "metrics", "peer", "readyz", "vault",
];
/// The page of the app.
const INDEX: &str = "index.html";
/// Where the build puts files whose names hold their digests: those never change.
const HASHED: &str = "assets/";
/// Shown by a program that was built without the app.
const UNBUILT: &str = include_str!("unbuilt.html");

/// One file of the app.
#[derive(Clone, Debug)]
pub struct Asset {
    /// What is in it.
    pub bytes: Cow<'static, [u8]>,
    /// Its media type.
    pub media_type: String,
    /// A digest of its bytes.
    pub digest: [u8; 32],
}

/// The files of the app.
pub trait Assets: Send + Sync {
    /// The file at a path without its leading slash, for example `assets/index-4f2a.js`.
    fn get(&self, path: &str) -> Option<Asset>;
}

/// What answers every address that no route has.
pub(crate) fn router(assets: Option<Arc<dyn Assets>>) -> Router {
    // Only these files are compressed: answers of the API hold secrets beside what a caller chose.
    Router::new()
        .fallback(serve)
        .layer(CompressionLayer::new().gzip(true).br(true))
        .with_state(assets)
}

async fn serve(State(assets): State<Option<Arc<dyn Assets>>>, request: Request) -> Response {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    if *method != Method::GET && *method != Method::HEAD {
        return super::nowhere().await.into_response();
    }
    let found = match assets.as_deref() {
        Some(assets) => find(assets, uri, headers),
        None => wants_page(uri, headers).then(unbuilt),
    };
    match found {
        Some(response) => response,
        None => super::nowhere().await.into_response(),
    }
}

fn find(assets: &dyn Assets, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let path = uri.path().trim_start_matches('/');
    if let Some(asset) = assets.get(path).filter(|_| path != INDEX) {
        let kept = if path.starts_with(HASHED) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        return Some(file(asset, kept, headers));
    }
    if !wants_page(uri, headers) {
        return None;
    }
    Some(match assets.get(INDEX) {
        Some(page) => file(page, "no-cache", headers),
        None => unbuilt(),
    })
}

/// Whether a browser asks for a page at an address that is not a program's.
fn wants_page(uri: &Uri, headers: &HeaderMap) -> bool {
    let path = uri.path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    // The bare address is a page for everybody: people try it with whatever is at hand.
    path.is_empty() || (accepts && !PROGRAMS.contains(&first) && !path.starts_with(HASHED))
}

fn file(asset: Asset, kept: &'static str, headers: &HeaderMap) -> Response {
    // Weak, because the same file is sent with and without compression.
    let tag = format!("W/\"{}\"", hex::encode(asset.digest));
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        asset.bytes.into_response()
    };
    let fixed = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&asset.media_type) {
        fixed.insert(header::CONTENT_TYPE, kind);
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        fixed.insert(header::ETAG, tag);
    }
    fixed.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    guarded(response)
}

fn unbuilt() -> Response {
    let kind = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    guarded((kind, UNBUILT).into_response())
}

/// A response that a browser shows: with everything that keeps others out of it.
fn guarded(mut response: Response) -> Response {
    let policies = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
        ),
    ];
    for (name, value) in policies {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use sha2::{Digest as _, Sha256};
    use tower::ServiceExt as _;

    struct Files;

    impl Assets for Files {
        fn get(&self, path: &str) -> Option<Asset> {
            let (text, kind) = match path {
                "index.html" => ("<!doctype html><title>app</title>".to_owned(), "text/html"),
                "assets/app-1a2b.js" => ("export {};\n".repeat(500), "text/javascript"),
                "favicon.svg" => ("<svg/>".to_owned(), "image/svg+xml"),
                _ => return None,
            };
            Some(Asset {
                digest: Sha256::digest(&text).into(),
                bytes: text.into_bytes().into(),
                media_type: kind.to_owned(),
            })
        }
    }

    async fn ask(
        assets: Option<Arc<dyn Assets>>,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
    ) -> (StatusCode, HeaderMap, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let (parts, body) = router(assets).oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap().to_vec();
        (parts.status, parts.headers, body)
    }

    const HTML: [(HeaderName, &str); 1] = [(header::ACCEPT, "text/html,*/*;q=0.8")];

    #[tokio::test]
    async fn an_address_of_the_app_is_its_page_and_an_address_of_a_program_is_not() {
        for path in ["/", "/records/0x11", "/index.html", "/api-docs"] {
            let (status, headers, body) =
                ask(Some(Arc::new(Files)), Method::GET, path, &HTML).await;
            assert_eq!(status, StatusCode::OK, "{path}");
            assert!(body.starts_with(b"<!doctype html>"), "{path}");
            assert_eq!(
                headers[header::CONTENT_SECURITY_POLICY],
                CONTENT_SECURITY_POLICY
            );
            assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
        }
        for path in ["/api/v1/nothing", "/ipfs/x", "/metrics/x", "/assets/old.js"] {
            let (status, headers, _) = ask(Some(Arc::new(Files)), Method::GET, path, &HTML).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            assert_eq!(headers[header::CONTENT_TYPE], "application/json");
        }
        // A program that asks for nothing in particular is told that there is nothing.
        let (status, ..) = ask(Some(Arc::new(Files)), Method::GET, "/records", &[]).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let (status, ..) = ask(Some(Arc::new(Files)), Method::POST, "/records", &HTML).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn files_with_a_digest_in_their_name_are_kept_and_sent_compressed() {
        let path = "/assets/app-1a2b.js";
        let wanted = [(header::ACCEPT_ENCODING, "gzip, br")];
        let (status, headers, body) = ask(Some(Arc::new(Files)), Method::GET, path, &wanted).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[header::CONTENT_ENCODING], "br");
        assert_eq!(headers[header::CONTENT_TYPE], "text/javascript");
        assert!(
            headers[header::CACHE_CONTROL]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        assert!(body.len() < 500, "{} bytes", body.len());
        let tag = headers[header::ETAG].to_str().unwrap().to_owned();
        let again = [(header::IF_NONE_MATCH, tag.as_str())];
        let (status, _, body) = ask(Some(Arc::new(Files)), Method::GET, path, &again).await;
        assert_eq!(status, StatusCode::NOT_MODIFIED);
        assert!(body.is_empty());
        let (_, headers, _) = ask(Some(Arc::new(Files)), Method::GET, "/favicon.svg", &[]).await;
        assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
    }

    #[tokio::test]
    async fn a_program_without_the_app_says_how_to_build_it() {
        let (status, headers, body) = ask(None, Method::GET, "/", &HTML).await;
        assert_eq!(status, StatusCode::OK);
        assert!(String::from_utf8(body).unwrap().contains("make web"));
        assert_eq!(
            headers[header::CONTENT_SECURITY_POLICY],
            CONTENT_SECURITY_POLICY
        );
    }
}
