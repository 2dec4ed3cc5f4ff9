//! Is this such an image at all? Distance of an image's features to those of the training images.
//!
//! The pooled features are projected onto a few random directions (fixed by a seed, so that they
//! need no storage), and the Mahalanobis distance to the nearest class mean under the shared
//! covariance is taken (Lee et al. 2018). Where images of other kinds were at hand in training, a
//! logistic gate on the same features joins it; either can refuse.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::rng::Rng;

/// What a model file keeps of its training images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OodStats {
    /// Seed of the projection.
    pub seed: u64,
    /// Number of directions.
    pub dims: usize,
    /// Mean of each class in the projection.
    pub means: Vec<Vec<f32>>,
    /// Inverse of the lower Cholesky factor of the shared covariance, row by row, packed.
    pub whiten: Vec<f32>,
    /// Distance (root mean square per direction) above which an image is refused.
    pub threshold: f32,
    /// Weights of the gate on the pooled features and, last, its bias; empty without a gate.
    pub gate: Vec<f32>,
    /// Gate logit above which an image is refused.
    pub gate_threshold: f32,
}

/// How far an image is from what the model knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// Mahalanobis distance to the nearest class, divided by the root of the dimensions.
    pub distance: f32,
    /// Logit of the gate: above 0 is more like the other images of training.
    pub gate: f32,
}

impl OodStats {
    /// Projects pooled features.
    fn project(seed: u64, dims: usize, features: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; dims];
        let scale = 1.0 / (features.len() as f32).sqrt();
        for (i, f) in features.iter().enumerate() {
            let mut rng = Rng::at(seed, i as u64, 3);
            for chunk in out.chunks_mut(64) {
                let bits = rng.next();
                for (j, o) in chunk.iter_mut().enumerate() {
                    *o += if bits >> j & 1 == 1 {
                        f * scale
                    } else {
                        -f * scale
                    };
                }
            }
        }
        out
    }

    /// Fits the statistics; `features` has one row of `width` values per image, `labels` its class.
    ///
    /// # Errors
    /// With fewer images than directions.
    pub fn fit(
        features: &[f32],
        width: usize,
        labels: &[usize],
        classes: usize,
        dims: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        if labels.len() < 2 * dims {
            return Err(Error::Training(format!(
                "{} images are too few for {dims} directions",
                labels.len()
            )));
        }
        let rows: Vec<Vec<f32>> = features
            .chunks_exact(width)
            .map(|f| Self::project(seed, dims, f))
            .collect();
        let mut means = vec![vec![0.0f32; dims]; classes];
        let mut counts = vec![0usize; classes];
        for (row, &label) in rows.iter().zip(labels) {
            counts[label] += 1;
            means[label].iter_mut().zip(row).for_each(|(m, r)| *m += r);
        }
        for (mean, count) in means.iter_mut().zip(&counts) {
            mean.iter_mut().for_each(|m| *m /= (*count).max(1) as f32);
        }
        let mut cov = vec![0.0f64; dims * dims];
        for (row, &label) in rows.iter().zip(labels) {
            let d: Vec<f64> = row
                .iter()
                .zip(&means[label])
                .map(|(r, m)| f64::from(r - m))
                .collect();
            for i in 0..dims {
                for j in 0..=i {
                    cov[i * dims + j] += d[i] * d[j];
                }
            }
        }
        let n = rows.len() as f64;
        let trace = (0..dims).map(|i| cov[i * dims + i] / n).sum::<f64>() / dims as f64;
        for i in 0..dims {
            for j in 0..=i {
                let ridge = if i == j { 0.02 * trace + 1e-9 } else { 0.0 };
                cov[i * dims + j] = 0.98 * cov[i * dims + j] / n + ridge;
            }
        }
        let means = means
            .into_iter()
            .zip(&counts)
            .filter(|(_, c)| **c > 0)
            .map(|(m, _)| m)
            .collect();
        let whiten = invert_lower(&cholesky(cov, dims)?, dims);
        Ok(Self {
            seed,
            dims,
            means,
            whiten,
            threshold: f32::MAX,
            gate: Vec::new(),
            gate_threshold: f32::MAX,
        })
    }

    /// Whether the parts fit each other; a model file comes from outside.
    pub(super) fn check(&self) -> Result<(), String> {
        let factor = (self.dims <= 4_096).then(|| self.dims * (self.dims + 1) / 2);
        let means = self.means.iter().all(|m| m.len() == self.dims);
        if factor != Some(self.whiten.len()) || self.means.is_empty() || !means {
            return Err("the statistics that refuse other images do not fit each other".into());
        }
        Ok(())
    }

    /// Distance of one image's pooled features.
    pub fn distance(&self, features: &[f32]) -> Distance {
        let x = Self::project(self.seed, self.dims, features);
        let squared = |mean: &[f32]| {
            let d: Vec<f32> = x.iter().zip(mean).map(|(a, b)| a - b).collect();
            let mut at = 0;
            let mut sum = 0.0;
            for i in 0..self.dims {
                let row = &self.whiten[at..=at + i];
                let v: f32 = row.iter().zip(&d).map(|(w, d)| w * d).sum();
                sum += v * v;
                at += i + 1;
            }
            sum
        };
        let nearest = self
            .means
            .iter()
            .map(|m| squared(m))
            .fold(f32::INFINITY, f32::min);
        let gate = match self.gate.split_last() {
            Some((bias, weights)) => {
                bias + weights
                    .iter()
                    .zip(features)
                    .map(|(w, f)| w * f)
                    .sum::<f32>()
            }
            None => f32::NEG_INFINITY,
        };
        Distance {
            distance: (nearest / self.dims as f32).sqrt(),
            gate,
        }
    }

    /// Whether an image at this distance is refused.
    pub fn refuses(&self, d: Distance) -> bool {
        d.distance.is_nan() || d.distance > self.threshold || d.gate > self.gate_threshold
    }

    /// Fits the gate: logistic regression of "another kind of image" on the pooled features.
    pub fn fit_gate(&mut self, known: &[f32], other: &[f32], width: usize) {
        let rows: Vec<(&[f32], f32)> = known
            .chunks_exact(width)
            .map(|f| (f, 0.0))
            .chain(other.chunks_exact(width).map(|f| (f, 1.0)))
            .collect();
        let share = |y: f32| {
            rows.len() as f32 / (2.0 * rows.iter().filter(|r| r.1 == y).count().max(1) as f32)
        };
        let weight = [share(0.0), share(1.0)];
        let mut w = vec![0.0f32; width + 1];
        let (mut m, mut v) = (vec![0.0f32; width + 1], vec![0.0f32; width + 1]);
        for step in 1..=300 {
            let mut g: Vec<f32> = w.iter().map(|w| w * 1e-3).collect();
            for (f, y) in &rows {
                let z = w[width] + w.iter().zip(*f).map(|(w, f)| w * f).sum::<f32>();
                let e = (1.0 / (1.0 + (-z).exp()) - y) * weight[*y as usize] / rows.len() as f32;
                g.iter_mut().zip(*f).for_each(|(g, f)| *g += e * f);
                g[width] += e;
            }
            let (c1, c2) = (1.0 - 0.9f32.powi(step), 1.0 - 0.999f32.powi(step));
            for (((w, g), m), v) in w.iter_mut().zip(&g).zip(&mut m).zip(&mut v) {
                *m = 0.9 * *m + 0.1 * g;
                *v = 0.999 * *v + 0.001 * g * g;
                *w -= 0.02 * (*m / c1) / ((*v / c2).sqrt() + 1e-8);
            }
        }
        self.gate = w;
        self.gate_threshold = 0.0;
    }
}

/// Lower Cholesky factor of a symmetric matrix given by its lower half.
fn cholesky(mut a: Vec<f64>, n: usize) -> Result<Vec<f64>, Error> {
    for i in 0..n {
        for j in 0..=i {
            let mut sum = a[i * n + j];
            for k in 0..j {
                sum -= a[i * n + k] * a[j * n + k];
            }
            if i == j {
                if sum.is_nan() || sum <= 0.0 {
                    return Err(Error::Training(
                        "the features of the training images are degenerate".into(),
                    ));
                }
                a[i * n + i] = sum.sqrt();
            } else {
                a[i * n + j] = sum / a[j * n + j];
            }
        }
    }
    Ok(a)
}

/// Inverse of a lower triangular matrix, packed row by row.
fn invert_lower(l: &[f64], n: usize) -> Vec<f32> {
    let mut inverse = vec![0.0f64; n * n];
    for col in 0..n {
        inverse[col * n + col] = 1.0 / l[col * n + col];
        for row in col + 1..n {
            let sum: f64 = (col..row)
                .map(|k| l[row * n + k] * inverse[k * n + col])
                .sum();
            inverse[row * n + col] = -sum / l[row * n + row];
        }
    }
    (0..n)
        .flat_map(|r| (0..=r).map(move |c| (r, c)))
        .map(|(r, c)| inverse[r * n + c] as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(seed: u64, n: usize, width: usize, centre: f32) -> Vec<f32> {
        let mut rng = Rng::new(seed);
        (0..n * width)
            .map(|i| centre * (i % 3) as f32 + rng.normal())
            .collect()
    }

    #[test]
    fn far_clouds_are_refused_and_near_ones_are_not() {
        let (width, dims) = (96, 32);
        let known = cloud(1, 400, width, 1.0);
        let labels: Vec<usize> = (0..400).map(|i| i % 2).collect();
        let mut stats = OodStats::fit(&known, width, &labels, 2, dims, 9).unwrap();
        stats.threshold = 1.6;
        let refused = |data: &[f32]| {
            data.chunks(width)
                .filter(|f| stats.refuses(stats.distance(f)))
                .count()
        };
        assert!(refused(&cloud(2, 100, width, 1.0)) <= 3);
        assert!(refused(&cloud(3, 100, width, -4.0)) >= 97);
        assert!(stats.refuses(stats.distance(&vec![f32::NAN; width])));
    }

    #[test]
    fn the_gate_tells_two_clouds_apart() {
        let width = 16;
        let (a, b) = (cloud(1, 100, width, 0.5), cloud(2, 100, width, -0.5));
        let labels = vec![0; 100];
        let mut stats = OodStats::fit(&a, width, &labels, 1, 8, 9).unwrap();
        stats.fit_gate(&a, &b, width);
        let other = |data: &[f32]| {
            data.chunks(width)
                .filter(|f| stats.distance(f).gate > 0.0)
                .count()
        };
        assert!(other(&a) < 10 && other(&b) > 90);
    }
}
