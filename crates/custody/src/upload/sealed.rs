//! A sealed upload: the author's own client seals, and the node sees no plaintext.
//!
//! ```text
//! (client) parts, manifest: sealed, signed ──manifest and envelopes checked──► receiving
//!   receiving ──each part: CID, length and key commitment checked──► draft ──as any draft──► …
//!       │
//!    expires: deleted
//! ```
//!
//! The client sends what a node would have made: the sealed, signed manifest, the sealed parts, and
//! the keys sealed to the patient and to the institution, which by law keeps what it made. The node
//! opens its own envelope and the manifest, and checks that they say what the draft says; the parts
//! stay closed.
//!
//! `receiving` is written down before the first part arrives, so that a cut-off upload goes on
//! where it stopped, or is swept away with everything it stored. Parts that are stored here already
//! are refused: whoever could have a draft name another record's parts could have them deleted with
//! the draft.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, Bytes, Keccak256};
use cid::Cid;
use record::manifest::NewManifest;
use record::{Manifest, Part};
use seal::RecordKey;
use seal::file::{HEADER_LEN, Header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::content::DOCUMENT;
use super::{Draft, DraftView, Place};
use crate::act::{Deployment, check_signature};
use crate::admit::Person;
use crate::approve::version_secrets;
use crate::blobs;
use crate::caller::Caller;
use crate::enrol::Patient;
use crate::error::{Error, Result};
use crate::hospital::{Hospital, random, rng};
use crate::keys::KeyRing;
use crate::peers::hex_id;
use crate::secrets::{Bound, VersionSecrets, manifest_key};
use crate::store::{Batch, Documents, Held, Kind, Query};

/// How far the author's clock may be off, seconds.
const CLOCK: u64 = 900;
/// The largest sealed manifest: chunks of 1 KiB add most.
pub const SEALED_MANIFEST: usize = 2 * record::limits::MANIFEST_BYTES;

/// To whom a client seals a record that it makes for a patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadKeys {
    /// The patient.
    pub patient: Person,
    /// The institution.
    pub institution: Person,
}

/// What a client says of an upload that it has sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SealedDraft {
    /// The patient's commitment.
    #[schema(value_type = String)]
    pub patient: B256,
    /// The id of the version that this one corrects.
    #[schema(value_type = Option<String>)]
    pub corrects: Option<B256>,
    /// The commitment of the record version.
    #[schema(value_type = String)]
    pub commitment: B256,
    /// The keys, sealed to the patient.
    #[schema(value_type = String)]
    pub to_patient: Bytes,
    /// The keys, sealed to the institution.
    #[schema(value_type = String)]
    pub to_institution: Bytes,
}

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

// ---- the client's side ----

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
    let envelope = |person: &Person| -> Result<Bytes> {
        let bound = Bound::to_owner(at, commitment, person.wallet);
        secrets.seal_to(&person.sealing_public(at)?, &bound, &mut rng())
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

// ---- the node's side ----

impl SealedDraft {
    /// Tells one request from another with the same idempotency key. The commitment binds the
    /// manifest, and with it the parts.
    fn fingerprint(&self, key: &[u8; 32]) -> B256 {
        let mut hash = Keccak256::new();
        hash.update(key);
        hash.update(b"sealed");
        for part in [
            self.patient.as_slice(),
            self.corrects.unwrap_or_default().as_slice(),
            self.commitment.as_slice(),
            &self.to_patient,
            &self.to_institution,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize()
    }
}

/// A sealed upload whose parts are arriving.
pub struct Reception {
    held: Held<Draft>,
    key: RecordKey,
    manifest: Manifest,
    arrived: usize,
}

impl Reception {
    /// Whether everything has arrived before.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.held.document.complete()
    }
}

impl Hospital {
    /// To whom a record for this patient is sealed.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such patient here.
    pub async fn upload_keys(&self, patient: B256) -> Result<UploadKeys> {
        let mut person = self.patient(patient).await?.card.person;
        // The list of patients says who it is; this route gives keys.
        person.name = String::new();
        let institution = self.person(self.address()).await?;
        Ok(UploadKeys {
            patient: person,
            institution,
        })
    }

    /// Begin to receive a sealed upload, or go on with it: checks the envelope, the manifest and
    /// what the draft says of them. The manifest is stored.
    ///
    /// # Errors
    /// If anything does not hold; nothing is left behind then.
    pub async fn receive(
        &self,
        author: &Caller,
        key: &str,
        draft: SealedDraft,
        manifest: Bytes,
    ) -> Result<Reception> {
        let record = self.record_under(author.wallet, key)?;
        let fingerprint = draft.fingerprint(&self.fingerprint_key());
        if let Some(held) = self.store.load::<Draft>(&hex_id(record)).await? {
            if held.document.fingerprint != fingerprint || held.document.closed.is_none() {
                return Err(Error::KeyReused);
            }
            return self.receive_again(held, manifest).await;
        }
        self.not_signed_yet(record, fingerprint).await?;
        let patient = self.patient(draft.patient).await?;
        let place = self.place(&patient, record, draft.corrects).await?;
        let (key, opened, cid) = self.open_sealed(&draft, &manifest)?;
        self.check_sealed(author.wallet, &patient, &place, &opened)
            .await?;
        self.not_kept_yet(&opened, cid).await?;
        let document = Draft {
            record,
            series: place.series,
            patient: patient.patient,
            author: author.wallet,
            fingerprint,
            sealed: self.close_draft(record, &key, &opened)?,
            parts: opened.parts.iter().map(|p| p.cid).collect(),
            closed: Some(Closed {
                commitment: draft.commitment,
                manifest: cid,
                to_patient: draft.to_patient,
                to_institution: draft.to_institution,
                complete: false,
            }),
            expires_at: self.now() + self.settings.draft_ttl,
        };
        let mut batch = Batch::new();
        batch.create(&document)?;
        self.store.write(&batch).await?;
        blobs::keep(self.vault.as_ref(), manifest.0).await?;
        Ok(Reception {
            held: Held {
                version: 1,
                document,
            },
            key,
            manifest: opened,
            arrived: 0,
        })
    }

    async fn receive_again(&self, held: Held<Draft>, sealed: Bytes) -> Result<Reception> {
        let (key, manifest) = self.open_draft(&held.document)?;
        let announced = held.document.closed.as_ref().map(|c| c.manifest);
        if announced != Some(vault::file::cid_of_file(&sealed)?) {
            return Err(Error::KeyReused);
        }
        if !held.document.complete() {
            blobs::keep(self.vault.as_ref(), sealed.0).await?;
        }
        Ok(Reception {
            held,
            key,
            manifest,
            arrived: 0,
        })
    }

    /// Open the institution's envelope and the manifest, and check that they make the commitment.
    fn open_sealed(
        &self,
        draft: &SealedDraft,
        sealed: &Bytes,
    ) -> Result<(RecordKey, Manifest, Cid)> {
        if draft.to_patient.len() != draft.to_institution.len() {
            let reason = "it is not as long as the institution's";
            return Err(Error::invalid("to_patient", reason));
        }
        let bound = Bound::to_owner(self.deployment(), draft.commitment, self.address());
        let secrets = VersionSecrets::open(self.keys.sealing(), &bound, &draft.to_institution)?;
        let cid = vault::file::cid_of_file(sealed)?;
        if secrets.manifest != cid {
            let reason = "its CID is not the one in the envelope";
            return Err(Error::invalid("manifest", reason));
        }
        let key = secrets.record_key();
        let manifest = Manifest::decode(&seal::file::open(sealed, &manifest_key(&key))?)?;
        if manifest.commitment(&secrets.salt, &cid) != draft.commitment {
            let reason = "salt, root and manifest make another commitment";
            return Err(Error::invalid("commitment", reason));
        }
        Ok((key, manifest, cid))
    }

    async fn check_sealed(
        &self,
        author: Address,
        patient: &Patient,
        place: &Place,
        manifest: &Manifest,
    ) -> Result<()> {
        let header = &manifest.header;
        let wrong = |what: &str| Error::invalid("manifest", format!("it names another {what}"));
        if header.author != author {
            return Err(wrong("author"));
        }
        if header.institution != self.address() {
            return Err(wrong("institution"));
        }
        if header.patient != patient.patient {
            return Err(wrong("patient"));
        }
        let (version, previous) = place.corrects.map_or((1, None), |(version, commitment)| {
            (version + 1, Some(commitment))
        });
        if (header.version, header.previous) != (version, previous) {
            return Err(wrong("version, or another one before it"));
        }
        if header.created_at.abs_diff(self.now()) > CLOCK {
            let reason = format!("it is over {CLOCK} seconds off this node's clock");
            return Err(Error::invalid("created_at", reason));
        }
        if manifest.parts.first().is_none_or(|p| p.name != DOCUMENT) {
            let reason = format!("the first part has to be called {DOCUMENT:?}");
            return Err(Error::invalid("parts", reason));
        }
        let digest = manifest.digest(&self.deployment().records());
        let signature = &manifest.author_signature;
        check_signature(self.chain.as_ref(), "record", author, digest, signature).await
    }

    /// Refuse CIDs that something else here may already stand for.
    async fn not_kept_yet(&self, manifest: &Manifest, sealed: Cid) -> Result<()> {
        let refused = || {
            let reason = "these sealed bytes are here or were announced already; seal anew";
            Err(Error::invalid("parts", reason))
        };
        let mut cids: BTreeSet<Cid> = manifest.parts.iter().map(|p| p.cid).collect();
        cids.insert(sealed);
        if cids.len() != manifest.parts.len() + 1 {
            return refused();
        }
        for cid in &cids {
            if self.vault.has(cid).await? {
                return refused();
            }
        }
        let mut query = Query::of(Kind::Draft);
        loop {
            let drafts = self.store.all::<Draft>(query.clone()).await?;
            let Some(last) = drafts.last() else {
                return Ok(());
            };
            query = query.after(hex_id(last.document.record));
            let named = drafts.iter().flat_map(|h| h.document.blobs());
            if named.into_iter().any(|cid| cids.contains(&cid)) {
                return refused();
            }
        }
    }

    /// Take the next part.
    ///
    /// # Errors
    /// If it is not the one that the manifest names there, or not sealed as it says.
    pub async fn receive_part(
        &self,
        reception: &mut Reception,
        sealed: bytes::Bytes,
    ) -> Result<()> {
        let part = reception.manifest.parts.get(reception.arrived);
        let part = part.ok_or_else(|| Error::invalid("part", "the manifest names fewer"))?;
        check_part(part, &reception.key, &sealed)?;
        if !reception.is_complete() {
            blobs::keep(self.vault.as_ref(), sealed).await?;
        }
        reception.arrived += 1;
        Ok(())
    }

    /// Everything has arrived: what there is to sign.
    ///
    /// # Errors
    /// If a part is missing.
    pub async fn received(&self, reception: Reception) -> Result<DraftView> {
        let mut held = reception.held;
        if reception.arrived != reception.manifest.parts.len() {
            return Err(Error::invalid("part", "the manifest names more"));
        }
        if let Some(closed) = held.document.closed.as_mut()
            && !closed.complete
        {
            closed.complete = true;
            let mut batch = Batch::new();
            batch.replace(&held)?;
            self.store.write(&batch).await?;
        }
        self.draft_view(&held.document)
    }
}

/// Check a sealed part without opening it.
fn check_part(part: &Part, key: &RecordKey, sealed: &[u8]) -> Result<()> {
    let wrong = |reason: &str| Error::invalid("part", format!("{}: {reason}", part.name));
    if vault::file::cid_of_file(sealed)? != part.cid {
        return Err(wrong("its CID is not the one in the manifest"));
    }
    let header = sealed.first_chunk::<HEADER_LEN>();
    let header = Header::parse(header.ok_or(Error::Seal(seal::Error::Truncated))?)?;
    if header.chunk_size().plain_len(sealed.len() as u64)? != part.size {
        return Err(wrong("it is not as long as the manifest says"));
    }
    if !header.is_under(&key.part(&part.name)) {
        return Err(wrong("it is sealed under another key"));
    }
    Ok(())
}
