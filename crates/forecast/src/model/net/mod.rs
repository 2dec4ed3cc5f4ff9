//! Neural networks, small enough to be trained and run in plain Rust.
//!
//! Samples travel in groups of [`LANES`], one array per unit, so that every inner loop runs over
//! neighbouring numbers. Everything runs on one thread in a fixed order: the same data and seed give
//! the same weights, bit for bit.

mod mlp;
mod paper;

pub use mlp::Network;
pub use paper::{PARAMETERS as PAPER_PARAMETERS, Paper, PaperSettings};

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::features::count;

/// Samples that travel together.
pub(crate) const LANES: usize = 32;

/// One unit's value for each sample of a group.
pub(crate) type Lane = [f32; LANES];

/// A generator that gives the same numbers everywhere.
pub(crate) fn generator(seed: u64) -> Pcg64Mcg {
    Pcg64Mcg::new(u128::from(seed) ^ 0x7374_656c_6500_0000)
}

/// Weights from the uniform distribution of Glorot and Bengio (2010).
pub(crate) fn glorot(rng: &mut Pcg64Mcg, weights: &mut [f32], inputs: usize, outputs: usize) {
    let limit = narrow((6.0 / count(inputs + outputs)).sqrt());
    for weight in weights {
        *weight = rng.random_range(-limit..limit);
    }
}

/// Numbers of a network need no more than single precision.
#[allow(
    clippy::cast_possible_truncation,
    reason = "networks compute in single precision"
)]
pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}

/// `y = W x + b`, `W` row by row.
pub(crate) fn affine(weights: &[f32], bias: Option<&[f32]>, x: &[Lane], y: &mut [Lane]) {
    for (j, (row, y)) in weights.chunks_exact(x.len()).zip(y.iter_mut()).enumerate() {
        if let Some(bias) = bias {
            *y = [bias[j]; LANES];
        }
        for (weight, x) in row.iter().zip(x) {
            for (y, x) in y.iter_mut().zip(x) {
                *y += weight * x;
            }
        }
    }
}

/// The gradients of [`affine`], added to what is there.
pub(crate) fn affine_back(
    weights: &[f32],
    x: &[Lane],
    dy: &[Lane],
    dweights: &mut [f32],
    dbias: Option<&mut [f32]>,
    dx: Option<&mut [Lane]>,
) {
    for (dy, drow) in dy.iter().zip(dweights.chunks_exact_mut(x.len())) {
        for (dweight, x) in drow.iter_mut().zip(x) {
            *dweight += dot(dy, x);
        }
    }
    if let Some(dbias) = dbias {
        for (dbias, dy) in dbias.iter_mut().zip(dy) {
            *dbias += dy.iter().sum::<f32>();
        }
    }
    if let Some(dx) = dx {
        for (dy, row) in dy.iter().zip(weights.chunks_exact(x.len())) {
            for (weight, dx) in row.iter().zip(dx.iter_mut()) {
                for (dx, dy) in dx.iter_mut().zip(dy) {
                    *dx += weight * dy;
                }
            }
        }
    }
}

/// Hyperbolic tangent to within 1e-6: the continued fraction of Lambert (1768) on half the
/// argument, doubled. Only exact operations, so that every machine gets the same bits, and no
/// branches, so that neighbouring numbers share a vector register.
pub(crate) fn tanh(x: f32) -> f32 {
    let x = (x * 0.5).clamp(-4.6, 4.6);
    let s = x * x;
    let above = x * (135_135.0 + s * (17_325.0 + s * (378.0 + s)));
    let below = 135_135.0 + s * (62_370.0 + s * (3_150.0 + s * 28.0));
    // 2t / (1 + t²) with t = above / below.
    2.0 * above * below / (below * below + above * above)
}

/// The logistic function, by [`tanh`].
pub(crate) fn sigmoid(x: f32) -> f32 {
    0.5 + 0.5 * tanh(0.5 * x)
}

/// Eight partial sums, so that the compiler may use vector registers without changing the order
/// of additions between two builds.
fn dot(a: &Lane, b: &Lane) -> f32 {
    let mut partial = [0.0f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for ((sum, a), b) in partial.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    partial.iter().sum()
}

/// Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019).
pub(crate) struct Adam {
    rate: f32,
    decay: f32,
    step: i32,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Adam {
    pub(crate) fn new(parameters: usize, rate: f32, decay: f32) -> Self {
        Self {
            rate,
            decay,
            step: 0,
            first: vec![0.0; parameters],
            second: vec![0.0; parameters],
        }
    }

    /// One step along `gradient`, which is then cleared. Its norm is limited to 1.
    pub(crate) fn step(&mut self, weights: &mut [f32], gradient: &mut [f32], factor: f32) {
        self.step += 1;
        let norm = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
        let limit = 1.0 / norm.max(1.0);
        let (c1, c2) = (1.0 - 0.9f32.powi(self.step), 1.0 - 0.999f32.powi(self.step));
        let rate = self.rate * factor;
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((weight, gradient), (first, second)) in weights.iter_mut().zip(gradient).zip(moments) {
            let g = *gradient * limit;
            *gradient = 0.0;
            *first += 0.1 * (g - *first);
            *second += 0.001 * (g * g - *second);
            *weight -= rate * (*first / c1 / ((*second / c2).sqrt() + 1e-8) + self.decay * *weight);
        }
    }
}

/// Shuffle in place (Fisher and Yates).
pub(crate) fn shuffle<T>(rng: &mut Pcg64Mcg, items: &mut [T]) {
    for at in (1..items.len()).rev() {
        items.swap(at, rng.random_range(0..=at));
    }
}

/// Half a cosine from 1 to 0 over `total` steps.
pub(crate) fn cosine(step: usize, total: usize) -> f32 {
    narrow((1.0 + (std::f64::consts::PI * count(step) / count(total.max(1))).cos()) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_is_close_to_the_true_one_everywhere() {
        for step in -4_000..=4_000i16 {
            let x = f32::from(step) * 0.005;
            assert!(
                (f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 1e-6,
                "{x}"
            );
            let logistic = 1.0 / (1.0 + (-f64::from(x)).exp());
            assert!((f64::from(sigmoid(x)) - logistic).abs() < 1e-6, "{x}");
        }
    }
}
