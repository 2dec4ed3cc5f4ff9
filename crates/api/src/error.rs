//! The body of every error.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of every error response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// A stable code that programs can match, for example `wrong_patient`.
    pub error: String,
    /// What happened, in plain words.
    pub message: String,
    /// What to do next.
    pub hint: String,
}
