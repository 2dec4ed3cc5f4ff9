//! Mail.

use alloy_primitives::B256;
use api::notices::{MailState, MailView};
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind};
use crate::model::error::{Error, Result};

/// The longest address (RFC 5321, 4.5.3.1.3).
pub(crate) const ADDRESS_BYTES: usize = 254;

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Its id.
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
    pub(crate) fn greeting(&self) -> String {
        if self.name.is_empty() {
            "Hello,".to_owned()
        } else {
            format!("Hello {},", self.name)
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut lines = vec![self.greeting(), self.says.clone()];
        lines.extend(self.code.map(|code| format!("    {code}")));
        lines.extend(self.link.map(str::to_owned));
        lines.push(self.because.to_owned());
        lines.join("\r\n\r\n") + "\r\n"
    }

    pub(crate) fn html(&self) -> String {
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
pub(crate) fn escaped(text: &str) -> String {
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

impl From<Mail> for MailView {
    fn from(document: Mail) -> Self {
        Self {
            id: document.id,
            to: document.to,
            subject: document.subject,
            text: document.text,
            html: document.html,
            created_at: document.created_at,
            due_at: document.due_at,
            expires_at: document.expires_at,
            attempts: document.attempts,
            state: document.state,
        }
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
