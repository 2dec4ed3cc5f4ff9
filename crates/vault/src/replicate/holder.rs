//! What a node does for others: keep replicas, prove them, delete them.

use std::sync::Arc;

use cid::Cid;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{Act, Answer, Book, Challenge, Proof, Receipt, decode, encode};
use crate::car::{self, CarReader};
use crate::dag::{self, DagLimits};
use crate::engine::Vault;
use crate::file::ByteStream;
use crate::sign::{Clock, Signer};
use crate::{Error, Result, block};

/// The shelf of the owners of each held root.
const HELD: &str = "held";

/// For whom a root is kept.
#[derive(Default, Serialize, Deserialize)]
struct Owners {
    owners: Vec<String>,
}

/// A node's store, with its key and its record of whose replicas it keeps.
pub struct Holder {
    vault: Arc<dyn Vault>,
    signer: Arc<dyn Signer>,
    book: Arc<dyn Book>,
    clock: Clock,
    limits: DagLimits,
    /// Changes of ownership one after the other.
    changing: Mutex<()>,
}

impl Holder {
    /// A holder over `vault` that signs with `signer`.
    #[must_use]
    pub fn new(
        vault: Arc<dyn Vault>,
        signer: Arc<dyn Signer>,
        book: Arc<dyn Book>,
        clock: Clock,
    ) -> Self {
        Self {
            vault,
            signer,
            book,
            clock,
            limits: DagLimits::default(),
            changing: Mutex::default(),
        }
    }

    /// Changes the limits on what is taken in.
    #[must_use]
    pub fn with_limits(self, limits: DagLimits) -> Self {
        Self { limits, ..self }
    }

    /// The store.
    #[must_use]
    pub fn vault(&self) -> &Arc<dyn Vault> {
        &self.vault
    }

    /// Whose node this is.
    #[must_use]
    pub fn key_id(&self) -> String {
        self.signer.key_id()
    }

    /// The time, in unix seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// The node's record.
    #[must_use]
    pub fn book(&self) -> &Arc<dyn Book> {
        &self.book
    }

    async fn owners(&self, root: &Cid) -> Result<Owners> {
        let known = self.book.get(HELD, &root.to_string()).await?;
        known.map_or_else(
            || Ok(Owners::default()),
            |bytes| decode("owners of a replica", &bytes),
        )
    }

    /// Takes a replica in for `owner`. Durable and pinned when the receipt is made. Blocks that
    /// are here already need not be sent; damaged ones are replaced.
    ///
    /// # Errors
    /// As [`car::import`].
    pub async fn store(&self, root: &Cid, owner: &str, car: ByteStream) -> Result<Receipt> {
        let root = block::normalise(root)?;
        car::import(self.vault.as_ref(), &root, CarReader::new(car), self.limits).await?;
        let _order = self.changing.lock().await;
        let mut owners = self.owners(&root).await?;
        if !owners.owners.iter().any(|known| known == owner) {
            owners.owners.push(owner.to_owned());
            self.book
                .put(
                    HELD,
                    &root.to_string(),
                    encode("owners of a replica", &owners)?,
                )
                .await?;
        }
        // An erasure may have come between the import and the lock.
        self.vault.pin(&root).await?;
        let blocks = dag::walk(self.vault.as_ref(), &root, self.limits)
            .await?
            .len() as u64;
        Receipt::signed(
            Act::Stored,
            root,
            blocks,
            owner,
            self.now(),
            self.signer.as_ref(),
        )
    }

    /// Deletes `owner`'s replica: unpinned and collected, unless it is kept for another owner
    /// too, who then goes on owning it. Idempotent.
    ///
    /// # Errors
    /// [`Error::NotYours`]; [`Error::StillNeeded`] when another pinned DAG contains the root.
    pub async fn erase(&self, root: &Cid, owner: &str) -> Result<Receipt> {
        let root = block::normalise(root)?;
        let _order = self.changing.lock().await;
        let mut owners = self.owners(&root).await?;
        let before = owners.owners.len();
        owners.owners.retain(|known| known != owner);
        if owners.owners.len() == before && before > 0 {
            return Err(Error::NotYours {
                root,
                caller: owner.into(),
            });
        }
        if before == 0 && self.vault.pins().await?.contains(&root) {
            // Pinned by this node for itself.
            return Err(Error::NotYours {
                root,
                caller: owner.into(),
            });
        }
        if owners.owners.is_empty() {
            self.delete(&root).await?;
            self.book.remove(HELD, &root.to_string()).await?;
        } else {
            self.book
                .put(
                    HELD,
                    &root.to_string(),
                    encode("owners of a replica", &owners)?,
                )
                .await?;
        }
        Receipt::signed(
            Act::Deleted,
            root,
            0,
            owner,
            self.now(),
            self.signer.as_ref(),
        )
    }

    /// Unpins a root of this node itself and collects it, with the signed statement of it.
    ///
    /// # Errors
    /// [`Error::StillNeeded`] when another pinned DAG contains the root; the engine's.
    pub async fn erase_own(&self, root: &Cid) -> Result<Receipt> {
        let root = block::normalise(root)?;
        let _order = self.changing.lock().await;
        if !self.owners(&root).await?.owners.is_empty() {
            return Err(Error::StillNeeded(root));
        }
        self.delete(&root).await?;
        Receipt::signed(
            Act::Deleted,
            root,
            0,
            &self.key_id(),
            self.now(),
            self.signer.as_ref(),
        )
    }

    async fn delete(&self, root: &Cid) -> Result<()> {
        self.vault.unpin(root).await?;
        self.vault.gc().await?;
        if self.vault.has(root).await? {
            return Err(Error::StillNeeded(*root));
        }
        Ok(())
    }

    /// Answers a challenge from the bytes in the store.
    ///
    /// # Errors
    /// The engine's, but for missing and damaged blocks, which are answers.
    pub async fn answer(&self, challenge: &Challenge) -> Result<Answer> {
        let mut proofs = Vec::with_capacity(challenge.probes.len());
        for probe in &challenge.probes {
            proofs.push(match self.vault.get_block(&probe.cid).await {
                Ok(bytes) => probe.prove(&challenge.nonce, &bytes),
                Err(Error::NotFound(_) | Error::UnsupportedCid(_)) => Proof::Missing,
                Err(Error::Damaged(_)) => Proof::Damaged,
                Err(other) => return Err(other),
            });
        }
        Answer::signed(challenge, proofs, self.now(), self.signer.as_ref())
    }
}
