//! Where weights lie in the vector, and how they are turned from PyTorch's order and back.

use crate::error::Error;
use crate::model::graph::not_finite;
use crate::model::weights::{Array, Arrays};

/// A part of the weight vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its name in weights files.
    pub name: String,
    /// Where it starts.
    pub offset: usize,
    /// Its shape in weights files (PyTorch's order).
    pub shape: Vec<usize>,
    /// Stage of the network (see [`Graph::stages`](crate::model::Graph::stages)).
    pub stage: usize,
    /// Whether weight decay applies: kernels and matrices, not biases.
    pub decays: bool,
    /// Whether gradients change it: not the running statistics of a normalisation.
    pub trained: bool,
}

impl Segment {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it is empty (it never is).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values' places.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

/// Kernels `[out, in, k, k]` to `[k, k, in, out]`, matrices `[out, in]` to `[in, out]`; for a
/// depthwise kernel (`in` = 1) that is `[k, k, channels]`.
pub(super) fn lay_out(
    weights: &dyn Arrays,
    name: &str,
    shape: &[usize],
    parameters: &mut Vec<f32>,
) -> Result<(), Error> {
    let (outer, inner, area) = dims(shape);
    let start = parameters.len();
    parameters.resize(start + outer * inner * area, 0.0);
    let out = &mut parameters[start..];
    let mut finite = true;
    weights.read(name, &mut |first, values| {
        let (mut o, mut i, mut k) = (first / (inner * area), first / area % inner, first % area);
        for value in values {
            finite &= value.is_finite();
            out[(k * inner + i) * outer + o] = *value;
            k += 1;
            if k == area {
                (k, i) = (0, i + 1);
            }
            if i == inner {
                (i, o) = (0, o + 1);
            }
        }
    })?;
    if finite {
        Ok(())
    } else {
        Err(not_finite(name))
    }
}

pub(super) fn from_native(data: &[f32], shape: &[usize]) -> Array {
    let (outer, inner, area) = dims(shape);
    let mut out = vec![0.0; data.len()];
    for o in 0..outer {
        for i in 0..inner {
            for k in 0..area {
                out[(o * inner + i) * area + k] = data[(k * inner + i) * outer + o];
            }
        }
    }
    Array::new(shape.to_vec(), out)
}

fn dims(shape: &[usize]) -> (usize, usize, usize) {
    match *shape {
        [o, i, a, b] => (o, i, a * b),
        [o, i] => (o, i, 1),
        _ => (shape.iter().product(), 1, 1),
    }
}
