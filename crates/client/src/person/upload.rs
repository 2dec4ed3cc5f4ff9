//! Upload.

use acts::Deployment;
use alloy_primitives::{B256, Bytes};
use api::records::DraftView;
use custody::model::error::{Error, Result};
use custody::model::keys::KeyRing;
use record::Manifest;

/// Sign a draft: the author's side. The manifest is read, not believed: it must name this author
/// and patient, and its parts must hash to the root that is signed.
///
/// # Errors
/// If the draft is not what the author uploaded.
pub fn sign_draft(
    keys: &KeyRing,
    at: &Deployment,
    draft: &DraftView,
    patient: B256,
) -> Result<Bytes> {
    let manifest = Manifest::decode(&draft.manifest)?;
    if manifest.header.author != keys.address() {
        return Err(Error::invalid("author", "the draft names another author"));
    }
    if manifest.header.patient != patient {
        return Err(Error::invalid("patient", "the draft names another patient"));
    }
    Ok(Bytes::copy_from_slice(
        &keys.wallet().sign(manifest.digest(&at.records())),
    ))
}
