//! How sure a forecast is: conformal intervals from the errors that a model made lately.
//!
//! The interval at a horizon is spanned by quantiles of the signed errors, in logarithms, of the
//! forecasts whose outcome is known by now (split conformal prediction, Vovk et al. 2005), and its
//! nominal level is corrected by the share that it missed lately (adaptive conformal inference,
//! Gibbs and Candès 2021), so that the coverage holds when the market changes.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Errors that are remembered.
pub(crate) const MEMORY: usize = 250;
/// Step of the correction.
const STEP: f64 = 0.02;

/// One horizon's errors and the level that covers what it should.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conformal {
    errors: VecDeque<f64>,
    miss: f64,
    nominal_miss: f64,
}

impl Conformal {
    /// Intervals that should cover a share of outcomes, for example 0.8.
    #[must_use]
    pub fn new(coverage: f64) -> Self {
        let nominal_miss = (1.0 - coverage).clamp(0.01, 0.99);
        Self {
            errors: VecDeque::new(),
            miss: nominal_miss,
            nominal_miss,
        }
    }

    /// Whether its numbers are in range. A state from a file must be asked before it is used.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.errors.len() <= MEMORY
            && self.errors.iter().all(|error| error.abs() < 50.0)
            && self.miss.abs() < 50.0
            && (0.01..=0.99).contains(&self.nominal_miss)
    }

    /// Low and high error around a forecast, in logarithms; `None` with fewer than 30 errors.
    #[must_use]
    pub fn interval(&self) -> Option<(f64, f64)> {
        if self.errors.len() < 30 {
            return None;
        }
        let mut sorted: Vec<f64> = self.errors.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let half = self.miss.clamp(0.005, 0.9) / 2.0;
        Some((quantile(&sorted, half), quantile(&sorted, 1.0 - half)))
    }

    /// Take in an outcome: the logarithm of what came over what was forecast.
    pub fn observe(&mut self, error: f64) {
        if let Some((low, high)) = self.interval() {
            let missed = f64::from(u8::from(error < low || error > high));
            self.miss += STEP * (self.nominal_miss - missed);
        }
        self.errors.push_back(error);
        if self.errors.len() > MEMORY {
            self.errors.pop_front();
        }
    }
}

/// Quantile of sorted values by linear interpolation.
pub(crate) fn quantile(sorted: &[f64], at: f64) -> f64 {
    let position = at.clamp(0.0, 1.0) * crate::features::count(sorted.len() - 1);
    // Not negative and at most the length: the cast is exact.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the slice"
    )]
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - position.floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_what_it_should_even_when_errors_grow() {
        let mut state = 1u64;
        let mut random = move || {
            // splitmix64, enough for a test.
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            f64::from(u32::try_from((z ^ (z >> 27)) >> 32).unwrap()) / f64::from(u32::MAX) - 0.5
        };
        let mut conformal = Conformal::new(0.8);
        let mut covered = 0;
        for day in 0..4_000 {
            let error = random() * if day > 2_000 { 4.0 } else { 1.0 };
            if let Some((low, high)) = conformal.interval().filter(|_| day >= 1_000) {
                covered += u32::from((low..=high).contains(&error));
            }
            conformal.observe(error);
        }
        let share = f64::from(covered) / 3_000.0;
        assert!((0.77..0.83).contains(&share), "{share}");
    }
}
