//! Linear models on lags, means and the calendar, one set of weights per horizon.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::{Model, Path};
use crate::features::{LOOKBACK, Series, WIDTH, count};
use crate::{Error, HORIZON};

/// Rounds of reweighting for the quantile loss, at most.
const ROUNDS: usize = 30;
/// Rounds end when no weight moves by more than this, on standardised features.
const SETTLED: f64 = 1e-4;
/// Below this residual the absolute loss is treated as quadratic, in logarithms.
const SMOOTH: f64 = 0.05;

/// How a linear model learns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearSettings {
    /// Days it learns from.
    pub window: usize,
    /// Quantile it aims at; `None` for the mean (ridge regression).
    pub quantile: Option<f64>,
    /// Ridge penalty on standardised features.
    pub ridge: f64,
    /// How much more a dear day counts: weights grow with the price over its last 90 days to this
    /// power. An error of the same share costs more ether on such a day.
    pub dear: f64,
}

/// A linear model of the change of the logarithm of the price.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    #[serde(skip, default = "unnamed")]
    name: &'static str,
    settings: LinearSettings,
    fitted: Vec<Fitted>,
}

fn unnamed() -> &'static str {
    "linear"
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fitted {
    mean: Vec<f64>,
    scale: Vec<f64>,
    weights: Vec<f64>,
}

impl Linear {
    /// A model under a name.
    #[must_use]
    pub fn new(name: &'static str, settings: LinearSettings) -> Self {
        Self {
            name,
            settings,
            fitted: Vec::new(),
        }
    }

    /// Whether there is a set of weights for each horizon, each as wide as a row of features and
    /// finite. A model from a file must be asked before it is used.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let all =
            |values: &[f64], width| values.len() == width && values.iter().all(|v| v.is_finite());
        self.fitted.len() == HORIZON
            && self.fitted.iter().all(|fitted| {
                all(&fitted.mean, WIDTH)
                    && all(&fitted.scale, WIDTH)
                    && fitted.scale.iter().all(|scale| *scale > 0.0)
                    && all(&fitted.weights, WIDTH + 1)
            })
    }

    fn fit_horizon(&self, series: &Series, end: usize, horizon: usize) -> Result<Fitted, Error> {
        let origins = series.origins(end.saturating_sub(self.settings.window), end, horizon);
        let need = LOOKBACK / 2;
        if origins.len() < need {
            let purpose = "a linear model";
            return Err(Error::TooShort {
                have: origins.len(),
                need,
                purpose,
            });
        }
        let mut row = Vec::new();
        let rows: Vec<Vec<f64>> = origins
            .iter()
            .map(|&at| {
                series.row(at, horizon, &mut row);
                row.clone()
            })
            .collect();
        let width = rows[0].len();
        let (mean, scale) = standardisation(&rows, width);
        let design = DMatrix::from_fn(rows.len(), width + 1, |i, j| {
            if j == width {
                1.0
            } else {
                (rows[i][j] - mean[j]) / scale[j]
            }
        });
        let target = DVector::from_iterator(
            origins.len(),
            origins
                .iter()
                .map(|&at| series.log(at + horizon) - series.log(at)),
        );
        let importance = self.importance(series, &origins, horizon);
        let weights = self.solve(&design, &target, &importance)?;
        Ok(Fitted {
            mean,
            scale,
            weights: weights.iter().copied().collect(),
        })
    }

    fn importance(&self, series: &Series, origins: &[usize], horizon: usize) -> DVector<f64> {
        let raw = DVector::from_iterator(
            origins.len(),
            origins.iter().map(|&at| {
                let dearest = series.log(at).max(series.log(at + horizon));
                (self.settings.dear * (dearest - series.mean(at, 91))).exp()
            }),
        );
        let mean = raw.mean();
        raw / mean
    }

    /// Iteratively reweighted least squares (Hunter and Lange 2000 for quantiles).
    fn solve(
        &self,
        design: &DMatrix<f64>,
        target: &DVector<f64>,
        importance: &DVector<f64>,
    ) -> Result<DVector<f64>, Error> {
        let width = design.ncols();
        let rounds = if self.settings.quantile.is_some() {
            ROUNDS
        } else {
            1
        };
        let mut weights = importance.clone();
        let mut solution = DVector::zeros(width);
        for _ in 0..rounds {
            let weighted =
                DMatrix::from_fn(design.nrows(), width, |i, j| design[(i, j)] * weights[i]);
            let mut normal = weighted.transpose() * design;
            // The last column is the constant: it is not penalised.
            for j in 0..width - 1 {
                normal[(j, j)] += self.settings.ridge;
            }
            let right = weighted.transpose() * target;
            let before = solution;
            solution = normal
                .cholesky()
                .ok_or(Error::Unsolvable { model: self.name })?
                .solve(&right);
            if (&solution - before).amax() < SETTLED {
                break;
            }
            let Some(quantile) = self.settings.quantile else {
                break;
            };
            let residual = target - design * &solution;
            weights = DVector::from_fn(weights.len(), |i, _| {
                let side = if residual[i] > 0.0 {
                    quantile
                } else {
                    1.0 - quantile
                };
                importance[i] * side * 4.0 * SMOOTH / residual[i].abs().max(SMOOTH)
            });
        }
        Ok(solution)
    }
}

impl Model for Linear {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fit(&mut self, series: &Series, end: usize) -> Result<(), Error> {
        self.fitted = (1..=HORIZON)
            .map(|horizon| self.fit_horizon(series, end, horizon))
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    fn predict(&self, series: &Series, at: usize) -> Result<Path, Error> {
        let purpose = "a linear model";
        if at < LOOKBACK || self.fitted.len() != HORIZON {
            return Err(Error::TooShort {
                have: at,
                need: LOOKBACK,
                purpose,
            });
        }
        let mut row = Vec::new();
        Ok(std::array::from_fn(|step| {
            series.row(at, step + 1, &mut row);
            series.log(at) + self.fitted[step].change(&row)
        }))
    }
}

impl Fitted {
    fn change(&self, row: &[f64]) -> f64 {
        let constant = self.weights[row.len()];
        row.iter()
            .enumerate()
            .map(|(j, value)| (value - self.mean[j]) / self.scale[j] * self.weights[j])
            .sum::<f64>()
            + constant
    }
}

fn standardisation(rows: &[Vec<f64>], width: usize) -> (Vec<f64>, Vec<f64>) {
    let n = count(rows.len());
    (0..width)
        .map(|j| {
            let mean = rows.iter().map(|row| row[j]).sum::<f64>() / n;
            let variance = rows.iter().map(|row| (row[j] - mean).powi(2)).sum::<f64>() / n;
            (mean, variance.sqrt() + 1e-9)
        })
        .unzip()
}
