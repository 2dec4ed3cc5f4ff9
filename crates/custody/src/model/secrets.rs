//! What travels inside envelopes, and what each envelope is bound to.

use acts::Deployment;
use alloy_primitives::{Address, B256, Bytes};
use cid::Cid;
use rand_core::CryptoRng;
use record::Secret32;
use seal::{EnvelopeAad, RecordKey, SealingPublic, SealingSecret, envelope};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::model::error::{Error, Result};

/// The keys of a version as the institution keeps them.
pub fn version_secrets(key: &seal::RecordKey, salt: B256, manifest: Cid) -> VersionSecrets {
    VersionSecrets {
        key: secret(key.expose()),
        salt,
        manifest,
    }
}

/// Envelope use: the keys of a record version, for its patient and its institution.
pub(crate) const VERSION: &[u8] = b"version";

/// Envelope use: an unsigned draft, for its institution.
pub(crate) const DRAFT: &[u8] = b"draft";

/// Envelope use: part keys, for a grant's recipient.
pub(crate) const PART_KEYS: &[u8] = b"part-keys";

/// Envelope use: the disclosure that goes with part keys.
pub(crate) const DISCLOSURE: &[u8] = b"disclosure";

/// Envelope use: a patient's reason for refusing, for the author.
pub(crate) const REASON: &[u8] = b"reason";

/// Envelope use: a letter, for its reader and its writer.
pub(crate) const LETTER: &[u8] = b"letter";

/// The name under which a manifest's own key is derived. No part can have it: part names hold no
/// slash.
pub(crate) const MANIFEST: &str = "/manifest";

/// All that opens one record version.
#[derive(Clone, PartialEq, Eq)]
pub struct VersionSecrets {
    /// The record key.
    pub key: Secret32,
    /// The commitment's salt.
    pub salt: B256,
    /// CID of the sealed manifest.
    pub manifest: Cid,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct WireSecrets(Secret32, B256, Cid);

impl VersionSecrets {
    /// The record key, ready for deriving part keys.
    #[must_use]
    pub fn record_key(&self) -> RecordKey {
        RecordKey::from_bytes(self.key.expose())
    }

    pub(crate) fn encode(&self) -> Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(160));
        let wire = WireSecrets(self.key.clone(), self.salt, self.manifest);
        serde_ipld_dagcbor::to_writer(&mut *bytes, &wire)
            .map_err(|e| Error::Internal(e.to_string()))?;
        Ok(bytes)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let WireSecrets(key, salt, manifest) = serde_ipld_dagcbor::from_slice(bytes)
            .map_err(|e| Error::invalid("envelope", e.to_string()))?;
        Ok(Self {
            key,
            salt,
            manifest,
        })
    }

    /// Seal to the patient or the institution of the record.
    ///
    /// # Errors
    /// If the recipient's key is unusable.
    pub fn seal_to<R: CryptoRng + ?Sized>(
        &self,
        to: &SealingPublic,
        bound: &Bound,
        rng: &mut R,
    ) -> Result<Bytes> {
        Ok(envelope::seal_to(to, VERSION, &bound.aad(), &self.encode()?, rng)?.into())
    }

    /// Open what [`VersionSecrets::seal_to`] made.
    ///
    /// # Errors
    /// If it was sealed to another key or for something else.
    pub fn open(secret: &SealingSecret, bound: &Bound, sealed: &[u8]) -> Result<Self> {
        Self::decode(&envelope::open(secret, VERSION, &bound.aad(), sealed)?)
    }
}

/// The key that seals a manifest.
#[must_use]
pub fn manifest_key(record: &RecordKey) -> seal::PartKey {
    record.part(MANIFEST)
}

/// What an envelope is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The chain's id.
    pub chain_id: u64,
    /// The contract that the envelope's right stands in: Records for a record's own people,
    /// Consents for a grant's recipient.
    pub contract: Address,
    /// The record version.
    pub commitment: B256,
    /// The grant; zero without one.
    pub grant: B256,
    /// The recipient's wallet.
    pub recipient: Address,
}

impl Bound {
    /// An envelope for a record's own patient or institution.
    #[must_use]
    pub fn to_owner(at: &Deployment, commitment: B256, recipient: Address) -> Self {
        let contract = at.contracts.records;
        Self {
            chain_id: at.chain_id,
            contract,
            commitment,
            grant: B256::ZERO,
            recipient,
        }
    }

    /// An envelope for a grant's recipient.
    #[must_use]
    pub fn to_grantee(at: &Deployment, commitment: B256, grant: B256, recipient: Address) -> Self {
        let contract = at.contracts.consents;
        Self {
            chain_id: at.chain_id,
            contract,
            commitment,
            grant,
            recipient,
        }
    }

    /// A letter for one of the two who write to each other. Letters stand in no contract; the
    /// Registry's address binds them to the deployment.
    #[must_use]
    pub fn to_reader(at: &Deployment, thread: B256, letter: B256, recipient: Address) -> Self {
        Self {
            chain_id: at.chain_id,
            contract: at.contracts.registry,
            commitment: thread,
            grant: letter,
            recipient,
        }
    }

    pub(crate) fn aad(&self) -> EnvelopeAad {
        EnvelopeAad {
            chain_id: self.chain_id,
            contract: self.contract.into(),
            commitment: self.commitment.0,
            grant: self.grant.0,
            recipient: self.recipient.into(),
        }
    }
}

macro_rules! envelope_of {
    ($seal:ident, $open:ident, $info:expr, $what:literal) => {
        #[doc = concat!("Seal ", $what, ".")]
        ///
        /// # Errors
        /// If the recipient's key is unusable or `plain` is too long for an envelope.
        pub fn $seal<R: CryptoRng + ?Sized>(
            to: &SealingPublic,
            bound: &Bound,
            plain: &[u8],
            rng: &mut R,
        ) -> Result<Bytes> {
            Ok(envelope::seal_to(to, $info, &bound.aad(), plain, rng)?.into())
        }

        #[doc = concat!("Open ", $what, ".")]
        ///
        /// # Errors
        /// If it was sealed to another key or for something else.
        pub fn $open(
            secret: &SealingSecret,
            bound: &Bound,
            sealed: &[u8],
        ) -> Result<Zeroizing<Vec<u8>>> {
            Ok(envelope::open(secret, $info, &bound.aad(), sealed)?)
        }
    };
}

envelope_of!(
    seal_draft,
    open_draft,
    DRAFT,
    "an unsigned draft to its institution"
);

envelope_of!(
    seal_part_keys,
    open_part_keys,
    PART_KEYS,
    "part keys to a grant's recipient"
);

envelope_of!(
    seal_disclosure,
    open_disclosure,
    DISCLOSURE,
    "the disclosure that goes with part keys"
);

envelope_of!(
    seal_reason,
    open_reason,
    REASON,
    "a patient's reason for refusing to the author"
);

envelope_of!(
    seal_letter,
    open_letter,
    LETTER,
    "a letter to its reader or its writer"
);

/// A copy of key bytes as a secret that wipes itself.
#[must_use]
pub fn secret(bytes: &[u8; 32]) -> Secret32 {
    Secret32::new(*bytes)
}
