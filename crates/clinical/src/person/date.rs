//! Comparing birth dates: DICOM's `YYYYMMDD` and what is found in its place, FHIR's
//! `YYYY[-MM[-DD]]`.

use super::reason::Reason;

/// The first and the last year in which somebody can be born whose image is taken.
const YEARS: core::ops::RangeInclusive<u16> = 1880..=2199;
/// Dates that programs write where none is known.
const PLACEHOLDERS: [(u16, u8, u8); 4] =
    [(1899, 12, 30), (1899, 12, 31), (1900, 1, 1), (1901, 1, 1)];

/// A birth date, as far as it is known. Zero where it is not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct BirthDate {
    year: u16,
    month: u8,
    day: u8,
}

impl BirthDate {
    /// `None` where there is no date, or one that stands for none.
    pub(super) fn of(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let part = |from: usize, to: usize| digits.get(from..to).and_then(|d| d.parse().ok());
        let (month, day) = match digits.len() {
            4 => (0, 0),
            6 => (part(4, 6)?, 0),
            8.. => (part(4, 6)?, part(6, 8)?),
            _ => return None,
        };
        let year = digits.get(..4)?.parse().ok()?;
        let date = Self {
            year,
            month: month as u8,
            // A day of an unknown month says nothing.
            day: if month == 0 { 0 } else { day as u8 },
        };
        let stands_for_none = PLACEHOLDERS.contains(&(year, date.month, date.day));
        (YEARS.contains(&year) && !stands_for_none).then_some(date)
    }

    fn is_whole(self) -> bool {
        self.day != 0
    }

    fn is_first_of_january(self) -> bool {
        (self.month, self.day) == (1, 1)
    }
}

pub(super) fn compare_dates(file: &str, chosen: &str) -> Reason {
    let (Some(a), Some(b)) = (BirthDate::of(file), BirthDate::of(chosen)) else {
        return Reason::BirthDateAbsent;
    };
    if a == b && a.is_whole() {
        return Reason::BirthDateAgrees;
    }
    let agrees = |a: u8, b: u8| a == 0 || b == 0 || a == b;
    if a.year != b.year {
        Reason::BirthDateDiffers
    } else if agrees(a.month, b.month) && agrees(a.day, b.day) {
        Reason::BirthDateAgreesInPart
    } else if (a.month, a.day) == (b.day, b.month) {
        Reason::BirthDateDayMonth
    } else if a.is_first_of_january() || b.is_first_of_january() {
        Reason::BirthDateFirstOfJanuary
    } else {
        Reason::BirthDateDiffers
    }
}
