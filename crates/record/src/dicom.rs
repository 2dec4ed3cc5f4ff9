//! Reading the header of a DICOM file (PS3.10) and comparing its patient with the chosen one.
//!
//! Only metadata is read; pixels are not decoded. The tokens come from dicom-rs; this module
//! keeps the limits: size of the file, number and nesting of elements, length of each against
//! what is left of the file, size of an inflated data set. Nothing is allocated for a length that
//! the file merely claims.
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use dicom_core::dictionary::UidDictionary;
use dicom_core::{PrimitiveValue, Tag};
use dicom_dictionary_std::{StandardSopClassDictionary, tags, uids};
use dicom_encoding::TransferSyntaxIndex;
use dicom_parser::StatefulDecode;
use dicom_parser::dataset::LazyDataToken;
use dicom_parser::dataset::lazy_read::LazyDataSetReader;
use dicom_transfer_syntax_registry::{TransferSyntax, TransferSyntaxRegistry, entries};

use crate::error::{Error, Result, at_most};

/// Limits for reading a DICOM file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DicomLimits {
    /// Most bytes of the file.
    pub file_bytes: usize,
    /// Most bytes of a data set after inflating (transfer syntax Deflated Explicit VR).
    pub inflated_bytes: usize,
    /// Most elements and items before the pixel data.
    pub elements: usize,
    /// Deepest nesting of sequences.
    pub depth: usize,
    /// Most bytes of a value that is read (others are skipped unread).
    pub value_bytes: usize,
}

impl Default for DicomLimits {
    fn default() -> Self {
        Self {
            file_bytes: 512 * 1024 * 1024,
            inflated_bytes: 512 * 1024 * 1024,
            elements: 20_000,
            depth: 16,
            value_bytes: 16 * 1024,
        }
    }
}

/// What a DICOM file says about its patient. Values as written, trimmed; empty where absent.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DicomPatient {
    /// PatientID (0010,0020).
    pub id: String,
    /// PatientName (0010,0010), `Family^Given^Middle^Prefix^Suffix`.
    pub name: String,
    /// PatientBirthDate (0010,0030), `YYYYMMDD`.
    pub birth_date: String,
    /// PatientSex (0010,0040): `F`, `M` or `O`.
    pub sex: String,
}

impl core::fmt::Debug for DicomPatient {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("DicomPatient(hidden)")
    }
}

/// The header of a DICOM image. Text is empty and numbers are `None` where the file has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DicomSummary {
    /// The patient. Hidden from `Debug`.
    pub patient: DicomPatient,
    /// StudyInstanceUID.
    pub study_uid: String,
    /// SeriesInstanceUID.
    pub series_uid: String,
    /// SOPInstanceUID.
    pub sop_instance_uid: String,
    /// SOPClassUID.
    pub sop_class_uid: String,
    /// Modality, e.g. `CR`, `DX`.
    pub modality: String,
    /// StudyDate, `YYYYMMDD`.
    pub study_date: String,
    /// StudyTime, `HHMMSS.ffffff`.
    pub study_time: String,
    /// StudyDescription.
    pub study_description: String,
    /// SeriesNumber.
    pub series_number: Option<u32>,
    /// InstanceNumber.
    pub instance_number: Option<u32>,
    /// BodyPartExamined.
    pub body_part: String,
    /// ViewPosition.
    pub view_position: String,
    /// AccessionNumber.
    pub accession_number: String,
    /// Rows of the image.
    pub rows: Option<u32>,
    /// Columns of the image.
    pub columns: Option<u32>,
    /// PhotometricInterpretation, e.g. `MONOCHROME1`.
    pub photometric: String,
    /// BitsStored.
    pub bits_stored: Option<u32>,
    /// NumberOfFrames; 1 where the file does not say.
    pub frames: u32,
    /// Transfer syntax UID.
    pub transfer_syntax: String,
}

impl DicomSummary {
    /// The SOP class in words, e.g. `Computed Radiography Image Storage`.
    pub fn sop_class_name(&self) -> Option<&'static str> {
        StandardSopClassDictionary
            .by_uid(&self.sop_class_uid)
            .map(|class| class.name)
    }
}

/// The tags that are read; all others are skipped.
const WANTED: [Tag; 23] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::MODALITY,
    tags::STUDY_DESCRIPTION,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::BODY_PART_EXAMINED,
    tags::VIEW_POSITION,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::SERIES_NUMBER,
    tags::INSTANCE_NUMBER,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_STORED,
];

/// The elements that hold pixels.
const PIXELS: [Tag; 3] = [
    tags::PIXEL_DATA,
    tags::FLOAT_PIXEL_DATA,
    tags::DOUBLE_FLOAT_PIXEL_DATA,
];

const ITEM: Tag = Tag(0xfffe, 0xe000);
const PREAMBLE: usize = 128;
const MAGIC: &[u8] = b"DICM";

/// Whether `bytes` begin as a DICOM file does: `DICM` after a preamble of 128 bytes.
pub fn is_dicom(bytes: &[u8]) -> bool {
    bytes.get(PREAMBLE..PREAMBLE + MAGIC.len()) == Some(MAGIC)
}

/// Reads the header of a DICOM file.
///
/// # Errors
/// [`Error::EmptyFile`], [`Error::NotDicom`], [`Error::TruncatedImage`], [`Error::BadImage`] for
/// what cannot be a DICOM image, [`Error::TooLarge`] for what exceeds a limit.
pub fn read(bytes: &[u8], limits: &DicomLimits) -> Result<DicomSummary> {
    at_most("DICOM file", bytes.len(), limits.file_bytes)?;
    if bytes.is_empty() {
        return Err(Error::EmptyFile);
    }
    if !is_dicom(bytes) {
        return Err(Error::NotDicom);
    }
    let body = &bytes[PREAMBLE + MAGIC.len()..];
    let (syntax_uid, meta_len) = read_meta(body, limits)?;
    let dataset = &body[meta_len..];
    let Some(syntax) = TransferSyntaxRegistry.get(&syntax_uid) else {
        let reason = format!("its transfer syntax {syntax_uid:?} is not known");
        return Err(Error::BadImage { reason });
    };
    let found = if syntax_uid == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN {
        let inflated = inflate(dataset, limits.inflated_bytes)?;
        // The inflated data set is explicit VR, little endian (PS3.5, A.5).
        scan(
            &inflated,
            &entries::EXPLICIT_VR_LITTLE_ENDIAN.erased(),
            limits,
        )?
    } else {
        scan(dataset, syntax, limits)?
    };
    summary(&found, syntax_uid)
}

/// Reads the file meta group, always explicit VR little endian. Returns the transfer syntax and
/// the group's length.
fn read_meta(body: &[u8], limits: &DicomLimits) -> Result<(String, usize)> {
    let syntax = entries::EXPLICIT_VR_LITTLE_ENDIAN.erased();
    let mut walk = Walk::new(body, &syntax, limits)?;
    let mut uid = None;
    loop {
        match walk.step(&|tag| tag == tags::TRANSFER_SYNTAX_UID)? {
            Step::Begins(tag) if tag.group() != 2 => break,
            Step::Value(_, value) => uid = Some(text(&value)),
            Step::End => break,
            Step::Begins(_) | Step::Inside => {}
        }
    }
    match uid {
        Some(uid) if !uid.is_empty() => Ok((uid, walk.consumed)),
        _ => Err(bad_image("it names no transfer syntax")),
    }
}

fn inflate(deflated: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut inflated = Vec::new();
    let mut reader = flate2::read::DeflateDecoder::new(deflated).take(limit as u64 + 1);
    reader
        .read_to_end(&mut inflated)
        .map_err(|e| Error::BadImage {
            reason: format!("its data set does not inflate: {e}"),
        })?;
    at_most("inflated DICOM data set", inflated.len(), limit)?;
    Ok(inflated)
}

struct Found {
    values: BTreeMap<Tag, PrimitiveValue>,
    pixels: bool,
}

/// Walks the whole data set, so that a file cut short is caught wherever it was cut.
fn scan(dataset: &[u8], syntax: &TransferSyntax, limits: &DicomLimits) -> Result<Found> {
    let mut walk = Walk::new(dataset, syntax, limits)?;
    let mut found = Found {
        values: BTreeMap::new(),
        pixels: false,
    };
    loop {
        match walk.step(&|tag| WANTED.contains(&tag))? {
            Step::Begins(tag) => found.pixels |= PIXELS.contains(&tag),
            Step::Value(tag, value) => drop(found.values.insert(tag, value)),
            Step::Inside => {}
            Step::End => return Ok(found),
        }
    }
}

/// A walk over the elements of a data set, with the limits kept at every step.
struct Walk<'a> {
    reader: LazyDataSetReader<dicom_parser::DynStatefulDecoder<Cursor<&'a [u8]>>>,
    limits: &'a DicomLimits,
    len: u64,
    elements: usize,
    nested: Vec<Nest>,
    /// Bytes up to the end of the last value that was read or skipped.
    consumed: usize,
}

/// What a walk is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nest {
    Sequence,
    Item,
}

/// What one step of a walk met.
enum Step {
    /// An element of the top level begins.
    Begins(Tag),
    /// The value of a wanted element of the top level.
    Value(Tag, PrimitiveValue),
    /// Something that is skipped.
    Inside,
    /// The end of the data set.
    End,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], syntax: &TransferSyntax, limits: &'a DicomLimits) -> Result<Self> {
        let reader =
            LazyDataSetReader::new_with_ts(Cursor::new(bytes), syntax).map_err(|e| bad(&e))?;
        let len = bytes.len() as u64;
        Ok(Self {
            reader,
            limits,
            len,
            elements: 0,
            nested: Vec::new(),
            consumed: 0,
        })
    }

    fn step(&mut self, wanted: &dyn Fn(Tag) -> bool) -> Result<Step> {
        self.elements += 1;
        at_most("DICOM elements", self.elements, self.limits.elements)?;
        let top = self.nested.is_empty();
        let (len, limits) = (self.len, self.limits);
        let token = match self.reader.advance() {
            None if top => return Ok(Step::End),
            None => {
                return Err(Error::TruncatedImage {
                    at: self.consumed as u64,
                });
            }
            Some(token) => token.map_err(|e| bad_token(&e, self.consumed))?,
        };
        match token {
            LazyDataToken::LazyValue { header, decoder } => {
                self.consumed = value_end(decoder.position(), header.len.0, len)?;
                if top && wanted(header.tag) {
                    at_most("DICOM value", header.len.0 as usize, limits.value_bytes)?;
                    let value = decoder.read_value_preserved(&header).map_err(|e| bad(&e))?;
                    return Ok(Step::Value(header.tag, value));
                }
                decoder.skip_bytes(header.len.0).map_err(|e| bad(&e))?;
                Ok(Step::Inside)
            }
            LazyDataToken::LazyItemValue {
                len: claimed,
                decoder,
            } => {
                self.consumed = value_end(decoder.position(), claimed, len)?;
                decoder.skip_bytes(claimed).map_err(|e| bad(&e))?;
                Ok(Step::Inside)
            }
            LazyDataToken::ElementHeader(header) if top => Ok(Step::Begins(header.tag)),
            LazyDataToken::ElementHeader(_) => Ok(Step::Inside),
            LazyDataToken::SequenceStart { tag, .. } => self.enter(Nest::Sequence, tag),
            LazyDataToken::PixelSequenceStart => self.enter(Nest::Sequence, tags::PIXEL_DATA),
            LazyDataToken::ItemStart { .. } => self.enter(Nest::Item, ITEM),
            LazyDataToken::SequenceEnd => self.leave(Nest::Sequence),
            LazyDataToken::ItemEnd => self.leave(Nest::Item),
            _ => Err(bad_image("it has an element of unknown kind")),
        }
    }

    fn enter(&mut self, nest: Nest, tag: Tag) -> Result<Step> {
        let top = self.nested.is_empty();
        self.nested.push(nest);
        // A sequence and its items are two steps of nesting.
        at_most("DICOM nesting", self.nested.len(), self.limits.depth * 2)?;
        Ok(if top { Step::Begins(tag) } else { Step::Inside })
    }

    /// Refusing an end that does not fit also keeps the token reader from meeting an item outside
    /// of any sequence, on which dicom-parser 0.10 panics.
    fn leave(&mut self, nest: Nest) -> Result<Step> {
        if self.nested.pop() == Some(nest) {
            return Ok(Step::Inside);
        }
        Err(bad_image("a sequence or item ends that never began"))
    }
}

/// Where a value of `claimed` bytes ends, or that it is not all there.
fn value_end(start: u64, claimed: u32, len: u64) -> Result<usize> {
    let end = start.saturating_add(u64::from(claimed));
    // At most the length of a slice, so it fits.
    if end <= len {
        Ok(end as usize)
    } else {
        Err(Error::TruncatedImage { at: start })
    }
}

fn bad_image(reason: &str) -> Error {
    Error::BadImage {
        reason: reason.to_owned(),
    }
}

/// Messages of an error and its sources. dicom-rs puts tags, lengths and positions in them, no
/// values.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

fn bad(error: &dyn std::error::Error) -> Error {
    Error::BadImage {
        reason: chain(error),
    }
}

/// An unexpected end of the bytes is a truncated file; everything else a bad one.
fn bad_token(error: &(dyn std::error::Error + 'static), at: usize) -> Error {
    let mut source = Some(error);
    while let Some(inner) = source {
        let eof = inner
            .downcast_ref::<std::io::Error>()
            .is_some_and(|e| e.kind() == std::io::ErrorKind::UnexpectedEof);
        if eof {
            return Error::TruncatedImage { at: at as u64 };
        }
        source = inner.source();
    }
    Error::BadImage {
        reason: chain(error),
    }
}

fn text(value: &PrimitiveValue) -> String {
    value
        .to_str()
        .trim_matches(|c: char| c.is_whitespace() || c == '\0')
        .to_owned()
}

fn summary(found: &Found, transfer_syntax: String) -> Result<DicomSummary> {
    let get = |tag: Tag| found.values.get(&tag).map(text).unwrap_or_default();
    let number = |tag: Tag| {
        let value = found.values.get(&tag)?;
        value.to_int::<u32>().ok()
    };
    let summary = DicomSummary {
        patient: DicomPatient {
            id: get(tags::PATIENT_ID),
            name: get(tags::PATIENT_NAME),
            birth_date: get(tags::PATIENT_BIRTH_DATE),
            sex: get(tags::PATIENT_SEX),
        },
        study_uid: get(tags::STUDY_INSTANCE_UID),
        series_uid: get(tags::SERIES_INSTANCE_UID),
        sop_instance_uid: get(tags::SOP_INSTANCE_UID),
        sop_class_uid: get(tags::SOP_CLASS_UID),
        modality: get(tags::MODALITY),
        study_date: get(tags::STUDY_DATE),
        study_time: get(tags::STUDY_TIME),
        study_description: get(tags::STUDY_DESCRIPTION),
        series_number: number(tags::SERIES_NUMBER),
        instance_number: number(tags::INSTANCE_NUMBER),
        body_part: get(tags::BODY_PART_EXAMINED),
        view_position: get(tags::VIEW_POSITION),
        accession_number: get(tags::ACCESSION_NUMBER),
        rows: number(tags::ROWS),
        columns: number(tags::COLUMNS),
        photometric: get(tags::PHOTOMETRIC_INTERPRETATION),
        bits_stored: number(tags::BITS_STORED),
        frames: number(tags::NUMBER_OF_FRAMES).unwrap_or(1),
        transfer_syntax,
    };
    if summary.sop_instance_uid.is_empty() {
        return Err(bad_image("it names no instance (SOPInstanceUID)"));
    }
    if !found.pixels {
        return Err(bad_image(
            "it holds no pixels; send the image itself, whole",
        ));
    }
    Ok(summary)
}
