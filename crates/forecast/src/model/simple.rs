//! Models without anything to learn, or one number: what every other model must beat.

use super::{Model, Path};
use crate::features::Series;
use crate::{Error, HORIZON};

/// Tomorrow costs what today costs.
pub struct Persistence;

impl Model for Persistence {
    fn name(&self) -> &'static str {
        "persistence"
    }

    fn fit(&mut self, _: &Series, _: usize) -> Result<(), Error> {
        Ok(())
    }

    fn predict(&self, series: &Series, at: usize) -> Result<Path, Error> {
        Ok([series.log(at); HORIZON])
    }
}

/// Next Tuesday costs what last Tuesday cost.
pub struct SeasonalNaive;

impl Model for SeasonalNaive {
    fn name(&self) -> &'static str {
        "seasonal-naive"
    }

    fn fit(&mut self, _: &Series, _: usize) -> Result<(), Error> {
        Ok(())
    }

    fn predict(&self, series: &Series, at: usize) -> Result<Path, Error> {
        if at < 7 {
            return Err(Error::TooShort {
                have: at,
                need: 7,
                purpose: "a week ago",
            });
        }
        Ok(std::array::from_fn(|step| series.log(at + step + 1 - 7)))
    }
}

/// Simple exponential smoothing of the logarithm (Brown 1956), its factor chosen by the one-week
/// error over the days it is fitted on.
#[derive(Default)]
pub struct Smoothing {
    alpha: Option<f64>,
}

impl Smoothing {
    fn level(series: &Series, at: usize, alpha: f64) -> f64 {
        let start = at.saturating_sub(200);
        (start + 1..=at).fold(series.log(start), |level, day| {
            alpha * series.log(day) + (1.0 - alpha) * level
        })
    }
}

impl Model for Smoothing {
    fn name(&self) -> &'static str {
        "exponential-smoothing"
    }

    fn fit(&mut self, series: &Series, end: usize) -> Result<(), Error> {
        if end < 60 {
            return Err(Error::TooShort {
                have: end,
                need: 60,
                purpose: "smoothing",
            });
        }
        let start = end.saturating_sub(730).max(1);
        let error = |alpha: f64| {
            let mut level = series.log(start);
            let mut sum = 0.0;
            for at in start..end - HORIZON {
                level = alpha * series.log(at) + (1.0 - alpha) * level;
                sum += (1..=HORIZON)
                    .map(|h| (series.log(at + h) - level).abs())
                    .sum::<f64>();
            }
            sum
        };
        self.alpha = (1..=19)
            .map(|step| f64::from(step) * 0.05)
            .min_by(|a, b| error(*a).total_cmp(&error(*b)));
        Ok(())
    }

    fn predict(&self, series: &Series, at: usize) -> Result<Path, Error> {
        let alpha = self.alpha.ok_or(Error::TooShort {
            have: 0,
            need: 60,
            purpose: "smoothing",
        })?;
        Ok([Self::level(series, at, alpha); HORIZON])
    }
}
