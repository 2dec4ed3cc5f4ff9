//! Upload.

use alloy_primitives::{B256, Bytes, Keccak256};
use bytes::Bytes as Body;
use cid::Cid;
use serde::{Deserialize, Serialize};

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
    pub bytes: Body,
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

/// The largest sealed manifest: chunks of 1 KiB add most.
pub const SEALED_MANIFEST: usize = 2 * record::limits::MANIFEST_BYTES;

/// What a draft holds beyond others when its author's client has sealed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The commitment of the record version.
    pub commitment: B256,
    /// The sealed manifest.
    pub manifest: Cid,
    /// The keys, sealed to the patient.
    pub to_patient: Bytes,
    /// The keys, sealed to the institution.
    pub to_institution: Bytes,
    /// Whether all parts have arrived.
    pub complete: bool,
}
