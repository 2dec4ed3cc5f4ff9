//! The keys that one person or institution holds.
//!
//! Everybody has the same ring: a wallet that signs, a sealing key that opens what was sealed to
//! its owner, and a root secret from which the controllers of a patient's records and the keys of
//! the index are derived. Its 97 bytes are kept encrypted by their owner and never reach a node,
//! except an institution's own.

use acts::WalletKey;
use alloy_primitives::{Address, B256};
use rand_core::CryptoRng;
use seal::{RootSecret, SealingPublic, SealingSecret};
use zeroize::Zeroizing;

/// Length of a key ring's encoding, in bytes: wallet (32), suite byte and sealing key (33), root
/// secret (32).
pub const RING_LEN: usize = 97;

/// Why bytes are no key ring.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The encoding has another length.
    #[error("a key ring has {RING_LEN} bytes, this has {0}; check that the right file was given")]
    Length(usize),
    /// One of the keys is not valid.
    #[error("the key ring is damaged: {0}")]
    Invalid(&'static str),
}

/// The keys of one person or institution. Wiped when dropped, never printed, not cloned: share it
/// behind an `Arc`.
pub struct KeyRing {
    pub(crate) wallet: WalletKey,
    pub(crate) sealing: SealingSecret,
    pub(crate) root: RootSecret,
}

impl KeyRing {
    /// New random keys.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        loop {
            let mut scalar = Zeroizing::new([0u8; 32]);
            rng.fill_bytes(scalar.as_mut());
            // Fails for zero and for numbers above the group's order: about once in 2^128.
            if let Ok(wallet) = WalletKey::from_bytes(scalar.as_ref()) {
                let sealing = SealingSecret::generate(rng);
                return Self {
                    wallet,
                    sealing,
                    root: RootSecret::generate(rng),
                };
            }
        }
    }

    /// The key ring in `bytes`.
    ///
    /// # Errors
    /// If they are not [`RING_LEN`] bytes or hold no valid keys.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let (Some(wallet), Some(sealing), Some(root)) =
            (bytes.get(..32), bytes.get(32..65), bytes.get(65..RING_LEN))
        else {
            return Err(KeyError::Length(bytes.len()));
        };
        if bytes.len() != RING_LEN {
            return Err(KeyError::Length(bytes.len()));
        }
        let wallet = WalletKey::from_bytes(wallet).map_err(|_| KeyError::Invalid("wallet key"))?;
        let sealing =
            SealingSecret::from_bytes(sealing).map_err(|_| KeyError::Invalid("sealing key"))?;
        let root = RootSecret::try_from(root).map_err(|_| KeyError::Invalid("root secret"))?;
        Ok(Self {
            wallet,
            sealing,
            root,
        })
    }

    /// Its [`RING_LEN`] bytes, for an encrypted keystore.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(RING_LEN));
        bytes.extend_from_slice(self.wallet.expose().as_ref());
        bytes.extend_from_slice(self.sealing.to_bytes().as_ref());
        bytes.extend_from_slice(self.root.expose());
        bytes
    }

    /// The wallet.
    #[must_use]
    pub fn wallet(&self) -> &WalletKey {
        &self.wallet
    }

    /// The wallet's address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.wallet.address()
    }

    /// The sealing key.
    #[must_use]
    pub fn sealing(&self) -> &SealingSecret {
        &self.sealing
    }

    /// The public half of the sealing key.
    #[must_use]
    pub fn sealing_public(&self) -> SealingPublic {
        self.sealing.public()
    }

    /// The root secret.
    #[must_use]
    pub fn root(&self) -> &RootSecret {
        &self.root
    }

    /// The controller of record number `index`.
    #[must_use]
    pub fn controller(&self, index: u64) -> WalletKey {
        let scalar = seal::derive::controller_key(&self.root, index);
        // `controller_key` promises a number in 1..n, which is what a private key is.
        WalletKey::from_bytes(scalar.as_ref()).expect("a derived controller key is valid")
    }
}

/// The digest that `personal_sign` signs for `message` (EIP-191, version 0x45).
#[must_use]
pub fn personal_digest(message: &[u8]) -> B256 {
    alloy_primitives::eip191_hash_message(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_comes_back_from_its_bytes() {
        let ring = KeyRing::generate(&mut rand());
        let again = KeyRing::from_bytes(&ring.to_bytes()).unwrap();
        assert_eq!(again.address(), ring.address());
        assert_eq!(
            again.sealing_public().to_bytes(),
            ring.sealing_public().to_bytes()
        );
        assert_eq!(again.controller(3).address(), ring.controller(3).address());
        assert!(matches!(
            KeyRing::from_bytes(&[1; 96]),
            Err(KeyError::Length(96))
        ));
        assert!(matches!(
            KeyRing::from_bytes(&[1; 98]),
            Err(KeyError::Length(98))
        ));
        assert!(KeyRing::from_bytes(&[0; RING_LEN]).is_err());
    }

    fn rand() -> impl CryptoRng {
        use rand_core::UnwrapErr;

        UnwrapErr(getrandom::SysRng)
    }
}
