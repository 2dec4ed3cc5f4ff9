//! Who works here, what people are told, and what they write to each other.

use alloy_primitives::{Address, B256};
use api::appointments::{AppointmentChange, AppointmentView, NewAppointment, NewSlot, SlotView};
use api::error::ErrorBody;
use api::letters::{LetterView, NewLetter};
use api::notices::{MailView, NoticeView};
use api::people::{ProfileView, StaffView};
use axum::extract::State;
use axum::{Extension, Json};
use custody::model::caller::Caller;
use record::Role;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::http::extract::{Asked, At, Json as Body};

/// An answer that says nothing but that it was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {}

/// What the caller has set.
#[utoipa::path(get, path = "/api/v1/profile", tag = "people", responses((status = 200, body = ProfileView)), security(("session" = [])))]
pub(crate) async fn profile(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<ProfileView> {
    Ok(Json(app.hospital().profile(caller.wallet).await?))
}

/// Set the caller's name, department, address for mail, and whether to be told of news by mail.
#[utoipa::path(put, path = "/api/v1/profile", tag = "people", request_body = ProfileView, responses(
    (status = 200, body = ProfileView), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn set_profile(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(set): Body<ProfileView>,
) -> Answer<ProfileView> {
    Ok(Json(app.hospital().set_profile(caller.wallet, set).await?))
}

/// Whose staff to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StaffQuery {
    /// The institution; this one if it is left out.
    #[param(value_type = Option<String>)]
    institution: Option<Address>,
    /// Only this role.
    #[param(value_type = Option<String>)]
    role: Option<Role>,
}

/// The active staff of an institution, with the keys to which to seal for them.
#[utoipa::path(get, path = "/api/v1/staff", tag = "people", params(StaffQuery), responses(
    (status = 200, body = [StaffView]), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody, description = "The other institution's node does not answer")
), security(("session" = [])))]
pub(crate) async fn staff(
    State(app): State<App>,
    Asked(query): Asked<StaffQuery>,
) -> Answer<Vec<StaffView>> {
    let hospital = app.hospital();
    let institution = query.institution.unwrap_or_else(|| hospital.address());
    Ok(Json(hospital.staff_of(institution, query.role).await?))
}

/// The templates of reports: FHIR Questionnaires.
#[utoipa::path(get, path = "/api/v1/templates", tag = "people", responses((status = 200, body = [Object])), security(("session" = [])))]
pub(crate) async fn templates(State(app): State<App>) -> Answer<Vec<serde_json::Value>> {
    Ok(Json(app.templates().all().to_vec()))
}

/// The mails that this node wrote, where it is set up to show them.
#[utoipa::path(get, path = "/api/v1/mails", tag = "people", responses(
    (status = 200, body = [MailView]), (status = 404, body = ErrorBody, description = "Mails are not shown here")
))]
pub(crate) async fn mails(State(app): State<App>) -> Answer<Vec<MailView>> {
    if !app.config().mail.demo_inbox {
        return Err(custody::model::error::Error::NotFound("a mailbox for demonstrations").into());
    }
    let mails = app.hospital().mails().await?;
    Ok(Json(mails.into_iter().map(Into::into).collect()))
}

/// From where on, and how long to wait.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct NoticeQuery {
    /// The id of the last notice that is known.
    #[serde(default)]
    since: String,
    /// Seconds to wait for one, at most 25.
    #[serde(default)]
    wait: u64,
}

/// The caller's notices, oldest first; waits for one if asked to.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "people", params(NoticeQuery), responses((status = 200, body = [NoticeView])), security(("session" = [])))]
pub(crate) async fn notices(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<NoticeQuery>,
) -> Answer<Vec<NoticeView>> {
    // The answer has to be given before the request's time is over.
    let wait = query
        .wait
        .min(app.config().limits.request_s.saturating_sub(2));
    let hospital = app.hospital();
    let found = tokio::select! {
        found = hospital.notices(caller.wallet, &query.since, wait) => found?,
        // A node that stops does not wait for news.
        () = app.stopping().cancelled() => Vec::new(),
    };
    Ok(Json(found))
}

/// How far the caller has read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeenUpTo {
    /// The id of the last notice read.
    up_to: String,
}

/// Remember how far the caller has read.
#[utoipa::path(post, path = "/api/v1/notifications/seen", tag = "people", request_body = SeenUpTo, responses((status = 200, body = Done)), security(("session" = [])))]
pub(crate) async fn seen(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(seen): Body<SeenUpTo>,
) -> Answer<Done> {
    app.hospital()
        .notices_seen(caller.wallet, &seen.up_to)
        .await?;
    Ok(Json(Done {}))
}

/// Which letters.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LetterQuery {
    /// Only this conversation.
    #[param(value_type = Option<String>)]
    thread: Option<B256>,
    /// Only from this time on, unix seconds.
    #[serde(default)]
    since: u64,
}

/// The caller's letters, sent and received, oldest first.
#[utoipa::path(get, path = "/api/v1/letters", tag = "people", params(LetterQuery), responses((status = 200, body = [LetterView])), security(("session" = [])))]
pub(crate) async fn letters(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<LetterQuery>,
) -> Answer<Vec<LetterView>> {
    let letters = app
        .hospital()
        .letters(caller.wallet, query.thread, query.since)
        .await?;
    Ok(Json(letters))
}

/// Send a sealed letter.
#[utoipa::path(post, path = "/api/v1/letters", tag = "people", request_body = NewLetter, responses(
    (status = 200, body = LetterView), (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn send(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(new): Body<NewLetter>,
) -> Answer<LetterView> {
    Ok(Json(app.hospital().send_letter(&caller, new).await?))
}

/// The caller has read a letter.
#[utoipa::path(post, path = "/api/v1/letters/{id}/seen", tag = "people", params(("id" = String, Path)), responses(
    (status = 200, body = LetterView), (status = 404, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn read(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(letter): At<B256>,
) -> Answer<LetterView> {
    Ok(Json(
        app.hospital().letter_seen(caller.wallet, letter).await?,
    ))
}

/// Whose times.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SlotQuery {
    /// The doctor.
    #[param(value_type = String)]
    doctor: Address,
}

/// A doctor's free times to come; the doctor sees all of them.
#[utoipa::path(get, path = "/api/v1/slots", tag = "people", params(SlotQuery), responses((status = 200, body = [SlotView])), security(("session" = [])))]
pub(crate) async fn slots(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<SlotQuery>,
) -> Answer<Vec<SlotView>> {
    let slots = app.hospital().slots(caller.wallet, query.doctor).await?;
    Ok(Json(slots.into_iter().map(Into::into).collect()))
}

/// Offer times.
#[utoipa::path(post, path = "/api/v1/slots", tag = "people", request_body = Vec<NewSlot>, responses(
    (status = 200, body = [SlotView]), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn offer(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(new): Body<Vec<NewSlot>>,
) -> Answer<Vec<SlotView>> {
    let slots = app.hospital().offer_slots(caller.wallet, new).await?;
    Ok(Json(slots.into_iter().map(Into::into).collect()))
}

/// Take back a time that nobody has taken.
#[utoipa::path(delete, path = "/api/v1/slots/{id}", tag = "people", params(("id" = String, Path)), responses(
    (status = 200, body = Done), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn withdraw(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(slot): At<B256>,
) -> Answer<Done> {
    app.hospital().withdraw_slot(caller.wallet, slot).await?;
    Ok(Json(Done {}))
}

/// The caller's appointments, by time.
#[utoipa::path(get, path = "/api/v1/appointments", tag = "people", responses((status = 200, body = [AppointmentView])), security(("session" = [])))]
pub(crate) async fn appointments(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<Vec<AppointmentView>> {
    Ok(Json(app.hospital().appointments(caller.wallet).await?))
}

/// Ask a doctor for one of the doctor's free times.
#[utoipa::path(post, path = "/api/v1/appointments", tag = "people", request_body = NewAppointment, responses(
    (status = 200, body = AppointmentView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "Somebody was faster"), (status = 429, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn ask(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(new): Body<NewAppointment>,
) -> Answer<AppointmentView> {
    Ok(Json(app.hospital().ask_appointment(&caller, new).await?))
}

/// Accept, decline, move or cancel an appointment.
#[utoipa::path(post, path = "/api/v1/appointments/{id}", tag = "people", params(("id" = String, Path)), request_body = AppointmentChange, responses(
    (status = 200, body = AppointmentView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<B256>,
    Body(change): Body<AppointmentChange>,
) -> Result<Json<AppointmentView>, ApiError> {
    let changed = app
        .hospital()
        .change_appointment(caller.wallet, id, change)
        .await?;
    Ok(Json(changed))
}
