//! Sealed upload.

use acts::Deployment;
use alloy_primitives::{B256, Bytes};
use api::people::PersonView;
use api::records::{SealedDraft, UploadKeys};
use custody::model::error::Result;
use custody::model::keys::KeyRing;
use custody::model::person::sealing_public;
use custody::model::secrets::{Bound, manifest_key, version_secrets};
use custody::ports::random::{random, rng};
use record::manifest::NewManifest;
use record::{Manifest, Part};
use seal::RecordKey;
use zeroize::Zeroizing;

/// A part in the clear. Has no `Debug`.
pub struct PlainPart {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// A version that is corrected, as its author sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// Its id.
    pub record: B256,
    /// Its number.
    pub version: u64,
    /// Its commitment.
    pub commitment: B256,
}

/// A sealed upload, ready to be sent. Holds no key and no plaintext.
#[derive(Clone, Debug)]
pub struct SealedUpload {
    /// What the client says of it.
    pub draft: SealedDraft,
    /// The author's signature, which is in the manifest too.
    pub signature: Bytes,
    /// The sealed manifest.
    pub manifest: Vec<u8>,
    /// The sealed parts.
    pub parts: Vec<Vec<u8>>,
}

/// Seal and sign a record version: the author's side.
///
/// # Errors
/// If a key statement does not hold, or a part's name or media type is not allowed.
pub fn seal_upload(
    keys: &KeyRing,
    at: &Deployment,
    to: &UploadKeys,
    patient: B256,
    corrects: Option<Corrected>,
    parts: &[PlainPart],
    now: u64,
) -> Result<SealedUpload> {
    let key = RecordKey::generate(&mut rng());
    let mut sealed = Vec::with_capacity(parts.len());
    let mut listed = Vec::with_capacity(parts.len());
    for part in parts {
        let bytes = seal::file::seal(&part.bytes, &key.part(&part.name), &mut rng());
        let cid = vault::file::cid_of_file(&bytes)?;
        let size = part.bytes.len() as u64;
        listed.push(Part::new(
            &part.name,
            &part.media_type,
            size,
            cid,
            &mut rng(),
        )?);
        sealed.push(bytes);
    }
    let manifest = Manifest::new(
        NewManifest {
            corrects: corrects.map(|c| (c.version, c.commitment)),
            created_at: now,
            author: keys.address(),
            institution: to.institution.wallet,
            patient,
            parts: listed,
        },
        &mut rng(),
    )?;
    let signature = Bytes::copy_from_slice(&keys.wallet().sign(manifest.digest(&at.records())));
    let manifest = manifest.signed(signature.clone());
    let closed = seal::file::seal(&manifest.encode(), &manifest_key(&key), &mut rng());
    let cid = vault::file::cid_of_file(&closed)?;
    let salt = random();
    let commitment = manifest.commitment(&salt, &cid);
    let secrets = version_secrets(&key, salt, cid);
    let envelope = |person: &PersonView| -> Result<Bytes> {
        let bound = Bound::to_owner(at, commitment, person.wallet);
        secrets.seal_to(&sealing_public(person, at)?, &bound, &mut rng())
    };
    let draft = SealedDraft {
        patient,
        corrects: corrects.map(|c| c.record),
        commitment,
        to_patient: envelope(&to.patient)?,
        to_institution: envelope(&to.institution)?,
    };
    Ok(SealedUpload {
        draft,
        signature,
        manifest: closed,
        parts: sealed,
    })
}
