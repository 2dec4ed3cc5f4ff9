//! Second opinions on radiographs.

use api::error::ErrorBody;
use api::readings::{ReadingView, Task};
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::error::ApiError;
use crate::http::extract::Asked;
use crate::reading::IMAGE_BYTES;

/// What to look for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// `fracture`, `chest` or `auto`, which is meant if nothing is said.
    #[serde(default)]
    #[param(inline)]
    task: Task,
}

/// Read a radiograph: DICOM, PNG or JPEG as the body. It is read in memory and kept nowhere.
#[utoipa::path(post, path = "/api/v1/readings", tag = "records", params(Wanted), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 200, body = ReadingView), (status = 413, body = ErrorBody), (status = 422, body = ErrorBody),
    (status = 501, body = ErrorBody, description = "There is no reader here"), (status = 503, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn read(
    State(app): State<App>,
    Asked(wanted): Asked<Wanted>,
    request: Request,
) -> Result<Response, ApiError> {
    let place = app.readings().queue()?;
    let limit = app.config().limits.upload_bytes.min(IMAGE_BYTES);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let image = to_bytes(request.into_body(), limit).await.map_err(|_| {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        let message = format!("the image is over the limit of {limit} bytes, or did not arrive");
        ApiError::new(status, "too_large", message, "send one image of that size")
    })?;
    let view = place.read(wanted.task, image.into()).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(view)).into_response())
}
