//! A repeatable generator, shared by the tests.
#![allow(unreachable_pub)] // Each test is a crate of its own.

use core::convert::Infallible;

use sha2::{Digest, Sha256};

/// SHA-256 in counter mode: the same numbers in every run and in every language.
pub struct TestRng(pub u64);

impl rand_core::TryRng for TestRng {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|n| n as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(32) {
            let block = Sha256::digest(self.0.to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
            self.0 += 1;
        }
        Ok(())
    }
}
impl rand_core::TryCryptoRng for TestRng {}
