//! Enrolling patients and finding them.

use api::people::{NewPatient, PatientCard, PatientView};
use record::PatientDemographics;

use super::{Result, Session, now};

impl Session {
    /// The card that a patient hands to this node's hospital to be enrolled.
    ///
    /// # Errors
    /// If the keys cannot be stated.
    pub fn patient_card(&self) -> Result<PatientCard> {
        Ok(crate::person::enrolment::patient_card(
            &self.keys,
            self.at(),
            self.card.institution,
            now(),
        )?)
    }

    /// Enrol a patient: the hospital's or its staff's job.
    ///
    /// # Errors
    /// If the card does not hold.
    pub async fn enrol(
        &self,
        demographics: PatientDemographics,
        card: PatientCard,
    ) -> Result<PatientView> {
        self.post("/api/v1/patients", &NewPatient { demographics, card })
            .await
    }

    /// The hospital's patients.
    ///
    /// # Errors
    /// If the caller is not of its staff.
    pub async fn patients(&self) -> Result<Vec<PatientView>> {
        self.get("/api/v1/patients").await
    }
}
