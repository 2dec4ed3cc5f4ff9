//! A chain in memory that fails in every way a real one can: it stops answering in the middle of a
//! call, forgets what it was sent, reorganises, raises its fees, and lets strangers use our account.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use async_trait::async_trait;
use ledger::contracts::Refusal;
use ledger::eip1559::Transaction;
use ledger::logs::{Filter, Log};
use ledger::relayer::{Item, MemoryOutbox, OutboxStore};
use ledger::rpc::{At, Block, Endpoint, Receipt, Request, Sent};
use ledger::{Error, Result};

/// When the process is to die: at a step, before or after the step takes effect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death {
    pub(crate) at: u64,
    pub(crate) after: bool,
}

/// Counts every step of a process that could be its last: each store call and each endpoint call.
#[derive(Debug, Default)]
pub(crate) struct Life {
    steps: AtomicU64,
    death: Mutex<Option<Death>>,
}

impl Life {
    pub(crate) fn until(death: Option<Death>) -> Arc<Self> {
        Arc::new(Self {
            steps: AtomicU64::new(0),
            death: Mutex::new(death),
        })
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Ordering::SeqCst)
    }

    fn dead() -> Error {
        Error::store("the process died")
    }

    /// Runs a step unless the process is dead, or dies before or after it.
    pub(crate) fn step<T>(&self, effect: impl FnOnce() -> Result<T>) -> Result<T> {
        let now = self.steps.fetch_add(1, Ordering::SeqCst);
        let death = *self.death.lock().unwrap();
        match death {
            Some(death) if now > death.at => Err(Self::dead()),
            Some(death) if now == death.at && !death.after => Err(Self::dead()),
            Some(death) if now == death.at => {
                let _ = effect();
                Err(Self::dead())
            }
            _ => effect(),
        }
    }
}

#[derive(Debug, Clone)]
struct SimTx {
    hash: B256,
    sender: Address,
    nonce: u64,
    max_fee: u128,
    data: Bytes,
}

/// What becomes of the transactions of blocks that are taken back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// They wait again.
    Waits,
    /// They are forgotten, strangers' as well as ours.
    Forgotten,
    /// Others on the network bring back all that we ever sent, and nothing of strangers.
    Gossip,
}

#[derive(Debug, Clone)]
struct SimBlock {
    block: Block,
    txs: Vec<SimTx>,
}

#[derive(Debug)]
struct World {
    blocks: Vec<SimBlock>,
    pool: BTreeMap<(Address, u64), SimTx>,
    /// All that was ever sent: somewhere on the network somebody still has it.
    gossip: Vec<SimTx>,
    base_fee: u128,
    /// Makes the hashes of a new branch differ from the old one's.
    branch: u64,
}

/// The chain itself; outlives the processes that talk to it.
#[derive(Debug)]
pub(crate) struct SimChain(Mutex<World>);

pub(crate) const CHAIN_ID: u64 = 99;

impl SimChain {
    pub(crate) fn new() -> Arc<Self> {
        let world = World {
            blocks: Vec::new(),
            pool: BTreeMap::new(),
            gossip: Vec::new(),
            base_fee: 1_000_000_000,
            branch: 0,
        };
        let chain = Self(Mutex::new(world));
        chain.world().seal(|_| false);
        Arc::new(chain)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Includes all that waits and pays enough.
    pub(crate) fn mine(&self) {
        self.world().seal(|_| true);
    }

    /// Makes a block without transactions.
    pub(crate) fn mine_empty(&self) {
        self.world().seal(|_| false);
    }

    /// Forgets what waits.
    pub(crate) fn forget(&self) {
        self.world().pool.clear();
    }

    /// Wei per unit of gas from the next block on.
    pub(crate) fn set_base_fee(&self, wei: u128) {
        self.world().base_fee = wei;
    }

    /// Takes back `depth` blocks and makes more empty ones in their place.
    pub(crate) fn reorganise(&self, depth: usize, fate: Fate) {
        let mut world = self.world();
        world.branch += 1;
        let keep = world.blocks.len().saturating_sub(depth).max(1);
        let taken: Vec<SimBlock> = world.blocks.drain(keep..).collect();
        match fate {
            Fate::Waits => {
                for tx in taken.iter().flat_map(|block| &block.txs) {
                    world
                        .pool
                        .entry((tx.sender, tx.nonce))
                        .or_insert_with(|| tx.clone());
                }
            }
            Fate::Forgotten => {}
            Fate::Gossip => {
                world.pool.clear();
                for tx in world.gossip.clone() {
                    if tx.nonce >= world.nonce(tx.sender, usize::MAX) {
                        world.pool.entry((tx.sender, tx.nonce)).or_insert(tx);
                    }
                }
            }
        }
        for _ in 0..=taken.len() {
            world.seal(|_| false);
        }
    }

    /// Somebody else uses the account: takes its next nonce, in a block of its own.
    pub(crate) fn usurp(&self, sender: Address) {
        let mut world = self.world();
        let nonce = world.nonce(sender, usize::MAX);
        let hash = keccak256([sender.as_slice(), &nonce.to_be_bytes(), b"foreign"].concat());
        let data = Bytes::from_static(b"foreign");
        world.pool.insert(
            (sender, nonce),
            SimTx {
                hash,
                sender,
                nonce,
                max_fee: u128::MAX,
                data,
            },
        );
        world.seal(|tx| tx.hash == hash);
    }

    /// How often each call was executed on the branch that stands.
    pub(crate) fn executions(&self) -> BTreeMap<Bytes, usize> {
        let mut counts = BTreeMap::new();
        for tx in self
            .world()
            .blocks
            .iter()
            .flat_map(|block| block.txs.clone())
        {
            *counts.entry(tx.data).or_default() += 1;
        }
        counts
    }
}

impl World {
    fn head(&self) -> &Block {
        &self.blocks.last().expect("there is a first block").block
    }

    /// Next nonce after the first `blocks` blocks.
    fn nonce(&self, sender: Address, blocks: usize) -> u64 {
        let included = self.blocks.iter().take(blocks).flat_map(|block| &block.txs);
        included.filter(|tx| tx.sender == sender).count() as u64
    }

    fn seal(&mut self, want: impl Fn(&SimTx) -> bool) {
        let mut txs: Vec<SimTx> = Vec::new();
        loop {
            let fits = |tx: &&SimTx| {
                let used = txs.iter().filter(|other| other.sender == tx.sender).count() as u64;
                tx.nonce == self.nonce(tx.sender, usize::MAX) + used
                    && tx.max_fee >= self.base_fee
                    && want(tx)
            };
            let Some(tx) = self.pool.values().find(fits).cloned() else {
                break;
            };
            self.pool.remove(&(tx.sender, tx.nonce));
            txs.push(tx);
        }
        for tx in &txs {
            self.pool.retain(|key, _| *key != (tx.sender, tx.nonce));
        }
        let number = self.blocks.len() as u64;
        let hashes: Vec<B256> = txs.iter().map(|tx| tx.hash).collect();
        let seed = [
            &number.to_be_bytes()[..],
            &self.branch.to_be_bytes(),
            &hashes.concat(),
        ];
        let parent_hash = self
            .blocks
            .last()
            .map_or(B256::ZERO, |block| block.block.hash);
        let block = Block {
            number,
            hash: keccak256(seed.concat()),
            parent_hash,
            timestamp: 1000 + number,
            base_fee_per_gas: Some(self.base_fee),
            gas_limit: 30_000_000,
            transactions: hashes,
        };
        self.blocks.push(SimBlock { block, txs });
    }

    fn at(&self, at: At) -> usize {
        match at {
            At::Number(number) => number as usize + 1,
            At::Latest | At::Pending | At::Finalized => usize::MAX,
        }
    }

    fn pending_nonce(&self, sender: Address) -> u64 {
        let mut nonce = self.nonce(sender, usize::MAX);
        while self.pool.contains_key(&(sender, nonce)) {
            nonce += 1;
        }
        nonce
    }

    fn take(&mut self, raw: &Bytes) -> Sent {
        let (tx, signature) = Transaction::decode(raw).expect("a transaction");
        let sender = tx.sender(&signature).expect("a signed transaction");
        assert_eq!(tx.chain_id, CHAIN_ID);
        let tx = SimTx {
            hash: keccak256(raw),
            sender,
            nonce: tx.nonce,
            max_fee: tx.max_fee,
            data: tx.data,
        };
        if tx.nonce < self.nonce(sender, usize::MAX) {
            return Sent::NonceTooLow;
        }
        match self.pool.get(&(sender, tx.nonce)) {
            Some(other) if other.hash == tx.hash => return Sent::Accepted,
            Some(other) if tx.max_fee * 10 < other.max_fee.saturating_mul(11) => {
                return Sent::Underpriced;
            }
            _ => {}
        }
        self.gossip.push(tx.clone());
        self.pool.insert((sender, tx.nonce), tx);
        Sent::Accepted
    }
}

/// The chain as one process sees it.
pub(crate) struct SimEndpoint {
    pub(crate) chain: Arc<SimChain>,
    pub(crate) life: Arc<Life>,
}

impl SimEndpoint {
    fn ask<T>(&self, answer: impl FnOnce(&mut World) -> T) -> Result<T> {
        self.life.step(|| Ok(answer(&mut self.chain.world())))
    }
}

#[async_trait]
impl Endpoint for SimEndpoint {
    async fn chain_id(&self) -> Result<u64> {
        self.ask(|_| CHAIN_ID)
    }

    async fn block(&self, at: At) -> Result<Option<Block>> {
        self.ask(|world| match at {
            At::Number(number) => world.blocks.get(number as usize).map(|b| b.block.clone()),
            _ => Some(world.head().clone()),
        })
    }

    async fn nonce(&self, account: Address, at: At) -> Result<u64> {
        self.ask(|world| match at {
            At::Pending => world.pending_nonce(account),
            _ => world.nonce(account, world.at(at)),
        })
    }

    async fn balance(&self, _: Address) -> Result<U256> {
        self.ask(|_| U256::MAX)
    }

    async fn code(&self, _: Address) -> Result<Bytes> {
        self.ask(|_| Bytes::new())
    }

    async fn tip(&self) -> Result<u128> {
        self.ask(|_| 1_000_000)
    }

    async fn estimate(&self, request: &Request, _: At) -> Result<u64> {
        self.life.step(|| {
            if request.data.starts_with(b"refused") {
                return Err(Error::Refused(Refusal::decode(&[])));
            }
            Ok(50_000)
        })
    }

    async fn call(&self, _: &Request, _: At) -> Result<Bytes> {
        self.ask(|_| Bytes::new())
    }

    async fn send_raw(&self, raw: &Bytes) -> Result<Sent> {
        self.ask(|world| world.take(raw))
    }

    async fn knows(&self, transaction: B256) -> Result<bool> {
        self.ask(|world| {
            let mut included = world.blocks.iter().flat_map(|block| &block.txs);
            included.any(|tx| tx.hash == transaction)
                || world.pool.values().any(|tx| tx.hash == transaction)
        })
    }

    async fn receipt(&self, transaction: B256) -> Result<Option<Receipt>> {
        self.ask(|world| {
            let block = world
                .blocks
                .iter()
                .find(|b| b.txs.iter().any(|t| t.hash == transaction))?;
            Some(Receipt {
                transaction_hash: transaction,
                block_number: block.block.number,
                block_hash: block.block.hash,
                status: 1,
                gas_used: 40_000,
                effective_gas_price: Some(world.base_fee),
                contract_address: None,
                logs: Vec::new(),
            })
        })
    }

    async fn input(&self, _: B256) -> Result<Option<(Address, Bytes)>> {
        self.ask(|_| None)
    }

    async fn logs(&self, _: &Filter) -> Result<Vec<Log>> {
        self.ask(|_| Vec::new())
    }

    async fn other(&self, method: &str, _: serde_json::Value) -> Result<serde_json::Value> {
        panic!("the relayer does not use {method}")
    }
}

/// The outbox as one process sees it.
pub(crate) struct MortalOutbox {
    pub(crate) outbox: Arc<MemoryOutbox>,
    pub(crate) life: Arc<Life>,
}

impl MortalOutbox {
    /// The memory twin never waits, so its future is ready at once.
    fn now<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        self.life.step(|| {
            let mut future = std::pin::pin!(future);
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            match future.as_mut().poll(&mut context) {
                std::task::Poll::Ready(result) => result,
                std::task::Poll::Pending => unreachable!("the memory twin does not wait"),
            }
        })
    }
}

#[async_trait]
impl OutboxStore for MortalOutbox {
    async fn insert(&self, item: &Item) -> Result<Item> {
        self.now(self.outbox.insert(item))
    }

    async fn get(&self, key: &str) -> Result<Option<Item>> {
        self.now(self.outbox.get(key))
    }

    async fn open(&self, sender: Address) -> Result<Vec<Item>> {
        self.now(self.outbox.open(sender))
    }

    async fn update(&self, item: &Item) -> Result<()> {
        self.now(self.outbox.update(item))
    }
}
