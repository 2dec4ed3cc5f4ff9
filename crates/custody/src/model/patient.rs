//! Patient.

use acts::Deployment;
use alloy_primitives::{Address, B256};
use api::people::{PatientCard, PatientView};
use record::PatientDemographics;
use seal::SealingPublic;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind, hex_id};
use crate::model::error::Result;
use crate::model::person::sealing_public;

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
        sealing_public(&self.card.person, at)
    }
}

impl From<Patient> for PatientView {
    fn from(patient: Patient) -> Self {
        let wallet = patient.wallet();
        let Patient {
            patient,
            demographics,
            enrolled_at,
            errand,
            ..
        } = patient;
        Self {
            patient,
            demographics,
            wallet,
            enrolled_at,
            act: errand,
        }
    }
}
