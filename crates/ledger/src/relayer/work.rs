//! One round of a relayer's work.

use std::collections::{BTreeSet, HashMap};

use alloy_primitives::U256;
use alloy_sol_types::SolEvent;

use super::store::{Attempt, Inclusion, Item, SkippedItem, State};
use super::{Memory, Shared};
use crate::contracts::{Records, Refusal};
use crate::error::{Error, Result};
use crate::rpc::{At, Block, Receipt, Request, Sent};
use crate::tx::{self, Draft, Fees};

/// Seconds between two looks at the chain id.
const CHAIN_CHECK_EVERY: u64 = 60;
/// Seconds after which an endpoint is asked whether it still knows what it was sent.
const RESEND_AFTER: u64 = 15;

pub(super) struct Round<'a> {
    shared: &'a Shared,
    memory: &'a mut Memory,
    now: u64,
    /// Blocks by height, asked for once a round.
    blocks: HashMap<u64, Option<Block>>,
}

/// Where the chain stands at the beginning of a round.
struct Standing {
    head: Block,
    /// Height of the newest final block.
    last_final: Option<u64>,
    /// The account's next nonce, counting included transactions alone.
    nonce: u64,
    /// The same, counting those that wait as well.
    pending_nonce: u64,
}

impl<'a> Round<'a> {
    pub(super) fn new(shared: &'a Shared, memory: &'a mut Memory) -> Self {
        Self {
            shared,
            memory,
            now: shared.clock.now(),
            blocks: HashMap::new(),
        }
    }

    pub(super) async fn run(mut self) -> Result<usize> {
        let sender = self.shared.signer.address();
        let mut open = self.shared.store.open(sender).await?;
        if open.is_empty() {
            return Ok(0);
        }
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
        Ok(open.iter().filter(|item| item.is_open()).count())
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
        let last_final = self
            .shared
            .settings
            .finality
            .height(endpoint, &head)
            .await?;
        let nonce = endpoint.nonce(sender, At::Latest).await?;
        let pending_nonce = endpoint.nonce(sender, At::Pending).await?.max(nonce);
        Ok(Standing {
            head,
            last_final,
            nonce,
            pending_nonce,
        })
    }

    /// Stores an item; `false` if another process changed it, who then sees to it.
    async fn save(&self, item: &mut Item) -> Result<bool> {
        match self.shared.store.update(item).await {
            Ok(()) => {
                item.revision += 1;
                Ok(true)
            }
            Err(Error::Conflict) => Ok(false),
            Err(other) => Err(other),
        }
    }

    async fn set_trouble(&self, item: &mut Item, trouble: Option<String>) -> Result<()> {
        if item.trouble != trouble {
            item.trouble = trouble;
            self.save(item).await?;
        }
        Ok(())
    }

    async fn block(&mut self, number: u64) -> Result<Option<Block>> {
        if let Some(block) = self.blocks.get(&number) {
            return Ok(block.clone());
        }
        let block = self.shared.endpoint.block(At::Number(number)).await?;
        self.blocks.insert(number, block.clone());
        Ok(block)
    }

    /// Brings the items that were sent up to what the chain says of them.
    async fn follow(&mut self, open: &mut [Item], standing: &Standing) -> Result<()> {
        let here = Some((standing.head.hash, standing.last_final));
        let unchanged = self.memory.followed == here;
        for item in open.iter_mut() {
            let known = match &item.state {
                State::Included(inclusion) => {
                    // The endpoint is behind what it told before: wait for it.
                    if unchanged || inclusion.block > standing.head.number {
                        continue;
                    }
                    let block = self.block(inclusion.block).await?;
                    let still = block.is_some_and(|block| block.hash == inclusion.block_hash);
                    still.then(|| inclusion.clone())
                }
                State::Signed => None,
                State::Queued | State::Final(_) | State::Refused(_) => continue,
            };
            let inclusion = match known {
                Some(inclusion) => Some(inclusion),
                None => self.find_inclusion(item).await?,
            };
            let state = match inclusion {
                None => State::Signed,
                Some(inclusion) if standing.last_final >= Some(inclusion.block) => {
                    State::Final(inclusion)
                }
                Some(inclusion) => State::Included(inclusion),
            };
            if state != item.state {
                if matches!(state, State::Signed) {
                    tracing::warn!(key = item.key, "a reorganisation took the transaction back");
                    // Ask at once whether it waits again, or has to be sent again.
                    if let Some(nonce) = item.nonce {
                        self.memory.sent_at.remove(&nonce);
                    }
                }
                item.trouble = None;
                item.state = state;
                self.save(item).await?;
            }
        }
        self.memory.followed = here;
        Ok(())
    }

    /// Where any form of the item is included, by a receipt that its block bears out.
    async fn find_inclusion(&mut self, item: &Item) -> Result<Option<Inclusion>> {
        for attempt in item.attempts.iter().rev() {
            let Some(receipt) = self.shared.endpoint.receipt(attempt.hash).await? else {
                continue;
            };
            // A receipt from a block that was taken back, or that never was.
            let Some(block) = self.block(receipt.block_number).await? else {
                continue;
            };
            if block.hash != receipt.block_hash || !block.transactions.contains(&attempt.hash) {
                continue;
            }
            return Ok(Some(self.inclusion(item, receipt).await?));
        }
        Ok(None)
    }

    async fn inclusion(&self, item: &Item, receipt: Receipt) -> Result<Inclusion> {
        let refusal = match receipt.status {
            1 => None,
            _ => Some(self.why(item, receipt.block_number).await?),
        };
        let skipped = receipt
            .logs
            .iter()
            .filter(|log| log.address() == item.call.to)
            .filter_map(|log| Records::Skipped::decode_log(&log.inner).ok())
            .map(|skipped| SkippedItem {
                index: skipped.index.saturating_to(),
                controller: skipped.controller,
                reason: Refusal::of_selector(skipped.reason),
            })
            .collect();
        Ok(Inclusion {
            transaction: receipt.transaction_hash,
            block: receipt.block_number,
            block_hash: receipt.block_hash,
            gas_used: receipt.gas_used,
            gas_price: receipt.effective_gas_price.unwrap_or_default(),
            refusal,
            skipped,
        })
    }

    /// Why an included transaction was reverted: receipts do not say, so the call is made again
    /// on the state before its block, and where it would have passed there, on the state after
    /// it: an earlier transaction of the same block was then what it failed on.
    async fn why(&self, item: &Item, block: u64) -> Result<Refusal> {
        let request = self.request(item);
        for state in [block.saturating_sub(1), block] {
            match self.shared.endpoint.call(&request, At::Number(state)).await {
                Err(Error::Refused(refusal)) => return Ok(refusal),
                Err(error @ Error::Unreachable { .. }) => return Err(error),
                _ => {}
            }
        }
        Ok(Refusal::decode(&[]))
    }

    fn request(&self, item: &Item) -> Request {
        Request {
            from: item.sender,
            to: Some(item.call.to),
            data: item.call.data.clone(),
            value: item.call.value,
        }
    }

    /// Sees to the signed items that are not included: sends again what the endpoint forgot, pays
    /// more where one is stuck, queues again what lost its nonce.
    async fn push(&mut self, open: &mut [Item], standing: &Standing) -> Result<()> {
        for item in open.iter_mut() {
            let (State::Signed, Some(nonce)) = (&item.state, item.nonce) else {
                continue;
            };
            let Some(last) = item.attempts.last().cloned() else {
                continue;
            };
            if nonce < standing.nonce {
                self.requeue_if_lost(item, nonce, standing).await?;
                continue;
            }
            let next = nonce == standing.nonce;
            if next && self.now.saturating_sub(last.signed_at) >= self.shared.settings.stuck_after {
                self.replace(item, last.fees, standing).await?;
                continue;
            }
            let sent_at = self.memory.sent_at.get(&nonce).copied();
            if sent_at.is_none_or(|at| self.now.saturating_sub(at) >= RESEND_AFTER) {
                if self.shared.endpoint.knows(last.hash).await? {
                    self.memory.sent_at.insert(nonce, self.now);
                } else {
                    self.transmit(item).await?;
                }
            }
        }
        Ok(())
    }

    /// Another transaction took the item's nonce. Once that is final, none of the item's signed
    /// forms can be included any more, and it may have a new nonce.
    async fn requeue_if_lost(
        &mut self,
        item: &mut Item,
        nonce: u64,
        standing: &Standing,
    ) -> Result<()> {
        let Some(last_final) = standing.last_final else {
            return Ok(());
        };
        let endpoint = self.shared.endpoint.as_ref();
        let used = match endpoint.nonce(item.sender, At::Number(last_final)).await {
            Ok(count) => count > nonce,
            // Pruned: it cannot be known here.
            Err(Error::Rpc { .. }) => false,
            Err(other) => return Err(other),
        };
        if !used {
            return self
                .set_trouble(
                    item,
                    Some(format!("another transaction took the nonce {nonce}")),
                )
                .await;
        }
        // Endpoints behind one name can be at different heights; ask once more before it is sent
        // a second time.
        self.blocks.clear();
        if self.find_inclusion(item).await?.is_some() {
            return Ok(());
        }
        for attempt in &item.attempts {
            if endpoint.knows(attempt.hash).await? {
                return Ok(());
            }
        }
        tracing::warn!(
            key = item.key,
            nonce,
            "another transaction took the nonce; queued again"
        );
        item.state = State::Queued;
        item.nonce = None;
        item.attempts.clear();
        item.trouble = Some(format!("another transaction took the nonce {nonce}"));
        self.save(item).await?;
        Ok(())
    }

    /// Signs a form that pays more, and sends it.
    async fn replace(&mut self, item: &mut Item, last: Fees, standing: &Standing) -> Result<()> {
        let policy = &self.shared.settings.fees;
        let now = match self.fees(standing).await {
            Ok(now) => now,
            // The bump itself says whether the cap is reached.
            Err(Error::FeeTooHigh { .. }) => last,
            Err(other) => return Err(other),
        };
        match policy.bump(last, now) {
            Ok(fees) => {
                let gas_limit = self.gas_limit_of(item)?;
                let nonce = item.nonce.unwrap_or(standing.nonce);
                self.sign(item, nonce, gas_limit, fees)?;
                if self.save(item).await? {
                    tracing::info!(
                        key = item.key,
                        nonce,
                        "stuck; replaced by one that pays more"
                    );
                    self.transmit(item).await?;
                }
                Ok(())
            }
            Err(error @ Error::FeeTooHigh { .. }) => {
                self.set_trouble(item, Some(error.to_string())).await?;
                self.transmit(item).await
            }
            Err(other) => Err(other),
        }
    }

    /// The gas limit that the item was signed with before.
    fn gas_limit_of(&self, item: &Item) -> Result<u64> {
        let raw = item.attempts.last().map(|attempt| attempt.raw.as_ref());
        raw.and_then(tx::gas_limit)
            .ok_or_else(|| Error::corrupt("outbox", "a signed transaction cannot be read"))
    }

    async fn fees(&self, standing: &Standing) -> Result<Fees> {
        let base = standing.head.base_fee_per_gas.ok_or_else(|| {
            Error::Untrustworthy("its chain has no base fee (EIP-1559), which Stele needs".into())
        })?;
        self.shared
            .settings
            .fees
            .choose(base, self.shared.endpoint.tip().await?)
    }

    /// Adds a signed form to the item; not stored yet.
    fn sign(&self, item: &mut Item, nonce: u64, gas_limit: u64, fees: Fees) -> Result<()> {
        let draft = Draft {
            chain_id: self.shared.settings.chain_id,
            nonce,
            to: Some(item.call.to),
            data: &item.call.data,
            value: item.call.value,
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
        });
        Ok(())
    }

    /// Sends the newest stored form.
    async fn transmit(&mut self, item: &mut Item) -> Result<()> {
        let (Some(last), Some(nonce)) = (item.attempts.last(), item.nonce) else {
            return Ok(());
        };
        let sent = self.shared.endpoint.send_raw(&last.raw).await?;
        self.memory.sent_at.insert(nonce, self.now);
        let trouble = match sent {
            // The next round sees which transaction took the nonce: most likely this one.
            Sent::Accepted | Sent::NonceTooLow => None,
            Sent::Underpriced => Some(
                "another transaction of this nonce waits and pays more; this one will be raised"
                    .into(),
            ),
            Sent::Refused(words) => Some(format!("the endpoint does not take it: {words}")),
        };
        // A fee at its cap stays worth knowing while the old form is sent again.
        if trouble.is_some() || matches!(item.trouble.as_deref(), Some(t) if !t.contains("limit")) {
            self.set_trouble(item, trouble).await?;
        }
        Ok(())
    }

    /// Signs and sends queued items, oldest first; `true` if any was sent.
    async fn send_queued(&mut self, open: &mut [Item], standing: &Standing) -> Result<bool> {
        let mut used: BTreeSet<u64> = open.iter().filter_map(|item| item.nonce).collect();
        let mut in_flight = open
            .iter()
            .filter(|item| matches!(item.state, State::Signed))
            .count();
        let mut sent = false;
        for item in open.iter_mut() {
            if !matches!(item.state, State::Queued) {
                continue;
            }
            if in_flight >= self.shared.settings.in_flight {
                break;
            }
            let Some(gas) = self.gas(item, in_flight).await? else {
                if item.is_open() { break } else { continue }
            };
            let fees = match self.fees(standing).await {
                Ok(fees) => fees,
                Err(error @ Error::FeeTooHigh { .. }) => {
                    self.set_trouble(item, Some(error.to_string())).await?;
                    break;
                }
                Err(other) => return Err(other),
            };
            let nonce = (standing.pending_nonce..)
                .find(|nonce| !used.contains(nonce))
                .unwrap_or(standing.pending_nonce);
            let before = item.clone();
            self.sign(item, nonce, gas, fees)?;
            if !self.save(item).await? {
                // Another process took the item or the nonce.
                *item = before;
                break;
            }
            used.insert(nonce);
            in_flight += 1;
            sent = true;
            self.transmit(item).await?;
        }
        Ok(sent)
    }

    /// Gas to allow for a queued item; `None` if it cannot be sent now, or was refused for good.
    ///
    /// An item may rest on those before it, so it is tried on what is pending. A refusal counts
    /// only when nothing of ours is on its way and the included state refuses too.
    async fn gas(&self, item: &mut Item, in_flight: usize) -> Result<Option<u64>> {
        let request = self.request(item);
        let endpoint = self.shared.endpoint.as_ref();
        match endpoint.estimate(&request, At::Pending).await {
            Ok(gas) => return Ok(Some(gas + gas * self.shared.settings.gas_margin / 100)),
            Err(Error::Refused(_)) => {}
            Err(Error::Rpc { message, .. }) => {
                self.set_trouble(item, Some(message)).await?;
                return Ok(None);
            }
            Err(other) => return Err(other),
        }
        if in_flight > 0 {
            self.set_trouble(item, Some("waits for those before it".into()))
                .await?;
            return Ok(None);
        }
        match endpoint.estimate(&request, At::Latest).await {
            Err(Error::Refused(refusal)) => {
                item.trouble = None;
                item.state = State::Refused(refusal);
                self.save(item).await?;
            }
            Err(Error::Rpc { message, .. }) => self.set_trouble(item, Some(message)).await?,
            Err(other) => return Err(other),
            Ok(_) => {
                let trouble = "a transaction that waits stands against it";
                self.set_trouble(item, Some(trouble.into())).await?;
            }
        }
        Ok(None)
    }

    /// A nonce that nobody uses holds up all above it: after a reorganisation that took back a
    /// transaction which was not ours, say. An empty transaction to ourselves fills it.
    async fn fill_gap(&self, open: &[Item], standing: &Standing) -> Result<()> {
        if open.iter().any(|item| matches!(item.state, State::Queued)) {
            return Ok(());
        }
        let signed = open
            .iter()
            .filter(|item| matches!(item.state, State::Signed));
        let Some((first, item)) = signed
            .filter_map(|item| Some((item.nonce?, item)))
            .min_by_key(|(nonce, _)| *nonce)
        else {
            return Ok(());
        };
        let waited = item
            .attempts
            .last()
            .map_or(0, |a| self.now.saturating_sub(a.signed_at));
        if first <= standing.pending_nonce || waited < self.shared.settings.stuck_after {
            return Ok(());
        }
        let sender = self.shared.signer.address();
        let filler = Item {
            key: format!(
                "relayer/fill/{sender}/{}/{}",
                standing.pending_nonce, self.now
            ),
            sender,
            call: super::Call {
                to: sender,
                data: Default::default(),
                value: U256::ZERO,
            },
            created_at: self.now,
            state: State::Queued,
            nonce: None,
            attempts: Vec::new(),
            trouble: None,
            revision: 0,
        };
        self.shared.store.insert(&filler).await?;
        self.shared.work.notify_one();
        Ok(())
    }
}
