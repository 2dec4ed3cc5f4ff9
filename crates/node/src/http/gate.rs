//! What every request passes: a number, the clock, the rate limit, and the rule of its route.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use custody::model::caller::Caller;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use vault::sign;

use super::rules::{Rule, rule_of};
use crate::app::App;
use crate::error::{ApiError, as_outcome};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Addresses that are remembered before old ones are forgotten.
const REMEMBERED: usize = 50_000;
/// Routes whose POST carries files and counts their bytes itself.
const OWN_LIMIT: [&str; 3] = [
    "/api/v1/readings",
    "/api/v1/uploads",
    "/api/v1/uploads/sealed",
];
/// Where other institutions bring whole pages of their journals.
const PAGE: &str = "/peer/v1/pages/{cid}";
/// The cookie that browsers may use instead of the header.
const COOKIE: &str = "stele_session=";

/// The institution whose node sent a request, by its signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Institution(pub(crate) Address);

/// Give every request a number, which its answer and the log carry.
pub(crate) async fn number(mut request: Request, next: Next) -> Response {
    let mut bytes = [0u8; 8];
    // A number that could not be drawn is zero: it only helps to find things.
    let _ = getrandom::fill(&mut bytes);
    let id = HeaderValue::from_str(&hex::encode(bytes));
    let Ok(id) = id else {
        return next.run(request).await;
    };
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let mut response = next.run(request).await;
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// Count and log: method, route, status and time. Never the path itself, which holds ids.
pub(crate) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let id = request.headers().get(REQUEST_ID).cloned();
    let response = next.run(request).await;
    let route = response
        .extensions()
        .get::<Matched>()
        .map_or("none", |m| m.0.as_str())
        .to_owned();
    let status = response.status().as_u16();
    let took = start.elapsed();
    app.metrics()
        .answered(method.as_str(), &route, status, took);
    let id = id
        .as_ref()
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let ms = took.as_millis();
    tracing::info!(id, %method, route, status, ms, "answered");
    response
}

/// The route that a response came from, for [`observe`].
#[derive(Clone)]
struct Matched(String);

/// How long requests may take.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) usual: Duration,
    pub(crate) long: Duration,
}

/// Answer in time, or say that it was not possible.
pub(crate) async fn in_time(State(times): State<Times>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let carries_files = OWN_LIMIT.iter().any(|files| path.starts_with(files))
        || path == "/api/v1/applications"
        || path.starts_with("/vault/")
        || path.starts_with("/peer/v1/pages")
        || path.starts_with("/ipfs/")
        || path.contains("/sealed/");
    let limit = if carries_files {
        times.long
    } else {
        times.usual
    };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            "too_slow",
            "this took too long and was given up",
            "repeat the request: what was done already is not done again",
        )
        .retry_after(5)
        .into_response(),
    }
}

/// How often one address may ask.
#[derive(Clone)]
pub(crate) struct Limiter(Arc<DefaultKeyedRateLimiter<IpAddr>>);

impl Limiter {
    pub(crate) fn per_minute(requests: u32) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN));
        Self(Arc::new(RateLimiter::keyed(quota)))
    }
}

/// Let an address ask as often as it may.
pub(crate) async fn not_too_often(
    State(limiter): State<Limiter>,
    request: Request,
    next: Next,
) -> Response {
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let Some(ConnectInfo(from)) = from else {
        return next.run(request).await;
    };
    // Whoever watches the process must not be told that it is dead because it is busy.
    if request.uri().path() == "/healthz" {
        return next.run(request).await;
    }
    if limiter.0.len() > REMEMBERED {
        limiter.0.retain_recent();
    }
    match limiter.0.check_key(&from.ip()) {
        Ok(()) => next.run(request).await,
        Err(refused) => {
            let wait = refused
                .wait_time_from(DefaultClock::default().now())
                .as_secs()
                + 1;
            let status = StatusCode::TOO_MANY_REQUESTS;
            let message = "too many requests from this address";
            let hint = "wait as long as Retry-After says";
            ApiError::new(status, "too_often", message, hint)
                .retry_after(wait)
                .into_response()
        }
    }
}

/// Ask the table of rules whether the caller may.
pub(crate) async fn gate(
    State((app, usual)): State<(App, usize)>,
    matched: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let route = matched.as_str().to_owned();
    let mut response = match admit(&app, &route, request, usual).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    if route.starts_with("/fhir/") {
        response = as_outcome(response);
    }
    response.extensions_mut().insert(Matched(route));
    response
}

async fn admit(
    app: &App,
    route: &str,
    mut request: Request,
    usual: usize,
) -> Result<Request, ApiError> {
    let Some(rule) = rule_of(request.method(), route) else {
        return Err(ApiError::forbidden("nobody"));
    };
    // Only what carries files may be larger than other bodies.
    let is_post = request.method() == Method::POST;
    let usual = match route {
        "/api/v1/applications" if is_post => super::handlers::applications::BODY_BYTES,
        PAGE => usize::try_from(custody::uses::journal::copies::PAGE_BYTES).unwrap_or(usize::MAX),
        _ => usual,
    };
    let has_own_limit = OWN_LIMIT.contains(&route) && is_post;
    if !has_own_limit {
        check_length(request.headers(), usual)?;
        let body = std::mem::replace(request.body_mut(), Body::empty());
        *request.body_mut() = Body::new(http_body_util::Limited::new(body, usual));
    }
    match rule {
        Rule::Public => Ok(request),
        Rule::Peer => admit_peer(app, request, usual).await,
        _ => {
            let caller = caller(app, request.headers()).await?;
            if !rule.admits(&caller, app.hospital().address()) {
                return Err(ApiError::forbidden(&rule.who()));
            }
            request.extensions_mut().insert(caller);
            Ok(request)
        }
    }
}

fn check_length(headers: &HeaderMap, limit: usize) -> Result<(), ApiError> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok());
    let length = length.and_then(|v| v.parse::<usize>().ok());
    if length.is_none_or(|length| length <= limit) {
        return Ok(());
    }
    Err(too_large(limit))
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        format!("the body is over the limit of {limit} bytes"),
        "send less, or raise the limit in stele.toml",
    )
}

/// Who calls: the session's wallet, and what the chain says of it now.
async fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let token = token(headers).ok_or_else(|| ApiError::sign_in("this needs a session"))?;
    let wallet = crate::session::wallet_of(app.database(), token, crate::now()).await?;
    let caller = app.hospital().caller(wallet).await?;
    Ok(Caller {
        session: Some(crate::session::session_id(token)),
        ..caller
    })
}

/// The session token of a request.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok());
    if let Some(bearer) = bearer.and_then(|v| v.strip_prefix("Bearer ")) {
        return Some(bearer.trim());
    }
    if !own_page(headers) {
        return None;
    }
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    cookies
        .split(';')
        .find_map(|cookie| cookie.trim().strip_prefix(COOKIE))
}

/// Whether a browser says that a page of this node asks. A form on any other page is sent with this
/// node's cookies too. Programs say nothing, and have no cookies that they were not given for this.
fn own_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let origin = origin.to_str().ok().and_then(|o| o.split_once("://"));
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    origin.is_some_and(|(_, authority)| Some(authority) == host)
}

/// Check the signature of another institution's node, and that the body is the one it signed.
async fn admit_peer(app: &App, request: Request, limit: usize) -> Result<Request, ApiError> {
    let refused = |why: String| {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "peer_signature",
            why,
            "sign the request by RFC 9421 with the wallet of an active institution",
        )
    };
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, limit).await.map_err(|_| too_large(limit))?;
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|h| h.to_str().ok());
    let authority = parts
        .uri
        .authority()
        .map(|a| a.as_str())
        .or(host)
        .unwrap_or_default();
    let (method, uri, headers) = (&parts.method, &parts.uri, &parts.headers);
    let peer = app
        .guard()
        .check(&sign::Request {
            method,
            authority,
            uri,
            headers,
        })
        .await;
    let peer = peer.map_err(|e| refused(e.to_string()))?;
    if !bytes.is_empty() {
        peer.check_body(&bytes)
            .map_err(|e| refused(e.to_string()))?;
    }
    let institution: Address = peer
        .key_id
        .parse()
        .map_err(|_| refused("its keyid is no address".to_owned()))?;
    let mut request = Request::from_parts(parts, Body::from(bytes));
    request.extensions_mut().insert(Institution(institution));
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_cookie_speaks_for_its_own_pages_only() {
        let cookie = (header::COOKIE, "a=b; stele_session=secret");
        let host = (header::HOST, "clinic.example:8101");
        let at = |origin| with(&[cookie.clone(), host.clone(), (header::ORIGIN, origin)]);
        assert_eq!(
            token(&with(&[cookie.clone(), host.clone()])),
            Some("secret")
        );
        assert_eq!(token(&at("https://clinic.example:8101")), Some("secret"));
        for other in [
            "https://clinic.example:8102",
            "https://evil.example",
            "null",
        ] {
            assert_eq!(token(&at(other)), None, "{other}");
        }
        let bearer = (header::AUTHORIZATION, "Bearer other");
        let asked = with(&[cookie, host, bearer, (header::ORIGIN, "null")]);
        assert_eq!(token(&asked), Some("other"));
    }
}
