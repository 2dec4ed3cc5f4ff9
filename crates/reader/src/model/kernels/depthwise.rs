//! Depthwise convolutions and their gradients.

use rayon::prelude::*;

use super::simd::{Kernel, wide};
use super::window::Window;

/// Channels that the kernels keep in registers at a time.
const BLOCK: usize = 48;

struct DepthwiseRow<'a> {
    x: &'a [f32],
    kernel: &'a [f32],
    out: &'a mut [f32],
    c: usize,
    win: Window,
    oy: usize,
}

impl Kernel for DepthwiseRow<'_> {
    #[inline(always)]
    fn run(self) {
        let Self {
            x,
            kernel,
            out,
            c,
            win,
            oy,
        } = self;
        let (h, w) = win.input;
        for ox in 0..win.output.1 {
            let mut from = 0;
            while from < c {
                let n = BLOCK.min(c - from);
                let mut sum = [0.0f32; BLOCK];
                for ky in 0..win.kernel {
                    let Some(iy) = win.at(oy, ky, win.before.0, h) else {
                        continue;
                    };
                    for kx in 0..win.kernel {
                        let Some(ix) = win.at(ox, kx, win.before.1, w) else {
                            continue;
                        };
                        let a = &x[(iy * w + ix) * c + from..][..n];
                        let b = &kernel[(ky * win.kernel + kx) * c + from..][..n];
                        multiply_add(&mut sum, a, b);
                    }
                }
                out[ox * c + from..][..n].copy_from_slice(&sum[..n]);
                from += n;
            }
        }
    }
}

/// Depthwise convolution of one image: `x` is `[h, w, c]`, `kernel` `[k, k, c]`, `y` `[oh, ow, c]`.
pub fn depthwise(x: &[f32], kernel: &[f32], y: &mut [f32], c: usize, win: Window, parallel: bool) {
    let row = |(oy, out): (usize, &mut [f32])| {
        wide(DepthwiseRow {
            x,
            kernel,
            out,
            c,
            win,
            oy,
        })
    };
    let width = win.output.1 * c;
    if parallel {
        y.par_chunks_mut(width).enumerate().for_each(row);
    } else {
        y.chunks_mut(width).enumerate().for_each(row);
    }
}

/// `sum += a b`, with the full block as its own case so that it stays in registers.
#[inline(always)]
fn multiply_add(sum: &mut [f32; BLOCK], a: &[f32], b: &[f32]) {
    if let (Some(a), Some(b)) = (a.first_chunk::<BLOCK>(), b.first_chunk::<BLOCK>()) {
        #[allow(clippy::needless_range_loop)] // the plainest form is the one that vectorises
        for i in 0..BLOCK {
            sum[i] = a[i].mul_add(b[i], sum[i]);
        }
    } else {
        for ((s, a), b) in sum.iter_mut().zip(a).zip(b) {
            *s = a.mul_add(*b, *s);
        }
    }
}

struct DepthwiseInput<'a> {
    dy: &'a [f32],
    kernel: &'a [f32],
    dx: &'a mut [f32],
    c: usize,
    win: Window,
}

impl Kernel for DepthwiseInput<'_> {
    #[inline(always)]
    fn run(self) {
        let Self {
            dy,
            kernel,
            dx,
            c,
            win,
        } = self;
        let (h, w) = win.input;
        let (oh, ow) = win.output;
        for iy in 0..h {
            for ix in 0..w {
                let mut from = 0;
                while from < c {
                    let n = BLOCK.min(c - from);
                    let mut sum = [0.0f32; BLOCK];
                    for ky in 0..win.kernel {
                        let Some(oy) = win.from(iy, ky, win.before.0, oh) else {
                            continue;
                        };
                        for kx in 0..win.kernel {
                            let Some(ox) = win.from(ix, kx, win.before.1, ow) else {
                                continue;
                            };
                            let a = &dy[(oy * ow + ox) * c + from..][..n];
                            let b = &kernel[(ky * win.kernel + kx) * c + from..][..n];
                            multiply_add(&mut sum, a, b);
                        }
                    }
                    dx[(iy * w + ix) * c + from..][..n].copy_from_slice(&sum[..n]);
                    from += n;
                }
            }
        }
    }
}

/// Gradient of a depthwise convolution with respect to its input (overwrites `dx`).
pub fn depthwise_input_gradient(dy: &[f32], kernel: &[f32], dx: &mut [f32], c: usize, win: Window) {
    wide(DepthwiseInput {
        dy,
        kernel,
        dx,
        c,
        win,
    });
}

struct DepthwiseKernel<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    dk: &'a mut [f32],
    c: usize,
    win: Window,
}

impl Kernel for DepthwiseKernel<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { x, dy, dk, c, win } = self;
        let (h, w) = win.input;
        let (oh, ow) = win.output;
        for ky in 0..win.kernel {
            for kx in 0..win.kernel {
                let mut from = 0;
                while from < c {
                    let n = BLOCK.min(c - from);
                    let mut sum = [0.0f32; BLOCK];
                    for oy in 0..oh {
                        let Some(iy) = win.at(oy, ky, win.before.0, h) else {
                            continue;
                        };
                        for ox in 0..ow {
                            let Some(ix) = win.at(ox, kx, win.before.1, w) else {
                                continue;
                            };
                            let a = &x[(iy * w + ix) * c + from..][..n];
                            let b = &dy[(oy * ow + ox) * c + from..][..n];
                            multiply_add(&mut sum, a, b);
                        }
                    }
                    let out = &mut dk[(ky * win.kernel + kx) * c + from..][..n];
                    out.iter_mut().zip(&sum).for_each(|(o, s)| *o += s);
                    from += n;
                }
            }
        }
    }
}

/// Gradient of a depthwise convolution with respect to its kernel (adds to `dk`).
pub fn depthwise_kernel_gradient(x: &[f32], dy: &[f32], dk: &mut [f32], c: usize, win: Window) {
    wide(DepthwiseKernel { x, dy, dk, c, win });
}
