//! The HTTP API: one router, made from the handlers' own OpenAPI descriptions, behind one gate that
//! asks [`rules`] for every request.

mod extract;
mod gate;
mod handlers;
pub mod rules;
pub mod web;

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::error::ApiError;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi;
use utoipa::openapi::PathItem;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::gateway::Gateway;

/// What an upload's form may hold besides the file, bytes.
const FORM: usize = 1 << 20;
/// How much longer uploads and downloads may take than other requests.
const LONG: u32 = 10;

/// The API's description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stele",
        description = "A hospital's node: patient-owned medical records, sealed for the patient and committed to Ethereum. Errors are JSON with a stable `error`, a `message` and a `hint`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "node", description = "The node itself"),
        (name = "session", description = "Signing in with an Ethereum wallet (EIP-4361)"),
        (name = "registry", description = "Institutions, staff, keys, patients"),
        (name = "records", description = "Making, approving, keeping and erasing records"),
        (name = "acts", description = "Signed acts on their way to the chain"),
        (name = "consent", description = "Requests, grants, opening, revoking"),
        (name = "hospital", description = "What the hospital's management and its auditor see"),
        (name = "links", description = "Links for guests"),
        (name = "people", description = "Staff, notices, letters, appointments, templates"),
        (name = "fhir", description = "What can be read as FHIR R4; errors are OperationOutcomes"),
        (name = "log", description = "The institution's log and a patient's trail"),
        (name = "peers", description = "Between institutions' nodes; requests carry RFC 9421 signatures")
    )
)]
struct Description;

/// Every route, area by area.
fn described() -> OpenApiRouter<App> {
    let api = OpenApiRouter::with_openapi(Description::openapi());
    let api = with_node(api);
    let api = with_registry(api);
    let api = with_records(api);
    let api = with_consent(api);
    let api = with_people(api);
    let api = with_log(api);
    with_peers(api)
}

/// The node itself, acts on their way to the chain, what the chain says and costs, and second
/// opinions on radiographs.
fn with_node(api: OpenApiRouter<App>) -> OpenApiRouter<App> {
    use handlers::{acts, chain, fees, node, readings};
    api.routes(routes!(node::healthz))
        .routes(routes!(node::readyz))
        .routes(routes!(node::metrics))
        .routes(routes!(node::card))
        .routes(routes!(acts::act))
        .routes(routes!(acts::send_now))
        .routes(routes!(acts::sent))
        .routes(routes!(acts::withdraw))
        .routes(routes!(chain::ask))
        .routes(routes!(fees::forecast))
        .routes(routes!(fees::costs))
        .routes(routes!(readings::read))
}

/// Applications, the hospital's own view, sessions, and who is registered.
fn with_registry(api: OpenApiRouter<App>) -> OpenApiRouter<App> {
    use handlers::{applications, hospital, registry, session};
    api.routes(routes!(applications::list, applications::apply))
        .routes(routes!(applications::credential))
        .routes(routes!(applications::decide))
        .routes(routes!(hospital::records))
        .routes(routes!(hospital::health))
        .routes(routes!(hospital::intrusions))
        .routes(routes!(hospital::figures))
        .routes(routes!(session::challenge))
        .routes(routes!(session::who, session::sign_in, session::sign_out))
        .routes(routes!(registry::directory))
        .routes(routes!(registry::set_institution))
        .routes(routes!(registry::invite))
        .routes(routes!(registry::set_staff))
        .routes(routes!(registry::invitation, registry::accept))
        .routes(routes!(registry::state_key))
        .routes(routes!(registry::patients, registry::enrol))
}

/// Making, approving, keeping and erasing records.
fn with_records(api: OpenApiRouter<App>) -> OpenApiRouter<App> {
    use handlers::records;
    api.routes(routes!(records::drafts, records::upload))
        .routes(routes!(records::upload_keys))
        .routes(routes!(records::upload_sealed))
        .routes(routes!(records::draft))
        .routes(routes!(records::sign))
        .routes(routes!(records::authored))
        .routes(routes!(records::pending))
        .routes(routes!(records::approve))
        .routes(routes!(records::refuse))
        .routes(routes!(records::records))
        .routes(routes!(records::sealed))
        .routes(routes!(records::evidence))
        .routes(routes!(records::erase))
        .routes(routes!(records::index, records::set_index))
}

/// Requests, grants, and links for guests.
fn with_consent(api: OpenApiRouter<App>) -> OpenApiRouter<App> {
    use handlers::{consent, links};
    api.routes(routes!(consent::requests, consent::request))
        .routes(routes!(consent::grants, consent::give))
        .routes(routes!(consent::open))
        .routes(routes!(consent::serve))
        .routes(routes!(consent::revoke))
        .routes(routes!(links::links, links::make))
        .routes(routes!(links::revoke))
        .routes(routes!(links::code))
        .routes(routes!(links::confirm))
}

/// Staff and letters, and what can be read as FHIR.
fn with_people(api: OpenApiRouter<App>) -> OpenApiRouter<App> {
    use handlers::{fhir, people};
    api.routes(routes!(people::profile, people::set_profile))
        .routes(routes!(people::staff))
        .routes(routes!(people::templates))
        .routes(routes!(fhir::metadata))
        .routes(routes!(fhir::questionnaires))
        .routes(routes!(fhir::questionnaire))
        .routes(routes!(fhir::organization))
        .routes(routes!(fhir::roles))
        .routes(routes!(fhir::role))
        .routes(routes!(people::mails))
        .routes(routes!(people::notices))
        .routes(routes!(people::seen))
        .routes(routes!(people::letters, people::send))
        .routes(routes!(people::read))
        .routes(routes!(people::slots, people::offer))
        .routes(routes!(people::withdraw))
        .routes(routes!(people::appointments, people::ask))
        .routes(routes!(people::change))
}

/// The institution's log and a patient's trail.
fn with_log(api: OpenApiRouter<App>) -> OpenApiRouter<App> {
    use handlers::log;
    api.routes(routes!(log::checkpoint))
        .routes(routes!(log::tile))
        .routes(routes!(log::consistency))
        .routes(routes!(log::anchor))
        .routes(routes!(log::trail))
}

/// What other institutions' nodes ask.
fn with_peers(api: OpenApiRouter<App>) -> OpenApiRouter<App> {
    use handlers::peers;
    api.routes(routes!(peers::person))
        .routes(routes!(peers::staff))
        .routes(routes!(peers::request))
        .routes(routes!(peers::grant))
        .routes(routes!(peers::revocation))
        .routes(routes!(peers::erasure))
        .routes(routes!(peers::touch))
        .routes(routes!(peers::proofs))
        .routes(routes!(peers::pages, peers::forget_pages))
        .routes(routes!(peers::page, peers::keep_page))
}

fn openapi() -> utoipa::openapi::OpenApi {
    let mut api = described().into_openapi();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    api.components
        .get_or_insert_default()
        .add_security_scheme("session", bearer);
    // A path parameter that takes the rest of the path is written without its star in OpenAPI.
    let paths = std::mem::take(&mut api.paths.paths);
    api.paths.paths = paths
        .into_iter()
        .map(|(path, item)| (path.replace("{*", "{"), item))
        .map(|(path, item)| (path.clone(), named(&path, item)))
        .collect();
    api
}

/// Name each operation of a path after its method and path: the handlers' names, which are taken
/// otherwise, are not unique, and OpenAPI asks for that.
fn named(path: &str, mut item: PathItem) -> PathItem {
    let words: Vec<&str> = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let operations = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("delete", &mut item.delete),
    ];
    for (method, operation) in operations {
        if let Some(operation) = operation {
            operation.operation_id = Some(format!("{method}_{}", words.join("_")));
        }
    }
    item
}

/// The OpenAPI document, as it is served at `/api/openapi.json`.
///
/// # Errors
/// If it cannot be written as JSON, which a test excludes.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    openapi().to_pretty_json()
}

/// The whole router.
pub(crate) fn router(app: App, gateway: Gateway, assets: Option<Arc<dyn web::Assets>>) -> Router {
    let limits = &app.config().limits;
    let usual = usize::try_from(limits.json_bytes).unwrap_or(usize::MAX);
    let upload = usize::try_from(limits.upload_bytes)
        .unwrap_or(usize::MAX)
        .saturating_add(FORM);
    let usual_time = Duration::from_secs(limits.request_s);
    let times = gate::Times {
        usual: usual_time,
        long: usual_time * LONG,
    };
    let limiter = gate::Limiter::per_minute(limits.requests_per_minute);
    let api: Arc<str> = openapi_json().unwrap_or_default().into();
    let serve_api = move || {
        let api = api.clone();
        async move {
            (
                [(header::CONTENT_TYPE, "application/json")],
                api.to_string(),
            )
        }
    };
    let (described, _) = described().split_for_parts();
    described
        .route("/api/openapi.json", get(serve_api))
        .layer(DefaultBodyLimit::max(upload))
        .route_layer(from_fn_with_state((app.clone(), usual), gate::gate))
        .with_state(app.clone())
        .merge(vault::gateway::router(gateway))
        .fallback_service(web::router(assets))
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(times, gate::in_time))
        .layer(from_fn_with_state(limiter, gate::not_too_often))
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(app, gate::observe))
        .layer(from_fn(gate::number))
        // What is no page of ours shows and runs nothing; pages have said so themselves.
        .layer(fixed(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(header::X_FRAME_OPTIONS, "DENY"))
}

fn fixed(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn nowhere() -> ApiError {
    let status = StatusCode::NOT_FOUND;
    ApiError::new(
        status,
        "no_route",
        "there is nothing here",
        "see /api/openapi.json",
    )
}

async fn not_so() -> ApiError {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let message = "this address does not take that method";
    ApiError::new(status, "method", message, "see /api/openapi.json")
}

#[cfg(test)]
mod tests;
