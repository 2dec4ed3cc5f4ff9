//! What the comparison of people says of the vectors that every implementation reads, and of the
//! cases kept beside the repository, where they are found.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test may panic, and says why it skips.

use std::path::{Path, PathBuf};

use clinical::dicom::{self, CharacterSet, DicomLimits, DicomPatient};
use clinical::person::{self, PatientDemographics, Sex, Verdict};
use proptest::prelude::*;
use serde_json::Value;

fn vectors() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/people.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let list = value[name].as_array().unwrap();
    assert!(!list.is_empty());
    list
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}

fn file(value: &Value) -> DicomPatient {
    DicomPatient {
        id: text(&value["id"]),
        issuer: text(&value["issuer"]),
        other_ids: texts(&value["other_ids"]),
        name: text(&value["name"]),
        birth_date: text(&value["birth_date"]),
        sex: text(&value["sex"]),
    }
}

fn patient(value: &Value) -> PatientDemographics {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn people_are_compared_as_the_vectors_say() {
    let vectors = vectors();
    let mut wrong = Vec::new();
    for case in list(&vectors, "people") {
        let found = person::compare(&file(&case["file"]), &patient(&case["chosen"]));
        let codes: Vec<_> = found.reasons.iter().map(|r| r.code()).collect();
        if found.verdict.code() != case["verdict"] || codes != texts(&case["reasons"]) {
            wrong.push(format!("{}: {:?} {codes:?}", case["name"], found.verdict));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn texts_are_decoded_as_the_vectors_say() {
    for case in list(&vectors(), "texts") {
        let hex = text(&case["bytes"]);
        let digits = hex.as_bytes().chunks(2);
        let bytes: Vec<u8> = digits
            .map(|d| u8::from_str_radix(str::from_utf8(d).unwrap(), 16).unwrap())
            .collect();
        let declared = text(&case["declared"]);
        let found = CharacterSet::of(declared.as_bytes()).decode(&bytes);
        assert_eq!(found, text(&case["text"]), "{declared}");
    }
}

#[test]
fn likely_doubles_are_found_as_the_vectors_say() {
    for case in list(&vectors(), "doubles") {
        let (a, b) = (patient(&case["a"]), patient(&case["b"]));
        for (a, b) in [(&a, &b), (&b, &a)] {
            let found = person::likely_double(a, b);
            let codes: Vec<_> = found.reasons.iter().map(|r| r.code()).collect();
            assert_eq!(codes, texts(&case["reasons"]), "{}", case["name"]);
            assert_eq!(
                found.is_likely(),
                case["likely"],
                "{} {found:?}",
                case["name"]
            );
            assert!((0.0..=1.0).contains(&found.score));
        }
    }
}

/// Whoever logs a judgement logs no values.
#[test]
fn a_judgement_holds_no_values() {
    for case in list(&vectors(), "people") {
        let (file, chosen) = (file(&case["file"]), patient(&case["chosen"]));
        let found = person::compare(&file, &chosen);
        let said = format!("{found} {found:?} {file:?} {chosen:?}");
        for secret in [&file.name, &chosen.family, &file.birth_date, &file.id] {
            // A placeholder of few letters may stand in a word by chance.
            assert!(
                secret.len() < 5 || !said.contains(secret.as_str()),
                "{said}"
            );
        }
    }
}

fn cases() -> Option<Vec<PathBuf>> {
    let folder = std::env::var_os("STELE_CASES_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases"),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!(
            "skipped: no cases in {}; set STELE_CASES_DIR",
            folder.display()
        );
        return None;
    };
    Some(entries.map(|entry| entry.unwrap().path()).collect())
}

#[test]
fn the_patients_of_the_kept_cases_are_told_apart() {
    let Some(cases) = cases() else { return };
    let mut compared = 0;
    for folder in cases {
        let Ok(json) = std::fs::read(folder.join("case.json")) else {
            continue;
        };
        let case: Value = serde_json::from_slice(&json).unwrap();
        if case["kind"] != "identity" {
            continue;
        }
        let bytes = std::fs::read(folder.join(text(&case["file"]))).unwrap();
        let summary = dicom::read(&bytes, &DicomLimits::default()).unwrap();
        let chosen = person::chosen_from_json(&json).unwrap();
        let found = person::compare(&summary.patient, &chosen);
        let expected = match case["agree"].as_bool().unwrap() {
            true => Verdict::Same,
            false => Verdict::Different,
        };
        assert_eq!(found.verdict, expected, "{}: {found}", folder.display());
        compared += 1;
    }
    println!("{compared} cases compared");
    assert!(compared > 0);
}

/// Whatever a file brings is either read or refused, quickly; those that are to be read, are.
#[test]
fn the_files_of_the_kept_cases_are_read() {
    let Some(cases) = cases() else { return };
    for folder in cases {
        let path = folder.join("in.dcm");
        if let Ok(bytes) = std::fs::read(&path) {
            let summary = dicom::read(&bytes, &DicomLimits::default());
            assert!(summary.is_ok(), "{}: {summary:?}", path.display());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whoever is written down as they are is the same; whatever else is written never ends the
    /// program.
    #[test]
    fn whoever_is_written_down_as_they_are_is_the_same(
        family in "\\p{L}{2,12}( \\p{L}{2,8})?",
        given in "\\p{L}{2,12}",
        noise in ".{0,40}",
    ) {
        let chosen = PatientDemographics {
            id: "17-a".into(),
            id_system: String::new(),
            family: family.clone(),
            given: vec![given.clone()],
            birth_date: "1971-03-09".into(),
            sex: Sex::Female,
        };
        let written = DicomPatient {
            id: "17-A".into(),
            name: format!("{family}^{given}"),
            birth_date: "19710309".into(),
            sex: "F".into(),
            ..DicomPatient::default()
        };
        let found = person::compare(&written, &chosen);
        prop_assert_eq!(found.verdict, Verdict::Same, "{}", found);
        let other = DicomPatient { name: noise.clone(), birth_date: noise, ..written };
        let _ = person::compare(&other, &chosen);
    }
}
