//! A prediction in the words of other systems: a FHIR R4 Bundle and a DICOM Secondary Capture.

use base64::Engine as _;
use clinical::dicom::{DicomFile, DicomLimits, NewDicom, Tag};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Prediction;
use crate::Error;
use crate::input::{Decoded, Format};
use crate::model::ModelJson;

/// Said wherever a figure leaves this crate.
const CAUTION: &str = "Decision support, not a medical device and not a diagnosis.";
/// PS3.4 B.5.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// A FHIR R4 Bundle (type `collection`): the model as Device, what it said as DiagnosticReport and
/// Observations, the heatmap as Media, and the Provenance of it all with the digests of the image
/// and of the weights. It names no patient: who keeps it adds the subject. `now` is in seconds
/// since 1970.
#[must_use]
pub fn fhir_bundle(
    p: &Prediction,
    card: &ModelJson,
    decoded: &Decoded,
    heatmap_png: Option<&[u8]>,
    now: u64,
) -> Value {
    let at = instant(now);
    let url = |what: &str| {
        format!(
            "urn:uuid:{}",
            uuid(&[what, &p.input_sha256, &p.model_sha256, &at])
        )
    };
    let (device, report, media, provenance) = (
        url("device"),
        url("report"),
        url("media"),
        url("provenance"),
    );
    let mut observations = Vec::new();
    let mut references = Vec::new();
    for (class, probability) in &p.probabilities {
        let id = url(&format!("observation {class}"));
        observations.push(entry(
            &id,
            observation(p, class, *probability, &device, &at),
        ));
        references.push(json!({ "reference": id }));
    }
    let conclusion = match (&p.verdict, &p.abstained) {
        (Some(v), _) => format!(
            "{v}, calibrated probability {:.1} %. {CAUTION}",
            p.probability.unwrap_or(0.0) * 100.0
        ),
        (None, reason) => format!(
            "No verdict: {}. {CAUTION}",
            reason.as_deref().unwrap_or("the model abstained")
        ),
    };
    // R4 lets no Device be a performer of a report: it stands in the observations and the provenance.
    let mut report_resource = json!({
        "resourceType": "DiagnosticReport",
        "status": "preliminary",
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD", "display": "Radiology" }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "18748-4", "display": "Diagnostic imaging study" }] },
        "issued": at,
        "result": references,
        "conclusion": conclusion,
    });
    let mut targets = vec![json!({ "reference": report })];
    targets.extend(references.iter().cloned());
    let mut entries = vec![entry(&device, device_resource(p, card))];
    if let Some(png) = heatmap_png {
        report_resource["media"] =
            json!([{ "comment": "Where the model looked", "link": { "reference": media } }]);
        targets.push(json!({ "reference": media }));
        entries.push(entry(&media, media_resource(png, &device, &at)));
    }
    entries.push(entry(&report, report_resource));
    entries.extend(observations);
    entries.push(entry(
        &provenance,
        provenance_resource(p, decoded, &targets, &device, &at),
    ));
    json!({ "resourceType": "Bundle", "type": "collection", "timestamp": at, "entry": entries })
}

fn entry(url: &str, resource: Value) -> Value {
    json!({ "fullUrl": url, "resource": resource })
}

fn device_resource(p: &Prediction, card: &ModelJson) -> Value {
    json!({
        "resourceType": "Device",
        "identifier": [{ "system": "urn:ietf:rfc:3986", "value": format!("urn:sha256:{}", p.model_sha256) }],
        "status": "active",
        "deviceName": [{ "name": card.name, "type": "model-name" }],
        "type": { "text": "Software that reads radiographs" },
        "version": [{ "value": card.version }, { "type": { "text": "SHA-256 of the weights" }, "value": p.model_sha256 }],
        "note": [{ "text": CAUTION }],
    })
}

fn observation(p: &Prediction, class: &str, probability: f32, device: &str, at: &str) -> Value {
    let mut out = json!({
        "resourceType": "Observation",
        "status": "preliminary",
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "imaging" }] }],
        "code": { "text": format!("Calibrated probability of {class}") },
        "effectiveDateTime": at,
        "device": { "reference": device },
    });
    if p.probability.is_some() {
        let percent = (f64::from(probability) * 1e4).round() / 100.0;
        out["valueQuantity"] = json!({ "value": percent, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%" });
    } else {
        out["dataAbsentReason"] = json!({
            "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-performed" }],
            "text": p.abstained,
        });
    }
    if p.verdict.as_deref() == Some(class) {
        out["interpretation"] = json!([{ "text": "verdict at the operating point" }]);
    }
    if let Some(words) = &p.abstained {
        out["note"] = json!([{ "text": words }]);
    }
    out
}

fn media_resource(png: &[u8], device: &str, at: &str) -> Value {
    json!({
        "resourceType": "Media",
        "status": "completed",
        "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/media-type", "code": "image" }] },
        "createdDateTime": at,
        "device": { "reference": device },
        "content": {
            "contentType": "image/png",
            "data": base64::engine::general_purpose::STANDARD.encode(png),
            "title": "Heatmap: where the model looked",
        },
    })
}

fn provenance_resource(
    p: &Prediction,
    decoded: &Decoded,
    targets: &[Value],
    device: &str,
    at: &str,
) -> Value {
    json!({
        "resourceType": "Provenance",
        "target": targets,
        "recorded": at,
        "activity": { "text": format!("Read by {} on {}", p.model, p.engine) },
        "agent": [{
            "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "performer" }] },
            "who": { "reference": device },
        }],
        "entity": [{
            "role": "source",
            "what": {
                "identifier": { "system": "urn:ietf:rfc:3986", "value": format!("urn:sha256:{}", p.input_sha256) },
                "display": decoded.meta.format.media_type(),
            },
        }],
    })
}

/// The overlay as a DICOM Secondary Capture (PS3.3 A.8.1), in the study of the source where that is
/// a DICOM file, in a study of its own otherwise. `rgb` has `3 * width * height` bytes; `now` is in
/// seconds since 1970.
///
/// # Errors
/// When the picture is larger than DICOM allows or the file cannot be composed.
pub fn secondary_capture(
    source: &[u8],
    p: &Prediction,
    rgb: &[u8],
    width: usize,
    height: usize,
    now: u64,
) -> Result<Vec<u8>, Error> {
    let failed = |e: &dyn std::fmt::Display| {
        Error::Input(format!("the Secondary Capture cannot be composed: {e}"))
    };
    let (Ok(columns), Ok(rows)) = (u16::try_from(width), u16::try_from(height)) else {
        return Err(failed(&"the picture is too large"));
    };
    if rgb.len() != 3 * width * height {
        return Err(failed(&"the picture has another size than it claims"));
    }
    let (date, time) = date_time(now);
    let uid = |what: &str| uid(&[what, &p.input_sha256, &p.model_sha256, &date, &time]);
    let mut file = NewDicom::new(SECONDARY_CAPTURE, &uid("instance"));
    for (group, number, vr, value) in [
        (0x0008, 0x0020, b"DA", date.as_str()),
        (0x0008, 0x0030, b"TM", time.as_str()),
        (0x0008, 0x0050, b"SH", ""),
        (0x0008, 0x0060, b"CS", "OT"),
        (0x0008, 0x0064, b"CS", "WSD"),
        (0x0008, 0x0070, b"LO", "Stele"),
        (0x0008, 0x0090, b"PN", ""),
        (0x0008, 0x103E, b"LO", "Heatmap of a model, no diagnosis"),
        (0x0008, 0x2111, b"ST", &derivation(p)),
        (0x0010, 0x0010, b"PN", ""),
        (0x0010, 0x0020, b"LO", ""),
        (0x0010, 0x0030, b"DA", ""),
        (0x0010, 0x0040, b"CS", ""),
        (0x0020, 0x000D, b"UI", &uid("study")),
        (0x0020, 0x000E, b"UI", &uid("series")),
        (0x0020, 0x0010, b"SH", ""),
        (0x0020, 0x0011, b"IS", "9001"),
        (0x0020, 0x0013, b"IS", "1"),
        (0x0020, 0x4000, b"LT", &comment(p)),
        (0x0028, 0x0004, b"CS", "RGB"),
        (0x0028, 0x0301, b"CS", "NO"),
    ] {
        file.text(Tag(group, number), *vr, value);
    }
    for (number, value) in [
        (0x0002, 3),
        (0x0006, 0),
        (0x0010, rows),
        (0x0011, columns),
        (0x0100, 8),
        (0x0101, 8),
        (0x0102, 7),
        (0x0103, 0),
    ] {
        file.short(Tag(0x0028, number), value);
    }
    file.bytes(Tag(0x7FE0, 0x0010), *b"OB", rgb.to_vec());
    adopt_study(source, &mut file)?;
    file.write().map_err(|e| failed(&e))
}

/// Copy what ties an image to its patient and study from the source.
fn adopt_study(source: &[u8], file: &mut NewDicom) -> Result<(), Error> {
    const KEPT: [(Tag, &[u8; 2]); 11] = [
        (Tag(0x0008, 0x0005), b"CS"),
        (Tag(0x0008, 0x0020), b"DA"),
        (Tag(0x0008, 0x0030), b"TM"),
        (Tag(0x0008, 0x0050), b"SH"),
        (Tag(0x0008, 0x0090), b"PN"),
        (Tag(0x0010, 0x0010), b"PN"),
        (Tag(0x0010, 0x0020), b"LO"),
        (Tag(0x0010, 0x0030), b"DA"),
        (Tag(0x0010, 0x0040), b"CS"),
        (Tag(0x0020, 0x000D), b"UI"),
        (Tag(0x0020, 0x0010), b"SH"),
    ];
    if Format::of(source) != Some(Format::Dicom) {
        return Ok(());
    }
    let from = DicomFile::open(source, &DicomLimits::default())
        .map_err(|e| Error::Input(format!("the DICOM file is damaged ({e}): export it again")))?;
    for (tag, vr) in KEPT {
        file.adopt(tag, *vr, from.data_set());
    }
    Ok(())
}

fn derivation(p: &Prediction) -> String {
    format!(
        "Heatmap by {} (weights SHA-256 {}) over the image SHA-256 {}",
        p.model, p.model_sha256, p.input_sha256
    )
}

fn comment(p: &Prediction) -> String {
    match (&p.verdict, &p.abstained) {
        (Some(v), _) => format!(
            "{v}, {:.1} %. {CAUTION}",
            p.probability.unwrap_or(0.0) * 100.0
        ),
        (None, Some(reason)) => format!("No verdict: {reason}. {CAUTION}"),
        (None, None) => CAUTION.to_owned(),
    }
}

fn digest(parts: &[&str]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let whole = hasher.finalize();
    std::array::from_fn(|i| whole[i])
}

/// A UUID out of a digest (RFC 9562, version 8): the same reading has the same identifiers.
fn uuid(parts: &[&str]) -> String {
    let mut b = digest(parts);
    b[6] = (b[6] & 0x0F) | 0x80;
    b[8] = (b[8] & 0x3F) | 0x80;
    let h = hex::encode(b);
    format!(
        "{}-{}-{}-{}-{}",
        &h[..8],
        &h[8..12],
        &h[12..16],
        &h[16..20],
        &h[20..]
    )
}

/// A UID under 2.25, the root for UUIDs (PS3.5 B.2).
fn uid(parts: &[&str]) -> String {
    let mut b = digest(parts);
    b[6] = (b[6] & 0x0F) | 0x80;
    b[8] = (b[8] & 0x3F) | 0x80;
    format!("2.25.{}", u128::from_be_bytes(b))
}

/// Year, month, day, hour, minute, second in UTC (H. Hinnant, "chrono-compatible date algorithms").
fn civil(now: u64) -> [u64; 6] {
    let (days, second) = (now / 86_400 + 719_468, now % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    [
        era * 400 + year + carry,
        month,
        date,
        second / 3_600,
        second / 60 % 60,
        second % 60,
    ]
}

fn instant(now: u64) -> String {
    let [y, m, d, h, min, s] = civil(now);
    format!("{y:04}-{m:02}-{d:02}T{h:02}:{min:02}:{s:02}Z")
}

fn date_time(now: u64) -> (String, String) {
    let [y, m, d, h, min, s] = civil(now);
    (
        format!("{y:04}{m:02}{d:02}"),
        format!("{h:02}{min:02}{s:02}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Limits, decode};

    fn prediction() -> Prediction {
        Prediction {
            file: "a.png".into(),
            task: "fracture".into(),
            verdict: Some("fractured".into()),
            probability: Some(0.83),
            probabilities: vec![("non_fractured".into(), 0.17), ("fractured".into(), 0.83)],
            threshold: Some(0.2),
            abstained: None,
            warnings: vec![],
            model: "fracture 1".into(),
            model_sha256: "ab".repeat(32),
            input_sha256: "cd".repeat(32),
            engine: "native".into(),
            ms: 1.0,
            heatmap_ms: None,
            heatmap: None,
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(instant(0), "1970-01-01T00:00:00Z");
        assert_eq!(instant(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(instant(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(instant(1_795_262_400), "2026-11-21T12:00:00Z");
    }

    #[test]
    fn a_secondary_capture_is_a_dicom_file_with_the_same_pixels() {
        let rgb: Vec<u8> = (0..5 * 3 * 3).map(|i| (i * 5) as u8).collect();
        let file = secondary_capture(b"", &prediction(), &rgb, 5, 3, 1_795_262_400).unwrap();
        let back = DicomFile::open(&file, &DicomLimits::default()).unwrap();
        let pixels = back.data_set().element(Tag(0x7FE0, 0x0010)).unwrap();
        assert_eq!(pixels.bytes()[..45], rgb[..]);
        let comment = back.data_set().text(Tag(0x0020, 0x4000)).unwrap();
        assert!(comment.starts_with("fractured, 83.0 %"), "{comment}");
        // A heatmap over a DICOM file is of its study and patient.
        let over = secondary_capture(&file, &prediction(), &rgb, 5, 3, 1_795_262_401).unwrap();
        let over = DicomFile::open(&over, &DicomLimits::default()).unwrap();
        let study = |file: &DicomFile<'_>| file.data_set().text(Tag(0x0020, 0x000D)).unwrap();
        assert_eq!(study(&over), study(&back));
        let decoded = decode(&file, &Limits::default()).unwrap();
        assert_eq!((decoded.meta.columns, decoded.meta.rows), (5, 3));
    }

    #[test]
    fn the_digests_and_every_reference_of_a_bundle_resolve() {
        let png = crate::predict::png_grey(&crate::input::Image::new(4, 4, vec![0.5; 16]).unwrap())
            .unwrap();
        let decoded = decode(&png, &Limits::default()).unwrap();
        let card: ModelJson = serde_json::from_value(crate::predict::tests::card_json()).unwrap();
        let bundle = fhir_bundle(&prediction(), &card, &decoded, Some(&png), 1_795_262_400);
        let entries = bundle["entry"].as_array().unwrap();
        let urls: Vec<&str> = entries
            .iter()
            .map(|e| e["fullUrl"].as_str().unwrap())
            .collect();
        let text = bundle.to_string();
        for part in text.split("\"reference\":\"").skip(1) {
            let to = &part[..part.find('"').unwrap()];
            assert!(urls.contains(&to), "{to}");
        }
        let kinds: Vec<&str> = entries
            .iter()
            .map(|e| e["resource"]["resourceType"].as_str().unwrap())
            .collect();
        for kind in [
            "Device",
            "DiagnosticReport",
            "Observation",
            "Media",
            "Provenance",
        ] {
            assert!(kinds.contains(&kind), "{kind}");
        }
        assert!(text.contains(&"ab".repeat(32)) && text.contains(&"cd".repeat(32)));
    }
}
