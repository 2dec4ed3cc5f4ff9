//! Notices: what a person should know, in the app at once and by mail if wished.
//!
//! A notice is written in the same batch as what it tells of. It names ids, never words of a
//! record; the app looks up what it may show. The mail that goes with it says only that there is
//! news.

use std::time::Duration;

use alloy_primitives::{Address, B256};
use api::notices::NoticeView;
use record::Recipient;
use tokio::time::{Instant, timeout_at};

use crate::model::document::{Batch, Document, Held, Kind, Query, hex_id};
use crate::model::error::{Error, Result};
use crate::model::grant::Grant;
use crate::model::log_entry::Entry;
use crate::model::mail::Words;
use crate::model::notice::{News, Notice, Seen, Told, key_of, ordinal};
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;
use crate::uses::lifecycle::{Expiry, Rounds, Runner};

/// Most notices in one answer.
pub(crate) const PAGE: u32 = 200;

/// Seconds between two mails to one person.
pub(crate) const MAIL_REST: u64 = 900;

/// Seconds between two notices of one refusal of one person.
pub(crate) const REFUSAL_REST: u64 = 600;

/// Seconds between two notices to one patient of refusals of strangers, whoever they are: wallets cost
/// nothing, and grants' ids stand on chain.
pub(crate) const STRANGERS_REST: u64 = 3600;

/// The longest wait for a notice.
pub const LONGEST_WAIT: u64 = 25;

/// Another process of this hospital may write a notice: look again after this long.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(5);

impl Hospital {
    /// Write a notice down in a batch, and a mail if the person wishes one.
    pub(crate) async fn tell_person(
        &self,
        batch: &mut Batch,
        owner: Address,
        news: News<'_>,
    ) -> Result<()> {
        let now = self.now();
        let owned = |(name, value): (&str, String)| (name.to_owned(), value);
        batch.create(&Notice {
            owner,
            id: format!("{:020}", ordinal()),
            at: now,
            kind: news.kind.to_owned(),
            params: news.params.into_iter().map(owned).collect(),
            link: news.link,
        })?;
        let profile = self.profile(owner).await?;
        if !profile.mail {
            return Ok(());
        }
        if self
            .told_lately(batch, owner, "mail".to_owned(), MAIL_REST)
            .await?
        {
            return Ok(());
        }
        let words = Words {
            subject: format!("News for you at {}", self.settings.name),
            name: &profile.name,
            says: format!("There is something new for you at {}.", self.settings.name),
            code: None,
            link: Some(&self.settings.url),
            because: "You asked to be told by mail; you can turn this off in your profile.",
        };
        self.post(batch, &profile.email, &words, None)
    }

    /// Whether a person was told of `what` within `rest` seconds; if not, it is noted in the batch
    /// that they are told now.
    async fn told_lately(
        &self,
        batch: &mut Batch,
        owner: Address,
        what: String,
        rest: u64,
    ) -> Result<bool> {
        let at = self.now();
        let told = Told { owner, what, at };
        let before = self.store.load::<Told>(&told.id()).await?;
        if before.is_some_and(|held| at < held.document.at + rest) {
            return Ok(true);
        }
        batch.put(&told)?;
        Ok(false)
    }

    /// Tell a patient that somebody was refused. Whoever tries again and again is told of once in a
    /// while, and all strangers together more seldom; the log has every attempt.
    pub(crate) async fn tell_refusal(
        &self,
        batch: &mut Batch,
        entry: &Entry,
        reason: &str,
    ) -> Result<()> {
        let Some(patient) = entry.patient else {
            return Ok(());
        };
        let owner = match self.patient(patient).await {
            Ok(patient) => patient.wallet(),
            // Whoever is not here any more is told nothing; the refusal is logged all the same.
            Err(Error::NotFound(_)) => return Ok(()),
            Err(other) => return Err(other),
        };
        let grant = entry.grant.unwrap_or_default();
        let (what, rest) = if self.is_stranger(entry.actor, grant).await? {
            ("strangers".to_owned(), STRANGERS_REST)
        } else {
            let who = hex::encode(entry.actor);
            (format!("{reason}/{}/{who}", hex_id(grant)), REFUSAL_REST)
        };
        if self.told_lately(batch, owner, what, rest).await? {
            return Ok(());
        }
        let news = News::new("refused", format!("/grants/{grant}"))
            .with("grant", grant)
            .with("by", entry.actor)
            .with("reason", reason);
        self.tell_person(batch, owner, news).await
    }

    /// Whether somebody is neither the one whom a grant is for nor anybody's staff, as far as can be
    /// said at this moment.
    async fn is_stranger(&self, actor: Address, grant: B256) -> Result<bool> {
        if let Some(held) = self.store.load::<Grant>(&hex_id(grant)).await?
            && let Recipient::Person(wallet) = held.document.message.document()?.recipient
            && wallet == actor
        {
            return Ok(false);
        }
        Ok(!matches!(self.staff(actor).await, Ok(Some(_))))
    }

    /// Write a notice down for the patient with this commitment, if there is one here.
    pub(crate) async fn tell_patient(
        &self,
        batch: &mut Batch,
        patient: Option<B256>,
        news: News<'_>,
    ) -> Result<()> {
        let Some(patient) = patient else {
            return Ok(());
        };
        match self.patient(patient).await {
            Ok(patient) => self.tell_person(batch, patient.wallet(), news).await,
            Err(Error::NotFound(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// The notices of a person after `since`, or the newest without it, oldest first; waits up to
    /// `wait` seconds for one.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn notices(&self, owner: Address, since: &str, wait: u64) -> Result<Vec<NoticeView>> {
        if since.len() > 20 || !since.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Error::invalid("since", "it is the id of a notice"));
        }
        let end = Instant::now() + Duration::from_secs(wait.min(LONGEST_WAIT));
        loop {
            let news = self.store.news();
            let found = self.notices_now(owner, since).await?;
            if !found.is_empty() || Instant::now() >= end {
                return Ok(found);
            }
            let look = end.min(Instant::now() + LOOK_AGAIN);
            // Either there is news, or it is time to look again.
            let _ = timeout_at(look, news).await;
        }
    }

    async fn notices_now(&self, owner: Address, since: &str) -> Result<Vec<NoticeView>> {
        let seen = self.store.load::<Seen>(&hex::encode(owner)).await?;
        let up_to = seen.map(|h| h.document.up_to).unwrap_or_default();
        let held = self.notices_after(owner, since).await?;
        let view = |held: Held<Notice>| {
            let Notice {
                id,
                at,
                kind,
                params,
                link,
                ..
            } = held.document;
            NoticeView {
                seen: id <= up_to,
                id,
                at,
                kind,
                params,
                link,
            }
        };
        Ok(held.into_iter().map(view).collect())
    }

    /// The first ones after `since`; without it, the last ones of all.
    async fn notices_after(&self, owner: Address, since: &str) -> Result<Vec<Held<Notice>>> {
        let query = Query::of(Kind::Notice)
            .owner(hex::encode(owner))
            .after(key_of(owner, since));
        if !since.is_empty() {
            return Ok(self.store.page::<Notice>(query, PAGE).await?.documents);
        }
        let mut newest = self.store.readable::<Notice>(query).await?;
        let over = newest.len().saturating_sub(PAGE as usize);
        newest.drain(..over);
        Ok(newest)
    }

    /// Remember how far a person has read.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn notices_seen(&self, owner: Address, up_to: &str) -> Result<()> {
        if up_to.len() > 20 || !up_to.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Error::invalid("up_to", "it is the id of a notice"));
        }
        let mut batch = Batch::new();
        batch.put(&Seen {
            owner,
            up_to: up_to.to_owned(),
        })?;
        self.store.write(&batch).await?;
        Ok(())
    }
}

/// Notices that are too old, and what was remembered of mails about them: they are deleted.
#[must_use]
pub fn notice_expiry() -> [Box<dyn Rounds>; 2] {
    [
        Box::new(Runner::new(Expiry::<Notice>::new("notice_expiry"))),
        Box::new(Runner::new(Expiry::<Told>::new("notice_mail_expiry"))),
    ]
}
