//! What is in an upload, before it is sealed.

use alloy_primitives::{B256, Keccak256};
use bytes::Bytes;
use clinical::dicom::{self, DicomLimits, DicomSummary};
use clinical::fhir::{Image, Organization, Practitioner, Radiograph, document_bundle};
use clinical::image::{self, ImageKind, ImageLimits, ImageSummary};
use clinical::person::{self, Verdict};

use crate::caller::Caller;
use crate::enrol::Patient;
use crate::error::{Error, Result};
use crate::hospital::{Hospital, rng};

/// The longest title, bytes.
const TITLE_BYTES: usize = 500;
/// The longest report, bytes.
const REPORT_BYTES: usize = 100_000;
/// The namespace of wallet addresses as FHIR identifiers (CAIP-10 without the chain).
const WALLETS: &str = "urn:stele:wallet";
/// The part that holds the FHIR document.
pub const DOCUMENT: &str = "document";
/// The part that holds the image.
pub const IMAGE: &str = "image";

/// A file that is uploaded.
#[derive(Clone)]
pub struct UploadFile {
    /// The DICOM modality code of a PNG or JPEG, for example `DX`; DICOM files say it themselves.
    pub modality: String,
    /// The body part of a PNG or JPEG, in words; may be empty.
    pub body_part: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// An upload as it arrives. Holds plaintext; has no `Debug`.
#[derive(Clone)]
pub struct NewUpload {
    /// The patient's commitment.
    pub patient: B256,
    /// What it is, in a few words.
    pub title: String,
    /// The report's text.
    pub report: String,
    /// The radiograph: DICOM, PNG or JPEG.
    pub file: UploadFile,
    /// The version that this one corrects.
    pub corrects: Option<B256>,
}

impl NewUpload {
    /// A keyed hash of everything, that tells one request from another and says nothing without
    /// the key.
    #[must_use]
    pub fn fingerprint(&self, key: &[u8; 32]) -> B256 {
        let mut hash = Keccak256::new();
        hash.update(key);
        let corrects = self.corrects.unwrap_or_default();
        for part in [
            self.patient.as_slice(),
            corrects.as_slice(),
            self.title.as_bytes(),
            self.report.as_bytes(),
            self.file.modality.as_bytes(),
            self.file.body_part.as_bytes(),
            self.file.bytes.as_ref(),
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize()
    }
}

/// One part in the clear.
pub(crate) struct Content {
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

/// What the image's header says.
enum Header {
    Dicom(Box<DicomSummary>),
    Picture(ImageSummary),
}

/// Read and check an upload: what becomes its parts.
pub(crate) async fn contents(
    patient: &Patient,
    author: &Caller,
    hospital: &Hospital,
    new: &NewUpload,
) -> Result<Vec<Content>> {
    if new.title.trim().is_empty() || new.title.len() > TITLE_BYTES {
        return Err(Error::invalid("title", format!("1 to {TITLE_BYTES} bytes")));
    }
    if new.report.len() > REPORT_BYTES {
        return Err(Error::invalid(
            "report",
            format!("at most {REPORT_BYTES} bytes"),
        ));
    }
    let limit = hospital.settings.upload_bytes;
    if new.file.bytes.len() as u64 > limit {
        return Err(Error::TooLarge {
            what: "the file",
            limit,
        });
    }
    let name = hospital
        .person_here(author.wallet)
        .await?
        .map(|p| p.name)
        .unwrap_or_default();
    let bytes = new.file.bytes.clone();
    // Reading a DICOM file may inflate hundreds of megabytes.
    let header = tokio::task::spawn_blocking(move || read(&bytes, limit))
        .await
        .map_err(|e| Error::Internal(e.to_string()))??;
    let media_type = match &header {
        Header::Dicom(summary) => {
            compare(summary, patient)?;
            ImageKind::Dicom.media_type()
        }
        Header::Picture(summary) => summary.kind.media_type(),
    };
    let document = document(patient, author, &name, hospital, new, &header)?;
    Ok(vec![
        Content {
            name: DOCUMENT.to_owned(),
            media_type: "application/fhir+json".to_owned(),
            bytes: document.into(),
        },
        Content {
            name: IMAGE.to_owned(),
            media_type: media_type.to_owned(),
            bytes: new.file.bytes.clone(),
        },
    ])
}

fn read(bytes: &[u8], limit: u64) -> Result<Header> {
    let bad = |e: clinical::Error| Error::BadFile(e.to_string());
    let file_bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    if ImageKind::of(bytes).map_err(bad)? == ImageKind::Dicom {
        let limits = DicomLimits {
            file_bytes,
            ..DicomLimits::default()
        };
        let summary = dicom::read(bytes, &limits).map_err(bad)?;
        return Ok(Header::Dicom(Box::new(summary)));
    }
    let limits = ImageLimits {
        file_bytes,
        ..ImageLimits::default()
    };
    let summary = image::sniff(bytes, &limits).map_err(bad)?;
    if !summary.complete {
        return Err(Error::BadFile("the image is cut short".to_owned()));
    }
    Ok(Header::Picture(summary))
}

/// Refuse an image that says that it is of somebody else. The message names the fields, not their
/// values.
fn compare(summary: &DicomSummary, patient: &Patient) -> Result<()> {
    let judgement = person::compare(&summary.patient, &patient.demographics);
    match judgement.verdict {
        Verdict::Same | Verdict::Look => Ok(()),
        Verdict::Different => Err(Error::WrongPatient(judgement.to_string())),
    }
}

fn document(
    patient: &Patient,
    author: &Caller,
    name: &str,
    hospital: &Hospital,
    new: &NewUpload,
    header: &Header,
) -> Result<Vec<u8>> {
    let (given, family) = name.rsplit_once(' ').unwrap_or(("", name));
    let wallet = author.wallet.to_string();
    let practitioner = Practitioner {
        id: wallet.clone(),
        id_system: WALLETS.to_owned(),
        family: if family.is_empty() {
            wallet
        } else {
            family.to_owned()
        },
        given: given.split_whitespace().map(str::to_owned).collect(),
    };
    let institution = Organization {
        id: hospital.address().to_string(),
        id_system: WALLETS.to_owned(),
        name: hospital.settings.name.clone(),
    };
    let image = match header {
        Header::Dicom(summary) => Image::Dicom(summary),
        Header::Picture(summary) => Image::Picture {
            summary,
            modality: if new.file.modality.is_empty() {
                "OT"
            } else {
                &new.file.modality
            },
            body_part: &new.file.body_part,
        },
    };
    let bundle = document_bundle(
        &Radiograph {
            patient: &patient.demographics,
            author: &practitioner,
            institution: &institution,
            title: &new.title,
            report: &new.report,
            image,
            image_part: IMAGE,
            image_bytes: new.file.bytes.len() as u64,
            issued_at: hospital.now(),
        },
        &mut rng(),
    )
    .map_err(|e| Error::BadFile(e.to_string()))?;
    serde_json::to_vec(&bundle).map_err(|e| Error::Internal(e.to_string()))
}
