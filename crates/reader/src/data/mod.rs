//! Data sets: manifests, class folders, groups and duplicates.

mod duplicates;
mod manifest;

pub use duplicates::{Duplicate, fingerprint, near_duplicates};
pub use manifest::{BoxF, Manifest, Sample};
