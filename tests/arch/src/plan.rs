//! The plan of the house: `layers.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, read};

/// What the source is held to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The largest sizes.
    pub limits: Limits,
    /// The floors of the crates.
    pub workspace: Workspace,
    /// Arrows between crates of one floor that are allowed.
    #[serde(default)]
    pub sideways: Vec<Sideways>,
    /// Arrows that are forbidden wherever they lead.
    #[serde(default)]
    pub forbidden: Vec<Forbidden>,
    /// By crate, the floors of its modules.
    #[serde(default)]
    pub modules: BTreeMap<String, Modules>,
}

/// The largest sizes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Files of one crate that may import each other in a circle.
    pub circle: usize,
    /// Lines of code in one function.
    pub function: usize,
}

/// The floors of the crates.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// Top floor first.
    pub floors: Vec<Vec<String>>,
    /// Crates for tests alone.
    #[serde(default)]
    pub tests: Vec<String>,
}

/// An allowed arrow between two crates of one floor.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sideways {
    /// The crate that uses the other.
    pub from: String,
    /// The crate that is used.
    pub to: String,
    /// Why that is right.
    pub reason: String,
}

/// Arrows that are forbidden wherever they lead.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forbidden {
    /// Crates of the workspace.
    pub from: Vec<String>,
    /// Crates of the workspace or of others.
    pub to: Vec<String>,
    /// What would break.
    pub reason: String,
}

/// The floors of a crate's modules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modules {
    /// Top floor first; a module below another one is written `http::handlers`.
    pub floors: Vec<Vec<String>>,
}

impl Plan {
    /// Reads the plan.
    ///
    /// # Errors
    /// When the file cannot be read or is not such a table.
    pub fn read(path: &Path) -> Result<Self, Error> {
        toml::from_str(&read(path)?).map_err(|reason| Error::Table {
            path: path.to_owned(),
            reason: Box::new(reason),
        })
    }

    /// The floor of a crate, 0 at the top.
    pub(crate) fn crate_floor(&self, name: &str) -> Option<usize> {
        self.workspace
            .floors
            .iter()
            .position(|floor| floor.iter().any(|member| member == name))
    }

    /// Whether a crate is for tests alone.
    pub(crate) fn only_for_tests(&self, name: &str) -> bool {
        self.workspace.tests.iter().any(|test| test == name)
    }

    /// Whether an arrow between two crates of one floor is allowed.
    pub(crate) fn allows_sideways(&self, from: &str, to: &str) -> bool {
        self.sideways
            .iter()
            .any(|arrow| arrow.from == from && arrow.to == to && !arrow.reason.is_empty())
    }
}

impl Modules {
    /// The floor of a module, 0 at the top, and the name it is listed by: its own, or that of the
    /// nearest module around it.
    pub(crate) fn floor(&self, module: &[String]) -> Option<(usize, String)> {
        (1..=module.len()).rev().find_map(|length| {
            let name = module[..length].join("::");
            let floor = self.floors.iter().position(|floor| floor.contains(&name))?;
            Some((floor, name))
        })
    }
}
