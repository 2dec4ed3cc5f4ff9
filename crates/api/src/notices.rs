//! What people are told, in the app and by mail.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};
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
    /// The name used in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Mail)]
pub struct MailView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: B256,
    /// The recipient's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// When it was written, unix seconds.
    pub created_at: u64,
    /// When it is looked at next: to be sent, or to be deleted.
    #[serde(default)]
    pub due_at: u64,
    /// After this time it is of no use any more.
    #[serde(default)]
    pub expires_at: u64,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// How far it is.
    pub state: MailState,
}
