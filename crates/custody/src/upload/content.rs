//! What is in an upload, before it is sealed.

use alloy_primitives::{B256, Keccak256};
use bytes::Bytes;

use crate::caller::Caller;
use crate::enrol::Patient;
use crate::error::{Error, Result};
use crate::hospital::Hospital;

/// The longest title, bytes.
const TITLE_BYTES: usize = 500;
/// The longest report, bytes.
const REPORT_BYTES: usize = 100_000;

/// A file that is uploaded.
#[derive(Clone)]
pub struct UploadFile {
    /// What the sender says it is.
    pub media_type: String,
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
    /// The radiograph or photograph, if there is one.
    pub file: Option<UploadFile>,
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
        let file = self.file.as_ref().map_or(&[][..], |f| f.bytes.as_ref());
        for part in [
            self.patient.as_slice(),
            corrects.as_slice(),
            self.title.as_bytes(),
            self.report.as_bytes(),
            file,
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

/// Read and check an upload: what becomes its parts.
pub(crate) fn contents(
    patient: &Patient,
    author: &Caller,
    hospital: &Hospital,
    new: &NewUpload,
) -> Result<Vec<Content>> {
    if new.title.is_empty() || new.title.len() > TITLE_BYTES {
        return Err(Error::invalid("title", format!("1 to {TITLE_BYTES} bytes")));
    }
    if new.report.len() > REPORT_BYTES {
        return Err(Error::invalid("report", format!("at most {REPORT_BYTES} bytes")));
    }
    let _ = (patient, author);
    let mut contents = vec![Content {
        name: "document".to_owned(),
        media_type: "application/fhir+json".to_owned(),
        bytes: Bytes::from(new.report.clone()),
    }];
    if let Some(file) = &new.file {
        if file.bytes.len() as u64 > hospital.settings.upload_bytes {
            return Err(Error::TooLarge { what: "the file", limit: hospital.settings.upload_bytes });
        }
        if file.bytes.is_empty() {
            return Err(Error::BadFile("it is empty".to_owned()));
        }
        contents.push(Content {
            name: "image".to_owned(),
            media_type: file.media_type.clone(),
            bytes: file.bytes.clone(),
        });
    }
    Ok(contents)
}
