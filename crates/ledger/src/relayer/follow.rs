//! What became of the transactions that were sent.

use alloy_sol_types::SolEvent;

use super::store::{Attempt, Inclusion, Item, SkippedItem, State};
use super::work::{Round, Standing};
use crate::contracts::{Records, Refusal};
use crate::error::{Error, Result};
use crate::rpc::{At, Receipt};

/// How often an act is sent in all if each transaction is reverted though the contract would take
/// it.
const ROUNDS: u32 = 3;

impl Round<'_> {
    /// Brings the items that were sent up to what the chain says of them.
    pub(super) async fn follow(&mut self, open: &mut [Item], standing: &Standing) -> Result<()> {
        let here = Some((standing.head.hash, standing.last_final));
        let unchanged = self.memory.followed == here;
        for item in open.iter_mut() {
            if let Err(error) = self.follow_one(item, standing, unchanged).await {
                self.set_aside(item, error).await?;
            }
        }
        self.memory.followed = here;
        Ok(())
    }

    async fn follow_one(
        &mut self,
        item: &mut Item,
        standing: &Standing,
        unchanged: bool,
    ) -> Result<()> {
        let known = match &item.state {
            State::Included(inclusion) => {
                // The endpoint is behind what it told before: wait for it.
                if unchanged || inclusion.block > standing.head.number {
                    return Ok(());
                }
                let block = self.block(inclusion.block).await?;
                let still = block.is_some_and(|block| block.hash == inclusion.block_hash);
                still.then(|| inclusion.clone())
            }
            State::Signed => None,
            State::Queued | State::Final(_) | State::Refused(_) => return Ok(()),
        };
        let inclusion = match known {
            Some(inclusion) => Some(inclusion),
            None => self.find_inclusion(item).await?,
        };
        match inclusion {
            None if item.state == State::Signed => return Ok(()),
            None => self.taken_back(item),
            Some(inclusion) if standing.last_final >= Some(inclusion.block) => {
                finish(item, inclusion);
            }
            Some(inclusion) if item.state == State::Included(inclusion.clone()) => return Ok(()),
            Some(inclusion) => {
                item.trouble = None;
                item.state = State::Included(inclusion);
            }
        }
        self.save(item).await.map(drop)
    }

    fn taken_back(&mut self, item: &mut Item) {
        tracing::warn!(key = item.key, "a reorganisation took the transaction back");
        // Ask at once whether it waits again, or has to be sent again.
        if let Some(nonce) = item.nonce {
            self.memory.sent_at.remove(&nonce);
        }
        item.trouble = None;
        item.state = State::Signed;
    }

    /// Where any form of the item is included, by a receipt that its block bears out.
    pub(super) async fn find_inclusion(&mut self, item: &Item) -> Result<Option<Inclusion>> {
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
            return Ok(Some(self.inclusion(item, attempt, receipt).await?));
        }
        Ok(None)
    }

    async fn inclusion(
        &self,
        item: &Item,
        attempt: &Attempt,
        receipt: Receipt,
    ) -> Result<Inclusion> {
        let refusal = match receipt.status {
            _ if attempt.empty => Some(given_up(item)),
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

    /// Why an included transaction was reverted: receipts do not say, so the call is made again on
    /// the state after its block. What would pass there, or cannot be known, is worth another
    /// transaction, which is estimated before it is signed.
    async fn why(&self, item: &Item, block: u64) -> Result<Refusal> {
        let request = self.request(item);
        match self.shared.endpoint.call(&request, At::Number(block)).await {
            Err(Error::Refused(refusal)) => Ok(refusal),
            Err(error @ Error::Unreachable { .. }) => Err(error),
            _ => Ok(Inclusion::out_of_gas()),
        }
    }
}

/// Why the item's nonce was used up by an empty transaction.
fn given_up(item: &Item) -> Refusal {
    item.given_up.clone().unwrap_or_else(|| Refusal {
        error: "NotTaken".into(),
        meaning: "its nonce was given up".into(),
    })
}

/// What an inclusion that is final makes of an item. None of its other forms can be included any
/// more.
fn finish(item: &mut Item, inclusion: Inclusion) {
    let by_empty = item
        .attempts
        .iter()
        .any(|attempt| attempt.empty && attempt.hash == inclusion.transaction);
    item.trouble = None;
    if by_empty {
        item.state = State::Refused(given_up(item));
    } else if inclusion.can_be_sent_again() && item.round + 1 < ROUNDS {
        tracing::warn!(
            key = item.key,
            round = item.round,
            "reverted; sent again with more gas"
        );
        item.queue_again();
        item.round += 1;
        item.trouble = inclusion.refusal.map(|refusal| refusal.to_string());
    } else {
        item.state = State::Final(inclusion);
    }
}
