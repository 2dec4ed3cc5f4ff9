//! Is the file's patient the chosen one?

use core::fmt;

use super::date::compare_dates;
use super::demographics::{PatientDemographics, Sex};
use super::name::{Name, compare_names};
use super::number::compare_numbers;
use super::reason::{Reason, Weight};
use crate::dicom::DicomPatient;

/// What is to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is of the chosen patient.
    Same,
    /// A person has to look at both and to confirm.
    Look,
    /// It is of somebody else.
    Different,
}

impl Verdict {
    /// A name that programs can rely on.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Look => "look",
            Self::Different => "different",
        }
    }
}

/// A verdict with what it rests on. It holds no values, so that it may be logged; `Display` names
/// what speaks against the patient or is in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The findings: of number, name, birth date and sex, and what is to be said of all.
    pub reasons: Vec<Reason>,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = |reason: &&Reason| match self.verdict {
            Verdict::Same => reason.weight() == Weight::For,
            Verdict::Look => reason.weight() >= Weight::Doubt,
            // Doubts that became differences are told with them.
            Verdict::Different => reason.weight() >= Weight::Doubt,
        };
        let words: Vec<_> = self
            .reasons
            .iter()
            .filter(counts)
            .map(|r| r.words())
            .collect();
        f.write_str(&words.join("; "))
    }
}

/// Whether the patient that a file names is the chosen one.
///
/// Anything that differs makes two people, but for what happens to one: a family name changed
/// though number, given name and birth date agree, or day and month exchanged though number and
/// name agree; those are to be looked at. So is what is alike and not the same, and what names too
/// little: of number, name and birth date two have to agree.
#[must_use]
pub fn compare(file: &DicomPatient, chosen: &PatientDemographics) -> Judgement {
    let number = compare_numbers(file, chosen);
    let own = Name::of(&chosen.family, &chosen.given);
    let name = compare_names(&Name::all_of(&file.name), own.as_ref());
    let date = compare_dates(&file.birth_date, &chosen.birth_date);
    let sex = compare_sexes(&file.sex, chosen.sex);
    let mut reasons = vec![number, name, date, sex];
    let agree = [
        number == Reason::NumberAgrees,
        name == Reason::NameAgrees,
        date == Reason::BirthDateAgrees,
    ];
    let unlikely = match (name, date) {
        (Reason::NameFamilyDiffers, date) => !agree[0] || date != Reason::BirthDateAgrees,
        (name, Reason::BirthDateDayMonth | Reason::BirthDateFirstOfJanuary) => {
            !agree[0] || name != Reason::NameAgrees
        }
        _ => false,
    };
    let has = |weight| reasons.iter().any(|reason| reason.weight() == weight);
    let verdict = if unlikely || has(Weight::Against) {
        Verdict::Different
    } else if has(Weight::Doubt) {
        Verdict::Look
    } else if agree.into_iter().filter(|agrees| *agrees).count() < 2 {
        reasons.push(Reason::TooLittle);
        Verdict::Look
    } else {
        Verdict::Same
    };
    Judgement { verdict, reasons }
}

pub(super) fn compare_sexes(file: &str, chosen: Sex) -> Reason {
    let file = match file.trim().to_ascii_uppercase().as_str() {
        "F" | "FEMALE" | "W" => Sex::Female,
        "M" | "MALE" => Sex::Male,
        "O" | "OTHER" => Sex::Other,
        _ => Sex::Unknown,
    };
    match (file, chosen) {
        (Sex::Unknown, _) | (_, Sex::Unknown) => Reason::SexAbsent,
        (a, b) if a == b => Reason::SexAgrees,
        (Sex::Other, _) | (_, Sex::Other) => Reason::SexOther,
        _ => Reason::SexDiffers,
    }
}
