//! Links for guests: a code from a mail, and a number of views.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a patient sends to make a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// The grant, to the guest's wallet.
    #[schema(value_type = String)]
    pub grant: B256,
    /// Where the guest gets codes.
    pub email: String,
    /// How often the guest may open it.
    pub views: u32,
    /// Until when, unix seconds.
    pub expires_at: u64,
}

/// A link as its patient sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkView {
    /// Its id.
    #[schema(value_type = String)]
    pub link: B256,
    /// The grant.
    #[schema(value_type = String)]
    pub grant: B256,
    /// The guest's wallet.
    #[schema(value_type = String)]
    pub guest: Address,
    /// Where the guest gets codes.
    pub email: String,
    /// How often the guest may open it.
    pub views: u32,
    /// How often it was opened.
    pub used: u32,
    /// When it was opened last, unix seconds.
    pub last_view: Option<u64>,
    /// When it was made, unix seconds.
    pub created_at: u64,
    /// Until when it serves, unix seconds.
    pub expires_at: u64,
    /// Whether the patient took it back.
    pub revoked: bool,
}

/// A link as its guest sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GuestLink {
    /// The grant to open.
    #[schema(value_type = String)]
    pub grant: B256,
    /// The patient's institution.
    #[schema(value_type = String)]
    pub home: Address,
    /// Its name.
    pub hospital: String,
    /// How often it can still be opened.
    pub views_left: u32,
    /// Until when it serves, unix seconds.
    pub expires_at: u64,
}

/// A code from the mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkCode {
    /// Six digits.
    pub code: String,
}
