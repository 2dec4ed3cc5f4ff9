//! Errors as clients see them: a status, a stable code, what happened, what to do next.

use api::error::ErrorBody;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use custody::model::error::{Error, Fault};

/// An error response.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} {}: {}", .status.as_u16(), .body.error, .body.message)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: ErrorBody,
    /// Seconds after which it is worth trying again.
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// An error with its status, code, message and hint.
    #[must_use]
    pub fn new(
        status: StatusCode,
        error: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let body = ErrorBody {
            error: error.to_owned(),
            message: message.into(),
            hint: hint.into(),
        };
        Self {
            status,
            body,
            retry_after: None,
        }
    }

    /// With a `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// 401: who is it?
    #[must_use]
    pub fn sign_in(message: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "sign_in",
            message,
            "sign in with POST /api/v1/session and send the token as 'Authorization: Bearer …'",
        )
    }

    /// 403: not this caller.
    #[must_use]
    pub fn forbidden(who: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("this is for {who} only"),
            "sign in with a wallet that has this role, or ask the institution for it",
        )
    }

    /// 400: the request cannot be read.
    #[must_use]
    pub fn unreadable(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "unreadable",
            message,
            "compare the request with /api/openapi.json",
        )
    }
}

/// The media type of FHIR resources.
pub(crate) const FHIR: &str = "application/fhir+json";

/// An error as FHIR clients read it: an OperationOutcome in place of the body, if it is an error.
pub(crate) fn as_outcome(mut response: Response) -> Response {
    let Some(body) = response.extensions_mut().remove::<ErrorBody>() else {
        return response;
    };
    let kind = match response.status() {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => "invalid",
        StatusCode::UNAUTHORIZED => "login",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not-found",
        StatusCode::SERVICE_UNAVAILABLE => "transient",
        _ => "exception",
    };
    let outcome = serde_json::json!({
        "resourceType": "OperationOutcome",
        "issue": [{
            "severity": "error",
            "code": kind,
            "details": {
                "coding": [{"system": "urn:stele:error", "code": body.error}],
                "text": body.message,
            },
            "diagnostics": body.hint,
        }],
    });
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let media_type = header::HeaderValue::from_static(FHIR);
    parts.headers.insert(header::CONTENT_TYPE, media_type);
    Response::from_parts(parts, outcome.to_string().into())
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let told = self.body.clone();
        let mut response = (self.status, Json(self.body)).into_response();
        response.extensions_mut().insert(told);
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let status = match error.fault() {
            Fault::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Fault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Fault::Forbidden => StatusCode::FORBIDDEN,
            Fault::NotFound => StatusCode::NOT_FOUND,
            Fault::Conflict => StatusCode::CONFLICT,
            Fault::Gone => StatusCode::GONE,
            Fault::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Fault::Full => StatusCode::INSUFFICIENT_STORAGE,
            Fault::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Fault::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let api = Self::new(status, error.code(), error.to_string(), error.hint());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            api.retry_after(2)
        } else {
            api
        }
    }
}
