//! What can go wrong while the source is read; what is wrong *with* it is a [`crate::Report`].

use std::path::PathBuf;

/// Why the source could not be held to the plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("{path}: {source}; run this inside a checkout of the repository")]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A table is not TOML, or lacks what it must have.
    #[error("{path}: {reason}; tests/arch/layers.toml shows the form")]
    Table {
        /// Which one.
        path: PathBuf,
        /// What the reader of TOML said.
        reason: Box<toml::de::Error>,
    },
    /// A source file is no Rust.
    #[error("{path}: {reason}; `cargo check` says more")]
    Source {
        /// Which one.
        path: PathBuf,
        /// What the lexer said.
        reason: proc_macro2::LexError,
    },
}

/// Reads a file.
pub(crate) fn read(path: &std::path::Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}
