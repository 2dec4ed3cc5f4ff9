//! The arithmetic of the native engine, on arrays whose channels lie together (NHWC).
//!
//! Each kernel is plain Rust that the compiler vectorises; `pulp` picks the widest instruction set
//! of the processor at run time. Matrix products are `gemm`'s.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Channels that the depthwise kernels keep in registers at a time.
const BLOCK: usize = 48;

/// A matrix in memory: `rows` x `cols`, with the distance between rows and between columns.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        assert!(
            data.len() >= rows * cols,
            "a matrix needs rows x cols values"
        );
        Self {
            data,
            rows,
            cols,
            row_stride: cols,
            col_stride: 1,
        }
    }

    /// The same numbers, transposed.
    pub fn t(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }
}

/// `out = a b`, or `out += a b` with `add`; `out` is row-major.
#[allow(unsafe_code)]
pub fn product(out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, add: bool, parallel: bool) {
    let (m, n, k) = (a.rows, b.cols, a.cols);
    assert!(
        k == b.rows && out.len() >= m * n,
        "shapes of a matrix product must agree"
    );
    if m * n * k == 0 {
        return;
    }
    let threads = if parallel {
        gemm::Parallelism::Rayon(0)
    } else {
        gemm::Parallelism::None
    };
    // SAFETY: `Matrix::new` and the assertion above keep every index inside the three slices, and
    // `out` is borrowed mutably, so that it overlaps neither input.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            add,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            threads,
        );
    }
}

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

/// Work that is compiled once for each instruction set.
///
/// Its `run` must be `#[inline(always)]`, as must all that it calls: only then is it compiled with
/// the wide instructions (a closure would be a call out of them).
trait Kernel {
    fn run(self);
}

struct Wide<K>(K);

impl<K: Kernel> WithSimd for Wide<K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.run();
    }
}

fn wide(kernel: impl Kernel) {
    Arch::new().dispatch(Wide(kernel));
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
    fn at(&self, o: usize, k: usize, before: usize, limit: usize) -> Option<usize> {
        (o * self.stride + k)
            .checked_sub(before)
            .filter(|&i| i < limit)
    }

    /// The output coordinate whose tap `k` lies on input coordinate `i`, if there is one.
    #[inline(always)]
    fn from(&self, i: usize, k: usize, before: usize, limit: usize) -> Option<usize> {
        let shifted = (i + before).checked_sub(k)?;
        (shifted.is_multiple_of(self.stride) && shifted / self.stride < limit)
            .then_some(shifted / self.stride)
    }
}

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

/// Lays out the windows of output rows `rows` as the rows of a matrix `[rows * ow, k * k * c]`.
pub fn unfold(x: &[f32], cols: &mut [f32], c: usize, win: Window, rows: std::ops::Range<usize>) {
    let (h, w) = win.input;
    let width = win.kernel * win.kernel * c;
    let mut out = cols.chunks_exact_mut(width);
    for oy in rows {
        for ox in 0..win.output.1 {
            let Some(out) = out.next() else { return };
            for ky in 0..win.kernel {
                for kx in 0..win.kernel {
                    let slot = &mut out[(ky * win.kernel + kx) * c..][..c];
                    match (
                        win.at(oy, ky, win.before.0, h),
                        win.at(ox, kx, win.before.1, w),
                    ) {
                        (Some(iy), Some(ix)) => slot.copy_from_slice(&x[(iy * w + ix) * c..][..c]),
                        _ => slot.fill(0.0),
                    }
                }
            }
        }
    }
}

/// The reverse of [`unfold`]: adds each window's values back to the places they came from.
pub fn fold(cols: &[f32], dx: &mut [f32], c: usize, win: Window, rows: std::ops::Range<usize>) {
    let (h, w) = win.input;
    let width = win.kernel * win.kernel * c;
    let mut cols = cols.chunks_exact(width);
    for oy in rows {
        for ox in 0..win.output.1 {
            let Some(col) = cols.next() else { return };
            for ky in 0..win.kernel {
                let Some(iy) = win.at(oy, ky, win.before.0, h) else {
                    continue;
                };
                for kx in 0..win.kernel {
                    let Some(ix) = win.at(ox, kx, win.before.1, w) else {
                        continue;
                    };
                    let slot = &mut dx[(iy * w + ix) * c..][..c];
                    add_to(slot, &col[(ky * win.kernel + kx) * c..][..c]);
                }
            }
        }
    }
}

/// Maximum over windows of one image; padding is never chosen.
pub fn max_pool(x: &[f32], y: &mut [f32], c: usize, win: Window) {
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

/// Gradient of [`max_pool`]: it goes to the first place that was the maximum (adds to `dx`).
pub fn max_pool_gradient(x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32], c: usize, win: Window) {
    let (h, w) = win.input;
    for oy in 0..win.output.0 {
        for ox in 0..win.output.1 {
            let at = (oy * win.output.1 + ox) * c;
            for ch in 0..c {
                'taps: for ky in 0..win.kernel {
                    let Some(iy) = win.at(oy, ky, win.before.0, h) else {
                        continue;
                    };
                    for kx in 0..win.kernel {
                        let Some(ix) = win.at(ox, kx, win.before.1, w) else {
                            continue;
                        };
                        let place = (iy * w + ix) * c + ch;
                        if x[place] == y[at + ch] {
                            dx[place] += dy[at + ch];
                            break 'taps;
                        }
                    }
                }
            }
        }
    }
}
