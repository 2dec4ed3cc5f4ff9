//! What can go wrong, in words that say what to do next.

use std::path::{Path, PathBuf};

/// Why an upload was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too much waits already: try again in a moment (HTTP 503 with Retry-After).
    #[error("the reader is busy: try again in a moment")]
    Busy,
    /// This upload alone is larger than the queue may hold.
    #[error("the image is larger than the reader takes in")]
    TooLarge,
    /// The worker has ended.
    #[error("the reader has stopped")]
    Stopped,
}

/// Every failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A weights file is not what it says it is.
    #[error("weights: {0}")]
    Weights(String),
    /// A model folder is not a model, or is not the model that its card describes.
    #[error("model {path}: {reason}", path = path.display())]
    Model {
        /// The model folder.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A weights file whose bytes are not those that the model's description names.
    #[error(
        "model {path}: SHA-256 is {found}, {expected} was expected; the file was changed or damaged: fetch the model again",
        path = path.display()
    )]
    Digest {
        /// The weights file.
        path: PathBuf,
        /// Digest in the model's description.
        expected: String,
        /// Digest of the bytes that were read.
        found: String,
    },
    /// A network description that does not fit its input or its weights.
    #[error("network: {0}")]
    Network(String),
    /// A data set that cannot be used as it is.
    #[error("data: {0}")]
    Data(String),
    /// A group (patient) stands in more than one split.
    #[error(
        "{count} group(s) stand in more than one split, for example {example:?}; figures from such a split are worthless: put each group on one side"
    )]
    Leak {
        /// How many groups leak.
        count: usize,
        /// Some of them.
        example: Vec<String>,
    },
    /// A training configuration that cannot work.
    #[error("training: {0}")]
    Training(String),
    /// An inference engine failed or is not there.
    #[error("engine {engine}: {reason}")]
    Engine {
        /// Its name.
        engine: &'static str,
        /// What it said.
        reason: String,
    },
    /// An image file that cannot be read.
    #[error("{0}")]
    Input(String),
    /// An image file that would cost more than the decoding limits allow.
    #[error("too large: {0}; export it smaller")]
    TooLarge(String),
    /// An upload that was not taken in: nothing is known about the image.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// JSON that does not parse or does not say what it must.
    #[error("{path}: {source}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
}

impl Error {
    /// A file error with its path.
    pub fn file(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::File {
            path: path.as_ref().to_owned(),
            source,
        }
    }

    /// A JSON error with the path of the file it is about.
    pub fn json(path: impl AsRef<Path>, source: serde_json::Error) -> Self {
        Self::Json {
            path: path.as_ref().to_owned(),
            source,
        }
    }

    /// A model error.
    pub fn model(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Model {
            path: path.as_ref().to_owned(),
            reason: reason.into(),
        }
    }
}
