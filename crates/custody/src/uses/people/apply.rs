//! A hospital applies; the registrar decides.
//!
//! ```text
//! (nothing) ──the hospital's wallet applies, with its credentials──► open ──► admitted
//!                                                                      └────► refused, with a reason
//! ```
//!
//! What counts is the chain: the registrar's act admits the hospital there. The application is how
//! the two find each other, and what the decision rests on.

use alloy_primitives::{Address, B256, Keccak256};
use api::people::ApplicationStage;
use sha2::{Digest as _, Sha256};

use crate::model::application::{Application, Credential, NewApplication, Scan};
use crate::model::document::{Batch, Held, Kind, Query, hex_id};
use crate::model::error::{Error, Result, StoreError};
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;

/// Credential documents of one application.
pub const MAX_CREDENTIALS: usize = 4;

/// The largest credential document, bytes.
pub const CREDENTIAL_BYTES: usize = 5 << 20;

/// Applications that wait at one node.
pub(crate) const MAX_OPEN: u32 = 50;

pub(crate) const NAME_CHARS: usize = 200;

pub(crate) const URL_CHARS: usize = 300;

pub(crate) const FILE_CHARS: usize = 120;

pub(crate) const REASON_CHARS: usize = 2000;

/// What a file is by its first bytes; nothing if it is none of those that are taken. Pages and
/// vector images, which can hold programs, are not.
pub(crate) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 3] = [
        (b"%PDF-", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
    ];
    let found = kinds.iter().find(|(start, _)| bytes.starts_with(start));
    found.map(|(_, kind)| *kind)
}

pub(crate) fn text(field: &'static str, text: &str, chars: usize) -> Result<String> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > chars || text.chars().any(char::is_control) {
        return Err(Error::invalid(
            field,
            format!("1 to {chars} characters, no control characters"),
        ));
    }
    Ok(text.to_owned())
}

pub(crate) fn checked(new: &NewApplication) -> Result<Vec<Credential>> {
    if new.documents.is_empty() || new.documents.len() > MAX_CREDENTIALS {
        let reason = format!("1 to {MAX_CREDENTIALS} documents");
        return Err(Error::invalid("documents", reason));
    }
    let mut credentials = Vec::new();
    for credential in &new.documents {
        let bytes = &credential.bytes;
        if bytes.len() > CREDENTIAL_BYTES {
            let limit = CREDENTIAL_BYTES as u64;
            return Err(Error::TooLarge {
                what: "a credential document",
                limit,
            });
        }
        let kind = media_type(bytes)
            .ok_or_else(|| Error::invalid("documents", "documents are PDF, PNG or JPEG files"))?;
        credentials.push(Credential {
            name: text("documents", &credential.name, FILE_CHARS)?,
            media_type: kind.to_owned(),
            size: bytes.len() as u64,
            sha256: B256::from(<[u8; 32]>::from(Sha256::digest(bytes))),
        });
    }
    Ok(credentials)
}

pub(crate) fn web_address(url: &str) -> Result<String> {
    let url = text("url", url, URL_CHARS)?;
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(url);
    }
    let reason = "an address that begins with https:// or http://";
    Err(Error::invalid("url", reason))
}

impl Hospital {
    /// Take an application from the wallet of the hospital that applies.
    ///
    /// # Errors
    /// If something in it is not allowed, or an earlier one still waits.
    pub async fn apply_for(
        &self,
        institution: Address,
        new: NewApplication,
    ) -> Result<Application> {
        let documents = checked(&new)?;
        let (name, url) = (text("name", &new.name, NAME_CHARS)?, web_address(&new.url)?);
        let open = Query::of(Kind::Application).state(ApplicationStage::Open.name());
        let open = self
            .store
            .page::<Application>(open, MAX_OPEN)
            .await?
            .documents;
        let own = open.iter().find(|h| h.document.institution == institution);
        let mut batch = Batch::new();
        if let Some(own) = own {
            let id = own.document.id;
            if self.credential(id, 0).await.is_ok() {
                let state = "open already".to_owned();
                return Err(Error::State {
                    what: "application",
                    state,
                });
            }
            // Its documents went with a database that was lost: this one takes its place.
            batch.delete::<Application>(hex_id(id));
        }
        if open.len() >= MAX_OPEN as usize {
            let reason = "too many applications wait here; try another node, or later";
            return Err(Error::invalid("application", reason));
        }
        let at = self.now();
        let mut id = Keccak256::new();
        id.update(b"stele/application/v1");
        id.update(institution);
        id.update(at.to_be_bytes());
        for document in &documents {
            id.update(document.sha256);
        }
        let application = Application {
            id: id.finalize(),
            institution,
            name,
            url,
            documents,
            at,
            stage: ApplicationStage::Open,
            reason: None,
            decided_at: None,
        };
        batch.create(&application)?;
        for (number, credential) in new.documents.into_iter().enumerate() {
            batch.create(&Scan {
                application: application.id,
                number,
                bytes: credential.bytes.to_vec(),
            })?;
        }
        self.store.write(&batch).await?;
        Ok(application)
    }

    /// The applications of one hospital, or of all; oldest first.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn applications(&self, institution: Option<Address>) -> Result<Vec<Application>> {
        let mut query = Query::of(Kind::Application);
        query.owner = institution.map(hex::encode);
        let held = self.store.readable::<Application>(query).await?;
        let mut applications: Vec<_> = held.into_iter().map(|h| h.document).collect();
        applications.sort_by_key(|application| application.at);
        Ok(applications)
    }

    /// One application.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn application(&self, id: B256) -> Result<Held<Application>> {
        let held = self.store.load::<Application>(&hex_id(id)).await?;
        held.ok_or(Error::NotFound("application"))
    }

    /// The bytes of one of an application's credentials.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn credential(&self, id: B256, number: usize) -> Result<Vec<u8>> {
        let held = self.store.load::<Scan>(&Scan::id_of(id, number)).await?;
        held.map(|h| h.document.bytes)
            .ok_or(Error::NotFound("credential"))
    }

    /// Write down what the registrar decided, and delete the documents: they have served, and names
    /// and digests stay. A refusal has a reason.
    ///
    /// # Errors
    /// If it was decided before, or a refusal has no reason.
    pub async fn decide_application(
        &self,
        id: B256,
        admit: bool,
        reason: Option<&str>,
    ) -> Result<Application> {
        let mut held = self.application(id).await?;
        let application = &mut held.document;
        if application.stage != ApplicationStage::Open {
            let state = application.stage.name().to_owned();
            return Err(Error::State {
                what: "application",
                state,
            });
        }
        application.stage = if admit {
            ApplicationStage::Admitted
        } else {
            application.reason = Some(text("reason", reason.unwrap_or_default(), REASON_CHARS)?);
            ApplicationStage::Refused
        };
        application.decided_at = Some(self.now());
        let mut batch = Batch::new();
        batch.replace(&held)?;
        for number in 0..held.document.documents.len() {
            batch.delete::<Scan>(Scan::id_of(id, number));
        }
        match self.store.write(&batch).await {
            Err(Error::Store(StoreError::Conflict { .. })) => Err(Error::State {
                what: "application",
                state: "decided already".to_owned(),
            }),
            written => written.map(|_| held.document),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documents_and_pictures_are_taken() {
        assert_eq!(media_type(b"%PDF-1.7"), Some("application/pdf"));
        assert_eq!(media_type(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        for bytes in [
            b"<svg xmlns".as_slice(),
            b"<!doctype html>",
            b"",
            b"PK\x03\x04",
            b"\x89PNG",
        ] {
            assert_eq!(media_type(bytes), None);
        }
    }

    #[test]
    fn an_address_leads_to_the_web() {
        assert!(web_address(" https://hospital.example ").is_ok());
        for url in ["javascript:alert(1)", "data:text/html,x", "hospital", ""] {
            assert!(web_address(url).is_err(), "{url}");
        }
    }
}
