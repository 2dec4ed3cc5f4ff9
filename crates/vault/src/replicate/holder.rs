//! What a node does for others: keep replicas, prove them, delete them.

use std::sync::Arc;

use cid::Cid;
use tokio::sync::Mutex;

use super::quota::Accounts;
use super::{Act, Answer, Book, Challenge, Proof, Quotas, Receipt};
use crate::car::{self, CarReader};
use crate::dag::{self, DagLimits};
use crate::engine::Vault;
use crate::file::ByteStream;
use crate::owner::Owner;
use crate::sign::{Clock, Signer};
use crate::{Error, Result, block};

/// A node's store, with its key and its record of whose replicas it keeps. Unless told otherwise by
/// [`Holder::with_quotas`] it keeps nobody's.
pub struct Holder {
    vault: Arc<dyn Vault>,
    signer: Arc<dyn Signer>,
    book: Arc<dyn Book>,
    clock: Clock,
    limits: DagLimits,
    quotas: Quotas,
    accounts: Accounts,
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
            accounts: Accounts::new(book.clone()),
            book,
            clock,
            limits: DagLimits::default(),
            quotas: Quotas::default(),
            changing: Mutex::default(),
        }
    }

    /// Changes the limits on what is taken in.
    #[must_use]
    pub fn with_limits(self, limits: DagLimits) -> Self {
        Self { limits, ..self }
    }

    /// Says who may store replicas here, and how much.
    #[must_use]
    pub fn with_quotas(self, quotas: Quotas) -> Self {
        Self { quotas, ..self }
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

    /// Takes a replica in for `owner`. Durable and pinned when the receipt is made. All blocks must be
    /// sent, those that are here already too: only who has the bytes owns them. Who owns the replica
    /// may send it again in part, to replace what is damaged. Every block counts against the owner's
    /// quota with its size, [`super::LEAST_CHARGE`] at least.
    ///
    /// # Errors
    /// [`Error::NotAPeer`], before anything of the stream is read; [`Error::Quota`];
    /// [`Error::Unproven`]; and as [`car::import`].
    pub async fn store(&self, root: &Cid, owner: &str, car: ByteStream) -> Result<Receipt> {
        let root = block::normalise(root)?;
        let quota = self.quotas.of(owner).ok_or_else(|| Error::NotAPeer {
            caller: owner.into(),
        })?;
        let owner = Owner::institution(owner)?;
        let owned = self.accounts.claim(&owner, &root).await?.is_some();
        let mut deposit = self.accounts.open(&owner, quota).await?;
        let mut charge = |bytes| {
            if owned {
                return Ok(());
            }
            deposit.charge(bytes)
        };
        let vault = self.vault.as_ref();
        let reader = CarReader::new(car);
        let received = car::receive(vault, &root, reader, self.limits, &mut charge).await?;
        if let Some(block) = received.unsent.filter(|_| !owned) {
            return Err(Error::Unproven {
                caller: owner.to_string().into(),
                root: Box::new(root),
                block: Box::new(block),
            });
        }
        let blocks = dag::complete(vault, &root, self.limits).await?.len() as u64;
        let _order = self.changing.lock().await;
        // An erasure may have come since the start.
        if self.accounts.claim(&owner, &root).await?.is_none() {
            if owned {
                return Err(Error::NotFound(root));
            }
            self.accounts.add(&owner, &root, deposit.claim()).await?;
        }
        self.vault.pin_for(&root, &owner).await?;
        drop(received.batch);
        let (owner, now) = (owner.to_string(), self.now());
        Receipt::signed(Act::Stored, root, blocks, &owner, now, self.signer.as_ref())
    }

    /// Deletes `owner`'s replica: unpinned and collected, unless it is kept for this node or another
    /// owner too, who then goes on owning it. Idempotent: who owns nothing of it is told that nothing
    /// is kept for it.
    ///
    /// # Errors
    /// The engine's, [`Error::Book`].
    pub async fn erase(&self, root: &Cid, owner: &str) -> Result<Receipt> {
        let root = block::normalise(root)?;
        let owner = Owner::institution(owner)?;
        let _order = self.changing.lock().await;
        let unpinned = self.vault.unpin_for(&root, &owner).await?;
        self.accounts.remove(&owner, &root).await?;
        if unpinned {
            self.vault.gc().await?;
        }
        self.deleted(root, &owner.to_string())
    }

    /// Unpins a root of this node itself and collects it, with the signed statement of it. What
    /// another institution stored here of its own is kept for that institution, and is no hindrance.
    ///
    /// # Errors
    /// [`Error::StillNeeded`] when another DAG that this node keeps contains the root; the engine's.
    pub async fn erase_own(&self, root: &Cid) -> Result<Receipt> {
        let root = block::normalise(root)?;
        let _order = self.changing.lock().await;
        self.vault.unpin(&root).await?;
        self.vault.gc().await?;
        if self.vault.has(&root).await? && self.own_dag_contains(&root).await? {
            return Err(Error::StillNeeded(root));
        }
        self.deleted(root, &self.key_id())
    }

    async fn own_dag_contains(&self, root: &Cid) -> Result<bool> {
        for pin in self.vault.own_pins().await? {
            let blocks = dag::walk(self.vault.as_ref(), &pin, DagLimits::default()).await?;
            if blocks.contains(root) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn deleted(&self, root: Cid, owner: &str) -> Result<Receipt> {
        let now = self.now();
        Receipt::signed(Act::Deleted, root, 0, owner, now, self.signer.as_ref())
    }

    /// Bytes that an institution stores here, as they count against its quota.
    ///
    /// # Errors
    /// [`Error::Book`].
    pub async fn stored(&self, owner: &str) -> Result<u64> {
        self.accounts.stored(&Owner::institution(owner)?).await
    }

    /// Counts anew what every institution with a quota stores here. A process that dies while it
    /// stores or deletes may leave a sum too high; worth calling at the start and once a day.
    ///
    /// # Errors
    /// [`Error::Book`].
    pub async fn recount(&self) -> Result<()> {
        for key_id in self.quotas.institutions() {
            let _order = self.changing.lock().await;
            self.accounts.recount(&Owner::institution(key_id)?).await?;
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
