//! What replication needs from the chain of custody: whose signatures count, and where receipts
//! are kept.

use std::sync::Arc;

use alloy_primitives::Address;
use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use vault::replicate::Book;
use vault::sign::{Signer, Verifier, wallet};

use crate::model::document::{Batch, Document, Kind, Query};
use crate::model::error::StoreError;
use crate::model::keys::KeyRing;
use crate::ports::chain::Chain;
use crate::ports::store::{Documents, Store};

/// Accepts signatures of institutions that are active on chain.
pub struct ActiveInstitutions {
    chain: Arc<dyn Chain>,
}

impl ActiveInstitutions {
    /// Those of `chain`.
    #[must_use]
    pub fn new(chain: Arc<dyn Chain>) -> Self {
        Self { chain }
    }
}

#[async_trait]
impl Verifier for ActiveInstitutions {
    async fn verify(&self, key_id: &str, message: &[u8], signature: &[u8]) -> Result<(), String> {
        let institution = wallet::verify(key_id, message, signature)?;
        match self.chain.institution(institution).await {
            Ok(facts) if facts.active => Ok(()),
            Ok(_) => Err(format!("{key_id} is no active institution")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Signs requests and receipts with an institution's wallet.
pub struct InstitutionSigner(wallet::WalletSigner);

impl InstitutionSigner {
    /// The signer of the institution with these keys.
    ///
    /// # Errors
    /// If the key is not valid, which a key ring's never is.
    pub fn new(keys: &KeyRing) -> crate::model::error::Result<Self> {
        let key = k256::ecdsa::SigningKey::from_slice(keys.wallet().expose().as_ref())
            .map_err(|e| crate::model::error::Error::Internal(e.to_string()))?;
        Ok(Self(wallet::WalletSigner::new(key)))
    }
}

impl Signer for InstitutionSigner {
    fn key_id(&self) -> String {
        self.0.key_id()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        self.0.sign(message)
    }
}

/// The `keyid` of an institution.
#[must_use]
pub fn key_id(institution: &Address) -> String {
    wallet::key_id(institution)
}

/// The replication's book on the hospital's store.
pub struct StoreBook {
    store: Arc<dyn Store>,
}

impl StoreBook {
    /// The book in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    shelf: String,
    key: String,
    #[serde(with = "serde_bytes")]
    value: Vec<u8>,
}

impl Line {
    fn id_of(shelf: &str, key: &str) -> String {
        format!("{shelf}/{key}")
    }
}

impl Document for Line {
    const KIND: Kind = Kind::Replica;
    fn id(&self) -> String {
        Self::id_of(&self.shelf, &self.key)
    }
    fn owner(&self) -> String {
        self.shelf.clone()
    }
}

/// Every blob that the book mentions: what others keep for this institution and what it keeps for
/// them. Keys begin with the blob's CID.
pub(crate) async fn roots(
    store: &(dyn Store + 'static),
) -> crate::model::error::Result<Vec<vault::Cid>> {
    let first = |line: &Line| -> Option<vault::Cid> {
        line.key.split('.').next().and_then(|cid| cid.parse().ok())
    };
    let mut roots = Vec::new();
    let mut lines = store.each::<Line>(Query::of(Kind::Replica));
    while let Some(held) = lines.try_next().await? {
        roots.extend(first(&held.document));
    }
    Ok(roots)
}

pub(crate) fn failed(error: StoreError) -> vault::Error {
    vault::Error::Book(error.to_string())
}

#[async_trait]
impl Book for StoreBook {
    async fn put(&self, shelf: &str, key: &str, value: Vec<u8>) -> vault::Result<()> {
        if self
            .get(shelf, key)
            .await?
            .is_some_and(|known| known == value)
        {
            return Ok(());
        }
        let mut batch = Batch::new();
        let line = Line {
            shelf: shelf.to_owned(),
            key: key.to_owned(),
            value,
        };
        batch.put(&line).map_err(failed)?;
        self.store.apply(&batch).await.map_err(failed)
    }

    async fn get(&self, shelf: &str, key: &str) -> vault::Result<Option<Vec<u8>>> {
        let held = self
            .store
            .load::<Line>(&Line::id_of(shelf, key))
            .await
            .map_err(failed)?;
        Ok(held.map(|h| h.document.value))
    }

    async fn remove(&self, shelf: &str, key: &str) -> vault::Result<()> {
        if self.get(shelf, key).await?.is_none() {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.delete::<Line>(Line::id_of(shelf, key));
        self.store.apply(&batch).await.map_err(failed)
    }

    async fn keys(&self, shelf: &str, prefix: &str) -> vault::Result<Vec<String>> {
        let mut keys = Vec::new();
        let mut lines = self
            .store
            .each::<Line>(Query::of(Kind::Replica).owner(shelf));
        while let Some(held) = lines.try_next().await.map_err(failed)? {
            keys.extend(Some(held.document.key).filter(|key| key.starts_with(prefix)));
        }
        Ok(keys)
    }
}
