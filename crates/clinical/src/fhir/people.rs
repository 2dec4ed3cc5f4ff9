//! Patients, practitioners and organizations, written and read.

use serde_json::{Value, json};

use super::elements::{
    bad, check_text, clean, full_name, human_name, identifier, is_fhir_date, narrative,
};
use super::parse;
use crate::error::Result;
use crate::person::{PatientDemographics, Sex};

/// A health professional, as a document names one.
#[derive(Clone, PartialEq, Eq)]
pub struct Practitioner {
    /// Identifier, e.g. a licence number or a wallet address.
    pub id: String,
    /// Namespace of the identifier, a URI.
    pub id_system: String,
    /// Family name.
    pub family: String,
    /// Given names.
    pub given: Vec<String>,
}

/// An institution, as a document names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Identifier, e.g. a wallet address.
    pub id: String,
    /// Namespace of the identifier, a URI.
    pub id_system: String,
    /// Name.
    pub name: String,
}

pub(super) fn patient(from: &PatientDemographics) -> Result<Value> {
    let mut patient = json!({
        "resourceType": "Patient",
        "text": narrative(&[full_name(&from.family, &from.given)]),
        "identifier": [identifier("Patient.identifier", &from.id_system, &from.id)?],
        "active": true,
        "name": [human_name(&from.family, &from.given)],
        "gender": from.sex.code(),
    });
    if !from.birth_date.is_empty() {
        if !is_fhir_date(&from.birth_date) {
            return Err(bad(
                "Patient.birthDate",
                "write it as YYYY, YYYY-MM or YYYY-MM-DD",
            ));
        }
        patient["birthDate"] = json!(from.birth_date);
    }
    Ok(patient)
}

pub(super) fn practitioner(from: &Practitioner) -> Result<Value> {
    Ok(json!({
        "resourceType": "Practitioner",
        "text": narrative(&[full_name(&from.family, &from.given)]),
        "identifier": [identifier("Practitioner.identifier", &from.id_system, &from.id)?],
        "active": true,
        "name": [human_name(&from.family, &from.given)],
    }))
}

pub(super) fn organization(from: &Organization) -> Result<Value> {
    check_text("Organization.name", &from.name)?;
    Ok(json!({
        "resourceType": "Organization",
        "text": narrative(&[&from.name]),
        "identifier": [identifier("Organization.identifier", &from.id_system, &from.id)?],
        "active": true,
        "name": clean(&from.name),
    }))
}

/// The resources of `kind`: the value itself, or those in its entries when it is a Bundle.
fn resources<'a>(value: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let entries = value["entry"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    core::iter::once(value)
        .chain(entries.iter().map(|entry| &entry["resource"]))
        .filter(move |resource| resource["resourceType"] == kind)
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().trim().to_owned()
}

fn strings(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// The official name, or else the first.
fn best_name(resource: &Value) -> Option<&Value> {
    let names = resource["name"].as_array()?;
    names
        .iter()
        .find(|name| name["use"] == "official")
        .or_else(|| names.first())
}

/// The medical record number, or else the first identifier that has a value.
fn best_identifier(resource: &Value) -> Option<&Value> {
    let all = resource["identifier"].as_array()?;
    let is_mr = |id: &&Value| {
        let codings = id["type"]["coding"].as_array();
        codings
            .into_iter()
            .flatten()
            .any(|coding| coding["code"] == "MR")
    };
    all.iter()
        .find(is_mr)
        .or_else(|| all.iter().find(|id| id["value"].is_string()))
}

/// Reads the patient out of a FHIR R4 Patient, or a Bundle that holds exactly one.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge); [`Error::BadFhir`](crate::Error::BadFhir), naming the element that is missing or wrong. Messages
/// hold no values.
pub fn patient_from_json(json: &[u8]) -> Result<PatientDemographics> {
    let value = parse(json)?;
    let mut patients = resources(&value, "Patient");
    let patient = patients
        .next()
        .ok_or_else(|| bad("Bundle.entry", "it holds no Patient"))?;
    if patients.next().is_some() {
        return Err(bad(
            "Bundle.entry",
            "it holds more than one Patient; send one",
        ));
    }
    let id = best_identifier(patient)
        .filter(|id| !string(&id["value"]).is_empty())
        .ok_or_else(|| bad("Patient.identifier", "an identifier with a value is needed"))?;
    let name = best_name(patient).ok_or_else(|| bad("Patient.name", "a name is needed"))?;
    let birth_date = string(&patient["birthDate"]);
    if !birth_date.is_empty() && !is_fhir_date(&birth_date) {
        return Err(bad("Patient.birthDate", "it is not a date"));
    }
    Ok(PatientDemographics {
        id: string(&id["value"]),
        id_system: string(&id["system"]),
        family: string(&name["family"]),
        given: strings(&name["given"]),
        birth_date,
        sex: match patient["gender"].as_str() {
            Some("female") => Sex::Female,
            Some("male") => Sex::Male,
            Some("other") => Sex::Other,
            _ => Sex::Unknown,
        },
    })
}

/// Reads the organizations out of a FHIR R4 Organization or a Bundle; those without a name or an
/// identifier are left out.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge); [`Error::BadFhir`](crate::Error::BadFhir) when it is not JSON.
pub fn organizations_from_json(json: &[u8]) -> Result<Vec<Organization>> {
    let value = parse(json)?;
    let organization = |resource: &Value| {
        let id = best_identifier(resource)?;
        let (id, id_system) = (string(&id["value"]), string(&id["system"]));
        let name = string(&resource["name"]);
        (!name.is_empty() && !id.is_empty()).then_some(Organization {
            id,
            id_system,
            name,
        })
    };
    Ok(resources(&value, "Organization")
        .filter_map(organization)
        .collect())
}

/// Reads the practitioners out of a FHIR R4 Practitioner or a Bundle; those without a family name
/// or an identifier are left out.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge); [`Error::BadFhir`](crate::Error::BadFhir) when it is not JSON.
pub fn practitioners_from_json(json: &[u8]) -> Result<Vec<Practitioner>> {
    let value = parse(json)?;
    let practitioner = |resource: &Value| {
        let (id, name) = (best_identifier(resource)?, best_name(resource)?);
        let (id, id_system) = (string(&id["value"]), string(&id["system"]));
        let (family, given) = (string(&name["family"]), strings(&name["given"]));
        let complete = !family.is_empty() && !id.is_empty();
        complete.then_some(Practitioner {
            id,
            id_system,
            family,
            given,
        })
    };
    Ok(resources(&value, "Practitioner")
        .filter_map(practitioner)
        .collect())
}
