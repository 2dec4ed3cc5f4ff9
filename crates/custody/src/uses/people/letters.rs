//! Letters: two people write to each other, and the node that keeps the letters cannot read them.
//!
//! ```text
//! written ──sealed to the reader, and to the writer──► in both mailboxes ──read──► seen
//! ```
//!
//! Consultations, answers, advice and invitations are letters. The node sees from whom, to whom,
//! what kind, when, how long and which grants go with it. It says who wrote a letter by the
//! session in which it came; a letter that has to prove its author to others is made a record.

use alloy_primitives::{Address, B256, Bytes};
use api::letters::{LetterView, NewLetter};

use crate::model::caller::Caller;
use crate::model::document::{Batch, Document, Held, Kind, Query, hex_id};
use crate::model::error::{Error, Result};
use crate::model::letter::{Letter, Place, Sent, Wrote, key_of};
use crate::model::notice::News;
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;

/// The largest sealed letter, bytes.
pub(crate) const LETTER_BYTES: usize = 256 << 10;

/// Most grants that go with a letter.
pub(crate) const GRANTS: usize = 50;

/// Most letters in one answer.
pub(crate) const PAGE: usize = 500;

/// Letters that are read from the database at once.
pub(crate) const CHUNK: u32 = 32;

/// After so many sealed bytes an answer ends.
pub(crate) const PAGE_BYTES: u64 = 8 << 20;

/// Most letters from one person in a day.
pub(crate) const A_DAY: u32 = 200;

/// Most sealed bytes of letters from one person in a day, in both mailboxes together.
pub(crate) const A_DAY_BYTES: u64 = 16 << 20;

impl Hospital {
    /// Take a letter. Sent again it is the same.
    ///
    /// # Errors
    /// If writer or reader have nothing to do with this hospital, or a limit is passed.
    pub async fn send_letter(&self, by: &Caller, new: NewLetter) -> Result<LetterView> {
        if let Some(known) = self.letter(by.wallet, new.id).await? {
            return Ok(known.document.view);
        }
        check_letter(&new)?;
        if by.patient.is_none() && by.staff.is_none() {
            let who = "letters are for patients and staff";
            return Err(Error::Forbidden(who.to_owned()));
        }
        self.may_write(by.wallet, new.to).await?;
        let bytes = (new.sealed.len() + new.sealed_own.len()) as u64;
        let view = LetterView {
            id: new.id,
            thread: new.thread,
            from: by.wallet,
            to: new.to,
            kind: new.kind,
            at: self.now(),
            size: new.sealed.len() as u64,
            sealed: new.sealed_own,
            grants: new.grants,
            seen_at: None,
        };
        let theirs = LetterView {
            sealed: new.sealed,
            ..view.clone()
        };
        let mut batch = Batch::new();
        self.count_letter(&mut batch, by.wallet, bytes).await?;
        for (owner, view) in [(by.wallet, view.clone()), (new.to, theirs)] {
            let (id, at) = (view.id, view.at);
            batch.create(&Place { owner, id, at })?;
            batch.create(&Letter { owner, view })?;
        }
        batch.put(&Wrote {
            from: by.wallet,
            to: new.to,
        })?;
        let news = News::new("letter", format!("/letters/{}", view.thread))
            .with("letter", view.id)
            .with("thread", view.thread)
            .with("from", view.from)
            .with("letter_kind", view.kind.name());
        self.tell_person(&mut batch, new.to, news).await?;
        self.store.write(&batch).await?;
        Ok(view)
    }

    async fn may_write(&self, from: Address, to: Address) -> Result<()> {
        if from == to {
            return Err(Error::invalid("to", "this is your own wallet"));
        }
        let answers = self.store.load::<Wrote>(&Wrote::key(to, from)).await?;
        let staff = self.staff(to).await?;
        let works_here = staff.is_some_and(|s| s.institution == self.address());
        if answers.is_some() || works_here || self.patient_of(to).await?.is_some() {
            return Ok(());
        }
        let who = "the reader is neither staff nor a patient here, and has not written to you";
        Err(Error::Forbidden(who.to_owned()))
    }

    async fn count_letter(&self, batch: &mut Batch, from: Address, bytes: u64) -> Result<()> {
        let day = self.now() / 86_400;
        let mut sent = Sent {
            from,
            day,
            letters: 1,
            bytes,
        };
        if let Some(held) = self.store.load::<Sent>(&sent.id()).await?
            && held.document.day == day
        {
            sent.letters += held.document.letters;
            sent.bytes += held.document.bytes;
        }
        if sent.letters > A_DAY {
            return Err(Error::TooOften(format!("at most {A_DAY} letters a day")));
        }
        if sent.bytes > A_DAY_BYTES {
            let reason = "these letters are too much for one day; write on tomorrow";
            return Err(Error::TooOften(reason.to_owned()));
        }
        batch.put(&sent)?;
        Ok(())
    }

    /// The letters of a person, oldest first: of one conversation or all, from a time on, so many
    /// at once. More are asked for from the time of the last.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn letters(
        &self,
        owner: Address,
        thread: Option<B256>,
        since: u64,
    ) -> Result<Vec<LetterView>> {
        let mut query = Query::of(Kind::Letter)
            .owner(hex::encode(owner))
            .after(key_of(owner, since, ""));
        if let Some(thread) = thread {
            query = query.state(hex::encode(thread));
        }
        let (mut letters, mut bytes) = (Vec::<LetterView>::new(), 0);
        loop {
            let page = self.store.page::<Letter>(query.clone(), CHUNK).await?;
            let next = page.next;
            for Held { document, .. } in page.documents {
                // The letters of one second stay together: the next question begins with a time.
                let later = letters.last().is_some_and(|l| l.at < document.view.at);
                if letters.len() >= PAGE || (bytes >= PAGE_BYTES && later) {
                    return Ok(letters);
                }
                bytes += document.view.sealed.len() as u64;
                letters.push(document.view);
            }
            let Some(next) = next else {
                return Ok(letters);
            };
            query = query.after(next);
        }
    }

    async fn letter(&self, owner: Address, id: B256) -> Result<Option<Held<Letter>>> {
        let Some(place) = self.store.load::<Place>(&Place::key(owner, id)).await? else {
            return Ok(None);
        };
        let key = key_of(owner, place.document.at, &hex_id(id));
        Ok(self.store.load::<Letter>(&key).await?)
    }

    /// The reader has seen a letter.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not in the reader's mailbox.
    pub async fn letter_seen(&self, reader: Address, id: B256) -> Result<LetterView> {
        let held = self.letter(reader, id).await?;
        let held = held.filter(|h| h.document.view.to == reader);
        let mut held = held.ok_or(Error::NotFound("letter"))?;
        if held.document.view.seen_at.is_some() {
            return Ok(held.document.view);
        }
        let seen_at = Some(self.now());
        held.document.view.seen_at = seen_at;
        let mut batch = Batch::new();
        batch.replace(&held)?;
        if let Some(mut sent) = self.letter(held.document.view.from, id).await? {
            sent.document.view.seen_at = seen_at;
            batch.replace(&sent)?;
        }
        self.store.write(&batch).await?;
        Ok(held.document.view)
    }
}

pub(crate) fn check_letter(new: &NewLetter) -> Result<()> {
    for (field, sealed) in [("sealed", &new.sealed), ("sealed_own", &new.sealed_own)] {
        check_envelope(field, sealed)?;
    }
    if new.grants.len() > GRANTS {
        return Err(Error::invalid("grants", format!("at most {GRANTS}")));
    }
    if new.id.is_zero() || new.thread.is_zero() {
        return Err(Error::invalid("id", "id and thread are random, never zero"));
    }
    Ok(())
}

/// Refuse what is no envelope, or too long for a letter.
pub(crate) fn check_envelope(field: &'static str, sealed: &Bytes) -> Result<()> {
    if sealed.len() > LETTER_BYTES {
        return Err(Error::TooLarge {
            what: "a letter",
            limit: LETTER_BYTES as u64,
        });
    }
    if sealed.len() < seal::envelope::OVERHEAD || sealed[0] != 1 {
        return Err(Error::invalid(field, "this is no envelope"));
    }
    Ok(())
}
