//! Appointments: a patient asks a doctor for one of the doctor's free times.
//!
//! ```text
//! asked ──doctor──► accepted │ declined │ proposed (another time)
//!   ▲                  │                     │
//!   └──patient moves───┘     patient accepts ▼ accepted
//! asked, proposed, accepted ──either──► cancelled          (the time is free again)
//! ```
//!
//! The reason is a sealed letter between the two; the node sees who meets whom and when, which the
//! doctor's calendar needs.

use alloy_primitives::{Address, B256};
use api::appointments::{
    AppointmentAction, AppointmentChange, AppointmentState, AppointmentView, NewAppointment,
    NewSlot,
};
use record::Role;

use crate::model::appointment::{Appointment, Slot};
use crate::model::caller::Caller;
use crate::model::document::{Batch, Held, Kind, Query, hex_id};
use crate::model::error::{Error, Result};
use crate::model::inbox::Inbox;
use crate::model::notice::News;
use crate::ports::random::random;
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;
use crate::uses::lifecycle::{Expiry, Runner};
use crate::uses::people::letters::check_envelope;

/// Most times that a doctor offers at once in one request.
pub(crate) const AT_ONCE: usize = 200;

/// Most times that a doctor has open.
pub(crate) const OPEN: usize = 2000;

/// The longest appointment, seconds.
pub(crate) const LONGEST: u64 = 86_400;

/// How far ahead a time may be, seconds.
pub(crate) const AHEAD: u64 = 2 * 366 * 86_400;

/// Most appointments that one patient asks for and that are still open.
pub(crate) const ASKED: usize = 20;

impl Hospital {
    /// The times of a doctor: all of them for the doctor, the free ones to come for others.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn slots(&self, by: Address, doctor: Address) -> Result<Vec<Slot>> {
        let mut slots = self.slots_of(doctor).await?;
        slots.retain(|s| by == doctor || (!s.taken && s.from > self.now()));
        Ok(slots)
    }

    async fn slots_of(&self, doctor: Address) -> Result<Vec<Slot>> {
        let query = Query::of(Kind::Slot).owner(hex::encode(doctor));
        let held = self.store.readable::<Slot>(query).await?;
        let mut slots: Vec<Slot> = held.into_iter().map(|h| h.document).collect();
        slots.sort_by_key(|s| s.from);
        Ok(slots)
    }

    /// Offer times.
    ///
    /// # Errors
    /// If one is in the past, too long, or overlaps with another.
    pub async fn offer_slots(&self, doctor: Address, new: Vec<NewSlot>) -> Result<Vec<Slot>> {
        if new.is_empty() || new.len() > AT_ONCE {
            return Err(Error::invalid("slots", format!("1 to {AT_ONCE} at once")));
        }
        let mut known = self.slots_of(doctor).await?;
        if known.len() + new.len() > OPEN {
            return Err(Error::invalid("slots", format!("at most {OPEN} open ones")));
        }
        let mut batch = Batch::new();
        let mut offered = Vec::with_capacity(new.len());
        for NewSlot { from, until } in new {
            self.check_time(from, until)?;
            if known.iter().any(|s| s.from < until && from < s.until) {
                return Err(Error::invalid("from", "it overlaps with another time"));
            }
            let slot = Slot {
                slot: random(),
                doctor,
                from,
                until,
                taken: false,
            };
            batch.create(&slot)?;
            known.push(slot.clone());
            offered.push(slot);
        }
        self.store.write(&batch).await?;
        Ok(offered)
    }

    fn check_time(&self, from: u64, until: u64) -> Result<()> {
        let now = self.now();
        if from <= now || from > now + AHEAD {
            return Err(Error::invalid("from", "it is in the past, or too far away"));
        }
        if until <= from || until - from > LONGEST {
            return Err(Error::invalid(
                "until",
                "it is after from, by a day at most",
            ));
        }
        Ok(())
    }

    /// Take back a time that nobody has taken.
    ///
    /// # Errors
    /// If it is not this doctor's, or taken.
    pub async fn withdraw_slot(&self, doctor: Address, slot: B256) -> Result<()> {
        let mut held = self.slot(slot).await?;
        if held.document.doctor != doctor {
            return Err(Error::NotFound("time"));
        }
        take(&mut held)?;
        // Written once more before it goes, so that of two who race for it one is told.
        let mut batch = Batch::new();
        batch.replace(&held)?;
        batch.delete::<Slot>(hex_id(slot));
        self.store.write(&batch).await?;
        Ok(())
    }

    async fn slot(&self, slot: B256) -> Result<Held<Slot>> {
        let held = self.store.load::<Slot>(&hex_id(slot)).await?;
        held.ok_or(Error::NotFound("time"))
    }

    /// Ask for an appointment.
    ///
    /// # Errors
    /// If the time is taken or past, or too many are open.
    pub async fn ask_appointment(
        &self,
        by: &Caller,
        new: NewAppointment,
    ) -> Result<AppointmentView> {
        if let Some(known) = self.store.load::<Appointment>(&hex_id(new.id)).await? {
            if known.document.view.patient != by.wallet {
                return Err(Error::KeyReused);
            }
            return Ok(known.document.seen_by(by.wallet));
        }
        check_envelope("reason", &new.reason)?;
        check_envelope("reason_own", &new.reason_own)?;
        let open = self.appointments(by.wallet).await?;
        if open.iter().filter(|a| a.state.open()).count() >= ASKED {
            return Err(Error::TooOften(format!("at most {ASKED} are open at once")));
        }
        let mut slot = self.slot(new.slot).await?;
        if slot.document.from <= self.now() {
            return Err(Error::NotFound("time"));
        }
        take(&mut slot)?;
        let Slot {
            doctor,
            from,
            until,
            ..
        } = slot.document;
        self.still_a_doctor(doctor).await?;
        let appointment = Appointment {
            view: AppointmentView {
                id: new.id,
                slot: new.slot,
                first_slot: new.slot,
                doctor,
                patient: by.wallet,
                from,
                until,
                state: AppointmentState::Asked,
                reason: new.reason,
                changed_at: self.now(),
            },
            reason_own: new.reason_own,
        };
        let mut batch = Batch::new();
        batch.replace(&slot)?;
        batch.create(&appointment)?;
        for wallet in [doctor, by.wallet] {
            batch.put(&Inbox {
                owner: hex::encode(wallet),
                about: Kind::Appointment,
                id: new.id,
            })?;
        }
        self.tell_of(&mut batch, &appointment, doctor).await?;
        self.store.write(&batch).await?;
        Ok(appointment.seen_by(by.wallet))
    }

    async fn still_a_doctor(&self, doctor: Address) -> Result<()> {
        let staff = self.staff(doctor).await?;
        let here =
            |s: api::session::Staff| s.institution == self.address() && s.role == Role::Doctor;
        if staff.is_some_and(here) {
            return Ok(());
        }
        Err(Error::NotFound("doctor"))
    }

    async fn tell_of(&self, batch: &mut Batch, about: &Appointment, whom: Address) -> Result<()> {
        let news = News::new("appointment", format!("/appointments/{}", about.view.id))
            .with("appointment", about.view.id)
            .with("state", about.view.state.name());
        self.tell_person(batch, whom, news).await
    }

    /// The appointments of a person, as doctor or patient, by time.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn appointments(&self, wallet: Address) -> Result<Vec<AppointmentView>> {
        let ids = self.inbox(&hex::encode(wallet), Kind::Appointment).await?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let held = self.store.load::<Appointment>(&hex_id(id)).await?;
            found.extend(held.map(|h| h.document.seen_by(wallet)));
        }
        found.sort_by_key(|a| a.from);
        Ok(found)
    }

    /// Accept, decline, move or cancel an appointment.
    ///
    /// # Errors
    /// If it is not the caller's, its state does not allow this, or the other time is not free.
    pub async fn change_appointment(
        &self,
        by: Address,
        id: B256,
        change: AppointmentChange,
    ) -> Result<AppointmentView> {
        let held = self.store.load::<Appointment>(&hex_id(id)).await?;
        let concerns = |a: &Appointment| a.view.doctor == by || a.view.patient == by;
        let held = held.filter(|h| concerns(&h.document));
        let mut held = held.ok_or(Error::NotFound("appointment"))?;
        let next = held.document.after(change.action, by);
        let next = next.ok_or_else(|| Error::State {
            what: "appointment",
            state: held.document.view.state.name().to_owned(),
        })?;
        let mut batch = Batch::new();
        if change.action == AppointmentAction::Move || !next.open() {
            self.release(&mut batch, held.document.view.slot).await?;
        }
        let view = &mut held.document.view;
        if change.action == AppointmentAction::Move {
            let slot = change
                .slot
                .ok_or_else(|| Error::invalid("slot", "a move names the other time"))?;
            let slot = self.taken_for(&mut batch, view.doctor, slot).await?;
            (view.slot, view.from, view.until) = (slot.slot, slot.from, slot.until);
        }
        view.state = next;
        view.changed_at = self.now();
        let other = if by == view.doctor {
            view.patient
        } else {
            view.doctor
        };
        batch.replace(&held)?;
        self.tell_of(&mut batch, &held.document, other).await?;
        self.store.write(&batch).await?;
        Ok(held.document.seen_by(by))
    }

    /// Free a time again, if it is still there.
    async fn release(&self, batch: &mut Batch, slot: B256) -> Result<()> {
        if let Some(mut held) = self.store.load::<Slot>(&hex_id(slot)).await? {
            held.document.taken = false;
            batch.replace(&held)?;
        }
        Ok(())
    }

    async fn taken_for(&self, batch: &mut Batch, doctor: Address, slot: B256) -> Result<Slot> {
        let mut held = self.slot(slot).await?;
        if held.document.doctor != doctor || held.document.from <= self.now() {
            return Err(Error::NotFound("time"));
        }
        take(&mut held)?;
        batch.replace(&held)?;
        Ok(held.document)
    }
}

/// Times that are over: they are deleted.
#[must_use]
pub fn slot_expiry() -> Runner<Expiry<Slot>> {
    Runner::new(Expiry::new("slot_expiry"))
}

pub(crate) fn take(held: &mut Held<Slot>) -> Result<()> {
    if held.document.taken {
        let state = "taken".to_owned();
        return Err(Error::State {
            what: "time",
            state,
        });
    }
    held.document.taken = true;
    Ok(())
}
