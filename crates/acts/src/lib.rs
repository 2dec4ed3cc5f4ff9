//! Every statement that a person signs for the chain.

use alloy_primitives::{Address, B256, Bytes};
use k256::ecdsa::SigningKey;
use ledger::typed;
use record::Domain;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;



/// Where the contracts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The chain's id (EIP-155).
    pub chain_id: u64,
    /// Their addresses.
    pub contracts: record::Contracts,
}

impl Deployment {
    /// The signing domain of the Registry.
    #[must_use]
    pub fn registry(&self) -> Domain {
        Domain {
            chain_id: self.chain_id,
            contract: self.contracts.registry,
        }
    }

    /// The signing domain of Records.
    #[must_use]
    pub fn records(&self) -> Domain {
        Domain {
            chain_id: self.chain_id,
            contract: self.contracts.records,
        }
    }

    /// The signing domain of Consents.
    #[must_use]
    pub fn consents(&self) -> Domain {
        Domain {
            chain_id: self.chain_id,
            contract: self.contracts.consents,
        }
    }

    /// The signing domain of the Log.
    #[must_use]
    pub fn log(&self) -> Domain {
        Domain {
            chain_id: self.chain_id,
            contract: self.contracts.log,
        }
    }
}

/// An act without its signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of contracts/eip712.json")]
pub enum Act {
    /// Admit, suspend or reinstate an institution.
    SetInstitution {
        institution: Address,
        status: u8,
        nonce: u64,
        deadline: u64,
    },
    /// Admit a person to an institution.
    AdmitStaff {
        staff: Address,
        institution: Address,
        role: u8,
        nonce: u64,
        deadline: u64,
    },
    /// Change a person's role or status.
    SetStaff {
        staff: Address,
        institution: Address,
        role: u8,
        status: u8,
        nonce: u64,
        deadline: u64,
    },
    /// Anchor the salted digest of a key statement.
    PublishKey {
        wallet: Address,
        digest: B256,
        version: u64,
        deadline: u64,
    },
    /// Enrol a patient.
    EnrolPatient {
        institution: Address,
        patient: B256,
        deadline: u64,
    },
    /// Commit a record version.
    Commit {
        controller: Address,
        version: u64,
        previous: B256,
        commitment: B256,
        institution: Address,
        deadline: u64,
    },
    /// Erase a record.
    Erase { controller: Address, deadline: u64 },
    /// Announce a request.
    Request {
        id: B256,
        requester: Address,
        deadline: u64,
    },
    /// Grant.
    Grant {
        controller: Address,
        id: B256,
        expiry: u64,
    },
    /// Revoke a grant.
    Revoke { controller: Address, id: B256 },
    /// Anchor a checkpoint of the log.
    Checkpoint {
        institution: Address,
        size: u64,
        root: B256,
    },
}

impl Act {
    /// The digest that each signer signs; also the act's id.
    #[must_use]
    pub fn digest(&self, at: &Deployment) -> B256 {
        match *self {
            Self::SetInstitution {
                institution,
                status,
                nonce,
                deadline,
            } => at.registry().digest(&typed::SetInstitution {
                institution,
                status,
                nonce,
                deadline,
            }),
            Self::AdmitStaff {
                staff,
                institution,
                role,
                nonce,
                deadline,
            } => at.registry().digest(&typed::AdmitStaff {
                staff,
                institution,
                role,
                nonce,
                deadline,
            }),
            Self::SetStaff {
                staff,
                institution,
                role,
                status,
                nonce,
                deadline,
            } => at.registry().digest(&typed::SetStaff {
                staff,
                institution,
                role,
                status,
                nonce,
                deadline,
            }),
            Self::PublishKey {
                wallet,
                digest,
                version,
                deadline,
            } => at.registry().digest(&typed::PublishKey {
                wallet,
                digest,
                version,
                deadline,
            }),
            Self::EnrolPatient {
                institution,
                patient,
                deadline,
            } => at.registry().digest(&typed::EnrolPatient {
                institution,
                patient,
                deadline,
            }),
            Self::Commit {
                controller,
                version,
                previous,
                commitment,
                institution,
                deadline,
            } => at.records().digest(&typed::Commit {
                controller,
                version,
                previous,
                commitment,
                institution,
                deadline,
            }),
            Self::Erase {
                controller,
                deadline,
            } => at.records().digest(&typed::Erase {
                controller,
                deadline,
            }),
            Self::Request {
                id,
                requester,
                deadline,
            } => at.consents().digest(&typed::Request {
                id,
                requester,
                deadline,
            }),
            Self::Grant {
                controller,
                id,
                expiry,
            } => at.consents().digest(&typed::Grant {
                controller,
                id,
                expiry,
            }),
            Self::Revoke { controller, id } => {
                at.consents().digest(&typed::Revoke { controller, id })
            }
            Self::Checkpoint {
                institution,
                size,
                root,
            } => at.log().digest(&typed::Checkpoint {
                institution,
                size,
                root,
            }),
        }
    }

    /// The last second at which the contract takes it, if there is one.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        match *self {
            Self::SetInstitution { deadline, .. }
            | Self::AdmitStaff { deadline, .. }
            | Self::SetStaff { deadline, .. }
            | Self::PublishKey { deadline, .. }
            | Self::EnrolPatient { deadline, .. }
            | Self::Commit { deadline, .. }
            | Self::Erase { deadline, .. }
            | Self::Request { deadline, .. }
            | Self::Grant {
                expiry: deadline, ..
            } => Some(deadline),
            Self::Revoke { .. } | Self::Checkpoint { .. } => None,
        }
    }

    /// Its name in the contracts' words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::SetInstitution { .. } => "set_institution",
            Self::AdmitStaff { .. } => "admit_staff",
            Self::SetStaff { .. } => "set_staff",
            Self::PublishKey { .. } => "publish_key",
            Self::EnrolPatient { .. } => "enrol_patient",
            Self::Commit { .. } => "commit",
            Self::Erase { .. } => "erase",
            Self::Request { .. } => "request",
            Self::Grant { .. } => "grant",
            Self::Revoke { .. } => "revoke",
            Self::Checkpoint { .. } => "checkpoint",
        }
    }

    /// Sign it.
    #[must_use]
    pub fn sign(&self, at: &Deployment, key: &WalletKey) -> Bytes {
        Bytes::copy_from_slice(&key.sign(self.digest(at)))
    }
}

/// An act with its signatures, in the order in which the contract takes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedAct {
    /// The act.
    pub act: Act,
    /// The signatures.
    pub signatures: Vec<Bytes>,
}

/// The bytes are no secp256k1 private key.
#[derive(Debug, thiserror::Error)]
#[error("the bytes are not a secp256k1 private key")]
pub struct Error;

/// A secp256k1 private key that signs digests. Wiped when dropped (as `k256` does).
pub struct WalletKey {
    pub(crate) key: SigningKey,
    pub(crate) address: Address,
}

impl WalletKey {
    /// The key with this scalar, 32 bytes big-endian.
    ///
    /// # Errors
    /// If it is not in `1..n`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let key = SigningKey::from_slice(bytes).map_err(|_| Error)?;
        let point = key.verifying_key().to_sec1_point(false);
        // An uncompressed point is 0x04 and 64 bytes; the address is the hash of these (Yellow
        // Paper, appendix F).
        let hash = alloy_primitives::keccak256(&point.as_bytes()[1..]);
        Ok(Self {
            key,
            address: Address::from_slice(&hash[12..]),
        })
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

    /// Sign a 32-byte digest: 65 bytes, `r ‖ s ‖ v` with low `s` and `v` 27 or 28.
    #[must_use]
    pub fn sign(&self, digest: B256) -> [u8; 65] {
        let (signature, recovery) = self.key.sign_prehash_recoverable(digest.as_slice());
        let mut bytes = [0u8; 65];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        bytes[64] = 27 + u8::from(recovery.is_y_odd());
        bytes
    }
}

/// Which key signed a 32-byte digest.
pub fn recover(digest: &B256, signature: &[u8]) -> Result<Address, Error> {
    ledger::typed::recover_digest(digest, signature).map_err(|_| Error)
}

impl From<&ledger::Deployment> for Deployment {
    fn from(file: &ledger::Deployment) -> Self {
        let contracts = record::Contracts {
            registry: file.registry,
            records: file.records,
            consents: file.consents,
            log: file.log,
        };
        Self {
            chain_id: file.chain_id,
            contracts,
        }
    }
}
