//! Notices.

use custody::model::document::Document;
use custody::ports::store::Documents;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;



/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoticeView {
    /// Its id; later ones sort after earlier ones.
    pub id: String,
    /// When, unix seconds.
    pub at: u64,
    /// What happened, for example `record_pending`.
    pub kind: String,
    /// Ids and codes that belong to it.
    pub params: BTreeMap<String, String>,
    /// The page of the app where to look.
    pub link: String,
    /// Whether the person has seen it.
    pub seen: bool,
}

/// How far a mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// It waits for the mail server.
    Queued,
    /// The mail server took it.
    Sent,
    /// It could not be delivered.
    Failed,
}

impl MailState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}
