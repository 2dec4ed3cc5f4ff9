use std::collections::BTreeSet;
use std::path::PathBuf;

use super::rules::RULES;

use super::*;

fn described_routes() -> BTreeSet<(String, String)> {
    let api = serde_json::to_value(openapi()).unwrap();
    let mut routes = BTreeSet::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            routes.insert((method.to_uppercase(), path.clone()));
        }
    }
    routes
}

#[test]
fn the_table_of_rules_and_the_description_name_the_same_routes() {
    let mut ruled: BTreeSet<(String, String)> = RULES
        .iter()
        .map(|(m, p, _)| (m.to_string(), p.replace("{*", "{")))
        .collect();
    // The description does not describe itself.
    assert!(ruled.remove(&("GET".to_owned(), "/api/openapi.json".to_owned())));
    assert_eq!(ruled, described_routes());
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let api = serde_json::to_value(openapi()).unwrap();
    let mut names = BTreeSet::new();
    for item in api["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            assert!(names.insert(name.clone()), "{name} is there twice");
        }
    }
    assert!(names.contains("get_api_v1_records"));
}

/// Compare a file under docs/ with what the program says; `STELE_WRITE_DOCS=1` writes it.
fn check_document(name: &str, expected: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    if std::env::var_os("STELE_WRITE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/{name} is out of date: run this test with STELE_WRITE_DOCS=1"
    );
}

#[test]
fn the_openapi_document_in_docs_is_the_one_that_is_served() {
    check_document("openapi.json", &format!("{}\n", openapi_json().unwrap()));
}

#[test]
fn the_table_of_routes_in_docs_is_the_one_that_is_enforced() {
    let mut table = String::from("# Who may call what\n\n");
    table.push_str("Made from `crates/node/src/http/rules.rs`, which the router enforces.\n\n");
    table.push_str("| method | route | for |\n| --- | --- | --- |\n");
    for (method, path, rule) in RULES {
        table.push_str(&format!("| {method} | `{path}` | {} |\n", rule.who()));
    }
    table.push_str("\nEverything else is the web app: a GET of one of its files, or of a page by a browser, is answered for everybody.\n");
    check_document("routes.md", &table);
}
