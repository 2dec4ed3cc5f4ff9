//! Enrolling patients and finding them.

use api::people::{NewPatient, PatientCard, PatientView, PatientsPage};
use clinical::PatientDemographics;

use super::{ClientError, Result, Session, now};

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

    /// A page of the hospital's patients that match `wanted`, or of all if it is empty; `after` is the
    /// `next` of the page before.
    ///
    /// # Errors
    /// If the caller is not of its staff.
    pub async fn find_patients(&self, wanted: &str, after: Option<&str>) -> Result<PatientsPage> {
        let pairs = [("q", Some(wanted)), ("after", after)];
        let pairs = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let mut address =
            reqwest::Url::parse(&self.client.url).map_err(|e| ClientError::Unreachable {
                url: self.client.url.clone(),
                reason: e.to_string(),
            })?;
        address.query_pairs_mut().clear().extend_pairs(pairs);
        let query = address.query().unwrap_or_default();
        self.get(&format!("/api/v1/patients?{query}")).await
    }
}
