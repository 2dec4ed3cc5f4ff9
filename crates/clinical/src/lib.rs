//! FHIR and DICOM, once: reading, writing, comparing people. Pure, no I/O.
//!
//! * [`dicom`] reads a DICOM file's structure, metadata and pixel bytes, by reference and within
//!   limits. What takes a file in, what decodes its pixels and what compares its patient all read
//!   it here, so that there is one verdict on a file.
//! * [`image`] tells what an uploaded file is.
//! * [`fhir`] writes documents and OperationOutcomes and reads patients, organizations,
//!   practitioners and questionnaires.
//! * [`person`] says whether a file's patient is the chosen one, and which two patients may be one.
//!
//! This crate and `record` stand on one floor and neither knows the other. A record is parts with
//! a name, a media type and bytes; that a part is FHIR or DICOM is nothing that its manifest,
//! proofs or grants depend on. A document is about a patient and an image; that it will be sealed
//! and signed is nothing that FHIR or DICOM knows. `custody` brings the two together.
//!
//! Nothing here reads a clock, a disk, a network or a global random number generator: times
//! (seconds since 1970-01-01 UTC) and generators are arguments. Every parser takes hostile input
//! and has limits.
#![deny(missing_docs)]

pub mod dicom;
mod error;
pub mod fhir;
pub mod image;
pub mod person;

pub use error::{Error, Result};
pub use person::{PatientDemographics, Sex};
