//! Links.

use alloy_primitives::Address;
use alloy_primitives::B256;
use custody::model::document::Document;
use custody::model::error::Error;
use custody::model::error::Result;
use custody::ports::store::Documents;
use serde::Deserialize;
use serde::Serialize;
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

impl LinkView {
    /// This link, if it is what `new` asks for.
    pub(crate) fn made_from(self, new: &NewLink) -> Result<Self> {
        let same =
            (&self.email, self.views, self.expires_at) == (&new.email, new.views, new.expires_at);
        if same && !self.revoked {
            return Ok(self);
        }
        let state = if self.revoked {
            "taken back; give a new grant for a new one"
        } else {
            "made already, with another address, number of views or end"
        };
        Err(Error::State {
            what: "link",
            state: state.to_owned(),
        })
    }
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
