//! The document that goes with a radiograph.
//!
//! <https://hl7.org/fhir/R4/documents.html>: a Bundle of type `document` begins with its
//! Composition; every resource that is referred to is in the Bundle, under a `urn:uuid:` name.
use rand_core::CryptoRng;
use serde_json::{Value, json};

use super::elements::{
    LOINC, check_text, clean, concept, full_name, instant, narrative, reference, urn,
};
use super::imaging::{imaging_study, media, study_time};
use super::people::{Organization, Practitioner, organization, patient, practitioner};
use crate::dicom::DicomSummary;
use crate::error::Result;
use crate::image::ImageSummary;
use crate::person::PatientDemographics;

/// The image that the document is about.
#[derive(Debug, Clone, Copy)]
pub enum Image<'a> {
    /// A DICOM image: becomes an ImagingStudy.
    Dicom(&'a DicomSummary),
    /// A PNG or JPEG: becomes a Media.
    Picture {
        /// Its header.
        summary: &'a ImageSummary,
        /// DICOM modality code, e.g. `DX`.
        modality: &'a str,
        /// Body part in words; may be empty.
        body_part: &'a str,
    },
}

/// What a radiograph's document is made of.
#[derive(Clone, Copy)]
pub struct Radiograph<'a> {
    /// The patient.
    pub patient: &'a PatientDemographics,
    /// The author of the report.
    pub author: &'a Practitioner,
    /// The author's institution.
    pub institution: &'a Organization,
    /// Title of the document.
    pub title: &'a str,
    /// The report in words.
    pub report: &'a str,
    /// The image.
    pub image: Image<'a>,
    /// Name of the record's part that holds the image.
    pub image_part: &'a str,
    /// Size of the image file, bytes.
    pub image_bytes: u64,
    /// When the report was issued, seconds since 1970.
    pub issued_at: u64,
}

/// Makes the FHIR R4 document Bundle of a radiograph: Composition, Patient, Practitioner,
/// Organization, DiagnosticReport and ImagingStudy (DICOM) or Media (PNG, JPEG).
///
/// # Errors
/// [`Error::BadFhir`](crate::Error::BadFhir) when a value has no place in FHIR: a DICOM UID, date or identifier that is
/// none, an empty title.
pub fn document_bundle(
    from: &Radiograph<'_>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Value> {
    let names = Names {
        composition: urn(rng),
        patient: urn(rng),
        author: urn(rng),
        institution: urn(rng),
        report: urn(rng),
        image: urn(rng),
    };
    check_text("Composition.title", from.title)?;
    let issued = instant(from.issued_at)?;
    let image = match from.image {
        Image::Dicom(summary) => imaging_study(summary, from, &names)?,
        Image::Picture { .. } => media(from, &names, &issued)?,
    };
    let resources = [
        (&names.composition, composition(from, &names, &issued)),
        (&names.patient, patient(from.patient)?),
        (&names.author, practitioner(from.author)?),
        (&names.institution, organization(from.institution)?),
        (&names.report, diagnostic_report(from, &names, &issued)),
        (&names.image, image),
    ];
    let entries: Vec<_> = resources
        .into_iter()
        .map(|(url, resource)| json!({ "fullUrl": url, "resource": resource }))
        .collect();
    Ok(json!({
        "resourceType": "Bundle",
        "identifier": { "system": "urn:ietf:rfc:3986", "value": urn(rng) },
        "type": "document",
        "timestamp": issued,
        "entry": entries,
    }))
}

/// `urn:uuid:` names of the document's resources.
pub(super) struct Names {
    pub(super) composition: String,
    pub(super) patient: String,
    pub(super) author: String,
    pub(super) institution: String,
    pub(super) report: String,
    pub(super) image: String,
}

fn composition(from: &Radiograph<'_>, names: &Names, issued: &str) -> Value {
    let author = full_name(&from.author.family, &from.author.given);
    json!({
        "resourceType": "Composition",
        "status": "final",
        "type": concept(LOINC, "18748-4", "Diagnostic imaging study"),
        "subject": reference(&names.patient, "Patient"),
        "date": issued,
        "author": [reference(&names.author, &author)],
        "title": clean(from.title),
        "confidentiality": "R",
        "attester": [{
            "mode": "professional",
            "time": issued,
            "party": reference(&names.author, &author),
        }],
        "custodian": reference(&names.institution, &from.institution.name),
        "text": narrative(&[from.title, from.report]),
        "section": [
            {
                "title": "Report",
                "code": concept(LOINC, "18782-3", "Radiology Study observation (narrative)"),
                "text": narrative(&[from.report]),
                "entry": [reference(&names.report, "Report")],
            },
            {
                "title": "Image",
                "code": concept(LOINC, "55113-5", "Key images Document Radiology"),
                "text": narrative(&[format!("Image in the part {} of this record.", from.image_part)]),
                "entry": [reference(&names.image, "Image")],
            },
        ],
    })
}

fn diagnostic_report(from: &Radiograph<'_>, names: &Names, issued: &str) -> Value {
    let (modality, body_part, taken) = match from.image {
        Image::Dicom(dicom) => (
            dicom.modality.as_str(),
            dicom.body_part.as_str(),
            study_time(dicom),
        ),
        Image::Picture {
            modality,
            body_part,
            ..
        } => (modality, body_part, None),
    };
    let mut code = concept(LOINC, "18748-4", "Diagnostic imaging study");
    let words = clean(format!("{modality} {body_part}").trim());
    if !words.is_empty() {
        code["text"] = json!(words);
    }
    let author = full_name(&from.author.family, &from.author.given);
    let mut report = json!({
        "resourceType": "DiagnosticReport",
        "text": narrative(&[from.report]),
        "status": "final",
        "category": [concept("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology")],
        "code": code,
        "subject": reference(&names.patient, "Patient"),
        "effectiveDateTime": taken.unwrap_or_else(|| issued.to_owned()),
        "issued": issued,
        "performer": [reference(&names.institution, &from.institution.name)],
        "resultsInterpreter": [reference(&names.author, &author)],
    });
    if !from.report.trim().is_empty() {
        report["conclusion"] = json!(clean(from.report));
    }
    match from.image {
        Image::Dicom(_) => report["imagingStudy"] = json!([reference(&names.image, "Image")]),
        Image::Picture { .. } => {
            report["media"] = json!([{ "link": reference(&names.image, "Image") }]);
        }
    }
    report
}
