//! DICOM files (PS3.10), read once: structure, metadata, character sets and pixel bytes.
//!
//! [`DicomFile::open`] walks the whole file, so that one cut anywhere is refused, and keeps where
//! each element of the top level lies: 20 bytes for an element, 8 for a fragment, nothing for a
//! value. Nothing is set aside for a length that the file merely claims, so that memory stays
//! below ten times the file; a deflated data set may grow by that, or to 64 MiB.
//!
//! What files of the field bring and is read all the same: no preamble, or no header at all;
//! zeros behind the last element; an element of unknown VR and undefined length, which holds
//! implicit VRs (PS3.5, 6.2.2); an implicit element among explicit ones; a data set that is
//! explicit though its header says implicit; sequences of a stated length are not looked into
//! unless they are asked for, so that what is wrong inside of them harms nothing.
mod character_set;
mod data_set;
mod file;
mod pixels;
mod structure;
mod summary;
mod syntax;
pub mod tags;
mod write;

pub use character_set::CharacterSet;
pub use data_set::{DataSet, Element};
pub use file::{DicomFile, is_dicom};
pub use pixels::{Fragments, PixelData};
pub use summary::{DicomPatient, DicomSummary, read};
pub use tags::Tag;
pub use write::NewDicom;

/// Limits for reading a DICOM file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DicomLimits {
    /// Most bytes of the file; never more than 4 GiB.
    pub file_bytes: usize,
    /// Most bytes of a data set after inflating (transfer syntax Deflated Explicit VR).
    pub inflated_bytes: usize,
    /// Most elements and items, fragments of pixel data not counted.
    pub elements: usize,
    /// Deepest nesting of sequences of undefined length.
    pub depth: usize,
    /// Most bytes of a text or number that is read (others are skipped unread).
    pub value_bytes: usize,
}

impl Default for DicomLimits {
    fn default() -> Self {
        Self {
            file_bytes: 512 * 1024 * 1024,
            inflated_bytes: 512 * 1024 * 1024,
            elements: 200_000,
            depth: 16,
            value_bytes: 16 * 1024,
        }
    }
}
