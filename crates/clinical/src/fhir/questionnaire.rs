//! Questionnaires: forms that reports are written on.

use std::collections::BTreeSet;

use serde_json::Value;

use super::elements::bad;
use crate::error::Result;

/// Most items of one template.
const ITEMS: usize = 300;
/// How deep groups may be nested.
const DEPTH: usize = 5;
/// The types of items that FHIR R4 knows.
const TYPES: [&str; 16] = [
    "group",
    "display",
    "boolean",
    "decimal",
    "integer",
    "date",
    "dateTime",
    "time",
    "string",
    "text",
    "url",
    "choice",
    "open-choice",
    "attachment",
    "reference",
    "quantity",
];

/// Checks that a Questionnaire can be filled in: what it must name, ids that occur once, known types
/// of items, choices with answers.
///
/// # Errors
/// [`Error::BadFhir`](crate::Error::BadFhir), naming the element at fault.
pub fn check_questionnaire(questionnaire: &Value) -> Result<()> {
    check(questionnaire).map_err(|reason| bad("Questionnaire", &reason))
}

fn check(questionnaire: &Value) -> Result<(), String> {
    if questionnaire["resourceType"] != "Questionnaire" {
        return Err("resourceType is not Questionnaire".to_owned());
    }
    for field in ["url", "name", "title", "status"] {
        if questionnaire[field].as_str().is_none_or(str::is_empty) {
            return Err(format!("{field} is missing"));
        }
    }
    let mut ids = BTreeSet::new();
    check_items(&questionnaire["item"], &mut ids, 1)?;
    if ids.is_empty() {
        return Err("it asks nothing".to_owned());
    }
    Ok(())
}

fn check_items<'a>(
    items: &'a Value,
    ids: &mut BTreeSet<&'a str>,
    depth: usize,
) -> Result<(), String> {
    if items.is_null() {
        return Ok(());
    }
    if depth > DEPTH {
        return Err(format!("items are nested over {DEPTH} deep"));
    }
    let items = items.as_array().ok_or("item is not a list")?;
    for item in items {
        let id = item["linkId"].as_str().unwrap_or_default();
        if id.is_empty() || !ids.insert(id) {
            return Err(format!("linkId {id:?} is missing or there twice"));
        }
        if ids.len() > ITEMS {
            return Err(format!("it has over {ITEMS} items"));
        }
        let kind = item["type"].as_str().unwrap_or_default();
        if !TYPES.contains(&kind) {
            return Err(format!("{id}: the type {kind:?} does not exist"));
        }
        if !item["text"].is_string() {
            return Err(format!("{id}: text is missing"));
        }
        let options = item["answerOption"].as_array().map_or(0, Vec::len);
        let set_elsewhere = item["answerValueSet"].is_string();
        if kind == "choice" && options == 0 && !set_elsewhere {
            return Err(format!("{id}: a choice has answers to choose from"));
        }
        check_items(&item["item"], ids, depth + 1)?;
    }
    Ok(())
}
