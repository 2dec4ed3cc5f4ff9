//! The statement that binds a public sealing key to a wallet.
use acts::{Domain, Signed};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use serde::{Deserialize, Serialize};

use crate::codec::{self, Format1};
use crate::error::{Error, Result, at_most};
use crate::limits;
use crate::manifest::keccak;

/// "Seal to this key what is for this wallet", signed by the wallet (EIP-712, domain: Registry).
/// The chain holds a salted digest of it, so that everyone who was given the statement can tell
/// whether it is the current one, and nobody else learns of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyStatement {
    format: Format1,
    /// The wallet, who signs.
    pub wallet: Address,
    /// The public sealing key: suite byte and key, as `seal::SealingPublic` encodes it.
    pub sealing_public: Bytes,
    /// When it was signed, seconds since 1970.
    pub issued_at: u64,
    /// The wallet's signature.
    pub signature: Bytes,
}

impl KeyStatement {
    /// An unsigned statement; [`KeyStatement::signed`] completes it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty key, [`Error::TooLarge`] for one that no suite has.
    pub fn new(wallet: Address, sealing_public: Bytes, issued_at: u64) -> Result<Self> {
        let statement = Self {
            format: Format1,
            wallet,
            sealing_public,
            issued_at,
            signature: Bytes::new(),
        };
        statement.check()?;
        Ok(statement)
    }

    /// The digest that the wallet signs.
    pub fn digest(&self, domain: &Domain) -> B256 {
        domain.digest(&acts::KeyStatement {
            wallet: self.wallet,
            sealingPublic: self.sealing_public.clone(),
            issuedAt: self.issued_at,
        })
    }

    /// With the wallet's signature.
    #[must_use]
    pub fn signed(mut self, signature: Bytes) -> Self {
        self.signature = signature;
        self
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// As [`acts::check`]. A signature not by the wallet's own key is no error yet: see
    /// [`Signed`].
    pub fn verify(&self, domain: &Domain) -> Result<Signed> {
        self.check()?;
        let digest = self.digest(domain);
        let signed = acts::check("key statement", self.wallet, digest, &self.signature)?;
        Ok(signed)
    }

    /// What the chain holds: keccak256(salt ‖ keccak256(encoding, signature included)).
    pub fn salted_digest(&self, salt: &B256) -> B256 {
        keccak(&[salt.as_slice(), keccak256(self.encode()).as_slice()])
    }

    /// Canonical DAG-CBOR.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical DAG-CBOR and checks limits. Call [`KeyStatement::verify`] next.
    ///
    /// # Errors
    /// [`Error`], saying which field or limit.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let statement: Self = codec::decode("key statement", bytes, limits::KEY_STATEMENT_BYTES)?;
        statement.check()?;
        Ok(statement)
    }

    fn check(&self) -> Result<()> {
        at_most(
            "sealing key",
            self.sealing_public.len(),
            limits::SEALING_KEY_BYTES,
        )?;
        at_most("signature", self.signature.len(), limits::SIGNATURE_BYTES)?;
        if self.sealing_public.len() < 2 {
            return Err(Error::invalid(
                "sealing_public",
                "a suite byte and a key are needed",
            ));
        }
        Ok(())
    }
}
