//! Signatures by an institution's Ethereum wallet: ECDSA over secp256k1 (SEC 1) of the SHA-256 of
//! the message, 65 bytes r ‖ s ‖ v with v 0 or 1, s in the lower half. The key id is the wallet's
//! address, `0x` and 40 lower-case hex digits; the public key is recovered from the signature.

use std::collections::HashSet;
use std::str::FromStr;

use alloy_primitives::Address;
use async_trait::async_trait;
use cid::multibase::Base;
use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::{Signer, Verifier};

/// Signs with a wallet's key. The key is wiped from memory when this is dropped.
pub struct WalletSigner {
    key: SigningKey,
}

impl WalletSigner {
    /// A signer for `key`.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        Self { key }
    }

    /// The wallet's public key.
    #[must_use]
    pub fn public_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    /// The wallet's address.
    #[must_use]
    pub fn address(&self) -> Address {
        address_of(self.key.verifying_key())
    }
}

/// The libp2p peer id of a secp256k1 key: base58 of the identity multihash of its protobuf form
/// ([peer ids]). It names a node to IPFS software, as in [`crate::gateway::Reachable`].
///
/// [peer ids]: https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
#[must_use]
pub fn peer_id(key: &VerifyingKey) -> String {
    // Identity multihash of 37 bytes; key type 2 (secp256k1), then 33 bytes of key.
    let mut bytes = vec![0x00, 37, 0x08, 2, 0x12, 33];
    bytes.extend_from_slice(key.to_sec1_point(true).as_bytes());
    Base::Base58Btc.encode(bytes)
}

impl Signer for WalletSigner {
    fn key_id(&self) -> String {
        key_id(&self.address())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let digest = Sha256::digest(message);
        let (signature, recovery) = self.key.sign_prehash_recoverable(&digest);
        let mut out = signature.to_bytes().to_vec();
        out.push(recovery.to_byte());
        Ok(out)
    }
}

/// The address of a public key: the end of the Keccak hash of its two coordinates.
fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_sec1_point(false);
    // An uncompressed point is 0x04 and the coordinates.
    Address::from_raw_public_key(&point.as_bytes()[1..])
}

/// The key id of an address.
#[must_use]
pub fn key_id(address: &Address) -> String {
    format!("{address:#x}")
}

/// A key id in its one spelling: an address becomes `0x` and 40 lower-case hex digits, however its
/// letters are written and with or without the `0x`; other key ids stay as they are.
#[must_use]
pub fn canonical(key_id: &str) -> String {
    Address::from_str(key_id).map_or_else(|_| key_id.to_owned(), |address| self::key_id(&address))
}

/// The wallet that signed `message`.
///
/// # Errors
/// A sentence, when the signature is not 65 bytes, not in the lower half, or recovers no key.
pub fn recover(message: &[u8], signature: &[u8]) -> Result<Address, String> {
    let Some((&v, rs)) = signature.split_last().filter(|(_, rs)| rs.len() == 64) else {
        return Err("a wallet signature has 65 bytes".into());
    };
    let rs = Signature::from_slice(rs).map_err(|_| "the signature's numbers are out of range")?;
    if rs.normalize_s() != rs {
        return Err("the signature is not in its lower-half form".into());
    }
    let recovery = RecoveryId::from_byte(v).ok_or("the signature's last byte is not 0 or 1")?;
    let key = VerifyingKey::recover_from_prehash(&Sha256::digest(message), &rs, recovery);
    key.map(|key| address_of(&key))
        .map_err(|_| "the signature recovers no key".into())
}

/// Checks that `signature` is by the wallet named `key_id`.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn verify(key_id: &str, message: &[u8], signature: &[u8]) -> Result<Address, String> {
    let claimed = Address::from_str(key_id).map_err(|_| format!("{key_id:?} is not an address"))?;
    if recover(message, signature)? != claimed {
        return Err(format!("the signature is not by {key_id}"));
    }
    Ok(claimed)
}

/// Accepts the wallets of a fixed list.
#[derive(Clone, Debug, Default)]
pub struct KnownWallets {
    wallets: HashSet<Address>,
}

impl KnownWallets {
    /// A list of wallets.
    #[must_use]
    pub fn new(wallets: impl IntoIterator<Item = Address>) -> Self {
        Self {
            wallets: wallets.into_iter().collect(),
        }
    }
}

#[async_trait]
impl Verifier for KnownWallets {
    async fn verify(&self, key_id: &str, message: &[u8], signature: &[u8]) -> Result<(), String> {
        let wallet = verify(key_id, message, signature)?;
        self.wallets
            .contains(&wallet)
            .then_some(())
            .ok_or_else(|| format!("{key_id} is not known here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_wallet_signs_names_the_wallet() {
        let signer = WalletSigner::new(SigningKey::from_slice(&[1; 32]).unwrap());
        let signature = signer.sign(b"message").unwrap();
        assert_eq!(recover(b"message", &signature), Ok(signer.address()));
        assert_ne!(recover(b"another", &signature), Ok(signer.address()));
        assert!(verify(&signer.key_id(), b"message", &signature[..64]).is_err());
    }

    #[test]
    fn the_peer_id_starts_as_libp2p_says() {
        let signer = WalletSigner::new(SigningKey::from_slice(&[1; 32]).unwrap());
        let id = peer_id(signer.public_key());
        assert!(id.starts_with("16Uiu2HA") && id.len() == 53, "{id}");
    }

    #[test]
    fn the_key_id_is_the_ethereum_address() {
        // The address of private key 1, known from many test suites.
        let mut one = [0; 32];
        one[31] = 1;
        let signer = WalletSigner::new(SigningKey::from_slice(&one).unwrap());
        assert_eq!(
            signer.key_id(),
            "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"
        );
    }
}
