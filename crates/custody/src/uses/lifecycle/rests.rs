//! Who rests after a failure, and for how long.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// The longest shift that a doubling needs.
const DOUBLINGS: u32 = 16;

/// A rest that doubles with each failure, up to a cap.
pub(super) fn rest(failures: u32, first: Duration, longest: Duration) -> Duration {
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(DOUBLINGS));
    doubled.min(longest)
}

/// Why a document is not tried now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Try,
    Rests,
    Poisoned,
}

#[derive(Debug)]
struct Rest {
    /// The version that failed; a change of the document ends its rest. Nothing if the failing step
    /// changed it itself.
    version: Option<u64>,
    failures: u32,
    /// Nothing if it cannot be read, which time does not mend.
    until: Option<Instant>,
    round: u64,
}

/// The documents of one kind that failed.
#[derive(Debug, Default)]
pub(super) struct Rests(HashMap<String, Rest>);

impl Rests {
    /// Whether to try a document, which was seen in `round`.
    pub(super) fn judge(&mut self, id: &str, version: u64, round: u64) -> Verdict {
        let Some(rest) = self.0.get_mut(id) else {
            return Verdict::Try;
        };
        if rest.version.is_some_and(|failed| failed != version) {
            self.0.remove(id);
            return Verdict::Try;
        }
        rest.round = round;
        match rest.until {
            None => Verdict::Poisoned,
            Some(until) if Instant::now() < until => Verdict::Rests,
            Some(_) => Verdict::Try,
        }
    }

    /// A document failed.
    pub(super) fn failed(
        &mut self,
        id: String,
        version: Option<u64>,
        round: u64,
        span: impl Fn(u32) -> Duration,
    ) {
        let failures = self.0.get(&id).map_or(0, |rest| rest.failures) + 1;
        let until = Some(Instant::now() + span(failures));
        self.0.insert(
            id,
            Rest {
                version,
                failures,
                until,
                round,
            },
        );
    }

    /// A document cannot be read.
    pub(super) fn poisoned(&mut self, id: String, version: u64, round: u64) {
        self.0.insert(
            id,
            Rest {
                version: Some(version),
                failures: 1,
                until: None,
                round,
            },
        );
    }

    /// A document went on.
    pub(super) fn succeeded(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Forget those that were not due any more in `round`.
    pub(super) fn forget_before(&mut self, round: u64) {
        self.0.retain(|_, rest| rest.round >= round);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(failures: u32) -> Duration {
        rest(failures, Duration::from_secs(1), Duration::from_secs(30))
    }

    #[test]
    fn rests_double_up_to_the_cap() {
        let seconds = |failures| span(failures).as_secs();
        assert_eq!([1, 2, 3, 5, 6, 99].map(seconds), [1, 2, 4, 16, 30, 30]);
    }

    #[tokio::test]
    async fn a_change_ends_a_rest_unless_the_step_made_it() {
        let mut rests = Rests::default();
        rests.failed("a".into(), Some(3), 1, span);
        rests.failed("b".into(), None, 1, span);
        rests.poisoned("c".into(), 3, 1);
        assert_eq!(rests.judge("a", 3, 2), Verdict::Rests);
        assert_eq!(rests.judge("b", 4, 2), Verdict::Rests);
        assert_eq!(rests.judge("c", 3, 2), Verdict::Poisoned);
        assert_eq!(rests.judge("a", 4, 2), Verdict::Try);
        assert_eq!(rests.judge("c", 4, 2), Verdict::Try);
        rests.forget_before(3);
        assert_eq!(rests.judge("b", 4, 3), Verdict::Try);
    }
}
