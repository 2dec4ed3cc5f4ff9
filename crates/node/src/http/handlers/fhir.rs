//! What of this hospital can be read as FHIR R4: templates, staff, the hospital itself. Records are
//! not here: a node cannot read them. A patient's own client makes a Bundle of them.

use alloy_primitives::Address;
use api::people::StaffView;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::app::App;
use crate::error::{ApiError, FHIR};
use crate::http::extract::{Asked, At};

/// The namespace of wallets, as in the documents of records.
const WALLETS: &str = "urn:stele:wallet";
/// The namespace of roles, as the Registry has them.
const ROLES: &str = "urn:stele:role";

/// A resource with the media type of FHIR.
pub(crate) struct Resource(Value);

impl IntoResponse for Resource {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, FHIR)], self.0.to_string()).into_response()
    }
}

type Answer = Result<Resource, ApiError>;

fn bundle(resources: Vec<Value>) -> Resource {
    let entry = |resource: Value| json!({"resource": resource, "search": {"mode": "match"}});
    let total = resources.len();
    let entries: Vec<Value> = resources.into_iter().map(entry).collect();
    Resource(
        json!({"resourceType": "Bundle", "type": "searchset", "total": total, "entry": entries}),
    )
}

/// What this endpoint can do: a CapabilityStatement.
#[utoipa::path(get, path = "/fhir/metadata", tag = "fhir", responses((status = 200, body = Object, content_type = "application/fhir+json")))]
pub(crate) async fn metadata(State(app): State<App>) -> Resource {
    let reads = |kind: &str, search: &[&str]| {
        let mut interactions = vec![json!({"code": "read"})];
        if !search.is_empty() {
            interactions.push(json!({"code": "search-type"}));
        }
        let param = |name: &&str| json!({"name": name, "type": if *name == "url" { "uri" } else { "token" }});
        let params: Vec<Value> = search.iter().map(param).collect();
        json!({"type": kind, "interaction": interactions, "searchParam": params})
    };
    let card = app.card();
    Resource(json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-21",
        "kind": "instance",
        "software": {"name": "Stele", "version": card.version},
        "implementation": {"description": card.name, "url": format!("{}/fhir", card.url)},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [{
            "mode": "server",
            "documentation": "Templates, staff and the hospital. Records are sealed: their owners' clients read them.",
            "resource": [
                reads("Questionnaire", &["url"]),
                reads("Organization", &[]),
                reads("PractitionerRole", &["role"]),
            ],
        }],
    }))
}

/// Which templates.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ByUrl {
    /// Only the one with this canonical URL.
    url: Option<String>,
}

/// The templates of reports.
#[utoipa::path(get, path = "/fhir/Questionnaire", tag = "fhir", params(ByUrl), responses((status = 200, body = Object, content_type = "application/fhir+json")), security(("session" = [])))]
pub(crate) async fn questionnaires(State(app): State<App>, Asked(by): Asked<ByUrl>) -> Answer {
    let wanted = |q: &&Value| by.url.as_ref().is_none_or(|url| q["url"] == url.as_str());
    let found = app.templates().all().iter().filter(wanted).cloned();
    Ok(bundle(found.collect()))
}

/// One template.
#[utoipa::path(get, path = "/fhir/Questionnaire/{id}", tag = "fhir", params(("id" = String, Path)), responses((status = 200, body = Object, content_type = "application/fhir+json"), (status = 404, body = Object, content_type = "application/fhir+json")), security(("session" = [])))]
pub(crate) async fn questionnaire(State(app): State<App>, At(id): At<String>) -> Answer {
    let mut all = app.templates().all().iter();
    let found = all.find(|q| q["id"] == id.as_str()).cloned();
    Ok(Resource(found.ok_or_else(|| missing("template"))?))
}

fn missing(what: &'static str) -> ApiError {
    custody::model::error::Error::NotFound(what).into()
}

/// The hospital.
#[utoipa::path(get, path = "/fhir/Organization/{wallet}", tag = "fhir", params(("wallet" = String, Path)), responses((status = 200, body = Object, content_type = "application/fhir+json"), (status = 404, body = Object, content_type = "application/fhir+json")), security(("session" = [])))]
pub(crate) async fn organization(State(app): State<App>, At(wallet): At<Address>) -> Answer {
    let card = app.card();
    if wallet != card.institution {
        return Err(missing("organization"));
    }
    Ok(Resource(json!({
        "resourceType": "Organization",
        "id": wallet.to_string(),
        "identifier": [{"system": WALLETS, "value": wallet.to_string()}],
        "active": true,
        "name": card.name,
    })))
}

/// Which staff.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ByRole {
    /// Only this role.
    #[param(value_type = Option<String>)]
    role: Option<record::Role>,
}

/// The hospital's active staff.
#[utoipa::path(get, path = "/fhir/PractitionerRole", tag = "fhir", params(ByRole), responses((status = 200, body = Object, content_type = "application/fhir+json")), security(("session" = [])))]
pub(crate) async fn roles(State(app): State<App>, Asked(by): Asked<ByRole>) -> Answer {
    let hospital = app.hospital();
    let staff = hospital.staff_of(hospital.address(), by.role).await?;
    Ok(bundle(staff.iter().map(role_of).collect()))
}

/// One of them.
#[utoipa::path(get, path = "/fhir/PractitionerRole/{wallet}", tag = "fhir", params(("wallet" = String, Path)), responses((status = 200, body = Object, content_type = "application/fhir+json"), (status = 404, body = Object, content_type = "application/fhir+json")), security(("session" = [])))]
pub(crate) async fn role(State(app): State<App>, At(wallet): At<Address>) -> Answer {
    let hospital = app.hospital();
    let staff = hospital.staff_of(hospital.address(), None).await?;
    let found = staff.iter().find(|s| s.wallet == wallet).map(role_of);
    Ok(Resource(found.ok_or_else(|| missing("practitioner"))?))
}

fn role_of(staff: &StaffView) -> Value {
    let wallet = staff.wallet.to_string();
    let mut role = json!({
        "resourceType": "PractitionerRole",
        "id": wallet,
        "active": true,
        "practitioner": {
            "identifier": {"system": WALLETS, "value": wallet},
            "display": staff.name,
        },
        "organization": {"reference": format!("Organization/{}", staff.institution)},
        "code": [{"coding": [{"system": ROLES, "code": staff.role.name()}]}],
    });
    if !staff.department.is_empty() {
        role["specialty"] = json!([{"text": staff.department}]);
    }
    role
}
