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
use api::records::{DraftView, SealedDraft, UploadKeys};
use cid::Cid;
use futures_util::TryStreamExt as _;
use record::{Manifest, Part};
use seal::RecordKey;
use seal::file::{HEADER_LEN, Header};

use crate::model::caller::Caller;
use crate::model::document::{Batch, Held, Kind, Query, hex_id};
use crate::model::draft::{Draft, Place};
use crate::model::error::{Error, Result};
use crate::model::patient::Patient;
use crate::model::secrets::{Bound, VersionSecrets, manifest_key};
use crate::model::upload::{Closed, DOCUMENT};
use crate::ports::store::Documents;
use crate::uses::blobs;
use crate::uses::hospital::Hospital;
use crate::uses::signature::check_signature;

/// How far the author's clock may be off, seconds.
pub(crate) const CLOCK: u64 = 900;

/// Tells one request from another with the same idempotency key. The commitment binds the
/// manifest, and with it the parts.
fn fingerprint(draft: &SealedDraft, key: &[u8; 32]) -> B256 {
    let mut hash = Keccak256::new();
    hash.update(key);
    hash.update(b"sealed");
    for part in [
        draft.patient.as_slice(),
        draft.corrects.unwrap_or_default().as_slice(),
        draft.commitment.as_slice(),
        &draft.to_patient,
        &draft.to_institution,
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()
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
            institution: institution.into(),
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
        let fingerprint = fingerprint(&draft, &self.fingerprint_key());
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
        let mut drafts = self.store.each::<Draft>(Query::of(Kind::Draft));
        while let Some(held) = drafts.try_next().await? {
            if held.document.blobs().iter().any(|cid| cids.contains(cid)) {
                return refused();
            }
        }
        Ok(())
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
pub(crate) fn check_part(part: &Part, key: &RecordKey, sealed: &[u8]) -> Result<()> {
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
