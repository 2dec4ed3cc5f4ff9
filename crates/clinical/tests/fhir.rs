//! The FHIR document of a radiograph, and patients out of Synthea's Bundles.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test may panic, and says why it skips.
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clinical::dicom::{DicomPatient, DicomSummary};
use clinical::fhir::{self, Image, Organization, Practitioner, Radiograph};
use clinical::image::{ImageKind, ImageSummary};
use clinical::{Error, PatientDemographics, Sex};
use serde_json::{Value, json};
use support::TestRng;

fn patient() -> PatientDemographics {
    PatientDemographics {
        id: "H-17".into(),
        id_system: "urn:oid:1.2.3".into(),
        family: "Grün & <Söhne>".into(),
        given: vec!["Zoë".into()],
        birth_date: "1971-03-09".into(),
        sex: Sex::Female,
    }
}

fn dicom() -> DicomSummary {
    DicomSummary {
        patient: DicomPatient::default(),
        study_uid: "1.2.3".into(),
        series_uid: "1.2.3.4".into(),
        sop_instance_uid: "1.2.3.4.5".into(),
        sop_class_uid: "1.2.840.10008.5.1.4.1.1.1".into(),
        modality: "CR".into(),
        study_date: "20231105".into(),
        study_time: "141516.00".into(),
        study_description: "Chest PA".into(),
        series_number: Some(1),
        instance_number: Some(2),
        body_part: "CHEST".into(),
        rows: Some(600),
        columns: Some(400),
        frames: 1,
        ..DicomSummary::default()
    }
}

fn with<T>(image: Image<'_>, run: impl FnOnce(&Radiograph<'_>) -> T) -> T {
    let author = Practitioner {
        id: "0x0102".into(),
        id_system: "urn:example:wallet".into(),
        family: "Curie".into(),
        given: vec!["Marie".into()],
    };
    let institution = Organization {
        id: "0x0304".into(),
        id_system: "urn:example:wallet".into(),
        name: "General Hospital".into(),
    };
    run(&Radiograph {
        patient: &patient(),
        author: &author,
        institution: &institution,
        title: "Chest radiograph",
        report: "No fracture.\nHeart size < normal & stable.",
        image,
        image_part: "image",
        image_bytes: 7_200_056,
        issued_at: 1_700_000_000,
    })
}

fn document(image: Image<'_>) -> Value {
    with(image, |from| {
        fhir::document_bundle(from, &mut TestRng(1)).unwrap()
    })
}

fn kinds(bundle: &Value) -> Vec<&str> {
    let entries = bundle["entry"].as_array().unwrap();
    entries
        .iter()
        .map(|e| e["resource"]["resourceType"].as_str().unwrap())
        .collect()
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("reference").and_then(Value::as_str));
            map.values().for_each(|v| references(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

/// Rules of FHIR R4 for documents: Composition first, unique urn:uuid names, every reference
/// resolved within, everything reachable from the Composition or its subject.
fn check_document(bundle: &Value) {
    assert_eq!(bundle["type"], "document");
    assert!(
        bundle["identifier"]["value"]
            .as_str()
            .unwrap()
            .starts_with("urn:uuid:")
    );
    assert_eq!(bundle["timestamp"], "2023-11-14T22:13:20Z");
    assert_eq!(kinds(bundle)[0], "Composition");
    let entries = bundle["entry"].as_array().unwrap();
    let names: BTreeSet<_> = entries
        .iter()
        .map(|e| e["fullUrl"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), entries.len());
    assert!(
        names
            .iter()
            .all(|n| n.starts_with("urn:uuid:") && n.len() == 45)
    );
    let mut found = Vec::new();
    references(bundle, &mut found);
    assert!(found.iter().all(|r| names.contains(r)));
    let found: BTreeSet<_> = found.into_iter().collect();
    let unreferred = names.difference(&found).count();
    assert_eq!(unreferred, 1, "all but the Composition are referred to");
}

#[test]
fn a_dicom_radiograph_becomes_a_document_with_an_imaging_study() {
    let dicom = dicom();
    let bundle = document(Image::Dicom(&dicom));
    check_document(&bundle);
    let expected = [
        "Composition",
        "Patient",
        "Practitioner",
        "Organization",
        "DiagnosticReport",
        "ImagingStudy",
    ];
    assert_eq!(kinds(&bundle), expected);
    let study = &bundle["entry"][5]["resource"];
    assert_eq!(study["identifier"][0]["value"], "urn:oid:1.2.3");
    assert_eq!(study["series"][0]["instance"][0]["uid"], "1.2.3.4.5");
    assert_eq!(study["modality"][0]["code"], "CR");
    assert_eq!(study["started"], "2023-11-05");
    let report = &bundle["entry"][4]["resource"];
    assert_eq!(
        report["imagingStudy"][0]["reference"],
        bundle["entry"][5]["fullUrl"]
    );
}

#[test]
fn a_picture_becomes_a_document_with_a_media() {
    let summary = ImageSummary {
        kind: ImageKind::Png,
        width: 640,
        height: 480,
        complete: true,
    };
    let bundle = document(Image::Picture {
        summary: &summary,
        modality: "DX",
        body_part: "HAND",
    });
    check_document(&bundle);
    assert_eq!(kinds(&bundle)[5], "Media");
    let media = &bundle["entry"][5]["resource"];
    assert_eq!(
        (&media["width"], &media["height"]),
        (&json!(640), &json!(480))
    );
    assert_eq!(media["content"]["contentType"], "image/png");
    assert_eq!(media["content"]["size"], 7_200_056);
}

#[test]
fn narratives_are_escaped() {
    let dicom = dicom();
    let bundle = document(Image::Dicom(&dicom));
    let patient = bundle["entry"][1]["resource"]["text"]["div"]
        .as_str()
        .unwrap();
    assert!(patient.contains("Grün &amp; &lt;Söhne&gt;"), "{patient}");
    let report = bundle["entry"][4]["resource"]["text"]["div"]
        .as_str()
        .unwrap();
    assert!(
        report.contains("No fracture.<br/>Heart size &lt; normal &amp; stable."),
        "{report}"
    );
}

#[test]
fn what_fhir_has_no_place_for_is_refused_by_its_path() {
    let path = |change: &dyn Fn(&mut DicomSummary)| {
        let mut dicom = dicom();
        change(&mut dicom);
        let made = with(Image::Dicom(&dicom), |from| {
            fhir::document_bundle(from, &mut TestRng(1))
        });
        match made.unwrap_err() {
            Error::BadFhir { path, .. } => path,
            other => panic!("{other}"),
        }
    };
    assert_eq!(path(&|d| d.study_uid.clear()), "ImagingStudy.identifier");
    assert_eq!(
        path(&|d| d.series_uid = "1..2".into()),
        "ImagingStudy.series.uid"
    );
    assert_eq!(
        path(&|d| d.sop_class_uid = "1".repeat(65)),
        "ImagingStudy.series.instance.sopClass"
    );
    assert_eq!(
        path(&|d| d.modality = "x-ray".into()),
        "ImagingStudy.modality"
    );
    let dicom = dicom();
    let refused = with(Image::Dicom(&dicom), |from| {
        let empty = Radiograph {
            title: " ",
            ..*from
        };
        fhir::document_bundle(&empty, &mut TestRng(1)).is_err()
            && fhir::document_bundle(
                &Radiograph {
                    issued_at: u64::MAX,
                    ..*from
                },
                &mut TestRng(1),
            )
            .is_err()
    });
    assert!(refused);
}

#[test]
fn a_patient_survives_the_document_and_a_bundle_of_two_is_refused() {
    let dicom = dicom();
    let bundle = document(Image::Dicom(&dicom));
    let read = fhir::patient_from_json(bundle.to_string().as_bytes()).unwrap();
    assert!(read == patient());
    let mut two = bundle.clone();
    let entry = two["entry"][1].clone();
    two["entry"].as_array_mut().unwrap().push(entry);
    assert!(fhir::patient_from_json(two.to_string().as_bytes()).is_err());
    for bad in ["", "{", "[]", "{}", "null", r#"{"resourceType":"Patient"}"#] {
        assert!(fhir::patient_from_json(bad.as_bytes()).is_err(), "{bad}");
    }
    let nested = "[".repeat(100_000);
    assert!(fhir::patient_from_json(nested.as_bytes()).is_err());
    let error = fhir::patient_from_json(br#"{"resourceType":"Patient","name":"Secret Name"#);
    assert!(!error.unwrap_err().to_string().contains("Secret"));
}

#[test]
fn errors_become_operation_outcomes() {
    let outcome = Error::EmptyFile.operation_outcome();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(outcome["issue"][0]["severity"], "error");
    assert_eq!(outcome["issue"][0]["code"], "structure");
    let error = Error::BadFhir {
        path: "Patient.name".into(),
        reason: "a name is needed".into(),
    };
    assert_eq!(
        error.operation_outcome()["issue"][0]["expression"][0],
        "Patient.name"
    );
}

/// Writes the documents for the independent check in tests/python/test_fhir_bundle.py.
#[test]
fn documents_are_written_for_the_independent_check() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fhir");
    std::fs::create_dir_all(&out).unwrap();
    let dicom = dicom();
    let summary = ImageSummary {
        kind: ImageKind::Jpeg,
        width: 640,
        height: 480,
        complete: true,
    };
    let picture = Image::Picture {
        summary: &summary,
        modality: "DX",
        body_part: "HAND",
    };
    for (name, document) in [
        ("imaging-study", document(Image::Dicom(&dicom))),
        ("media", document(picture)),
        ("operation-outcome", Error::EmptyFile.operation_outcome()),
    ] {
        let text = serde_json::to_string_pretty(&document).unwrap();
        // What is committed for readers in other languages is what is written today.
        let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("../../testdata/vectors/clinical-fhir-{name}.json"));
        if std::env::var_os("STELE_WRITE_VECTORS").is_some() {
            std::fs::write(&golden, format!("{text}\n")).unwrap();
        }
        let expected: Value = serde_json::from_slice(&std::fs::read(&golden).unwrap()).unwrap();
        assert_eq!(document, expected, "{}", golden.display());
        std::fs::write(out.join(format!("{name}.json")), text).unwrap();
    }
}

fn synthea() -> Option<PathBuf> {
    let dir = std::env::var_os("STELE_FHIR_DIR")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/fhir")));
    let dir = dir.filter(|dir| dir.is_dir());
    if dir.is_none() {
        println!("skipped: set STELE_FHIR_DIR to a folder of Synthea FHIR R4 Bundles");
    }
    dir
}

#[test]
fn synthea_patients_hospitals_and_practitioners_are_read() {
    let Some(dir) = synthea() else { return };
    let (mut patients, mut organizations, mut practitioners) = (0, 0, 0);
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let json = std::fs::read(&path).unwrap();
        organizations += fhir::organizations_from_json(&json).unwrap().len();
        practitioners += fhir::practitioners_from_json(&json).unwrap().len();
        if name.starts_with(|c: char| c.is_uppercase()) {
            let patient = fhir::patient_from_json(&json).unwrap();
            // Synthea names its files Given_Family_id.
            assert_eq!(
                name,
                format!(
                    "{}_{}_{}.json",
                    patient.given[0], patient.family, patient.id
                )
            );
            assert_eq!(patient.birth_date.len(), 10);
            assert!(matches!(patient.sex, Sex::Female | Sex::Male));
            patients += 1;
        }
    }
    assert!(patients > 0 && organizations > 0 && practitioners > 0);
}
