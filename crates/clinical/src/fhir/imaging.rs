//! Images as resources: ImagingStudy for DICOM, Media for PNG and JPEG.

use chrono::{NaiveDate, NaiveTime};
use serde_json::{Value, json};

use super::document::{Image, Names, Radiograph};
use super::elements::{bad, clean, concept, full_name, narrative, reference};
use crate::dicom::DicomSummary;
use crate::error::Result;

const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";

/// When the study was made, as a FHIR date, or as a date and time where the file has both. DICOM
/// times carry no zone; FHIR wants one with every time, so without one only the date is told.
pub(super) fn study_time(dicom: &DicomSummary) -> Option<String> {
    let date = NaiveDate::parse_from_str(&dicom.study_date, "%Y%m%d").ok()?;
    Some(date.format("%Y-%m-%d").to_string())
}

/// Time of day in words, for the narrative.
fn study_clock(dicom: &DicomSummary) -> Option<String> {
    let digits = dicom.study_time.get(..6)?;
    let time = NaiveTime::parse_from_str(digits, "%H%M%S").ok()?;
    Some(time.format("%H:%M:%S").to_string())
}

fn check_uid(path: &str, uid: &str) -> Result<()> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if uid.len() <= 64 && uid.split('.').all(digits) {
        return Ok(());
    }
    Err(bad(path, "the DICOM file's UID is missing or is none"))
}

fn modality(code: &str) -> Result<Value> {
    let known = code.len() <= 16
        && code
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if !known || code.is_empty() {
        return Err(bad(
            "ImagingStudy.modality",
            "the DICOM file's modality is missing or is none",
        ));
    }
    let display = match code {
        "CR" => "Computed Radiography",
        "DX" => "Digital Radiography",
        "CT" => "Computed Tomography",
        "MR" => "Magnetic Resonance",
        "US" => "Ultrasound",
        "MG" => "Mammography",
        "XA" => "X-Ray Angiography",
        "RF" => "Radiofluoroscopy",
        "OT" => "Other",
        other => return Ok(json!({ "system": DCM, "code": other })),
    };
    Ok(json!({ "system": DCM, "code": code, "display": display }))
}

pub(super) fn imaging_study(
    dicom: &DicomSummary,
    from: &Radiograph<'_>,
    names: &Names,
) -> Result<Value> {
    check_uid("ImagingStudy.identifier", &dicom.study_uid)?;
    check_uid("ImagingStudy.series.uid", &dicom.series_uid)?;
    check_uid("ImagingStudy.series.instance.uid", &dicom.sop_instance_uid)?;
    check_uid(
        "ImagingStudy.series.instance.sopClass",
        &dicom.sop_class_uid,
    )?;
    let modality = modality(&dicom.modality)?;
    let mut instance = json!({
        "uid": dicom.sop_instance_uid,
        "sopClass": {
            "system": "urn:ietf:rfc:3986",
            "code": format!("urn:oid:{}", dicom.sop_class_uid),
        },
        "title": format!("part {}", from.image_part),
    });
    set_number(&mut instance, "number", dicom.instance_number);
    let mut series = json!({
        "uid": dicom.series_uid,
        "modality": modality,
        "numberOfInstances": 1,
        "instance": [instance],
    });
    set_number(&mut series, "number", dicom.series_number);
    if !dicom.body_part.is_empty() {
        series["bodySite"] = json!({ "display": clean(&dicom.body_part) });
    }
    let when = study_time(dicom);
    let told = [when.clone(), study_clock(dicom)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let words = format!("{} {} {told}", dicom.modality, dicom.body_part);
    let mut study = json!({
        "resourceType": "ImagingStudy",
        "text": narrative(&[words.trim()]),
        "identifier": [{
            "system": "urn:dicom:uid",
            "value": format!("urn:oid:{}", dicom.study_uid),
        }],
        "status": "available",
        "modality": [modality],
        "subject": reference(&names.patient, "Patient"),
        "numberOfSeries": 1,
        "numberOfInstances": 1,
        "series": [series],
    });
    if let Some(when) = when {
        study["started"] = json!(when);
    }
    if !dicom.study_description.is_empty() {
        study["description"] = json!(clean(&dicom.study_description));
    }
    Ok(study)
}

fn set_number(resource: &mut Value, key: &str, number: Option<u32>) {
    // FHIR's unsignedInt ends at 2^31 - 1.
    if let Some(number) = number.filter(|n| *n <= i32::MAX as u32) {
        resource[key] = json!(number);
    }
}

pub(super) fn media(from: &Radiograph<'_>, names: &Names, issued: &str) -> Result<Value> {
    let Image::Picture {
        summary,
        modality: code,
        body_part,
    } = from.image
    else {
        return Err(bad("Media", "only a PNG or JPEG becomes a Media"));
    };
    let mut content = json!({
        "contentType": summary.kind.media_type(),
        "title": format!("part {}", from.image_part),
    });
    set_number(&mut content, "size", u32::try_from(from.image_bytes).ok());
    let mut media = json!({
        "resourceType": "Media",
        "text": narrative(&[format!("{code} {body_part}").trim()]),
        "status": "completed",
        "type": concept("http://terminology.hl7.org/CodeSystem/media-type", "image", "Image"),
        "modality": { "coding": [modality(code)?] },
        "subject": reference(&names.patient, "Patient"),
        "issued": issued,
        "operator": reference(&names.author, &full_name(&from.author.family, &from.author.given)),
        "height": summary.height,
        "width": summary.width,
        "content": content,
    });
    if !body_part.trim().is_empty() {
        media["bodySite"] = json!({ "text": clean(body_part.trim()) });
    }
    Ok(media)
}
