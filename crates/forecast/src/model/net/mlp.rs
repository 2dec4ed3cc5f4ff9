//! A small feed-forward network on the same features as the linear models.

use super::{
    Adam, LANES, Lane, affine, affine_back, cosine, generator, glorot, narrow, shuffle, tanh,
};
use crate::features::{LOOKBACK, Series, count};
use crate::model::{Model, Path};
use crate::{Error, HORIZON};

const HIDDEN: usize = 24;
const WINDOW: usize = 2500;
const EPOCHS: usize = 12;
/// Networks whose forecasts are averaged; they differ by their seeds.
const MEMBERS: u64 = 3;
/// Slightly below the median: fees fall more often than they rise, and rise faster.
const QUANTILE: f32 = 0.45;

/// Three networks features→24→24→1, one output for the change of the logarithm, the horizon among
/// the inputs; trained on the quantile loss.
pub struct Network {
    seed: u64,
    fitted: Option<Fitted>,
}

struct Fitted {
    mean: Vec<f32>,
    scale: Vec<f32>,
    members: Vec<Vec<f32>>,
}

impl Network {
    /// An untrained network.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, fitted: None }
    }
}

/// The features and the horizon as a share of the longest.
fn row(series: &Series, at: usize, horizon: usize, row: &mut Vec<f64>) {
    series.row(at, horizon, row);
    row.push(count(horizon) / count(HORIZON));
}

struct Shape {
    inputs: usize,
}

impl Shape {
    fn parameters(&self) -> usize {
        HIDDEN * (self.inputs + 1) + HIDDEN * (HIDDEN + 1) + HIDDEN + 1
    }

    /// Where the weights and biases of the three layers begin.
    fn offsets(&self) -> [usize; 6] {
        let b1 = HIDDEN * self.inputs;
        let w2 = b1 + HIDDEN;
        let b2 = w2 + HIDDEN * HIDDEN;
        let w3 = b2 + HIDDEN;
        [0, b1, w2, b2, w3, w3 + HIDDEN]
    }

    fn initial(&self, seed: u64) -> Vec<f32> {
        let mut rng = generator(seed);
        let mut weights = vec![0.0; self.parameters()];
        let [w1, b1, w2, b2, w3, b3] = self.offsets();
        glorot(&mut rng, &mut weights[w1..b1], self.inputs, HIDDEN);
        glorot(&mut rng, &mut weights[w2..b2], HIDDEN, HIDDEN);
        glorot(&mut rng, &mut weights[w3..b3], HIDDEN, 1);
        weights
    }

    fn forward(&self, weights: &[f32], x: &[Lane]) -> ([Vec<Lane>; 2], Lane) {
        let [w1, b1, w2, b2, w3, b3] = self.offsets();
        let mut first = vec![[0.0; LANES]; HIDDEN];
        affine(&weights[w1..b1], Some(&weights[b1..w2]), x, &mut first);
        squash(&mut first);
        let mut second = vec![[0.0; LANES]; HIDDEN];
        affine(
            &weights[w2..b2],
            Some(&weights[b2..w3]),
            &first,
            &mut second,
        );
        squash(&mut second);
        let mut y = [[0.0; LANES]];
        affine(&weights[w3..b3], Some(&weights[b3..]), &second, &mut y);
        ([first, second], y[0])
    }

    fn backward(
        &self,
        weights: &[f32],
        x: &[Lane],
        hidden: &[Vec<Lane>; 2],
        dy: &Lane,
        gradient: &mut [f32],
    ) {
        let [w1, b1, w2, b2, w3, b3] = self.offsets();
        let (front, tail) = gradient.split_at_mut(w3);
        let (dw3, db3) = tail.split_at_mut(b3 - w3);
        let mut dsecond = vec![[0.0; LANES]; HIDDEN];
        affine_back(
            &weights[w3..b3],
            &hidden[1],
            &[*dy],
            dw3,
            Some(db3),
            Some(&mut dsecond),
        );
        unsquash(&hidden[1], &mut dsecond);
        let mut dfirst = vec![[0.0; LANES]; HIDDEN];
        let (front, tail) = front.split_at_mut(w2);
        let (dw2, db2) = tail.split_at_mut(b2 - w2);
        affine_back(
            &weights[w2..b2],
            &hidden[0],
            &dsecond,
            dw2,
            Some(db2),
            Some(&mut dfirst),
        );
        unsquash(&hidden[0], &mut dfirst);
        let (dw1, db1) = front.split_at_mut(b1);
        affine_back(&weights[w1..b1], x, &dfirst, dw1, Some(db1), None);
    }
}

fn squash(lanes: &mut [Lane]) {
    for value in lanes.as_flattened_mut() {
        *value = tanh(*value);
    }
}

fn unsquash(out: &[Lane], gradient: &mut [Lane]) {
    for (gradient, out) in gradient
        .as_flattened_mut()
        .iter_mut()
        .zip(out.as_flattened())
    {
        *gradient *= 1.0 - out * out;
    }
}

/// Standardised samples with their targets and importance.
struct Samples {
    width: usize,
    rows: Vec<f32>,
    targets: Vec<f32>,
    importance: Vec<f32>,
}

impl Samples {
    fn lanes(&self, chosen: &[usize]) -> Vec<Lane> {
        let mut x = vec![[0.0; LANES]; self.width];
        for (lane, &sample) in chosen.iter().enumerate() {
            for (unit, value) in self.rows[sample * self.width..][..self.width]
                .iter()
                .enumerate()
            {
                x[unit][lane] = *value;
            }
        }
        x
    }
}

fn gather(series: &Series, end: usize) -> Result<(Samples, Vec<f32>, Vec<f32>), Error> {
    let mut raw: Vec<Vec<f64>> = Vec::new();
    let (mut targets, mut importance) = (Vec::new(), Vec::new());
    for horizon in 1..=HORIZON {
        for at in series.origins(end.saturating_sub(WINDOW), end, horizon) {
            let mut features = Vec::new();
            row(series, at, horizon, &mut features);
            raw.push(features);
            targets.push(narrow(series.log(at + horizon) - series.log(at)));
            let dear = series.log(at).max(series.log(at + horizon)) - series.mean(at, 91);
            importance.push(narrow(dear.exp().clamp(0.2, 5.0)));
        }
    }
    let need = 60 * HORIZON;
    if raw.len() < need {
        return Err(Error::TooShort {
            have: raw.len(),
            need,
            purpose: "the network",
        });
    }
    let width = raw[0].len();
    let n = count(raw.len());
    let (mean, scale): (Vec<f32>, Vec<f32>) = (0..width)
        .map(|j| {
            let mean = raw.iter().map(|row| row[j]).sum::<f64>() / n;
            let variance = raw.iter().map(|row| (row[j] - mean).powi(2)).sum::<f64>() / n;
            (narrow(mean), narrow(variance.sqrt() + 1e-6))
        })
        .unzip();
    let rows = raw
        .iter()
        .flat_map(|row| standardise(row, &mean, &scale))
        .collect();
    Ok((
        Samples {
            width,
            rows,
            targets,
            importance,
        },
        mean,
        scale,
    ))
}

/// Three deviations are far enough: a network must not extrapolate from one absurd day.
fn standardise(row: &[f64], mean: &[f32], scale: &[f32]) -> Vec<f32> {
    row.iter()
        .zip(mean.iter().zip(scale))
        .map(|(value, (mean, scale))| ((narrow(*value) - mean) / scale).clamp(-3.0, 3.0))
        .collect()
}

fn train(samples: &Samples, seed: u64) -> Vec<f32> {
    let shape = Shape {
        inputs: samples.width,
    };
    let mut weights = shape.initial(seed);
    let mut rng = generator(seed ^ 0x5eed);
    let mut order: Vec<usize> = (0..samples.targets.len()).collect();
    let mut adam = Adam::new(weights.len(), 3e-3, 0.02);
    let mut gradient = vec![0.0; weights.len()];
    let groups = order.len().div_ceil(LANES);
    for epoch in 0..EPOCHS {
        shuffle(&mut rng, &mut order);
        for (group, chosen) in order.chunks(LANES).enumerate() {
            let x = samples.lanes(chosen);
            let (hidden, y) = shape.forward(&weights, &x);
            let mut dy = [0.0; LANES];
            for (lane, &sample) in chosen.iter().enumerate() {
                let error = y[lane] - samples.targets[sample];
                let side = if error < 0.0 {
                    QUANTILE
                } else {
                    1.0 - QUANTILE
                };
                let slope = (error / 0.05).clamp(-1.0, 1.0);
                dy[lane] =
                    slope * side * 2.0 * samples.importance[sample] / narrow(count(chosen.len()));
            }
            shape.backward(&weights, &x, &hidden, &dy, &mut gradient);
            let factor = cosine(epoch * groups + group, EPOCHS * groups);
            adam.step(&mut weights, &mut gradient, factor);
        }
    }
    weights
}

impl Model for Network {
    fn name(&self) -> &'static str {
        "network"
    }

    fn fit(&mut self, series: &Series, end: usize) -> Result<(), Error> {
        let (samples, mean, scale) = gather(series, end)?;
        let members = (0..MEMBERS)
            .map(|member| train(&samples, self.seed + member))
            .collect();
        self.fitted = Some(Fitted {
            mean,
            scale,
            members,
        });
        Ok(())
    }

    fn predict(&self, series: &Series, at: usize) -> Result<Path, Error> {
        let Some(fitted) = self.fitted.as_ref().filter(|_| at >= LOOKBACK) else {
            return Err(Error::TooShort {
                have: at,
                need: LOOKBACK,
                purpose: "the network",
            });
        };
        let shape = Shape {
            inputs: fitted.mean.len(),
        };
        let mut x = vec![[0.0; LANES]; shape.inputs];
        let mut features = Vec::new();
        for horizon in 1..=HORIZON {
            row(series, at, horizon, &mut features);
            for (unit, value) in standardise(&features, &fitted.mean, &fitted.scale)
                .iter()
                .enumerate()
            {
                x[unit][horizon - 1] = *value;
            }
        }
        let mut path = [series.log(at); HORIZON];
        for weights in &fitted.members {
            let (_, y) = shape.forward(weights, &x);
            for (path, y) in path.iter_mut().zip(y) {
                *path += f64::from(y) / count(fitted.members.len());
            }
        }
        Ok(path)
    }
}
