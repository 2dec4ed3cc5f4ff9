//! One hospital: what the node's side of every use case works with.

use std::sync::Arc;

use acts::{Act, Deployment, SignedAct};
use alloy_primitives::{Address, B256};
use api::records::Stage;
use api::session::Staff;
use cid::Cid;
use futures_util::TryStreamExt as _;
use ledger::log::tile::Edge;
use ledger::log::{Log, Origin, SignedCheckpoint};
use tokio::sync::{Mutex, Notify};
use vault::replicate::Replicator;
use vault::{ByteStream, Vault};

use crate::model::act::{Errand, SIGNATURE_TTL};
use crate::model::caller::Caller;
use crate::model::document::{Batch, Kind, Query};
use crate::model::draft::Draft;
use crate::model::error::{Error, Result, StoreError};
use crate::model::index_page::IndexPage;
use crate::model::keys::KeyRing;
use crate::model::log_entry::{Entry, Touch};
use crate::model::version::Version;
use crate::ports::chain::Chain;
use crate::ports::clock::Clock;
use crate::ports::peers::Peers;
use crate::ports::random::random;
use crate::ports::store::Documents;
use crate::uses::journal::journaled::Journaled;
use crate::uses::journal::log_store;
use crate::uses::journal::log_store::Leaves;
use crate::uses::people::profile::Roster;

/// How a hospital is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// Where people reach it, for links in mails.
    pub url: String,
    /// How long an unsigned draft is kept, seconds.
    pub draft_ttl: u64,
    /// The largest upload, bytes.
    pub upload_bytes: u64,
    /// How many other institutions keep each page of the journal.
    pub page_copies: usize,
}

/// One hospital.
pub struct Hospital {
    /// The institution's keys.
    pub keys: Arc<KeyRing>,
    /// The database behind its journal.
    pub store: Arc<Journaled>,
    /// Sealed bytes.
    pub vault: Arc<dyn Vault>,
    /// Copies of sealed bytes at other institutions.
    pub replicator: Replicator,
    /// The chain.
    pub chain: Arc<dyn Chain>,
    /// The other institutions' nodes.
    pub peers: Arc<dyn Peers>,
    /// The time.
    pub clock: Clock,
    /// How it is run.
    pub settings: Settings,
    /// Rung when an errand was written down.
    pub errands: Notify,
    /// The log: proofs, checkpoints, tiles.
    pub log: Log,
    leaves: Arc<Leaves>,
    edge: Mutex<Edge>,
    pub(crate) roster: Roster,
}

impl Hospital {
    /// A hospital over its parts; opens its log.
    ///
    /// # Errors
    /// If the database does not answer, or the log in it is not the one that was signed.
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a different part of a hospital"
    )]
    pub async fn open(
        keys: Arc<KeyRing>,
        store: Arc<Journaled>,
        vault: Arc<dyn Vault>,
        replicator: Replicator,
        chain: Arc<dyn Chain>,
        peers: Arc<dyn Peers>,
        clock: Clock,
        settings: Settings,
    ) -> Result<Self> {
        let leaves = Arc::new(Leaves::new(store.clone()));
        let at = chain.deployment();
        let (chain_id, contract) = (at.chain_id, at.contracts.log);
        let origin = Origin {
            chain_id,
            contract,
            institution: keys.address(),
        };
        let log = Log::open(leaves.clone(), origin)
            .await
            .map_err(log_failed)?;
        let edge = Mutex::new(log_store::edge(&leaves).await?);
        let errands = Notify::new();
        Ok(Self {
            keys,
            store,
            vault,
            replicator,
            chain,
            peers,
            clock,
            settings,
            errands,
            log,
            leaves,
            edge,
            roster: Mutex::new(None),
        })
    }

    /// The institution's wallet.
    #[must_use]
    pub fn address(&self) -> Address {
        self.keys.address()
    }

    /// Where the contracts are.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        self.chain.deployment()
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// A deadline for a signature made now.
    #[must_use]
    pub fn deadline(&self) -> u64 {
        self.now() + SIGNATURE_TTL
    }

    // ---- who ----

    /// What a wallet is at this moment.
    ///
    /// # Errors
    /// If the chain or the database does not answer.
    pub async fn caller(&self, wallet: Address) -> Result<Caller> {
        let patient = self.patient_of(wallet).await?.map(|p| p.document.patient);
        let staff = self.staff(wallet).await?;
        let registrar = self.chain.registrar().await? == wallet;
        let institution = wallet == self.address() && self.chain.institution(wallet).await?.active;
        Ok(Caller {
            wallet,
            registrar,
            institution,
            staff,
            patient,
            session: None,
        })
    }

    /// The wallet as active staff of an institution.
    pub(crate) async fn staff(&self, wallet: Address) -> Result<Option<Staff>> {
        let facts = self.chain.staff(wallet).await?;
        Ok(facts.filter(|f| f.active).and_then(|f| {
            f.role.map(|role| Staff {
                institution: f.institution,
                role,
            })
        }))
    }

    // ---- the log ----

    /// Write a batch together with the log entry of why. The entry is in the log when this returns,
    /// and the batch happened; or neither.
    ///
    /// # Errors
    /// If the vault or the database refuses, or a document changed meanwhile.
    pub async fn write(&self, batch: Batch, entry: Entry) -> Result<u64> {
        self.write_owed(batch, entry, None).await
    }

    /// The same, for an entry that another institution has to be told of.
    pub(crate) async fn write_owed(
        &self,
        batch: Batch,
        entry: Entry,
        owed: Option<Address>,
    ) -> Result<u64> {
        let mut edge = self.edge.lock().await;
        // Another process of the same hospital may have written meanwhile: catch up and repeat.
        for _ in 0..8 {
            let touch = Touch {
                leaf: edge.size(),
                patient: entry.patient,
                salt: random(),
                entry: entry.encode()?,
                owed,
            };
            let leaf = touch.leaf;
            match self.grow(&batch, &edge, touch).await {
                Ok(grown) => {
                    *edge = grown;
                    return Ok(leaf);
                }
                Err(Error::Store(StoreError::Conflict { kind, .. }))
                    if kind == Kind::Touch.name() || kind == Kind::Log.name() =>
                {
                    *edge = log_store::edge(&self.leaves).await?;
                }
                Err(other) => return Err(other),
            }
        }
        Err(Error::Log("too many writers".to_owned()))
    }

    async fn grow(&self, batch: &Batch, edge: &Edge, touch: Touch) -> Result<Edge> {
        let mut whole = batch.clone();
        let grown = log_store::append(&self.store, &mut whole, edge, &[touch]).await?;
        self.store.write(&whole).await?;
        Ok(grown)
    }

    /// Write a log entry alone.
    ///
    /// # Errors
    /// As [`Hospital::write`].
    pub async fn touch(&self, entry: Entry) -> Result<u64> {
        self.write(Batch::new(), entry).await
    }

    /// Sign a checkpoint of the log as it is now.
    ///
    /// # Errors
    /// If the database does not answer or the log is not what was signed before.
    pub async fn checkpoint(&self) -> Result<SignedCheckpoint> {
        // Entries that are being written now belong to the next one.
        let _no_writer = self.edge.lock().await;
        let signed = self.log.checkpoint(self.keys.wallet()).await;
        signed.map_err(log_failed)
    }

    /// Sign a checkpoint and have it anchored; no errand if the chain has it already.
    ///
    /// # Errors
    /// If the chain or the database does not answer.
    pub async fn anchor(&self) -> Result<(SignedCheckpoint, Option<Errand>)> {
        let checkpoint = self.checkpoint().await?;
        if checkpoint.size <= self.chain.anchored(self.address()).await? {
            return Ok((checkpoint, None));
        }
        let act = Act::Checkpoint {
            institution: self.address(),
            size: checkpoint.size,
            root: checkpoint.root,
        };
        let signatures = vec![checkpoint.signature.clone()];
        let errand = self.dispatch(SignedAct { act, signatures }).await?;
        Ok((checkpoint, Some(errand)))
    }

    // ---- copies ----

    /// Have blobs held durably by a quorum of institutions.
    ///
    /// # Errors
    /// [`Error::Quorum`] while too few of them take the blobs; what they took, they keep.
    pub(crate) async fn replicate(&self, cids: &[Cid]) -> Result<()> {
        for cid in cids {
            match self.replicator.replicate(cid).await {
                Ok(_) => {}
                Err(vault::Error::Quorum {
                    needed,
                    have,
                    failures,
                    ..
                }) => {
                    tracing::warn!(?failures, "a blob lacks copies");
                    return Err(Error::Quorum { held: have, needed });
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(())
    }

    // ---- acts ----

    /// Sign an act as the institution.
    pub(crate) fn sign(&self, act: Act) -> SignedAct {
        let signature = act.sign(self.deployment(), self.keys.wallet());
        SignedAct {
            act,
            signatures: vec![signature],
        }
    }

    /// Sealed bytes of a patient's own record.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the blob is not of that record.
    pub async fn own_blob(&self, patient: B256, record: B256, cid: &str) -> Result<ByteStream> {
        let version = self.version_of(patient, record).await?.document;
        let cid = crate::model::cid::parse_cid(cid)?;
        if cid != version.manifest && !version.parts.contains(&cid) {
            return Err(Error::NotFound("part"));
        }
        Ok(self.replicator.read(&cid))
    }

    /// The blobs of every record and index that is kept.
    pub(crate) async fn kept_blobs(&self) -> Result<Vec<Cid>> {
        let mut cids = Vec::new();
        // What cannot be read may name blobs too: better none than a part of them.
        let mut versions = self.store.each::<Version>(Query::of(Kind::Record));
        while let Some(held) = versions.try_next().await? {
            if held.document.stage != Stage::Erased {
                cids.extend(held.document.blobs());
            }
        }
        let mut indexes = self.store.each::<IndexPage>(Query::of(Kind::Index));
        while let Some(held) = indexes.try_next().await? {
            cids.push(held.document.cid);
        }
        Ok(cids)
    }

    /// After a rebuild: have every blob of every record and index watched over again.
    ///
    /// # Errors
    /// If the database does not answer; too few replicas are no error here.
    pub async fn watch_again(&self) -> Result<u64> {
        let cids = self.kept_blobs().await?;
        for cid in &cids {
            if let Err(error) = self.replicate(std::slice::from_ref(cid)).await {
                tracing::warn!(%error, "a blob lacks copies");
            }
        }
        Ok(cids.len() as u64)
    }

    /// Unpin blobs that nothing refers to: parts of uploads that were cut off before their draft
    /// was written down. Only for a vault that this process alone writes to, and before it serves.
    ///
    /// # Errors
    /// If the vault or the database does not answer.
    pub async fn sweep(&self) -> Result<u64> {
        let mut known = self.store.pages().await?;
        let mut drafts = self.store.each::<Draft>(Query::of(Kind::Draft));
        while let Some(held) = drafts.try_next().await? {
            known.extend(held.document.blobs());
        }
        known.extend(self.kept_blobs().await?);
        known.extend(crate::uses::replication::roots(self.store.as_ref()).await?);
        known.extend(self.spare_blobs().await?);
        let known: std::collections::HashSet<Cid> = known.into_iter().collect();
        let mut swept = 0;
        for cid in self.vault.pins().await? {
            if !known.contains(&cid) {
                crate::uses::blobs::forget(self.vault.as_ref(), &cid).await?;
                swept += 1;
            }
        }
        if swept > 0 {
            self.vault.gc().await?;
        }
        Ok(swept)
    }

    /// Check that the log is the one whose checkpoint the chain holds.
    ///
    /// # Errors
    /// [`Error::Log`] if entries are missing.
    pub async fn agrees_with_chain(&self) -> Result<()> {
        let anchored = self.chain.anchored(self.address()).await?;
        let size = self.log.size().await.map_err(log_failed)?;
        if anchored > size {
            let lost = format!("the chain knows {anchored} entries, here are {size}");
            return Err(Error::Log(lost));
        }
        Ok(())
    }
}

/// A failure of the log as this crate tells it.
pub(crate) fn log_failed(error: ledger::Error) -> Error {
    Error::Log(error.to_string())
}
