//! Being enrolled at a hospital: the patient's side.

use acts::Deployment;
use alloy_primitives::{Address, B256};
use api::people::PatientCard;
use custody::Result;
use custody::model::keys::KeyRing;
use custody::uses::people::key_statement::state_key;

/// The card of the patient with these keys for `institution`.
///
/// # Errors
/// If the key statement cannot be made.
pub fn patient_card(
    keys: &KeyRing,
    at: &Deployment,
    institution: Address,
    now: u64,
) -> Result<PatientCard> {
    let person = state_key(keys, at, "", now, None)?.person;
    Ok(PatientCard {
        person,
        salt: enrolment_salt(keys, institution),
    })
}

/// The salt of a patient's commitment at `institution`, from the root secret.
#[must_use]
pub fn enrolment_salt(keys: &KeyRing, institution: Address) -> B256 {
    B256::from(*seal::derive::subkey(
        keys.root(),
        &format!("enrolment/{institution}"),
    ))
}
