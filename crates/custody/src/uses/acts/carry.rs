//! Carrying acts to the chain: who does it, and when.
//!
//! ```text
//!             ┌─when: a low fee─► waiting (held) ──fee is low, or until──┐
//!             │                    │  └──send now───────────────────────┤
//! handed in ──┼─hospital───────────┼─────────────────────────────────► waiting ──relayer──► pending
//!             │                    └──withdraw──► withdrawn              ▲                     │
//!             └─self─► own_wallet ──sent: a transaction──► pending ──chain──► included ──► final
//!                       │     ▲                               │          │                failed
//!                       │     └──────────reverted─────────────┘          │
//!                       └──too late, or send now─────────────────────────┘
//! ```
//!
//! Every act passes through [`Hospital::errand_of`] and is written down before it is carried, so a
//! restart forgets nothing. An act may be carried twice, by its signer's wallet and by the relayer:
//! the contract takes it once, and whose effect stands is done.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use acts::{Act, SignedAct};
use alloy_primitives::{Address, B256, Bytes};
use api::acts::{LONGEST_WAIT, Payer, Progress, When, Wish};
use api::log::Deed;
use api::records::Stage;
use async_trait::async_trait;

use crate::model::act::{Errand, OwnCall};
use crate::model::caller::Caller;
use crate::model::chain_facts::RecordFacts;
use crate::model::document::{Batch, Held, Kind, Query, hex_id};
use crate::model::error::{ChainError, Error, Result};
use crate::model::log_entry::Entry;
use crate::model::version::Version;
use crate::ports::chain::Chain;
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;
use crate::uses::lifecycle::{Lifecycle, Limits, Step};

/// How long before a signature's deadline it has to be on its way, seconds.
pub const MARGIN: u64 = 600;

/// How long a person has to send an own transaction before the hospital does, seconds.
pub const OWN_WAIT: u64 = 600;

/// The longest rest of acts while the chain's endpoint does not answer.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// How long a person's transaction has to get into a block before the hospital sends one, seconds.
pub const OWN_PATIENCE: u64 = 3600;

/// Acts on their way to the chain. All of them depend on the chain's endpoint.
#[derive(Debug, Default)]
pub struct Acts {
    /// Asked for once a round, and only if an act waits for it.
    base_fee: Mutex<Option<u128>>,
}

impl Acts {
    fn known_fee(&self) -> MutexGuard<'_, Option<u128>> {
        // A number is whole whatever happened to whoever wrote it.
        self.base_fee.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn base_fee(&self, chain: &dyn Chain) -> Result<u128> {
        let known = *self.known_fee();
        if let Some(fee) = known {
            return Ok(fee);
        }
        let fee = chain.base_fee().await?;
        *self.known_fee() = Some(fee);
        Ok(fee)
    }
}

#[async_trait]
impl Lifecycle for Acts {
    type Document = Errand;

    fn name(&self) -> &'static str {
        "acts"
    }

    fn due(&self, _now: u64) -> Query {
        Query::of(Kind::Errand).due_by(u64::MAX)
    }

    fn limits(&self) -> Limits {
        Limits {
            longest_rest: LONGEST_REST,
            ..Limits::default()
        }
    }

    fn target(&self, _errand: &Errand) -> Option<String> {
        Some("chain".to_owned())
    }

    fn begin(&self) {
        *self.known_fee() = None;
    }

    async fn step(&self, hospital: &Hospital, held: Held<Errand>) -> Result<Step> {
        hospital.run_errand(held, self).await
    }
}

impl Hospital {
    // ---- handing in ----

    /// A signed act of `by`, to be carried as they wish.
    ///
    /// # Errors
    /// If the wish cannot be fulfilled, or the chain does not say what the call would cost.
    pub(crate) async fn errand_of(
        &self,
        signed: SignedAct,
        by: Address,
        wish: Wish,
    ) -> Result<Errand> {
        let now = self.now();
        let mut errand = Errand::new(signed, self.deployment(), now);
        errand.by = Some(by);
        match wish {
            Wish {
                when: Some(_),
                payer: Payer::Own,
            } => {
                let reason = "who pays with an own wallet chooses the time there";
                return Err(Error::invalid("when", reason));
            }
            Wish {
                when: Some(when), ..
            } => {
                check_when(when, &errand.signed.act, now)?;
                errand.held = Some(when);
            }
            Wish {
                payer: Payer::Own, ..
            } => {
                errand.own = Some(self.own_call(&errand.signed).await?);
                errand.progress = Progress::OwnWallet;
            }
            Wish {
                payer: Payer::Hospital,
                ..
            } => {}
        }
        Ok(errand)
    }

    async fn own_call(&self, signed: &SignedAct) -> Result<OwnCall> {
        let relay_at = self.now() + OWN_WAIT;
        if let Some(deadline) = signed.act.deadline()
            && relay_at + MARGIN > deadline
        {
            let reason = format!(
                "what was signed ends at {deadline}; an own wallet needs {} s",
                OWN_WAIT + MARGIN
            );
            return Err(Error::invalid("payer", reason));
        }
        let acts::Call { to, data } = signed.call(self.deployment());
        let gas = self.chain.estimate(signed).await?;
        Ok(OwnCall {
            to,
            data,
            gas,
            relay_at,
        })
    }

    /// Write an act of the institution's own down and see to it that it is carried.
    pub(crate) async fn dispatch(&self, signed: SignedAct) -> Result<Errand> {
        let errand = Errand::new(signed, self.deployment(), self.now());
        let mut batch = Batch::new();
        self.enlist(&mut batch, &errand).await?;
        if !batch.0.is_empty() {
            self.store.write(&batch).await?;
        }
        self.errands.notify_one();
        Ok(errand)
    }

    /// Add an errand to a batch, unless it is written down already.
    pub(crate) async fn enlist(&self, batch: &mut Batch, errand: &Errand) -> Result<()> {
        let known = self.store.load::<Errand>(&hex_id(errand.id)).await?;
        match known {
            // A failed act may be tried again, since the chain may have changed; and a withdrawn one
            // be handed in again.
            Some(held)
                if matches!(
                    held.document.progress,
                    Progress::Failed | Progress::Withdrawn
                ) =>
            {
                batch.replace(&Held {
                    document: errand.clone(),
                    ..held
                })?;
            }
            Some(_) => {}
            None => batch.create(errand)?,
        }
        Ok(())
    }

    /// The errand `id`.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn errand(&self, id: B256) -> Result<Errand> {
        let held = self.store.load::<Errand>(&hex_id(id)).await?;
        held.map(|h| h.document).ok_or(Error::NotFound("act"))
    }

    // ---- what its signer may change ----

    async fn errand_by(&self, by: Address, id: B256) -> Result<Held<Errand>> {
        let held = self.store.load::<Errand>(&hex_id(id)).await?;
        held.filter(|h| h.document.by == Some(by))
            .ok_or(Error::NotFound("act"))
    }

    /// Have the hospital carry an act now that waits for a low fee or for its signer's own
    /// transaction. An act that is on its way already stays as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] unless `by` handed it in.
    pub async fn send_now(&self, by: Address, id: B256) -> Result<Errand> {
        let mut held = self.errand_by(by, id).await?;
        let own_on_its_way =
            held.document.own.is_some() && held.document.progress == Progress::Pending;
        if held.document.rests() || own_on_its_way {
            held.document.relay();
            self.keep(&held).await?;
            self.errands.notify_one();
        }
        Ok(held.document)
    }

    /// Name the transaction with which the signer's own wallet carries an act.
    ///
    /// # Errors
    /// [`Error::NotFound`] while the chain does not know it; if it is another call; or if the
    /// hospital carries the act already.
    pub async fn sent(&self, by: Address, id: B256, tx: B256) -> Result<Errand> {
        let mut held = self.errand_by(by, id).await?;
        let errand = &mut held.document;
        if errand.tx == Some(tx) {
            return Ok(held.document);
        }
        let waits = matches!(errand.progress, Progress::OwnWallet | Progress::Pending);
        let Some(own) = errand.own.as_mut().filter(|_| waits) else {
            return Err(wrong_state(errand));
        };
        let (to, data) = self
            .chain
            .call_in(tx)
            .await?
            .ok_or(Error::NotFound("transaction"))?;
        if (to, &data) != (own.to, &own.data) {
            return Err(Error::invalid("tx", "this transaction makes another call"));
        }
        let deadline = errand.signed.act.deadline().unwrap_or(u64::MAX);
        let patience = (self.now() + OWN_PATIENCE).min(deadline.saturating_sub(MARGIN));
        own.relay_at = own.relay_at.max(patience);
        errand.tx = Some(tx);
        errand.error = None;
        errand.progress = Progress::Pending;
        self.keep(&held).await?;
        self.errands.notify_one();
        Ok(held.document)
    }

    /// Take an approval back that is not on its way yet; the record version is pending again.
    ///
    /// # Errors
    /// [`Error::NotFound`] unless the caller handed it in; [`Error::State`] if it is on its way; or
    /// if it is no approval, or the index does not follow.
    pub async fn withdraw(&self, by: &Caller, id: B256, index: Option<Bytes>) -> Result<Errand> {
        let mut held = self.errand_by(by.wallet, id).await?;
        if held.document.progress == Progress::Withdrawn {
            return Ok(held.document);
        }
        if !held.document.rests() {
            return Err(wrong_state(&held.document));
        }
        let patient = by.patient.ok_or(Error::NotFound("patient"))?;
        let mut version = self.version_under(patient, id).await?;
        version.document.stage = Stage::Pending;
        version.document.controller = None;
        version.document.errand = None;
        held.document.withdraw();
        let mut batch = Batch::new();
        batch.replace(&version)?;
        batch.replace(&held)?;
        let old = match &index {
            Some(index) => self.turn_index(&mut batch, by.wallet, index).await?,
            None => None,
        };
        let entry = Entry::new(Deed::Withdraw, self.now(), by.wallet)
            .patient(patient)
            .record(version.document.record);
        self.write(batch, entry).await?;
        if index.is_some() {
            self.spread_index(by.wallet, old).await;
        }
        Ok(held.document)
    }

    /// The version that the act `id` commits.
    async fn version_under(&self, patient: B256, id: B256) -> Result<Held<Version>> {
        let query = Query::of(Kind::Record)
            .owner(hex_id(patient))
            .state(Stage::Committing.name());
        let versions = self.store.readable::<Version>(query).await?;
        let found = versions.into_iter().find(|h| h.document.errand == Some(id));
        found.ok_or_else(|| Error::invalid("act", "only an approval can be taken back"))
    }

    /// In a batch, take an act back that has not left this node: what it would do is not wanted any
    /// more.
    pub(crate) async fn drop_resting(&self, batch: &mut Batch, id: Option<B256>) -> Result<()> {
        let Some(id) = id else { return Ok(()) };
        let held = self.store.load::<Errand>(&hex_id(id)).await?;
        if let Some(mut held) = held.filter(|h| h.document.rests()) {
            held.document.withdraw();
            batch.replace(&held)?;
        }
        Ok(())
    }

    async fn keep(&self, held: &Held<Errand>) -> Result<()> {
        let mut batch = Batch::new();
        batch.replace(held)?;
        self.store.write(&batch).await?;
        Ok(())
    }

    // ---- carrying ----

    /// One step of one errand.
    async fn run_errand(&self, mut held: Held<Errand>, acts: &Acts) -> Result<Step> {
        if let Some(when) = held.document.held {
            return self.step_held(held, when, acts).await;
        }
        if let Some(own) = held.document.own.clone() {
            return self.step_own(held, &own).await;
        }
        let errand = &mut held.document;
        let before = errand.clone();
        // What is written down as waiting is handed to the relayer, whatever it knows: handing it
        // over again changes nothing, except that what was refused before is tried again.
        let carried = match errand.progress {
            Progress::Waiting => None,
            _ => self.chain.carried(errand.id).await?,
        };
        match carried {
            None => match self.chain.submit(errand.id, &errand.signed).await {
                Ok(()) => errand.progress = Progress::Pending,
                Err(ChainError::Refused(reason)) => {
                    errand.error = Some(reason);
                    errand.progress = self.or_done(Progress::Failed, &errand.signed.act).await?;
                }
                Err(silent) => return Err(silent.into()),
            },
            Some(carried) => {
                errand.progress = self.or_done(carried.progress, &errand.signed.act).await?;
                errand.tx = carried.tx;
                errand.gas = carried.gas;
                errand.block = carried.block;
                errand.error = carried.error;
            }
        }
        if errand.progress != Progress::Failed {
            errand.error = None;
        }
        let step = if errand.is_done() {
            Step::Moved
        } else {
            Step::Waiting
        };
        if *errand != before {
            self.keep(&held).await?;
        }
        Ok(step)
    }

    async fn step_held(&self, mut held: Held<Errand>, when: When, acts: &Acts) -> Result<Step> {
        if self.now() < when.until {
            let fee = acts.base_fee(self.chain.as_ref()).await?;
            if fee > u128::from(when.max_fee_wei) {
                return Ok(Step::Resting);
            }
        }
        // Noted before the relayer has it: from here on it cannot be taken back.
        held.document.relay();
        self.keep(&held).await?;
        tracing::info!(
            act = held.document.signed.act.name(),
            "an act that waited for a low fee is carried"
        );
        Ok(Step::Waiting)
    }

    async fn step_own(&self, mut held: Held<Errand>, own: &OwnCall) -> Result<Step> {
        let errand = &mut held.document;
        let before = errand.clone();
        if let Some(tx) = errand.tx {
            let carried = self.chain.follow(tx).await?;
            errand.progress = self.or_done(carried.progress, &errand.signed.act).await?;
            (errand.gas, errand.block) = (carried.gas, carried.block);
            if errand.progress == Progress::Failed {
                // The wallet may try again; after a while the hospital does.
                errand.tx = None;
                errand.error = Some("the transaction was reverted".to_owned());
                errand.progress = Progress::OwnWallet;
                errand.own = Some(OwnCall {
                    relay_at: self.now() + OWN_WAIT,
                    ..own.clone()
                });
            }
        }
        let open = matches!(errand.progress, Progress::OwnWallet | Progress::Pending);
        if open && self.now() >= errand.own.as_ref().map_or(0, |own| own.relay_at) {
            errand.relay();
            let name = errand.signed.act.name();
            tracing::info!(
                act = name,
                "no own transaction carried an act; the hospital does"
            );
        }
        let step = match errand.progress {
            Progress::Final => Step::Moved,
            Progress::Waiting => Step::Waiting,
            _ => Step::Resting,
        };
        if *errand != before {
            self.keep(&held).await?;
        }
        Ok(step)
    }

    /// A failed act whose effect stands was carried by somebody else, or before a rebuild: it is
    /// done all the same.
    async fn or_done(&self, progress: Progress, act: &Act) -> Result<Progress> {
        if progress != Progress::Failed || !self.stands(act).await? {
            return Ok(progress);
        }
        Ok(Progress::Final)
    }

    /// Whether the chain holds what an act would do.
    async fn stands(&self, act: &Act) -> Result<bool> {
        let chain = &self.chain;
        Ok(match *act {
            Act::SetInstitution {
                institution, nonce, ..
            } => chain.institution(institution).await?.nonce > nonce,
            Act::AdmitStaff { staff, nonce, .. } | Act::SetStaff { staff, nonce, .. } => {
                chain.staff(staff).await?.is_some_and(|s| s.nonce > nonce)
            }
            Act::PublishKey { wallet, digest, .. } => chain.key(wallet).await?.digest == digest,
            Act::EnrolPatient {
                institution,
                patient,
                ..
            } => chain.enrolled(institution, patient).await?,
            Act::Commit {
                controller,
                version,
                commitment,
                ..
            } => match chain.record(controller).await? {
                RecordFacts::At {
                    version: standing,
                    commitment: current,
                } => standing > version || current == commitment,
                RecordFacts::None | RecordFacts::Erased => false,
            },
            Act::Erase { controller, .. } => chain.record(controller).await? == RecordFacts::Erased,
            Act::Grant { controller, id, .. } => chain.grant(controller, id).await?.expiry != 0,
            Act::Revoke { controller, id } => chain.grant(controller, id).await?.revoked,
            Act::Checkpoint {
                institution, size, ..
            } => chain.anchored(institution).await? >= size,
            // A request leaves nothing but its event. Of a kind of act that is not listed here
            // nothing is read, and one that failed stays failed.
            _ => false,
        })
    }
}

pub(crate) fn wrong_state(errand: &Errand) -> Error {
    Error::State {
        what: "act",
        state: errand.progress.name().to_owned(),
    }
}

/// Whether an act can wait like this and still be taken by its contract.
fn check_when(when: When, act: &Act, now: u64) -> Result<()> {
    let wrong = |reason: String| Err(Error::invalid("when", reason));
    if when.until <= now || when.until > now + LONGEST_WAIT {
        return wrong("until lies between now and seven days from now".to_owned());
    }
    match act.deadline() {
        Some(deadline) if when.until + MARGIN > deadline => wrong(format!(
            "what was signed ends at {deadline}; until has to lie {MARGIN} s before that"
        )),
        _ => Ok(()),
    }
}
