//! Hospital.

use custody::model::document::Document;
use custody::ports::store::Documents;
use serde::Deserialize;
use serde::Serialize;
use utoipa::ToSchema;



/// Whether a version is signed by whom it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// Checked now: the author's signature holds.
    Holds,
    /// Checked now: it does not.
    Fails,
    /// The version is erased: there is nothing left to check.
    Erased,
    /// It cannot be checked at the moment.
    Unknown,
}
