//! Enrolment: a hospital takes a patient on.
//!
//! ```text
//! stated ──staff enter demographics; the patient's client states key and commitment──►
//! enrolled here (usable at once) ──relayer──► enrolled on chain
//! ```
//!
//! The chain gets keccak256 over a salt, the institution and the wallet; the salt comes from the
//! patient's root secret, so that the patient can prove the enrolment and nobody else can guess it.

use alloy_primitives::{Address, B256};
use clinical::PatientDemographics;
use record::patient_commitment;
use seal::SealingPublic;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::act::{Act, Deployment, Errand};
use crate::admit::{Person, state_key};
use crate::error::{Error, Result};
use crate::hospital::Hospital;
use crate::keys::KeyRing;
use crate::peers::hex_id;
use crate::store::{Batch, Document, Documents, Held, Kind, Query};
use crate::touch::{Deed, Entry};

/// What a patient's client states to be enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PatientCard {
    /// Wallet and sealing key.
    pub person: Person,
    /// The salt of the commitment.
    #[schema(value_type = String)]
    pub salt: B256,
}

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

/// A new patient, as the hospital's staff enter one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewPatient {
    /// Who it is.
    #[schema(value_type = Object)]
    pub demographics: PatientDemographics,
    /// What the patient's client stated.
    pub card: PatientCard,
}

/// A patient of this hospital. `Debug` shows no demographics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patient {
    /// The commitment, which is also the patient's id.
    pub patient: B256,
    /// Who it is.
    pub demographics: PatientDemographics,
    /// What the patient's client stated.
    pub card: PatientCard,
    /// When.
    pub enrolled_at: u64,
    /// The act that enrols the patient on chain.
    pub errand: B256,
}

impl Document for Patient {
    const KIND: Kind = Kind::Patient;
    fn id(&self) -> String {
        hex_id(self.patient)
    }
    fn owner(&self) -> String {
        hex::encode(self.card.person.wallet)
    }
}

impl Patient {
    /// The patient's wallet.
    #[must_use]
    pub fn wallet(&self) -> Address {
        self.card.person.wallet
    }

    /// To which key to seal.
    ///
    /// # Errors
    /// If the statement does not hold.
    pub fn sealing_public(&self, at: &Deployment) -> Result<SealingPublic> {
        self.card.person.sealing_public(at)
    }
}

impl Hospital {
    /// Enrol a patient. Enrolling the same patient again returns what is there.
    ///
    /// # Errors
    /// If the key statement does not hold, or the wallet is enrolled already with other keys.
    pub async fn enrol(&self, by: Address, new: NewPatient) -> Result<Held<Patient>> {
        new.card.person.sealing_public(self.deployment())?;
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
        let query = Query::of(Kind::Patient).owner(hex::encode(wallet)).limit(1);
        Ok(self.store.all::<Patient>(query).await?.into_iter().next())
    }

    /// The patients of this hospital.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn patients(&self) -> Result<Vec<Patient>> {
        let held = self.store.all::<Patient>(Query::of(Kind::Patient)).await?;
        Ok(held.into_iter().map(|h| h.document).collect())
    }
}

fn check_demographics(d: &PatientDemographics) -> Result<()> {
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
