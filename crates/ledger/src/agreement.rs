//! Asking several endpoints the same and believing only what all of them say.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alloy_primitives::Bytes;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::contracts::Refusal;
use crate::error::{Error, Result};
use crate::rpc::{At, Endpoint, Request};

/// Age in seconds up to which a newest block is believed to be the newest: ten slots of Ethereum.
pub const MAX_HEAD_AGE: u64 = 120;
/// Chains that make blocks on demand, by their usual ids: geth `--dev`, and Anvil and Hardhat.
pub const DEVELOPMENT_CHAINS: [u64; 2] = [1337, 31337];

/// Longest wait for an agreed answer by default.
const PATIENCE: Duration = Duration::from_secs(20);
/// Rests between two attempts, in milliseconds: a witness may be a block behind, so a difference
/// counts only if it lasts.
const RESTS: [u64; 5] = [50, 250, 1000, 3000, 0];

/// Endpoints of one chain that must agree.
#[derive(Clone)]
pub(crate) struct Agreement {
    /// At least one.
    endpoints: Vec<Arc<dyn Endpoint>>,
    freshness: Option<Arc<Freshness>>,
    /// Longest wait for an agreed answer.
    patience: Duration,
}

/// How old a newest block may be, and what was seen of it.
struct Freshness {
    limit: u64,
    clock: Arc<dyn Clock>,
    /// The lowest time of a newest block, in Unix seconds, when all endpoints were last asked.
    /// Until it is too old itself there is no need to ask again.
    newest: Mutex<u64>,
}

/// What an endpoint answers: bytes, or a contract's refusal.
type Answer = std::result::Result<Bytes, Refusal>;

impl Agreement {
    /// Of these endpoints; the first is the one that is asked for what needs no agreement.
    pub(crate) fn of(endpoints: Vec<Arc<dyn Endpoint>>) -> Self {
        Self {
            endpoints,
            freshness: None,
            patience: PATIENCE,
        }
    }

    pub(crate) fn endpoints(&self) -> &[Arc<dyn Endpoint>] {
        &self.endpoints
    }

    pub(crate) fn add(&mut self, witnesses: Vec<Arc<dyn Endpoint>>) {
        self.endpoints.extend(witnesses);
    }

    pub(crate) fn limit_wait(&mut self, patience: Duration) {
        self.patience = patience;
    }

    pub(crate) fn limit_head_age(&mut self, limit: Option<u64>, clock: Arc<dyn Clock>) {
        self.freshness = limit.map(|limit| {
            Arc::new(Freshness {
                limit,
                clock,
                newest: Mutex::new(0),
            })
        });
    }

    /// Checks that every endpoint has a newest block that is new enough.
    pub(crate) async fn check_head_age(&self) -> Result<()> {
        let Some(freshness) = &self.freshness else {
            return Ok(());
        };
        let (now, limit) = (freshness.clock.now(), freshness.limit);
        if now.saturating_sub(*freshness.newest()) <= limit {
            return Ok(());
        }
        let heads = self
            .ask_all(|endpoint| async move { endpoint.block(At::Latest).await })
            .await?;
        let times = heads
            .into_iter()
            .map(|head| head.map_or(0, |head| head.timestamp));
        let newest = times.min().unwrap_or(0);
        let age = now.saturating_sub(newest);
        if age > limit {
            return Err(Error::StaleHead { age, limit });
        }
        *freshness.newest() = newest;
        Ok(())
    }

    /// The answer to a call at the newest block that all endpoints give.
    ///
    /// # Errors
    /// [`Error::Refused`] if all refuse; [`Error::Untrustworthy`] if they disagree;
    /// [`Error::StaleHead`]; or the failure of one of them.
    pub(crate) async fn call(&self, request: Request) -> Result<Bytes> {
        let agreed = tokio::time::timeout(self.patience, self.agree(request));
        agreed.await.unwrap_or_else(|_| {
            Err(Error::Unreachable {
                url: "(all endpoints)".into(),
                method: "eth_call".into(),
                reason: format!("no agreed answer within {:?}", self.patience),
            })
        })
    }

    async fn agree(&self, request: Request) -> Result<Bytes> {
        self.check_head_age().await?;
        for rest in RESTS {
            let answers: Vec<Answer> = self
                .ask_all(|endpoint| {
                    let request = request.clone();
                    async move {
                        match endpoint.call(&request, At::Latest).await {
                            Ok(bytes) => Ok(Ok(bytes)),
                            Err(Error::Refused(refusal)) => Ok(Err(refusal)),
                            Err(other) => Err(other),
                        }
                    }
                })
                .await?;
            if let Some((first, others)) = answers.split_first()
                && others.iter().all(|other| other == first)
            {
                return first.clone().map_err(Error::Refused);
            }
            tokio::time::sleep(Duration::from_millis(rest)).await;
        }
        Err(Error::Untrustworthy(
            "a witness sees another state of the chain".into(),
        ))
    }

    /// Asks all endpoints at once; the answers are in the endpoints' order.
    async fn ask_all<T, F>(&self, ask: impl Fn(Arc<dyn Endpoint>) -> F) -> Result<Vec<T>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        if let [only] = self.endpoints.as_slice() {
            return Ok(vec![ask(only.clone()).await?]);
        }
        // Dropped with the set, the questions end.
        let mut questions = JoinSet::new();
        for (place, endpoint) in self.endpoints.iter().enumerate() {
            let question = ask(endpoint.clone());
            questions.spawn(async move { (place, question.await) });
        }
        let mut answers = Vec::with_capacity(self.endpoints.len());
        while let Some(answer) = questions.join_next().await {
            let (place, answer) =
                answer.map_err(|error| Error::Untrustworthy(format!("no answer: {error}")))?;
            answers.push((place, answer?));
        }
        answers.sort_unstable_by_key(|(place, _)| *place);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
}

impl Freshness {
    fn newest(&self) -> std::sync::MutexGuard<'_, u64> {
        // A panic while it was held left nothing half done.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
