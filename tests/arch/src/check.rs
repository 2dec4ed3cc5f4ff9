//! Holds a checkout to the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::circles::circles;
use crate::error::{Error, read};
use crate::krate::{Crate, rust_files, tokens};
use crate::length::functions;
use crate::plan::{Modules, Plan};

/// Folders of a crate that are no part of its program and whose functions are measured all the same.
const BESIDE: [&str; 3] = ["tests", "examples", "benches"];

/// What is wrong; all lists are empty when nothing is.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Files that import each other in a circle.
    pub circles: Vec<Vec<PathBuf>>,
    /// Arrows that the plan does not allow.
    pub upward: Vec<Upward>,
    /// Functions that are too long.
    pub long: Vec<Long>,
}

/// An arrow that the plan does not allow.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Upward {
    /// The crate or module that uses the other.
    pub from: String,
    /// What it uses.
    pub to: String,
    /// Where that stands.
    pub file: PathBuf,
    /// Why that is wrong.
    pub why: String,
}

/// A function that is too long.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Long {
    /// Where it stands.
    pub file: PathBuf,
    /// The line of its name.
    pub line: usize,
    /// Its name.
    pub function: String,
    /// The lines of code in its body.
    pub lines: usize,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.circles.is_empty() && self.upward.is_empty() && self.long.is_empty()
    }
}

/// What the check needs of a `Cargo.toml`.
#[derive(Debug, Deserialize)]
struct Manifest {
    package: Package,
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
    #[serde(default, rename = "build-dependencies")]
    build_dependencies: BTreeMap<String, toml::Value>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
}

/// Holds the crates under `root/crates` to the plan. Paths in the report begin at `root`.
///
/// # Errors
/// When the source cannot be read.
pub fn check(root: &Path, plan: &Plan) -> Result<Report, Error> {
    let mut report = Report::default();
    for folder in crates(&root.join("crates"))? {
        let path = folder.join("Cargo.toml");
        let manifest: Manifest = toml::from_str(&read(&path)?).map_err(|reason| Error::Table {
            path: path.clone(),
            reason: Box::new(reason),
        })?;
        dependencies(&mut report, plan, &manifest, &below(root, &path));
        imports(
            &mut report,
            plan,
            &manifest.package.name,
            &folder.join("src"),
            root,
        )?;
        for part in ["src"].iter().chain(&BESIDE) {
            lengths(&mut report, plan, &folder.join(part), root)?;
        }
    }
    for own in ["tests/arch", "fuzz/fuzz_targets"] {
        lengths(&mut report, plan, &root.join(own), root)?;
    }
    report.upward.sort();
    report.upward.dedup();
    report.long.sort();
    Ok(report)
}

/// The folders that hold a crate.
fn crates(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.join("Cargo.toml").is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Holds a crate's dependencies to the floors of the workspace.
fn dependencies(report: &mut Report, plan: &Plan, manifest: &Manifest, file: &Path) {
    let from = manifest.package.name.as_str();
    let mut say = |to: &str, why: String| {
        report.upward.push(Upward {
            from: from.to_owned(),
            to: to.to_owned(),
            file: file.to_owned(),
            why,
        });
    };
    for to in manifest
        .dependencies
        .keys()
        .chain(manifest.build_dependencies.keys())
    {
        if plan.only_for_tests(to) && !plan.only_for_tests(from) {
            say(
                to,
                format!("{to} is for tests alone: name it under [dev-dependencies]"),
            );
        }
        match (plan.crate_floor(from), plan.crate_floor(to)) {
            (Some(own), Some(other)) if other < own => say(to, format!("{to} stands above {from}")),
            (Some(own), Some(other)) if other == own && !plan.allows_sideways(from, to) => {
                say(
                    to,
                    format!(
                        "{to} and {from} stand on one floor, and no [[sideways]] allows the arrow"
                    ),
                );
            }
            (None, Some(_)) if !plan.only_for_tests(from) => {
                say(to, format!("{from} has no floor in tests/arch/layers.toml"));
            }
            _ => {}
        }
        let names = |list: &[String], name: &str| list.iter().any(|member| member == name);
        for rule in plan
            .forbidden
            .iter()
            .filter(|rule| names(&rule.from, from) && names(&rule.to, to))
        {
            say(to, rule.reason.clone());
        }
    }
}

/// Holds a crate's imports to circles and to the floors of its modules.
fn imports(
    report: &mut Report,
    plan: &Plan,
    name: &str,
    src: &Path,
    root: &Path,
) -> Result<(), Error> {
    let arrows = Crate::read(src)?.arrows();
    let mut files: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for arrow in &arrows {
        files
            .entry(below(root, &arrow.from))
            .or_default()
            .insert(below(root, &arrow.to));
    }
    report.circles.extend(circles(&files, plan.limits.circle));
    let Some(floors) = plan.modules.get(name) else {
        return Ok(());
    };
    for arrow in &arrows {
        if let Some((from, to)) = upward(floors, &arrow.from_module, &arrow.to_module) {
            let why = format!("{to} stands above {from}: `{}`", arrow.path);
            let file = below(root, &arrow.from);
            report.upward.push(Upward {
                from: format!("{name}::{from}"),
                to: format!("{name}::{to}"),
                file,
                why,
            });
        }
    }
    Ok(())
}

/// The two names in the table, when an arrow between modules leads upwards.
fn upward(floors: &Modules, from: &[String], to: &[String]) -> Option<(String, String)> {
    let (own, from) = floors.floor(from)?;
    let (other, to) = floors.floor(to)?;
    (other < own).then_some((from, to))
}

/// Measures the functions of a folder.
fn lengths(report: &mut Report, plan: &Plan, folder: &Path, root: &Path) -> Result<(), Error> {
    for file in rust_files(folder)? {
        for function in functions(&read(&file)?, tokens(&file)?) {
            if function.lines > plan.limits.function {
                let (line, lines) = (function.line, function.lines);
                report.long.push(Long {
                    file: below(root, &file),
                    line,
                    function: function.name,
                    lines,
                });
            }
        }
    }
    Ok(())
}

/// A path as seen from the root of the checkout.
fn below(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_owned()
}
