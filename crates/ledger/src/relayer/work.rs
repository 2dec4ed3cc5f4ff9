//! One round of a relayer's work: where the chain stands, what became of what was sent
//! (`follow`), what has to be sent again, raised or given up (`push`), and what is sent anew
//! (`send`).

use std::collections::HashMap;

use alloy_primitives::U256;

use super::policy::{Allowance, Lane};
use super::store::{Attempt, Item, State};
use super::{Memory, Shared};
use crate::error::{Error, Result};
use crate::rpc::{At, Block, Request};
use crate::tx::{self, Draft, Fees};

/// Seconds between two looks at the chain id.
const CHAIN_CHECK_EVERY: u64 = 60;

pub(super) struct Round<'a> {
    pub(super) shared: &'a Shared,
    pub(super) memory: &'a mut Memory,
    pub(super) now: u64,
    /// Whether a person asked for it: nothing is waited for.
    pub(super) hurried: bool,
    /// Blocks by height, asked for once a round.
    pub(super) blocks: HashMap<u64, Option<Block>>,
    /// The usual tip, asked for once a round.
    tip: Option<u128>,
    /// The account's wei, asked for once a round.
    pub(super) balance: Option<U256>,
    /// Keys of the items that were given up.
    pub(super) given_up: Vec<String>,
}

/// What a round came to.
pub(super) struct Done {
    /// Items that are still open.
    pub(super) open: usize,
    /// Keys of the items that were given up.
    pub(super) given_up: Vec<String>,
}

/// Where the chain stands at the beginning of a round.
pub(super) struct Standing {
    pub(super) head: Block,
    /// Height of the newest final block.
    pub(super) last_final: Option<u64>,
    /// The account's next nonce, counting included transactions alone.
    pub(super) nonce: u64,
    /// The same, counting those that wait as well.
    pub(super) pending_nonce: u64,
}

/// What a form of an item does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The item's call, with this gas limit.
    Call {
        /// Gas limit.
        gas: u64,
    },
    /// Nothing: it uses up the nonce.
    Empty,
}

impl<'a> Round<'a> {
    pub(super) fn new(shared: &'a Shared, memory: &'a mut Memory) -> Self {
        Self {
            shared,
            memory,
            now: shared.clock.now(),
            hurried: false,
            blocks: HashMap::new(),
            tip: None,
            balance: None,
            given_up: Vec::new(),
        }
    }

    pub(super) fn hurried(mut self) -> Self {
        self.hurried = true;
        self
    }

    pub(super) async fn run(mut self) -> Result<Done> {
        let sender = self.shared.signer.address();
        let mut open = self.shared.store.open(sender).await?;
        if !open.is_empty() {
            self.check_chain().await?;
            let standing = self.look().await?;
            self.follow(&mut open, &standing).await?;
            self.push(&mut open, &standing).await?;
            if self.send_queued(&mut open, &standing).await? {
                // Chains that make a block for each transaction have included it by now.
                self.blocks.clear();
                let standing = self.look().await?;
                self.follow(&mut open, &standing).await?;
            }
            self.fill_gap(&open, &standing).await?;
        }
        let resting = &mut self.memory.resting;
        resting.retain(|key, _| open.iter().any(|item| item.key == *key));
        Ok(Done {
            open: open.iter().filter(|item| item.is_open()).count(),
            given_up: self.given_up,
        })
    }

    async fn check_chain(&mut self) -> Result<()> {
        let fresh = |at: u64| self.now.saturating_sub(at) < CHAIN_CHECK_EVERY;
        if self.memory.chain_checked_at.is_some_and(fresh) {
            return Ok(());
        }
        let (found, expected) = (
            self.shared.endpoint.chain_id().await?,
            self.shared.settings.chain_id,
        );
        if found != expected {
            return Err(Error::WrongChain { expected, found });
        }
        self.memory.chain_checked_at = Some(self.now);
        Ok(())
    }

    async fn look(&self) -> Result<Standing> {
        let endpoint = self.shared.endpoint.as_ref();
        let sender = self.shared.signer.address();
        let head = endpoint.block(At::Latest).await?;
        let head = head.ok_or_else(|| Error::Untrustworthy("it has no latest block".into()))?;
        let last_final = self.shared.finality.height(endpoint, &head).await?;
        let nonce = self.used_nonces(At::Latest).await?;
        let pending_nonce = endpoint.nonce(sender, At::Pending).await?.max(nonce);
        Ok(Standing {
            head,
            last_final,
            nonce,
            pending_nonce: self.plausible(nonce, pending_nonce),
        })
    }

    /// The account's next nonce in the state at `at`: the lowest that an endpoint tells, since an
    /// invented one would leave a gap that nobody can fill. Witnesses that do not answer are not
    /// waited for.
    pub(super) async fn used_nonces(&self, at: At) -> Result<u64> {
        let sender = self.shared.signer.address();
        let mut lowest = self.shared.endpoint.nonce(sender, at).await?;
        for witness in &self.shared.witnesses {
            if let Ok(told) = witness.nonce(sender, at).await {
                lowest = lowest.min(told);
            }
        }
        Ok(lowest)
    }

    /// More transactions than the relayer's own and a few of strangers do not wait at a time: a
    /// higher number is not believed.
    fn plausible(&self, nonce: u64, pending: u64) -> u64 {
        /// Transactions of others with the same key.
        const STRANGERS: usize = 64;
        let settings = &self.shared.settings;
        let most = settings.in_flight + settings.reserved + STRANGERS;
        let waiting = pending.saturating_sub(nonce);
        if usize::try_from(waiting).is_ok_and(|waiting| waiting <= most) {
            pending
        } else {
            nonce
        }
    }

    /// Stores an item; `false` if another process changed it, who then sees to it.
    pub(super) async fn save(&self, item: &mut Item) -> Result<bool> {
        match self.shared.store.update(item).await {
            Ok(()) => {
                item.revision += 1;
                Ok(true)
            }
            Err(Error::Conflict) => Ok(false),
            Err(other) => Err(other),
        }
    }

    pub(super) async fn set_trouble(&self, item: &mut Item, trouble: Option<String>) -> Result<()> {
        if item.trouble != trouble {
            item.trouble = trouble;
            self.save(item).await?;
        }
        Ok(())
    }

    /// Notes one item's failure and goes on with the others, if the endpoint answers at all.
    ///
    /// # Errors
    /// The failure, if it is not the item's: of store or key, or of an endpoint that is down.
    pub(super) async fn set_aside(&self, item: &mut Item, error: Error) -> Result<()> {
        let the_items = matches!(
            error,
            Error::Unreachable { .. }
                | Error::Rpc { .. }
                | Error::Untrustworthy(_)
                | Error::Refused(_)
        );
        let sender = self.shared.signer.address();
        if !the_items
            || self
                .shared
                .endpoint
                .nonce(sender, At::Latest)
                .await
                .is_err()
        {
            return Err(error);
        }
        self.set_trouble(item, Some(error.to_string())).await
    }

    pub(super) async fn block(&mut self, number: u64) -> Result<Option<Block>> {
        if let Some(block) = self.blocks.get(&number) {
            return Ok(block.clone());
        }
        let block = self.shared.endpoint.block(At::Number(number)).await?;
        self.blocks.insert(number, block.clone());
        Ok(block)
    }

    /// The item's call as a question, within the gas that it is allowed.
    pub(super) fn request(&self, item: &Item) -> Request {
        Request {
            from: item.sender,
            to: Some(item.call.to),
            data: item.call.data.clone(),
            value: item.call.value,
            gas: Some(U256::from(Allowance::of(&item.call).ceiling)),
        }
    }

    /// What a transaction of this lane pays now.
    pub(super) async fn fees(&mut self, standing: &Standing, lane: Lane) -> Result<Fees> {
        let base = standing.head.base_fee_per_gas.ok_or_else(|| {
            Error::Untrustworthy("its chain has no base fee (EIP-1559), which Stele needs".into())
        })?;
        let tip = match self.tip {
            Some(tip) => tip,
            None => *self.tip.insert(self.shared.endpoint.tip().await?),
        };
        self.shared.settings.fees.for_lane(lane).choose(base, tip)
    }

    /// Adds a signed form to the item; not stored yet.
    pub(super) fn sign(&self, item: &mut Item, nonce: u64, form: Form, fees: Fees) -> Result<()> {
        let nothing = Default::default();
        let (to, data, value, gas_limit) = match form {
            Form::Call { gas } => (item.call.to, &item.call.data, item.call.value, gas),
            Form::Empty => (item.sender, &nothing, U256::ZERO, tx::EMPTY_GAS),
        };
        let draft = Draft {
            chain_id: self.shared.settings.chain_id,
            nonce,
            to: Some(to),
            data,
            value,
            gas_limit,
            fees,
        };
        let (hash, raw) = tx::sign(&draft, self.shared.signer.as_ref())?;
        item.nonce = Some(nonce);
        item.state = State::Signed;
        item.trouble = None;
        item.attempts.push(Attempt {
            hash,
            raw,
            fees,
            signed_at: self.now,
            empty: form == Form::Empty,
        });
        Ok(())
    }
}
