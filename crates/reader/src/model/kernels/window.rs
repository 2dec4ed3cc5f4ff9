//! Windows slid over an image, and what is done in each: laying out, adding back, the maximum.

use super::simd::{Kernel, wide};

/// A window slid over one image: the sizes that every spatial kernel needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Input height and width.
    pub input: (usize, usize),
    /// Output height and width.
    pub output: (usize, usize),
    /// Side of the window.
    pub kernel: usize,
    /// Step.
    pub stride: usize,
    /// Rows above and columns to the left that are padding.
    pub before: (usize, usize),
}

impl Window {
    /// The input coordinate under tap `k` of output coordinate `o`, if it is not padding.
    #[inline(always)]
    pub(super) fn at(&self, o: usize, k: usize, before: usize, limit: usize) -> Option<usize> {
        (o * self.stride + k)
            .checked_sub(before)
            .filter(|&i| i < limit)
    }

    /// The output coordinate whose tap `k` lies on input coordinate `i`, if there is one.
    #[inline(always)]
    pub(super) fn from(&self, i: usize, k: usize, before: usize, limit: usize) -> Option<usize> {
        let shifted = (i + before).checked_sub(k)?;
        (shifted.is_multiple_of(self.stride) && shifted / self.stride < limit)
            .then_some(shifted / self.stride)
    }

    /// The taps of output column `ox` that are not padding, and the input column under the first.
    #[inline(always)]
    fn columns(&self, ox: usize) -> (std::ops::Range<usize>, usize) {
        let (start, before) = (ox * self.stride, self.before.1);
        let first = before.saturating_sub(start).min(self.kernel);
        let end = (self.input.1 + before)
            .saturating_sub(start)
            .clamp(first, self.kernel);
        (first..end, start + first - before.min(start + first))
    }
}

/// Lays out the windows of output rows `rows` as the rows of a matrix `[rows * ow, k * k * c]`.
pub fn unfold(x: &[f32], cols: &mut [f32], c: usize, win: Window, rows: std::ops::Range<usize>) {
    let (h, w) = win.input;
    let line = win.kernel * c;
    let mut out = cols.chunks_exact_mut(win.kernel * line);
    for oy in rows {
        for ox in 0..win.output.1 {
            let Some(out) = out.next() else { return };
            let (taps, ix) = win.columns(ox);
            for (ky, out) in out.chunks_exact_mut(line).enumerate() {
                let Some(iy) = win.at(oy, ky, win.before.0, h).filter(|_| !taps.is_empty()) else {
                    out.fill(0.0);
                    continue;
                };
                // Taps side by side lie side by side in the image too: one copy takes them all.
                let (from, to) = (taps.start * c, taps.end * c);
                out[..from].fill(0.0);
                out[from..to].copy_from_slice(&x[(iy * w + ix) * c..][..to - from]);
                out[to..].fill(0.0);
            }
        }
    }
}

struct Fold<'a> {
    cols: &'a [f32],
    dx: &'a mut [f32],
    c: usize,
    win: Window,
    rows: std::ops::Range<usize>,
}

impl Kernel for Fold<'_> {
    #[inline(always)]
    fn run(self) {
        let Self {
            cols,
            dx,
            c,
            win,
            rows,
        } = self;
        let (h, w) = win.input;
        let line = win.kernel * c;
        let mut cols = cols.chunks_exact(win.kernel * line);
        for oy in rows {
            for ox in 0..win.output.1 {
                let Some(col) = cols.next() else { return };
                let (taps, ix) = win.columns(ox);
                if taps.is_empty() {
                    continue;
                }
                for ky in 0..win.kernel {
                    let Some(iy) = win.at(oy, ky, win.before.0, h) else {
                        continue;
                    };
                    let from = &col[ky * line..][taps.start * c..taps.end * c];
                    let to = &mut dx[(iy * w + ix) * c..][..from.len()];
                    to.iter_mut().zip(from).for_each(|(t, f)| *t += f);
                }
            }
        }
    }
}

/// The reverse of [`unfold`]: adds each window's values back to the places they came from.
pub fn fold(cols: &[f32], dx: &mut [f32], c: usize, win: Window, rows: std::ops::Range<usize>) {
    wide(Fold {
        cols,
        dx,
        c,
        win,
        rows,
    });
}

struct MaxPool<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    c: usize,
    win: Window,
}

impl Kernel for MaxPool<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { x, y, c, win } = self;
        let (h, w) = win.input;
        for oy in 0..win.output.0 {
            for ox in 0..win.output.1 {
                let out = &mut y[(oy * win.output.1 + ox) * c..][..c];
                out.fill(f32::NEG_INFINITY);
                for ky in 0..win.kernel {
                    let Some(iy) = win.at(oy, ky, win.before.0, h) else {
                        continue;
                    };
                    for kx in 0..win.kernel {
                        let Some(ix) = win.at(ox, kx, win.before.1, w) else {
                            continue;
                        };
                        let row = &x[(iy * w + ix) * c..][..c];
                        out.iter_mut().zip(row).for_each(|(o, x)| *o = o.max(*x));
                    }
                }
            }
        }
    }
}

/// Maximum over windows of one image; padding is never chosen.
pub fn max_pool(x: &[f32], y: &mut [f32], c: usize, win: Window) {
    wide(MaxPool { x, y, c, win });
}

/// Channels that [`max_pool_gradient`] carries at a time.
const BLOCK: usize = 32;

struct MaxPoolGradient<'a> {
    x: &'a [f32],
    y: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
    c: usize,
    win: Window,
}

impl Kernel for MaxPoolGradient<'_> {
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // the plainest form is the one that vectorises
    fn run(self) {
        let places = self.win.output.0 * self.win.output.1;
        for place in 0..places {
            for from in (0..self.c).step_by(BLOCK) {
                let n = BLOCK.min(self.c - from);
                let at = place * self.c + from;
                let top = &self.y[at..][..n];
                // What has not found its place yet.
                let mut left = [0.0f32; BLOCK];
                left[..n].copy_from_slice(&self.dy[at..][..n]);
                let (oy, ox) = (place / self.win.output.1, place % self.win.output.1);
                for ky in 0..self.win.kernel {
                    let (h, w) = self.win.input;
                    let Some(iy) = self.win.at(oy, ky, self.win.before.0, h) else {
                        continue;
                    };
                    for kx in 0..self.win.kernel {
                        let Some(ix) = self.win.at(ox, kx, self.win.before.1, w) else {
                            continue;
                        };
                        let start = (iy * w + ix) * self.c + from;
                        let x = &self.x[start..][..n];
                        let dx = &mut self.dx[start..][..n];
                        for i in 0..n {
                            let here = x[i] == top[i];
                            dx[i] += if here { left[i] } else { 0.0 };
                            left[i] = if here { 0.0 } else { left[i] };
                        }
                    }
                }
            }
        }
    }
}

/// Gradient of [`max_pool`]: it goes to the first place that was the maximum (adds to `dx`).
pub fn max_pool_gradient(x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32], c: usize, win: Window) {
    wide(MaxPoolGradient {
        x,
        y,
        dy,
        dx,
        c,
        win,
    });
}
