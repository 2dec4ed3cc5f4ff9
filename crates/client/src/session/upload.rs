//! Making records: drafts, sealed uploads, signatures.

use alloy_primitives::{B256, Bytes};
use api::acts::Signature;
use api::readings::{ReadingView, Task};
use api::records::{DraftView, UploadKeys, VersionView};
use custody::model::upload::NewUpload;
use reqwest::Method;

use super::{Result, Session, now};
use crate::person::sealed_upload::{Corrected, PlainPart, SealedUpload};

impl Session {
    /// Upload; what comes back has to be signed with [`Session::sign_upload`].
    ///
    /// # Errors
    /// If the file is not taken. The same key may be used again to try again.
    pub async fn upload(&self, new: &NewUpload, key: &str) -> Result<DraftView> {
        let mut form = reqwest::multipart::Form::new()
            .text("patient", new.patient.to_string())
            .text("title", new.title.clone())
            .text("report", new.report.clone());
        if let Some(corrects) = new.corrects {
            form = form.text("corrects", corrects.to_string());
        }
        let file = &new.file;
        form = form
            .text("modality", file.modality.clone())
            .text("body_part", file.body_part.clone());
        let length = file.bytes.len() as u64;
        let part = reqwest::multipart::Part::stream_with_length(file.bytes.clone(), length)
            .file_name("file");
        form = form.part("file", part);
        let request = self
            .request(Method::POST, "/api/v1/uploads")
            .header("idempotency-key", key);
        self.client.read(request.multipart(form)).await
    }

    /// Have a radiograph read by the node; nothing of it is kept there.
    ///
    /// # Errors
    /// If the caller may not, the node has no reader or is busy, or it is no radiograph.
    pub async fn reading(&self, task: Task, image: Bytes) -> Result<ReadingView> {
        let request = self
            .request(Method::POST, "/api/v1/readings")
            .query(&[("task", task)])
            .body(image.to_vec());
        self.client.read(request).await
    }

    /// Seal and sign a record for a patient of this hospital, on this machine.
    ///
    /// # Errors
    /// If the patient is not known, a key statement does not hold or a part is not allowed.
    pub async fn seal_upload(
        &self,
        patient: B256,
        corrects: Option<&VersionView>,
        parts: &[PlainPart],
    ) -> Result<SealedUpload> {
        let path = format!("/api/v1/patients/{patient}/keys");
        let to: UploadKeys = self.get(&path).await?;
        if to.institution.wallet != self.card.institution {
            let reason = "the node named another institution than its own";
            return Err(custody::model::error::Error::invalid("institution", reason).into());
        }
        let corrects = corrects.map(|v| Corrected {
            record: v.record,
            version: v.version,
            commitment: v.commitment,
        });
        let (keys, at) = (&self.keys, self.at());
        Ok(crate::person::sealed_upload::seal_upload(
            keys,
            at,
            &to,
            patient,
            corrects,
            parts,
            now(),
        )?)
    }

    /// Send a sealed upload; what comes back has to be signed with [`Session::sign_upload`], which
    /// gives the same signature again. The same key may be used again to go on after a failure.
    ///
    /// # Errors
    /// If the node finds that something does not hold.
    pub async fn upload_sealed(&self, upload: &SealedUpload, key: &str) -> Result<DraftView> {
        let draft = serde_json::to_string(&upload.draft)
            .map_err(|e| custody::model::error::Error::Internal(e.to_string()))?;
        let file =
            |bytes: &Vec<u8>| reqwest::multipart::Part::bytes(bytes.clone()).file_name("sealed");
        let mut form = reqwest::multipart::Form::new()
            .text("draft", draft)
            .part("manifest", file(&upload.manifest));
        for part in &upload.parts {
            form = form.part("part", file(part));
        }
        let request = self
            .request(Method::POST, "/api/v1/uploads/sealed")
            .header("idempotency-key", key);
        self.client.read(request.multipart(form)).await
    }

    /// Upload and sign in one go; returns when a quorum of institutions holds the record. Going on
    /// after a failure, of whatever kind, is to call it again with the same key.
    ///
    /// # Errors
    /// If the file is not taken, the key stands for another upload, or no quorum could be reached.
    pub async fn send(&self, new: &NewUpload, key: &str) -> Result<VersionView> {
        match self.upload(new, key).await {
            Ok(draft) => self.sign_upload(&draft, new.patient).await,
            Err(error) if error.code() == Some("wrong_state") => {
                // Signed before: only the acknowledgement may be missing.
                let card = self.card();
                let record =
                    custody::model::version::record_id(card.institution, self.keys.address(), key);
                let path = format!("/api/v1/uploads/{record}/signature");
                let signature = Bytes::new();
                self.post(&path, &Signature { signature }).await
            }
            Err(error) => Err(error),
        }
    }

    /// Sign an upload. Returns when it is acknowledged: a quorum of institutions holds it.
    ///
    /// # Errors
    /// If the draft is not what was uploaded, or no quorum could be reached; signing again goes on.
    pub async fn sign_upload(&self, draft: &DraftView, patient: B256) -> Result<VersionView> {
        let signature = crate::person::upload::sign_draft(&self.keys, self.at(), draft, patient)?;
        self.post(
            &format!("/api/v1/uploads/{}/signature", draft.record),
            &Signature { signature },
        )
        .await
    }

    /// The caller's uploads that wait for the caller's signature.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn drafts(&self) -> Result<Vec<DraftView>> {
        self.get("/api/v1/uploads").await
    }

    /// The versions that the caller made, with the reasons of refusals.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn authored(&self) -> Result<Vec<VersionView>> {
        self.get("/api/v1/authored").await
    }
}
