//! Everything that is signed for the chain: the EIP-712 structs, their domain, signing and
//! checking (`contracts/eip712.json` is the source that a test compares with).

use std::borrow::Cow;

use alloy_primitives::{Address, B256, Bytes, Signature, U256};
use alloy_sol_types::{Eip712Domain, SolStruct};
use k256::ecdsa::{RecoveryId, SigningKey, VerifyingKey};

pub use crate::contracts::consents::IConsents::{
    Grant, Request, Revoke, SignedGrant, SignedRevoke,
};
pub use crate::contracts::log::ILog::Checkpoint;
pub use crate::contracts::records::IRecords::{Commit, Erase, SignedCommit};
pub use crate::contracts::registry::IRegistry::{
    AdmitStaff, EnrolPatient, PublishKey, SetInstitution, SetStaff,
};
pub use batch::CommitBatch;

use crate::error::{Error, Result};

mod batch {
    #![allow(missing_docs)]
    // The ABI has no such struct: the institution signs the acts of a batch as one array.
    alloy_sol_types::sol! {
        #[sol(all_derives)]
        struct Commit {
            address controller;
            uint64 version;
            bytes32 previous;
            bytes32 commitment;
            address institution;
            uint64 deadline;
        }

        /// What an institution signs for `Records.commitBatch`: all acts in the batch's order.
        #[sol(all_derives)]
        struct CommitBatch {
            Commit[] commits;
        }
    }
}

impl CommitBatch {
    /// The struct to sign for these acts, in this order.
    pub fn of(acts: &[Commit]) -> Self {
        let commits = acts
            .iter()
            .map(|act| batch::Commit {
                controller: act.controller,
                version: act.version,
                previous: act.previous,
                commitment: act.commitment,
                institution: act.institution,
                deadline: act.deadline,
            })
            .collect();
        Self { commits }
    }
}

/// Name in the EIP-712 domain of all contracts.
pub const DOMAIN_NAME: &str = "Stele";
/// Version in the EIP-712 domain of all contracts.
pub const DOMAIN_VERSION: &str = "1";

/// The EIP-712 domain of the contract at `contract` on chain `chain_id`.
pub fn domain(chain_id: u64, contract: Address) -> Eip712Domain {
    Eip712Domain::new(
        Some(Cow::Borrowed(DOMAIN_NAME)),
        Some(Cow::Borrowed(DOMAIN_VERSION)),
        Some(U256::from(chain_id)),
        Some(contract),
        None,
    )
}

/// A secp256k1 key that signs: in memory, in a keystore or in a hardware module.
pub trait Signer: Send + Sync {
    /// The account of the key.
    fn address(&self) -> Address;

    /// Signs a 32-byte digest as it stands. The signature has a low `s` (EIP-2).
    ///
    /// # Errors
    /// [`Error::Signing`] if the key cannot be used.
    fn sign(&self, digest: &B256) -> Result<Signature>;
}

/// A key in memory, wiped when dropped; its `Debug` shows the address alone.
#[derive(Clone)]
pub struct WalletKey {
    key: SigningKey,
    address: Address,
}

impl std::fmt::Debug for WalletKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WalletKey")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Signer for WalletKey {
    fn address(&self) -> Address {
        self.address
    }

    fn sign(&self, digest: &B256) -> Result<Signature> {
        let (signature, recovery) = self.key.sign_prehash_recoverable(digest.as_slice());
        let (r, s) = signature.split_bytes();
        Ok(Signature::new(
            U256::from_be_slice(&r),
            U256::from_be_slice(&s),
            recovery.is_y_odd(),
        ))
    }
}

/// A key in memory from its 32 bytes.
///
/// # Errors
/// [`Error::Signing`] if they are zero or not below the group's order.
pub fn wallet(secret: &[u8; 32]) -> Result<WalletKey> {
    let key = SigningKey::from_slice(secret)
        .map_err(|_| Error::Signing("the 32 bytes are not a secp256k1 private key".into()))?;
    let address = address_of(key.verifying_key());
    Ok(WalletKey { key, address })
}

/// Signs a struct for a domain: 65 bytes r ‖ s ‖ v, v being 27 or 28, as the contracts take them.
///
/// # Errors
/// [`Error::Signing`] if the key cannot be used.
pub fn sign<T: SolStruct>(act: &T, domain: &Eip712Domain, signer: &dyn Signer) -> Result<Bytes> {
    let signature = signer.sign(&act.eip712_signing_hash(domain))?;
    Ok(Bytes::copy_from_slice(&signature.as_bytes()))
}

/// Who signed a struct for a domain. Only for keys: a contract's signature (ERC-1271) has to be
/// asked of the contract, see [`crate::Chain::is_signed_by`].
///
/// # Errors
/// [`Error::BadSignature`] if it is not 65 bytes, has a high `s`, or recovers to no key.
pub fn recover<T: SolStruct>(act: &T, domain: &Eip712Domain, signature: &[u8]) -> Result<Address> {
    recover_digest(&act.eip712_signing_hash(domain), signature)
}

/// Who signed a 32-byte digest.
///
/// # Errors
/// As [`recover`].
pub fn recover_digest(digest: &B256, signature: &[u8]) -> Result<Address> {
    // The contracts take v = 27 or 28 alone and refuse a high `s`; so do we, lest one act have
    // two signatures.
    if signature.len() != 65 || !matches!(signature[64], 27 | 28) {
        return Err(Error::BadSignature);
    }
    // 65 bytes: r, s and v.
    let (rs, v) = signature.split_at(64);
    let rs = k256::ecdsa::Signature::from_slice(rs).map_err(|_| Error::BadSignature)?;
    if rs.normalize_s() != rs {
        return Err(Error::BadSignature);
    }
    let recovery = RecoveryId::new(v == [28], false);
    let key = VerifyingKey::recover_from_prehash(digest.as_slice(), &rs, recovery)
        .map_err(|_| Error::BadSignature)?;
    Ok(address_of(&key))
}

/// The address of a public key.
fn address_of(key: &VerifyingKey) -> Address {
    // An uncompressed point is 0x04 and the two coordinates.
    Address::from_raw_public_key(&key.to_sec1_point(false).as_bytes()[1..])
}

/// Checks that `expected` signed a struct for a domain.
///
/// # Errors
/// [`Error::WrongSigner`] if someone else did, [`Error::BadSignature`] as [`recover`].
pub fn verify<T: SolStruct>(
    act: &T,
    domain: &Eip712Domain,
    signature: &[u8],
    expected: Address,
) -> Result<()> {
    let found = recover(act, domain, signature)?;
    if found == expected {
        Ok(())
    } else {
        Err(Error::WrongSigner { expected, found })
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;
    use serde_json::Value;

    use super::*;

    fn types() -> Value {
        serde_json::from_str(include_str!("../../../contracts/eip712.json")).unwrap()
    }

    fn check<T: SolStruct>(types: &Value, sample: &T) {
        let expected = types["types"][T::NAME]["type"].as_str().unwrap();
        assert_eq!(T::eip712_encode_type(), expected, "{}", T::NAME);
        assert_eq!(
            sample.eip712_type_hash(),
            keccak256(expected),
            "{}",
            T::NAME
        );
    }

    #[test]
    fn types_are_those_of_the_contracts() {
        let types = types();
        let mut checked = Vec::new();
        macro_rules! all {
            ($($type:ident),*) => {$(
                check(&types, &$type::default());
                checked.push(stringify!($type));
            )*};
        }
        all!(
            SetInstitution,
            AdmitStaff,
            SetStaff,
            PublishKey,
            EnrolPatient,
            Commit,
            Erase,
            Request,
            Grant,
            Revoke,
            Checkpoint
        );
        check(&types, &CommitBatch::of(&[]));
        checked.push("CommitBatch");
        for (name, entry) in types["types"].as_object().unwrap() {
            // Statements that no contract takes belong to the crates that define them.
            if entry["offChain"] != true {
                assert!(
                    checked.contains(&name.as_str()),
                    "{name} has no Rust struct"
                );
            }
        }
        assert_eq!(types["domain"]["name"], DOMAIN_NAME);
        assert_eq!(types["domain"]["version"], DOMAIN_VERSION);
        assert_eq!(
            types["domain"]["type"].as_str().unwrap(),
            domain(1, Address::ZERO).encode_type()
        );
    }

    #[test]
    fn only_canonical_signatures_recover() {
        let key = wallet(&[7; 32]).unwrap();
        let domain = domain(31337, Address::repeat_byte(1));
        let act = Revoke {
            controller: Address::repeat_byte(2),
            id: B256::repeat_byte(3),
        };
        let signature = sign(&act, &domain, &key).unwrap();
        let signer = Signer::address(&key);
        verify(&act, &domain, &signature, signer).unwrap();

        // Another chain or deployment.
        for other in [
            super::domain(1, Address::repeat_byte(1)),
            super::domain(31337, signer),
        ] {
            assert!(matches!(
                verify(&act, &other, &signature, signer),
                Err(Error::WrongSigner { .. })
            ));
        }
        // The other root of the same signature, and the other spelling of v.
        let parsed = Signature::from_raw(&signature).unwrap();
        let n = U256::from_be_bytes(alloy_primitives::hex!(
            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
        ));
        let high = Signature::new(parsed.r(), n - parsed.s(), !parsed.v());
        assert!(matches!(
            recover(&act, &domain, &high.as_bytes()),
            Err(Error::BadSignature)
        ));
        let mut low_v = signature.to_vec();
        low_v[64] -= 27;
        assert!(matches!(
            recover(&act, &domain, &low_v),
            Err(Error::BadSignature)
        ));
        assert!(matches!(
            recover(&act, &domain, &signature[..64]),
            Err(Error::BadSignature)
        ));
    }
}
