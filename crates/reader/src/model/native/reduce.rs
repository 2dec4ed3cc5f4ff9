//! Threads that share a batch bring the statistics of its parts together (an all-gather).
//!
//! Every thread gets all parts in the order of the ranks, whichever came first, so that sums of them
//! are the same to the bit in every run.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::Error;

/// The threads that share one batch.
#[derive(Debug)]
pub struct Group {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// What has come in this round.
    parts: Vec<Option<Vec<f64>>>,
    /// The parts of the last whole round.
    gathered: Arc<Vec<Vec<f64>>>,
    round: u64,
    abandoned: bool,
}

impl Group {
    /// A group of `size` threads.
    pub fn new(size: usize) -> Self {
        Self {
            state: Mutex::new(State {
                parts: vec![None; size],
                gathered: Arc::default(),
                round: 0,
                abandoned: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// The thread of a number below the size.
    pub fn rank(&self, index: usize) -> Rank<'_> {
        Rank { group: self, index }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thread of a group.
#[derive(Debug, Clone, Copy)]
pub struct Rank<'a> {
    group: &'a Group,
    index: usize,
}

impl Rank<'_> {
    /// Hands in this thread's part, waits for the others', and gives all of them in the order of
    /// their ranks.
    ///
    /// # Errors
    /// When another thread of the group has given up.
    pub fn gather(&self, part: Vec<f64>) -> Result<Arc<Vec<Vec<f64>>>, Error> {
        let mut state = self.group.lock();
        state.parts[self.index] = Some(part);
        if state.parts.iter().all(Option::is_some) {
            let parts = state.parts.iter_mut().filter_map(Option::take).collect();
            state.gathered = Arc::new(parts);
            state.round += 1;
            self.group.changed.notify_all();
            return Ok(state.gathered.clone());
        }
        let round = state.round;
        while state.round == round {
            if state.abandoned {
                return Err(Error::Training("another part of the batch failed".into()));
            }
            state = self
                .group
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(state.gathered.clone())
    }

    /// Runs this thread's work. If it fails or panics, the others stop waiting for it.
    ///
    /// # Errors
    /// Those of the work.
    pub fn work<T>(self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let mut leaving = Leaving {
            group: self.group,
            finished: false,
        };
        let result = work();
        leaving.finished = result.is_ok();
        result
    }
}

/// Tells the group, also in a panic, that a thread goes before its work is done.
struct Leaving<'a> {
    group: &'a Group,
    finished: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.group.lock().abandoned = true;
            self.group.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_gets_every_part_in_order() {
        let group = Group::new(3);
        let all: Vec<Vec<f64>> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..3)
                .map(|i| {
                    let rank = group.rank(i);
                    scope.spawn(move || {
                        let mut seen = Vec::new();
                        for round in 0..50 {
                            let part = vec![f64::from(round * 10) + i as f64];
                            seen.extend(rank.gather(part).unwrap().concat());
                        }
                        seen
                    })
                })
                .collect();
            running.into_iter().map(|r| r.join().unwrap()).collect()
        });
        let expected: Vec<f64> = (0..50)
            .flat_map(|r| [0.0, 1.0, 2.0].map(|i| f64::from(r * 10) + i))
            .collect();
        assert!(all.iter().all(|a| *a == expected));
    }

    #[test]
    fn a_thread_that_fails_or_panics_does_not_hold_the_others_up() {
        let failing: [fn() -> Result<(), Error>; 2] = [
            || Err(Error::Training("no".into())),
            || std::panic::panic_any("no"),
        ];
        for fail in failing {
            let group = Group::new(2);
            let (one, other) = (group.rank(0), group.rank(1));
            let error = std::thread::scope(|scope| {
                let waiting = scope.spawn(move || one.gather(vec![1.0]).unwrap_err().to_string());
                let failed = scope.spawn(move || other.work(fail)).join();
                assert!(!matches!(failed, Ok(Ok(()))));
                waiting.join().unwrap()
            });
            assert!(error.contains("another part"), "{error}");
        }
    }
}
