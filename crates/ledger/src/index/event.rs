//! The contracts' events, typed.

use alloy_primitives::{Address, B256, Log};
use alloy_sol_types::SolEventInterface;
use serde::{Deserialize, Serialize};

use crate::chain::Status;
use crate::contracts::{Refusal, consents, log, records, registry};
use crate::deployment::Deployment;
use crate::error::{Error, Result};
use crate::logs::Log as RpcLog;

/// An event of one of the four contracts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An institution was admitted, suspended or reinstated.
    InstitutionSet {
        /// Which.
        institution: Address,
        /// Its standing now.
        status: Status,
        /// Nonce that the act used.
        nonce: u64,
    },
    /// A person was admitted, moved, given another role, suspended or reinstated.
    StaffSet {
        /// Who.
        staff: Address,
        /// Where the person works now.
        institution: Address,
        /// As what: the contract's number, see [`crate::Role`].
        role: u8,
        /// Own standing now.
        status: Status,
        /// Nonce that the act used.
        nonce: u64,
    },
    /// A wallet anchored a key statement, or withdrew it (digest zero).
    KeyPublished {
        /// Whose.
        wallet: Address,
        /// Salted digest.
        digest: B256,
        /// How many the wallet has published.
        version: u64,
    },
    /// An institution enrolled a patient.
    PatientEnrolled {
        /// Which institution.
        institution: Address,
        /// Salted commitment.
        patient: B256,
    },
    /// A version of a record was committed.
    Committed {
        /// The record.
        controller: Address,
        /// Its commitment now.
        commitment: B256,
        /// Who made the version.
        institution: Address,
        /// From 1.
        version: u64,
        /// The commitment before; zero for the first.
        previous: B256,
    },
    /// A record was erased.
    Erased {
        /// The record.
        controller: Address,
    },
    /// An item of a batch was left out.
    Skipped {
        /// Whose record.
        controller: Address,
        /// Place in the batch, from 0.
        index: u64,
        /// Why.
        reason: Refusal,
    },
    /// Access was asked for.
    Requested {
        /// Salted digest of the request.
        id: B256,
        /// Who asked.
        requester: Address,
    },
    /// Access was granted.
    Granted {
        /// For which record.
        controller: Address,
        /// Salted digest of the grant.
        id: B256,
        /// Last second it is live, in Unix time.
        expiry: u64,
    },
    /// A grant was revoked, or burnt before it was made.
    Revoked {
        /// For which record.
        controller: Address,
        /// Salted digest of the grant.
        id: B256,
    },
    /// A checkpoint of an institution's log was anchored.
    Anchored {
        /// Whose log.
        institution: Address,
        /// Entries in it.
        size: u64,
        /// Root of its tree.
        root: B256,
    },
}

/// What an event is about, for finding it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`Event::InstitutionSet`].
    Institution,
    /// [`Event::StaffSet`].
    Staff,
    /// [`Event::KeyPublished`].
    Key,
    /// [`Event::PatientEnrolled`].
    Patient,
    /// [`Event::Committed`], [`Event::Erased`].
    Record,
    /// [`Event::Skipped`].
    Skipped,
    /// [`Event::Requested`].
    Request,
    /// [`Event::Granted`], [`Event::Revoked`].
    Grant,
    /// [`Event::Anchored`].
    Checkpoint,
}

impl Kind {
    /// A short name, for a database column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Institution => "institution",
            Self::Staff => "staff",
            Self::Key => "key",
            Self::Patient => "patient",
            Self::Record => "record",
            Self::Skipped => "skipped",
            Self::Request => "request",
            Self::Grant => "grant",
            Self::Checkpoint => "checkpoint",
        }
    }
}

impl Event {
    /// What kind of thing it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Self::InstitutionSet { .. } => Kind::Institution,
            Self::StaffSet { .. } => Kind::Staff,
            Self::KeyPublished { .. } => Kind::Key,
            Self::PatientEnrolled { .. } => Kind::Patient,
            Self::Committed { .. } | Self::Erased { .. } => Kind::Record,
            Self::Skipped { .. } => Kind::Skipped,
            Self::Requested { .. } => Kind::Request,
            Self::Granted { .. } | Self::Revoked { .. } => Kind::Grant,
            Self::Anchored { .. } => Kind::Checkpoint,
        }
    }

    /// Which one it is about: the account it changes (records by their controller), requests by
    /// the requester.
    pub fn subject(&self) -> Address {
        match self {
            Self::InstitutionSet { institution, .. }
            | Self::PatientEnrolled { institution, .. }
            | Self::Anchored { institution, .. } => *institution,
            Self::StaffSet { staff, .. } => *staff,
            Self::KeyPublished { wallet, .. } => *wallet,
            Self::Committed { controller, .. }
            | Self::Erased { controller }
            | Self::Skipped { controller, .. }
            | Self::Granted { controller, .. }
            | Self::Revoked { controller, .. } => *controller,
            Self::Requested { requester, .. } => *requester,
        }
    }

    /// Decodes a log of one of the deployment's contracts; `None` for an event that is not about
    /// state (OpenZeppelin's `EIP712DomainChanged`, which never occurs).
    ///
    /// # Errors
    /// [`Error::Untrustworthy`] for a log that these contracts cannot emit.
    pub fn decode(deployment: &Deployment, log: &Log) -> Result<Option<Self>> {
        let strange =
            |_| Error::Untrustworthy("it sent a log that the contract cannot emit".into());
        if log.address == deployment.registry {
            let event = registry::Registry::RegistryEvents::decode_log(log).map_err(strange)?;
            Self::of_registry(event.data)
        } else if log.address == deployment.records {
            let event = records::Records::RecordsEvents::decode_log(log).map_err(strange)?;
            Ok(Self::of_records(event.data))
        } else if log.address == deployment.consents {
            let event = consents::Consents::ConsentsEvents::decode_log(log).map_err(strange)?;
            Ok(Self::of_consents(event.data))
        } else if log.address == deployment.log {
            let event = log::Log::LogEvents::decode_log(log).map_err(strange)?;
            Ok(Self::of_log(event.data))
        } else {
            Err(Error::Untrustworthy(
                "it sent a log of another contract".into(),
            ))
        }
    }

    fn of_registry(event: registry::Registry::RegistryEvents) -> Result<Option<Self>> {
        use registry::Registry::RegistryEvents as E;
        Ok(Some(match event {
            E::InstitutionSet(e) => Self::InstitutionSet {
                institution: e.institution,
                status: Status::from_number(e.status)?,
                nonce: e.nonce,
            },
            E::StaffSet(e) => Self::StaffSet {
                staff: e.staff,
                institution: e.institution,
                role: e.role,
                status: Status::from_number(e.status)?,
                nonce: e.nonce,
            },
            E::KeyPublished(e) => Self::KeyPublished {
                wallet: e.wallet,
                digest: e.digest,
                version: e.version,
            },
            E::PatientEnrolled(e) => Self::PatientEnrolled {
                institution: e.institution,
                patient: e.patient,
            },
            E::EIP712DomainChanged(_) => return Ok(None),
        }))
    }

    fn of_records(event: records::Records::RecordsEvents) -> Option<Self> {
        use records::Records::RecordsEvents as E;
        Some(match event {
            E::Committed(e) => Self::Committed {
                controller: e.controller,
                commitment: e.commitment,
                institution: e.institution,
                version: e.version,
                previous: e.previous,
            },
            E::Erased(e) => Self::Erased {
                controller: e.controller,
            },
            E::Skipped(e) => Self::Skipped {
                controller: e.controller,
                index: e.index.saturating_to(),
                reason: Refusal::of_selector(e.reason),
            },
            E::EIP712DomainChanged(_) => return None,
        })
    }

    fn of_consents(event: consents::Consents::ConsentsEvents) -> Option<Self> {
        use consents::Consents::ConsentsEvents as E;
        Some(match event {
            E::Requested(e) => Self::Requested {
                id: e.id,
                requester: e.requester,
            },
            E::Granted(e) => Self::Granted {
                controller: e.controller,
                id: e.id,
                expiry: e.expiry,
            },
            E::Revoked(e) => Self::Revoked {
                controller: e.controller,
                id: e.id,
            },
            E::Skipped(e) => Self::Skipped {
                controller: e.controller,
                index: e.index.saturating_to(),
                reason: Refusal::of_selector(e.reason),
            },
            E::EIP712DomainChanged(_) => return None,
        })
    }

    fn of_log(event: log::Log::LogEvents) -> Option<Self> {
        use log::Log::LogEvents as E;
        match event {
            E::Anchored(e) => Some(Self::Anchored {
                institution: e.institution,
                size: e.size,
                root: e.root,
            }),
            E::EIP712DomainChanged(_) => None,
        }
    }
}

/// An event with its place on the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indexed {
    /// Height of its block.
    pub block: u64,
    /// Hash of its block.
    pub block_hash: B256,
    /// Its transaction.
    pub transaction: B256,
    /// Its number in the block; with `block` it orders all events.
    pub log_index: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl Indexed {
    /// Reads a log as an endpoint sends it; `None` for events that are not about state.
    ///
    /// # Errors
    /// [`Error::Untrustworthy`] if the log is incomplete or cannot be.
    pub fn read(deployment: &Deployment, log: &RpcLog) -> Result<Option<Self>> {
        let (Some(block), Some(block_hash), Some(transaction), Some(log_index), false) = (
            log.block_number,
            log.block_hash,
            log.transaction_hash,
            log.log_index,
            log.removed,
        ) else {
            return Err(Error::Untrustworthy(
                "it sent a log without its place".into(),
            ));
        };
        let event = Event::decode(deployment, &log.inner)?;
        Ok(event.map(|event| Self {
            block,
            block_hash,
            transaction,
            log_index,
            event,
        }))
    }
}
