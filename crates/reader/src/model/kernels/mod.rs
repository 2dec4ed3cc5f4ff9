//! The arithmetic of the native engine, on arrays whose channels lie together (NHWC).
//!
//! Each kernel is plain Rust that the compiler vectorises; `pulp` picks the widest instruction set
//! of the processor at run time. Matrix products are `gemm`'s.

mod depthwise;
mod elementwise;
mod matrix;
mod norm;
mod window;

use pulp::{Arch, Simd, WithSimd};

pub use depthwise::{depthwise, depthwise_input_gradient, depthwise_kernel_gradient};
pub use elementwise::{activate, activation_gradient, add, add_to, bias_activation, column_sums};
pub use matrix::{Matrix, product};
pub use norm::{Moments, Normalisation, norm_gradient, norm_sums, normalise};
pub use window::{Window, fold, max_pool, max_pool_gradient, unfold};

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
