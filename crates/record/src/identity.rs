//! Is the image of the chosen patient? Compares what a DICOM header says with the patient's
//! demographic data.
//!
//! Names are compared without case, diacritics, punctuation and repeated spaces. The family name
//! must be equal; of the given names the first must be equal, and where one side gives fewer
//! (middle names are often left out) the ones it gives must be equal. Absent fields are not
//! compared, and the result says which were.
use core::fmt;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::demographics::{PatientDemographics, Sex};
use crate::dicom::DicomPatient;
use crate::error::{Error, Result};

/// A field that both sides have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Patient identifier.
    Id,
    /// Name.
    Name,
    /// Birth date.
    BirthDate,
    /// Sex.
    Sex,
}

impl Field {
    /// The field in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "identifier",
            Self::Name => "name",
            Self::BirthDate => "birth date",
            Self::Sex => "sex",
        }
    }
}

/// A field that differs. The values are for the person who may see them; messages hide them.
#[derive(Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub field: Field,
    /// What the image says.
    pub image: String,
    /// What the chosen patient's record says.
    pub chosen: String,
}

/// Which fields differ. `Display` and `Debug` name the fields and hide their values, so that logs
/// hold no personal data; [`Mismatch::differences`] has them.
#[derive(Clone, PartialEq, Eq)]
pub struct Mismatch {
    differences: Vec<Difference>,
}

impl Mismatch {
    /// The fields that differ, with the values of both sides. Personal data: show them to the
    /// person at work, never log them.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// The fields that differ.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        self.differences.iter().map(|difference| difference.field)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields().map(Field::name).collect();
        let verb = if names.len() == 1 {
            "differs"
        } else {
            "differ"
        };
        write!(f, "{} {verb} (image ***, chosen ***)", names.join(", "))
    }
}

impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mismatch({self})")
    }
}

/// Which fields were compared and agreed, and which one side left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agreement {
    /// Fields that agree.
    pub agreed: Vec<Field>,
    /// Fields that one side does not have.
    pub absent: Vec<Field>,
}

impl Agreement {
    /// Whether enough agreed to say whose image it is: the identifier, or name and birth date.
    /// Where not (a de-identified image), a person has to confirm.
    pub fn identifies(&self) -> bool {
        let has = |field| self.agreed.contains(&field);
        has(Field::Id) || (has(Field::Name) && has(Field::BirthDate))
    }
}

/// Compares the patient of an image with the chosen patient.
///
/// # Errors
/// [`Error::WrongPatient`] when a field that both sides have differs.
pub fn compare(image: &DicomPatient, chosen: &PatientDemographics) -> Result<Agreement> {
    let chosen_name = format!("{}^{}", chosen.family, chosen.given.join(" "));
    let fields = [
        (
            Field::Id,
            image.id.as_str(),
            chosen.id.as_str(),
            same_id(&image.id, &chosen.id),
        ),
        (
            Field::Name,
            &image.name,
            &chosen_name,
            same_name(&image.name, chosen),
        ),
        (
            Field::BirthDate,
            &image.birth_date,
            &chosen.birth_date,
            same_date(&image.birth_date, &chosen.birth_date),
        ),
        (
            Field::Sex,
            &image.sex,
            chosen.sex.code(),
            same_sex(&image.sex, chosen.sex),
        ),
    ];
    let mut agreement = Agreement::default();
    let mut differences = Vec::new();
    for (field, image, chosen, same) in fields {
        match same {
            None => agreement.absent.push(field),
            Some(true) => agreement.agreed.push(field),
            Some(false) => {
                let (image, chosen) = (image.to_owned(), chosen.to_owned());
                differences.push(Difference {
                    field,
                    image,
                    chosen,
                });
            }
        }
    }
    if differences.is_empty() {
        return Ok(agreement);
    }
    Err(Error::WrongPatient(Box::new(Mismatch { differences })))
}

/// `None` when either side is empty.
fn both<'a>(a: &'a str, b: &'a str) -> Option<(&'a str, &'a str)> {
    let (a, b) = (a.trim(), b.trim());
    (!a.is_empty() && !b.is_empty()).then_some((a, b))
}

fn same_id(image: &str, chosen: &str) -> Option<bool> {
    both(image, chosen).map(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// Words of a name, compared as such: upper case (which also turns ß into SS), no diacritics, no
/// punctuation.
fn words(name: &str) -> Vec<String> {
    let folded: String = name
        .to_uppercase()
        .nfkd()
        .filter(|c| !is_combining_mark(*c) && !matches!(c, '\'' | '’' | '.'))
        .flat_map(char::to_uppercase)
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    folded.split_whitespace().map(str::to_owned).collect()
}

fn same_name(image: &str, chosen: &PatientDemographics) -> Option<bool> {
    // PN (PS3.5, 6.2): up to three groups by `=`, the first alphabetic; components by `^`:
    // family, given, middle, prefix, suffix.
    let alphabetic = image.split('=').find(|group| !words(group).is_empty())?;
    let mut components = alphabetic.split('^');
    let family = words(components.next().unwrap_or_default());
    let given: Vec<_> = components.take(2).flat_map(words).collect();
    let chosen_family = words(&chosen.family);
    let chosen_given: Vec<_> = chosen.given.iter().flat_map(|name| words(name)).collect();
    if chosen_family.is_empty() && chosen_given.is_empty() {
        return None;
    }
    if !alphabetic.contains('^') {
        // Written as one: the words of both, in any order.
        let mut chosen = [chosen_family, chosen_given].concat();
        let mut image = family;
        chosen.sort();
        image.sort();
        return Some(image == chosen);
    }
    let shorter = given.len().min(chosen_given.len());
    let given_agrees = given[..shorter] == chosen_given[..shorter]
        && (shorter > 0 || given.len() == chosen_given.len());
    Some(family == chosen_family && given_agrees)
}

/// DICOM `YYYYMMDD` (and the older `YYYY.MM.DD`) against FHIR `YYYY[-MM[-DD]]`.
fn same_date(image: &str, chosen: &str) -> Option<bool> {
    let (image, chosen) = both(image, chosen)?;
    let digits = |s: &str| s.chars().filter(char::is_ascii_digit).collect::<String>();
    let (image, chosen) = (digits(image), digits(chosen));
    // A year or a month is all that FHIR may know.
    Some(matches!(chosen.len(), 4 | 6 | 8) && image.len() == 8 && image.starts_with(&chosen))
}

fn same_sex(image: &str, chosen: Sex) -> Option<bool> {
    let image = match image.trim() {
        "F" | "f" => Sex::Female,
        "M" | "m" => Sex::Male,
        "O" | "o" => Sex::Other,
        _ => return None,
    };
    (chosen != Sex::Unknown).then_some(image == chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen() -> PatientDemographics {
        PatientDemographics {
            id: "H-17".into(),
            id_system: "urn:example".into(),
            family: "Müller-Groß".into(),
            given: vec!["Zoë".into(), "Anne Marie".into()],
            birth_date: "1971-03-09".into(),
            sex: Sex::Female,
        }
    }

    fn image() -> DicomPatient {
        DicomPatient {
            id: "h-17 ".into(),
            name: "MULLER GROSS^ZOE^^Dr".into(),
            birth_date: "19710309".into(),
            sex: "F".into(),
        }
    }

    fn fields(result: Result<Agreement>) -> Vec<Field> {
        match result {
            Err(Error::WrongPatient(mismatch)) => mismatch.fields().collect(),
            other => panic!("expected a mismatch, got {other:?}"),
        }
    }

    #[test]
    fn case_diacritics_and_missing_middle_names_do_not_matter() {
        let agreement = compare(&image(), &chosen()).unwrap();
        assert_eq!(
            agreement.agreed,
            [Field::Id, Field::Name, Field::BirthDate, Field::Sex]
        );
        assert!(agreement.identifies());
    }

    #[test]
    fn every_differing_field_is_named() {
        let other = DicomPatient {
            id: "H-18".into(),
            name: "Muller Gross^Anne".into(),
            birth_date: "19710390".into(),
            sex: "M".into(),
        };
        let all = [Field::Id, Field::Name, Field::BirthDate, Field::Sex];
        assert_eq!(fields(compare(&other, &chosen())), all);
        for (change, field) in [
            (
                DicomPatient {
                    id: other.id,
                    ..image()
                },
                Field::Id,
            ),
            (
                DicomPatient {
                    name: other.name,
                    ..image()
                },
                Field::Name,
            ),
            (
                DicomPatient {
                    birth_date: other.birth_date,
                    ..image()
                },
                Field::BirthDate,
            ),
            (
                DicomPatient {
                    sex: other.sex,
                    ..image()
                },
                Field::Sex,
            ),
        ] {
            assert_eq!(fields(compare(&change, &chosen())), [field]);
        }
    }

    #[test]
    fn messages_hide_the_values_and_the_accessor_has_them() {
        let error = compare(
            &DicomPatient {
                name: "Doe^Jane".into(),
                ..image()
            },
            &chosen(),
        )
        .unwrap_err();
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(text.contains("name differs"), "{text}");
            for secret in ["Doe", "Jane", "Müller", "Zoë", "H-17", "1971"] {
                assert!(!text.contains(secret), "{text} tells {secret}");
            }
        }
        let Error::WrongPatient(mismatch) = error else {
            panic!("{error}")
        };
        assert_eq!(mismatch.differences()[0].image, "Doe^Jane");
        assert_eq!(
            mismatch.differences()[0].chosen,
            "Müller-Groß^Zoë Anne Marie"
        );
    }

    #[test]
    fn absent_fields_are_told_and_do_not_identify() {
        let agreement = compare(
            &DicomPatient {
                sex: "F".into(),
                ..Default::default()
            },
            &chosen(),
        )
        .unwrap();
        assert_eq!(agreement.agreed, [Field::Sex]);
        assert_eq!(agreement.absent, [Field::Id, Field::Name, Field::BirthDate]);
        assert!(!agreement.identifies());
    }

    #[test]
    fn names_written_as_one_and_ideographic_groups_are_read() {
        let mut patient = chosen();
        patient.family = "Yamada".into();
        patient.given = vec!["Tarou".into()];
        for name in [
            "Tarou Yamada",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
            "YAMADA, TAROU",
        ] {
            let image = DicomPatient {
                name: name.into(),
                ..image()
            };
            assert!(compare(&image, &patient).is_ok(), "{name}");
        }
        for name in ["Yamada", "Yamada^", "Tarou^Yamada", "Yamada^Taro"] {
            let image = DicomPatient {
                name: name.into(),
                ..image()
            };
            assert!(compare(&image, &patient).is_err(), "{name}");
        }
    }

    #[test]
    fn partial_birth_dates_match_by_what_they_say() {
        for (date, same) in [
            ("1971", true),
            ("1971-03", true),
            ("1971-04", false),
            ("197", false),
        ] {
            let patient = PatientDemographics {
                birth_date: date.into(),
                ..chosen()
            };
            assert_eq!(compare(&image(), &patient).is_ok(), same, "{date}");
        }
    }
}
