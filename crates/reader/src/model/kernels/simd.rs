//! How a kernel is compiled for the widest instruction set of the processor.

use pulp::{Arch, Simd, WithSimd};

/// Work that is compiled once for each instruction set.
///
/// Its `run` must be `#[inline(always)]`, as must all that it calls: only then is it compiled with
/// the wide instructions (a closure would be a call out of them).
pub(super) trait Kernel {
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

pub(super) fn wide(kernel: impl Kernel) {
    Arch::new().dispatch(Wide(kernel));
}
