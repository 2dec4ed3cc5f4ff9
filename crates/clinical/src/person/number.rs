//! Comparing patient numbers.

use unicode_normalization::UnicodeNormalization;

use super::demographics::PatientDemographics;
use super::name::PLACEHOLDERS;
use super::reason::Reason;
use crate::dicom::DicomPatient;

/// A number without case, width, blanks, punctuation and leading zeros; empty where it stands for
/// none.
pub(super) fn plain(number: &str) -> String {
    let plain: String = number
        .nfkc()
        .flat_map(char::to_uppercase)
        .filter(|c| c.is_alphanumeric())
        .collect();
    let plain = plain.trim_start_matches('0');
    if PLACEHOLDERS.contains(&plain) {
        String::new()
    } else {
        plain.to_owned()
    }
}

pub(super) fn compare_numbers(file: &DicomPatient, chosen: &PatientDemographics) -> Reason {
    let (number, other) = (plain(&file.id), plain(&chosen.id));
    let listed = file.other_ids.iter().any(|id| plain(id) == other);
    if !other.is_empty() && (number == other || listed) {
        return Reason::NumberAgrees;
    }
    let issuer = file.issuer.trim();
    if number.is_empty() || other.is_empty() {
        Reason::NumberAbsent
    } else if !issuer.is_empty() && issuer != chosen.id_system {
        Reason::NumberOfAnotherIssuer
    } else {
        Reason::NumberDiffers
    }
}
