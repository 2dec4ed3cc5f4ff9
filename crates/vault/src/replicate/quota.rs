//! Who may store here, and how much.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cid::Cid;
use serde::{Deserialize, Serialize};

use super::{Book, decode, encode};
use crate::owner::Owner;
use crate::sign::wallet;
use crate::{Error, Result};

/// What a block counts at least, in bytes: about what it takes on a disk, however small it is.
pub const LEAST_CHARGE: u64 = 4096;

/// The shelf of what each institution stores in all.
const STORED: &str = "stored";
const WHAT: &str = "account of replicas";

/// The institutions that may store here, each with the bytes that it may store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    bytes: BTreeMap<String, u64>,
}

impl Quotas {
    /// Key ids with their quotas in bytes. Whoever is not among them stores nothing.
    #[must_use]
    pub fn new(quotas: impl IntoIterator<Item = (String, u64)>) -> Self {
        let canonical = |(key_id, bytes): (String, u64)| (wallet::canonical(&key_id), bytes);
        Self {
            bytes: quotas.into_iter().map(canonical).collect(),
        }
    }

    /// The key ids of those who may store here.
    pub fn institutions(&self) -> impl Iterator<Item = &str> {
        self.bytes.keys().map(String::as_str)
    }

    /// An institution's quota in bytes; None if it may not store here.
    #[must_use]
    pub fn of(&self, key_id: &str) -> Option<u64> {
        self.bytes.get(&wallet::canonical(key_id)).copied()
    }
}

/// A claim in the book: what one root counts for its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    /// Bytes that count against the quota.
    pub(super) bytes: u64,
}

/// The shelf of an owner's claims, by root.
fn claims(owner: &Owner) -> String {
    format!("held-{}", owner.key_id().unwrap_or_default())
}

/// What is stored and arriving for each owner. Whoever changes the book holds the holder's lock.
pub(super) struct Accounts {
    book: Arc<dyn Book>,
    arriving: Mutex<HashMap<Owner, Arriving>>,
}

#[derive(Clone, Copy, Default)]
struct Arriving {
    /// As the book has it.
    stored: u64,
    /// On its way in, over all of the owner's streams.
    arriving: u64,
    streams: usize,
}

impl Accounts {
    pub(super) fn new(book: Arc<dyn Book>) -> Self {
        Self {
            book,
            arriving: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, Arriving>> {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `owner` stores in all, as the book has it.
    pub(super) async fn stored(&self, owner: &Owner) -> Result<u64> {
        let key = owner.key_id().unwrap_or_default();
        let known = self.book.get(STORED, key).await?;
        let claim: Option<Claim> = known.map(|bytes| decode(WHAT, &bytes)).transpose()?;
        Ok(claim.map_or(0, |claim| claim.bytes))
    }

    async fn set_stored(&self, owner: &Owner, bytes: u64) -> Result<()> {
        let key = owner.key_id().unwrap_or_default();
        let value = encode(WHAT, &Claim { bytes })?;
        self.book.put(STORED, key, value).await?;
        if let Some(known) = self.lock().get_mut(owner) {
            known.stored = bytes;
        }
        Ok(())
    }

    pub(super) async fn claim(&self, owner: &Owner, root: &Cid) -> Result<Option<Claim>> {
        let known = self.book.get(&claims(owner), &root.to_string()).await?;
        known.map(|bytes| decode(WHAT, &bytes)).transpose()
    }

    /// Writes a claim down. The sum comes first, so that a crash in between leaves it too high and
    /// never too low; [`Self::recount`] mends that.
    pub(super) async fn add(&self, owner: &Owner, root: &Cid, claim: Claim) -> Result<()> {
        let stored = self.stored(owner).await?.saturating_add(claim.bytes);
        self.set_stored(owner, stored).await?;
        let value = encode(WHAT, &claim)?;
        self.book
            .put(&claims(owner), &root.to_string(), value)
            .await
    }

    pub(super) async fn remove(&self, owner: &Owner, root: &Cid) -> Result<()> {
        let Some(claim) = self.claim(owner, root).await? else {
            return Ok(());
        };
        self.book.remove(&claims(owner), &root.to_string()).await?;
        let stored = self.stored(owner).await?.saturating_sub(claim.bytes);
        self.set_stored(owner, stored).await
    }

    /// Sums an owner's claims up anew; tells the sum.
    pub(super) async fn recount(&self, owner: &Owner) -> Result<u64> {
        let mut sum = 0u64;
        for root in self.book.keys(&claims(owner), "").await? {
            if let Some(bytes) = self.book.get(&claims(owner), &root).await? {
                sum = sum.saturating_add(decode::<Claim>(WHAT, &bytes)?.bytes);
            }
        }
        self.set_stored(owner, sum).await?;
        Ok(sum)
    }

    /// Opens an account for a stream of blocks.
    pub(super) async fn open(&self, owner: &Owner, quota: u64) -> Result<Deposit<'_>> {
        let stored = self.stored(owner).await?;
        let mut all = self.lock();
        let account = all.entry(owner.clone()).or_default();
        account.stored = account.stored.max(stored);
        account.streams += 1;
        Ok(Deposit {
            accounts: self,
            owner: owner.clone(),
            quota,
            bytes: 0,
        })
    }
}

/// What one stream has brought so far. Counted until this is dropped.
pub(super) struct Deposit<'a> {
    accounts: &'a Accounts,
    owner: Owner,
    quota: u64,
    bytes: u64,
}

impl Deposit<'_> {
    /// Counts a block.
    ///
    /// # Errors
    /// [`Error::Quota`] when it does not fit any more.
    pub(super) fn charge(&mut self, len: u64) -> Result<()> {
        let bytes = len.max(LEAST_CHARGE);
        let mut all = self.accounts.lock();
        let account = all.entry(self.owner.clone()).or_default();
        let sum = account.stored.saturating_add(account.arriving);
        if sum.saturating_add(bytes) > self.quota {
            return Err(Error::Quota {
                caller: self.owner.key_id().unwrap_or_default().into(),
                quota: self.quota,
            });
        }
        account.arriving += bytes;
        self.bytes += bytes;
        Ok(())
    }

    /// What the stream counts; at least one block, since its pin takes room too.
    pub(super) fn claim(&self) -> Claim {
        Claim {
            bytes: self.bytes.max(LEAST_CHARGE),
        }
    }
}

impl Drop for Deposit<'_> {
    fn drop(&mut self) {
        let mut all = self.accounts.lock();
        if let Some(account) = all.get_mut(&self.owner) {
            account.arriving = account.arriving.saturating_sub(self.bytes);
            account.streams = account.streams.saturating_sub(1);
            if account.streams == 0 {
                all.remove(&self.owner);
            }
        }
    }
}
