//! Who a patient is, as far as a record needs to say it.
use core::fmt;

use serde::{Deserialize, Serialize};

/// Administrative sex, as FHIR's `AdministrativeGender`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
    /// Other.
    Other,
    /// Not known.
    Unknown,
}

impl Sex {
    /// The FHIR code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

/// A patient's demographic data. `Debug` shows none of it, so that logs hold no personal data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatientDemographics {
    /// The identifier at the institution (DICOM PatientID, FHIR `Patient.identifier`).
    pub id: String,
    /// Namespace of `id`, a URI (FHIR `identifier.system`).
    pub id_system: String,
    /// Family name.
    pub family: String,
    /// Given names, first name first.
    pub given: Vec<String>,
    /// Birth date, `YYYY-MM-DD` (FHIR also allows `YYYY` and `YYYY-MM`).
    pub birth_date: String,
    /// Administrative sex.
    pub sex: Sex,
}

impl fmt::Debug for PatientDemographics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PatientDemographics(hidden)")
    }
}
