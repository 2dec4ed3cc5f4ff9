//! The relayer: carries signed acts to the chain so that each is done once, whatever fails.
//!
//! A caller hands over a call under an idempotency key. The item is stored, then, one step at a
//! time, each stored before the next is taken: a nonce is chosen and the transaction signed; it is
//! sent; it is sent again, the same bytes, while the endpoint does not know it; it is replaced by
//! one of the same nonce that pays more when it is stuck; it is included; it is final. A process
//! that dies at any point goes on where it was, because all forms of an item share one nonce, and
//! no form is sent that is not stored.
//!
//! ```text
//! Queued ──sign──▶ Signed ──receipt──▶ Included ──finality──▶ Final
//!   │  ▲  ▲           │  ▲                 │                          │
//!   │  │  └nonce lost─┤  └──reorganised────┘                          │
//!   │  └──────────────┼──reverted for want of gas─────────────────────┘
//!   │                 └──no pool takes it: empty transaction, final──▶ Refused
//!   └──contract would refuse, or over its ceiling──▶ Refused
//! ```
//!
//! No item holds up another. What a call may cost is settled before it is signed ([`Allowance`]);
//! an item whose estimate fails is tried again later while those behind it are sent; a signed
//! transaction that no pool takes is replaced by an empty one of the same nonce. Acts that end
//! access overtake everything else ([`Lane::Urgent`]).
//!
//! A nonce is lost when another transaction of the same account, not ours, took it. Then the item
//! is queued again, but not before that other transaction is final: until then a reorganisation
//! could bring ours back, and it would be done twice.

mod follow;
mod health;
mod policy;
mod push;
mod send;
mod store;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acts::Signer;
use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};

pub use health::{Health, OVERDUE_AFTER, Waiting};
pub use policy::{Allowance, ERC1271_GAS, Lane, MAX_CALL, MAX_SIGNATURE, MAX_TRANSACTION_GAS};
pub use store::{Attempt, Call, Inclusion, Item, MemoryOutbox, OutboxStore, SkippedItem, State};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::finality::{Finality, FinalityTracker};
use crate::rpc::Endpoint;
use crate::tx::FeePolicy;

/// How a relayer works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Chain that it signs for; an endpoint of another is refused.
    pub chain_id: u64,
    /// What it pays.
    pub fees: FeePolicy,
    /// When a block counts as final.
    pub finality: Finality,
    /// Seconds after which a transaction that could be included but is not is replaced.
    pub stuck_after: u64,
    /// Seconds after which a transaction that no pool takes is given up.
    pub give_up_after: u64,
    /// Transactions that may be on their way at a time.
    pub in_flight: usize,
    /// Further ones for urgent acts alone; ordinary acts leave the wei that these would cost.
    pub reserved: usize,
    /// Extra gas over the estimate, in per cent.
    pub gas_margin: u64,
    /// Rest between two rounds of work while something is on its way.
    pub poll: Duration,
}

impl Settings {
    /// The usual settings for a chain.
    pub fn new(chain_id: u64) -> Self {
        Self {
            chain_id,
            fees: FeePolicy::default(),
            finality: Finality::default(),
            stuck_after: 60,
            give_up_after: 300,
            in_flight: 32,
            reserved: 8,
            gas_margin: 20,
            poll: Duration::from_millis(500),
        }
    }
}

/// How far [`Relayer::settle`] waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// In a block.
    Included,
    /// In a block that will not be taken back.
    Final,
}

/// What a caller sees of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// Not in a block yet; `trouble` says what is in its way, if anything is.
    Pending {
        /// Hash of the newest form that was signed.
        transaction: Option<alloy_primitives::B256>,
        /// What is in its way.
        trouble: Option<String>,
    },
    /// In a block.
    Included(Inclusion),
    /// In a block that will not be taken back.
    Final(Inclusion),
    /// Over, and nothing was done: the contract would refuse it, it needs more than it is allowed,
    /// or no pool took it.
    Refused(crate::contracts::Refusal),
}

impl From<Item> for Status {
    fn from(item: Item) -> Self {
        match item.state {
            // Reverted for want of gas: it is sent again when that is final.
            State::Included(inclusion) if inclusion.can_be_sent_again() => Self::Pending {
                transaction: Some(inclusion.transaction),
                trouble: inclusion.refusal.map(|refusal| refusal.to_string()),
            },
            State::Queued | State::Signed => Self::Pending {
                transaction: item.attempts.last().map(|attempt| attempt.hash),
                trouble: item.trouble,
            },
            State::Included(inclusion) => Self::Included(inclusion),
            State::Final(inclusion) => Self::Final(inclusion),
            State::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl Status {
    /// Where it was included, if it was.
    pub fn inclusion(&self) -> Option<&Inclusion> {
        match self {
            Self::Included(inclusion) | Self::Final(inclusion) => Some(inclusion),
            Self::Pending { .. } | Self::Refused(_) => None,
        }
    }

    /// Why the contract refused, before it was sent or in its block.
    pub fn refusal(&self) -> Option<&crate::contracts::Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Included(inclusion) | Self::Final(inclusion) => inclusion.refusal.as_ref(),
            Self::Pending { .. } => None,
        }
    }
}

/// Carries transactions of one account to the chain.
///
/// Clone it freely: all clones are one relayer. Within a process use one for each account; several
/// processes may share an account, since the store refuses a nonce that is taken.
#[derive(Clone)]
pub struct Relayer {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: Arc<dyn Endpoint>,
    witnesses: Vec<Arc<dyn Endpoint>>,
    store: Arc<dyn OutboxStore>,
    signer: Arc<dyn Signer>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    finality: FinalityTracker,
    /// Why the last round of work failed, if it did.
    failure: std::sync::Mutex<Option<String>>,
    /// One round of work at a time.
    working: Mutex<Memory>,
    /// Rung when there is new work.
    work: Notify,
    /// Rung when a round of work is over.
    progress: Notify,
}

/// What a relayer remembers between rounds; losing it costs a few questions.
#[derive(Default)]
struct Memory {
    /// When the chain id was last asked for, in Unix seconds.
    chain_checked_at: Option<u64>,
    /// When each nonce was last sent, in Unix seconds.
    sent_at: BTreeMap<u64, u64>,
    /// Head and last final height for which the included items were looked at: until one of the
    /// two changes, nothing can have happened to them.
    followed: Option<(alloy_primitives::B256, Option<u64>)>,
    /// Queued items whose estimate failed.
    resting: BTreeMap<String, Rest>,
}

/// An item that is left alone for a while.
#[derive(Clone, Copy)]
struct Rest {
    /// Until when, in Unix seconds.
    until: u64,
    /// How often its estimate has failed.
    failures: u32,
}

impl std::fmt::Debug for Relayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relayer")
            .field("sender", &self.sender())
            .finish_non_exhaustive()
    }
}

impl Relayer {
    /// A relayer for the account of `signer`. It does nothing until [`Relayer::run`] or
    /// [`Relayer::work`] is called.
    pub fn new(
        endpoint: Arc<dyn Endpoint>,
        store: Arc<dyn OutboxStore>,
        signer: Arc<dyn Signer>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        Self::with_witnesses(endpoint, Vec::new(), store, signer, clock, settings)
    }

    /// The same with further endpoints that must agree before an act is refused for good, and
    /// before a nonce counts as used.
    pub fn with_witnesses(
        endpoint: Arc<dyn Endpoint>,
        witnesses: Vec<Arc<dyn Endpoint>>,
        store: Arc<dyn OutboxStore>,
        signer: Arc<dyn Signer>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        let shared = Shared {
            endpoint,
            witnesses,
            store,
            signer,
            clock,
            finality: FinalityTracker::new(settings.finality),
            failure: std::sync::Mutex::default(),
            settings,
            working: Mutex::default(),
            work: Notify::new(),
            progress: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The account that sends and pays.
    pub fn sender(&self) -> Address {
        self.shared.signer.address()
    }

    /// Asks for a transaction. Returns when that is stored; it will then be done, whatever
    /// happens to this process. Under a key that is known, nothing is added: the answer is how far
    /// the first one has come.
    ///
    /// # Errors
    /// [`Error::CallTooLarge`] if it has more bytes than its act can need; [`Error::KeyReused`] if
    /// the key stands for another call; or the store's failure.
    pub async fn submit(&self, key: &str, call: Call) -> Result<Status> {
        Allowance::of(&call).check_bytes(&call)?;
        let item = Item::new(key, self.sender(), call, self.shared.clock.now());
        let stored = self.shared.store.insert(&item).await?;
        if stored.call != item.call || stored.sender != item.sender {
            return Err(Error::KeyReused(key.into()));
        }
        self.shared.work.notify_one();
        Ok(stored.into())
    }

    /// Tries a transaction again that was refused. None of its forms can be included any more, so
    /// nothing can be done twice. Anything else goes on as it is.
    ///
    /// # Errors
    /// [`Error::UnknownKey`]; [`Error::Conflict`] if another process did the same; or the store's
    /// failure.
    pub async fn retry(&self, key: &str) -> Result<Status> {
        let mut item = self.item(key).await?;
        let refused = match &item.state {
            State::Refused(_) => true,
            State::Final(inclusion) => inclusion.refusal.is_some(),
            State::Queued | State::Signed | State::Included(_) => false,
        };
        if refused {
            item.queue_again();
            item.round = 0;
            item.trouble = None;
            self.shared.store.update(&item).await?;
            self.shared.work.notify_one();
        }
        Ok(item.into())
    }

    async fn item(&self, key: &str) -> Result<Item> {
        let item = self.shared.store.get(key).await?;
        item.ok_or_else(|| Error::UnknownKey(key.into()))
    }

    /// How the relayer is, for people: what waits, for how long, and what is in the way.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn health(&self) -> Result<Health> {
        let open = self.shared.store.open(self.sender()).await?;
        let balance = self.shared.endpoint.balance(self.sender()).await.ok();
        let failure = self.shared.failure().clone();
        let now = self.shared.clock.now();
        Ok(Health::of(self.sender(), &open, failure, balance, now))
    }

    /// Mends a stuck relayer now instead of by and by: tries again what rests, sends again what
    /// is signed, gives up at once what the endpoint does not take, fills gaps between nonces.
    /// Returns the keys of the items that were given up; their nonces are used up by empty
    /// transactions, and they end as refused unless a pool took them after all.
    ///
    /// # Errors
    /// As [`Relayer::work`].
    pub async fn repair(&self) -> Result<Vec<String>> {
        let mut memory = self.shared.working.lock().await;
        *memory = Memory::default();
        let round = work::Round::new(&self.shared, &mut memory).hurried();
        let result = round.run().await;
        self.shared.note(&result);
        self.shared.progress.notify_waiters();
        result.map(|done| done.given_up)
    }

    /// How far a transaction has come; `None` if nothing was asked for under this key.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn status(&self, key: &str) -> Result<Option<Status>> {
        Ok(self.shared.store.get(key).await?.map(Status::from))
    }

    /// Waits until a transaction has come that far, or is refused.
    ///
    /// # Errors
    /// [`Error::UnknownKey`]; [`Error::StillPending`] after `timeout`; [`Error::Refused`] if the
    /// contract refused it; or the store's failure.
    pub async fn settle(&self, key: &str, until: Until, timeout: Duration) -> Result<Inclusion> {
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            let progress = self.shared.progress.notified();
            let status = self.status(key).await?;
            let status = status.ok_or_else(|| Error::UnknownKey(key.into()))?;
            if let Some(refusal) = status.refusal() {
                return Err(Error::Refused(refusal.clone()));
            }
            match status {
                Status::Final(inclusion) => return Ok(inclusion),
                Status::Included(inclusion) if until == Until::Included => return Ok(inclusion),
                _ => {}
            }
            // Another process may do the work: look again after a while without being told.
            let again = tokio::time::Instant::now() + self.shared.settings.poll;
            tokio::select! {
                () = progress => {}
                () = tokio::time::sleep_until(again.min(deadline)) => {
                    if tokio::time::Instant::now() >= deadline {
                        return Err(Error::StillPending(key.into()));
                    }
                }
            }
        }
    }

    /// Works until the future is dropped. Failures are logged and tried again, each time after a
    /// longer rest, up to 30 s.
    pub async fn run(&self) {
        let mut rest = self.shared.settings.poll;
        loop {
            // Rung since the last round, this comes back at once.
            let more = match self.work().await {
                Ok(open) => {
                    rest = self.shared.settings.poll;
                    open > 0
                }
                Err(error) => {
                    tracing::warn!(sender = %self.sender(), %error, "the relayer had to pause");
                    rest = (rest * 2).min(Duration::from_secs(30));
                    true
                }
            };
            let idle = if more { rest } else { Duration::from_secs(5) };
            tokio::select! {
                () = self.shared.work.notified() => {}
                () = tokio::time::sleep(idle) => {}
            }
        }
    }

    /// One round of work: looks where the open items are, sends what is to be sent. Returns how
    /// many items are still open.
    ///
    /// # Errors
    /// [`Error::WrongChain`], or the failure of endpoint, store or key. What was done by then is
    /// stored; call it again.
    pub async fn work(&self) -> Result<usize> {
        let mut memory = self.shared.working.lock().await;
        let result = work::Round::new(&self.shared, &mut memory).run().await;
        self.shared.note(&result);
        self.shared.progress.notify_waiters();
        result.map(|done| done.open)
    }
}

impl Shared {
    fn failure(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        // A panic while it was held left nothing half done.
        self.failure
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Remembers whether the last round of work failed.
    fn note<T>(&self, result: &Result<T>) {
        *self.failure() = result.as_ref().err().map(ToString::to_string);
    }
}
