//! Uploads with a quorum, and deletion everywhere.

use std::sync::Arc;

use cid::Cid;
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use super::{Act, Holder, Peer, Receipt};
use crate::gateway::dag_car;
use crate::sign::Verifier;
use crate::{Error, Result, block};

/// The shelf of roots that are to be replicated.
const ROOTS: &str = "roots";
/// The shelf of receipts, by root and holder.
const RECEIPTS: &str = "receipts";

/// How many copies there are to be, the home node's included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Copies in all: the replication factor.
    pub copies: usize,
    /// Copies that must be durable before an upload is acknowledged.
    pub quorum: usize,
}

impl Default for Policy {
    /// Three copies, acknowledged with two.
    fn default() -> Self {
        Self {
            copies: 3,
            quorum: 2,
        }
    }
}

/// An upload that a quorum holds.
#[derive(Clone, Debug)]
pub struct Replication {
    /// The root.
    pub root: Cid,
    /// The receipts that there were when the quorum was reached. Later ones go to the book.
    pub receipts: Vec<Receipt>,
    /// What peers that failed said.
    pub failures: Vec<String>,
}

/// The home node's side of replication. Clones share everything.
#[derive(Clone)]
pub struct Replicator {
    pub(super) home: Arc<Holder>,
    pub(super) peers: Vec<Arc<dyn Peer>>,
    pub(super) policy: Policy,
    pub(super) verifier: Arc<dyn Verifier>,
}

type Attempt = (String, Result<Receipt>);

impl Replicator {
    /// Replicates what is in `home` to `peers`, whose statements `verifier` checks.
    #[must_use]
    pub fn new(
        home: Arc<Holder>,
        peers: Vec<Arc<dyn Peer>>,
        policy: Policy,
        verifier: Arc<dyn Verifier>,
    ) -> Self {
        Self {
            home,
            peers,
            policy,
            verifier,
        }
    }

    /// The home node's own store and record.
    #[must_use]
    pub fn home(&self) -> &Arc<Holder> {
        &self.home
    }

    /// The peers in the order of preference for this root: rendezvous hashing spreads the roots
    /// evenly, and a peer that comes or goes moves only its own share.
    pub(super) fn preferred(&self, root: &Cid) -> Vec<Arc<dyn Peer>> {
        let weight = |peer: &Arc<dyn Peer>| {
            Sha256::new_with_prefix(root.to_bytes())
                .chain_update(peer.key_id())
                .finalize()
        };
        let mut peers = self.peers.clone();
        peers.sort_by_cached_key(weight);
        peers
    }

    pub(super) fn peer(&self, key_id: &str) -> Option<&Arc<dyn Peer>> {
        self.peers.iter().find(|peer| peer.key_id() == key_id)
    }

    /// The receipts in the book for `root`.
    ///
    /// # Errors
    /// [`Error::Book`], [`Error::Malformed`].
    pub async fn receipts(&self, root: &Cid) -> Result<Vec<Receipt>> {
        let book = self.home.book();
        let mut out = Vec::new();
        for key in book.keys(RECEIPTS, &format!("{root}.")).await? {
            if let Some(bytes) = book.get(RECEIPTS, &key).await? {
                out.push(Receipt::from_bytes(&bytes)?);
            }
        }
        Ok(out)
    }

    /// The roots that are replicated from here.
    ///
    /// # Errors
    /// [`Error::Book`].
    pub async fn roots(&self) -> Result<Vec<Cid>> {
        let keys = self.home.book().keys(ROOTS, "").await?;
        Ok(keys.iter().filter_map(|key| key.parse().ok()).collect())
    }

    /// Hands `root`, which the home node must hold, to peers. Returns when a quorum holds it
    /// durably; copies beyond the quorum are finished in the background. Idempotent: peers with a
    /// receipt in the book count and are not asked again.
    ///
    /// # Errors
    /// [`Error::Quorum`] when too few peers take it; those that did keep it, and [`Self::heal`]
    /// goes on trying.
    pub async fn replicate(&self, root: &Cid) -> Result<Replication> {
        let root = block::normalise(root)?;
        // The home copy counts only if it is whole and pinned.
        self.home.vault().pin(&root).await?;
        self.home
            .book()
            .put(ROOTS, &root.to_string(), Vec::new())
            .await?;
        let mut out = Replication {
            root,
            receipts: self.receipts(&root).await?,
            failures: Vec::new(),
        };
        let mut spare = self.preferred(&root);
        spare.retain(|peer| {
            !out.receipts
                .iter()
                .any(|receipt| receipt.holder == peer.key_id())
        });
        let mut spare = spare.into_iter();
        let mut running = JoinSet::new();
        let missing = self.policy.copies.saturating_sub(1 + out.receipts.len());
        spare
            .by_ref()
            .take(missing)
            .for_each(|peer| self.start(&mut running, peer, root));
        while 1 + out.receipts.len() < self.policy.quorum {
            match running.join_next().await {
                Some(attempt) => match self.settle(&root, attempt?).await {
                    Ok(receipt) => out.receipts.push(receipt),
                    Err(failure) => {
                        out.failures.push(failure);
                        spare
                            .by_ref()
                            .take(1)
                            .for_each(|peer| self.start(&mut running, peer, root));
                    }
                },
                None => return Err(self.no_quorum(out)),
            }
        }
        self.finish_later(root, running);
        Ok(out)
    }

    fn no_quorum(&self, out: Replication) -> Error {
        let (needed, have) = (self.policy.quorum, 1 + out.receipts.len());
        Error::Quorum {
            root: Box::new(out.root),
            needed,
            have,
            failures: out.failures,
        }
    }

    fn start(&self, running: &mut JoinSet<Attempt>, peer: Arc<dyn Peer>, root: Cid) {
        let vault = self.home.vault().clone();
        running.spawn(async move {
            let stored = match dag_car(vault, &root) {
                Ok(car) => peer.store(&root, car).await,
                Err(error) => Err(error),
            };
            (peer.key_id().to_owned(), stored)
        });
    }

    /// Checks a receipt and writes it down; or says what went wrong.
    async fn settle(&self, root: &Cid, (holder, stored): Attempt) -> Result<Receipt, String> {
        let checked = async {
            let receipt = stored?;
            let owner = self.home.key_id();
            receipt
                .check(Act::Stored, root, &owner, &holder, self.verifier.as_ref())
                .await?;
            let key = format!("{root}.{holder}");
            self.home
                .book()
                .put(RECEIPTS, &key, receipt.to_bytes()?)
                .await?;
            Ok::<_, Error>(receipt)
        };
        checked.await.map_err(|error| {
            tracing::warn!(%root, %holder, %error, "a replica was not stored");
            format!("{holder}: {error}")
        })
    }

    fn finish_later(&self, root: Cid, mut running: JoinSet<Attempt>) {
        let this = self.clone();
        tokio::spawn(async move {
            while let Some(attempt) = running.join_next().await {
                if let Ok(attempt) = attempt {
                    // A failure is logged; `heal` makes up for it.
                    let _ = this.settle(&root, attempt).await;
                }
            }
        });
    }

    /// Gives every root that lacks copies to more peers, and waits for them. Returns the roots
    /// that still lack some.
    ///
    /// # Errors
    /// [`Error::Book`].
    pub async fn heal(&self) -> Result<Vec<Cid>> {
        let all = Self {
            policy: Policy {
                quorum: self.policy.copies,
                ..self.policy
            },
            ..self.clone()
        };
        let mut lacking = Vec::new();
        for root in self.roots().await? {
            if let Err(error) = all.replicate(&root).await {
                tracing::warn!(%root, %error, "still too few copies");
                lacking.push(root);
            }
        }
        Ok(lacking)
    }

    pub(super) async fn forget_receipt(&self, root: &Cid, holder: &str) -> Result<()> {
        self.home
            .book()
            .remove(RECEIPTS, &format!("{root}.{holder}"))
            .await
    }

    pub(super) async fn restore(
        &self,
        peer: &Arc<dyn Peer>,
        root: &Cid,
    ) -> Result<Receipt, String> {
        let stored = match dag_car(self.home.vault().clone(), root) {
            Ok(car) => peer.store(root, car).await,
            Err(error) => Err(error),
        };
        self.settle(root, (peer.key_id().to_owned(), stored)).await
    }

    /// Deletes `root` at all holders, then at home. Returns the signed statements, and what the
    /// holders said that did not delete it; those keep their receipts in the book, so that
    /// calling again asks them again.
    ///
    /// # Errors
    /// The home node's own: [`Error::StillNeeded`], the engine's, [`Error::Book`].
    pub async fn erase(&self, root: &Cid) -> Result<(Vec<Receipt>, Vec<String>)> {
        let root = block::normalise(root)?;
        let (mut statements, mut failures) = (Vec::new(), Vec::new());
        for receipt in self.receipts(&root).await? {
            match self.erase_at(&root, &receipt.holder).await {
                Ok(statement) => {
                    self.forget_receipt(&root, &receipt.holder).await?;
                    statements.push(statement);
                }
                Err(error) => failures.push(format!("{}: {error}", receipt.holder)),
            }
        }
        statements.push(self.home.erase_own(&root).await?);
        self.home.book().remove(ROOTS, &root.to_string()).await?;
        Ok((statements, failures))
    }

    async fn erase_at(&self, root: &Cid, holder: &str) -> Result<Receipt> {
        let unknown = || Error::FalseStatement {
            peer: holder.to_owned(),
            why: "it is no longer a peer".into(),
        };
        let statement = self.peer(holder).ok_or_else(unknown)?.erase(root).await?;
        statement
            .check(
                Act::Deleted,
                root,
                &self.home.key_id(),
                holder,
                self.verifier.as_ref(),
            )
            .await?;
        Ok(statement)
    }
}
