//! Institutions, staff, keys, patients.

use acts::SignedAct;
use alloy_primitives::Address;
use api::acts::{ActView, Signature};
use api::error::ErrorBody;
use api::people::{
    DirectoryView, InvitationView, KeySubmission, NewPatient, PatientView, PatientsPage, Standing,
};
use axum::extract::State;
use axum::{Extension, Json};
use custody::model::caller::Caller;
use custody::model::chain_facts::{InstitutionFacts, KeyFacts, StaffFacts};
use custody::model::person::Person;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Answer;
use crate::app::App;
use crate::http::extract::{Asked, At, Json as Body};

/// What directory and chain know of a wallet.
#[utoipa::path(get, path = "/api/v1/directory/{wallet}", tag = "registry", params(("wallet" = String, Path)), responses(
    (status = 200, body = DirectoryView)
), security(("session" = [])))]
pub(crate) async fn directory(
    State(app): State<App>,
    At(wallet): At<Address>,
) -> Answer<DirectoryView> {
    let facts = app.facts();
    let mut person = match app.hospital().person(wallet).await {
        Ok(person) => Some(person),
        Err(custody::model::error::Error::NotFound(_)) => None,
        Err(other) => return Err(other.into()),
    };
    let institution = facts
        .institution(wallet)
        .await
        .map_err(custody::model::error::Error::from)?;
    let staff = facts
        .staff(wallet)
        .await
        .map_err(custody::model::error::Error::from)?;
    let key = facts
        .key(wallet)
        .await
        .map_err(custody::model::error::Error::from)?;
    // Who works or worked at a hospital is known by name; a patient to the own hospital alone.
    if let Some(person) = &mut person
        && staff.is_none()
        && institution.nonce == 0
    {
        person.name.clear();
    }
    Ok(Json(directory_view(person, institution, staff, key)))
}

/// Carry the registrar's act about an institution.
#[utoipa::path(post, path = "/api/v1/registry/institutions", tag = "registry", request_body(content = Object, description = "A signed set_institution act"), responses(
    (status = 200, body = ActView), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn set_institution(
    State(app): State<App>,
    Body(signed): Body<SignedAct>,
) -> Answer<ActView> {
    Ok(Json(app.hospital().set_institution(signed).await?.into()))
}

/// Invite a person to the staff.
#[utoipa::path(post, path = "/api/v1/registry/staff", tag = "registry", request_body = InvitationView, responses(
    (status = 200, body = InvitationView), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn invite(
    State(app): State<App>,
    Body(offer): Body<InvitationView>,
) -> Answer<InvitationView> {
    Ok(Json(app.hospital().invite(offer.into()).await?.into()))
}

/// Carry the institution's act about a person: another role, suspended, reinstated.
#[utoipa::path(post, path = "/api/v1/registry/staff/{wallet}", tag = "registry", params(("wallet" = String, Path)), request_body(content = Object, description = "A signed set_staff act"), responses(
    (status = 200, body = ActView), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn set_staff(
    State(app): State<App>,
    At(wallet): At<Address>,
    Body(signed): Body<SignedAct>,
) -> Answer<ActView> {
    Ok(Json(app.hospital().set_staff(wallet, signed).await?.into()))
}

/// The invitation that waits for the caller.
#[utoipa::path(get, path = "/api/v1/registry/invitation", tag = "registry", responses(
    (status = 200, body = InvitationView), (status = 404, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn invitation(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<InvitationView> {
    Ok(Json(app.hospital().invitation(caller.wallet).await?.into()))
}

/// Accept it: the caller's half of the act.
#[utoipa::path(post, path = "/api/v1/registry/invitation", tag = "registry", request_body = Signature, responses(
    (status = 200, body = ActView), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn accept(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(half): Body<Signature>,
) -> Answer<ActView> {
    let errand = app
        .hospital()
        .accept_invitation(caller.wallet, half.signature)
        .await?;
    Ok(Json(errand.into()))
}

/// State the caller's sealing key.
#[utoipa::path(post, path = "/api/v1/keys", tag = "registry", request_body = KeySubmission, responses(
    (status = 200, body = Option<ActView>), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn state_key(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(submission): Body<KeySubmission>,
) -> Answer<Option<ActView>> {
    let errand = app
        .hospital()
        .publish_key(caller.wallet, submission)
        .await?;
    Ok(Json(errand.map(Into::into)))
}

/// Patients of one page, and how many are meant if nothing is said.
const PATIENTS: u32 = 1000;
const USUAL_PATIENTS: u32 = 50;

/// Which patients.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Beginnings of words of the name, of the number or of the birth date, in any order; accents do
    /// not matter. If nobody has words that begin like these, typing errors are allowed for. Everybody
    /// without it.
    q: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Patients on the page, at most 1000; 50 if nothing is said.
    limit: Option<u32>,
}

/// The patients of this hospital: all of them, or those that are searched for.
#[utoipa::path(get, path = "/api/v1/patients", tag = "registry", params(Wanted), responses(
    (status = 200, body = PatientsPage), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn patients(
    State(app): State<App>,
    Asked(wanted): Asked<Wanted>,
) -> Answer<PatientsPage> {
    let text = wanted.q.unwrap_or_default();
    let limit = wanted.limit.unwrap_or(USUAL_PATIENTS).clamp(1, PATIENTS);
    let after = wanted.after.as_deref();
    Ok(Json(
        app.hospital().find_patients(&text, after, limit).await?,
    ))
}

/// Enrol a patient.
#[utoipa::path(post, path = "/api/v1/patients", tag = "registry", request_body = NewPatient, responses(
    (status = 200, body = PatientView), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn enrol(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(new): Body<NewPatient>,
) -> Answer<PatientView> {
    Ok(Json(
        app.hospital()
            .enrol(caller.wallet, new)
            .await?
            .document
            .into(),
    ))
}

/// What the directory and the chain know of a wallet, put together.
fn directory_view(
    person: Option<Person>,
    institution: InstitutionFacts,
    staff: Option<StaffFacts>,
    key: KeyFacts,
) -> DirectoryView {
    DirectoryView {
        person: person.map(Into::into),
        active_institution: institution.active,
        institution_nonce: institution.nonce,
        staff: staff.map(|s| Standing {
            institution: s.institution,
            role: s.role,
            active: s.active,
        }),
        staff_nonce: staff.map_or(0, |s| s.nonce),
        key_version: key.version,
        key_digest: key.digest,
    }
}
