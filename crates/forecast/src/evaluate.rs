//! All models over the same span, side by side.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::civil::Date;
use serde::Serialize;

use crate::advice::{self, Savings};
use crate::backtest::{self, Backtest, Score};
use crate::features::{LOOKBACK, Series};
use crate::history::History;
use crate::model::{self, Model};
use crate::{Error, HORIZON};

/// One model's results over a span.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// Over all horizons.
    #[serde(flatten)]
    pub all: Score,
    /// By horizon, 1 to [`HORIZON`].
    pub by_horizon: BTreeMap<usize, Score>,
    /// What following its advice would have saved.
    pub savings: Savings,
}

/// The results of all models over a span.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// First day judged.
    pub from: Date,
    /// Last day judged.
    pub to: Date,
    /// Results by the models' names.
    pub models: BTreeMap<&'static str, Judged>,
    /// The model with the lowest relative error.
    pub best: &'static str,
    /// Share of the fee that the best model's advice would have saved, against sending at once.
    pub saved_share: f64,
    /// Share that perfect hindsight would have saved.
    pub hindsight_share: f64,
}

/// The days to judge.
#[derive(Clone, Copy, Debug)]
pub enum Span {
    /// The last so many days.
    Last(usize),
    /// From the first day to the last, both included.
    Dates(Date, Date),
}

impl Span {
    fn positions(self, history: &History) -> Result<(usize, usize), Error> {
        let len = history.days().len();
        let (from, to) = match self {
            Self::Last(days) => (len.saturating_sub(days.max(1)), len),
            Self::Dates(from, to) => {
                let inside = history.position(from).zip(history.position(to));
                let (first, last) = (history.first(), history.last());
                let (start, end) =
                    inside
                        .filter(|(start, end)| start <= end)
                        .ok_or(Error::Span {
                            from,
                            to,
                            first,
                            last,
                        })?;
                (start, end + 1)
            }
        };
        let need = LOOKBACK + backtest::WARM_UP_DAYS + 2 * backtest::REFIT_DAYS + HORIZON;
        if from < need {
            return Err(Error::TooShort {
                have: from,
                need,
                purpose: "learning before the span",
            });
        }
        Ok((from, to))
    }
}

/// Backtest every model over the days of `span` (as targets), on up to `threads` threads.
///
/// `progress` hears how many days of how many have been forecast.
///
/// # Errors
/// [`Error::Span`] and [`Error::TooShort`] for spans that the history does not allow.
pub fn evaluate(
    history: &History,
    span: Span,
    threads: usize,
    progress: impl Fn(usize, usize) + Sync,
) -> Result<(Evaluation, Vec<Backtest>), Error> {
    let (from, to) = span.positions(history)?;
    let series = Series::new(history);
    let mut backtests = run_all(&series, from, to, threads, &progress)?;
    backtests.sort_by_key(|backtest| backtest.model);
    let mut models = BTreeMap::new();
    for backtest in &backtests {
        let score = |horizon| backtest.score(&series, from, to, horizon);
        let none = Error::TooShort {
            have: 0,
            need: 1,
            purpose: "a score over the span",
        };
        let all = score(None).ok_or(none)?;
        let by_horizon = (1..=HORIZON)
            .filter_map(|h| Some((h, score(Some(h))?)))
            .collect();
        // A transaction for every day of the span, or as many as the history's end allows.
        let end = (to + HORIZON).min(series.len());
        let savings = advice::savings(backtest, &series, from, end);
        models.insert(
            backtest.model,
            Judged {
                all,
                by_horizon,
                savings,
            },
        );
    }
    let best = models
        .iter()
        .min_by(|a, b| a.1.all.relative_mae.total_cmp(&b.1.all.relative_mae))
        .map_or(model::BEST, |(name, _)| *name);
    let Savings {
        saved_share,
        hindsight_share,
        ..
    } = models[best].savings;
    let (from, to) = (history.date(from), history.date(to - 1));
    Ok((
        Evaluation {
            from,
            to,
            models,
            best,
            saved_share,
            hindsight_share,
        },
        backtests,
    ))
}

fn run_all(
    series: &Series,
    from: usize,
    to: usize,
    threads: usize,
    progress: &(impl Fn(usize, usize) + Sync),
) -> Result<Vec<Backtest>, Error> {
    let queue: Mutex<Vec<Box<dyn Model>>> = Mutex::new(model::all());
    let done = AtomicUsize::new(0);
    let first = from.saturating_sub(HORIZON);
    let days = (to - first.saturating_sub(backtest::WARM_UP_DAYS)) * model::all().len();
    let worker = || -> Result<Vec<Backtest>, Error> {
        let mut mine = Vec::new();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut model) = next else {
                return Ok(mine);
            };
            mine.push(backtest::run(&mut *model, series, first, to, |_, _| {
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, days);
            })?);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(worker)).collect();
        let mut all = Vec::new();
        for worker in workers {
            // A panic in a worker is a bug and goes on here.
            all.extend(
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
            );
        }
        Ok(all)
    })
}
