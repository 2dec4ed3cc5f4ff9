//! The one runner of every lifecycle.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use tokio::sync::Mutex;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout};

use super::rests::{Rests, Verdict, rest};
use super::{Counts, Lifecycle, Limits, Step};
use crate::model::document::{Held, Row, decode};
use crate::model::error::{ChainError, Error, Result, StoreError};
use crate::ports::store::Documents as _;
use crate::uses::hospital::Hospital;

/// Documents of one target that one round keeps in mind until the target has answered. More are
/// seen again in the next round.
const KEPT_BACK: usize = 1000;

/// Characters of a document's id in the log: enough to find it, too few to use it.
const SHOWN: usize = 12;

/// Runs a [`Lifecycle`].
pub struct Runner<L: Lifecycle> {
    lifecycle: Arc<L>,
    limits: Limits,
    state: Mutex<State>,
}

/// A [`Runner`], whatever its lifecycle.
#[async_trait]
pub trait Rounds: Send + Sync {
    /// The lifecycle's name.
    fn name(&self) -> &'static str;
    /// As [`Runner::round`].
    async fn round(&self, hospital: &Arc<Hospital>) -> Result<Counts>;
}

#[async_trait]
impl<L: Lifecycle> Rounds for Runner<L> {
    fn name(&self) -> &'static str {
        self.lifecycle.name()
    }

    async fn round(&self, hospital: &Arc<Hospital>) -> Result<Counts> {
        Self::round(self, hospital).await
    }
}

impl<L: Lifecycle> Runner<L> {
    /// A runner with the limits that the lifecycle asks for.
    #[must_use]
    pub fn new(lifecycle: L) -> Self {
        let limits = lifecycle.limits();
        Self::with(lifecycle, limits)
    }

    /// A runner with other limits.
    #[must_use]
    pub fn with(lifecycle: L, limits: Limits) -> Self {
        Self {
            lifecycle: Arc::new(lifecycle),
            limits,
            state: Mutex::default(),
        }
    }

    /// Look at every document that is due, and take those that can go on one step further.
    ///
    /// # Errors
    /// If the database does not answer, or the lifecycle cannot finish the round. What happens to
    /// single documents is no error: it is counted.
    pub async fn round(&self, hospital: &Arc<Hospital>) -> Result<Counts> {
        self.round_at(hospital, hospital.now()).await
    }

    /// The same for what is due at `time`, unix seconds.
    ///
    /// # Errors
    /// As [`Runner::round`].
    pub async fn round_at(&self, hospital: &Arc<Hospital>, time: u64) -> Result<Counts> {
        let mut state = self.state.lock().await;
        state.round += 1;
        self.lifecycle.begin();
        let mut round = Round {
            runner: self,
            hospital,
            state: &mut state,
            counts: Counts::default(),
            kept_back: HashMap::new(),
            ready: VecDeque::new(),
        };
        let walked = round.walk(time).await;
        round.wait().await;
        let counts = round.close(walked.is_ok());
        walked?;
        self.lifecycle.finish(hospital, &counts).await?;
        Ok(counts)
    }

    fn rest(&self, failures: u32) -> Duration {
        rest(failures, self.limits.first_rest, self.limits.longest_rest)
    }
}

/// What a runner remembers between two rounds.
#[derive(Default)]
struct State {
    round: u64,
    steps: JoinSet<Outcome>,
    underway: HashMap<Id, Underway>,
    ids: HashSet<String>,
    rests: Rests,
    targets: HashMap<String, Target>,
}

/// A step under way.
struct Underway {
    id: String,
    version: u64,
    target: Option<String>,
    round: u64,
}

enum Outcome {
    Step(Step),
    Failed(Error),
    Late,
}

/// Whom documents depend on.
#[derive(Default)]
struct Target {
    steps: usize,
    answers: bool,
    failures: u32,
    closed_until: Option<Instant>,
}

/// A document that may take a step.
struct Ready<D> {
    id: String,
    held: Held<D>,
    target: Option<String>,
}

struct Round<'a, L: Lifecycle> {
    runner: &'a Runner<L>,
    hospital: &'a Arc<Hospital>,
    state: &'a mut State,
    counts: Counts,
    kept_back: HashMap<String, VecDeque<Ready<L::Document>>>,
    ready: VecDeque<Ready<L::Document>>,
}

impl<L: Lifecycle> Round<'_, L> {
    async fn walk(&mut self, time: u64) -> Result<(), StoreError> {
        let hospital = self.hospital;
        let mut rows = hospital.store.rows(self.runner.lifecycle.due(time));
        while let Some(row) = rows.try_next().await? {
            while let Some(ended) = self.state.steps.try_join_next_with_id() {
                self.settle(ended);
            }
            self.consider(row);
            self.launch().await;
        }
        Ok(())
    }

    /// Wait for steps that are under way, as long as they end one after the other.
    async fn wait(&mut self) {
        let patience = self.runner.limits.patience;
        self.launch().await;
        while let Ok(Some(ended)) = timeout(patience, self.state.steps.join_next_with_id()).await {
            self.settle(ended);
            self.launch().await;
        }
    }

    fn close(self, whole: bool) -> Counts {
        let mut counts = self.counts;
        let round = self.state.round;
        let begun = self.state.underway.values().filter(|u| u.round == round);
        counts.waiting += begun.count() as u64;
        counts.waiting += self.kept_back.values().map(VecDeque::len).sum::<usize>() as u64;
        if whole {
            self.state.rests.forget_before(round);
        }
        let now = Instant::now();
        self.state.targets.retain(|_, t| {
            t.steps > 0 || t.closed_until.is_some_and(|until| until > now) || t.failures > 0
        });
        counts
    }

    /// Decide what becomes of a document that is due.
    fn consider(&mut self, row: Row) {
        let (id, version, round) = (row.id.clone(), row.version, self.state.round);
        if self.state.ids.contains(&id) {
            self.counts.waiting += 1;
            return;
        }
        match self.state.rests.judge(&id, version, round) {
            Verdict::Rests => self.counts.failed += 1,
            Verdict::Poisoned => self.counts.poisoned += 1,
            Verdict::Try => match decode::<L::Document>(row) {
                Ok(held) => self.admit(id, held),
                Err(error) => {
                    let lifecycle = self.runner.lifecycle.name();
                    let id_starts = id.get(..SHOWN).unwrap_or(&id);
                    tracing::error!(lifecycle, id_starts, %error, "a document cannot be read and is left alone");
                    self.counts.poisoned += 1;
                    self.state.rests.poisoned(id, version, round);
                }
            },
        }
    }

    fn admit(&mut self, id: String, held: Held<L::Document>) {
        let target = self.runner.lifecycle.target(&held.document);
        let ready = Ready { id, held, target };
        let Some(name) = ready.target.clone() else {
            return self.ready.push_back(ready);
        };
        let target = self.state.targets.entry(name.clone()).or_default();
        if target
            .closed_until
            .is_some_and(|until| Instant::now() < until)
        {
            self.counts.failed += 1;
        } else if target.has_room(self.runner.limits.per_target) {
            target.steps += 1;
            self.ready.push_back(ready);
        } else {
            let waiting = self.kept_back.entry(name).or_default();
            if waiting.len() < KEPT_BACK {
                waiting.push_back(ready);
            } else {
                self.counts.waiting += 1;
            }
        }
    }

    /// Begin the steps of all that are ready; waits while too many are under way.
    async fn launch(&mut self) {
        while let Some(Ready { id, held, target }) = self.ready.pop_front() {
            while self.state.steps.len() >= self.runner.limits.concurrency {
                if let Some(ended) = self.state.steps.join_next_with_id().await {
                    self.settle(ended);
                }
            }
            let (lifecycle, hospital) = (self.runner.lifecycle.clone(), self.hospital.clone());
            let (limit, version) = (self.runner.limits.step, held.version);
            let step = async move {
                match timeout(limit, lifecycle.step(&hospital, held)).await {
                    Ok(Ok(step)) => Outcome::Step(step),
                    Ok(Err(error)) => Outcome::Failed(error),
                    Err(_) => Outcome::Late,
                }
            };
            let task = self.state.steps.spawn(step).id();
            self.state.ids.insert(id.clone());
            let round = self.state.round;
            self.state.underway.insert(
                task,
                Underway {
                    id,
                    version,
                    target,
                    round,
                },
            );
        }
    }

    /// A step has ended.
    fn settle(&mut self, ended: Result<(Id, Outcome), JoinError>) {
        let (task, outcome) = match ended {
            Ok((task, outcome)) => (task, outcome),
            Err(panic) => {
                let error = Error::Internal(panic.to_string());
                (panic.id(), Outcome::Failed(error))
            }
        };
        let Some(step) = self.state.underway.remove(&task) else {
            return;
        };
        self.state.ids.remove(&step.id);
        let silent = self.count(&step, &outcome);
        if let Some(target) = &step.target {
            self.settle_target(target, silent);
        }
    }

    /// Count what became of a step; whether its target is silent.
    fn count(&mut self, step: &Underway, outcome: &Outcome) -> bool {
        let (runner, round) = (self.runner, self.state.round);
        let rest = |failures| runner.rest(failures);
        let lifecycle = runner.lifecycle.name();
        match outcome {
            Outcome::Step(Step::Later) => {
                self.counts.waiting += 1;
                self.state.rests.failed(step.id.clone(), None, round, rest);
                return false;
            }
            Outcome::Step(Step::Moved) => self.counts.moved += 1,
            Outcome::Step(Step::Waiting) => self.counts.waiting += 1,
            Outcome::Step(Step::Resting) => self.counts.resting += 1,
            // Somebody else changed it meanwhile.
            Outcome::Failed(Error::Store(StoreError::Conflict { .. })) => self.counts.waiting += 1,
            Outcome::Failed(error) if step.target.is_some() && is_silence(error) => {
                tracing::warn!(lifecycle, %error, "documents wait for an answer");
                self.counts.failed += 1;
                return true;
            }
            failed => {
                match failed {
                    Outcome::Failed(error) => {
                        tracing::warn!(lifecycle, %error, "a document will be tried again");
                    }
                    _ => tracing::warn!(lifecycle, "a step took too long and will be tried again"),
                }
                self.counts.failed += 1;
                let (id, version) = (step.id.clone(), Some(step.version));
                self.state.rests.failed(id, version, round, rest);
                return matches!(failed, Outcome::Late);
            }
        }
        self.state.rests.succeeded(&step.id);
        false
    }

    /// A target has answered or not: those that were kept back for it go on, or are left to a later
    /// round.
    fn settle_target(&mut self, name: &str, silent: bool) {
        let per_target = self.runner.limits.per_target;
        let target = self.state.targets.entry(name.to_owned()).or_default();
        target.steps = target.steps.saturating_sub(1);
        target.answers = !silent;
        if silent {
            target.failures += 1;
            target.closed_until = Some(Instant::now() + self.runner.rest(target.failures));
            let left = self.kept_back.remove(name).map_or(0, |left| left.len());
            self.counts.failed += left as u64;
            return;
        }
        (target.failures, target.closed_until) = (0, None);
        let waiting = self.kept_back.entry(name.to_owned()).or_default();
        while target.has_room(per_target)
            && let Some(next) = waiting.pop_front()
        {
            target.steps += 1;
            self.ready.push_back(next);
        }
    }
}

impl Target {
    fn has_room(&self, per_target: usize) -> bool {
        self.steps < if self.answers { per_target } else { 1 }
    }
}

/// Whether an error says that nobody answered, rather than that this document was refused.
fn is_silence(error: &Error) -> bool {
    matches!(
        error,
        Error::Peer { .. } | Error::Chain(ChainError::Silent(_))
    )
}
