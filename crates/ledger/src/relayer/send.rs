//! Signing and sending what is queued: urgent acts first, then the others in order, none held up
//! by another.

use std::collections::BTreeSet;
use std::time::Duration;

use alloy_primitives::U256;

use super::Rest;
use super::policy::{Allowance, Lane};
use super::store::{Item, State};
use super::work::{Form, Round, Standing};
use crate::contracts::Refusal;
use crate::error::{Error, Result};
use crate::rpc::{At, Request};
use crate::tx::{self, Fees};

/// Seconds for which an item rests after its first failed estimate; each further one doubles it.
const FIRST_REST: u64 = 15;
/// Longest rest in seconds.
const LONGEST_REST: u64 = 600;
/// Estimates without an answer after which a round ends: each may take as long as the endpoint's
/// time limit.
const SILENCES: u32 = 2;
/// Gas of an urgent act, for the reserve.
const URGENT_GAS: u64 = 175_000;
/// Longest wait for the one call that tells a wallet's hunger for gas from a bad signature.
const UNBOUNDED_CALL: Duration = Duration::from_secs(5);

/// What is taken by signed items.
struct Taken {
    nonces: BTreeSet<u64>,
    in_flight: usize,
    /// Wei that they can cost in all.
    wei: U256,
}

impl Taken {
    fn by(open: &[Item]) -> Self {
        let signed = || open.iter().filter(|item| item.state == State::Signed);
        let wei = |item: &Item| {
            let last = item.attempts.last()?;
            Some(cost(tx::gas_limit(&last.raw)?, last.fees).saturating_add(item.call.value))
        };
        Self {
            nonces: open.iter().filter_map(|item| item.nonce).collect(),
            in_flight: signed().count(),
            wei: signed()
                .filter_map(wei)
                .fold(U256::ZERO, U256::saturating_add),
        }
    }
}

/// Most wei that a transaction costs.
fn cost(gas: u64, fees: Fees) -> U256 {
    U256::from(gas).saturating_mul(U256::from(fees.max_fee))
}

/// What became of one queued item.
enum Outcome {
    Sent,
    /// Not now, or not at all; those behind it are looked at.
    Passed,
    /// None behind it can be sent either.
    Stop,
}

impl Round<'_> {
    /// Signs and sends queued items; `true` if any was sent.
    pub(super) async fn send_queued(
        &mut self,
        open: &mut [Item],
        standing: &Standing,
    ) -> Result<bool> {
        let mut taken = Taken::by(open);
        let mut sent = false;
        let mut silences = 0;
        for (lane, at) in self.queue(open) {
            if taken.in_flight >= self.slots(lane) {
                break;
            }
            if self.rests(&open[at].key) {
                continue;
            }
            match self.send_one(open, at, standing, &mut taken).await {
                Ok(Outcome::Sent) => sent = true,
                Ok(Outcome::Passed) => {}
                Ok(Outcome::Stop) => break,
                Err(error) => {
                    silences += u32::from(matches!(error, Error::Unreachable { .. }));
                    self.set_aside(&mut open[at], error).await?;
                    self.rest(&open[at].key);
                    if silences >= SILENCES {
                        break;
                    }
                }
            }
        }
        Ok(sent)
    }

    /// Places of the queued items in the order in which they are looked at: urgent acts first, and
    /// in each lane those whose estimates failed last.
    fn queue(&self, open: &[Item]) -> Vec<(Lane, usize)> {
        let mut queue: Vec<(Lane, u32, usize)> = open
            .iter()
            .enumerate()
            .filter(|(_, item)| item.state == State::Queued)
            .map(|(at, item)| (item.lane(), self.failures(&item.key), at))
            .collect();
        queue.sort_unstable();
        queue.into_iter().map(|(lane, _, at)| (lane, at)).collect()
    }

    fn failures(&self, key: &str) -> u32 {
        self.memory.resting.get(key).map_or(0, |rest| rest.failures)
    }

    /// Items that may be in flight when one of this lane is sent.
    fn slots(&self, lane: Lane) -> usize {
        let settings = &self.shared.settings;
        match lane {
            Lane::Normal | Lane::Background => settings.in_flight,
            Lane::Urgent => settings.in_flight + settings.reserved,
        }
    }

    fn rests(&self, key: &str) -> bool {
        let rest = self.memory.resting.get(key);
        rest.is_some_and(|rest| self.now < rest.until)
    }

    fn rest(&mut self, key: &str) {
        let failures = self.failures(key);
        let pause = (FIRST_REST << failures.min(16)).min(LONGEST_REST);
        let rest = Rest {
            until: self.now + pause,
            failures: failures + 1,
        };
        self.memory.resting.insert(key.to_owned(), rest);
    }

    async fn send_one(
        &mut self,
        open: &mut [Item],
        at: usize,
        standing: &Standing,
        taken: &mut Taken,
    ) -> Result<Outcome> {
        let Some(gas) = self.gas(open, at).await? else {
            return Ok(Outcome::Passed);
        };
        let item = &mut open[at];
        let lane = item.lane();
        let fees = match self.fees(standing, lane).await {
            Ok(fees) => fees,
            Err(error @ Error::FeeTooHigh { .. }) => {
                self.set_trouble(item, Some(error.to_string())).await?;
                return Ok(Outcome::Stop);
            }
            Err(other) => return Err(other),
        };
        let wei = cost(gas, fees).saturating_add(item.call.value);
        if let Some(trouble) = self
            .lacks_funds(lane, taken.wei.saturating_add(wei), fees)
            .await?
        {
            self.set_trouble(item, Some(trouble)).await?;
            return Ok(Outcome::Stop);
        }
        let nonce = (standing.pending_nonce..)
            .find(|nonce| !taken.nonces.contains(nonce))
            .unwrap_or(standing.pending_nonce);
        let before = item.clone();
        self.sign(item, nonce, Form::Call { gas }, fees)?;
        if !self.save(item).await? {
            // Another process took the item or the nonce.
            *item = before;
            return Ok(Outcome::Stop);
        }
        taken.nonces.insert(nonce);
        taken.in_flight += 1;
        taken.wei = taken.wei.saturating_add(wei);
        self.memory.resting.remove(&item.key);
        self.transmit(item, lane, standing).await?;
        Ok(Outcome::Sent)
    }

    /// What to say if the account cannot pay for what is on its way and one more. Ordinary acts
    /// leave what the urgent ones' own slots would cost.
    async fn lacks_funds(&mut self, lane: Lane, wei: U256, fees: Fees) -> Result<Option<String>> {
        let balance = match self.balance {
            Some(balance) => balance,
            None => {
                let sender = self.shared.signer.address();
                *self
                    .balance
                    .insert(self.shared.endpoint.balance(sender).await?)
            }
        };
        let slots = u64::try_from(self.shared.settings.reserved).unwrap_or(u64::MAX);
        let reserve = match lane {
            Lane::Urgent => U256::ZERO,
            Lane::Normal | Lane::Background => cost(URGENT_GAS.saturating_mul(slots), fees),
        };
        let needed = wei.saturating_add(reserve);
        Ok((balance < needed).then(|| {
            format!(
                "the account {} holds {balance} wei and needs {needed}, {reserve} of them in reserve for acts that end access: fund it",
                self.shared.signer.address()
            )
        }))
    }

    /// Gas to allow for a queued item; `None` if it cannot be sent now, or was refused for good.
    ///
    /// An item may rest on those before it, so it is tried on what is pending. A refusal counts
    /// only when none of those is still on its way, and the included state refuses too.
    async fn gas(&mut self, open: &mut [Item], at: usize) -> Result<Option<u64>> {
        let item = &open[at];
        let allowed = Allowance::of(&item.call);
        let request = self.request(item);
        let (margin, round) = (self.shared.settings.gas_margin, item.round);
        let endpoint = self.shared.endpoint.as_ref();
        match verdict(endpoint.estimate(&request, At::Pending).await, &allowed)? {
            Ok(gas) => return Ok(Some(allowed.gas_limit(gas, margin, round))),
            Err(_) if self.rests_on_others(open, at) => {
                let trouble = "waits for those before it";
                self.set_trouble(&mut open[at], Some(trouble.into()))
                    .await?;
                return Ok(None);
            }
            Err(_) => {}
        }
        let Err(refusal) = verdict(endpoint.estimate(&request, At::Latest).await, &allowed)? else {
            let trouble = "a transaction that waits stands against it";
            self.set_trouble(&mut open[at], Some(trouble.into()))
                .await?;
            return Ok(None);
        };
        if self.a_witness_takes(&request, &allowed).await {
            // One endpoint's word ends no act: it is sent with all the gas that it is allowed.
            return Ok(Some(allowed.ceiling));
        }
        let refusal = self.told_apart(refusal, request, &allowed).await;
        let item = &mut open[at];
        item.trouble = None;
        item.state = State::Refused(refusal);
        self.save(item).await?;
        Ok(None)
    }

    /// Whether an item that was asked for before is on its way, or has not been waiting for long:
    /// a refusal may then be for want of that one.
    fn rests_on_others(&self, open: &[Item], at: usize) -> bool {
        let patience = self.shared.settings.give_up_after;
        open[..at].iter().any(|item| match item.state {
            State::Signed => true,
            State::Queued => self.now.saturating_sub(item.created_at) < patience,
            State::Included(_) | State::Final(_) | State::Refused(_) => false,
        })
    }

    async fn a_witness_takes(&self, request: &Request, allowed: &Allowance) -> bool {
        for witness in &self.shared.witnesses {
            let answer = witness.estimate(request, At::Latest).await;
            if let Ok(Ok(_)) = verdict(answer, allowed) {
                return true;
            }
        }
        false
    }

    /// A contract wallet that runs out of gas looks to the contract like one that says no. Without
    /// the ceiling it would pass: then that is what is said.
    async fn told_apart(&self, refusal: Refusal, request: Request, allowed: &Allowance) -> Refusal {
        if refusal.error != "BadSignature" {
            return refusal;
        }
        let unbounded = Request {
            gas: None,
            ..request
        };
        let call = self.shared.endpoint.call(&unbounded, At::Latest);
        match tokio::time::timeout(UNBOUNDED_CALL, call).await {
            Ok(Ok(_)) => allowed.over_ceiling(),
            _ => refusal,
        }
    }
}

/// What an estimate within the ceiling means: gas, or the reason for which the call cannot be
/// sent.
fn verdict(answer: Result<u64>, allowed: &Allowance) -> Result<Result<u64, Refusal>> {
    match answer {
        Ok(gas) if gas <= allowed.ceiling => Ok(Ok(gas)),
        Ok(_) => Ok(Err(allowed.over_ceiling())),
        Err(Error::Refused(refusal)) => Ok(Err(refusal)),
        Err(Error::Rpc { message, .. }) if is_out_of_gas(&message) => {
            Ok(Err(allowed.over_ceiling()))
        }
        Err(other) => Err(other),
    }
}

/// How clients (geth, reth, Anvil, Nethermind, Besu) say that a call does not fit into the gas that
/// the question allows.
fn is_out_of_gas(message: &str) -> bool {
    let lower = message.to_lowercase();
    [
        "exceeds allowance",
        "out of gas",
        "outofgas",
        "intrinsic gas",
        "gas floor",
    ]
    .iter()
    .any(|words| lower.contains(words))
}
