//! The outbox: every transaction that was asked for, and every byte that was signed for it, kept
//! before anything is sent.

use std::collections::BTreeMap;
use std::sync::Mutex;

use alloy_primitives::{Address, B256, Bytes, U256};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::policy::{Allowance, Lane};
use crate::contracts::Refusal;
use crate::error::{Error, Result};
use crate::tx::Fees;

/// What a transaction does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Which contract, or account.
    pub to: Address,
    /// ABI-encoded call.
    pub data: Bytes,
    /// Wei to send along.
    #[serde(default)]
    pub value: U256,
}

impl Call {
    /// A call of a contract's function, without value.
    pub fn new(to: Address, call: &impl alloy_sol_types::SolCall) -> Self {
        Self {
            to,
            data: call.abi_encode().into(),
            value: U256::ZERO,
        }
    }
}

impl From<acts::Call> for Call {
    fn from(acts::Call { to, data }: acts::Call) -> Self {
        Self {
            to,
            data,
            value: U256::ZERO,
        }
    }
}

/// One signed form of a transaction. All forms of an item have the same nonce, so at most one of
/// them can ever be included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its hash.
    pub hash: B256,
    /// The bytes that are sent, and sent again.
    pub raw: Bytes,
    /// What it offers.
    pub fees: Fees,
    /// When it was signed, in Unix seconds.
    pub signed_at: u64,
    /// Whether it does nothing but use up the nonce: a transfer of nothing to the sender.
    #[serde(default)]
    pub empty: bool,
}

/// Where and how a transaction was included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inclusion {
    /// Hash of the form that was included.
    pub transaction: B256,
    /// Height of its block.
    pub block: u64,
    /// Hash of its block.
    pub block_hash: B256,
    /// Gas that it used.
    pub gas_used: u64,
    /// Wei paid per unit of gas.
    #[serde(with = "decimal")]
    pub gas_price: u128,
    /// Why it did nothing: the contract refused it, it had too little gas, or its nonce was given
    /// up. `None` if it did what it should.
    pub refusal: Option<Refusal>,
    /// Items of a batch that the contract left out.
    pub skipped: Vec<SkippedItem>,
}

/// Name of the refusal of a transaction that was reverted though the contract would take it.
const OUT_OF_GAS: &str = "OutOfGas";

impl Inclusion {
    /// What is said of a transaction that was reverted though the contract would take it.
    pub(super) fn out_of_gas() -> Refusal {
        Refusal {
            error: OUT_OF_GAS.into(),
            meaning: "reverted, though the contract would take it: it had too little gas for the path it took".into(),
        }
    }

    /// Whether it was reverted for a reason that a second transaction need not meet.
    pub fn can_be_sent_again(&self) -> bool {
        let refusal = self.refusal.as_ref();
        refusal.is_some_and(|refusal| refusal.error == OUT_OF_GAS)
    }
}

/// Numbers of wei as decimal text: serde cannot carry 128 bits through tagged enums.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &u128, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        text.parse()
            .map_err(|_| D::Error::custom("not a decimal number of wei"))
    }
}

/// An item of a batch that the contract left out, while others were applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedItem {
    /// Its place in the batch, from 0.
    pub index: u64,
    /// Whose record.
    pub controller: Address,
    /// Why.
    pub reason: Refusal,
}

/// How far a transaction has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Not signed yet.
    Queued,
    /// Signed, and sent or about to be.
    Signed,
    /// In a block that could still be taken back.
    Included(Inclusion),
    /// In a block that will not be taken back.
    Final(Inclusion),
    /// Over, and nothing was done: the contract would refuse it, it needs more than it is allowed,
    /// or no pool took it, and its nonce was used up by an empty transaction.
    Refused(Refusal),
}

/// A transaction in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Idempotency key: one key, one act.
    pub key: String,
    /// Who sends and pays.
    pub sender: Address,
    /// What it does.
    pub call: Call,
    /// When it was asked for, in Unix seconds.
    pub created_at: u64,
    /// How far it has come.
    pub state: State,
    /// Nonce, once signed.
    pub nonce: Option<u64>,
    /// Every form that was signed with this nonce, oldest first.
    pub attempts: Vec<Attempt>,
    /// Why it does not get on, in words, if something is in its way.
    pub trouble: Option<String>,
    /// How often it was sent anew after a revert that is final; 0 at first.
    #[serde(default)]
    pub round: u32,
    /// Why its nonce is being given up, if it is.
    #[serde(default)]
    pub given_up: Option<Refusal>,
    /// Counts changes; [`OutboxStore::update`] compares it.
    pub revision: u64,
}

impl Item {
    /// A queued item.
    pub fn new(key: impl Into<String>, sender: Address, call: Call, now: u64) -> Self {
        Self {
            key: key.into(),
            sender,
            call,
            created_at: now,
            state: State::Queued,
            nonce: None,
            attempts: Vec::new(),
            trouble: None,
            round: 0,
            given_up: None,
            revision: 0,
        }
    }

    /// Queues it anew. Only for items none of whose signed forms can be included any more.
    pub(super) fn queue_again(&mut self) {
        self.state = State::Queued;
        self.nonce = None;
        self.attempts.clear();
        self.given_up = None;
    }

    /// Which lane it takes.
    pub fn lane(&self) -> Lane {
        Allowance::of(&self.call).lane
    }

    /// Whether it still needs work: everything but [`State::Final`] and [`State::Refused`].
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Final(_) | State::Refused(_))
    }
}

/// Keeps the outbox. Every method that writes returns only when the data would survive the loss of
/// power.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Adds an item at the end of its sender's queue; if its key is there already, changes
    /// nothing. Returns the item that is there now.
    async fn insert(&self, item: &Item) -> Result<Item>;

    /// The item of a key.
    async fn get(&self, key: &str) -> Result<Option<Item>>;

    /// The sender's open items ([`Item::is_open`]), in the order in which they were added.
    async fn open(&self, sender: Address) -> Result<Vec<Item>>;

    /// Puts `item` in place of the stored one of its key, with its revision raised by one.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the stored one has another revision, or another open item of the
    /// sender has the same nonce: then nothing was changed.
    async fn update(&self, item: &Item) -> Result<()>;
}

/// An outbox in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryOutbox(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    items: BTreeMap<u64, Item>,
}

impl MemoryOutbox {
    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // A panic while it was held left nothing half done: every change below is in one go.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl OutboxStore for MemoryOutbox {
    async fn insert(&self, item: &Item) -> Result<Item> {
        let mut memory = self.memory();
        if let Some(known) = memory.items.values().find(|known| known.key == item.key) {
            return Ok(known.clone());
        }
        let place = memory.items.len() as u64;
        memory.items.insert(place, item.clone());
        Ok(item.clone())
    }

    async fn get(&self, key: &str) -> Result<Option<Item>> {
        Ok(self
            .memory()
            .items
            .values()
            .find(|item| item.key == key)
            .cloned())
    }

    async fn open(&self, sender: Address) -> Result<Vec<Item>> {
        let memory = self.memory();
        let open = memory
            .items
            .values()
            .filter(|item| item.sender == sender && item.is_open());
        Ok(open.cloned().collect())
    }

    async fn update(&self, item: &Item) -> Result<()> {
        let mut memory = self.memory();
        let taken = item.nonce.is_some()
            && memory.items.values().any(|other| {
                other.key != item.key
                    && other.is_open()
                    && other.sender == item.sender
                    && other.nonce == item.nonce
            });
        let stored = memory
            .items
            .values_mut()
            .find(|known| known.key == item.key);
        match stored {
            Some(stored) if stored.revision == item.revision && !taken => {
                *stored = Item {
                    revision: item.revision + 1,
                    ..item.clone()
                };
                Ok(())
            }
            _ => Err(Error::Conflict),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn included_items_are_read_back_from_json() {
        let inclusion = Inclusion {
            transaction: B256::repeat_byte(1),
            block: 2,
            block_hash: B256::repeat_byte(3),
            gas_used: 4,
            gas_price: u128::MAX,
            refusal: None,
            skipped: Vec::new(),
        };
        let state = State::Included(inclusion);
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state);
    }
}
