//! Poolings, forward and backward.

use super::Step;
use super::workspace::{Value, Workspace};
use crate::model::kernels;

/// Maximum over windows.
pub(super) fn max_pool(step: &Step, x: &Value, ws: &mut Workspace) -> Value {
    let win = step.window(x);
    let (h, w) = win.output;
    let mut y = ws.take(ws.n * h * w * x.c);
    let images = x.data.chunks_exact(x.each());
    for (x_, y) in images.zip(y.chunks_exact_mut(h * w * x.c)) {
        kernels::max_pool(x_, y, x.c, win);
    }
    Value {
        data: y,
        h,
        w,
        c: x.c,
    }
}

/// Gradient of [`max_pool`], whose result was `y`.
pub(super) fn max_pool_gradient(
    step: &Step,
    x: &Value,
    y: &Value,
    dy: &[f32],
    ws: &mut Workspace,
) -> Vec<f32> {
    let win = step.window(x);
    let mut dx = ws.zeros(x.data.len());
    let (inner, outer) = (x.each(), y.each());
    for k in 0..ws.n {
        kernels::max_pool_gradient(
            &x.data[k * inner..][..inner],
            &y.data[k * outer..][..outer],
            &dy[k * outer..][..outer],
            &mut dx[k * inner..][..inner],
            x.c,
            win,
        );
    }
    dx
}

/// Mean over all places.
pub(super) fn global(x: &Value, ws: &mut Workspace) -> Value {
    let mut y = ws.zeros(ws.n * x.c);
    let images = x.data.chunks_exact(x.each());
    for (a, b) in images.zip(y.chunks_exact_mut(x.c)) {
        kernels::column_sums(b, a);
        b.iter_mut().for_each(|v| *v /= x.area() as f32);
    }
    Value::row(y, x.c)
}

/// Gradient of [`global`].
pub(super) fn global_gradient(x: &Value, dy: &[f32], ws: &mut Workspace) -> Vec<f32> {
    let mut dx = ws.take(x.data.len());
    let images = dx.chunks_exact_mut(x.each());
    for (dx, dy) in images.zip(dy.chunks_exact(x.c)) {
        for row in dx.chunks_exact_mut(x.c) {
            let places = x.area() as f32;
            row.iter_mut().zip(dy).for_each(|(r, d)| *r = d / places);
        }
    }
    dx
}

/// `(1/r) log mean exp(r x)` over all places.
pub(super) fn soft(r: f32, x: &Value, ws: &mut Workspace) -> Value {
    let mut y = ws.take(ws.n * x.c);
    let images = x.data.chunks_exact(x.each());
    for (a, b) in images.zip(y.chunks_exact_mut(x.c)) {
        for (c, out) in b.iter_mut().enumerate() {
            *out = soft_maximum(a.iter().skip(c).step_by(x.c), r, x.area());
        }
    }
    Value::row(y, x.c)
}

/// Gradient of [`soft`], whose result was `y`.
pub(super) fn soft_gradient(
    r: f32,
    x: &Value,
    y: &Value,
    dy: &[f32],
    ws: &mut Workspace,
) -> Vec<f32> {
    let places = x.area();
    let mut dx = ws.take(x.data.len());
    for (k, row) in dx.chunks_exact_mut(x.c).enumerate() {
        let image = k / places;
        for (c, out) in row.iter_mut().enumerate() {
            let at = image * x.c + c;
            *out = dy[at] * (r * (x.data[k * x.c + c] - y.data[at])).exp() / places as f32;
        }
    }
    dx
}

/// Computed from the maximum, so that nothing overflows.
fn soft_maximum<'a>(values: impl Iterator<Item = &'a f32> + Clone, r: f32, count: usize) -> f32 {
    let top = values.clone().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let sum: f32 = values.map(|&v| (r * (v - top)).exp()).sum();
    top + (sum / count as f32).ln() / r
}

/// The bins of one axis; their edges are those of PyTorch's adaptive pooling.
fn bins(side: usize, length: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..side).map(move |b| b * length / side..((b + 1) * length).div_ceil(side))
}

/// Average over a grid of `side` x `side` bins.
pub(super) fn adaptive(side: usize, x: &Value, ws: &mut Workspace) -> Value {
    let mut y = ws.zeros(ws.n * side * side * x.c);
    let mut out = y.chunks_exact_mut(x.c);
    for image in x.data.chunks_exact(x.each()) {
        for rows in bins(side, x.h) {
            for (columns, out) in bins(side, x.w).zip(&mut out) {
                for iy in rows.clone() {
                    let start = (iy * x.w + columns.start) * x.c;
                    kernels::column_sums(out, &image[start..][..columns.len() * x.c]);
                }
                let count = (rows.len() * columns.len()) as f32;
                out.iter_mut().for_each(|v| *v /= count);
            }
        }
    }
    Value {
        data: y,
        h: side,
        w: side,
        c: x.c,
    }
}

/// Gradient of [`adaptive`]: each bin's goes to its places in equal parts.
pub(super) fn adaptive_gradient(
    side: usize,
    x: &Value,
    dy: &[f32],
    ws: &mut Workspace,
) -> Vec<f32> {
    let mut dx = ws.zeros(x.data.len());
    let mut from = dy.chunks_exact(x.c);
    for image in dx.chunks_exact_mut(x.each()) {
        for rows in bins(side, x.h) {
            for (columns, from) in bins(side, x.w).zip(&mut from) {
                let share = 1.0 / (rows.len() * columns.len()) as f32;
                for iy in rows.clone() {
                    let start = (iy * x.w + columns.start) * x.c;
                    for to in image[start..][..columns.len() * x.c].chunks_exact_mut(x.c) {
                        to.iter_mut().zip(from).for_each(|(t, f)| *t += f * share);
                    }
                }
            }
        }
    }
    dx
}
