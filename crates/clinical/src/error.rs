//! The one error type of this crate.

/// Why a file or a resource cannot be used. Messages name the cause and what to do, and hold no
/// values of the file, so that they may be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More bytes or items than a limit allows.
    #[error("{what} is over the limit: {found} > {limit}")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// What was found.
        found: usize,
    },
    /// A file of no bytes.
    #[error("the file is empty; choose the image again")]
    EmptyFile,
    /// Not a DICOM file.
    #[error(
        "not a DICOM file: neither a header (DICM behind a preamble of 128 bytes) nor a data set begins it; export it as a DICOM file (PS3.10), or send PNG or JPEG"
    )]
    NotDicom,
    /// A file that ends early, or that claims more bytes than it has.
    #[error(
        "the image ends early: at byte {at} of its data an element is longer than the file; send it again"
    )]
    TruncatedImage {
        /// Where, in bytes of the part that was being read.
        at: u64,
    },
    /// An image file that cannot be read.
    #[error("the image cannot be read: {reason}")]
    BadImage {
        /// Why. Holds no values of the file.
        reason: String,
    },
    /// A FHIR resource that does not hold what is needed.
    #[error("the FHIR resource cannot be used: {path}: {reason}")]
    BadFhir {
        /// The element, as a FHIRPath.
        path: String,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// A name that programs can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::EmptyFile => "empty_file",
            Self::NotDicom => "not_dicom",
            Self::TruncatedImage { .. } => "truncated_image",
            Self::BadImage { .. } => "bad_image",
            Self::BadFhir { .. } => "bad_fhir",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "send a smaller file",
            Self::EmptyFile => "choose the file again",
            Self::NotDicom => "export the image as a DICOM file, PNG or JPEG",
            Self::TruncatedImage { .. } => "send the file again, whole",
            Self::BadImage { .. } => "export the image again",
            Self::BadFhir { .. } => "correct the element that is named",
        }
    }

    pub(crate) fn bad_image(reason: impl Into<String>) -> Self {
        Self::BadImage {
            reason: reason.into(),
        }
    }
}

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Refuses a `found` beyond `limit`.
pub(crate) fn at_most(what: &'static str, found: usize, limit: usize) -> Result<()> {
    if found > limit {
        Err(Error::TooLarge { what, limit, found })
    } else {
        Ok(())
    }
}
