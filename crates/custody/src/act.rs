//! Acts: what somebody signs and anybody may carry to the chain.
//!
//! An act is the EIP-712 struct of `contracts/eip712.json` with the signatures it needs. Its id is
//! the digest that is signed: the same act has the same id however often it is sent, which makes
//! relaying idempotent.

use alloy_primitives::{Address, B256, Bytes};
use ledger::typed;
use record::Domain;
use serde::{Deserialize, Serialize};

use crate::carry::{OwnCall, When};
use crate::error::{Error, Result};
use crate::keys::WalletKey;
use crate::store::{Document, Kind};

/// Where the contracts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The chain's id (EIP-155).
    pub chain_id: u64,
    /// Their addresses.
    pub contracts: record::Contracts,
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

/// How far an act is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Written down, not sent yet.
    Waiting,
    /// Its signer's own wallet is to send it.
    OwnWallet,
    /// Sent, not in a block yet.
    Pending,
    /// In a block.
    Included,
    /// In a block that will not be taken back.
    Final,
    /// The chain refused it; it did nothing.
    Failed,
    /// Its signer took it back before it was sent.
    Withdrawn,
}

impl Progress {
    /// The name used in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::OwnWallet => "own_wallet",
            Self::Pending => "pending",
            Self::Included => "included",
            Self::Final => "final",
            Self::Failed => "failed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// An act on its way, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// The act's digest.
    pub id: B256,
    /// The act with its signatures.
    pub signed: SignedAct,
    /// How far it is.
    pub progress: Progress,
    /// The transaction that carried it.
    pub tx: Option<B256>,
    /// Gas used.
    pub gas: Option<u64>,
    /// The block it is in.
    pub block: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was written down.
    pub created_at: u64,
    /// The person who handed it in; nobody for the institution's own.
    #[serde(default)]
    pub by: Option<Address>,
    /// The low fee that it waits for.
    #[serde(default)]
    pub held: Option<When>,
    /// The call for its signer's own wallet, if that pays.
    #[serde(default)]
    pub own: Option<OwnCall>,
}

impl Errand {
    /// An act that still has to be sent.
    #[must_use]
    pub fn new(signed: SignedAct, at: &Deployment, now: u64) -> Self {
        Self {
            id: signed.act.digest(at),
            signed,
            progress: Progress::Waiting,
            tx: None,
            gas: None,
            block: None,
            error: None,
            created_at: now,
            by: None,
            held: None,
            own: None,
        }
    }
}

impl Document for Errand {
    const KIND: Kind = Kind::Errand;

    fn id(&self) -> String {
        hex::encode(self.id)
    }

    fn state(&self) -> String {
        self.progress.name().to_owned()
    }

    fn due_at(&self) -> u64 {
        if self.is_done() {
            0
        } else {
            self.created_at.max(1)
        }
    }
}

/// Check that `signer`'s own key signed `digest`; `ask` answers for contract wallets.
pub(crate) async fn check_signature<C>(
    chain: &C,
    what: &'static str,
    signer: Address,
    digest: B256,
    signature: &Bytes,
) -> Result<()>
where
    C: crate::chain::Chain + ?Sized,
{
    if crate::keys::signer_of(digest, signature) == Some(signer) {
        return Ok(());
    }
    if chain.wallet_says_yes(signer, digest, signature).await? {
        return Ok(());
    }
    Err(Error::WrongSignature { what, signer })
}
