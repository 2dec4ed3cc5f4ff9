//! Anchoring: the log's checkpoints on chain, at an interval and on demand.

use std::sync::Arc;
use std::time::Duration;

use acts::{ChainAct as _, Signer};

use super::{ConsistencyProof, Log, SignedCheckpoint};
use crate::error::{Error, Result};
use crate::reads::Chain;
use crate::relayer::{Call, Inclusion, Relayer, Until};

/// Puts a log's checkpoints on chain.
#[derive(Clone)]
pub struct Anchor {
    log: Arc<Log>,
    chain: Chain,
    relayer: Relayer,
    signer: Arc<dyn Signer>,
}

impl std::fmt::Debug for Anchor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Anchor")
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

/// A checkpoint that is anchored, or on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchored {
    /// What was signed.
    pub checkpoint: SignedCheckpoint,
    /// Key of its transaction at the relayer; `None` if it is on chain already or the log is
    /// empty.
    pub key: Option<String>,
}

impl Anchor {
    /// Anchors `log` by `relayer`'s transactions; `signer` is the institution's key.
    pub fn new(log: Arc<Log>, chain: Chain, relayer: Relayer, signer: Arc<dyn Signer>) -> Self {
        Self {
            log,
            chain,
            relayer,
            signer,
        }
    }

    /// Signs a checkpoint of the log as it is now and hands it to the relayer, unless it is on
    /// chain already.
    ///
    /// # Errors
    /// [`Error::LogBehindChain`] if the chain has a larger one: the log lost entries.
    /// [`Error::Corrupt`] if the chain's or the store's last checkpoint is not of this log. Or the
    /// failure of store, endpoint or key.
    pub async fn anchor(&self) -> Result<Anchored> {
        let institution = self.log.origin().institution;
        let on_chain = self.chain.checkpoint_of(institution).await?;
        let size = self.log.size().await?;
        if on_chain.size > size {
            return Err(Error::LogBehindChain {
                size,
                anchored: on_chain.size,
            });
        }
        if on_chain.size > 0 && !on_chain.has_root(&self.log.root(on_chain.size).await?) {
            return Err(Error::corrupt(
                "log",
                "the chain has another root for its beginning",
            ));
        }
        let checkpoint = self.log.checkpoint(self.signer.as_ref()).await?;
        if checkpoint.size == on_chain.size {
            return Ok(Anchored {
                checkpoint,
                key: None,
            });
        }
        let key = anchor_key(&checkpoint);
        self.relayer.submit(&key, anchor_call(&checkpoint)).await?;
        Ok(Anchored {
            checkpoint,
            key: Some(key),
        })
    }

    /// Anchors now and waits until it is in a block.
    ///
    /// # Errors
    /// As [`Anchor::anchor`] and [`Relayer::settle`].
    pub async fn anchor_and_wait(
        &self,
        timeout: Duration,
    ) -> Result<(SignedCheckpoint, Option<Inclusion>)> {
        let anchored = self.anchor().await?;
        let inclusion = match &anchored.key {
            Some(key) => Some(self.relayer.settle(key, Until::Included, timeout).await?),
            None => None,
        };
        Ok((anchored.checkpoint, inclusion))
    }

    /// Anchors at this interval until the future is dropped. Failures are logged; the next turn
    /// tries again.
    pub async fn run(&self, every: Duration) {
        let mut turns = tokio::time::interval(every.max(Duration::from_secs(1)));
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            if let Err(error) = self.anchor().await {
                tracing::warn!(log = %self.log.origin(), %error, "the log could not be anchored");
            }
        }
    }

    /// That the newer of two checkpoints of this log continues the older one.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if one is beyond the log; or the store's failure.
    pub async fn between(
        &self,
        old: &SignedCheckpoint,
        new: &SignedCheckpoint,
    ) -> Result<ConsistencyProof> {
        self.log.consistency(old.size, new.size).await
    }
}

/// The relayer's key for a checkpoint: one size, one transaction.
fn anchor_key(checkpoint: &SignedCheckpoint) -> String {
    format!("checkpoint/{}/{}", checkpoint.origin, checkpoint.size)
}

/// The call that anchors a checkpoint. Anyone may send it.
pub fn anchor_call(checkpoint: &SignedCheckpoint) -> Call {
    let signatures = [checkpoint.signature.clone()];
    let call = acts::Call {
        to: checkpoint.origin.contract,
        data: checkpoint.statement().calldata(&signatures),
    };
    call.into()
}
