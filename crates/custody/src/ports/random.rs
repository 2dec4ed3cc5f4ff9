//! Randomness, as the use cases take it: the system's generator.

use alloy_primitives::B256;
use rand_core::UnwrapErr;

/// The system's generator, as a `CryptoRng`. It panics where the system has no randomness left,
/// which no caller could survive.
pub type SystemRng = UnwrapErr<getrandom::SysRng>;

/// The system's random number generator.
#[must_use]
pub fn rng() -> SystemRng {
    UnwrapErr(getrandom::SysRng)
}

/// 32 random bytes.
#[must_use]
pub fn random() -> B256 {
    use rand_core::Rng;

    let mut bytes = B256::ZERO;
    rng().fill_bytes(bytes.as_mut_slice());
    bytes
}
