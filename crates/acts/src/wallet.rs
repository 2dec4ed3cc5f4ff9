//! Keys that sign.

use core::fmt;

use alloy_primitives::{Address, B256, Signature, U256};
use k256::ecdsa::SigningKey;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// A secp256k1 key that signs: in memory, in a keystore or in a hardware module.
pub trait Signer: Send + Sync {
    /// The account of the key.
    fn address(&self) -> Address;

    /// Signs a 32-byte digest as it stands. The signature has a low `s` (EIP-2).
    ///
    /// # Errors
    /// [`Error::Signing`] if the key cannot be used.
    fn sign_digest(&self, digest: &B256) -> Result<Signature>;
}

/// A secp256k1 private key in memory. Wiped when dropped (as `k256` does); its `Debug` shows the
/// address alone.
#[derive(Clone)]
pub struct WalletKey {
    key: SigningKey,
    address: Address,
}

impl WalletKey {
    /// The key with this scalar, 32 bytes big-endian.
    ///
    /// # Errors
    /// [`Error::BadKey`] if it is not 32 bytes or not in `1..n`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        // `from_slice` would pad shorter ones.
        let scalar: &[u8; 32] = bytes.try_into().map_err(|_| Error::BadKey)?;
        let key = SigningKey::from_bytes(scalar.into()).map_err(|_| Error::BadKey)?;
        let point = key.verifying_key().to_sec1_point(false);
        // An uncompressed point is 0x04 and the 64 bytes that the address is hashed from.
        let address = Address::from_raw_public_key(&point.as_bytes()[1..]);
        Ok(Self { key, address })
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// The scalar, for an encrypted keystore.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes().into())
    }

    /// Signs a 32-byte digest: 65 bytes, `r ‖ s ‖ v` with low `s` and `v` 27 or 28.
    #[must_use]
    pub fn sign(&self, digest: B256) -> [u8; 65] {
        self.signature(&digest).as_bytes()
    }

    fn signature(&self, digest: &B256) -> Signature {
        let (signature, recovery) = self.key.sign_prehash_recoverable(digest.as_slice());
        let (r, s) = signature.split_bytes();
        Signature::new(
            U256::from_be_slice(&r),
            U256::from_be_slice(&s),
            recovery.is_y_odd(),
        )
    }
}

impl Signer for WalletKey {
    fn address(&self) -> Address {
        self.address
    }

    fn sign_digest(&self, digest: &B256) -> Result<Signature> {
        Ok(self.signature(digest))
    }
}

impl fmt::Debug for WalletKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WalletKey").field(&self.address).finish()
    }
}
