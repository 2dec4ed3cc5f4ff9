//! Mail over SMTP.

use std::time::Duration;

use async_trait::async_trait;
use custody::model::mail::{Mail, Undelivered};
use custody::ports::postman::Postman;
use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::config::MailConfig;

/// How long a mail server may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mail server, and who writes.
pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// The mail server of the configuration, if one is set.
    ///
    /// # Errors
    /// If its address or the sender's cannot be read.
    pub(crate) fn open(config: &MailConfig) -> Result<Option<Self>, String> {
        if config.smtp.is_empty() {
            return Ok(None);
        }
        let from = config
            .from
            .parse()
            .map_err(|e| format!("mail.from cannot be read: {e}"))?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&config.smtp)
            .map_err(|e| format!("mail.smtp cannot be read: {e}"))?
            .timeout(Some(PATIENCE))
            .build();
        Ok(Some(Self { transport, from }))
    }

    fn message(&self, mail: &Mail) -> Result<Message, Undelivered> {
        let to = mail.to.parse().map_err(never)?;
        let body = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.clone())
            .multipart(body)
            .map_err(never)
    }
}

fn never(error: impl ToString) -> Undelivered {
    Undelivered::Never(error.to_string())
}

#[async_trait]
impl Postman for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), Undelivered> {
        let sent = self.transport.send(self.message(mail)?).await;
        sent.map(|_| ()).map_err(|error| {
            // Servers repeat the recipient in what they say; the kind of failure is enough.
            let said = error.status().map_or_else(
                || "the mail server does not answer".to_owned(),
                |code| format!("the mail server says {code}"),
            );
            if error.is_permanent() {
                Undelivered::Never(said)
            } else {
                Undelivered::Later(said)
            }
        })
    }
}
