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

use alloy_primitives::B256;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::hospital::{Hospital, random};
use crate::store::{Batch, Document, Documents, Held, Kind, Query, StoreError};

/// The longest address (RFC 5321, 4.5.3.1.3).
const ADDRESS_BYTES: usize = 254;
/// How long a mail is tried, seconds.
const LIFE: u64 = 86_400;
/// How long what became of it can be looked up, seconds.
const AFTERLIFE: u64 = 86_400;
/// Rest before the second attempt, seconds; it doubles each time.
const FIRST_REST: u64 = 15;
/// The longest rest between two attempts, seconds.
const LONGEST_REST: u64 = 3600;
/// How long one process has to hand a mail over before another may, seconds; a mail server is waited
/// for much shorter.
const CLAIM: u64 = 300;
/// Mails that one round delivers.
const ROUND: u32 = 50;

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
    fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mail {
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

impl Document for Mail {
    const KIND: Kind = Kind::Mail;
    fn id(&self) -> String {
        format!("{:012}/{}", self.created_at, hex::encode(self.id))
    }
    fn state(&self) -> String {
        self.state.name().to_owned()
    }
    fn due_at(&self) -> u64 {
        self.due_at
    }
}

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// It may be taken later.
    #[error("not now: {0}")]
    Later(String),
    /// It never will be.
    #[error("never: {0}")]
    Never(String),
}

/// Whoever carries mails.
#[async_trait]
pub trait Postman: Send + Sync {
    /// Hand a mail to the mail server.
    async fn send(&self, mail: &Mail) -> Result<(), Undelivered>;
}

/// What a mail says, before it is laid out.
pub(crate) struct Words<'a> {
    /// The subject.
    pub(crate) subject: String,
    /// The recipient's own name; may be empty.
    pub(crate) name: &'a str,
    /// What happened.
    pub(crate) says: String,
    /// A code to be copied.
    pub(crate) code: Option<&'a str>,
    /// Where to go on.
    pub(crate) link: Option<&'a str>,
    /// Why it came.
    pub(crate) because: &'a str,
}

impl Words<'_> {
    fn greeting(&self) -> String {
        if self.name.is_empty() {
            "Hello,".to_owned()
        } else {
            format!("Hello {},", self.name)
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![self.greeting(), self.says.clone()];
        lines.extend(self.code.map(|code| format!("    {code}")));
        lines.extend(self.link.map(str::to_owned));
        lines.push(self.because.to_owned());
        lines.join("\r\n\r\n") + "\r\n"
    }

    fn html(&self) -> String {
        let paragraph = |text: &str| format!("<p>{}</p>", escaped(text));
        let code = |code: &str| {
            let style = "font:600 28px ui-monospace,monospace;letter-spacing:6px";
            format!("<p style=\"{style}\">{}</p>", escaped(code))
        };
        let link = |link: &str| {
            let link = escaped(link);
            format!("<p><a href=\"{link}\">{link}</a></p>")
        };
        let mut body = paragraph(&self.greeting()) + &paragraph(&self.says);
        body.extend(self.code.map(code));
        body.extend(self.link.map(link));
        format!(
            "<!doctype html><html><head><meta charset=\"utf-8\"><title>{}</title></head><body style=\"font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:2em auto;padding:0 1em\">{body}<p style=\"color:#666;font-size:13px\">{}</p></body></html>",
            escaped(&self.subject),
            escaped(self.because),
        )
    }
}

/// Text as it can stand in HTML, between tags and in attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Refuse what cannot be an address. Whether anybody reads it, only a mail can tell.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn check_address(address: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"".contains(c);
    let wrong = || Error::invalid("email", "write it as name@example.org");
    if address.len() > ADDRESS_BYTES || !address.chars().all(plain) {
        return Err(wrong());
    }
    match address.split_once('@') {
        Some((name, domain))
            if !name.is_empty()
                && name.len() <= 64
                && !domain.contains('@')
                && domain.split('.').all(|label| !label.is_empty()) =>
        {
            Ok(())
        }
        _ => Err(wrong()),
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

    /// Hand every mail that is due to the postman; without one they wait, or are shown. `keep`
    /// leaves sent ones readable for a day. Returns how many were sent.
    ///
    /// # Errors
    /// If the database does not answer; a silent mail server is no error here.
    pub async fn deliver_mails(&self, postman: Option<&dyn Postman>, keep: bool) -> Result<usize> {
        let due = Query::of(Kind::Mail).due_by(self.now()).limit(ROUND);
        let mut sent = 0;
        for mut held in self.store.all::<Mail>(due).await? {
            let mail = &mut held.document;
            let mut batch = Batch::new();
            if mail.state != MailState::Queued {
                batch.delete::<Mail>(mail.id());
                self.store.write(&batch).await?;
                continue;
            }
            if postman.is_some() && !self.claim(&mut held).await? {
                continue;
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
            match self.after_attempt(mail, outcome, postman.is_some()) {
                MailState::Sent if !keep => batch.delete::<Mail>(mail.id()),
                _ => batch.replace(&held)?,
            }
            sent += usize::from(held.document.state == MailState::Sent);
            match self.store.write(&batch).await {
                // Another process of this hospital took it at the same moment.
                Err(Error::Store(StoreError::Conflict { .. })) => {}
                other => other.map(|_| ())?,
            }
        }
        Ok(sent)
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
        let held = self.store.all::<Mail>(Query::of(Kind::Mail)).await?;
        Ok(held.into_iter().rev().map(|h| h.document).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_name_stays_text() {
        let words = Words {
            subject: "News".into(),
            name: "<script>alert('x')</script>",
            says: "a & b".into(),
            code: Some("123456"),
            link: Some("https://h.example/#\"><img src=x>"),
            because: "because",
        };
        let html = words.html();
        assert!(!html.contains("<script>") && !html.contains("<img"));
        assert!(html.contains("a &amp; b") && html.contains("123456"));
        assert!(words.text().contains("    123456"));
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        for good in ["a@b.example", "first.last+tag@sub.example.org"] {
            check_address(good).unwrap();
        }
        let long = format!("{}@b.example", "a".repeat(65));
        for bad in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b..c",
            "a@b@c",
            "a b@c.example",
            "a@b.example\r\nBcc: x@y.example",
            "<a@b.example>",
            "a@b.example,c@d.example",
            "ä@b.example",
            &long,
        ] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }
}
