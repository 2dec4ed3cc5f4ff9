//! What moves values without computing: doubling, joining, flattening; and dropout.

use super::workspace::{Value, Workspace};
use crate::model::kernels;
use crate::rng::Rng;

/// Each place doubled along both axes.
pub(super) fn upsample2(x: &Value, ws: &mut Workspace) -> Value {
    let mut y = ws.take(x.data.len() * 4);
    let line = x.w * x.c;
    for (row, out) in x.data.chunks_exact(line).zip(y.chunks_exact_mut(line * 4)) {
        let (first, second) = out.split_at_mut(line * 2);
        for (p, q) in row.chunks_exact(x.c).zip(first.chunks_exact_mut(2 * x.c)) {
            q[..x.c].copy_from_slice(p);
            q[x.c..].copy_from_slice(p);
        }
        second.copy_from_slice(first);
    }
    Value {
        data: y,
        h: x.h * 2,
        w: x.w * 2,
        c: x.c,
    }
}

/// Gradient of [`upsample2`].
pub(super) fn upsample2_gradient(x: &Value, dy: &[f32], ws: &mut Workspace) -> Vec<f32> {
    let mut dx = ws.zeros(x.data.len());
    let line = x.w * x.c;
    for (row, pair) in dx.chunks_exact_mut(line).zip(dy.chunks_exact(line * 4)) {
        for line in pair.chunks_exact(line * 2) {
            for (out, two) in row.chunks_exact_mut(x.c).zip(line.chunks_exact(2 * x.c)) {
                kernels::add_to(out, &two[..x.c]);
                kernels::add_to(out, &two[x.c..]);
            }
        }
    }
    dx
}

/// `[n, a]` and `[n, b]` side by side.
pub(super) fn concat(x: &Value, other: &Value, mut y: Vec<f32>) -> Value {
    let (a, b) = (x.c, other.c);
    let rows = x.data.chunks_exact(a).zip(other.data.chunks_exact(b));
    for (out, (first, second)) in y.chunks_exact_mut(a + b).zip(rows) {
        out[..a].copy_from_slice(first);
        out[a..].copy_from_slice(second);
    }
    Value::row(y, a + b)
}

/// Gradients of [`concat`] with respect to both, the first of `a` values an image.
pub(super) fn concat_gradient(
    a: usize,
    c: usize,
    dy: &[f32],
    ws: &mut Workspace,
) -> (Vec<f32>, Vec<f32>) {
    let (mut first, mut second) = (ws.take(ws.n * a), ws.take(ws.n * (c - a)));
    let parts = first
        .chunks_exact_mut(a)
        .zip(second.chunks_exact_mut(c - a));
    for ((first, second), row) in parts.zip(dy.chunks_exact(c)) {
        first.copy_from_slice(&row[..a]);
        second.copy_from_slice(&row[a..]);
    }
    (first, second)
}

/// Channels first, as PyTorch flattens.
pub(super) fn flatten(x: &Value, ws: &mut Workspace) -> Value {
    let area = x.area();
    let mut y = ws.take(x.data.len());
    let images = x.data.chunks_exact(x.each());
    for (from, to) in images.zip(y.chunks_exact_mut(x.each())) {
        for (p, row) in from.chunks_exact(x.c).enumerate() {
            for (c, v) in row.iter().enumerate() {
                to[c * area + p] = *v;
            }
        }
    }
    Value::row(y, x.each())
}

/// Gradient of [`flatten`].
pub(super) fn flatten_gradient(x: &Value, dy: &[f32], ws: &mut Workspace) -> Vec<f32> {
    let area = x.area();
    let mut dx = ws.take(dy.len());
    let images = dx.chunks_exact_mut(x.each());
    for (to, from) in images.zip(dy.chunks_exact(x.each())) {
        for (p, row) in to.chunks_exact_mut(x.c).enumerate() {
            row.iter_mut()
                .enumerate()
                .for_each(|(c, v)| *v = from[c * area + p]);
        }
    }
    dx
}

/// Random zeros, the rest grown so that the mean stays; gives the factors.
pub(super) fn dropout(y: &mut [f32], rate: f32, mut rng: Rng) -> Vec<f32> {
    let keep = 1.0 / (1.0 - rate);
    let mask: Vec<f32> = (0..y.len())
        .map(|_| if rng.unit() < rate { 0.0 } else { keep })
        .collect();
    multiply(y, &mask);
    mask
}

/// `a *= b`.
pub(super) fn multiply(a: &mut [f32], b: &[f32]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a *= b);
}
