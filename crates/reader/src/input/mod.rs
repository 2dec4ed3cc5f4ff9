//! From a file's bytes to the numbers a network sees.
//!
//! There is one path, and training and prediction both take it: [`decode`] (DICOM, PNG or JPEG to
//! a greyscale [`Image`]), then [`letterbox`] or [`augment`] (aspect kept, centred in a square),
//! then [`normalise`]. [`quality`] judges the picture before anything is read out of it.

mod augment;
mod dicom;
mod jpeg;
mod picture;
mod png;
mod quality;
mod resize;

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Error;

pub use augment::{Affine, Augment, augment};
pub use dicom::transfer_syntaxes;
pub use picture::{Format, Image, Limits, Meta};
pub use quality::{Finding, Quality, quality};
pub use resize::{Frame, Norm, letterbox, letterbox_frame, normalise, preprocess, resized};

/// A decoded file.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The picture, upright, dense matter bright.
    pub image: Image,
    /// What the reader of the result should know, in words.
    pub warnings: Vec<String>,
    /// SHA-256 of the file's bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// What the file says.
    pub meta: Meta,
}

/// Decode a file's bytes.
///
/// # Errors
/// [`Error::Input`] when the bytes are no DICOM, PNG or JPEG file or are damaged beyond a few
/// missing bytes, [`Error::TooLarge`] when they would cost more than `limits`.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, Error> {
    if bytes.is_empty() {
        return Err(Error::Input(
            "the file is empty (0 bytes): export or upload it again".into(),
        ));
    }
    if bytes.len() > limits.max_bytes {
        return Err(Error::TooLarge(format!(
            "the file has {} bytes, at most {} are read",
            bytes.len(),
            limits.max_bytes
        )));
    }
    let (image, meta, warnings) = match Format::of(bytes) {
        Some(Format::Jpeg) => guarded("JPEG", || jpeg::decode(bytes, limits))?,
        Some(Format::Png) => guarded("PNG", || png::decode(bytes, limits))?,
        Some(Format::Dicom) => guarded("DICOM", || dicom::decode(bytes, limits))?,
        None => return Err(Error::Input(unknown_format(bytes))),
    };
    Ok(Decoded {
        image,
        warnings,
        sha256: hex::encode(Sha256::digest(bytes)),
        meta,
    })
}

/// Read and decode a file within the default [`Limits`].
///
/// # Errors
/// As [`decode`], and [`Error::File`] when the file cannot be read.
pub fn open(path: impl AsRef<Path>) -> Result<Decoded, Error> {
    let path = path.as_ref();
    let bytes = read(path, &Limits::default())?;
    decode(&bytes, &Limits::default())
}

/// Read a file's bytes, refusing one that is larger than `limits` before it is read.
///
/// # Errors
/// [`Error::File`] or [`Error::TooLarge`].
pub fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, Error> {
    let length = std::fs::metadata(path)
        .map_err(|e| Error::file(path, e))?
        .len();
    if length > limits.max_bytes as u64 {
        return Err(Error::TooLarge(format!(
            "{}: {length} bytes, at most {} are read",
            path.display(),
            limits.max_bytes
        )));
    }
    std::fs::read(path).map_err(|e| Error::file(path, e))
}

fn unknown_format(bytes: &[u8]) -> String {
    let start = bytes.get(..4.min(bytes.len())).unwrap_or_default();
    format!(
        "the file is neither DICOM, PNG nor JPEG (it starts with {}): export it as one of these",
        hex::encode(start)
    )
}

/// Decoders of third parties read hostile bytes here: should one of them panic, it is an error of
/// the file and not the end of the program.
fn guarded<T>(what: &str, decode: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(Error::Input(format!(
            "the {what} data is damaged: export the file again"
        )))
    })
}
