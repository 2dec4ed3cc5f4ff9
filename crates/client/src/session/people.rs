//! Staff, notices, letters, appointments.

use alloy_primitives::{Address, B256};
use api::appointments::{AppointmentChange, AppointmentView, NewAppointment, NewSlot};
use api::letters::{LetterKind, LetterView};
use api::notices::NoticeView;
use api::people::{ProfileView, StaffView};
use custody::model::appointment::Slot;
use record::Role;
use reqwest::Method;
use zeroize::Zeroizing;

use super::{Result, Session};

impl Session {
    /// The active staff of an institution, with one role or any.
    ///
    /// # Errors
    /// If no node of that institution is known or answers.
    pub async fn staff_of(
        &self,
        institution: Address,
        role: Option<Role>,
    ) -> Result<Vec<StaffView>> {
        let mut path = format!("/api/v1/staff?institution={institution}");
        if let Some(role) = role {
            path.push_str(&format!("&role={role}"));
        }
        self.get(&path).await
    }

    /// Set the caller's profile.
    ///
    /// # Errors
    /// If a field is not allowed.
    pub async fn set_profile(&self, set: &ProfileView) -> Result<ProfileView> {
        let request = self.request(Method::PUT, "/api/v1/profile").json(set);
        self.client.read(request).await
    }

    /// What there is to know since a notice, or from the beginning; waits for it, 25 s at most.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn notices(&self, since: &str, wait: u64) -> Result<Vec<NoticeView>> {
        self.get(&format!("/api/v1/notifications?since={since}&wait={wait}"))
            .await
    }

    /// Remember how far the caller has read.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn notices_seen(&self, up_to: &str) -> Result<()> {
        let body = serde_json::json!({ "up_to": up_to });
        let _: serde_json::Value = self.post("/api/v1/notifications/seen", &body).await?;
        Ok(())
    }

    /// Write a letter to somebody whose key is known.
    ///
    /// # Errors
    /// If the reader is not known, or the node does not take letters for them.
    pub async fn write(
        &self,
        to: Address,
        kind: LetterKind,
        thread: Option<B256>,
        text: &str,
        grants: Vec<B256>,
    ) -> Result<LetterView> {
        let public = self.person(to).await?.sealing_public(self.at())?;
        let reader = (to, &public);
        let (keys, at) = (&self.keys, self.at());
        let letter =
            crate::person::letters::write(keys, at, reader, kind, thread, text.as_bytes(), grants)?;
        self.post("/api/v1/letters", &letter).await
    }

    /// The caller's letters, of one conversation or all.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn letters(&self, thread: Option<B256>) -> Result<Vec<LetterView>> {
        let query = thread.map_or_else(String::new, |t| format!("?thread={t}"));
        self.get(&format!("/api/v1/letters{query}")).await
    }

    /// Read a letter, and tell its writer so.
    ///
    /// # Errors
    /// If it was sealed to another key.
    pub async fn read_letter(&self, view: &LetterView) -> Result<Zeroizing<Vec<u8>>> {
        let plain = crate::person::letters::read(&self.keys, self.at(), view)?;
        if view.to == self.keys.address() {
            let path = format!("/api/v1/letters/{}/seen", view.id);
            let _: LetterView = self.post(&path, &serde_json::json!({})).await?;
        }
        Ok(plain)
    }

    /// A doctor's times.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn slots(&self, doctor: Address) -> Result<Vec<Slot>> {
        self.get(&format!("/api/v1/slots?doctor={doctor}")).await
    }

    /// Offer times: a doctor's side.
    ///
    /// # Errors
    /// If one is in the past or overlaps with another.
    pub async fn offer_slots(&self, new: &[NewSlot]) -> Result<Vec<Slot>> {
        self.post("/api/v1/slots", &new).await
    }

    /// Take back a time that nobody has taken.
    ///
    /// # Errors
    /// If somebody has.
    pub async fn withdraw_slot(&self, slot: B256) -> Result<()> {
        let path = format!("/api/v1/slots/{slot}");
        let request = self.request(Method::DELETE, &path);
        self.client.send(request).await.map(|_| ())
    }

    /// Ask for an appointment, with a reason that only the doctor reads.
    ///
    /// # Errors
    /// If the time is taken.
    pub async fn ask_appointment(&self, slot: &Slot, reason: &str) -> Result<AppointmentView> {
        let public = self.person(slot.doctor).await?.sealing_public(self.at())?;
        let sealed = crate::person::letters::write(
            &self.keys,
            self.at(),
            (slot.doctor, &public),
            LetterKind::Question,
            Some(slot.slot),
            reason.as_bytes(),
            Vec::new(),
        )?;
        let new = NewAppointment {
            id: sealed.id,
            slot: slot.slot,
            reason: sealed.sealed,
            reason_own: sealed.sealed_own,
        };
        self.post("/api/v1/appointments", &new).await
    }

    /// The caller's appointments.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn appointments(&self) -> Result<Vec<AppointmentView>> {
        self.get("/api/v1/appointments").await
    }

    /// Accept, decline, move or cancel an appointment.
    ///
    /// # Errors
    /// If its state does not allow this.
    pub async fn change_appointment(
        &self,
        id: B256,
        change: &AppointmentChange,
    ) -> Result<AppointmentView> {
        self.post(&format!("/api/v1/appointments/{id}"), change)
            .await
    }

    /// The reason of an appointment.
    ///
    /// # Errors
    /// If it was sealed to another key.
    pub fn appointment_reason(&self, view: &AppointmentView) -> Result<Zeroizing<Vec<u8>>> {
        Ok(crate::person::appointments::reason(
            &self.keys,
            self.at(),
            view,
        )?)
    }
}
