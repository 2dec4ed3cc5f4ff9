//! The event index: follows the contracts' events block by block, takes back what a
//! reorganisation took back, and can be built again from the first block at any time.
//!
//! Far below the head it asks for events by ranges of blocks. Near the head, where blocks can
//! still be taken back, it takes one block at a time: each must name the last one as its parent,
//! and events are asked for by the block's hash, so that an answer cannot mix two branches.

mod event;
mod store;

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use event::{Event, Indexed, Kind};
pub use store::{BlockRef, IndexStore, MemoryIndex, Progress, Step};

use crate::chain::Chain;
use crate::error::{Error, Result};
use crate::finality::Finality;
use crate::logs::Filter;
use crate::rpc::{At, Block};

/// How an indexer works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// When a block counts as final.
    pub finality: Finality,
    /// Blocks below the head that are taken one at a time.
    pub careful: u64,
    /// Blocks asked for at once further below.
    pub range: u64,
    /// Rest between two looks at the head.
    pub poll: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            finality: Finality::default(),
            careful: 96,
            range: 2000,
            poll: Duration::from_millis(500),
        }
    }
}

/// How far an event has come; pending ones are the [`crate::Relayer`]'s to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// In a block that could still be taken back.
    Included,
    /// In a block that will not be taken back.
    Final,
}

impl Progress {
    /// How far an event of this index has come.
    pub fn standing(&self, event: &Indexed) -> Standing {
        match self.last_final {
            Some(last_final) if event.block <= last_final => Standing::Final,
            _ => Standing::Included,
        }
    }
}

/// What one look at the chain changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Height down to which blocks were taken back, if any were.
    pub rewound_to: Option<u64>,
    /// Events that were added.
    pub events: Vec<Indexed>,
    /// Blocks that were added.
    pub blocks: u64,
}

impl Change {
    fn is_none(&self) -> bool {
        self.rewound_to.is_none() && self.blocks == 0
    }
}

/// Follows the contracts' events into a store.
pub struct Indexer {
    chain: Chain,
    store: Arc<dyn IndexStore>,
    settings: Settings,
    /// Rung with the height that was reached.
    reached: watch::Sender<u64>,
}

impl std::fmt::Debug for Indexer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Indexer")
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

impl Indexer {
    /// An indexer of the chain's deployment. It does nothing until [`Indexer::run`] or
    /// [`Indexer::catch_up`] is called.
    pub fn new(chain: Chain, store: Arc<dyn IndexStore>, settings: Settings) -> Self {
        Self {
            chain,
            store,
            settings,
            reached: watch::Sender::new(0),
        }
    }

    /// Where it is kept.
    pub fn store(&self) -> &Arc<dyn IndexStore> {
        &self.store
    }

    /// Tells the height that was reached, each time it changes.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.reached.subscribe()
    }

    /// Follows the chain until the future is dropped. Failures are logged and tried again, each
    /// time after a longer rest, up to 30 s.
    pub async fn run(&self) {
        let mut rest = self.settings.poll;
        loop {
            match self.catch_up().await {
                Ok(_) => rest = self.settings.poll,
                Err(error) => {
                    tracing::warn!(%error, "the event index had to pause");
                    rest = (rest * 2).min(Duration::from_secs(30));
                }
            }
            tokio::time::sleep(rest).await;
        }
    }

    /// Follows the chain up to its head.
    ///
    /// # Errors
    /// [`Error::Untrustworthy`] if the endpoint contradicts itself; or the failure of endpoint or
    /// store. What was indexed by then is kept; call it again.
    pub async fn catch_up(&self) -> Result<Change> {
        let mut total = Change::default();
        loop {
            let change = self.step().await?;
            if change.is_none() {
                return Ok(total);
            }
            if let Some(to) = change.rewound_to {
                total.events.retain(|event| event.block <= to);
                total.rewound_to = Some(total.rewound_to.map_or(to, |before| before.min(to)));
            }
            total.blocks += change.blocks;
            total.events.extend(change.events);
        }
    }

    /// Empties the index and builds it again from the deployment's block.
    ///
    /// # Errors
    /// As [`Indexer::catch_up`].
    pub async fn rebuild(&self) -> Result<Change> {
        self.store.rewind(None).await?;
        self.catch_up().await
    }

    /// One step: takes back blocks, or adds a range or a block, or does nothing at the head.
    async fn step(&self) -> Result<Change> {
        let endpoint = self.chain.endpoint().as_ref();
        let head = self.chain.head().await?;
        let progress = self.store.progress().await?;
        if let Some(progress) = &progress
            && let Some(change) = self.rewind_if_reorganised(&progress.tip, &head).await?
        {
            return Ok(change);
        }
        let last_final = self.settings.finality.height(endpoint, &head).await?;
        let after = progress.map(|progress| progress.tip);
        let next = after.map_or(self.chain.deployment().block, |tip| tip.number + 1);
        if next > head.number {
            return self.refresh_final(progress, last_final).await;
        }
        let step = if head.number - next > self.settings.careful {
            let to = (next + self.settings.range - 1).min(head.number - self.settings.careful);
            self.range(after, next, to, last_final).await?
        } else {
            self.block(after, next, last_final).await?
        };
        let Some(step) = step else {
            return Ok(Change::default());
        };
        self.store.apply(&step).await?;
        self.reached.send_replace(step.progress.tip.number);
        Ok(Change {
            rewound_to: None,
            blocks: step.progress.tip.number + 1 - next,
            events: step.events,
        })
    }

    /// Nothing new but finality moved on.
    async fn refresh_final(
        &self,
        progress: Option<Progress>,
        last_final: Option<u64>,
    ) -> Result<Change> {
        if let Some(progress) = progress.filter(|progress| progress.last_final != last_final) {
            self.store
                .apply(&Step {
                    after: Some(progress.tip),
                    progress: Progress {
                        tip: progress.tip,
                        last_final,
                    },
                    blocks: Vec::new(),
                    events: Vec::new(),
                })
                .await?;
        }
        Ok(Change::default())
    }

    /// If the tip is no longer on the chain, goes back to the newest remembered block that is.
    async fn rewind_if_reorganised(&self, tip: &BlockRef, head: &Block) -> Result<Option<Change>> {
        // An endpoint that is merely behind knows nothing of our tip; a shorter branch is taken up
        // when it has grown past it, or differs below.
        let from = tip.number.min(head.number);
        let mut known = match self.store.block_at_most(from).await? {
            Some(block) => block,
            None => return self.forget(None).await.map(Some),
        };
        let mut reorganised = false;
        loop {
            let block = if known.number == head.number {
                Some(head.clone())
            } else {
                self.chain
                    .endpoint()
                    .block(At::Number(known.number))
                    .await?
            };
            if block.is_some_and(|block| block.hash == known.hash) {
                break;
            }
            reorganised = true;
            known = match known.number.checked_sub(1) {
                Some(below) => match self.store.block_at_most(below).await? {
                    Some(block) => block,
                    None => return self.forget(None).await.map(Some),
                },
                None => return self.forget(None).await.map(Some),
            };
        }
        if reorganised {
            self.forget(Some(known)).await.map(Some)
        } else {
            Ok(None)
        }
    }

    async fn forget(&self, to: Option<BlockRef>) -> Result<Change> {
        let height = to.map_or(0, |block| block.number);
        tracing::warn!(to = height, "a reorganisation; the event index goes back");
        self.store.rewind(to).await?;
        Ok(Change {
            rewound_to: Some(height),
            ..Change::default()
        })
    }

    fn addresses(&self) -> Vec<Address> {
        self.chain
            .deployment()
            .contracts()
            .map(|(_, address)| address)
            .to_vec()
    }

    /// The events of many blocks far below the head.
    async fn range(
        &self,
        after: Option<BlockRef>,
        from: u64,
        to: u64,
        last_final: Option<u64>,
    ) -> Result<Option<Step>> {
        let endpoint = self.chain.endpoint();
        let filter = Filter::range(self.addresses(), from, to);
        let logs = endpoint.logs(&filter).await?;
        let Some(last) = endpoint.block(At::Number(to)).await? else {
            return Ok(None);
        };
        let mut events = Vec::with_capacity(logs.len());
        for log in &logs {
            let Some(event) = Indexed::read(self.chain.deployment(), log)? else {
                continue;
            };
            if !(from..=to).contains(&event.block) {
                return Err(Error::Untrustworthy(
                    "it sent a log of another block".into(),
                ));
            }
            events.push(event);
        }
        events.sort_by_key(|event| (event.block, event.log_index));
        let tip = BlockRef {
            number: to,
            hash: last.hash,
        };
        let progress = Progress { tip, last_final };
        Ok(Some(Step {
            after,
            progress,
            blocks: vec![tip],
            events,
        }))
    }

    /// The events of the block after the tip.
    async fn block(
        &self,
        after: Option<BlockRef>,
        number: u64,
        last_final: Option<u64>,
    ) -> Result<Option<Step>> {
        let endpoint = self.chain.endpoint();
        let Some(block) = endpoint.block(At::Number(number)).await? else {
            return Ok(None);
        };
        // Reorganised since we looked at the tip: the next step goes back.
        if after.is_some_and(|tip| tip.hash != block.parent_hash) {
            return self.parent_changed(after).await;
        }
        let filter = Filter::block(self.addresses(), block.hash);
        let logs = endpoint.logs(&filter).await?;
        let mut events = Vec::with_capacity(logs.len());
        for log in &logs {
            let Some(event) = Indexed::read(self.chain.deployment(), log)? else {
                continue;
            };
            if event.block != number || event.block_hash != block.hash {
                return Err(Error::Untrustworthy(
                    "it sent a log of another block".into(),
                ));
            }
            if !block.transactions.contains(&event.transaction) {
                return Err(Error::Untrustworthy(
                    "it sent a log of a transaction that is not in the block".into(),
                ));
            }
            events.push(event);
        }
        events.sort_by_key(|event| event.log_index);
        let tip = BlockRef {
            number,
            hash: block.hash,
        };
        let progress = Progress { tip, last_final };
        Ok(Some(Step {
            after,
            progress,
            blocks: vec![tip],
            events,
        }))
    }

    /// The block after the tip names another parent. Either the tip was taken back meanwhile, or
    /// the endpoint contradicts itself.
    async fn parent_changed(&self, after: Option<BlockRef>) -> Result<Option<Step>> {
        let Some(tip) = after else { return Ok(None) };
        let now = self.chain.endpoint().block(At::Number(tip.number)).await?;
        if now.is_some_and(|block| block.hash == tip.hash) {
            return Err(Error::Untrustworthy(format!(
                "its block {} does not follow its block {}",
                tip.number + 1,
                tip.number
            )));
        }
        Ok(None)
    }
}
