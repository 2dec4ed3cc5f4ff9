//! What the chain costs.

use api::error::ErrorBody;
use api::fees::{CostsView, ForecastView};
use axum::Json;
use axum::extract::State;

use super::Answer;
use crate::app::App;

/// Fees now and in the next seven days, and whether to wait.
#[utoipa::path(get, path = "/api/forecast", tag = "node", responses((status = 200, body = ForecastView)))]
pub(crate) async fn forecast(State(app): State<App>) -> Json<ForecastView> {
    Json(app.fees().view(app.chain()).await)
}

/// What acts use of gas, and what gas costs now.
#[utoipa::path(get, path = "/api/v1/costs", tag = "node", responses(
    (status = 200, body = CostsView), (status = 503, body = ErrorBody)
))]
pub(crate) async fn costs(State(app): State<App>) -> Answer<CostsView> {
    Ok(Json(
        app.fees()
            .costs(app.chain())
            .await
            .map_err(super::chain::silent)?,
    ))
}
