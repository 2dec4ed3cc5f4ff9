//! Which two patients may be one.

use super::compare::compare_sexes;
use super::date::compare_dates;
use super::demographics::PatientDemographics;
use super::name::{Name, compare_names};
use super::number::plain;
use super::reason::{Reason, Weight};

/// From this score on, whoever enrols should be asked.
pub const LIKELY: f64 = 0.7;

/// How much two patients are alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// From 0 (two people) to 1 (one).
    pub score: f64,
    /// The findings: of number, name, birth date and sex.
    pub reasons: Vec<Reason>,
}

impl Likeness {
    /// Whether whoever enrols should be asked.
    #[must_use]
    pub fn is_likely(&self) -> bool {
        self.score >= LIKELY
    }
}

/// How likely two patients of one hospital are one person, enrolled twice: one number of one
/// issuer, or name and birth date that agree or are alike.
///
/// Numbers that differ say nothing: a patient who is enrolled twice has two. Family members share
/// a family name, twins a birth date too: a given name that differs keeps them apart.
#[must_use]
pub fn likely_double(a: &PatientDemographics, b: &PatientDemographics) -> Likeness {
    let same_number = a.id_system == b.id_system && plain(&a.id) == plain(&b.id);
    let number = match same_number && !plain(&a.id).is_empty() {
        true => Reason::NumberAgrees,
        false => Reason::NumberAbsent,
    };
    let (name_a, name_b) = (Name::of(&a.family, &a.given), Name::of(&b.family, &b.given));
    let name = match name_a {
        Some(name_a) => compare_names(&[name_a], name_b.as_ref()),
        None => Reason::NameAbsent,
    };
    let date = compare_dates(&a.birth_date, &b.birth_date);
    let sex = compare_sexes(a.sex.code(), b.sex);
    let parts = [name_score(name), date_score(date), sex_score(sex)];
    let score = match number {
        Reason::NumberAgrees => 1.0,
        _ => parts.iter().sum::<f64>().clamp(0.0, 1.0),
    };
    Likeness {
        score,
        reasons: vec![number, name, date, sex],
    }
}

fn name_score(name: Reason) -> f64 {
    match (name, name.weight()) {
        (Reason::NameAgrees, _) => 0.5,
        (Reason::NameFamilyDiffers, _) => 0.15,
        (Reason::NameInAnotherScript, _) => 0.1,
        (_, Weight::Doubt) => 0.35,
        (_, Weight::Against) => -0.5,
        _ => 0.0,
    }
}

fn date_score(date: Reason) -> f64 {
    match date {
        Reason::BirthDateAgrees => 0.4,
        Reason::BirthDateDayMonth | Reason::BirthDateFirstOfJanuary => 0.25,
        Reason::BirthDateAgreesInPart => 0.2,
        Reason::BirthDateDiffers => -0.3,
        _ => 0.0,
    }
}

fn sex_score(sex: Reason) -> f64 {
    match sex {
        Reason::SexAgrees => 0.1,
        Reason::SexDiffers => -0.2,
        _ => 0.0,
    }
}
