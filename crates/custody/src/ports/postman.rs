//! Postman.

use async_trait::async_trait;

use crate::model::error::Result;
use crate::model::mail::{Mail, Undelivered};

/// Whoever carries mails.
#[async_trait]
pub trait Postman: Send + Sync {
    /// Hand a mail to the mail server.
    async fn send(&self, mail: &Mail) -> Result<(), Undelivered>;
}
