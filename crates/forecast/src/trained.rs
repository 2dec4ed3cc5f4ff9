//! A trained model in a file: weights and the state of the intervals, none of the data.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::backtest;
use crate::conformal::{Conformal, MEMORY};
use crate::features::{LOOKBACK, Series};
use crate::history::History;
use crate::model::{self, Blend, Model, Paper, PaperSettings, Path};
use crate::{Error, HORIZON};

/// Version of the file format.
const FORMAT: u32 = 1;
/// A larger file is not a model.
const MAX_BYTES: usize = 4 << 20;
/// Days of backtest that teach the intervals of a trained model, as far as the history allows.
const REHEARSAL: usize = MEMORY + 2 * HORIZON;
/// Days before the rehearsal that its first fit learns from, at least.
const FIRST_FIT: usize = 2 * LOOKBACK;

/// Which model to train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The model that the program ships.
    #[default]
    Blend,
    /// The paper's recurrent network.
    Paper,
}

/// A model that was trained, with its intervals.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    format: u32,
    /// Seed of weights and order; models without chance do not depend on it.
    pub seed: u64,
    /// First day it was trained on.
    pub from: Date,
    /// Last day it was trained on.
    pub to: Date,
    model: Weights,
    intervals: Vec<Conformal>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Weights {
    QuantileBlend(Blend),
    PaperLstm(Vec<f32>),
}

/// A model just trained, and how its training went.
#[derive(Debug)]
pub struct Training {
    /// The model.
    pub trained: Trained,
    /// Mean absolute error in logarithms of each epoch, for models that have epochs.
    pub losses: Vec<f64>,
}

/// Train on all days of a history. The same history and seed give the same bits.
///
/// A rehearsal over the last days, refitted monthly, teaches the intervals from forecasts whose
/// outcome the model could not know; then the model learns from everything. `progress` hears how
/// many steps of how many are done.
///
/// # Errors
/// [`Error::TooShort`] for histories of less than about nine months; [`Error::Unsolvable`] for
/// degenerate ones.
pub fn train(
    history: &History,
    kind: Kind,
    seed: u64,
    mut progress: impl FnMut(usize, usize),
) -> Result<Training, Error> {
    let series = Series::new(history);
    let len = series.len();
    let need = FIRST_FIT + LOOKBACK / 2 + HORIZON;
    if len < need {
        return Err(Error::TooShort {
            have: len,
            need,
            purpose: "training",
        });
    }
    let start = len.saturating_sub(REHEARSAL).max(FIRST_FIT);
    let mut rehearse = |model: &mut dyn Model| {
        backtest::roll(model, &series, start, len, len, |done, of| {
            progress(done, of + 1)
        })
    };
    let paper = || {
        Paper::new(PaperSettings {
            seed,
            ..PaperSettings::default()
        })
    };
    let (model, losses, intervals) = match kind {
        Kind::Blend => {
            let (_, intervals) = rehearse(&mut model::blend())?;
            let mut blend = model::blend();
            blend.fit(&series, len)?;
            (Weights::QuantileBlend(blend), Vec::new(), intervals)
        }
        Kind::Paper => {
            let (_, intervals) = rehearse(&mut paper())?;
            let mut paper = paper();
            paper.fit(&series, len)?;
            (
                Weights::PaperLstm(paper.weights().to_vec()),
                paper.losses().to_vec(),
                intervals,
            )
        }
    };
    progress(1, 1);
    let (from, to) = (history.first(), history.last());
    let trained = Trained {
        format: FORMAT,
        seed,
        from,
        to,
        model,
        intervals,
    };
    Ok(Training { trained, losses })
}

impl Trained {
    /// The model that comes with the program ([`Kind::Blend`], Ethereum mainnet).
    ///
    /// # Errors
    /// None unless the program was built from a damaged tree.
    pub fn shipped() -> Result<Self, Error> {
        Self::from_json(include_bytes!("../../../models/fees/quantile-blend.json"))
    }

    /// Read a model file.
    ///
    /// # Errors
    /// [`Error::Model`] for anything that is not a sound model of this format.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |problem: String| Error::Model { problem };
        if bytes.len() > MAX_BYTES {
            return Err(bad(format!("{} bytes are too many", bytes.len())));
        }
        let trained: Self =
            serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        if trained.format != FORMAT {
            return Err(bad(format!("format {} is not {FORMAT}", trained.format)));
        }
        let sound = match &trained.model {
            Weights::QuantileBlend(blend) => blend.is_sound(),
            Weights::PaperLstm(weights) => Paper::from_weights(weights.clone()).is_some(),
        };
        let intervals =
            trained.intervals.len() == HORIZON && trained.intervals.iter().all(Conformal::is_sound);
        if !sound || !intervals {
            return Err(bad("weights are missing or not finite".into()));
        }
        Ok(trained)
    }

    /// The file, for [`Trained::from_json`].
    ///
    /// # Errors
    /// [`Error::Model`] if a number cannot be written, which a sound model has none of.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|error| Error::Model {
            problem: error.to_string(),
        })
    }

    /// The model's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.model {
            Weights::QuantileBlend(_) => model::BEST,
            Weights::PaperLstm(_) => "paper-lstm",
        }
    }

    /// The path from the last day, and the intervals after all outcomes since the training were
    /// taken in.
    pub(crate) fn forecast(
        &self,
        history: &History,
        series: &Series,
    ) -> Result<(Path, Vec<Conformal>), Error> {
        let paper;
        let model: &dyn Model = match &self.model {
            Weights::QuantileBlend(blend) => blend,
            Weights::PaperLstm(weights) => {
                let none = Error::Model {
                    problem: "weights are missing".into(),
                };
                paper = Paper::from_weights(weights.clone()).ok_or(none)?;
                &paper
            }
        };
        let last = series.len() - 1;
        let mut intervals = self.intervals.clone();
        // Outcomes that the training did not see, as far back as the intervals remember.
        let unseen = history.position(self.to).map_or(0, |at| at + 1);
        let first = unseen
            .max(last.saturating_sub(MEMORY))
            .max(LOOKBACK + HORIZON);
        let mut made = BTreeMap::new();
        for at in first..=last {
            for (step, interval) in intervals.iter_mut().enumerate() {
                let origin = at - step - 1;
                let path = match made.entry(origin) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => entry.insert(model.predict(series, origin)?),
                };
                if series.price(at).is_some() {
                    interval.observe(series.log(at) - path[step]);
                }
            }
        }
        Ok((model.predict(series, last)?, intervals))
    }
}
