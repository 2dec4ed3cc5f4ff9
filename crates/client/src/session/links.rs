//! Links for guests.

use alloy_primitives::B256;
use api::links::{GuestLink, LinkCode, LinkView, NewLink};

use super::{Result, Session};

impl Session {
    /// Make a link to a grant to a guest.
    ///
    /// # Errors
    /// If the grant is not the caller's.
    pub async fn make_link(&self, new: &NewLink) -> Result<LinkView> {
        self.post("/api/v1/links", new).await
    }

    /// The links that the caller made.
    ///
    /// # Errors
    /// If the caller is no patient here.
    pub async fn links(&self) -> Result<Vec<LinkView>> {
        self.get("/api/v1/links").await
    }

    /// Take a link back.
    ///
    /// # Errors
    /// If it is not the caller's.
    pub async fn revoke_link(&self, link: B256) -> Result<LinkView> {
        let nothing = serde_json::json!({});
        self.post(&format!("/api/v1/links/{link}/revoke"), &nothing)
            .await
    }

    /// Enter the code from the mail: the guest's side.
    ///
    /// # Errors
    /// If it is another code, or the link serves no more.
    pub async fn confirm_link(&self, link: B256, code: &str) -> Result<GuestLink> {
        let code = code.to_owned();
        self.post(&format!("/api/v1/links/{link}/confirm"), &LinkCode { code })
            .await
    }
}
