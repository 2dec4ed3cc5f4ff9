//! Seeing to what is signed and not included: it is sent again, raised, or given up, so that
//! nothing behind it waits for ever.

use alloy_primitives::U256;

use super::policy::{self, Lane};
use super::store::{Attempt, Item, State};
use super::work::{Form, Round, Standing};
use crate::contracts::Refusal;
use crate::error::{Error, Result};
use crate::rpc::{At, Sent};
use crate::tx::{self, Fees};

/// Seconds after which an endpoint is asked whether it still knows what it was sent.
const RESEND_AFTER: u64 = 15;

impl Round<'_> {
    /// Sees to the signed items that are not included: sends again what the endpoint forgot, pays
    /// more where one is stuck, queues again what lost its nonce, gives up what no pool takes.
    pub(super) async fn push(&mut self, open: &mut [Item], standing: &Standing) -> Result<()> {
        // What stands before an urgent act is paid for like one.
        let urgent = open
            .iter()
            .filter(|item| item.state == State::Signed && item.lane() == Lane::Urgent)
            .filter_map(|item| item.nonce)
            .max();
        for item in open.iter_mut() {
            let before_urgent = urgent.is_some_and(|urgent| item.nonce <= Some(urgent));
            let lane = if before_urgent {
                Lane::Urgent
            } else {
                Lane::Normal
            };
            if let Err(error) = self.push_one(item, lane, standing).await {
                self.set_aside(item, error).await?;
            }
        }
        Ok(())
    }

    async fn push_one(&mut self, item: &mut Item, lane: Lane, standing: &Standing) -> Result<()> {
        let (State::Signed, Some(nonce)) = (&item.state, item.nonce) else {
            return Ok(());
        };
        let Some(last) = item.attempts.last().cloned() else {
            return Ok(());
        };
        if nonce < standing.nonce {
            return self.requeue_if_lost(item, nonce, standing).await;
        }
        let waited = self.now.saturating_sub(last.signed_at) >= self.shared.settings.stuck_after;
        let priced_out = standing.head.base_fee_per_gas > Some(last.fees.max_fee);
        let holds_up = nonce == standing.nonce || (lane == Lane::Urgent && priced_out);
        if waited && holds_up {
            return self.replace(item, last.fees, lane, standing).await;
        }
        let sent_at = self.memory.sent_at.get(&nonce).copied();
        if sent_at.is_none_or(|at| self.now.saturating_sub(at) >= RESEND_AFTER) {
            if self.shared.endpoint.knows(last.hash).await? {
                self.memory.sent_at.insert(nonce, self.now);
            } else {
                self.transmit(item, lane, standing).await?;
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
        let trouble = format!("another transaction took the nonce {nonce}");
        let used = match self.used_nonces(At::Number(last_final)).await {
            Ok(count) => count > nonce,
            // Pruned: it cannot be known here.
            Err(Error::Rpc { .. }) => false,
            Err(other) => return Err(other),
        };
        if !used {
            return self.set_trouble(item, Some(trouble)).await;
        }
        // Endpoints behind one name can be at different heights; ask once more before it is sent
        // a second time.
        self.blocks.clear();
        if self.find_inclusion(item).await?.is_some() {
            return Ok(());
        }
        for attempt in &item.attempts {
            if self.shared.endpoint.knows(attempt.hash).await? {
                return Ok(());
            }
        }
        tracing::warn!(key = item.key, nonce, "{trouble}; queued again");
        item.queue_again();
        item.trouble = Some(trouble);
        self.save(item).await?;
        Ok(())
    }

    /// Signs a form that pays more, and sends it.
    async fn replace(
        &mut self,
        item: &mut Item,
        last: Fees,
        lane: Lane,
        standing: &Standing,
    ) -> Result<()> {
        let now = match self.fees(standing, lane).await {
            Ok(now) => now,
            // The bump itself says whether the cap is reached.
            Err(Error::FeeTooHigh { .. }) => last,
            Err(other) => return Err(other),
        };
        match self.shared.settings.fees.for_lane(lane).bump(last, now) {
            Ok(fees) => {
                let form = match item.given_up {
                    Some(_) => Form::Empty,
                    None => Form::Call {
                        gas: gas_limit_of(item)?,
                    },
                };
                let nonce = item.nonce.unwrap_or(standing.nonce);
                self.sign(item, nonce, form, fees)?;
                if self.save(item).await? {
                    tracing::info!(
                        key = item.key,
                        nonce,
                        "stuck; replaced by one that pays more"
                    );
                    self.transmit(item, lane, standing).await?;
                }
                Ok(())
            }
            Err(error @ Error::FeeTooHigh { .. }) => {
                self.set_trouble(item, Some(error.to_string())).await?;
                self.transmit(item, lane, standing).await
            }
            Err(other) => Err(other),
        }
    }

    /// Sends the newest stored form of the item's call; where that is refused and the item is
    /// given up, the newest empty one. So an endpoint that takes nothing at all ends no act.
    pub(super) async fn transmit(
        &mut self,
        item: &mut Item,
        lane: Lane,
        standing: &Standing,
    ) -> Result<()> {
        let Some(form) = newest(item, false) else {
            return Ok(());
        };
        let trouble = match self.hand_over(item, &form).await? {
            Sent::Refused(words) if item.given_up.is_some() => {
                return self.use_up(item, words).await;
            }
            Sent::Refused(words) if self.is_hopeless(item, &form, standing) => {
                return self.give_up(item, words, lane, standing).await;
            }
            other => trouble_of(other),
        };
        self.tell(item, trouble).await
    }

    /// Hands one form to the endpoint.
    async fn hand_over(&mut self, item: &Item, form: &Attempt) -> Result<Sent> {
        let sent = self.shared.endpoint.send_raw(&form.raw).await?;
        if let Some(nonce) = item.nonce {
            self.memory.sent_at.insert(nonce, self.now);
        }
        Ok(sent)
    }

    async fn tell(&self, item: &mut Item, trouble: Option<String>) -> Result<()> {
        // A fee at its cap stays worth knowing while the old form is sent again.
        if trouble.is_some() || matches!(item.trouble.as_deref(), Some(t) if !t.contains("limit")) {
            self.set_trouble(item, trouble).await?;
        }
        Ok(())
    }

    /// Whether a form that the endpoint refused will not be taken later either: the protocol
    /// forbids it, a person says so, or it has held up the account's next nonce for too long.
    fn is_hopeless(&self, item: &Item, form: &Attempt, standing: &Standing) -> bool {
        let gas_limit = tx::gas_limit(&form.raw).unwrap_or(u64::MAX);
        let first = item
            .attempts
            .first()
            .map_or(self.now, |first| first.signed_at);
        let waited = self.now.saturating_sub(first) >= self.shared.settings.give_up_after;
        self.hurried
            || policy::is_beyond_protocol(item.call.data.len(), gas_limit, standing.head.gas_limit)
            || (waited && item.nonce == Some(standing.nonce))
    }

    /// Gives the item's nonce up: an empty transaction uses it up, so that those behind it go on.
    async fn give_up(
        &mut self,
        item: &mut Item,
        words: String,
        lane: Lane,
        standing: &Standing,
    ) -> Result<()> {
        let (Some(nonce), Some(last)) = (item.nonce, item.attempts.last().cloned()) else {
            return Ok(());
        };
        let fees = match self.fees(standing, lane).await {
            Ok(fees) => fees,
            Err(Error::FeeTooHigh { .. }) => last.fees,
            Err(other) => return Err(other),
        };
        tracing::warn!(
            key = item.key,
            nonce,
            words,
            "no pool takes it; its nonce is given up"
        );
        item.given_up = Some(Refusal {
            error: "NotTaken".into(),
            meaning: format!("no pool takes the transaction ({words}); its nonce was given up"),
        });
        self.sign(item, nonce, Form::Empty, fees)?;
        if self.save(item).await? {
            self.given_up.push(item.key.clone());
            self.use_up(item, words).await?;
        }
        Ok(())
    }

    /// Sends the newest empty form of an item whose call was refused in these words.
    async fn use_up(&mut self, item: &mut Item, words: String) -> Result<()> {
        let Some(empty) = newest(item, true) else {
            return Ok(());
        };
        let told = format!("the endpoint does not take it: {words}; its nonce is given up");
        let trouble = trouble_of(self.hand_over(item, &empty).await?);
        self.set_trouble(item, Some(trouble.unwrap_or(told))).await
    }

    /// A nonce that nobody uses holds up all above it: after a reorganisation that took back a
    /// transaction which was not ours, say. An empty transaction to ourselves fills it.
    pub(super) async fn fill_gap(&self, open: &[Item], standing: &Standing) -> Result<()> {
        let queued = open.iter().filter(|item| item.state == State::Queued);
        if queued.clone().any(|item| item.call.data.is_empty()) {
            return Ok(());
        }
        let signed = open.iter().filter(|item| item.state == State::Signed);
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
        let due = self.hurried || waited >= self.shared.settings.stuck_after;
        if first <= standing.pending_nonce || !due {
            return Ok(());
        }
        let sender = self.shared.signer.address();
        let call = super::Call {
            to: sender,
            data: Default::default(),
            value: U256::ZERO,
        };
        let key = format!(
            "relayer/fill/{sender}/{}/{}",
            standing.pending_nonce, self.now
        );
        let filler = Item::new(key, sender, call, self.now);
        self.shared.store.insert(&filler).await?;
        self.shared.work.notify_one();
        Ok(())
    }
}

/// The newest form that is empty, or is not.
fn newest(item: &Item, empty: bool) -> Option<Attempt> {
    let mut forms = item.attempts.iter().rev();
    forms.find(|form| form.empty == empty).cloned()
}

/// The gas limit that the item's call was signed with before.
fn gas_limit_of(item: &Item) -> Result<u64> {
    newest(item, false)
        .and_then(|form| tx::gas_limit(&form.raw))
        .ok_or_else(|| Error::corrupt("outbox", "a signed transaction cannot be read"))
}

fn trouble_of(sent: Sent) -> Option<String> {
    match sent {
        // The next round sees which transaction took the nonce: most likely this one.
        Sent::Accepted | Sent::NonceTooLow => None,
        Sent::Underpriced => Some(
            "another transaction of this nonce waits and pays more; this one will be raised".into(),
        ),
        Sent::Unfunded(words) => Some(format!("the account lacks funds: {words}")),
        Sent::Refused(words) => Some(format!("the endpoint does not take it: {words}")),
    }
}
