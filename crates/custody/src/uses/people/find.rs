//! Finding patients of this hospital: the search belongs to the node, which has all of them.

use std::collections::HashMap;

use api::people::PatientsPage;

use crate::model::document::{Kind, Query, Row, decode};
use crate::model::error::{Error, Result};
use crate::model::patient::Patient;
use crate::model::search::{Term, WANTED_BYTES, may_mean, terms_of, variants};
use crate::ports::search::{Match, Matching};
use crate::ports::store::{Documents as _, Store};
use crate::uses::hospital::Hospital;

/// Occurrences of a term that are counted to find the rarest one.
const COUNTED: u32 = 2000;

/// Words that a mistyped one may mean.
const MEANT: usize = 50;

/// The longest place in a list, bytes.
const PLACE_BYTES: usize = 400;

/// Where a page of matches ended.
struct Place {
    /// Whether typing errors were looked for.
    similar: bool,
    leading: usize,
    last: Match,
}

impl Place {
    fn write(&self) -> String {
        let how = if self.similar { 's' } else { 'p' };
        let Match { word, id } = &self.last;
        format!("{how}{}.{id}.{word}", self.leading)
    }

    fn read(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("after", "it is the `next` of the page before");
        let similar = match text.chars().next() {
            Some('s') => true,
            Some('p') => false,
            _ => return Err(wrong()),
        };
        let mut parts = text[1..].splitn(3, '.');
        let leading = parts
            .next()
            .and_then(|n| n.parse().ok())
            .ok_or_else(wrong)?;
        let id = parts.next().ok_or_else(wrong)?.to_owned();
        let word = parts.next().ok_or_else(wrong)?.to_owned();
        Ok(Self {
            similar,
            leading,
            last: Match { word, id },
        })
    }
}

/// A page of patients.
#[derive(Clone, Debug)]
pub struct Found {
    /// The patients: all of them by id, those that were searched for by the word that matched.
    pub patients: Vec<Patient>,
    /// Where the next page begins; nothing on the last one.
    pub next: Option<String>,
}

impl Hospital {
    /// A page of the patients that match `wanted`; as [`find`].
    ///
    /// # Errors
    /// As [`find`].
    pub async fn find_patients(
        &self,
        wanted: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<PatientsPage> {
        let found = find(self.store.as_ref(), wanted, after, limit).await?;
        Ok(PatientsPage {
            patients: found.patients.into_iter().map(Into::into).collect(),
            next: found.next,
        })
    }
}

/// A page of the patients that match `wanted`, or of all of them if it is empty. If nobody's words
/// begin like those wanted, words with typing errors are tried.
///
/// # Errors
/// If the text is too long, `after` is no place of such a list, or the database does not answer.
pub async fn find(
    store: &dyn Store,
    wanted: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Found> {
    if wanted.len() > WANTED_BYTES {
        return Err(Error::invalid("q", format!("at most {WANTED_BYTES} bytes")));
    }
    if after.is_some_and(|after| after.len() > PLACE_BYTES) {
        return Err(Error::invalid(
            "after",
            "it is the `next` of the page before",
        ));
    }
    let terms = terms_of(wanted);
    if terms.is_empty() {
        return everybody(store, after, limit).await;
    }
    let place = after.map(Place::read).transpose()?;
    if place.as_ref().is_none_or(|place| !place.similar) {
        let page = matching_page(store, &terms, false, place.as_ref(), limit).await?;
        if place.is_some() || !page.patients.is_empty() {
            return Ok(page);
        }
    }
    let similar = with_errors(store, terms).await?;
    matching_page(store, &similar, true, place.as_ref(), limit).await
}

async fn everybody(store: &dyn Store, after: Option<&str>, limit: u32) -> Result<Found> {
    let mut query = Query::of(Kind::Patient);
    query.after = after.map(str::to_owned);
    let page = store.page::<Patient>(query, limit).await?;
    let patients = page.documents.into_iter().map(|held| held.document);
    Ok(Found {
        patients: patients.collect(),
        next: page.next,
    })
}

async fn matching_page(
    store: &dyn Store,
    terms: &[Term],
    similar: bool,
    place: Option<&Place>,
    limit: u32,
) -> Result<Found> {
    let leading = match place {
        Some(place) => place.leading.min(terms.len() - 1),
        None => rarest(store, terms).await?,
    };
    let mut others = terms.to_vec();
    let matching = Matching {
        kind: Kind::Patient,
        leading: others.remove(leading),
        others,
        after: place.map(|place| place.last.clone()),
        limit: limit.saturating_add(1),
    };
    let mut found = store.matching(&matching).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| {
        let last = last.clone();
        let place = Place {
            similar,
            leading,
            last,
        };
        place.write()
    });
    let ids: Vec<String> = found.into_iter().map(|found| found.id).collect();
    let rows = store.get_several(Kind::Patient, &ids).await?;
    let read = |row: Row| Some((row.id.clone(), decode::<Patient>(row).ok()?.document));
    let mut by_id: HashMap<String, Patient> = rows.into_iter().filter_map(read).collect();
    let patients = ids.iter().filter_map(|id| by_id.remove(id)).collect();
    Ok(Found { patients, next })
}

/// The rarest term: whoever matches it is few to check against the others.
async fn rarest(store: &dyn Store, terms: &[Term]) -> Result<usize> {
    let mut rarest = (u64::MAX, 0);
    for (number, term) in terms.iter().enumerate() {
        let often = store.occurrences(Kind::Patient, term, COUNTED).await?;
        rarest = rarest.min((often, number));
    }
    Ok(rarest.1)
}

/// The terms with the words that may have been meant.
async fn with_errors(store: &dyn Store, terms: Vec<Term>) -> Result<Vec<Term>> {
    let mut meant = Vec::with_capacity(terms.len());
    for begins in terms {
        let mut term = begins.clone();
        for typed in &begins.prefixes {
            let wanted: Vec<String> = variants(typed).into_iter().collect();
            let like = store.words_like(Kind::Patient, &wanted).await?;
            let like = like.into_iter().filter(|word| may_mean(typed, word));
            term.words.extend(like);
        }
        term.words.sort();
        term.words.dedup();
        term.words.truncate(MEANT);
        // What nothing begins with is a word with an error: the words alone are quicker to look up.
        if store.occurrences(Kind::Patient, &begins, 1).await? == 0 {
            term.prefixes.clear();
        }
        meant.push(term);
    }
    Ok(meant)
}
