//! How people are found: words, folded, and what may have been meant by a mistyped one.
//!
//! A patient is found by the beginning of every word of a name, of the number and of the birth date,
//! whatever their order. Words are folded: lower case, without accents, `ß` as `ss`; names with
//! umlauts under both of their usual spellings. If nothing begins like what was typed, words that
//! differ by a typing error are tried. Two words are compared only if they agree after one letter was
//! taken from either or both (Damerau's four errors all leave such a trace), which a database can
//! look up: the variants of every word are stored beside it.

use std::collections::BTreeSet;

use clinical::PatientDemographics;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::model::document::{Kind, Row, decode};
use crate::model::patient::Patient;

/// The longest text that is searched for, bytes.
pub const WANTED_BYTES: usize = 200;

/// Most words that are searched for; further ones are left out.
const TERMS: usize = 6;

/// The shortest word in which a typing error is looked for, characters.
const SHORTEST: usize = 4;

/// From this length on two typing errors may be in a word.
const LONG: usize = 7;

/// The longest word that is indexed, characters.
const LONGEST: usize = 40;

/// One thing that a document's words have to match: any of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// Words that begin like this.
    pub prefixes: Vec<String>,
    /// These very words.
    pub words: Vec<String>,
}

impl Term {
    /// Whether a word matches.
    #[must_use]
    pub fn admits(&self, word: &str) -> bool {
        self.prefixes.iter().any(|p| word.starts_with(p.as_str()))
            || self.words.iter().any(|w| w == word)
    }
}

/// The words under which a document is found; nothing if its kind is not searched.
#[must_use]
pub fn words_of(row: &Row) -> Option<BTreeSet<String>> {
    if row.kind != Kind::Patient {
        return None;
    }
    // What cannot be read is found under nothing.
    let words = decode::<Patient>(row.clone()).map(|h| words_of_patient(&h.document.demographics));
    Some(words.unwrap_or_default())
}

fn words_of_patient(patient: &PatientDemographics) -> BTreeSet<String> {
    let names = patient.given.iter().chain([&patient.family, &patient.id]);
    let mut words: BTreeSet<String> = names.flat_map(|text| words_in(text)).collect();
    words.extend(date_in(&patient.birth_date));
    words.retain(|word| word.chars().count() <= LONGEST);
    words
}

/// What a search text asks for: every term has to be matched.
#[must_use]
pub fn terms_of(wanted: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    for chunk in wanted.split_whitespace() {
        if let Some(date) = date_in(chunk) {
            let prefixes = vec![date];
            terms.push(Term {
                prefixes,
                words: Vec::new(),
            });
            continue;
        }
        let (plain, spelled) = (tokens(&fold(chunk)), tokens(&fold(&spell_out(chunk))));
        for (plain, spelled) in plain.into_iter().zip(spelled) {
            let mut prefixes = vec![plain];
            if !prefixes.contains(&spelled) {
                prefixes.push(spelled);
            }
            let words = Vec::new();
            terms.push(Term { prefixes, words });
        }
    }
    terms.truncate(TERMS);
    terms
}

/// Every word of a text, in each spelling; parts of a compound alone and together.
fn words_in(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for chunk in text.split_whitespace() {
        for spelling in [fold(chunk), fold(&spell_out(chunk))] {
            let parts = tokens(&spelling);
            if parts.len() > 1 {
                words.push(parts.concat());
            }
            words.extend(parts);
        }
    }
    words
}

fn tokens(folded: &str) -> Vec<String> {
    let parts = folded.split(|c: char| !c.is_alphanumeric());
    parts.filter(|p| !p.is_empty()).map(str::to_owned).collect()
}

/// Lower case, without accents.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        for c in c.to_lowercase() {
            match c {
                'ß' => folded.push_str("ss"),
                'æ' => folded.push_str("ae"),
                'œ' => folded.push_str("oe"),
                'þ' => folded.push_str("th"),
                'ø' => folded.push('o'),
                'ł' => folded.push('l'),
                'đ' | 'ð' => folded.push('d'),
                'ı' => folded.push('i'),
                other => folded.push(other),
            }
        }
    }
    folded
}

/// Umlauts as they are written where a keyboard has none.
fn spell_out(text: &str) -> String {
    let mut spelled = String::with_capacity(text.len());
    for c in text.nfc().flat_map(char::to_lowercase) {
        match c {
            'ä' => spelled.push_str("ae"),
            'ö' | 'ø' => spelled.push_str("oe"),
            'ü' => spelled.push_str("ue"),
            'å' => spelled.push_str("aa"),
            other => spelled.push(other),
        }
    }
    spelled
}

/// A date or its beginning as year, month and day without separators: `1970-02-03`, `1970-02`,
/// `3.2.1970`, `03/02/1970` (the day first).
fn date_in(text: &str) -> Option<String> {
    let separator = text.chars().find(|c| "-./".contains(*c))?;
    let parts: Vec<&str> = text.trim_end_matches(separator).split(separator).collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !parts.iter().all(digits) {
        return None;
    }
    match *parts.as_slice() {
        [year, month] if year.len() == 4 && month.len() <= 2 => Some(format!("{year}{month:0>2}")),
        [year, month, day] if year.len() == 4 && month.len() <= 2 && day.len() <= 2 => {
            Some(format!("{year}{month:0>2}{day:0>2}"))
        }
        [day, month, year] if year.len() == 4 && month.len() <= 2 && day.len() <= 2 => {
            Some(format!("{year}{month:0>2}{day:0>2}"))
        }
        _ => None,
    }
}

/// A word and what is left of it when one letter is taken out. Numbers have no variants: a mistyped
/// number is another one.
#[must_use]
pub fn variants(word: &str) -> BTreeSet<String> {
    let letters: Vec<char> = word.chars().collect();
    if letters.len() < SHORTEST - 1 || letters.iter().any(char::is_ascii_digit) {
        return BTreeSet::new();
    }
    let without = |out: usize| -> String {
        let kept = letters.iter().enumerate().filter(|(at, _)| *at != out);
        kept.map(|(_, c)| *c).collect()
    };
    let mut variants: BTreeSet<String> = (0..letters.len()).map(without).collect();
    variants.insert(word.to_owned());
    variants
}

/// Whether `word` may have been meant by `typed`.
#[must_use]
pub fn may_mean(typed: &str, word: &str) -> bool {
    let length = typed.chars().count();
    length >= SHORTEST && errors(typed, word) <= if length >= LONG { 2 } else { 1 }
}

/// Letters to insert, delete, replace, or swap with the next one (optimal string alignment).
fn errors(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_umlauts_have_two_spellings() {
        let words = words_in("Müller-Lüdenscheidt");
        for word in ["muller", "mueller", "ludenscheidt", "muellerluedenscheidt"] {
            assert!(words.contains(&word.to_owned()), "{word}: {words:?}");
        }
        assert_eq!(fold("Łukasz Groß Đorđe Ñandú"), "lukasz gross dorde nandu");
        assert_eq!(
            words_in("MRN-77"),
            ["mrn77", "mrn", "77", "mrn77", "mrn", "77"]
        );
    }

    #[test]
    fn dates_are_read_in_either_order() {
        for text in ["1970-02-03", "3.2.1970", "03/02/1970"] {
            assert_eq!(date_in(text).as_deref(), Some("19700203"), "{text}");
        }
        assert_eq!(date_in("1970-02").as_deref(), Some("197002"));
        assert_eq!(date_in("MRN-77"), None);
        assert_eq!(date_in("Anne-Marie"), None);
    }

    #[test]
    fn each_typing_error_leaves_a_trace_and_is_counted_once() {
        for typed in ["quackenbsh", "quackenbuush", "quakcenbush", "quackenbosh"] {
            let shared = variants(typed)
                .intersection(&variants("quackenbush"))
                .count();
            assert!(shared > 0, "{typed}");
            assert_eq!(errors(typed, "quackenbush"), 1, "{typed}");
            assert!(may_mean(typed, "quackenbush"));
        }
        assert!(!may_mean("ann", "anna"), "a short word is no error");
        assert!(!may_mean("karl", "mary"));
        assert!(variants("mrn77").is_empty());
    }
}
