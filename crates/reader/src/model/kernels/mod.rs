//! The arithmetic of the native engine, on arrays whose channels lie together (NHWC).
//!
//! Each kernel is plain Rust that the compiler vectorises; `pulp` picks the widest instruction set
//! of the processor at run time. Matrix products are `gemm`'s.

mod depthwise;
mod elementwise;
mod matrix;
mod norm;
mod simd;
mod window;

pub use depthwise::{depthwise, depthwise_input_gradient, depthwise_kernel_gradient};
pub use elementwise::{
    Activation, activate, activation_gradient, add, add_to, bias_activation, column_sums,
};
pub use matrix::{Matrix, product};
pub use norm::{Moments, Normalisation, norm_gradient, norm_sums, normalise};
pub use window::{Window, fold, max_pool, max_pool_gradient, unfold};
