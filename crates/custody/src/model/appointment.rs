//! Appointment.

use alloy_primitives::{Address, B256, Bytes};
use api::appointments::{AppointmentAction, AppointmentState, AppointmentView, SlotView};
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind, hex_id};

/// A time at which a doctor can be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Its id.
    pub slot: B256,
    /// The doctor.
    pub doctor: Address,
    /// From, unix seconds.
    pub from: u64,
    /// Until, unix seconds.
    pub until: u64,
    /// Whether it is taken.
    pub taken: bool,
}

impl Document for Slot {
    const KIND: Kind = Kind::Slot;
    fn id(&self) -> String {
        hex_id(self.slot)
    }
    fn owner(&self) -> String {
        hex::encode(self.doctor)
    }
    fn due_at(&self) -> u64 {
        // Past times are deleted; an appointment remembers its own.
        self.until
    }
}

/// An appointment as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Appointment {
    pub(crate) view: AppointmentView,
    pub(crate) reason_own: Bytes,
}

impl Document for Appointment {
    const KIND: Kind = Kind::Appointment;
    fn id(&self) -> String {
        hex_id(self.view.id)
    }
    fn owner(&self) -> String {
        hex::encode(self.view.doctor)
    }
    fn state(&self) -> String {
        self.view.state.name().to_owned()
    }
}

impl Appointment {
    pub(crate) fn seen_by(self, wallet: Address) -> AppointmentView {
        if wallet == self.view.doctor {
            return self.view;
        }
        AppointmentView {
            reason: self.reason_own,
            ..self.view
        }
    }

    /// The state that an action leads to, if `wallet` may take it now.
    pub(crate) fn after(
        &self,
        action: AppointmentAction,
        wallet: Address,
    ) -> Option<AppointmentState> {
        use AppointmentAction as A;
        use AppointmentState as S;

        let doctor = wallet == self.view.doctor;
        match (action, self.view.state) {
            (A::Accept, S::Asked) if doctor => Some(S::Accepted),
            (A::Accept, S::Proposed) if !doctor => Some(S::Accepted),
            (A::Decline, S::Asked) if doctor => Some(S::Declined),
            (A::Move, state) if state.open() => Some(if doctor { S::Proposed } else { S::Asked }),
            (A::Cancel, state) if state.open() => Some(S::Cancelled),
            _ => None,
        }
    }
}

impl From<Slot> for SlotView {
    fn from(document: Slot) -> Self {
        Self {
            slot: document.slot,
            doctor: document.doctor,
            from: document.from,
            until: document.until,
            taken: document.taken,
        }
    }
}

impl From<SlotView> for Slot {
    fn from(document: SlotView) -> Self {
        Self {
            slot: document.slot,
            doctor: document.doctor,
            from: document.from,
            until: document.until,
            taken: document.taken,
        }
    }
}
