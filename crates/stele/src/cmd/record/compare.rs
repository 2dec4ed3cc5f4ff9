//! `stele record compare`: is the image of the chosen patient?

use std::path::{Path, PathBuf};

use clinical::dicom::{self, DicomLimits, DicomPatient};
use clinical::image::ImageKind;
use clinical::person::{self, Field, Judgement, PatientDemographics, Verdict};
use serde::Serialize;

use super::super::Failure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// DICOM, PNG or JPEG; PNG and JPEG name no patient
    image: PathBuf,
    /// The chosen patient: JSON with id, family, given, birth_date and sex, or a FHIR R4 Patient
    #[arg(long, value_name = "FILE")]
    patient: PathBuf,
}

/// The answer for programs. It holds no values of either side.
#[derive(Serialize)]
struct Answer {
    verdict: &'static str,
    reasons: Vec<Finding>,
}

#[derive(Serialize)]
struct Finding {
    code: &'static str,
    field: Option<&'static str>,
    says: &'static str,
}

/// Compare, print, and tell the verdict by the exit status.
pub(super) fn run(json: bool, args: &Args) -> Result<(), Failure> {
    let chosen = person::chosen_from_json(&bytes(&args.patient)?).map_err(|error| {
        Failure::usage(format!("{}: {error}", args.patient.display())).hint(error.hint())
    })?;
    let file = patient_of(&args.image)?;
    let judgement = person::compare(&file, &chosen);
    let reasons = judgement.reasons.iter().map(|reason| Finding {
        code: reason.code(),
        field: reason.field().map(Field::name),
        says: reason.words(),
    });
    let answer = Answer {
        verdict: judgement.verdict.code(),
        reasons: reasons.collect(),
    };
    super::super::print(json, &answer, |_| {
        told(&args.image, &judgement, &file, &chosen)
    })?;
    match judgement.verdict {
        Verdict::Same => Ok(()),
        Verdict::Look => Err(Failure::outcome(3)),
        Verdict::Different => Err(Failure::outcome(4)),
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn patient_of(path: &Path) -> Result<DicomPatient, Failure> {
    let bytes = bytes(path)?;
    let refused = |error: clinical::Error| {
        Failure::usage(format!("{}: {error}", path.display())).hint(error.hint())
    };
    match ImageKind::of(&bytes).map_err(refused)? {
        ImageKind::Dicom => dicom::read(&bytes, &DicomLimits::default())
            .map(|summary| summary.patient)
            .map_err(refused),
        ImageKind::Png | ImageKind::Jpeg => Ok(DicomPatient::default()),
    }
}

/// A value of a file, without what would move the terminal's cursor.
fn shown(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).collect()
}

/// Both sides beside each other, with what was found.
fn told(
    image: &Path,
    judgement: &Judgement,
    file: &DicomPatient,
    chosen: &PatientDemographics,
) -> String {
    let head = match judgement.verdict {
        Verdict::Same => "same: the image is of the chosen patient",
        Verdict::Look => "look: a person has to compare them and to confirm",
        Verdict::Different => "different: the image is of another patient",
    };
    let mut table = comfy_table::Table::new();
    table
        .load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY)
        .set_header(["", "image", "chosen", "finding"]);
    let name = format!("{}^{}", chosen.family, chosen.given.join(" "));
    for reason in &judgement.reasons {
        let (image, chosen) = match reason.field() {
            Some(Field::Number) => (file.id.as_str(), chosen.id.as_str()),
            Some(Field::Name) => (file.name.as_str(), name.as_str()),
            Some(Field::BirthDate) => (file.birth_date.as_str(), chosen.birth_date.as_str()),
            Some(Field::Sex) => (file.sex.as_str(), chosen.sex.code()),
            None => ("", ""),
        };
        let field = reason.field().map_or("", Field::name);
        table.add_row([field, &shown(image), &shown(chosen), reason.words()]);
    }
    format!("{}\n{head}\n{table}", image.display())
}
