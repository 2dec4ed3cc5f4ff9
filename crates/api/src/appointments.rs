//! Free times and appointments.

use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A time that a doctor offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSlot {
    /// From, unix seconds.
    pub from: u64,
    /// Until, unix seconds.
    pub until: u64,
}

/// How far an appointment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppointmentState {
    /// The patient asks; the doctor answers.
    Asked,
    /// The doctor proposes another time; the patient answers.
    Proposed,
    /// Both agree.
    Accepted,
    /// The doctor said no.
    Declined,
    /// One of the two called it off.
    Cancelled,
}

impl AppointmentState {
    /// The name used in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Proposed => "proposed",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it can still take place.
    pub fn open(self) -> bool {
        matches!(self, Self::Asked | Self::Proposed | Self::Accepted)
    }
}

/// What a patient asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAppointment {
    /// Its id, random; asked again with the same id it is the same.
    #[schema(value_type = String)]
    pub id: B256,
    /// The doctor's free time.
    #[schema(value_type = String)]
    pub slot: B256,
    /// The reason, sealed to the doctor.
    #[schema(value_type = String)]
    pub reason: Bytes,
    /// The reason, sealed to the patient.
    #[schema(value_type = String)]
    pub reason_own: Bytes,
}

/// What to do with an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppointmentAction {
    /// Agree to it.
    Accept,
    /// Say no: the doctor's.
    Decline,
    /// Another time: the doctor proposes it, the patient asks for it.
    Move,
    /// Call it off.
    Cancel,
}

/// A change of an appointment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppointmentChange {
    /// What to do.
    pub action: AppointmentAction,
    /// The other time, for a move.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub slot: Option<B256>,
}

/// An appointment as one of the two sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppointmentView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: B256,
    /// The time that it takes.
    #[schema(value_type = String)]
    pub slot: B256,
    /// The time that it was first asked for, which the reason is sealed with.
    #[schema(value_type = String)]
    pub first_slot: B256,
    /// The doctor.
    #[schema(value_type = String)]
    pub doctor: Address,
    /// The patient's wallet.
    #[schema(value_type = String)]
    pub patient: Address,
    /// From, unix seconds.
    pub from: u64,
    /// Until, unix seconds.
    pub until: u64,
    /// How far it is.
    pub state: AppointmentState,
    /// The reason, sealed to the one who asks.
    #[schema(value_type = String)]
    pub reason: Bytes,
    /// When it changed last, unix seconds.
    pub changed_at: u64,
}

/// A time at which a doctor can be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Slot)]
pub struct SlotView {
    /// Its id.
    #[schema(value_type = String)]
    pub slot: B256,
    /// The doctor.
    #[schema(value_type = String)]
    pub doctor: Address,
    /// From, unix seconds.
    pub from: u64,
    /// Until, unix seconds.
    pub until: u64,
    /// Whether it is taken.
    pub taken: bool,
}
