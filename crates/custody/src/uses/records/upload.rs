//! Upload: a doctor or technician makes a record, which then waits for its patient.
//!
//! ```text
//! (nothing) ──file and report: read, compared, sealed, stored──► draft ──author signs──► signed
//!                                                                  │                       │
//!                                                       expires: deleted        a quorum holds it
//!                                                                                          ▼
//!                                                                          pending (acknowledged)
//! ```
//!
//! * The plaintext lives in memory only, until the parts are sealed. A draft keeps its record key
//!   sealed to the institution.
//! * The record's id is a hash of the author and the idempotency key, so that a repeated request
//!   finds what it made before, in whatever state a crash left it.
//! * `signed` is not visible to anybody yet. Everything that is needed to go on is in the database,
//!   the journal and the vault: a repeated signature or the background job goes on from there.
//! * `pending` is written only when a quorum of institutions holds parts, manifest and envelopes
//!   durably; only then is the upload acknowledged.

use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes};
use api::log::Deed;
use api::records::{DraftView, Stage};
use async_trait::async_trait;
use cid::Cid;
use record::manifest::NewManifest;
use record::{Manifest, Part};
use seal::RecordKey;
use zeroize::Zeroizing;

use crate::model::caller::Caller;
use crate::model::chain_facts::RecordFacts;
use crate::model::document::{Batch, Document, Held, Kind, Query, hex_id};
use crate::model::draft::{Draft, DraftSecrets, Place};
use crate::model::error::{Error, Result, StoreError};
use crate::model::log_entry::Entry;
use crate::model::notice::News;
use crate::model::patient::Patient;
use crate::model::secrets::{Bound, manifest_key, open_draft, seal_draft, secret, version_secrets};
use crate::model::upload::{Closed, NewUpload};
use crate::model::version::{Version, record_id};
use crate::ports::random::{random, rng};
use crate::ports::store::Documents;
use crate::uses::blobs;
use crate::uses::hospital::Hospital;
use crate::uses::lifecycle::{Counts, Lifecycle, Limits, Step};
use crate::uses::records::content::{Content, contents};
use crate::uses::signature::check_signature;

/// Cores used for sealing one large file.
pub(crate) const SEALING_THREADS: usize = 2;

/// The largest sealed draft, bytes: a manifest and a key.
pub(crate) const IDEMPOTENCY_KEY_BYTES: usize = 200;

/// How long one attempt to bring an upload to its quorum may take.
const ACKNOWLEDGING: Duration = Duration::from_secs(600);

/// Uploads that were signed, and are not acknowledged by a quorum of institutions yet.
#[derive(Debug, Default)]
pub struct SignedUploads;

#[async_trait]
impl Lifecycle for SignedUploads {
    type Document = Version;

    fn name(&self) -> &'static str {
        "signed_uploads"
    }

    fn due(&self, _now: u64) -> Query {
        Query::of(Kind::Record).state(Stage::Signed.name())
    }

    fn limits(&self) -> Limits {
        Limits {
            step: ACKNOWLEDGING,
            ..Limits::default()
        }
    }

    async fn step(&self, hospital: &Hospital, held: Held<Version>) -> Result<Step> {
        hospital.acknowledge(held).await?;
        Ok(Step::Moved)
    }
}

/// Drafts that were not signed in time: they are deleted, with their parts.
#[derive(Debug, Default)]
pub struct DraftExpiry;

#[async_trait]
impl Lifecycle for DraftExpiry {
    type Document = Draft;

    fn name(&self) -> &'static str {
        "draft_expiry"
    }

    fn due(&self, now: u64) -> Query {
        Query::of(Kind::Draft).due_by(now)
    }

    async fn step(&self, hospital: &Hospital, held: Held<Draft>) -> Result<Step> {
        let mut batch = Batch::new();
        batch.delete::<Draft>(held.document.id());
        hospital.store.write(&batch).await?;
        for cid in &held.document.blobs() {
            blobs::forget(hospital.vault.as_ref(), cid).await?;
        }
        Ok(Step::Moved)
    }

    async fn finish(&self, hospital: &Hospital, counts: &Counts) -> Result<()> {
        if counts.moved > 0 {
            hospital.vault.gc().await?;
        }
        Ok(())
    }
}

impl Hospital {
    /// Make a draft. The same request under the same key returns what it made before.
    ///
    /// # Errors
    /// If the file cannot be taken, is another patient's, or something is not available; nothing
    /// is left behind then.
    pub async fn draft(&self, author: &Caller, key: &str, new: NewUpload) -> Result<DraftView> {
        let record = self.record_under(author.wallet, key)?;
        let fingerprint = new.fingerprint(&self.fingerprint_key());
        if let Some(known) = self.store.load::<Draft>(&hex_id(record)).await? {
            if known.document.fingerprint != fingerprint {
                return Err(Error::KeyReused);
            }
            return self.draft_view(&known.document);
        }
        self.not_signed_yet(record, fingerprint).await?;
        let patient = self.patient(new.patient).await?;
        let place = self.place(&patient, record, new.corrects).await?;
        let contents = contents(&patient, author, self, &new).await?;
        let draft = self
            .seal_draft(author, record, fingerprint, &patient, place, contents)
            .await?;
        let mut batch = Batch::new();
        batch.create(&draft)?;
        self.store.write(&batch).await?;
        self.draft_view(&draft)
    }

    pub(super) fn record_under(&self, author: Address, key: &str) -> Result<B256> {
        if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES {
            let reason = format!("1 to {IDEMPOTENCY_KEY_BYTES} characters");
            return Err(Error::invalid("idempotency-key", reason));
        }
        Ok(record_id(self.address(), author, key))
    }

    pub(super) async fn not_signed_yet(&self, record: B256, fingerprint: B256) -> Result<()> {
        let known = self.store.load::<Version>(&hex_id(record)).await?;
        known.map_or(Ok(()), |held| {
            if held.document.fingerprint != fingerprint {
                return Err(Error::KeyReused);
            }
            let state = held.document.stage.name().to_owned();
            Err(Error::State {
                what: "upload",
                state,
            })
        })
    }

    pub(super) fn fingerprint_key(&self) -> Zeroizing<[u8; 32]> {
        seal::derive::subkey(self.keys.root(), "upload fingerprint")
    }

    pub(super) async fn place(
        &self,
        patient: &Patient,
        record: B256,
        corrects: Option<B256>,
    ) -> Result<Place> {
        let Some(corrected) = corrects else {
            return Ok(Place {
                series: record,
                corrects: None,
            });
        };
        let held = self.version_of(patient.patient, corrected).await?;
        let version = held.document;
        let standing = match version.controller {
            Some(controller) => self.chain.record(controller).await?,
            None => RecordFacts::None,
        };
        match standing {
            RecordFacts::At { commitment, .. } if commitment == version.commitment => {}
            _ => {
                let state = version.stage.name().to_owned();
                return Err(Error::State {
                    what: "version to correct",
                    state,
                });
            }
        }
        let corrects = Some((version.version, version.commitment));
        Ok(Place {
            series: version.series,
            corrects,
        })
    }

    async fn seal_draft(
        &self,
        author: &Caller,
        record: B256,
        fingerprint: B256,
        patient: &Patient,
        place: Place,
        contents: Vec<Content>,
    ) -> Result<Draft> {
        let key = RecordKey::generate(&mut rng());
        let mut parts = Vec::with_capacity(contents.len());
        for content in contents {
            parts.push(self.seal_part(&key, content).await?);
        }
        let cids = parts.iter().map(|p| p.cid).collect();
        let manifest = Manifest::new(
            NewManifest {
                corrects: place.corrects,
                created_at: self.now(),
                author: author.wallet,
                institution: self.address(),
                patient: patient.patient,
                parts,
            },
            &mut rng(),
        )?;
        Ok(Draft {
            record,
            series: place.series,
            patient: patient.patient,
            author: author.wallet,
            fingerprint,
            sealed: self.close_draft(record, &key, &manifest)?,
            parts: cids,
            closed: None,
            expires_at: self.now() + self.settings.draft_ttl,
        })
    }

    async fn seal_part(&self, key: &RecordKey, content: Content) -> Result<Part> {
        let part_key = key.part(&content.name);
        let size = content.bytes.len() as u64;
        let (name, media_type) = (content.name, content.media_type);
        // Sealing a large file takes many milliseconds of computing.
        let sealed = tokio::task::spawn_blocking(move || {
            seal::file::seal_parallel(&content.bytes, &part_key, &mut rng(), SEALING_THREADS)
        })
        .await
        .map_err(|e| Error::Internal(e.to_string()))?;
        let cid = blobs::keep(self.vault.as_ref(), sealed.into()).await?;
        Ok(Part::new(&name, &media_type, size, cid, &mut rng())?)
    }

    fn draft_bound(&self, record: B256) -> Bound {
        let recipient = self.address();
        let at = self.deployment();
        Bound {
            grant: record,
            ..Bound::to_owner(at, B256::ZERO, recipient)
        }
    }

    pub(super) fn close_draft(
        &self,
        record: B256,
        key: &RecordKey,
        manifest: &Manifest,
    ) -> Result<Bytes> {
        let mut plain = Zeroizing::new(Vec::with_capacity(64 + record::limits::MANIFEST_BYTES));
        let secrets = DraftSecrets(secret(key.expose()), manifest.encode().into());
        serde_ipld_dagcbor::to_writer(&mut *plain, &secrets)
            .map_err(|e| Error::Internal(e.to_string()))?;
        let to = self.keys.sealing_public();
        seal_draft(&to, &self.draft_bound(record), &plain, &mut rng())
    }

    pub(super) fn open_draft(&self, draft: &Draft) -> Result<(RecordKey, Manifest)> {
        let bound = self.draft_bound(draft.record);
        let plain = open_draft(self.keys.sealing(), &bound, &draft.sealed)?;
        let DraftSecrets(key, manifest) = serde_ipld_dagcbor::from_slice(&plain)
            .map_err(|e| Error::invalid("draft", e.to_string()))?;
        Ok((
            RecordKey::from_bytes(key.expose()),
            Manifest::decode(&manifest)?,
        ))
    }

    pub(super) fn draft_view(&self, draft: &Draft) -> Result<DraftView> {
        let (_, manifest) = self.open_draft(draft)?;
        let (record, expires_at) = (draft.record, draft.expires_at);
        Ok(DraftView {
            record,
            manifest: manifest.encode().into(),
            expires_at,
        })
    }

    /// The author's draft.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, or it has expired.
    pub async fn draft_of(&self, author: Address, record: B256) -> Result<DraftView> {
        self.draft_view(&self.held_draft(author, record).await?.document)
    }

    /// The author's drafts.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn drafts_of(&self, author: Address) -> Result<Vec<DraftView>> {
        let query = Query::of(Kind::Draft).owner(hex::encode(author));
        let held = self.store.readable::<Draft>(query).await?;
        let complete = held.iter().filter(|h| h.document.complete());
        complete.map(|h| self.draft_view(&h.document)).collect()
    }

    async fn held_draft(&self, author: Address, record: B256) -> Result<Held<Draft>> {
        let held = self.store.load::<Draft>(&hex_id(record)).await?;
        let serves = |draft: &Draft| {
            draft.author == author && draft.expires_at > self.now() && draft.complete()
        };
        held.filter(|h| serves(&h.document))
            .ok_or(Error::NotFound("draft"))
    }

    /// Take the author's signature; returns when a quorum of institutions holds the record.
    /// Repeating it goes on from wherever the last attempt stopped.
    ///
    /// # Errors
    /// If the signature does not hold, or [`Error::Quorum`] while too few replicas answer.
    pub async fn sign_upload(
        &self,
        author: Address,
        record: B256,
        signature: Bytes,
    ) -> Result<Version> {
        let held = match self.store.load::<Version>(&hex_id(record)).await? {
            Some(held) if held.document.author == author => held,
            Some(_) => return Err(Error::NotFound("draft")),
            None => self.sign_draft(author, record, signature).await?,
        };
        if held.document.stage != Stage::Signed {
            return Ok(held.document);
        }
        self.acknowledge(held).await
    }

    async fn sign_draft(
        &self,
        author: Address,
        record: B256,
        signature: Bytes,
    ) -> Result<Held<Version>> {
        let draft = self.held_draft(author, record).await?.document;
        let (key, manifest) = self.open_draft(&draft)?;
        let digest = manifest.digest(&self.deployment().records());
        check_signature(self.chain.as_ref(), "record", author, digest, &signature).await?;
        let document = match &draft.closed {
            Some(closed) => {
                // The sealed manifest has a signature in it already: the record has that one.
                if manifest.author_signature != signature {
                    let signer = author;
                    return Err(Error::WrongSignature {
                        what: "sealed manifest",
                        signer,
                    });
                }
                self.version_from(&draft, &manifest, closed.clone()).await?
            }
            None => {
                self.close_version(&draft, &key, manifest.signed(signature))
                    .await?
            }
        };
        let mut batch = Batch::new();
        batch.create(&document)?;
        batch.delete::<Draft>(hex_id(record));
        let entry = Entry::new(Deed::Upload, self.now(), author);
        self.write(batch, entry.patient(draft.patient).record(record))
            .await?;
        Ok(Held {
            version: 1,
            document,
        })
    }

    async fn close_version(
        &self,
        draft: &Draft,
        key: &RecordKey,
        manifest: Manifest,
    ) -> Result<Version> {
        let sealed = seal::file::seal(&manifest.encode(), &manifest_key(key), &mut rng());
        let cid = blobs::keep(self.vault.as_ref(), sealed.into()).await?;
        let salt = random();
        let commitment = manifest.commitment(&salt, &cid);
        let at = self.deployment();
        let patient = self.patient(draft.patient).await?;
        let secrets = version_secrets(key, salt, cid);
        let bound = Bound::to_owner(at, commitment, patient.wallet());
        let to_patient = secrets.seal_to(&patient.sealing_public(at)?, &bound, &mut rng())?;
        let bound = Bound::to_owner(at, commitment, self.address());
        let to_institution = secrets.seal_to(&self.keys.sealing_public(), &bound, &mut rng())?;
        let closed = Closed {
            commitment,
            manifest: cid,
            to_patient,
            to_institution,
            complete: true,
        };
        self.version_from(draft, &manifest, closed).await
    }

    async fn version_from(
        &self,
        draft: &Draft,
        manifest: &Manifest,
        closed: Closed,
    ) -> Result<Version> {
        let mut version = Version {
            fingerprint: draft.fingerprint,
            record: draft.record,
            series: draft.series,
            patient: draft.patient,
            author: draft.author,
            institution: self.address(),
            version: manifest.header.version,
            previous: manifest.header.previous,
            created_at: manifest.header.created_at,
            commitment: closed.commitment,
            manifest: closed.manifest,
            parts: draft.parts.clone(),
            package: None,
            to_patient: closed.to_patient,
            to_institution: closed.to_institution,
            stage: Stage::Signed,
            controller: None,
            errand: None,
            reason: None,
        };
        version.package = Some(self.keep_package(&version).await?);
        Ok(version)
    }

    /// A sealed copy of the document for the replicas: should this hospital lose everything but
    /// its keys, the record can still be given to its patient.
    async fn keep_package(&self, version: &Version) -> Result<Cid> {
        let plain =
            serde_ipld_dagcbor::to_vec(version).map_err(|e| Error::Internal(e.to_string()))?;
        let key = seal::derive::subkey(self.keys.root(), "record package");
        let sealed = seal::file::seal(&plain, &seal::PartKey::from_bytes(&key), &mut rng());
        blobs::keep(self.vault.as_ref(), sealed.into()).await
    }

    async fn acknowledge(&self, mut held: Held<Version>) -> Result<Version> {
        self.replicate(&held.document.blobs()).await?;
        held.document.stage = Stage::Pending;
        let mut batch = Batch::new();
        batch.replace(&held)?;
        let version = &held.document;
        let news = News::new("record_pending", format!("/inbox/{}", version.record))
            .with("record", version.record)
            .with("author", version.author);
        self.tell_patient(&mut batch, Some(version.patient), news)
            .await?;
        match self.store.write(&batch).await {
            // The background job and a repeated request go the same way: either may come first.
            Err(Error::Store(StoreError::Conflict { .. })) => {
                let id = hex_id(held.document.record);
                let held = self.store.load::<Version>(&id).await?;
                held.map(|h| h.document).ok_or(Error::NotFound("record"))
            }
            written => written.map(|_| held.document),
        }
    }

    /// The versions that an author made here.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn authored(&self, author: Address) -> Result<Vec<Version>> {
        let versions = self.store.readable::<Version>(Query::of(Kind::Record));
        let mut versions: Vec<Version> = versions.await?.into_iter().map(|h| h.document).collect();
        versions.retain(|version| version.author == author);
        Ok(versions)
    }
}
