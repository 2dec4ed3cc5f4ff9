//! Enrolment.

use acts::Deployment;
use alloy_primitives::Address;
use alloy_primitives::B256;
use api::people::PatientCard;
use custody::model::document::Document;
use custody::model::error::Result;
use custody::model::key_statement::state_key;
use custody::model::keys::KeyRing;
use custody::ports::store::Documents;
use record::patient_commitment;



impl PatientCard {
    /// The card of the patient with these keys for `institution`.
    ///
    /// # Errors
    /// If the key statement cannot be made.
    pub fn of(keys: &KeyRing, at: &Deployment, institution: Address, now: u64) -> Result<Self> {
        let person = state_key(keys, at, "", now, None)?.person;
        Ok(Self {
            person,
            salt: enrolment_salt(keys, institution),
        })
    }

    /// The commitment for `institution`.
    #[must_use]
    pub fn commitment(&self, institution: Address) -> B256 {
        patient_commitment(&self.salt, &institution, &self.person.wallet)
    }
}

/// The salt of a patient's commitment at `institution`, from the root secret.
#[must_use]
pub fn enrolment_salt(keys: &KeyRing, institution: Address) -> B256 {
    B256::from(*seal::derive::subkey(
        keys.root(),
        &format!("enrolment/{institution}"),
    ))
}
