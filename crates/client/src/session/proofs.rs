//! Proofs, exports, erasure, the trail.

use alloy_primitives::Address;
use api::log::{AnchorView, ProvenEntry};
use api::records::{Evidence, VersionView};
use custody::model::erasure::Erasure;
use record::ProofBundle;
use reqwest::Method;
use zeroize::Zeroizing;

use super::{DEADLINE, Result, Session, now};

impl Session {
    /// The proof bundle of the current version of a record, showing only `parts`.
    ///
    /// # Errors
    /// If the evidence does not hold.
    pub async fn export(&self, controller: Address, parts: &[String]) -> Result<ProofBundle> {
        let view = self.current(controller).await?;
        let opened = self.open_version(&view).await?;
        let evidence: Evidence = self
            .get(&format!("/api/v1/records/{}/evidence", view.record))
            .await?;
        Ok(crate::person::export::bundle(
            self.at(),
            &opened,
            controller,
            &evidence,
            parts,
        )?)
    }

    /// The current version of a record with all its parts, opened: for an export.
    ///
    /// # Errors
    /// If anything does not hold.
    pub async fn whole(
        &self,
        controller: Address,
    ) -> Result<(VersionView, Vec<(String, Zeroizing<Vec<u8>>)>)> {
        let view = self.current(controller).await?;
        let opened = self.open_version(&view).await?;
        let mut parts = Vec::new();
        for part in &opened.manifest.parts {
            let plain = self.read_part(&view, &opened, &part.name).await?;
            parts.push((part.name.clone(), plain));
        }
        Ok((view, parts))
    }

    /// Erase a record: its keys and copies go, and its index entry says so.
    ///
    /// # Errors
    /// If it is not the caller's.
    pub async fn erase(&self, controller: Address) -> Result<Erasure> {
        let view = self.current(controller).await?;
        let before = self.sealed_index().await?;
        let mut index = self.opened_index(before.as_ref())?;
        let entry = index.by_controller(&controller);
        let number = entry
            .ok_or(custody::model::error::Error::NotFound("record"))?
            .index;
        index.erase(number);
        let sealed =
            crate::person::approval::seal_index(&self.keys, self.at(), &index, before.as_ref())?;
        let key = self.keys.controller(number);
        let order = crate::person::erasure::erase(
            &key,
            self.at(),
            now() + DEADLINE,
            sealed.encode().into(),
        );
        self.post(&format!("/api/v1/records/{}/erase", view.record), &order)
            .await
    }

    /// Everything that was done with the caller's records here, each entry proven against a signed
    /// checkpoint.
    ///
    /// # Errors
    /// If a proof does not hold.
    pub async fn trail(&self) -> Result<Vec<(ProvenEntry, custody::model::log_entry::Entry)>> {
        let entries: Vec<ProvenEntry> = self.get("/api/v1/trail").await?;
        entries
            .into_iter()
            .map(|proven| {
                let entry = if proven.size > 0 {
                    custody::model::log_entry::Entry::proven(&proven)?
                } else {
                    // Too new for a checkpoint: shown, not proven.
                    custody::model::log_entry::Entry::decode(&proven.entry)?
                };
                Ok((proven, entry))
            })
            .collect()
    }

    /// Make a checkpoint of the node's log now and have it anchored.
    ///
    /// # Errors
    /// If the caller may not.
    pub async fn anchor(&self) -> Result<AnchorView> {
        self.client
            .read(self.request(Method::POST, "/api/v1/log/anchor"))
            .await
    }
}
