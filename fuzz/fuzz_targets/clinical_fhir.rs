//! FHIR JSON from anywhere: a patient that is read has what a patient needs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use clinical::fhir::{organizations_from_json, patient_from_json, practitioners_from_json};

fuzz_target!(|data: &[u8]| {
    if let Ok(patient) = patient_from_json(data) {
        assert!(!patient.id.is_empty());
    }
    for organization in organizations_from_json(data).unwrap_or_default() {
        assert!(!organization.name.is_empty() && !organization.id.is_empty());
    }
    for practitioner in practitioners_from_json(data).unwrap_or_default() {
        assert!(!practitioner.family.is_empty());
    }
});
