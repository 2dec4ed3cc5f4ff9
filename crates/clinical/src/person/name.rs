//! Comparing names.

use super::letters::{
    Word, is_initial, joined, one_letter_off, same, share_script, sounds_alike, words,
};
use super::reason::Reason;

/// What stands in place of a name or number that is not known.
pub(super) const PLACEHOLDERS: [&str; 17] = [
    "ANON",
    "ANONYM",
    "ANONYMOUS",
    "ANONYMIZED",
    "ANONYMISED",
    "DEIDENTIFIED",
    "DESCONOCIDO",
    "INCONNU",
    "NN",
    "NOID",
    "NONAME",
    "SCONOSCIUTO",
    "UNBEKANNT",
    "UNKNOWN",
    "UNNAMED",
    "XXX",
    "XXXX",
];

/// Titles that programs put into a name written as one.
const TITLES: [&str; 9] = [
    "dr", "prof", "mr", "mrs", "ms", "mme", "herr", "frau", "med",
];

/// A name in one script.
pub(super) struct Name {
    family: Vec<Word>,
    given: Vec<Word>,
    /// Whether nothing says which word is the family name.
    as_one: bool,
}

impl Name {
    /// A name whose parts are known.
    pub(super) fn of(family: &str, given: &[String]) -> Option<Self> {
        let family = words(family);
        let given: Vec<_> = given.iter().flat_map(|name| words(name)).collect();
        (!family.is_empty() || !given.is_empty()).then_some(Self {
            family,
            given,
            as_one: false,
        })
    }

    /// The names that a DICOM value of VR PN holds (PS3.5, 6.2): up to three groups by `=`
    /// (alphabetic, ideographic, phonetic), components by `^`: family, given, middle, prefix,
    /// suffix. Many programs write the whole name into the first, some with a comma.
    pub(super) fn all_of(person_name: &str) -> Vec<Self> {
        let groups = person_name.split('=');
        groups.filter_map(Self::of_group).collect()
    }

    fn of_group(group: &str) -> Option<Self> {
        let mut components = group.split('^').map(str::trim);
        let family = components.next().unwrap_or_default();
        let given: Vec<_> = components.take(2).flat_map(words).collect();
        let name = match family.split_once(',') {
            _ if !given.is_empty() && !family.is_empty() => Self {
                family: words(family),
                given,
                as_one: false,
            },
            Some((family, given)) if !words(given).is_empty() => Self {
                family: words(family),
                given: words(given),
                as_one: false,
            },
            _ => Self {
                family: words(family).into_iter().chain(given).collect(),
                given: Vec::new(),
                as_one: true,
            },
        };
        name.known()
    }

    /// Nothing, if the name stands for none.
    fn known(mut self) -> Option<Self> {
        if self.as_one {
            let title = |word: &Word| TITLES.iter().any(|t| same(word, &joined(&words(t))));
            self.family.retain(|word| !title(word));
        }
        let placeholder = |word: &Word| PLACEHOLDERS.iter().any(|p| same(word, &joined(&words(p))));
        let first = self.family.first().or(self.given.first())?;
        let stands_for_none = placeholder(first) || placeholder(&joined(&self.family));
        (!stands_for_none).then_some(self)
    }

    fn all(&self) -> Word {
        joined(&[joined(&self.family), joined(&self.given)])
    }
}

/// Compares a file's name, in whatever scripts it has, with the chosen one.
pub(super) fn compare_names(file: &[Name], chosen: Option<&Name>) -> Reason {
    let Some(chosen) = chosen.filter(|_| !file.is_empty()) else {
        return Reason::NameAbsent;
    };
    let comparable = file
        .iter()
        .filter(|name| share_script(&name.all(), &chosen.all()));
    let found = comparable.map(|name| compare_name(name, chosen));
    found
        .min_by_key(|reason| (reason.weight(), *reason == Reason::NameFamilyDiffers))
        .unwrap_or(Reason::NameInAnotherScript)
}

fn compare_name(file: &Name, chosen: &Name) -> Reason {
    let (family, given) = (joined(&chosen.family), joined(&chosen.given));
    let whole = file.all();
    if same(&whole, &joined(&[family.clone(), given.clone()])) {
        return Reason::NameAgrees;
    }
    if file.as_one {
        return compare_as_one(file, chosen, &whole);
    }
    let families = relate(&joined(&file.family), &family);
    let exchanged = same(&joined(&file.family), &given) && same(&joined(&file.given), &family);
    if exchanged || same_words(&[&file.family[..], &file.given].concat(), chosen) {
        return Reason::NameOrder;
    }
    judge(families, relate_given(&file.given, &chosen.given), || {
        shares_word(&file.family, &chosen.family)
    })
}

/// A name of which nothing says which word is the family name.
fn compare_as_one(file: &Name, chosen: &Name, whole: &Word) -> Reason {
    let family_last = joined(&[joined(&chosen.given), joined(&chosen.family)]);
    if same(whole, &family_last) || same_words(&file.family, chosen) {
        return Reason::NameAgrees;
    }
    // Without the family name, wherever it stands, the given names are left.
    let mut rest = file.family.clone();
    for word in &chosen.family {
        match rest.iter().position(|other| same(word, other)) {
            Some(at) => drop(rest.remove(at)),
            None => return without_family(file, chosen),
        }
    }
    judge(Relation::Same, relate_given(&rest, &chosen.given), || false)
}

fn without_family(file: &Name, chosen: &Name) -> Reason {
    let given = relate_given(&file.family, &chosen.given);
    let alike = file.family.iter().any(|word| {
        let family = joined(&chosen.family);
        sounds_alike(word, &family) || one_letter_off(word, &family)
    });
    match given {
        Relation::Same if file.family.len() == chosen.given.len() => Reason::NameIncomplete,
        Relation::Same if alike => Reason::NameSpelling,
        Relation::Same => Reason::NameFamilyDiffers,
        _ => Reason::NameDiffers,
    }
}

/// How one part of a name stands to the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    /// In doubt, for this reason.
    Alike(Reason),
    Different,
}

fn relate(file: &Word, chosen: &Word) -> Relation {
    if same(file, chosen) {
        Relation::Same
    } else if file.is_empty() || chosen.is_empty() {
        Relation::Alike(Reason::NameIncomplete)
    } else if sounds_alike(file, chosen) || one_letter_off(file, chosen) {
        Relation::Alike(Reason::NameSpelling)
    } else {
        Relation::Different
    }
}

/// Given names agree where one side's are the first of the other's: middle names are often left
/// out, or only their initials given. A misspelled letter is not let pass: twins have names like
/// that.
fn relate_given(file: &[Word], chosen: &[Word]) -> Relation {
    if file.is_empty() != chosen.is_empty() {
        return Relation::Alike(Reason::NameIncomplete);
    }
    let (short, long) = if joined(file).len() <= joined(chosen).len() {
        (file, chosen)
    } else {
        (chosen, file)
    };
    let start = joined(short);
    if (0..=long.len()).any(|n| same(&start, &joined(&long[..n]))) {
        return Relation::Same;
    }
    let (Some(first), Some(other)) = (file.first(), chosen.first()) else {
        return Relation::Same;
    };
    let pairs = || file.iter().zip(chosen);
    if same(first, other) {
        // Only middle names are left to differ.
        let initials = pairs().all(|(a, b)| same(a, b) || is_initial(a, b));
        return if initials {
            Relation::Same
        } else {
            Relation::Alike(Reason::NameOtherGiven)
        };
    }
    if is_initial(first, other) {
        Relation::Alike(Reason::NameInitial)
    } else if sounds_alike(first, other) || sounds_alike(&joined(file), &joined(chosen)) {
        Relation::Alike(Reason::NameSpelling)
    } else if shares_word(file, chosen) {
        Relation::Alike(Reason::NameOtherGiven)
    } else {
        Relation::Different
    }
}

fn judge(family: Relation, given: Relation, shares: impl FnOnce() -> bool) -> Reason {
    match (family, given) {
        (Relation::Same, Relation::Same) => Reason::NameAgrees,
        (Relation::Same, Relation::Alike(reason)) => reason,
        (Relation::Same, Relation::Different) => Reason::NameGivenDiffers,
        (Relation::Alike(reason), Relation::Same | Relation::Alike(_)) => reason,
        // A part of a double name.
        (Relation::Different, Relation::Same) if shares() => Reason::NameIncomplete,
        (Relation::Different, Relation::Same) => Reason::NameFamilyDiffers,
        _ => Reason::NameDiffers,
    }
}

fn shares_word(a: &[Word], b: &[Word]) -> bool {
    a.iter().any(|word| b.iter().any(|other| same(word, other)))
}

/// Whether the words are those of the chosen name, in any order.
fn same_words(words: &[Word], chosen: &Name) -> bool {
    let mut rest: Vec<&Word> = chosen.family.iter().chain(&chosen.given).collect();
    let all = words.len() == rest.len();
    all && words.iter().all(|word| {
        let found = rest.iter().position(|other| same(word, other));
        found.map(|at| rest.remove(at)).is_some()
    })
}
