//! The patient's inbox and record.

use alloy_primitives::{Address, B256, Bytes};
use api::acts::Wish;
use api::records::{IndexForm, IndexView, VersionView};
use custody::model::person::Person;
use record::{PatientIndex, SealedIndex};
use reqwest::Method;
use zeroize::Zeroizing;

use super::{RecordLine, Result, Session, deadline_for, line, now};
use crate::person::approval::OpenedVersion;

impl Session {
    /// Versions that wait for the patient.
    ///
    /// # Errors
    /// If the caller is no patient here.
    pub async fn pending(&self) -> Result<Vec<VersionView>> {
        self.get("/api/v1/pending").await
    }

    /// The patient's versions at this hospital, in any stage.
    ///
    /// # Errors
    /// If the caller is no patient here.
    pub async fn versions(&self) -> Result<Vec<VersionView>> {
        self.get("/api/v1/records").await
    }

    /// Open a version of the caller's own record and check all of it.
    ///
    /// # Errors
    /// If anything does not hold.
    pub async fn open_version(&self, view: &VersionView) -> Result<OpenedVersion> {
        let secrets = crate::person::approval::open_envelope(&self.keys, self.at(), view)?;
        let sealed = self.sealed_of(view.record, &view.manifest).await?;
        Ok(crate::person::approval::open_version(
            self.at(),
            secrets,
            &sealed,
            view,
        )?)
    }

    /// Read a part of the caller's own record.
    ///
    /// # Errors
    /// If there is no such part or its bytes are others than were signed.
    pub async fn read_part(
        &self,
        view: &VersionView,
        opened: &OpenedVersion,
        name: &str,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let part = opened.manifest.part(name).map_err(custody::Error::from)?;
        let sealed = self.sealed_of(view.record, &part.cid.to_string()).await?;
        Ok(opened.open_part(name, &sealed)?)
    }

    /// The sealed bytes of a blob of the caller's own record.
    ///
    /// # Errors
    /// If it is not of that record.
    pub async fn sealed_of(&self, record: B256, cid: &str) -> Result<Vec<u8>> {
        self.bytes(&format!("/api/v1/records/{record}/sealed/{cid}"))
            .await
    }

    /// Approve a version; the node carries the commit.
    ///
    /// # Errors
    /// If it is not pending any more, or the index does not follow.
    pub async fn approve(
        &self,
        view: &VersionView,
        opened: &OpenedVersion,
        label: &str,
    ) -> Result<VersionView> {
        self.approve_with(view, opened, label, Wish::default())
            .await
    }

    /// The same, carried as the patient wishes: when it is cheap, or by an own wallet.
    ///
    /// # Errors
    /// Those of [`Session::approve`], and if the wish cannot be fulfilled.
    pub async fn approve_with(
        &self,
        view: &VersionView,
        opened: &OpenedVersion,
        label: &str,
        wish: Wish,
    ) -> Result<VersionView> {
        let before = self.sealed_index().await?;
        let mut index = self.opened_index(before.as_ref())?;
        let mut approval = crate::person::approval::approve(
            &self.keys,
            self.at(),
            opened,
            &mut index,
            before.as_ref(),
            label,
            now(),
            deadline_for(wish),
        )?;
        approval.wish = wish;
        self.post(
            &format!("/api/v1/pending/{}/approve", view.record),
            &approval,
        )
        .await
    }

    /// Refuse a version, with a reason for its author alone.
    ///
    /// # Errors
    /// If it is not pending any more.
    pub async fn refuse(&self, view: &VersionView, reason: &str) -> Result<VersionView> {
        let author = self.person(view.author).await?.sealing_public(self.at())?;
        let note = crate::person::approval::refuse(self.at(), view, &author, reason)?;
        self.post(&format!("/api/v1/pending/{}/refuse", view.record), &note)
            .await
    }

    /// The patient's index, opened and checked.
    ///
    /// # Errors
    /// If it was altered.
    pub async fn index(&self) -> Result<PatientIndex> {
        let sealed = self.sealed_index().await?;
        self.opened_index(sealed.as_ref())
    }

    /// Change the patient's index by itself.
    ///
    /// # Errors
    /// If it was changed by another client meanwhile.
    pub async fn change_index(&self, change: impl FnOnce(&mut PatientIndex)) -> Result<()> {
        let before = self.sealed_index().await?;
        let mut index = self.opened_index(before.as_ref())?;
        change(&mut index);
        let sealed =
            crate::person::approval::seal_index(&self.keys, self.at(), &index, before.as_ref())?;
        let index = sealed.encode().into();
        let request = self.request(Method::PUT, "/api/v1/index");
        let _: IndexView = self.client.read(request.json(&IndexForm { index })).await?;
        Ok(())
    }

    /// The lines of the patient's index.
    ///
    /// # Errors
    /// If it was altered.
    pub async fn records(&self) -> Result<Vec<RecordLine>> {
        let index = self.index().await?;
        Ok(index.records.values().map(line).collect())
    }

    pub(crate) async fn sealed_index(&self) -> Result<Option<SealedIndex>> {
        let view: IndexView = self.get("/api/v1/index").await?;
        let decode = |sealed: Bytes| SealedIndex::decode(&sealed).map_err(custody::Error::from);
        Ok(view.sealed.map(decode).transpose()?)
    }

    pub(crate) fn opened_index(&self, sealed: Option<&SealedIndex>) -> Result<PatientIndex> {
        let Some(sealed) = sealed else {
            return Ok(PatientIndex::default());
        };
        Ok(crate::person::approval::open_index(
            &self.keys,
            self.at(),
            sealed,
        )?)
    }

    pub(crate) async fn person(&self, wallet: Address) -> Result<Person> {
        let view = self.directory(wallet).await?;
        let person = view.person.map(Person::from);
        let person = person.ok_or(custody::Error::NotFound("person"))?;
        let salted = custody::model::chain_facts::KeyFacts {
            digest: view.key_digest,
            version: view.key_version,
        };
        // A key that was anchored must be the one that is used; people without an anchor (patients,
        // guests) are known by their signature alone.
        if view.key_version > 0 && !person.is_current(salted)? {
            return Err(
                custody::Error::invalid("key", "it is not the one anchored on chain").into(),
            );
        }
        Ok(person)
    }

    /// The version of the caller's record that a controller stands for now.
    pub(crate) async fn current(&self, controller: Address) -> Result<VersionView> {
        let versions = self.versions().await?;
        versions
            .into_iter()
            .filter(|v| v.controller == Some(controller))
            .max_by_key(|v| v.version)
            .ok_or_else(|| custody::Error::NotFound("record").into())
    }
}
