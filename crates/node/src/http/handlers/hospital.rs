//! What the hospital's management and its auditor see.

use alloy_primitives::B256;
use api::hospital::{FiguresView, HealthView, HeldRecords, Notice};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Answer;
use crate::app::App;
use crate::http::extract::Asked;
use crate::overview;

/// Records of one page: each is checked anew, which takes a moment.
const PAGE: u32 = 50;
/// Days that can be asked for.
const MAX_DAYS: u64 = 366;
/// Days that are meant if nothing is said.
const USUAL_DAYS: u64 = 30;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    after: Option<B256>,
    /// Records on the page, at most 50.
    limit: Option<u32>,
}

/// How far back.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Back {
    /// Days, 1 to 366; 30 if nothing is said.
    days: Option<u64>,
}

impl Back {
    fn days(&self) -> u64 {
        self.days.unwrap_or(USUAL_DAYS).clamp(1, MAX_DAYS)
    }
}

/// The records as this hospital holds them: sealed, with their authors' signatures checked now.
#[utoipa::path(get, path = "/api/v1/hospital/records", tag = "hospital", params(Page), responses((status = 200, body = HeldRecords)), security(("session" = [])))]
pub(crate) async fn records(
    State(app): State<App>,
    Asked(page): Asked<Page>,
) -> Answer<HeldRecords> {
    let limit = page.limit.unwrap_or(PAGE).clamp(1, PAGE);
    Ok(Json(overview::records(&app, page.after, limit).await?))
}

/// How it stands with copies, repairs, acts and the log.
#[utoipa::path(get, path = "/api/v1/hospital/health", tag = "hospital", responses((status = 200, body = HealthView)), security(("session" = [])))]
pub(crate) async fn health(State(app): State<App>) -> Answer<HealthView> {
    Ok(Json(overview::health(&app).await?))
}

/// Refused and unusual access, newest first.
#[utoipa::path(get, path = "/api/v1/hospital/intrusions", tag = "hospital", params(Back), responses((status = 200, body = [Notice])), security(("session" = [])))]
pub(crate) async fn intrusions(
    State(app): State<App>,
    Asked(back): Asked<Back>,
) -> Answer<Vec<Notice>> {
    Ok(Json(overview::intrusions(&app, back.days()).await?))
}

/// Figures by day and by doctor.
#[utoipa::path(get, path = "/api/v1/hospital/figures", tag = "hospital", params(Back), responses((status = 200, body = FiguresView)), security(("session" = [])))]
pub(crate) async fn figures(
    State(app): State<App>,
    Asked(back): Asked<Back>,
) -> Answer<FiguresView> {
    Ok(Json(overview::figures(&app, back.days()).await?))
}
