//! What a hospital sees of what it holds: sealed records, their authors' signatures, its log.
//!
//! Nothing here reads a record. The manifest of a version, which the institution's key opens, says
//! who signed it and how large its parts are; the parts stay closed.

use alloy_primitives::B256;
use api::hospital::Signed;
use api::records::Stage;
use futures_util::TryStreamExt as _;
use record::Manifest;

use crate::model::act::Errand;
use crate::model::document::{Document, Kind, Query, hex_id};
use crate::model::error::{Error, Result};
use crate::model::log_entry::{Entry, Touch};
use crate::model::secrets::{Bound, VersionSecrets, manifest_key};
use crate::model::version::Version;
use crate::ports::store::Documents;
use crate::uses::blobs;
use crate::uses::hospital::{Hospital, log_failed};
use crate::uses::signature::check_signature;

/// The largest sealed manifest that is read, bytes.
pub(crate) const MANIFEST_BYTES: u64 = 4 << 20;

/// What a version's manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Whether its author signed it.
    pub signed: Signed,
    /// Bytes of its parts before sealing; nothing if the manifest cannot be read.
    pub bytes: Option<u64>,
}

impl Hospital {
    /// Check the author's signature of a version.
    ///
    /// # Errors
    /// If the chain has to be asked about a contract wallet and does not answer.
    pub async fn examine(&self, version: &Version) -> Result<Examined> {
        let nothing = |signed| Examined {
            signed,
            bytes: None,
        };
        if version.stage == Stage::Erased {
            return Ok(nothing(Signed::Erased));
        }
        let manifest = match self.manifest_of(version).await {
            Ok(manifest) => manifest,
            Err(error) => {
                tracing::warn!(record = %version.record, %error, "a manifest cannot be read");
                return Ok(nothing(Signed::Unknown));
            }
        };
        let digest = manifest.digest(&self.deployment().records());
        let (author, signature) = (version.author, &manifest.author_signature);
        let checked =
            check_signature(self.chain.as_ref(), "record", author, digest, signature).await;
        let named = manifest.header.author == author && manifest.header.patient == version.patient;
        let signed = match checked {
            Ok(()) if named => Signed::Holds,
            Ok(()) | Err(Error::WrongSignature { .. }) => Signed::Fails,
            Err(other) => return Err(other),
        };
        let bytes = manifest.parts.iter().map(|part| part.size).sum();
        Ok(Examined {
            signed,
            bytes: Some(bytes),
        })
    }

    async fn manifest_of(&self, version: &Version) -> Result<Manifest> {
        let bound = Bound::to_owner(self.deployment(), version.commitment, self.address());
        let secrets = VersionSecrets::open(self.keys.sealing(), &bound, &version.to_institution)?;
        let sealed = blobs::read(self.vault.as_ref(), &version.manifest, MANIFEST_BYTES).await?;
        let plain = seal::file::open(&sealed, &manifest_key(&secrets.record_key()))?;
        let manifest = Manifest::decode(&plain)?;
        if manifest.commitment(&secrets.salt, &version.manifest) != version.commitment {
            return Err(Error::invalid("manifest", "it is another version's"));
        }
        Ok(manifest)
    }

    /// The record versions made here, by id, after `after`.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn page_of_versions(&self, after: Option<B256>, limit: u32) -> Result<Vec<Version>> {
        self.page(after.map(hex_id), limit).await
    }

    /// Every record version made here.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn all_versions(&self) -> Result<Vec<Version>> {
        self.everything().await
    }

    /// Every act that this node carries or carried.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn all_errands(&self) -> Result<Vec<Errand>> {
        self.everything().await
    }

    async fn page<D: Document>(&self, after: Option<String>, limit: u32) -> Result<Vec<D>> {
        let mut query = Query::of(D::KIND);
        query.after = after;
        let page = self.store.page::<D>(query, limit).await?;
        Ok(page.documents.into_iter().map(|h| h.document).collect())
    }

    async fn everything<D: Document>(&self) -> Result<Vec<D>> {
        let all = self.store.readable::<D>(Query::of(D::KIND)).await?;
        Ok(all.into_iter().map(|h| h.document).collect())
    }

    /// The entries of the log since a time, oldest first, the newest `limit` of them.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn entries_since(&self, time: u64, limit: usize) -> Result<Vec<Entry>> {
        let size = self.log.size().await.map_err(log_failed)?;
        let newest = size.saturating_sub(limit as u64);
        let first = self.first_since(time, size).await?.max(newest);
        let mut entries = Vec::new();
        let mut query = Query::of(Kind::Touch);
        // Ids are ordered as the numbers are; nothing comes before the first one.
        query.after = first.checked_sub(1).map(Touch::id_of);
        let mut touches = self.store.each::<Touch>(query);
        while let Some(held) = touches.try_next().await? {
            entries.push(Entry::decode(&held.document.entry)?);
        }
        Ok(entries)
    }

    /// The number of the first entry that is not older than `time`: entries come in the order of
    /// time, so it is found by halving.
    async fn first_since(&self, time: u64, size: u64) -> Result<u64> {
        let (mut low, mut high) = (0, size);
        while low < high {
            let middle = low + (high - low) / 2;
            let held = self.store.load::<Touch>(&Touch::id_of(middle)).await?;
            let held = held.ok_or(Error::NotFound("log entry"))?;
            if Entry::decode(&held.document.entry)?.at < time {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}
