//! How many bytes of requests may be in memory at once.
//!
//! Whoever is about to read a body reserves its bytes first and keeps the reservation until the
//! body is done with. There is one budget for the whole process, and a share of it for each caller,
//! so that one institution with many slow requests does not keep the others out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, Result};

/// How long a request waits for others to finish, unless told otherwise. Its body is unread.
const PATIENCE: Duration = Duration::from_secs(5);
/// Callers that are remembered before those without a request are forgotten.
const REMEMBERED: usize = 1024;

/// The budget. Clones share it.
#[derive(Clone, Debug)]
pub struct ByteBudget {
    /// One permit for each byte.
    all: Arc<Semaphore>,
    callers: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    total: u32,
    share: u32,
    patience: Duration,
}

/// Reserved bytes; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    _of_all: OwnedSemaphorePermit,
    _of_the_caller: OwnedSemaphorePermit,
}

impl Default for ByteBudget {
    /// 256 MiB in all, 128 MiB of it for one caller.
    fn default() -> Self {
        Self::new(256 << 20, 128 << 20)
    }
}

impl ByteBudget {
    /// A budget of `total` bytes, 4 GiB at most, of which one caller may use `share` at a time. The
    /// share should be at least the largest body that anybody may send.
    #[must_use]
    pub fn new(total: u64, share: u64) -> Self {
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        let share = u32::try_from(share).unwrap_or(u32::MAX).min(total);
        Self {
            all: Arc::new(Semaphore::new(total as usize)),
            callers: Arc::default(),
            total,
            share,
            patience: PATIENCE,
        }
    }

    /// Changes how long a request waits for others to finish.
    #[must_use]
    pub fn waiting(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Reserves `bytes` for a request of `caller`, and waits a while for others to finish if need
    /// be.
    ///
    /// # Errors
    /// [`Error::Limit`] for more than a caller's share; [`Error::Busy`] when the caller's other
    /// requests go on using up its share, or everybody's the budget.
    pub async fn reserve(&self, caller: &str, bytes: u64) -> Result<Reservation> {
        let bytes = u32::try_from(bytes)
            .ok()
            .filter(|bytes| *bytes <= self.share);
        let bytes = bytes.ok_or(Error::Limit {
            what: "bytes of a request",
            limit: u64::from(self.share),
        })?;
        let own = self.share_of(caller);
        let what = "bytes of one institution's requests in memory";
        let of_the_caller = self.take(own, bytes, what, self.share).await?;
        let what = "bytes of requests in memory";
        let of_all = self.take(self.all.clone(), bytes, what, self.total).await?;
        Ok(Reservation {
            _of_all: of_all,
            _of_the_caller: of_the_caller,
        })
    }

    async fn take(
        &self,
        from: Arc<Semaphore>,
        bytes: u32,
        what: &'static str,
        limit: u32,
    ) -> Result<OwnedSemaphorePermit> {
        let permits = tokio::time::timeout(self.patience, from.acquire_many_owned(bytes)).await;
        let limit = u64::from(limit);
        let permits = permits.map_err(|_| Error::Busy { what, limit })?;
        permits.map_err(|e| Error::Task(e.to_string()))
    }

    fn share_of(&self, caller: &str) -> Arc<Semaphore> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= REMEMBERED {
            // Who has a request holds a second handle.
            callers.retain(|_, share| Arc::strong_count(share) > 1);
        }
        let fresh = || Arc::new(Semaphore::new(self.share as usize));
        callers
            .entry(caller.to_owned())
            .or_insert_with(fresh)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_reserved_is_given_back() {
        let budget = ByteBudget::new(100, 60).waiting(Duration::ZERO);
        let first = budget.reserve("a", 60).await.unwrap();
        let mine = budget.reserve("a", 1).await;
        assert!(matches!(mine, Err(Error::Busy { limit: 60, .. })));
        let second = budget.reserve("b", 40).await.unwrap();
        let all = budget.reserve("c", 1).await;
        assert!(matches!(all, Err(Error::Busy { limit: 100, .. })));
        drop(second);
        let third = budget.reserve("c", 40).await.unwrap();
        drop((first, third));
        assert!(budget.reserve("a", 60).await.is_ok());
        assert_eq!(budget.all.available_permits(), 100);
    }

    #[tokio::test]
    async fn who_waits_is_let_in_when_others_finish() {
        let budget = ByteBudget::new(10, 10);
        let first = budget.reserve("a", 10).await.unwrap();
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { budget.reserve("b", 10).await.map(|_| ()) }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_body_over_the_share_is_refused_at_once() {
        let budget = ByteBudget::new(100, 60);
        let huge = budget.reserve("a", 61).await;
        assert!(matches!(huge, Err(Error::Limit { limit: 60, .. })));
    }
}
