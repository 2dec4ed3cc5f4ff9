//! Enrolment: a hospital takes a patient on.
//!
//! ```text
//! stated ──staff enter demographics; the patient's client states key and commitment──►
//! enrolled here (usable at once) ──relayer──► enrolled on chain
//! ```
//!
//! The chain gets keccak256 over a salt, the institution and the wallet; the salt comes from the
//! patient's root secret, so that the patient can prove the enrolment and nobody else can guess it.

use acts::Act;
use alloy_primitives::{Address, B256};
use api::log::Deed;
use api::people::NewPatient;
use clinical::PatientDemographics;

use crate::model::act::Errand;
use crate::model::document::{Batch, Held, Kind, Query, hex_id};
use crate::model::error::{Error, Result};
use crate::model::log_entry::Entry;
use crate::model::patient::Patient;
use crate::model::person::sealing_public;
use crate::ports::store::{Documents, Store as _};
use crate::uses::hospital::Hospital;

impl Hospital {
    /// Enrol a patient. Enrolling the same patient again returns what is there.
    ///
    /// # Errors
    /// If the key statement does not hold, or the wallet is enrolled already with other keys.
    pub async fn enrol(&self, by: Address, new: NewPatient) -> Result<Held<Patient>> {
        sealing_public(&new.card.person, self.deployment())?;
        check_demographics(&new.demographics)?;
        let patient = new.card.commitment(self.address());
        if let Some(known) = self.store.load::<Patient>(&hex_id(patient)).await? {
            return Ok(known);
        }
        if self.patient_of(new.card.person.wallet).await?.is_some() {
            return Err(Error::invalid(
                "wallet",
                "this wallet is enrolled here already",
            ));
        }
        let institution = self.address();
        let act = Act::EnrolPatient {
            institution,
            patient,
            deadline: self.deadline(),
        };
        let errand = Errand::new(self.sign(act), self.deployment(), self.now());
        let document = Patient {
            patient,
            demographics: new.demographics,
            card: new.card,
            enrolled_at: self.now(),
            errand: errand.id,
        };
        let mut batch = Batch::new();
        batch.create(&document)?;
        self.enlist(&mut batch, &errand).await?;
        self.write(
            batch,
            Entry::new(Deed::Enrol, self.now(), by).patient(patient),
        )
        .await?;
        self.errands.notify_one();
        Ok(Held {
            version: 1,
            document,
        })
    }

    /// The patient with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn patient(&self, patient: B256) -> Result<Patient> {
        let held = self.store.load::<Patient>(&hex_id(patient)).await?;
        held.map(|h| h.document).ok_or(Error::NotFound("patient"))
    }

    /// The patient with this wallet, if one is enrolled here.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn patient_of(&self, wallet: Address) -> Result<Option<Held<Patient>>> {
        let query = Query::of(Kind::Patient).owner(hex::encode(wallet));
        let page = self.store.page::<Patient>(query, 1).await?;
        Ok(page.documents.into_iter().next())
    }

    /// How many patients this hospital has.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn patient_count(&self) -> Result<u64> {
        Ok(self.store.count(&Query::of(Kind::Patient)).await?)
    }
}

pub(crate) fn check_demographics(d: &PatientDemographics) -> Result<()> {
    let fields = [
        ("id", &d.id),
        ("id_system", &d.id_system),
        ("family", &d.family),
    ];
    for (field, value) in fields {
        if value.len() > 200 {
            return Err(Error::invalid(field, "at most 200 bytes"));
        }
    }
    if d.id.is_empty() {
        return Err(Error::invalid("id", "a patient needs an identifier"));
    }
    if d.given.len() > 10 || d.given.iter().any(|g| g.len() > 200) {
        return Err(Error::invalid("given", "at most 10 names of 200 bytes"));
    }
    if d.birth_date.len() > 10 {
        return Err(Error::invalid("birth_date", "write it as YYYY-MM-DD"));
    }
    Ok(())
}
