//! Approval: nothing enters a patient's record without the patient.
//!
//! ```text
//!            ┌──approve: the controller and the institution sign──► committing ──chain──► committed
//! pending ───┤                                                          │
//!            └──refuse: reason sealed to the author──► refused          └─chain refuses─► pending
//! ```
//!
//! The patient's client opens the envelope, fetches the sealed manifest and parts, checks every CID
//! and the author's signature, and computes the commitment itself; the node is believed nothing.

use alloy_primitives::{Address, B256, Bytes};
use cid::Cid;
use record::{IndexEntry, IndexVersion, Manifest, PatientIndex, SealedIndex};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::act::{Act, Deployment, SignedAct, check_signature};
use crate::blobs;
use crate::caller::Caller;
use crate::carry::Wish;
use crate::chain::RecordFacts;
use crate::error::{Error, Result};
use crate::hospital::{Hospital, rng, secret};
use crate::keys::KeyRing;
use crate::notice::News;
use crate::peers::hex_id;
use crate::secrets::{Bound, VersionSecrets, manifest_key, open_reason, seal_reason};
use crate::store::{Batch, Document, Documents, Held, Kind, Query};
use crate::touch::{Deed, Entry};
use crate::upload::{Stage, Version};

/// The largest sealed index, bytes.
const INDEX_BYTES: usize = record::limits::INDEX_BYTES;

/// A record version as its patient, author or institution sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionView {
    /// Its id at this hospital.
    #[schema(value_type = String)]
    pub record: B256,
    /// The id of the first version: the same for all versions of one record.
    #[schema(value_type = String)]
    pub series: B256,
    /// How far it is.
    pub stage: Stage,
    /// Who made it.
    #[schema(value_type = String)]
    pub author: Address,
    /// The institution.
    #[schema(value_type = String)]
    pub institution: Address,
    /// The patient's commitment.
    #[schema(value_type = String)]
    pub patient: B256,
    /// Its number, from 1.
    pub version: u64,
    /// The version that it corrects.
    #[schema(value_type = Option<String>)]
    pub previous: Option<B256>,
    /// When it was made, unix seconds.
    pub created_at: u64,
    /// Its commitment.
    #[schema(value_type = String)]
    pub commitment: B256,
    /// CID of the sealed manifest.
    pub manifest: String,
    /// CIDs of the sealed parts.
    pub parts: Vec<String>,
    /// The record's controller, once approved.
    #[schema(value_type = Option<String>)]
    pub controller: Option<Address>,
    /// The envelope with its keys, to the one who asks.
    #[schema(value_type = Option<String>)]
    pub envelope: Option<Bytes>,
    /// The act that commits it.
    #[schema(value_type = Option<String>)]
    pub act: Option<B256>,
    /// The sealed reason of a refusal, to its author.
    #[schema(value_type = Option<String>)]
    pub reason: Option<Bytes>,
}

impl Version {
    /// As its patient sees it.
    #[must_use]
    pub fn to_patient(&self) -> VersionView {
        let envelope = (!self.to_patient.is_empty()).then(|| self.to_patient.clone());
        VersionView {
            envelope,
            reason: None,
            ..self.view()
        }
    }

    /// As its author sees it.
    #[must_use]
    pub fn to_author(&self) -> VersionView {
        self.view()
    }

    fn view(&self) -> VersionView {
        VersionView {
            record: self.record,
            series: self.series,
            stage: self.stage,
            author: self.author,
            institution: self.institution,
            patient: self.patient,
            version: self.version,
            previous: self.previous,
            created_at: self.created_at,
            commitment: self.commitment,
            manifest: self.manifest.to_string(),
            parts: self.parts.iter().map(Cid::to_string).collect(),
            controller: self.controller,
            envelope: None,
            act: self.errand,
            reason: self.reason.clone(),
        }
    }
}

/// A patient's approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// The record's controller.
    #[schema(value_type = String)]
    pub controller: Address,
    /// Until when the signature can be used, unix seconds.
    pub deadline: u64,
    /// The controller's signature of the commit.
    #[schema(value_type = String)]
    pub signature: Bytes,
    /// The patient's new index, sealed and signed, DAG-CBOR.
    #[schema(value_type = String)]
    pub index: Bytes,
    /// How the commit is to be carried.
    #[serde(flatten)]
    pub wish: Wish,
}

/// A patient's refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusalNote {
    /// The reason, sealed to the author.
    #[schema(value_type = String)]
    pub reason: Bytes,
}

/// The newest sealed index of a patient, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPage {
    /// The patient's wallet.
    pub owner: Address,
    /// [`SealedIndex`], DAG-CBOR.
    pub sealed: Bytes,
    /// The same bytes in the vault, for the replicas.
    pub cid: Cid,
}

impl Document for IndexPage {
    const KIND: Kind = Kind::Index;
    fn id(&self) -> String {
        hex::encode(self.owner)
    }
}

// ---- the client's side ----

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

/// Check sealed bytes against their CID.
///
/// # Errors
/// If they are others.
pub fn check_cid(cid: &Cid, sealed: &[u8]) -> Result<()> {
    if vault::file::cid_of_file(sealed)? == *cid {
        return Ok(());
    }
    Err(Error::Vault(vault::Error::Damaged(*cid)))
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
fn entry_for(
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

fn commit_act(
    header: &record::Header,
    controller: Address,
    commitment: B256,
    deadline: u64,
) -> Act {
    Act::Commit {
        controller,
        version: header.version,
        previous: header.previous.unwrap_or_default(),
        commitment,
        institution: header.institution,
        deadline,
    }
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

// ---- the node's side ----

impl Hospital {
    /// The versions of a patient, those in `stage` only if one is given.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn versions(&self, patient: B256, stage: Option<Stage>) -> Result<Vec<Version>> {
        let mut query = Query::of(Kind::Record).owner(hex_id(patient));
        if let Some(stage) = stage {
            query = query.state(stage.name());
        }
        let held = self.store.all::<Version>(query).await?;
        let visible = held
            .into_iter()
            .map(|h| h.document)
            .filter(|v| v.stage != Stage::Signed);
        Ok(visible.collect())
    }

    /// A version of this patient.
    pub(crate) async fn version_of(&self, patient: B256, record: B256) -> Result<Held<Version>> {
        let held = self.store.load::<Version>(&hex_id(record)).await?;
        held.filter(|h| h.document.patient == patient && h.document.stage != Stage::Signed)
            .ok_or(Error::NotFound("record"))
    }

    /// Approve: the controller's signature and the institution's make the commit. Approving again
    /// returns what is there.
    ///
    /// # Errors
    /// If the signature or the index does not hold, or the version is not pending.
    pub async fn approve(
        &self,
        patient: B256,
        record: B256,
        approval: Approval,
    ) -> Result<Version> {
        let mut held = self.version_of(patient, record).await?;
        let version = &mut held.document;
        if matches!(version.stage, Stage::Committing | Stage::Committed) {
            return Ok(version.clone());
        }
        if version.stage != Stage::Pending {
            return Err(Error::State {
                what: "record",
                state: version.stage.name().to_owned(),
            });
        }
        let act = Act::Commit {
            controller: approval.controller,
            version: version.version,
            previous: version.previous.unwrap_or_default(),
            commitment: version.commitment,
            institution: self.address(),
            deadline: approval.deadline,
        };
        let signed = self.countersign(act, &approval).await?;
        let wallet = self.patient(patient).await?.wallet();
        let errand = self.errand_of(signed, wallet, approval.wish).await?;
        version.stage = Stage::Committing;
        version.controller = Some(approval.controller);
        version.errand = Some(errand.id);
        let author = version.author;
        let mut batch = Batch::new();
        batch.replace(&held)?;
        let news = News::new("record_approved", "/authored").with("record", record);
        self.tell_person(&mut batch, author, news).await?;
        self.enlist(&mut batch, &errand).await?;
        let old = self.turn_index(&mut batch, wallet, &approval.index).await?;
        let entry = Entry::new(Deed::Approve, self.now(), wallet)
            .patient(patient)
            .record(record);
        self.write(batch, entry).await?;
        self.errands.notify_one();
        self.spread_index(wallet, old).await;
        Ok(held.document)
    }

    async fn countersign(&self, act: Act, approval: &Approval) -> Result<SignedAct> {
        let digest = act.digest(self.deployment());
        let (signer, signature) = (approval.controller, &approval.signature);
        check_signature(self.chain.as_ref(), "commit", signer, digest, signature).await?;
        let mut signed = self.sign(act);
        signed.signatures.push(approval.signature.clone());
        self.chain.check(&signed).await?;
        Ok(signed)
    }

    /// Take a patient's new index in a batch; the CID of the one before.
    pub(crate) async fn turn_index(
        &self,
        batch: &mut Batch,
        owner: Address,
        sealed: &Bytes,
    ) -> Result<Option<Cid>> {
        if sealed.len() > INDEX_BYTES {
            return Err(Error::TooLarge {
                what: "the index",
                limit: INDEX_BYTES as u64,
            });
        }
        let index = SealedIndex::decode(sealed)?;
        if index.owner != owner {
            return Err(Error::invalid("index", "it is another patient's"));
        }
        let digest = index.digest(&self.deployment().records());
        check_signature(
            self.chain.as_ref(),
            "index",
            owner,
            digest,
            &index.signature,
        )
        .await?;
        let before = self.store.load::<IndexPage>(&hex::encode(owner)).await?;
        let cid = blobs::keep(self.vault.as_ref(), bytes::Bytes::from(sealed.to_vec())).await?;
        let page = IndexPage {
            owner,
            sealed: sealed.clone(),
            cid,
        };
        let Some(held) = before else {
            batch.create(&page)?;
            return Ok(None);
        };
        let old = held.document.cid;
        match SealedIndex::decode(&held.document.sealed)?.order(&index)? {
            record::Order::Same => return Ok(None),
            record::Order::Next => {}
            record::Order::Later | record::Order::Older => {
                return Err(Error::invalid(
                    "index",
                    "it does not follow the one kept here",
                ));
            }
        }
        batch.replace(&Held {
            document: page,
            ..held
        })?;
        Ok((old != cid).then_some(old))
    }

    /// Take a patient's new index by itself: what changed is the patient's own business.
    ///
    /// # Errors
    /// If the caller is no patient here, or the index is not theirs or does not follow.
    pub async fn set_index(&self, by: &Caller, sealed: &Bytes) -> Result<()> {
        let patient = by.patient.ok_or(Error::NotFound("patient"))?;
        let mut batch = Batch::new();
        let old = self.turn_index(&mut batch, by.wallet, sealed).await?;
        if batch.0.is_empty() {
            return Ok(());
        }
        let entry = Entry::new(Deed::Index, self.now(), by.wallet).patient(patient);
        self.write(batch, entry).await?;
        self.spread_index(by.wallet, old).await;
        Ok(())
    }

    /// Have the newest index of a patient held elsewhere too, and the one before deleted. The
    /// index is taken already; what fails here is made up for by the repair job.
    pub(crate) async fn spread_index(&self, owner: Address, old: Option<Cid>) {
        let spread = async {
            if let Some(page) = self.index(owner).await? {
                self.replicate(&[page.cid]).await?;
            }
            if let Some(old) = old {
                self.replicator.erase(&old).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = spread.await {
            tracing::warn!(%error, "a patient's index lacks copies");
        }
    }

    /// The newest sealed index of a patient.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn index(&self, owner: Address) -> Result<Option<IndexPage>> {
        Ok(self
            .store
            .load::<IndexPage>(&hex::encode(owner))
            .await?
            .map(|h| h.document))
    }

    /// Refuse: the version will never be committed; its author is told why, sealed.
    ///
    /// # Errors
    /// If the version is not pending.
    pub async fn refuse(&self, patient: B256, record: B256, note: RefusalNote) -> Result<Version> {
        let mut held = self.version_of(patient, record).await?;
        if held.document.stage == Stage::Refused {
            return Ok(held.document);
        }
        if held.document.stage != Stage::Pending {
            let state = held.document.stage.name().to_owned();
            return Err(Error::State {
                what: "record",
                state,
            });
        }
        if note.reason.len() > record::limits::REASON_BYTES + seal::envelope::OVERHEAD {
            return Err(Error::invalid("reason", "it is too long"));
        }
        held.document.stage = Stage::Refused;
        held.document.reason = Some(note.reason);
        let wallet = self.patient(patient).await?.wallet();
        let mut batch = Batch::new();
        batch.replace(&held)?;
        let news = News::new("record_refused", "/authored").with("record", record);
        self.tell_person(&mut batch, held.document.author, news)
            .await?;
        let entry = Entry::new(Deed::Refuse, self.now(), wallet)
            .patient(patient)
            .record(record);
        self.write(batch, entry).await?;
        Ok(held.document)
    }

    /// Move versions whose commit the chain took, or refused, to where they belong.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn settle_commits(&self) -> Result<()> {
        let query = Query::of(Kind::Record).state(Stage::Committing.name());
        for mut held in self.store.all::<Version>(query).await? {
            let Some(controller) = held.document.controller else {
                continue;
            };
            let next = self.committed_or_not(&held.document, controller).await?;
            if next == held.document.stage {
                continue;
            }
            held.document.stage = next;
            let mut batch = Batch::new();
            batch.replace(&held)?;
            let done = next == Stage::Committed;
            let kind = if done { "act_final" } else { "act_failed" };
            let news = News::new(kind, format!("/records/{}", held.document.record))
                .with("act", held.document.errand.unwrap_or_default())
                .with("name", "commit");
            self.tell_patient(&mut batch, Some(held.document.patient), news)
                .await?;
            self.store.write(&batch).await?;
        }
        Ok(())
    }

    async fn committed_or_not(&self, version: &Version, controller: Address) -> Result<Stage> {
        match self.chain.record(controller).await? {
            RecordFacts::At { commitment, .. } if commitment == version.commitment => {
                return Ok(Stage::Committed);
            }
            // A later version stands: this one was committed before it.
            RecordFacts::At {
                version: standing, ..
            } if standing > version.version => {
                return Ok(Stage::Committed);
            }
            _ => {}
        }
        let Some(errand) = version.errand else {
            return Ok(version.stage);
        };
        match self.errand(errand).await?.progress {
            crate::act::Progress::Failed => Ok(Stage::Pending),
            _ => Ok(version.stage),
        }
    }
}

/// The keys of a version as the institution keeps them.
pub(crate) fn version_secrets(key: &seal::RecordKey, salt: B256, manifest: Cid) -> VersionSecrets {
    VersionSecrets {
        key: secret(key.expose()),
        salt,
        manifest,
    }
}
