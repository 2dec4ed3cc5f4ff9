//! Approval.

use acts::Deployment;
use alloy_primitives::{B256, Bytes};
use api::acts::Wish;
use api::records::{Approval, RefusalNote, VersionView};
use custody::model::cid::check_cid;
use custody::model::error::{Error, Result};
use custody::model::keys::KeyRing;
use custody::model::secrets::{Bound, VersionSecrets, manifest_key, open_reason, seal_reason};
use custody::model::version::commit_act;
use custody::ports::random::rng;
use record::{IndexEntry, IndexVersion, Manifest, PatientIndex, SealedIndex};

/// A record version, opened and checked.
pub struct OpenedVersion {
    /// What opens it.
    pub secrets: VersionSecrets,
    /// What it is.
    pub manifest: Manifest,
    /// Its commitment, computed here.
    pub commitment: B256,
}

/// Open the envelope of a version.
///
/// # Errors
/// If there is none, or it is for somebody else.
pub fn open_envelope(
    keys: &KeyRing,
    at: &Deployment,
    view: &VersionView,
) -> Result<VersionSecrets> {
    let envelope = view.envelope.as_ref().ok_or(Error::NotFound("envelope"))?;
    let bound = Bound::to_owner(at, view.commitment, keys.address());
    VersionSecrets::open(keys.sealing(), &bound, envelope)
}

/// Open and check a version: its sealed manifest against the CID in the envelope, its parts against
/// the root, the author's signature, and the commitment.
///
/// # Errors
/// If anything does not hold.
pub fn open_version(
    at: &Deployment,
    secrets: VersionSecrets,
    sealed_manifest: &[u8],
    view: &VersionView,
) -> Result<OpenedVersion> {
    check_cid(&secrets.manifest, sealed_manifest)?;
    let plain = seal::file::open(sealed_manifest, &manifest_key(&secrets.record_key()))?;
    let manifest = Manifest::decode(&plain)?;
    manifest.verify(&at.records())?.by_key()?;
    let commitment = manifest.commitment(&secrets.salt, &secrets.manifest);
    if commitment != view.commitment {
        let what = "the record version";
        return Err(Error::Mismatch {
            what,
            expected: view.commitment,
            found: commitment,
        });
    }
    let header = &manifest.header;
    let same = header.author == view.author
        && header.institution == view.institution
        && header.patient == view.patient
        && header.version == view.version
        && header.previous == view.previous;
    if !same {
        return Err(Error::invalid(
            "record",
            "the node describes another record than was signed",
        ));
    }
    Ok(OpenedVersion {
        secrets,
        manifest,
        commitment,
    })
}

impl OpenedVersion {
    /// Open one part: its sealed bytes are checked against the CID that the author signed.
    ///
    /// # Errors
    /// If there is no such part, or the bytes are others.
    pub fn open_part(&self, name: &str, sealed: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>> {
        let part = self.manifest.part(name)?;
        check_cid(&part.cid, sealed)?;
        let plain = seal::file::open(sealed, &self.secrets.record_key().part(name))?;
        if plain.len() as u64 != part.size {
            return Err(Error::invalid(
                "size",
                "the part is not as long as its author said",
            ));
        }
        Ok(plain)
    }
}

/// Approve a version: choose or find its controller, sign the commit, and enter it into the index.
///
/// `index` is the patient's opened index and is changed; `before` is the sealed index that it was
/// opened from.
///
/// # Errors
/// If the index contradicts the version.
#[allow(
    clippy::too_many_arguments,
    reason = "each is a different thing that a patient holds"
)]
pub fn approve(
    keys: &KeyRing,
    at: &Deployment,
    opened: &OpenedVersion,
    index: &mut PatientIndex,
    before: Option<&SealedIndex>,
    label: &str,
    now: u64,
    deadline: u64,
) -> Result<Approval> {
    let header = &opened.manifest.header;
    let entry = entry_for(keys, opened, index, label, now)?;
    let controller = keys.controller(entry.index);
    let act = commit_act(header, controller.address(), opened.commitment, deadline);
    let signature = act.sign(at, &controller);
    let address = controller.address();
    index.add(entry)?;
    let sealed = seal_index(keys, at, index, before)?;
    Ok(Approval {
        controller: address,
        deadline,
        signature,
        index: sealed.encode().into(),
        wish: Wish::default(),
    })
}

/// The index's entry with this version in it.
pub(crate) fn entry_for(
    keys: &KeyRing,
    opened: &OpenedVersion,
    index: &PatientIndex,
    label: &str,
    now: u64,
) -> Result<IndexEntry> {
    let header = &opened.manifest.header;
    let ending_with = |commitment: B256| {
        let holds = |e: &&IndexEntry| {
            e.versions
                .last()
                .is_some_and(|v| v.commitment == commitment)
        };
        index.records.values().find(holds).cloned()
    };
    // Approved before, and taken back or refused by the chain: the same entry and controller again.
    if let Some(again) = ending_with(opened.commitment) {
        return Ok(again);
    }
    let mut entry = match header.previous {
        None => IndexEntry {
            index: index.next,
            controller: keys.controller(index.next).address(),
            institution: header.institution,
            added_at: now,
            label: label.to_owned(),
            erased: false,
            versions: Vec::new(),
        },
        Some(previous) => ending_with(previous).ok_or_else(|| {
            Error::invalid("previous", "it corrects a version that is not the latest")
        })?,
    };
    entry.versions.push(IndexVersion {
        commitment: opened.commitment,
        salt: opened.secrets.salt,
        manifest: opened.secrets.manifest,
        key: opened.secrets.key.clone(),
    });
    Ok(entry)
}

/// Take an approval that was withdrawn out of the index again. The record's number is not used a
/// second time.
pub fn take_back(index: &mut PatientIndex, commitment: B256) {
    let ends = |e: &IndexEntry| {
        e.versions
            .last()
            .is_some_and(|v| v.commitment == commitment)
    };
    for entry in index.records.values_mut().filter(|e| ends(e)) {
        entry.versions.pop();
    }
    index
        .records
        .retain(|_, entry| entry.erased || !entry.versions.is_empty());
}

/// Seal and sign an index as the version after `before`.
///
/// # Errors
/// If it is too large.
pub fn seal_index(
    keys: &KeyRing,
    at: &Deployment,
    index: &PatientIndex,
    before: Option<&SealedIndex>,
) -> Result<SealedIndex> {
    let key = seal::derive::index_key(keys.root());
    let sealed = seal::file::seal(&index.encode(), &key, &mut rng());
    let unsigned = SealedIndex::new(keys.address(), before, None, sealed.into());
    let signature = keys.wallet().sign(unsigned.digest(&at.records()));
    Ok(unsigned.signed(Bytes::copy_from_slice(&signature)))
}

/// Open a patient's own index, checking that the patient signed it.
///
/// # Errors
/// If it is somebody else's or was altered.
pub fn open_index(keys: &KeyRing, at: &Deployment, sealed: &SealedIndex) -> Result<PatientIndex> {
    if sealed.owner != keys.address() {
        return Err(Error::invalid("index", "it is another patient's"));
    }
    sealed.verify(&at.records())?.by_key()?;
    let plain = seal::file::open(&sealed.sealed, &seal::derive::index_key(keys.root()))?;
    Ok(PatientIndex::decode(&plain)?)
}

/// Refuse a version, with a reason for its author alone.
///
/// # Errors
/// If the author's key is unusable or the reason is too long.
pub fn refuse(
    at: &Deployment,
    view: &VersionView,
    author: &seal::SealingPublic,
    reason: &str,
) -> Result<RefusalNote> {
    let bound = Bound::to_owner(at, view.commitment, view.author);
    let reason = seal_reason(author, &bound, reason.as_bytes(), &mut rng())?;
    Ok(RefusalNote { reason })
}

/// Read why a patient refused: the author's side.
///
/// # Errors
/// If there is no reason, or it is for somebody else.
pub fn read_refusal(keys: &KeyRing, at: &Deployment, view: &VersionView) -> Result<String> {
    let sealed = view.reason.as_ref().ok_or(Error::NotFound("reason"))?;
    let bound = Bound::to_owner(at, view.commitment, keys.address());
    let plain = open_reason(keys.sealing(), &bound, sealed)?;
    String::from_utf8(plain.to_vec()).map_err(|_| Error::invalid("reason", "it is no text"))
}
