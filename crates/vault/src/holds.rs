//! Which blocks are in use by something that has not pinned them yet, so that garbage collection
//! never takes a block from under a put or a pin in progress.
//!
//! The rule: who counts on a block *holds* it first and looks whether it is there second; who
//! removes a block does so inside [`Holds::unless_held`]. Holds released while a collection runs
//! stay in force until it ends, since the pin that replaced them may be younger than the
//! collection's list of pins.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cid::Cid;

#[derive(Default)]
struct State {
    counts: HashMap<Cid, usize>,
    collecting: bool,
    released: HashSet<Cid>,
}

/// The table of held blocks of one store.
#[derive(Default)]
pub(crate) struct Holds {
    state: Mutex<State>,
}

impl Holds {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty hold.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        Hold {
            table: self.clone(),
            cids: Vec::new(),
        }
    }

    /// Marks the start of a collection; the caller makes sure that there is one at a time.
    pub(crate) fn collect(self: &Arc<Self>) -> Collection {
        self.lock().collecting = true;
        Collection {
            table: self.clone(),
        }
    }

    /// Runs `remove` if nothing holds the block; no hold on it can begin meanwhile.
    pub(crate) fn unless_held<T>(&self, cid: &Cid, remove: impl FnOnce() -> T) -> Option<T> {
        let state = self.lock();
        let held = state.counts.contains_key(cid) || state.released.contains(cid);
        (!held).then(remove)
    }

    /// Whether anything holds the block.
    #[cfg(any(test, feature = "s3"))]
    pub(crate) fn is_held(&self, cid: &Cid) -> bool {
        self.unless_held(cid, || ()).is_none()
    }
}

/// Holds blocks until it is dropped.
pub(crate) struct Hold {
    table: Arc<Holds>,
    cids: Vec<Cid>,
}

impl Hold {
    pub(crate) fn add(&mut self, cid: Cid) {
        *self.table.lock().counts.entry(cid).or_default() += 1;
        self.cids.push(cid);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.table.lock();
        for cid in self.cids.drain(..) {
            if let Some(count) = state.counts.get_mut(&cid) {
                *count -= 1;
                if *count == 0 {
                    state.counts.remove(&cid);
                }
            }
            if state.collecting {
                state.released.insert(cid);
            }
        }
    }
}

/// A collection in progress; ends when dropped.
pub(crate) struct Collection {
    table: Arc<Holds>,
}

impl Drop for Collection {
    fn drop(&mut self) {
        let mut state = self.table.lock();
        state.collecting = false;
        state.released.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{RAW, cid_of};

    #[test]
    fn a_hold_released_during_a_collection_counts_until_its_end() {
        let holds = Arc::new(Holds::default());
        let cid = cid_of(RAW, b"a");
        let mut hold = holds.hold();
        hold.add(cid);
        let collection = holds.collect();
        drop(hold);
        assert!(holds.is_held(&cid));
        drop(collection);
        assert!(!holds.is_held(&cid));
    }

    #[test]
    fn two_holds_on_one_block_are_both_needed_to_fall() {
        let holds = Arc::new(Holds::default());
        let cid = cid_of(RAW, b"a");
        let (mut a, mut b) = (holds.hold(), holds.hold());
        a.add(cid);
        b.add(cid);
        drop(a);
        assert!(holds.is_held(&cid));
        drop(b);
        assert_eq!(holds.unless_held(&cid, || 7), Some(7));
    }
}
