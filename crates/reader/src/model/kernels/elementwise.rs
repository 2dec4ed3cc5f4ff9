//! What is done to each value: biases, activations, sums.

use rayon::prelude::*;

use super::simd::{Kernel, wide};

/// What follows a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
}

struct BiasActivation<'a> {
    y: &'a mut [f32],
    bias: &'a [f32],
    act: Activation,
}

impl Kernel for BiasActivation<'_> {
    #[inline(always)]
    fn run(self) {
        for row in self.y.chunks_exact_mut(self.bias.len()) {
            match self.act {
                Activation::None => row.iter_mut().zip(self.bias).for_each(|(y, b)| *y += b),
                Activation::Relu => {
                    row.iter_mut()
                        .zip(self.bias)
                        .for_each(|(y, b)| *y = (*y + b).max(0.0));
                }
                // `max` and `min` are an instruction each; `clamp` compares and blends.
                #[allow(clippy::manual_clamp)]
                Activation::Relu6 => row
                    .iter_mut()
                    .zip(self.bias)
                    .for_each(|(y, b)| *y = (*y + b).max(0.0).min(6.0)),
            }
        }
    }
}

/// Adds the bias of each channel and applies the activation.
pub fn bias_activation(y: &mut [f32], bias: &[f32], act: Activation, parallel: bool) {
    let c = bias.len();
    if parallel && y.len() > 1 << 16 {
        let part = (y.len() / c).div_ceil(16) * c;
        y.par_chunks_mut(part)
            .for_each(|y| wide(BiasActivation { y, bias, act }));
    } else {
        wide(BiasActivation { y, bias, act });
    }
}

struct ActivationGradient<'a> {
    dy: &'a mut [f32],
    y: &'a [f32],
    act: Activation,
}

impl Kernel for ActivationGradient<'_> {
    #[inline(always)]
    fn run(self) {
        let pairs = self.dy.iter_mut().zip(self.y);
        match self.act {
            Activation::None => {}
            Activation::Relu => pairs.for_each(|(d, y)| *d = if *y > 0.0 { *d } else { 0.0 }),
            Activation::Relu6 => {
                pairs.for_each(|(d, y)| *d = if *y > 0.0 && *y < 6.0 { *d } else { 0.0 });
            }
        }
    }
}

/// Sets the gradient to zero where the activation was flat.
pub fn activation_gradient(dy: &mut [f32], y: &[f32], act: Activation) {
    wide(ActivationGradient { dy, y, act });
}

struct ColumnSums<'a> {
    sums: &'a mut [f32],
    dy: &'a [f32],
}

impl Kernel for ColumnSums<'_> {
    #[inline(always)]
    fn run(self) {
        for row in self.dy.chunks_exact(self.sums.len()) {
            self.sums.iter_mut().zip(row).for_each(|(s, d)| *s += d);
        }
    }
}

/// `sums[c] += sum over rows of dy[., c]`.
pub fn column_sums(sums: &mut [f32], dy: &[f32]) {
    wide(ColumnSums { sums, dy });
}

struct Activate<'a> {
    y: &'a mut [f32],
    act: Activation,
}

impl Kernel for Activate<'_> {
    #[inline(always)]
    #[allow(clippy::manual_clamp)] // as above
    fn run(self) {
        let values = self.y.iter_mut();
        match self.act {
            Activation::None => {}
            Activation::Relu => values.for_each(|v| *v = v.max(0.0)),
            Activation::Relu6 => values.for_each(|v| *v = v.max(0.0).min(6.0)),
        }
    }
}

/// Applies an activation.
pub fn activate(y: &mut [f32], act: Activation) {
    wide(Activate { y, act });
}

struct Add<'a> {
    y: &'a mut [f32],
    a: &'a [f32],
    b: &'a [f32],
    act: Activation,
}

impl Kernel for Add<'_> {
    #[inline(always)]
    #[allow(clippy::manual_clamp)] // as above
    fn run(self) {
        let rows = self.y.iter_mut().zip(self.a).zip(self.b);
        match self.act {
            Activation::None => rows.for_each(|((y, a), b)| *y = a + b),
            Activation::Relu => rows.for_each(|((y, a), b)| *y = (a + b).max(0.0)),
            Activation::Relu6 => rows.for_each(|((y, a), b)| *y = (a + b).max(0.0).min(6.0)),
        }
    }
}

/// `y = a + b`, with an activation.
pub fn add(y: &mut [f32], a: &[f32], b: &[f32], act: Activation) {
    wide(Add { y, a, b, act });
}

struct AddTo<'a> {
    a: &'a mut [f32],
    b: &'a [f32],
}

impl Kernel for AddTo<'_> {
    #[inline(always)]
    fn run(self) {
        self.a.iter_mut().zip(self.b).for_each(|(a, b)| *a += b);
    }
}

/// `a += b`.
pub fn add_to(a: &mut [f32], b: &[f32]) {
    wide(AddTo { a, b });
}
