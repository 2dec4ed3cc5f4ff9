//! This checkout keeps to its own plan, and the check catches what it is for.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use arch::{Plan, Report, check};
use tempfile::TempDir;

const PLAN: &str = r#"
[limits]
circle = 3
function = 5

[workspace]
floors = [["top"], ["left", "right"], ["base"]]
tests = ["scenes"]

[[sideways]]
from = "left"
to = "right"
reason = "left is told by right"

[[forbidden]]
from = ["base"]
to = ["tokio"]
reason = "base knows no network"

[modules.top]
floors = [["uses"], ["ports"], ["model"]]
"#;

/// A checkout made of files.
struct House {
    root: TempDir,
}

impl House {
    fn new(files: &[(&str, &str)]) -> Self {
        let root = TempDir::new().unwrap();
        for (path, text) in files {
            let path = root.path().join("crates").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { root }
    }

    fn report(&self) -> Report {
        let plan = self.root.path().join("layers.toml");
        fs::write(&plan, PLAN).unwrap();
        check(self.root.path(), &Plan::read(&plan).unwrap()).unwrap()
    }
}

fn manifest(name: &str, sections: &str) -> String {
    format!("[package]\nname = \"{name}\"\n{sections}")
}

/// The crate `top` with these files in `src`.
fn top(files: &[(&str, &str)]) -> House {
    let manifest = manifest("top", "");
    let mut all = vec![("top/Cargo.toml".to_owned(), manifest.as_str())];
    all.extend(
        files
            .iter()
            .map(|(path, text)| (format!("top/src/{path}"), *text)),
    );
    House::new(
        &all.iter()
            .map(|(path, text)| (path.as_str(), *text))
            .collect::<Vec<_>>(),
    )
}

fn arrows(report: &Report) -> Vec<(&str, &str)> {
    report
        .upward
        .iter()
        .map(|arrow| (arrow.from.as_str(), arrow.to.as_str()))
        .collect()
}

#[test]
fn this_checkout_keeps_to_its_plan() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let report = check(
        &root,
        &Plan::read(&root.join("tests/arch/layers.toml")).unwrap(),
    )
    .unwrap();
    assert!(
        report.is_clean(),
        "{}",
        serde_json::to_string_pretty(&report).unwrap()
    );
}

#[test]
fn clippy_counts_to_the_same_limit() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let plan = Plan::read(&root.join("tests/arch/layers.toml")).unwrap();
    let clippy: toml::Table = fs::read_to_string(root.join("clippy.toml"))
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(
        clippy["too-many-lines-threshold"].as_integer(),
        i64::try_from(plan.limits.function).ok()
    );
}

#[test]
fn a_crate_that_uses_one_above_it_is_named() {
    let base = manifest("base", "[dependencies]\ntop = { path = \"../top\" }\n");
    let house = House::new(&[
        ("base/Cargo.toml", &base),
        (
            "top/Cargo.toml",
            &manifest("top", "[dependencies]\nbase = \"1\"\n"),
        ),
    ]);
    let report = house.report();
    assert_eq!(arrows(&report), [("base", "top")]);
    assert_eq!(
        report.upward[0].file,
        PathBuf::from("crates/base/Cargo.toml")
    );
}

#[test]
fn an_arrow_on_one_floor_needs_its_reason() {
    let left = manifest("left", "[dependencies]\nright = \"1\"\n");
    let right = manifest("right", "[build-dependencies]\nleft = \"1\"\n");
    let house = House::new(&[("left/Cargo.toml", &left), ("right/Cargo.toml", &right)]);
    assert_eq!(arrows(&house.report()), [("right", "left")]);
}

#[test]
fn what_is_for_tests_stays_in_tests() {
    let good = manifest("left", "[dev-dependencies]\nscenes = \"1\"\ntop = \"1\"\n");
    let bad = manifest("right", "[dependencies]\nscenes = \"1\"\n");
    let scenes = manifest("scenes", "[dependencies]\ntop = \"1\"\n");
    let house = House::new(&[
        ("left/Cargo.toml", &good),
        ("right/Cargo.toml", &bad),
        ("scenes/Cargo.toml", &scenes),
    ]);
    assert_eq!(arrows(&house.report()), [("right", "scenes")]);
}

#[test]
fn a_crate_without_a_floor_and_a_forbidden_one_are_named() {
    let stranger = manifest("stranger", "[dependencies]\nbase = \"1\"\n");
    let base = manifest("base", "[dependencies]\ntokio = \"1\"\nserde = \"1\"\n");
    let house = House::new(&[
        ("stranger/Cargo.toml", &stranger),
        ("base/Cargo.toml", &base),
    ]);
    let report = house.report();
    assert_eq!(arrows(&report), [("base", "tokio"), ("stranger", "base")]);
    assert_eq!(report.upward[0].why, "base knows no network");
}

#[test]
fn a_module_that_uses_one_above_it_is_named() {
    let house = top(&[
        ("lib.rs", "mod model; mod ports; mod uses;"),
        ("model/mod.rs", "pub mod grant;"),
        (
            "model/grant.rs",
            "pub struct Grant; fn f() { crate::uses::records::open() }",
        ),
        (
            "ports.rs",
            "use crate::model::grant::Grant; pub trait Store { fn put(&self, grant: Grant); }",
        ),
        ("uses/mod.rs", "pub mod records;"),
        (
            "uses/records.rs",
            "use crate::ports::Store; pub fn open() {}",
        ),
    ]);
    assert_eq!(arrows(&house.report()), [("top::model", "top::uses")]);
}

#[test]
fn a_name_handed_on_leads_to_where_it_is_defined() {
    let house = top(&[
        ("lib.rs", "mod model; mod ports; mod uses; pub use uses::*;"),
        ("uses/mod.rs", "mod open; pub use open::Opened;"),
        ("uses/open.rs", "pub struct Opened;"),
        ("model.rs", "use crate::Opened;"),
        (
            "ports.rs",
            "use super::{model, uses as above}; fn f() { above::Opened; }",
        ),
    ]);
    let report = house.report();
    assert_eq!(
        arrows(&report),
        [
            ("top::model", "top::uses"),
            ("top::ports", "top::uses"),
            ("top::ports", "top::uses")
        ]
    );
}

/// Files `a` to `d`, each using the next, and the last using `last`.
fn chain(last: &str) -> House {
    let d = format!("use {last}; pub struct D;");
    top(&[
        ("lib.rs", "mod a; mod b; mod c; mod d; pub use a::A;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use super::c::{self, C}; pub struct B;"),
        ("c.rs", "pub struct C; fn f() -> crate::d::D { todo() }"),
        ("d.rs", &d),
    ])
}

#[test]
fn a_circle_of_four_files_is_named() {
    let file = |name: &str| PathBuf::from(format!("crates/top/src/{name}.rs"));
    assert_eq!(
        chain("crate::A").report().circles,
        [["a", "b", "c", "d"].map(file)]
    );
}

#[test]
fn a_circle_of_three_files_is_borne_and_a_chain_is_none() {
    assert!(chain("crate::b::B").report().circles.is_empty());
    assert!(chain("std::fmt").report().circles.is_empty());
}

#[test]
fn tests_may_import_what_they_like() {
    let house = top(&[
        ("lib.rs", "mod model; mod uses; #[cfg(test)] mod scene;"),
        (
            "model.rs",
            "pub struct M; #[cfg(test)] mod tests { use crate::uses::U; }",
        ),
        ("uses.rs", "pub struct U;"),
        ("scene.rs", "use crate::uses::U;"),
    ]);
    assert!(house.report().is_clean());
}

#[test]
fn a_function_over_the_limit_is_named_in_tests_too() {
    let long = "fn short() {}\n\nfn long() {\n    a();\n    b();\n    c();\n    d();\n    // not code\n\n    e();\n    f();\n}\n";
    let house = House::new(&[
        ("left/Cargo.toml", &manifest("left", "")),
        (
            "left/src/lib.rs",
            "fn fits() {\n    1;\n    2;\n    3;\n    4;\n    5;\n}\n",
        ),
        ("left/tests/all.rs", long),
    ]);
    let report = house.report();
    assert_eq!(report.long.len(), 1);
    let found = &report.long[0];
    assert_eq!(
        (found.function.as_str(), found.line, found.lines),
        ("long", 3, 6)
    );
    assert_eq!(found.file, PathBuf::from("crates/left/tests/all.rs"));
}
