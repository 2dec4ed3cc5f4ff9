//! Who a patient is, as far as a record needs to say it.
use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result, at_most};
use crate::fhir::{FHIR_BYTES, patient_from_json};

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

/// Reads the chosen patient out of JSON: [`PatientDemographics`] of which any field but the name
/// may be absent, such an object under `patient`, or a FHIR R4 Patient or Bundle.
///
/// # Errors
/// [`Error::TooLarge`]; [`Error::BadFhir`], naming the element that is missing or wrong. Messages
/// hold no values.
pub fn chosen_from_json(json: &[u8]) -> Result<PatientDemographics> {
    at_most("patient file", json.len(), FHIR_BYTES)?;
    let value: Value = serde_json::from_slice(json).map_err(|e| {
        let reason = format!("not JSON at line {}, column {}", e.line(), e.column());
        unusable("$this", &reason)
    })?;
    if value["resourceType"].is_string() {
        return patient_from_json(json);
    }
    let patient = match &value["patient"] {
        Value::Object(_) => &value["patient"],
        _ => &value,
    };
    let text = |key: &str| patient[key].as_str().unwrap_or_default().to_owned();
    let given = match &patient["given"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(names) => names
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    let chosen = PatientDemographics {
        id: text("id"),
        id_system: text("id_system"),
        family: text("family"),
        given,
        birth_date: text("birth_date"),
        sex: match patient["sex"].as_str() {
            Some("female") => Sex::Female,
            Some("male") => Sex::Male,
            Some("other") => Sex::Other,
            _ => Sex::Unknown,
        },
    };
    if chosen.family.is_empty() && chosen.given.is_empty() {
        return Err(unusable("patient.family", "a name is needed"));
    }
    Ok(chosen)
}

fn unusable(path: &str, reason: &str) -> Error {
    Error::BadFhir {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
