//! Convolutions and linear layers, forward and backward.

use super::Step;
use super::workspace::{Value, Workspace};
use crate::model::kernels::{self, Activation, Matrix};

/// Most floats of an unfolded matrix held at a time.
const UNFOLD: usize = 1 << 20;

/// Adds the bias, if there is one, and applies the activation.
fn finish(y: &mut [f32], bias: Option<&[f32]>, act: Activation, parallel: bool) {
    match bias {
        Some(bias) => kernels::bias_activation(y, bias, act, parallel),
        None if act != Activation::None => kernels::activate(y, act),
        None => {}
    }
}

/// A 1 x 1 convolution or a linear layer: one matrix product.
pub(super) fn pointwise(
    step: &Step,
    x: &Value,
    (weight, bias): (&[f32], Option<&[f32]>),
    parallel: bool,
    ws: &mut Workspace,
) -> Value {
    let (cin, cout) = step.channels;
    let rows = x.data.len() / cin;
    let mut y = ws.take(rows * cout);
    kernels::product(
        &mut y,
        Matrix::new(&x.data, rows, cin),
        Matrix::new(weight, cin, cout),
        false,
        parallel,
    );
    finish(&mut y, bias, step.act, parallel);
    Value {
        data: y,
        c: cout,
        ..*x
    }
}

/// A depthwise convolution.
pub(super) fn depthwise(
    step: &Step,
    x: &Value,
    (weight, bias): (&[f32], Option<&[f32]>),
    parallel: bool,
    ws: &mut Workspace,
) -> Value {
    let c = step.channels.1;
    let win = step.window(x);
    let (h, w) = win.output;
    let mut y = ws.take(ws.n * h * w * c);
    let images = x.data.chunks_exact(x.each());
    for (x, y) in images.zip(y.chunks_exact_mut(h * w * c)) {
        kernels::depthwise(x, weight, y, c, win, parallel);
    }
    finish(&mut y, bias, step.act, parallel);
    Value { data: y, h, w, c }
}

/// Any other convolution: windows laid out as the rows of a matrix, some at a time, and a product.
pub(super) fn dense(
    step: &Step,
    x: &Value,
    (weight, bias): (&[f32], Option<&[f32]>),
    parallel: bool,
    ws: &mut Workspace,
) -> Value {
    let (cin, cout) = step.channels;
    let win = step.window(x);
    let (oh, ow) = win.output;
    let depth = win.kernel * win.kernel * cin;
    let rows = (UNFOLD / (depth * ow)).clamp(1, oh);
    let mut y = ws.take(ws.n * oh * ow * cout);
    let mut cols = ws.take(rows * ow * depth);
    let images = x.data.chunks_exact(x.each());
    for (x, y) in images.zip(y.chunks_exact_mut(oh * ow * cout)) {
        for (j, y) in y.chunks_mut(rows * ow * cout).enumerate() {
            let m = y.len() / cout;
            kernels::unfold(x, &mut cols[..m * depth], cin, win, j * rows..oh);
            kernels::product(
                y,
                Matrix::new(&cols, m, depth),
                Matrix::new(weight, depth, cout),
                false,
                parallel,
            );
        }
    }
    ws.give(cols);
    finish(&mut y, bias, step.act, parallel);
    Value {
        data: y,
        h: oh,
        w: ow,
        c: cout,
    }
}

/// What a backward step of a convolution reads: its weight, its input, and the gradient of its output.
#[derive(Clone, Copy)]
pub(super) struct Back<'a> {
    pub(super) step: &'a Step,
    pub(super) weight: &'a [f32],
    pub(super) x: &'a Value,
    pub(super) dy: &'a [f32],
}

/// Gradients of [`pointwise`]: adds to that of the weight; that of the input is added to `sum` (which
/// may be empty), where it is wanted.
pub(super) fn pointwise_gradient(
    back: Back<'_>,
    d_weight: Option<&mut [f32]>,
    sum: Option<Vec<f32>>,
    ws: &mut Workspace,
) -> Option<Vec<f32>> {
    let (cin, cout) = back.step.channels;
    let rows = back.dy.len() / cout;
    let dy = Matrix::new(back.dy, rows, cout);
    if let Some(d) = d_weight {
        kernels::product(d, Matrix::new(&back.x.data, rows, cin).t(), dy, true, false);
    }
    let mut dx = sum?;
    let add = !dx.is_empty();
    if !add {
        dx = ws.take(rows * cin);
    }
    let weight = Matrix::new(back.weight, cin, cout).t();
    kernels::product(&mut dx, dy, weight, add, false);
    Some(dx)
}

/// Gradients of [`depthwise`]: adds to that of the weight; gives that of the input where it is wanted.
pub(super) fn depthwise_gradient(
    back: Back<'_>,
    d_weight: Option<&mut [f32]>,
    wanted: bool,
    ws: &mut Workspace,
) -> Option<Vec<f32>> {
    let (c, x) = (back.step.channels.1, back.x);
    let win = back.step.window(x);
    let (inner, outer) = (x.each(), win.output.0 * win.output.1 * c);
    if let Some(d) = d_weight {
        let images = x.data.chunks_exact(inner);
        for (x, dy) in images.zip(back.dy.chunks_exact(outer)) {
            kernels::depthwise_kernel_gradient(x, dy, d, c, win);
        }
    }
    if !wanted {
        return None;
    }
    let mut dx = ws.take(x.data.len());
    let images = dx.chunks_exact_mut(inner);
    for (dx, dy) in images.zip(back.dy.chunks_exact(outer)) {
        kernels::depthwise_input_gradient(dy, back.weight, dx, c, win);
    }
    Some(dx)
}

/// Gradients of [`dense`]: adds to that of the weight; gives that of the input where it is wanted.
pub(super) fn dense_gradient(
    back: Back<'_>,
    mut d_weight: Option<&mut [f32]>,
    wanted: bool,
    ws: &mut Workspace,
) -> Option<Vec<f32>> {
    let ((cin, cout), x) = (back.step.channels, back.x);
    let win = back.step.window(x);
    let (oh, ow) = win.output;
    let depth = win.kernel * win.kernel * cin;
    let rows = (UNFOLD / (depth * ow)).clamp(1, oh);
    let weight = Matrix::new(back.weight, depth, cout).t();
    let mut cols = ws.take(rows * ow * depth);
    let mut dx = wanted.then(|| ws.zeros(x.data.len()));
    let inner = x.each();
    for (image, dy) in back.dy.chunks_exact(oh * ow * cout).enumerate() {
        for (j, dy) in dy.chunks(rows * ow * cout).enumerate() {
            let m = dy.len() / cout;
            let dy = Matrix::new(dy, m, cout);
            let (cols, lines) = (&mut cols[..m * depth], j * rows..oh);
            if let Some(d) = d_weight.as_deref_mut() {
                let x = &x.data[image * inner..][..inner];
                kernels::unfold(x, cols, cin, win, lines.clone());
                kernels::product(d, Matrix::new(cols, m, depth).t(), dy, true, false);
            }
            if let Some(dx) = &mut dx {
                kernels::product(cols, dy, weight, false, false);
                let dx = &mut dx[image * inner..][..inner];
                kernels::fold(cols, dx, cin, win, lines);
            }
        }
    }
    ws.give(cols);
    dx
}
