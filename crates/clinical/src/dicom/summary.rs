//! The metadata of a DICOM image: patient, study, series, instance, size.

use super::DicomLimits;
use super::data_set::DataSet;
use super::file::DicomFile;
use super::tags::{self, Tag};
use crate::error::{Error, Result, at_most};

/// Most other numbers of a patient that are read.
const OTHER_IDS: usize = 16;

/// What a DICOM file says about its patient. Values as written, trimmed; empty where absent.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DicomPatient {
    /// PatientID (0010,0020).
    pub id: String,
    /// IssuerOfPatientID (0010,0021): whose number it is.
    pub issuer: String,
    /// OtherPatientIDs (0010,1000) and those of OtherPatientIDsSequence (0010,1002), at most 16.
    pub other_ids: Vec<String>,
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

/// The texts and numbers that the summary is made of, with the place of each.
const WANTED: [Tag; 25] = [
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
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::OTHER_PATIENT_IDS,
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

/// Reads the metadata of a DICOM image. The whole file is walked, so that one cut anywhere is
/// refused.
///
/// # Errors
/// Those of [`DicomFile::open`], and [`Error::BadImage`] where no instance is named or no pixels
/// are there.
pub fn read(bytes: &[u8], limits: &DicomLimits) -> Result<DicomSummary> {
    let file = DicomFile::open(bytes, limits)?;
    summary(file.data_set(), file.transfer_syntax(), limits)
}

fn summary(
    data_set: &DataSet<'_>,
    transfer_syntax: &str,
    limits: &DicomLimits,
) -> Result<DicomSummary> {
    for tag in WANTED {
        let len = data_set.element(tag).map_or(0, |e| e.bytes().len());
        at_most("DICOM value", len, limits.value_bytes)?;
    }
    let get = |tag: Tag| data_set.text(tag).unwrap_or_default();
    let number = |tag: Tag| data_set.integer(tag).and_then(|n| u32::try_from(n).ok());
    let summary = DicomSummary {
        patient: patient(data_set),
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
        transfer_syntax: transfer_syntax.to_owned(),
    };
    if summary.sop_instance_uid.is_empty() {
        return Err(Error::bad_image("it names no instance (SOPInstanceUID)"));
    }
    if !PIXELS.iter().any(|tag| data_set.has(*tag)) {
        let why = "it holds no pixels; send the image itself, whole";
        return Err(Error::bad_image(why));
    }
    Ok(summary)
}

fn patient(data_set: &DataSet<'_>) -> DicomPatient {
    let get = |tag: Tag| data_set.text(tag).unwrap_or_default();
    let retired = get(tags::OTHER_PATIENT_IDS);
    let listed = retired.split('\\').map(|id| id.trim().to_owned());
    let items = data_set.items(tags::OTHER_PATIENT_IDS_SEQUENCE);
    let sequence = items.take(OTHER_IDS);
    let sequence = sequence.filter_map(|item| item.text(tags::PATIENT_ID));
    DicomPatient {
        id: get(tags::PATIENT_ID),
        issuer: get(tags::ISSUER_OF_PATIENT_ID),
        other_ids: listed
            .chain(sequence)
            .filter(|id| !id.is_empty())
            .take(OTHER_IDS)
            .collect(),
        name: get(tags::PATIENT_NAME),
        birth_date: get(tags::PATIENT_BIRTH_DATE),
        sex: get(tags::PATIENT_SEX),
    }
}
