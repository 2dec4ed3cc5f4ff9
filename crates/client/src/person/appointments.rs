//! Appointments.

use acts::Deployment;
use api::appointments::AppointmentView;
use custody::model::error::Result;
use custody::model::keys::KeyRing;
use custody::model::secrets::{Bound, open_letter};
use zeroize::Zeroizing;

/// Open the reason of an appointment: either side's.
///
/// # Errors
/// If it was sealed to another key.
pub fn reason(
    keys: &KeyRing,
    at: &Deployment,
    view: &AppointmentView,
) -> Result<Zeroizing<Vec<u8>>> {
    let bound = Bound::to_reader(at, view.first_slot, view.id, keys.address());
    open_letter(keys.sealing(), &bound, &view.reason)
}
