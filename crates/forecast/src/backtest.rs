//! Rolling-origin backtests: each forecast is made with what was known that day.

use serde::Serialize;

use crate::conformal::Conformal;
use crate::features::{Series, count};
use crate::model::Model;
use crate::{Error, HORIZON};

/// Days between two fits. Monthly at most, so that no model is judged by stale weights.
pub const REFIT_DAYS: usize = 28;
/// Days of forecasts before the span, so that intervals have errors to learn from.
pub const WARM_UP_DAYS: usize = 180;
/// Share of outcomes that the intervals aim to cover.
pub const COVERAGE: f64 = 0.8;

/// One forecast of a backtest, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Day it was made (position in the series).
    pub origin: usize,
    /// Days ahead, from 1.
    pub horizon: usize,
    /// The forecast.
    pub price: f64,
    /// The interval that should cover [`COVERAGE`] of outcomes.
    pub interval: Option<(f64, f64)>,
    /// What came.
    pub actual: Option<f64>,
}

/// All forecasts of one model over a span.
#[derive(Clone, Debug)]
pub struct Backtest {
    /// The model's name.
    pub model: &'static str,
    /// Forecasts in order of origin and horizon. Their targets may lie outside the span.
    pub forecasts: Vec<Forecast>,
}

/// Run a model over the origins `from..to`, refitting every [`REFIT_DAYS`].
///
/// # Errors
/// What the model says, [`Error::TooShort`] most likely.
pub fn run(
    model: &mut dyn Model,
    series: &Series,
    from: usize,
    to: usize,
    progress: impl FnMut(usize, usize),
) -> Result<Backtest, Error> {
    let start = from.saturating_sub(WARM_UP_DAYS);
    roll(model, series, start, from, to, progress).map(|(backtest, _)| backtest)
}

/// Run a model over the origins `start..to`, keep the forecasts of `from..to`, and give the
/// intervals' state at the end, one for each horizon.
///
/// # Errors
/// What the model says, [`Error::TooShort`] most likely.
pub fn roll(
    model: &mut dyn Model,
    series: &Series,
    start: usize,
    from: usize,
    to: usize,
    mut progress: impl FnMut(usize, usize),
) -> Result<(Backtest, Vec<Conformal>), Error> {
    let mut conformal: Vec<Conformal> = (0..HORIZON).map(|_| Conformal::new(COVERAGE)).collect();
    let mut made: Vec<[f64; HORIZON]> = Vec::with_capacity(to - start);
    let mut forecasts = Vec::with_capacity((to - from) * HORIZON);
    for at in start..to {
        if (at - start).is_multiple_of(REFIT_DAYS) {
            model.fit(series, at + 1)?;
        }
        // Outcomes that became known today correct the intervals before they are used.
        for (step, conformal) in conformal.iter_mut().enumerate() {
            let earlier = (at - start)
                .checked_sub(step + 1)
                .map(|index| made[index][step]);
            if let (Some(forecast), Some(_)) = (earlier, series.price(at)) {
                conformal.observe(series.log(at) - forecast);
            }
        }
        let path = model.predict(series, at)?;
        made.push(path);
        if at >= from {
            forecasts.extend((0..HORIZON).map(|step| {
                Forecast {
                    origin: at,
                    horizon: step + 1,
                    price: path[step].exp(),
                    interval: conformal[step]
                        .interval()
                        .map(|(low, high)| ((path[step] + low).exp(), (path[step] + high).exp())),
                    actual: (at + step + 1 < series.len())
                        .then(|| series.price(at + step + 1))
                        .flatten(),
                }
            }));
        }
        progress(at + 1 - start, to - start);
    }
    let model = model.name();
    Ok((Backtest { model, forecasts }, conformal))
}

/// How good forecasts were over the days `from..to` (targets, not origins).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Number of forecasts judged.
    pub n: usize,
    /// Mean absolute percentage error, as a share.
    pub mape: f64,
    /// Symmetric mean absolute percentage error, as a share of the mean of both.
    pub smape: f64,
    /// Mean absolute error over persistence's, same origins and horizons.
    pub relative_mae: f64,
    /// Mean pinball loss of the interval's two quantiles, over persistence's mean absolute error.
    pub pinball: Option<f64>,
    /// Share of outcomes inside the interval.
    pub coverage_80: Option<f64>,
}

impl Backtest {
    /// Score the forecasts of one horizon, or of all, whose target lies in `from..to`.
    #[must_use]
    pub fn score(
        &self,
        series: &Series,
        from: usize,
        to: usize,
        horizon: Option<usize>,
    ) -> Option<Score> {
        let mut sums = Sums::default();
        for forecast in &self.forecasts {
            let target = forecast.origin + forecast.horizon;
            let wanted = horizon.is_none_or(|horizon| horizon == forecast.horizon);
            if let (true, true, Some(actual)) =
                (wanted, (from..to).contains(&target), forecast.actual)
            {
                sums.add(forecast, actual, series.log(forecast.origin).exp());
            }
        }
        sums.score()
    }
}

#[derive(Default)]
struct Sums {
    n: usize,
    error: f64,
    share: f64,
    symmetric: f64,
    naive: f64,
    intervals: usize,
    covered: usize,
    pinball: f64,
}

impl Sums {
    fn add(&mut self, forecast: &Forecast, actual: f64, now: f64) {
        let error = (actual - forecast.price).abs();
        self.n += 1;
        self.error += error;
        self.share += error / actual;
        self.symmetric += 2.0 * error / (actual + forecast.price);
        self.naive += (actual - now).abs();
        if let Some((low, high)) = forecast.interval {
            self.intervals += 1;
            self.covered += usize::from((low..=high).contains(&actual));
            let tail = (1.0 - COVERAGE) / 2.0;
            self.pinball += f64::midpoint(
                pinball(actual, low, tail),
                pinball(actual, high, 1.0 - tail),
            );
        }
    }

    fn score(&self) -> Option<Score> {
        let n = count(self.n);
        let intervals = (self.intervals > 0).then(|| count(self.intervals));
        (self.n > 0 && self.naive > 0.0).then(|| Score {
            n: self.n,
            mape: self.share / n,
            smape: self.symmetric / n,
            relative_mae: self.error / self.naive,
            pinball: intervals.map(|k| self.pinball / k / (self.naive / n)),
            coverage_80: intervals.map(|k| count(self.covered) / k),
        })
    }
}

fn pinball(actual: f64, quantile: f64, level: f64) -> f64 {
    let difference = actual - quantile;
    (level * difference).max((level - 1.0) * difference)
}
