//! What a model may know on a day: everything here uses that day and earlier ones only.

use crate::HORIZON;
use crate::history::{History, weekday};

/// Days of history that a feature row looks back over; earlier days cannot be origins.
pub const LOOKBACK: usize = 120;

/// Numbers in a row of features.
pub const WIDTH: usize = 13 + 6 + 4 + 3 + 1 + 4 + 2 + 7;

/// A history prepared for models: logarithms, weekdays, running means.
#[derive(Clone, Debug)]
pub struct Series {
    log: Vec<f64>,
    known: Vec<bool>,
    fullness: Vec<f64>,
    usd: Vec<f64>,
    first_weekday: usize,
    prefix: Vec<f64>,
    prefix_squares: Vec<f64>,
}

impl Series {
    /// Prepare a history.
    #[must_use]
    pub fn new(history: &History) -> Self {
        let (log, known) = history.log_prices();
        let carry = |read: fn(&crate::history::Day) -> Option<f64>, start: f64| {
            let mut last = start;
            let values = history.days().iter().map(|day| {
                last = read(day).unwrap_or(last);
                last
            });
            values.collect::<Vec<f64>>()
        };
        let fullness = carry(|day| day.fullness, 0.5);
        let usd = carry(|day| day.ether_usd.map(f64::ln), 0.0);
        let sums = |value: fn(f64) -> f64| {
            let mut sum = 0.0;
            let mut prefix = vec![0.0];
            prefix.extend(log.iter().map(|log| {
                sum += value(*log);
                sum
            }));
            prefix
        };
        let (prefix, prefix_squares) = (sums(|log| log), sums(|log| log * log));
        let first_weekday = weekday(history.first());
        Self {
            log,
            known,
            fullness,
            usd,
            first_weekday,
            prefix,
            prefix_squares,
        }
    }

    /// Number of days.
    #[must_use]
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Whether there are no days. There always are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Logarithm of the price on a day, the last known one if it has none.
    #[must_use]
    pub fn log(&self, at: usize) -> f64 {
        self.log[at]
    }

    /// Price on a day in wei, if it is known.
    #[must_use]
    pub fn price(&self, at: usize) -> Option<f64> {
        self.known[at].then(|| self.log[at].exp())
    }

    /// Day of the week, Monday 0, also beyond the end.
    #[must_use]
    pub fn weekday(&self, at: usize) -> usize {
        (self.first_weekday + at) % 7
    }

    /// Mean logarithm over the `days` days that end with `at`.
    #[must_use]
    pub fn mean(&self, at: usize, days: usize) -> f64 {
        let start = (at + 1).saturating_sub(days);
        (self.prefix[at + 1] - self.prefix[start]) / count(at + 1 - start)
    }

    /// Standard deviation of the logarithm over the `days` days that end with `at`.
    #[must_use]
    pub fn deviation(&self, at: usize, days: usize) -> f64 {
        let start = (at + 1).saturating_sub(days);
        let n = count(at + 1 - start);
        let mean = (self.prefix[at + 1] - self.prefix[start]) / n;
        ((self.prefix_squares[at + 1] - self.prefix_squares[start]) / n - mean * mean)
            .max(0.0)
            .sqrt()
    }

    /// Lowest logarithm over the `days` days that end with `at`.
    #[must_use]
    pub fn lowest(&self, at: usize, days: usize) -> f64 {
        let start = (at + 1).saturating_sub(days);
        self.log[start..=at]
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min)
    }

    /// Everything a linear model or a tree sees on day `at` for `horizon` days ahead, relative to
    /// the logarithm of that day's price. `at` must be at least [`LOOKBACK`].
    pub fn row(&self, at: usize, horizon: usize, row: &mut Vec<f64>) {
        let now = self.log[at];
        row.clear();
        row.extend((1..14).map(|lag| self.log[at - lag] - now));
        row.extend([3, 7, 14, 28, 56, 112].map(|days| self.mean(at, days) - now));
        for days in [7, 28] {
            row.push(self.deviation(at, days));
            row.push(self.lowest(at, days) - now);
        }
        row.extend([1, 7, 28].map(|days| self.usd[at] - self.usd[at - days]));
        row.push(self.fullness[at]);
        // The same weekday of the last four weeks.
        row.extend((1..=4).map(|week| self.log[(at + horizon - 7 * week).min(at)] - now));
        let level = self.level(at);
        row.extend([level.max(0.0), level * level]);
        let target = self.weekday(at + horizon);
        row.extend((0..7).map(|day| f64::from(u8::from(day == target))));
        debug_assert_eq!(row.len(), WIDTH);
    }

    /// How far the price stands above its last 90 days, in logarithms.
    #[must_use]
    pub fn level(&self, at: usize) -> f64 {
        self.log[at] - self.mean(at, 91)
    }

    /// Origins with a known price now and `horizon` days later, in `start..end - horizon`.
    pub fn origins(&self, start: usize, end: usize, horizon: usize) -> Vec<usize> {
        debug_assert!((1..=HORIZON).contains(&horizon));
        (start.max(LOOKBACK)..end.saturating_sub(horizon))
            .filter(|&at| self.known[at] && self.known[at + horizon])
            .collect()
    }
}

/// A count as a float; counts of days are far below 2^52.
#[allow(
    clippy::cast_precision_loss,
    reason = "counts of days are far below 2^52"
)]
pub(crate) fn count(n: usize) -> f64 {
    n as f64
}
