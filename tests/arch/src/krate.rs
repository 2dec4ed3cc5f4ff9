//! A crate's modules and the arrows between them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use proc_macro2::TokenStream;

use crate::error::{Error, read};
use crate::module::{self, Import, Module, Segments};

/// How many `pub use` a name is followed through.
const DEPTH: usize = 16;

/// The modules of a crate's program, without its tests.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    modules: BTreeMap<Segments, (PathBuf, Module)>,
}

/// One module uses another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    /// Which file does.
    pub(crate) from: PathBuf,
    /// Its module.
    pub(crate) from_module: Segments,
    /// The file that is used.
    pub(crate) to: PathBuf,
    /// Its module.
    pub(crate) to_module: Segments,
    /// How the source says it.
    pub(crate) path: String,
}

impl Crate {
    /// Reads `src` of a crate. Programs under `src/bin` are crates of their own and left out.
    ///
    /// # Errors
    /// When a file cannot be read or is no Rust.
    pub(crate) fn read(src: &Path) -> Result<Self, Error> {
        let mut found = Self::default();
        for file in rust_files(src)? {
            let within = file.strip_prefix(src).unwrap_or(&file);
            if within.starts_with("bin") {
                continue;
            }
            let tokens = tokens(&file)?;
            for module in module::modules(module_path(within), tokens) {
                found
                    .modules
                    .insert(module.path.clone(), (file.clone(), module));
            }
        }
        let tests: Vec<Segments> = found
            .modules
            .values()
            .flat_map(|(_, module)| module.test_files.clone())
            .collect();
        found
            .modules
            .retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
        Ok(found)
    }

    /// Every arrow from one module to another, each once.
    pub(crate) fn arrows(&self) -> BTreeSet<Arrow> {
        self.modules
            .values()
            .flat_map(|(file, module)| self.arrows_of(file, module))
            .collect()
    }

    fn arrows_of(&self, file: &Path, module: &Module) -> Vec<Arrow> {
        let arrow = |said: &Segments, to: &Segments| Arrow {
            from: file.to_owned(),
            from_module: module.path.clone(),
            to: self.modules[to].0.clone(),
            to_module: to.clone(),
            path: said.join("::"),
        };
        let mut arrows = Vec::new();
        for import in &module.imports {
            let Some(path) = self.absolute(module, &import.path, DEPTH) else {
                continue;
            };
            if import.name == "*" {
                arrows.extend(
                    self.through_glob(module, import, &path)
                        .iter()
                        .map(|to| arrow(&import.path, to)),
                );
            } else if !import.public || module.words.contains(&import.name) {
                // A name that is only handed on makes no arrow: who uses it is led to where it is defined.
                arrows.extend(
                    self.resolve(&path, DEPTH)
                        .map(|to| arrow(&import.path, &to)),
                );
            }
        }
        for said in &module.paths {
            let to = self
                .absolute(module, said, DEPTH)
                .and_then(|path| self.resolve(&path, DEPTH));
            arrows.extend(to.map(|to| arrow(said, &to)));
        }
        arrows.retain(|arrow| arrow.from != arrow.to);
        arrows
    }

    /// The modules whose names a `use path::*` brings in, as far as they are named.
    fn through_glob(
        &self,
        module: &Module,
        import: &Import,
        path: &Segments,
    ) -> BTreeSet<Segments> {
        let Some((_, target)) = self.modules.get(path) else {
            return BTreeSet::new();
        };
        if import.public && !target.items.iter().any(|item| module.words.contains(item)) {
            return BTreeSet::new();
        }
        let handed_on = target.imports.iter().map(|import| &import.name);
        target
            .items
            .iter()
            .chain(handed_on)
            .filter(|name| module.words.contains(*name))
            .filter_map(|name| {
                self.resolve(
                    &[path.as_slice(), std::slice::from_ref(name)].concat(),
                    DEPTH,
                )
            })
            .collect()
    }

    /// A path as seen from the crate's root; none when it leads out of the crate.
    fn absolute(&self, module: &Module, path: &[String], depth: usize) -> Option<Segments> {
        let depth = depth.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        let mut base = module.path.clone();
        match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "self" => return Some([base.as_slice(), rest].concat()),
            "super" => {
                let ups = path
                    .iter()
                    .take_while(|segment| *segment == "super")
                    .count();
                base.truncate(base.len().checked_sub(ups)?);
                return Some([base.as_slice(), &path[ups..]].concat());
            }
            _ => base.push(first.clone()),
        }
        if self.modules.contains_key(&base) {
            return Some([base.as_slice(), rest].concat());
        }
        let import = module
            .imports
            .iter()
            .find(|import| import.name == *first && import.path != path)?;
        if import.path.first() == Some(first) {
            return None;
        }
        let start = self.absolute(module, &import.path, depth)?;
        Some([start.as_slice(), rest].concat())
    }

    /// The module that defines what an absolute path names, through any `pub use`.
    fn resolve(&self, path: &[String], depth: usize) -> Option<Segments> {
        let depth = depth.checked_sub(1)?;
        let mut at: Segments = Vec::new();
        for (i, segment) in path.iter().enumerate() {
            let mut child = at.clone();
            child.push(segment.clone());
            if self.modules.contains_key(&child) {
                at = child;
                continue;
            }
            let (_, module) = self.modules.get(&at)?;
            let rest = &path[i + 1..];
            if let Some(import) = module.imports.iter().find(|import| import.name == *segment) {
                let start = self.absolute(module, &import.path, depth)?;
                return self.resolve(&[start.as_slice(), rest].concat(), depth);
            }
            if module.items.contains(segment) {
                return Some(at);
            }
            return self.through_globs(module, &path[i..], depth).or(Some(at));
        }
        self.modules.contains_key(&at).then_some(at)
    }

    /// Follows `pub use inner::*`.
    fn through_globs(&self, module: &Module, path: &[String], depth: usize) -> Option<Segments> {
        module
            .imports
            .iter()
            .filter(|import| import.name == "*")
            .find_map(|import| {
                let start = self.absolute(module, &import.path, depth)?;
                let (_, target) = self.modules.get(&start)?;
                let mut child = start.clone();
                child.push(path.first()?.clone());
                let has = target.items.contains(&path[0])
                    || target.imports.iter().any(|import| import.name == path[0])
                    || self.modules.contains_key(&child);
                if has {
                    self.resolve(&[start.as_slice(), path].concat(), depth)
                } else {
                    None
                }
            })
    }
}

/// A file's tokens.
pub(crate) fn tokens(file: &Path) -> Result<TokenStream, Error> {
    TokenStream::from_str(&read(file)?).map_err(|reason| Error::Source {
        path: file.to_owned(),
        reason,
    })
}

/// The Rust files below a folder, in order; none when there is no such folder.
pub(crate) fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// `upload/mod.rs` and `upload.rs` are the module `upload`; `lib.rs` and `main.rs` are the root.
fn module_path(file: &Path) -> Segments {
    let mut path: Segments = file
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let root = path.len() == 1 && matches!(path[0].as_str(), "lib" | "main");
    if root || path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}
