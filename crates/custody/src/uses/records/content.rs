//! What is in an upload, before it is sealed.

use bytes::Bytes;
use record::dicom::{DicomLimits, DicomSummary};
use record::fhir::{Image, Organization, Practitioner, Radiograph, document_bundle};
use record::image::{ImageKind, ImageLimits, ImageSummary};
use record::{dicom, identity, image};

use crate::model::caller::Caller;
use crate::model::error::{Error, Result};
use crate::model::patient::Patient;
use crate::model::upload::{DOCUMENT, IMAGE, NewUpload};
use crate::ports::random::rng;
use crate::uses::hospital::Hospital;

/// The longest title, bytes.
pub(crate) const TITLE_BYTES: usize = 500;

/// The longest report, bytes.
pub(crate) const REPORT_BYTES: usize = 100_000;

/// The namespace of wallet addresses as FHIR identifiers (CAIP-10 without the chain).
pub(crate) const WALLETS: &str = "urn:stele:wallet";

/// One part in the clear.
pub(crate) struct Content {
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

/// What the image's header says.
pub(crate) enum Header {
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

pub(crate) fn read(bytes: &[u8], limit: u64) -> Result<Header> {
    let bad = |e: record::Error| Error::BadFile(e.to_string());
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
pub(crate) fn compare(summary: &DicomSummary, patient: &Patient) -> Result<()> {
    match identity::compare(&summary.patient, &patient.demographics) {
        Ok(_) => Ok(()),
        Err(mismatch) => Err(Error::WrongPatient(mismatch.to_string())),
    }
}

pub(crate) fn document(
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
    )?;
    serde_json::to_vec(&bundle).map_err(|e| Error::Internal(e.to_string()))
}
