//! The operating system's randomness as a generator.

use getrandom::SysRng;
use rand_core::UnwrapErr;

/// A generator that asks the operating system every time. It panics if the system has no random
/// bytes to give: there is no safe way to go on then.
pub(crate) fn os() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}
