//! Links: a patient shares with a guest, somebody who has no account anywhere.
//!
//! ```text
//! (patient's browser) makes keys for the guest, grants to them on chain ──► link
//!   link ──code by mail, entered in a session of the guest's wallet──► confirmed (this session)
//!   confirmed ──open: one view less, logged──► parts are served for a while
//!   link ──patient──► revoked      ──time──► expired      ──views──► used up
//! ```
//!
//! The guest's secret travels in the part of the link after `#`, which no server is sent. The grant
//! is one like any other: what the chain says of it decides first. The link only adds conditions
//! that this node keeps: who has the link must also read the mailbox, and looks only so often.
//! Nobody needs the guest's sealing key but the patient's own browser, which made it; so no key
//! statement is published.

use alloy_primitives::{Address, B256, Keccak256};
use api::consent::GrantStage;
use api::links::{GuestLink, LinkView, NewLink};
use api::log::Deed;
use async_trait::async_trait;
use rand_core::Rng as _;
use record::Recipient;

use crate::model::caller::Caller;
use crate::model::document::{Batch, Document, Held, Kind, Query, hex_id};
use crate::model::error::{Error, Refusal, Result};
use crate::model::grant::Grant;
use crate::model::link::ATTEMPTS;
use crate::model::link::ATTEMPTS_EVER;
use crate::model::link::{Code, Confirmed, Link, Pass, View};
use crate::model::log_entry::Entry;
use crate::model::mail::{Words, check_address};
use crate::ports::random::rng;
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;
use crate::uses::lifecycle::{Lifecycle, Step};

/// Most views that a link allows.
pub(crate) const VIEWS: u32 = 1000;

/// How long a code serves, seconds.
pub(crate) const CODE_LIFE: u64 = 600;

/// Codes that are sent within an hour.
pub(crate) const CODES: usize = 5;

/// Rest between two codes, seconds.
pub(crate) const CODE_REST: u64 = 20;

/// How long after an open its parts are served, seconds.
pub(crate) const VIEW: u64 = 900;

/// Links that are over: the guests' addresses, and what the guests have shown, are forgotten.
#[derive(Debug, Default)]
pub struct LinkExpiry;

#[async_trait]
impl Lifecycle for LinkExpiry {
    type Document = Link;

    fn name(&self) -> &'static str {
        "link_expiry"
    }

    fn due(&self, now: u64) -> Query {
        Query::of(Kind::Link).due_by(now)
    }

    async fn step(&self, hospital: &Hospital, mut held: Held<Link>) -> Result<Step> {
        held.document.view.email.clear();
        let mut batch = Batch::new();
        batch.replace(&held)?;
        batch.delete::<Pass>(held.document.id());
        hospital.store.write(&batch).await?;
        Ok(Step::Moved)
    }
}

impl Hospital {
    /// The id of a grant's link: it follows from the grant and a secret of this hospital, so that
    /// it can be found either way and guessed by nobody.
    fn link_id(&self, grant: B256) -> B256 {
        let key = seal::derive::subkey(self.keys.root(), "link id");
        let mut hash = Keccak256::new();
        hash.update(key.as_slice());
        hash.update(grant);
        hash.finalize()
    }

    fn code_hash(&self, link: B256, code: &str) -> B256 {
        let key = seal::derive::subkey(self.keys.root(), "link code");
        let mut hash = Keccak256::new();
        hash.update(key.as_slice());
        hash.update(link);
        hash.update(code.as_bytes());
        hash.finalize()
    }

    /// Make a link to a grant. Made again in the same way it is the same link.
    ///
    /// # Errors
    /// If the grant is not this patient's, not to a person, has a link that was made otherwise or
    /// taken back, or a limit is passed.
    pub async fn make_link(&self, by: &Caller, new: NewLink) -> Result<LinkView> {
        let patient = by.patient.ok_or(Error::NotFound("patient"))?;
        let grant = self.store.load::<Grant>(&hex_id(new.grant)).await?;
        let grant = grant.filter(|h| h.document.patient == Some(patient));
        let grant = grant.ok_or(Error::NotFound("grant"))?.document;
        let link = self.link_id(new.grant);
        if let Some(known) = self.store.load::<Link>(&hex_id(link)).await? {
            return made_from(known.document.view, &new);
        }
        let document = grant.message.document()?;
        let Recipient::Person(guest) = document.recipient else {
            return Err(Error::invalid("grant", "a link is for one person"));
        };
        if grant.stage != GrantStage::Given {
            let state = grant.stage.name().to_owned();
            return Err(Error::State {
                what: "grant",
                state,
            });
        }
        check_address(&new.email)?;
        if new.views == 0 || new.views > VIEWS {
            return Err(Error::invalid("views", format!("1 to {VIEWS}")));
        }
        if new.expires_at <= self.now() || new.expires_at > document.until {
            let reason = "it is to come, and not after the grant's end";
            return Err(Error::invalid("expires_at", reason));
        }
        let view = LinkView {
            link,
            grant: new.grant,
            guest,
            email: new.email,
            views: new.views,
            used: 0,
            last_view: None,
            created_at: self.now(),
            expires_at: new.expires_at,
            revoked: false,
        };
        let mut batch = Batch::new();
        batch.create(&Link {
            patient,
            view: view.clone(),
        })?;
        self.store.write(&batch).await?;
        Ok(view)
    }

    /// The links that a patient made.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn links(&self, patient: B256) -> Result<Vec<LinkView>> {
        let query = Query::of(Kind::Link).owner(hex_id(patient));
        let held = self.store.readable::<Link>(query).await?;
        let mut links: Vec<LinkView> = held.into_iter().map(|h| h.document.view).collect();
        links.sort_by_key(|l| core::cmp::Reverse(l.created_at));
        Ok(links)
    }

    /// Take a link back: this node serves it no more, from now on. The guest's address is
    /// forgotten.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not this patient's.
    pub async fn revoke_link(&self, patient: B256, link: B256) -> Result<LinkView> {
        let held = self.store.load::<Link>(&hex_id(link)).await?;
        let held = held.filter(|h| h.document.patient == patient);
        let mut held = held.ok_or(Error::NotFound("link"))?;
        if held.document.view.revoked {
            return Ok(held.document.view);
        }
        held.document.view.revoked = true;
        held.document.view.email.clear();
        let mut batch = Batch::new();
        batch.replace(&held)?;
        batch.delete::<Pass>(hex_id(link));
        self.store.write(&batch).await?;
        Ok(held.document.view)
    }

    fn serves(&self, link: &LinkView) -> Result<(), Refusal> {
        if link.revoked {
            return Err(Refusal::Revoked);
        }
        if link.expires_at < self.now() {
            return Err(Refusal::Expired);
        }
        if link.used >= link.views {
            return Err(Refusal::ViewsUsedUp);
        }
        Ok(())
    }

    /// Send a code to the guest's address. Whoever asks is not told whether there is such a link:
    /// a link that is not there, or serves no more, is no error.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn send_code(&self, link: B256) -> Result<()> {
        let Some(held) = self.store.load::<Link>(&hex_id(link)).await? else {
            return Ok(());
        };
        let view = held.document.view;
        if self.serves(&view).is_err() {
            return Ok(());
        }
        let known = self.store.load::<Pass>(&hex_id(link)).await?;
        let mut pass = known.as_ref().map(|h| h.document.clone());
        let pass = pass.get_or_insert_with(|| Pass {
            link,
            ..Pass::default()
        });
        let now = self.now();
        pass.sent.retain(|at| at + 3600 > now);
        let lately = pass.sent.last().is_some_and(|at| at + CODE_REST > now);
        if lately || pass.sent.len() >= CODES || pass.wrong >= ATTEMPTS_EVER {
            return Ok(());
        }
        let code = six_digits();
        pass.sent.push(now);
        pass.code = Some(Code {
            hash: self.code_hash(link, &code),
            expires_at: now + CODE_LIFE,
            left: ATTEMPTS,
        });
        let mut batch = Batch::new();
        match known {
            Some(held) => batch.replace(&Held {
                document: pass.clone(),
                ..held
            })?,
            None => batch.create(pass)?,
        }
        let words = Words {
            subject: "Your code for a shared document".to_owned(),
            name: "",
            says: format!(
                "Enter this code on the page that you opened from the link. It serves once, for {} minutes.",
                CODE_LIFE / 60
            ),
            code: Some(&code),
            link: None,
            because: "Somebody opened a link that was shared with you and asked for this code. If it was not you, do nothing.",
        };
        self.post(&mut batch, &view.email, &words, Some(CODE_LIFE))?;
        self.store.write(&batch).await?;
        Ok(())
    }

    /// Enter a code: the guest's session may open from now on. A code that is refused is in the log,
    /// like a refused open, and its patient is told.
    ///
    /// # Errors
    /// [`Error::CodeWrong`], [`Error::CodeSpent`], a refusal, or [`Error::NotFound`] if the link is
    /// not for this wallet.
    pub async fn confirm_link(&self, by: &Caller, link: B256, code: &str) -> Result<GuestLink> {
        let held = self.store.load::<Link>(&hex_id(link)).await?;
        let held = held.filter(|h| h.document.view.guest == by.wallet);
        let held = held.ok_or(Error::NotFound("link"))?;
        let view = held.document.view.clone();
        let session = by.session.ok_or(Error::NotFound("session"))?;
        let mut batch = Batch::new();
        let judged = match self.serves(&view) {
            Ok(()) => self.judge_code(&mut batch, link, code, session).await?,
            Err(refusal) => Err(Error::Refused(refusal)),
        };
        if let Err(error) = &judged {
            let patient = held.document.patient;
            let entry = self.entry_of_attempt(by.wallet, &view, patient, error);
            self.tell_refusal(&mut batch, &entry, error.code()).await?;
            self.write(batch, entry).await?;
        } else {
            self.store.write(&batch).await?;
        }
        judged.map(|()| self.to_guest(&view))
    }

    /// Judge a code; the batch counts it.
    async fn judge_code(
        &self,
        batch: &mut Batch,
        link: B256,
        code: &str,
        session: B256,
    ) -> Result<Result<()>> {
        let Some(mut pass) = self.store.load::<Pass>(&hex_id(link)).await? else {
            return Ok(Err(Error::CodeSpent));
        };
        let hash = self.code_hash(link, code.trim());
        let judged = pass.document.judge(hash, session, self.now());
        batch.replace(&pass)?;
        Ok(judged)
    }

    /// The log's entry of a code that let nobody in.
    fn entry_of_attempt(
        &self,
        actor: Address,
        view: &LinkView,
        patient: B256,
        error: &Error,
    ) -> Entry {
        let refusal = match error {
            Error::Refused(refusal) => *refusal,
            _ => Refusal::NotConfirmed,
        };
        Entry::new(Deed::Refused, self.now(), actor)
            .patient(patient)
            .grant(view.grant)
            .detail(error.code())
            .refusal(refusal)
    }

    fn to_guest(&self, view: &LinkView) -> GuestLink {
        GuestLink {
            grant: view.grant,
            home: self.address(),
            hospital: self.settings.name.clone(),
            views_left: view.views - view.used.min(view.views),
            expires_at: view.expires_at,
        }
    }

    /// What an open of `grant` by a link has to change; nothing if the grant has no link.
    pub(crate) async fn view_by_link(&self, caller: &Caller, grant: B256) -> Result<Option<View>> {
        let id = hex_id(self.link_id(grant));
        let Some(link) = self.store.load::<Link>(&id).await? else {
            return Ok(None);
        };
        self.serves(&link.document.view).map_err(Error::Refused)?;
        let pass = self.store.load::<Pass>(&id).await?;
        let confirmed = pass.filter(|h| h.document.of(caller.session).is_some());
        let pass = confirmed.ok_or(Error::Refused(Refusal::NotConfirmed))?;
        Ok(Some(View { link, pass }))
    }

    /// Whether a part of `grant` may be served to the caller: after an open in the same session.
    pub(crate) async fn part_by_link(&self, caller: &Caller, grant: B256) -> Result<()> {
        let id = hex_id(self.link_id(grant));
        let Some(link) = self.store.load::<Link>(&id).await? else {
            return Ok(());
        };
        let view = link.document.view;
        if view.revoked {
            return Err(Error::Refused(Refusal::Revoked));
        }
        if view.expires_at < self.now() {
            return Err(Error::Refused(Refusal::Expired));
        }
        let pass = self.store.load::<Pass>(&id).await?;
        let serves = |c: &Confirmed| c.serves_until > self.now();
        let open = pass.is_some_and(|h| h.document.of(caller.session).is_some_and(serves));
        if open {
            return Ok(());
        }
        Err(Error::Refused(if view.used >= view.views {
            Refusal::ViewsUsedUp
        } else {
            Refusal::NotConfirmed
        }))
    }

    /// Count a view, in the batch that goes with its log entry.
    pub(crate) fn count_view(
        &self,
        batch: &mut Batch,
        caller: &Caller,
        mut view: View,
    ) -> Result<LinkView> {
        let now = self.now();
        let link = &mut view.link.document.view;
        link.used += 1;
        link.last_view = Some(now);
        let counted = link.clone();
        if let Some(session) = caller.session {
            view.pass.document.confirm(session, now + VIEW);
        }
        batch.replace(&view.link)?;
        batch.replace(&view.pass)?;
        Ok(counted)
    }
}

/// Six random digits, each code as likely as any other.
pub(crate) fn six_digits() -> String {
    const CODES: u32 = 1_000_000;
    // The largest multiple of a million below 2^32: above it some codes would come up more often.
    const FAIR: u32 = u32::MAX - u32::MAX % CODES;
    loop {
        let drawn = rng().next_u32();
        if drawn < FAIR {
            return format!("{:06}", drawn % CODES);
        }
    }
}

/// The link that exists, if it is what `new` asks for.
fn made_from(link: LinkView, new: &NewLink) -> Result<LinkView> {
    let same =
        (&link.email, link.views, link.expires_at) == (&new.email, new.views, new.expires_at);
    if same && !link.revoked {
        return Ok(link);
    }
    let state = if link.revoked {
        "taken back; give a new grant for a new one"
    } else {
        "made already, with another address, number of views or end"
    };
    Err(Error::State {
        what: "link",
        state: state.to_owned(),
    })
}
