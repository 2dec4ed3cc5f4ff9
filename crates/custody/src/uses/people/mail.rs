//! Mail: what leaves by e-mail, and how it gets there.
//!
//! ```text
//! queued ──taken by the mail server──► sent ──► deleted
//!   │ ▲└── not taken: later, again ──┘
//!   └── refused for good, or too old ──► failed ──► deleted
//! ```
//!
//! A mail is written in the same batch as what it tells of, so that neither exists without the
//! other. It holds the recipient's own name, a code or a link, and nothing about anybody's health:
//! mail is read by every server on its way. Of several processes one claims a mail before it sends it;
//! should it die in between, the mail is sent again.

use std::sync::Arc;
use std::time::Duration;

use api::notices::MailState;
use async_trait::async_trait;

use crate::model::document::{Batch, Document, Held, Kind, Query};
use crate::model::error::{Error, Result, StoreError};
use crate::model::mail::{Mail, Undelivered, Words};
use crate::ports::postman::Postman;
use crate::ports::random::random;
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;
use crate::uses::lifecycle::{Lifecycle, Limits, Step};

/// How long a mail is tried, seconds.
pub(crate) const LIFE: u64 = 86_400;

/// How long what became of it can be looked up, seconds.
pub(crate) const AFTERLIFE: u64 = 86_400;

/// Rest before the second attempt, seconds; it doubles each time.
pub(crate) const FIRST_REST: u64 = 15;

/// The longest rest between two attempts, seconds.
pub(crate) const LONGEST_REST: u64 = 3600;

/// How long one process has to hand a mail over before another may, seconds; a mail server is waited
/// for much shorter.
pub(crate) const CLAIM: u64 = 300;

/// How long one mail may take.
const SENDING: Duration = Duration::from_secs(120);

/// Mails: handed to the postman, tried again, deleted afterwards. Their rests are their own, and
/// written down.
pub struct Mails {
    /// Without one they wait, or are shown.
    pub postman: Option<Arc<dyn Postman>>,
    /// Whether sent ones stay readable for a day.
    pub keep: bool,
}

#[async_trait]
impl Lifecycle for Mails {
    type Document = Mail;

    fn name(&self) -> &'static str {
        "mails"
    }

    fn due(&self, now: u64) -> Query {
        Query::of(Kind::Mail).due_by(now)
    }

    fn limits(&self) -> Limits {
        Limits {
            step: SENDING,
            ..Limits::default()
        }
    }

    async fn step(&self, hospital: &Hospital, held: Held<Mail>) -> Result<Step> {
        hospital
            .deliver(held, self.postman.as_deref(), self.keep)
            .await
    }
}

impl Hospital {
    /// Write a mail down in a batch. It is of no use after `life` seconds.
    pub(crate) fn post(
        &self,
        batch: &mut Batch,
        to: &str,
        words: &Words<'_>,
        life: Option<u64>,
    ) -> Result<()> {
        let now = self.now();
        batch.create(&Mail {
            id: random(),
            to: to.to_owned(),
            subject: words.subject.clone(),
            text: words.text(),
            html: words.html(),
            created_at: now,
            due_at: now,
            expires_at: now + life.unwrap_or(LIFE),
            attempts: 0,
            state: MailState::Queued,
        })?;
        Ok(())
    }

    /// One attempt at a mail that is due.
    async fn deliver(
        &self,
        mut held: Held<Mail>,
        postman: Option<&dyn Postman>,
        keep: bool,
    ) -> Result<Step> {
        let mut batch = Batch::new();
        if held.document.state != MailState::Queued {
            batch.delete::<Mail>(held.document.id());
            self.store.write(&batch).await?;
            return Ok(Step::Moved);
        }
        if postman.is_some() && !self.claim(&mut held).await? {
            return Ok(Step::Waiting);
        }
        let mail = &mut held.document;
        let outcome = match postman {
            _ if mail.expires_at < self.now() => {
                Err(Undelivered::Never("it is too old".to_owned()))
            }
            Some(postman) => postman.send(mail).await,
            // Where mails are shown, being shown is being delivered.
            None if keep => Ok(()),
            None => Err(Undelivered::Later("no mail server is set".to_owned())),
        };
        let state = self.after_attempt(mail, outcome, postman.is_some());
        match state {
            MailState::Sent if !keep => batch.delete::<Mail>(mail.id()),
            _ => batch.replace(&held)?,
        }
        self.store.write(&batch).await?;
        Ok(match state {
            MailState::Queued => Step::Waiting,
            _ => Step::Moved,
        })
    }

    /// Take a mail before it is sent, so that no other process of this hospital sends it as well;
    /// whether it was to be had. Who dies with it in hand gives it back after a while.
    async fn claim(&self, held: &mut Held<Mail>) -> Result<bool> {
        held.document.due_at = self.now() + CLAIM;
        let mut batch = Batch::new();
        batch.replace(held)?;
        match self.store.write(&batch).await {
            Ok(_) => {
                held.version += 1;
                Ok(true)
            }
            Err(Error::Store(StoreError::Conflict { .. })) => Ok(false),
            Err(other) => Err(other),
        }
    }

    fn after_attempt(
        &self,
        mail: &mut Mail,
        outcome: Result<(), Undelivered>,
        tried: bool,
    ) -> MailState {
        let now = self.now();
        match outcome {
            Ok(()) => {
                mail.state = MailState::Sent;
                mail.due_at = now + AFTERLIFE;
            }
            Err(Undelivered::Later(reason)) => {
                if tried {
                    tracing::warn!(%reason, "a mail will be tried again");
                }
                let rest = FIRST_REST << mail.attempts.min(8);
                mail.attempts += u32::from(tried);
                let rest = if tried {
                    rest.min(LONGEST_REST)
                } else {
                    LONGEST_REST
                };
                mail.due_at = now + rest;
            }
            Err(Undelivered::Never(reason)) => {
                tracing::warn!(%reason, "a mail was given up");
                mail.state = MailState::Failed;
                mail.due_at = now + AFTERLIFE;
            }
        }
        mail.state
    }

    /// The mails that are kept, newest first: for demonstrations without a mail server.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn mails(&self) -> Result<Vec<Mail>> {
        let held = self.store.readable::<Mail>(Query::of(Kind::Mail)).await?;
        Ok(held.into_iter().rev().map(|h| h.document).collect())
    }
}
