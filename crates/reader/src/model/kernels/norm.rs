//! Batch normalisation (Ioffe & Szegedy 2015): moments, the normalisation, and its gradient.
//!
//! Sums run in 32-bit floats over a block of rows that stays in the cache, and in 64-bit floats from
//! block to block, so that a long batch loses no digits.

use super::elementwise::Activation;
use super::simd::{Kernel, wide};

/// Values of a block.
const BLOCK: usize = 1 << 15;

/// Values of a block of whole rows of `c` channels.
fn block(c: usize) -> usize {
    (BLOCK / c).max(1) * c
}

/// Count, mean and sum of squared deviations of each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Number of values a channel.
    pub count: f64,
    /// Mean of each channel.
    pub mean: Vec<f64>,
    /// Sum of the squared deviations from the mean, of each channel.
    pub squares: Vec<f64>,
}

impl Moments {
    /// Of nothing.
    pub fn new(c: usize) -> Self {
        Self {
            count: 0.0,
            mean: vec![0.0; c],
            squares: vec![0.0; c],
        }
    }

    /// Of rows of `c` channels.
    pub fn of(x: &[f32], c: usize) -> Self {
        let mut all = Self::new(c);
        let (mut mean, mut squares) = (vec![0.0f32; c], vec![0.0f32; c]);
        for x in x.chunks(block(c)) {
            wide(BlockMoments {
                x,
                mean: &mut mean,
                squares: &mut squares,
            });
            let wide = |v: &f32| f64::from(*v);
            all.merge(
                (x.len() / c) as f64,
                mean.iter().map(wide),
                squares.iter().map(wide),
            );
        }
        all
    }

    /// Joins those of other values (Chan, Golub & LeVeque 1979).
    pub fn merge(
        &mut self,
        count: f64,
        mean: impl Iterator<Item = f64>,
        squares: impl Iterator<Item = f64>,
    ) {
        let total = self.count + count;
        if total == 0.0 {
            return;
        }
        let (share, between) = (count / total, self.count * count / total);
        let own = self.mean.iter_mut().zip(&mut self.squares);
        for (((m, s), other), more) in own.zip(mean).zip(squares) {
            let distance = other - *m;
            *m += distance * share;
            *s += more + distance * distance * between;
        }
        self.count = total;
    }
}

struct BlockMoments<'a> {
    x: &'a [f32],
    mean: &'a mut [f32],
    squares: &'a mut [f32],
}

impl Kernel for BlockMoments<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { x, mean, squares } = self;
        let c = mean.len();
        mean.fill(0.0);
        for row in x.chunks_exact(c) {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += x);
        }
        let share = c as f32 / x.len() as f32;
        mean.iter_mut().for_each(|m| *m *= share);
        squares.fill(0.0);
        for row in x.chunks_exact(c) {
            for ((s, m), x) in squares.iter_mut().zip(&*mean).zip(row) {
                let d = x - m;
                *s = d.mul_add(d, *s);
            }
        }
    }
}

/// A normalisation as two numbers a channel: `y = act(x scale + shift)`, or with another map added
/// before the activation.
#[derive(Debug, Clone, Copy)]
pub struct Normalisation<'a> {
    /// gamma / sqrt(variance + eps).
    pub scale: &'a [f32],
    /// beta - mean scale.
    pub shift: &'a [f32],
    /// What follows.
    pub act: Activation,
}

struct Normalise<'a> {
    x: &'a [f32],
    side: Option<&'a [f32]>,
    y: &'a mut [f32],
    how: Normalisation<'a>,
}

impl Kernel for Normalise<'_> {
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // the plainest form is the one that vectorises
    fn run(self) {
        let Self { x, side, y, how } = self;
        let c = how.scale.len();
        let (scale, shift) = (&how.scale[..c], &how.shift[..c]);
        let rows = y.chunks_exact_mut(c).zip(x.chunks_exact(c));
        match side {
            None => {
                for (y, x) in rows {
                    let (y, x) = (&mut y[..c], &x[..c]);
                    for i in 0..c {
                        y[i] = bounded(x[i].mul_add(scale[i], shift[i]), how.act);
                    }
                }
            }
            Some(side) => {
                for ((y, x), side) in rows.zip(side.chunks_exact(c)) {
                    let (y, x, side) = (&mut y[..c], &x[..c], &side[..c]);
                    for i in 0..c {
                        y[i] = bounded(x[i].mul_add(scale[i], shift[i]) + side[i], how.act);
                    }
                }
            }
        }
    }
}

/// An activation of one value, without a branch.
#[inline(always)]
#[allow(clippy::manual_clamp)] // `max` and `min` are an instruction each; `clamp` compares and blends
fn bounded(v: f32, act: Activation) -> f32 {
    match act {
        Activation::None => v,
        Activation::Relu => v.max(0.0),
        Activation::Relu6 => v.max(0.0).min(6.0),
    }
}

/// `y = act(x scale + shift + side)`.
pub fn normalise(x: &[f32], side: Option<&[f32]>, y: &mut [f32], how: Normalisation<'_>) {
    wide(Normalise { x, side, y, how });
}

struct NormSums<'a> {
    dy: &'a mut [f32],
    y: &'a [f32],
    x: &'a [f32],
    mean: &'a [f32],
    act: Activation,
    sums: &'a mut [f32],
    products: &'a mut [f32],
}

impl Kernel for NormSums<'_> {
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // the plainest form is the one that vectorises
    fn run(self) {
        let c = self.mean.len();
        let (mean, sums) = (&self.mean[..c], &mut self.sums[..c]);
        let products = &mut self.products[..c];
        sums.fill(0.0);
        products.fill(0.0);
        let top = if self.act == Activation::Relu6 {
            6.0
        } else {
            f32::INFINITY
        };
        let rows = self.dy.chunks_exact_mut(c).zip(self.x.chunks_exact(c));
        if self.act == Activation::None {
            for (dy, x) in rows {
                let (dy, x) = (&dy[..c], &x[..c]);
                for i in 0..c {
                    sums[i] += dy[i];
                    products[i] = dy[i].mul_add(x[i] - mean[i], products[i]);
                }
            }
            return;
        }
        for ((dy, x), y) in rows.zip(self.y.chunks_exact(c)) {
            let (dy, x, y) = (&mut dy[..c], &x[..c], &y[..c]);
            for i in 0..c {
                let flat = y[i] <= 0.0 || y[i] >= top;
                let d = if flat { 0.0 } else { dy[i] };
                dy[i] = d;
                sums[i] += d;
                products[i] = d.mul_add(x[i] - mean[i], products[i]);
            }
        }
    }
}

/// Sets the gradient `dy` to zero where the activation was flat; gives, of each channel, its sum and
/// the sum of its products with `x - mean`.
pub fn norm_sums(
    dy: &mut [f32],
    y: &[f32],
    x: &[f32],
    mean: &[f32],
    act: Activation,
) -> (Vec<f64>, Vec<f64>) {
    let c = mean.len();
    let (mut sums, mut products) = (vec![0.0f32; c], vec![0.0f32; c]);
    let (mut all_sums, mut all_products) = (vec![0.0f64; c], vec![0.0f64; c]);
    let size = block(c);
    for ((dy, y), x) in dy.chunks_mut(size).zip(y.chunks(size)).zip(x.chunks(size)) {
        wide(NormSums {
            dy,
            y,
            x,
            mean,
            act,
            sums: &mut sums,
            products: &mut products,
        });
        let add = |all: &mut [f64], more: &[f32]| {
            all.iter_mut()
                .zip(more)
                .for_each(|(a, m)| *a += f64::from(*m));
        };
        add(&mut all_sums, &sums);
        add(&mut all_products, &products);
    }
    (all_sums, all_products)
}

struct NormGradient<'a> {
    d: &'a mut [f32],
    x: &'a [f32],
    mean: &'a [f32],
    by: [&'a [f32]; 3],
}

impl Kernel for NormGradient<'_> {
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // the plainest form is the one that vectorises
    fn run(self) {
        let c = self.mean.len();
        let mean = &self.mean[..c];
        let [scale, slope, offset] = self.by.map(|v| &v[..c]);
        for (d, x) in self.d.chunks_exact_mut(c).zip(self.x.chunks_exact(c)) {
            let (d, x) = (&mut d[..c], &x[..c]);
            for i in 0..c {
                let rest = slope[i].mul_add(x[i] - mean[i], offset[i]);
                d[i] = d[i].mul_add(scale[i], rest);
            }
        }
    }
}

/// `d = d scale + (x - mean) slope + offset`, with `by` = [scale, slope, offset] of each channel.
pub fn norm_gradient(d: &mut [f32], x: &[f32], mean: &[f32], by: [&[f32]; 3]) {
    wide(NormGradient { d, x, mean, by });
}
