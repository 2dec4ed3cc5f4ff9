//! Random.

use alloy_primitives::B256;
use rand_core::UnwrapErr;
use record::Secret32;

/// The system's generator, as a `CryptoRng`. It panics where the system has no randomness left,
/// which no caller could survive.
pub type SystemRng = UnwrapErr<getrandom::SysRng>;

/// The system's random number generator.
#[must_use]
pub fn rng() -> SystemRng {
    UnwrapErr(getrandom::SysRng)
}

/// 32 random bytes.
pub fn random() -> B256 {
    use rand_core::Rng;

    let mut bytes = B256::ZERO;
    rng().fill_bytes(bytes.as_mut_slice());
    bytes
}

/// A copy of key bytes as a secret that wipes itself.
pub fn secret(bytes: &[u8; 32]) -> Secret32 {
    Secret32::new(*bytes)
}
