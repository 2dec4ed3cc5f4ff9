//! A DICOM file: its header, if it has one, and its data set.

use std::borrow::Cow;
use std::io::Read;

use super::DicomLimits;
use super::data_set::DataSet;
use super::structure::{begins_explicit, sniff};
use super::syntax::{DEFLATED, Encoding, encoding_of};
use super::tags::TRANSFER_SYNTAX_UID;
use crate::error::{Error, Result, at_most};

const PREAMBLE: usize = 128;
const MAGIC: &[u8] = b"DICM";
/// How often a deflated data set may be larger than the file; radiographs deflate to a half or a
/// third.
const INFLATION: usize = 10;
/// A deflated data set may always have this size: a small file of few greys.
const SMALL: usize = 64 << 20;

/// A DICOM file whose structure has been read, from the first byte to the last.
pub struct DicomFile<'a> {
    transfer_syntax: String,
    data_set: DataSet<'a>,
    headless: bool,
}

impl<'a> DicomFile<'a> {
    /// Reads the structure of a file.
    ///
    /// # Errors
    /// [`Error::EmptyFile`], [`Error::NotDicom`], [`Error::TruncatedImage`], [`Error::BadImage`]
    /// for what cannot be a DICOM file, [`Error::TooLarge`] for what exceeds a limit.
    pub fn open(bytes: &'a [u8], limits: &DicomLimits) -> Result<Self> {
        let most = limits.file_bytes.min(u32::MAX as usize - 1);
        at_most("DICOM file", bytes.len(), most)?;
        if bytes.is_empty() {
            return Err(Error::EmptyFile);
        }
        let Some(start) = header_at(bytes) else {
            let encoding = sniff(bytes).ok_or(Error::NotDicom)?;
            return Self::headless(bytes, encoding, limits);
        };
        let body = &bytes[start..];
        let (meta, len) = DataSet::parse_meta(body, limits)?;
        let rest = &body[len..];
        let Some(uid) = meta.text(TRANSFER_SYNTAX_UID) else {
            let why = "it names no transfer syntax; export it again";
            let encoding = sniff(rest).ok_or_else(|| Error::bad_image(why))?;
            return Self::headless(rest, encoding, limits);
        };
        let Some(encoding) = encoding_of(&uid) else {
            let why = format!(
                "its transfer syntax {uid:?} is not known; export it uncompressed, as JPEG, JPEG 2000 or RLE"
            );
            return Err(Error::bad_image(why));
        };
        let data = if uid == DEFLATED {
            Cow::Owned(inflate(rest, limits)?)
        } else {
            Cow::Borrowed(rest)
        };
        let encoding = really(encoding, &data);
        Ok(Self {
            transfer_syntax: uid,
            data_set: DataSet::parse(data, encoding, limits)?,
            headless: false,
        })
    }

    fn headless(bytes: &'a [u8], encoding: Encoding, limits: &DicomLimits) -> Result<Self> {
        Ok(Self {
            transfer_syntax: encoding.uid().to_owned(),
            data_set: DataSet::parse(Cow::Borrowed(bytes), encoding, limits)?,
            headless: true,
        })
    }

    /// The transfer syntax UID; where the file has no header, what its first bytes tell.
    #[must_use]
    pub fn transfer_syntax(&self) -> &str {
        &self.transfer_syntax
    }

    /// Whether the file has no header that names its transfer syntax.
    #[must_use]
    pub fn is_headless(&self) -> bool {
        self.headless
    }

    /// The elements.
    #[must_use]
    pub fn data_set(&self) -> &DataSet<'a> {
        &self.data_set
    }
}

/// Whether `bytes` begin as a DICOM file does: `DICM` behind a preamble of 128 bytes, or, as older
/// archives and discs have it, a header without the preamble or a data set alone.
#[must_use]
pub fn is_dicom(bytes: &[u8]) -> bool {
    header_at(bytes).is_some() || sniff(bytes).is_some()
}

/// Where the file meta group begins.
fn header_at(bytes: &[u8]) -> Option<usize> {
    if bytes.get(PREAMBLE..PREAMBLE + MAGIC.len()) == Some(MAGIC) {
        Some(PREAMBLE + MAGIC.len())
    } else if bytes.starts_with(MAGIC) && bytes.get(4..6) == Some(&[2, 0]) {
        Some(MAGIC.len())
    } else if bytes.starts_with(&[2, 0]) && begins_explicit(bytes) {
        Some(0)
    } else {
        None
    }
}

/// How a data set is written whose header may be wrong about it.
fn really(said: Encoding, data: &[u8]) -> Encoding {
    if said == Encoding::IMPLICIT && begins_explicit(data) {
        Encoding::EXPLICIT
    } else {
        said
    }
}

fn inflate(deflated: &[u8], limits: &DicomLimits) -> Result<Vec<u8>> {
    let limit = limits
        .inflated_bytes
        .min(deflated.len().saturating_mul(INFLATION).max(SMALL));
    let mut inflated = Vec::new();
    let mut reader = flate2::read::DeflateDecoder::new(deflated).take(limit as u64 + 1);
    reader
        .read_to_end(&mut inflated)
        .map_err(|e| Error::bad_image(format!("its data set does not inflate: {e}")))?;
    at_most("inflated DICOM data set", inflated.len(), limit)?;
    Ok(inflated)
}
