//! Batch normalisation as a step: with the batch's statistics or the running ones, and its gradient.

use super::reduce::Rank;
use super::workspace::{Applied, Value, Workspace};
use super::{Kind, Native, Statistics, Step, Until};
use crate::error::Error;
use crate::model::kernels::{self, Moments, Normalisation};

/// Share of a batch's statistics in the running ones, as in PyTorch.
const MOMENTUM: f32 = 0.1;

/// The weights of a normalisation.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    gamma: &'a [f32],
    beta: &'a [f32],
    mean: &'a [f32],
    variance: &'a [f32],
}

impl Native {
    /// A normalisation's weights in the vector.
    pub(super) fn norm_weights<'p>(&self, step: &Step, parameters: &'p [f32]) -> Weights<'p> {
        let of = |k: usize| &parameters[self.segments[step.weight + k].range()];
        Weights {
            gamma: of(0),
            beta: of(1),
            mean: of(2),
            variance: of(3),
        }
    }

    /// Moves the running statistics towards those of the batch (see [`Statistics::Batch`]), by a
    /// tenth, as PyTorch does; `ws` is that of any thread of the batch.
    pub fn learn_statistics(&self, parameters: &mut [f32], ws: &Workspace) {
        for (step, applied) in self.steps.iter().zip(&ws.norms) {
            let Some(Applied {
                mean,
                batch: Some((variance, _)),
                ..
            }) = applied
            else {
                continue;
            };
            for (k, new) in [(2, mean), (3, variance)] {
                let running = &mut parameters[self.segments[step.weight + k].range()];
                for (r, n) in running.iter_mut().zip(new) {
                    *r += MOMENTUM * (n - *r);
                }
            }
        }
    }

    /// Who the statistics of step `i` are brought together with; none where they are fixed.
    pub(super) fn rank_of<'m>(
        &self,
        i: usize,
        statistics: Statistics<'m>,
        until: Until,
    ) -> Option<Rank<'m>> {
        match statistics {
            Statistics::Batch(rank) if i >= self.first(until) => Some(rank),
            _ => None,
        }
    }
}

/// Normalises `x`, adds `side` and applies the activation.
pub(super) fn forward(
    step: &Step,
    weights: Weights<'_>,
    x: &Value,
    side: Option<&[f32]>,
    rank: Option<Rank<'_>>,
    mut y: Vec<f32>,
) -> Result<(Value, Applied), Error> {
    let Kind::BatchNorm { eps } = step.kind else {
        return Err(Error::Network("not a normalisation".into()));
    };
    let inverse = |variance: f64| (1.0 / (variance + f64::from(eps)).sqrt()) as f32;
    let applied = match rank {
        None => Applied {
            mean: weights.mean.to_vec(),
            inverse: weights
                .variance
                .iter()
                .map(|v| inverse(f64::from(*v)))
                .collect(),
            batch: None,
        },
        Some(rank) => {
            let all = gather(rank, &Moments::of(&x.data, x.c), x.c)?;
            let unbiased = (all.count - 1.0).max(1.0);
            Applied {
                mean: all.mean.iter().map(|m| *m as f32).collect(),
                inverse: all.squares.iter().map(|s| inverse(s / all.count)).collect(),
                batch: Some((
                    all.squares.iter().map(|s| (s / unbiased) as f32).collect(),
                    all.count,
                )),
            }
        }
    };
    let scale: Vec<f32> = weights
        .gamma
        .iter()
        .zip(&applied.inverse)
        .map(|(g, i)| g * i)
        .collect();
    let shift: Vec<f32> = (0..x.c)
        .map(|c| weights.beta[c] - applied.mean[c] * scale[c])
        .collect();
    let how = Normalisation {
        scale: &scale,
        shift: &shift,
        act: step.act,
    };
    kernels::normalise(&x.data, side, &mut y, how);
    Ok((x.with(y), applied))
}

/// The moments of the whole batch.
fn gather(rank: Rank<'_>, own: &Moments, c: usize) -> Result<Moments, Error> {
    let mut part = vec![own.count];
    part.extend(&own.mean);
    part.extend(&own.squares);
    let mut all = Moments::new(c);
    for part in rank.gather(part)?.iter() {
        let (mean, squares) = part[1..].split_at(c);
        all.merge(part[0], mean.iter().copied(), squares.iter().copied());
    }
    Ok(all)
}

/// What a backward step of a normalisation reads.
#[derive(Clone, Copy)]
pub(super) struct Back<'a> {
    pub(super) step: &'a Step,
    pub(super) weights: Weights<'a>,
    pub(super) applied: &'a Applied,
    pub(super) x: &'a Value,
    pub(super) y: &'a Value,
    pub(super) rank: Option<Rank<'a>>,
}

/// Turns the gradient of the output into that of the input, in place, and adds those of gamma and
/// beta to `d_weights`; gives the gradient of the map that was added, where that is wanted.
///
/// With x' = (x - mean) / sqrt(variance + eps) over the N values of a channel in the batch,
/// dx = gamma / sqrt(variance + eps) (dy - mean(dy) - x' mean(dy x')).
pub(super) fn backward(
    back: Back<'_>,
    dy: &mut [f32],
    d_weights: Option<(&mut [f32], &mut [f32])>,
    side: bool,
    ws: &mut Workspace,
) -> Result<Option<Vec<f32>>, Error> {
    let Applied {
        mean,
        inverse,
        batch,
    } = back.applied;
    let (sums, products) = kernels::norm_sums(dy, &back.y.data, &back.x.data, mean, back.step.act);
    if let Some((d_gamma, d_beta)) = d_weights {
        for ((d, product), inverse) in d_gamma.iter_mut().zip(&products).zip(inverse) {
            *d += (product * f64::from(*inverse)) as f32;
        }
        for (d, sum) in d_beta.iter_mut().zip(&sums) {
            *d += *sum as f32;
        }
    }
    let side = side.then(|| ws.copy(dy));
    let gamma = back.weights.gamma.iter().zip(inverse);
    let scale: Vec<f32> = gamma.map(|(g, i)| g * i).collect();
    let (mut slope, mut offset) = (vec![0.0; mean.len()], vec![0.0; mean.len()]);
    if let (Some(rank), Some((_, count))) = (back.rank, batch) {
        let parts = rank.gather([sums, products].concat())?;
        let total = |k: usize| parts.iter().map(|p| p[k]).sum::<f64>() / count;
        #[allow(clippy::needless_range_loop)] // four arrays by one channel
        for c in 0..mean.len() {
            let (inverse, scale) = (f64::from(inverse[c]), f64::from(scale[c]));
            offset[c] = (-scale * total(c)) as f32;
            slope[c] = (-scale * inverse * inverse * total(mean.len() + c)) as f32;
        }
    }
    kernels::norm_gradient(dy, &back.x.data, mean, [&scale, &slope, &offset]);
    Ok(side)
}
