//! FHIR's data types as JSON: narratives, names, identifiers, dates.

use chrono::{DateTime, NaiveDate, SecondsFormat};
use rand_core::CryptoRng;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

pub(super) const LOINC: &str = "http://loinc.org";

pub(super) fn bad(path: &str, reason: &str) -> Error {
    Error::BadFhir {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

pub(super) fn check_text(path: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        Err(bad(path, "it must not be empty"))
    } else {
        Ok(())
    }
}

pub(super) fn instant(at: u64) -> Result<String> {
    let time = i64::try_from(at)
        .ok()
        .and_then(|at| DateTime::from_timestamp(at, 0));
    let time = time.filter(|t| t.to_rfc3339().starts_with(|c: char| c.is_ascii_digit()));
    let text = time.map(|t| t.to_rfc3339_opts(SecondsFormat::Secs, true));
    text.filter(|t| t.len() == 20)
        .ok_or_else(|| bad("Bundle.timestamp", "it is after the year 9999"))
}

/// FHIR text must not be empty and has no control characters but tab, CR and LF.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\t' | '\r' | '\n'))
        .collect()
}

/// A generated narrative of paragraphs, escaped for XHTML.
pub(super) fn narrative<S: AsRef<str>>(paragraphs: &[S]) -> Value {
    let mut div = String::from("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    for paragraph in paragraphs {
        div.push_str("<p>");
        for c in clean(paragraph.as_ref()).chars() {
            match c {
                '&' => div.push_str("&amp;"),
                '<' => div.push_str("&lt;"),
                '>' => div.push_str("&gt;"),
                '"' => div.push_str("&quot;"),
                '\n' => div.push_str("<br/>"),
                '\r' => {}
                c => div.push(c),
            }
        }
        div.push_str("</p>");
    }
    div.push_str("</div>");
    json!({ "status": "generated", "div": div })
}

pub(super) fn concept(system: &str, code: &str, display: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code, "display": display }] })
}

pub(super) fn reference(name: &str, display: &str) -> Value {
    json!({ "reference": name, "display": clean(display) })
}

pub(super) fn identifier(path: &str, system: &str, value: &str) -> Result<Value> {
    check_text(path, value)?;
    let mut identifier = Map::from_iter([("value".to_owned(), json!(clean(value.trim())))]);
    if !system.is_empty() {
        identifier.insert("system".to_owned(), json!(system));
    }
    Ok(Value::Object(identifier))
}

pub(super) fn human_name(family: &str, given: &[String]) -> Value {
    let mut name = Map::from_iter([("use".to_owned(), json!("official"))]);
    if !family.trim().is_empty() {
        name.insert("family".to_owned(), json!(clean(family)));
    }
    let given: Vec<_> = given
        .iter()
        .filter(|g| !g.trim().is_empty())
        .map(|g| clean(g))
        .collect();
    if !given.is_empty() {
        name.insert("given".to_owned(), json!(given));
    }
    Value::Object(name)
}

pub(super) fn full_name(family: &str, given: &[String]) -> String {
    format!("{} {family}", given.join(" ")).trim().to_owned()
}

/// Whether it is `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
pub(super) fn is_fhir_date(date: &str) -> bool {
    let full = match date.len() {
        4 => format!("{date}-01-01"),
        7 => format!("{date}-01"),
        _ => date.to_owned(),
    };
    full.len() == 10 && full.is_ascii() && NaiveDate::parse_from_str(&full, "%Y-%m-%d").is_ok()
}

/// A fresh random UUID (RFC 9562, version 4) as a URN.
pub(super) fn urn(rng: &mut (impl CryptoRng + ?Sized)) -> String {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .urn()
        .to_string()
}
