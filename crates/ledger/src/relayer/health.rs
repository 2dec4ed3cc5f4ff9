//! What a person sees of a relayer: whether it works, and what is in its way.

use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

use super::policy::{Allowance, Lane};
use super::store::{Item, State};

/// Seconds after which a transaction that is not in a block yet is worth a person's attention.
pub const OVERDUE_AFTER: u64 = 300;

/// How a relayer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The account that sends and pays.
    pub sender: Address,
    /// Its wei; `None` if the endpoint does not tell.
    pub balance: Option<U256>,
    /// Items that are not signed yet.
    pub queued: usize,
    /// Items that are signed and not in a block yet.
    pub in_flight: usize,
    /// How many of both end access.
    pub urgent: usize,
    /// The item that has waited longest for a block.
    pub oldest: Option<Waiting>,
    /// Why it is stuck, if it is: what to mend, in words. [`super::Relayer::repair`] gives up
    /// transactions that no pool takes.
    pub stuck: Option<String>,
}

/// An item that is not in a block yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its idempotency key.
    pub key: String,
    /// Name of the act.
    pub act: String,
    /// Which lane it takes.
    pub lane: Lane,
    /// When it was asked for, in Unix seconds.
    pub since: u64,
    /// Its nonce, once signed.
    pub nonce: Option<u64>,
    /// Hash of the newest form that was signed.
    pub transaction: Option<B256>,
    /// What is in its way.
    pub trouble: Option<String>,
}

impl From<&Item> for Waiting {
    fn from(item: &Item) -> Self {
        let allowed = Allowance::of(&item.call);
        Self {
            key: item.key.clone(),
            act: allowed.act.to_owned(),
            lane: allowed.lane,
            since: item.created_at,
            nonce: item.nonce,
            transaction: item.attempts.last().map(|attempt| attempt.hash),
            trouble: item.trouble.clone(),
        }
    }
}

impl Health {
    /// From the open items, the last round's failure and the time.
    pub(super) fn of(
        sender: Address,
        open: &[Item],
        failure: Option<String>,
        balance: Option<U256>,
        now: u64,
    ) -> Self {
        let queued = open.iter().filter(|item| item.state == State::Queued);
        let in_flight = open.iter().filter(|item| item.state == State::Signed);
        let waiting = || {
            open.iter()
                .filter(|item| matches!(item.state, State::Queued | State::Signed))
        };
        let oldest = waiting().min_by_key(|item| item.created_at);
        let overdue = oldest.filter(|item| now.saturating_sub(item.created_at) >= OVERDUE_AFTER);
        let reason = |item: &Item| {
            let trouble = item.trouble.clone();
            trouble.unwrap_or_else(|| "its transaction is sent, but in no block yet".to_owned())
        };
        Self {
            sender,
            balance,
            queued: queued.count(),
            in_flight: in_flight.count(),
            urgent: waiting().filter(|item| item.lane() == Lane::Urgent).count(),
            oldest: oldest.map(Waiting::from),
            stuck: failure.or_else(|| {
                overdue.map(|item| format!("{} has waited too long: {}", item.key, reason(item)))
            }),
        }
    }
}
