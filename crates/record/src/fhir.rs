//! FHIR R4: the document that goes with a radiograph, patients read out of Bundles, errors as
//! OperationOutcome.
//!
//! <https://hl7.org/fhir/R4/documents.html>: a Bundle of type `document` begins with its
//! Composition; every resource that is referred to is in the Bundle, under a `urn:uuid:` name.
use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat};
use rand_core::CryptoRng;
use serde_json::{Map, Value, json};

use crate::demographics::{PatientDemographics, Sex};
use crate::dicom::DicomSummary;
use crate::error::{Error, Result, at_most};
use crate::image::ImageSummary;

/// Most bytes of a FHIR resource that is read.
pub const FHIR_BYTES: usize = 16 * 1024 * 1024;

const LOINC: &str = "http://loinc.org";
const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";

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
/// [`Error::BadFhir`] when a value has no place in FHIR: a DICOM UID, date or identifier that is
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
struct Names {
    composition: String,
    patient: String,
    author: String,
    institution: String,
    report: String,
    image: String,
}

/// A fresh random UUID (RFC 9562, version 4) as a URN.
fn urn(rng: &mut (impl CryptoRng + ?Sized)) -> String {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .urn()
        .to_string()
}

fn bad(path: &str, reason: &str) -> Error {
    Error::BadFhir {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

fn check_text(path: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        Err(bad(path, "it must not be empty"))
    } else {
        Ok(())
    }
}

fn instant(at: u64) -> Result<String> {
    let time = i64::try_from(at)
        .ok()
        .and_then(|at| DateTime::from_timestamp(at, 0));
    let time = time.filter(|t| t.to_rfc3339().starts_with(|c: char| c.is_ascii_digit()));
    let text = time.map(|t| t.to_rfc3339_opts(SecondsFormat::Secs, true));
    text.filter(|t| t.len() == 20)
        .ok_or_else(|| bad("Bundle.timestamp", "it is after the year 9999"))
}

/// FHIR text must not be empty and has no control characters but tab, CR and LF.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\t' | '\r' | '\n'))
        .collect()
}

/// A generated narrative of paragraphs, escaped for XHTML.
fn narrative<S: AsRef<str>>(paragraphs: &[S]) -> Value {
    let mut div = String::from("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    for paragraph in paragraphs {
        div.push_str("<p>");
        for c in clean(paragraph.as_ref()).chars() {
            match c {
                '&' => div.push_str("&amp;"),
                '<' => div.push_str("&lt;"),
                '>' => div.push_str("&gt;"),
                '"' => div.push_str("&quot;"),
                '\n' => div.push_str("<br/>"),
                '\r' => {}
                c => div.push(c),
            }
        }
        div.push_str("</p>");
    }
    div.push_str("</div>");
    json!({ "status": "generated", "div": div })
}

fn concept(system: &str, code: &str, display: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code, "display": display }] })
}

fn reference(name: &str, display: &str) -> Value {
    json!({ "reference": name, "display": clean(display) })
}

fn identifier(path: &str, system: &str, value: &str) -> Result<Value> {
    check_text(path, value)?;
    let mut identifier = Map::from_iter([("value".to_owned(), json!(clean(value.trim())))]);
    if !system.is_empty() {
        identifier.insert("system".to_owned(), json!(system));
    }
    Ok(Value::Object(identifier))
}

fn human_name(family: &str, given: &[String]) -> Value {
    let mut name = Map::from_iter([("use".to_owned(), json!("official"))]);
    if !family.trim().is_empty() {
        name.insert("family".to_owned(), json!(clean(family)));
    }
    let given: Vec<_> = given
        .iter()
        .filter(|g| !g.trim().is_empty())
        .map(|g| clean(g))
        .collect();
    if !given.is_empty() {
        name.insert("given".to_owned(), json!(given));
    }
    Value::Object(name)
}

fn full_name(family: &str, given: &[String]) -> String {
    format!("{} {family}", given.join(" ")).trim().to_owned()
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

fn patient(from: &PatientDemographics) -> Result<Value> {
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

fn is_fhir_date(date: &str) -> bool {
    let full = match date.len() {
        4 => format!("{date}-01-01"),
        7 => format!("{date}-01"),
        _ => date.to_owned(),
    };
    full.len() == 10 && full.is_ascii() && NaiveDate::parse_from_str(&full, "%Y-%m-%d").is_ok()
}

fn practitioner(from: &Practitioner) -> Result<Value> {
    Ok(json!({
        "resourceType": "Practitioner",
        "text": narrative(&[full_name(&from.family, &from.given)]),
        "identifier": [identifier("Practitioner.identifier", &from.id_system, &from.id)?],
        "active": true,
        "name": [human_name(&from.family, &from.given)],
    }))
}

fn organization(from: &Organization) -> Result<Value> {
    check_text("Organization.name", &from.name)?;
    Ok(json!({
        "resourceType": "Organization",
        "text": narrative(&[&from.name]),
        "identifier": [identifier("Organization.identifier", &from.id_system, &from.id)?],
        "active": true,
        "name": clean(&from.name),
    }))
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

/// When the study was made, as a FHIR date, or as a date and time where the file has both. DICOM
/// times carry no zone; FHIR wants one with every time, so without one only the date is told.
fn study_time(dicom: &DicomSummary) -> Option<String> {
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

fn imaging_study(dicom: &DicomSummary, from: &Radiograph<'_>, names: &Names) -> Result<Value> {
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

fn media(from: &Radiograph<'_>, names: &Names, issued: &str) -> Result<Value> {
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
/// [`Error::TooLarge`]; [`Error::BadFhir`], naming the element that is missing or wrong. Messages
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
/// [`Error::TooLarge`]; [`Error::BadFhir`] when it is not JSON.
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
/// [`Error::TooLarge`]; [`Error::BadFhir`] when it is not JSON.
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

/// Codes of FHIR's value set IssueType that Stele uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueCode {
    /// Content is invalid against the specification.
    Invalid,
    /// A structural issue, such as wrong encoding.
    Structure,
    /// An element's value is wrong.
    Value,
    /// A required element is missing.
    Required,
    /// Nobody is signed in.
    Login,
    /// The session has ended.
    Expired,
    /// The caller may not do that.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// It was erased.
    Deleted,
    /// It contradicts the present state.
    Conflict,
    /// It exists already.
    Duplicate,
    /// It is over a limit.
    TooLong,
    /// Too many requests.
    Throttled,
    /// A rule of the business forbids it.
    BusinessRule,
    /// Try again later.
    Transient,
    /// It took too long.
    Timeout,
    /// An unexpected error.
    Exception,
}

impl IssueCode {
    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Structure => "structure",
            Self::Value => "value",
            Self::Required => "required",
            Self::Login => "login",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Deleted => "deleted",
            Self::Conflict => "conflict",
            Self::Duplicate => "duplicate",
            Self::TooLong => "too-long",
            Self::Throttled => "throttled",
            Self::BusinessRule => "business-rule",
            Self::Transient => "transient",
            Self::Timeout => "timeout",
            Self::Exception => "exception",
        }
    }
}

impl From<&Error> for IssueCode {
    fn from(error: &Error) -> Self {
        match error {
            Error::TooLarge { .. } => Self::TooLong,
            Error::Malformed { .. }
            | Error::NotCanonical { .. }
            | Error::EmptyFile
            | Error::NotDicom
            | Error::TruncatedImage { .. }
            | Error::BadImage { .. } => Self::Structure,
            Error::Invalid { .. } | Error::BadFhir { .. } => Self::Value,
            Error::NoSuchPart(_) => Self::NotFound,
            Error::Fork { .. } | Error::Contradiction { .. } => Self::Conflict,
            Error::WrongPatient(_) => Self::BusinessRule,
            Error::WrongRoot
            | Error::WrongProof { .. }
            | Error::WrongCommitment { .. }
            | Error::WrongSignature { .. }
            | Error::BrokenHistory { .. } => Self::Invalid,
        }
    }
}

/// One error as a FHIR R4 OperationOutcome. `diagnostics` says what happened and what to do next
/// and must hold no personal data; `expression` is a FHIRPath to the element at fault, if known.
pub fn operation_outcome(code: IssueCode, diagnostics: &str, expression: Option<&str>) -> Value {
    let mut issue = json!({
        "severity": "error",
        "code": code.code(),
        "diagnostics": clean(diagnostics),
    });
    if let Some(expression) = expression {
        issue["expression"] = json!([expression]);
    }
    json!({
        "resourceType": "OperationOutcome",
        "text": narrative(&[diagnostics]),
        "issue": [issue],
    })
}

impl Error {
    /// This error as a FHIR R4 OperationOutcome.
    pub fn operation_outcome(&self) -> Value {
        let expression = match self {
            Self::BadFhir { path, .. } => Some(path.as_str()),
            _ => None,
        };
        operation_outcome(IssueCode::from(self), &self.to_string(), expression)
    }
}
