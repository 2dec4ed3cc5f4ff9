//! FHIR R4: documents, patients read out of Bundles, forms, errors as OperationOutcome.

mod document;
mod elements;
mod imaging;
mod outcome;
mod people;
mod questionnaire;

use serde_json::Value;

use crate::error::{Result, at_most};
use elements::bad;

pub use document::{Image, Radiograph, document_bundle};
pub use outcome::{IssueCode, operation_outcome};
pub use people::{
    Organization, Practitioner, organizations_from_json, patient_from_json, practitioners_from_json,
};
pub use questionnaire::check_questionnaire;

/// Most bytes of a FHIR resource that is read.
pub const FHIR_BYTES: usize = 16 * 1024 * 1024;

/// Parses JSON within the limit. Nesting is limited by serde_json (128).
fn parse(json: &[u8]) -> Result<Value> {
    at_most("FHIR resource", json.len(), FHIR_BYTES)?;
    serde_json::from_slice(json).map_err(|e| {
        // serde_json's messages hold line and column, but may quote a value: leave that out.
        bad(
            "$this",
            &format!("not JSON at line {}, column {}", e.line(), e.column()),
        )
    })
}
