//! Contracts, roles, statements and acts. Written by contracts/scripts/acts.mjs from
//! contracts/eip712.json; not to be edited.

use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolCall as _;
use serde::{Deserialize, Serialize};

use crate::domain::{Deployment, Domain};
use crate::statement::{Call, ChainAct, Kind, Lane, Signatory, Statement, in_order};

/// Name in the EIP-712 domain of all contracts.
pub(crate) const DOMAIN_NAME: &str = "Stele";
/// Version in the EIP-712 domain of all contracts.
pub(crate) const DOMAIN_VERSION: &str = "1";

/// The contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contract {
    /// `Registry`.
    Registry,
    /// `Records`.
    Records,
    /// `Consents`.
    Consents,
    /// `Log`.
    Log,
}

/// Addresses of one deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contracts {
    /// `Registry`.
    pub registry: Address,
    /// `Records`.
    pub records: Address,
    /// `Consents`.
    pub consents: Address,
    /// `Log`.
    pub log: Address,
}

impl Contracts {
    /// Where a contract stands.
    #[must_use]
    pub fn of(&self, contract: Contract) -> Address {
        match contract {
            Contract::Registry => self.registry,
            Contract::Records => self.records,
            Contract::Consents => self.consents,
            Contract::Log => self.log,
        }
    }
}

impl Deployment {
    /// The signing domain of `Registry`.
    #[must_use]
    pub fn registry(&self) -> Domain {
        self.domain(Contract::Registry)
    }

    /// The signing domain of `Records`.
    #[must_use]
    pub fn records(&self) -> Domain {
        self.domain(Contract::Records)
    }

    /// The signing domain of `Consents`.
    #[must_use]
    pub fn consents(&self) -> Domain {
        self.domain(Contract::Consents)
    }

    /// The signing domain of `Log`.
    #[must_use]
    pub fn log(&self) -> Domain {
        self.domain(Contract::Log)
    }
}

/// A staff role, with the number that the Registry gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Role {
    /// Writes and reads reports.
    Doctor = 1,
    /// Takes radiographs.
    Technician = 2,
    /// Nurses.
    Nurse = 3,
    /// Fills prescriptions.
    Pharmacist = 4,
    /// Works for an insurer.
    Insurer = 5,
    /// Asks for data sets.
    Researcher = 6,
    /// Verifies the trail.
    Auditor = 7,
}

impl Role {
    /// Every role, by number.
    pub const ALL: [Self; 7] = [
        Self::Doctor,
        Self::Technician,
        Self::Nurse,
        Self::Pharmacist,
        Self::Insurer,
        Self::Researcher,
        Self::Auditor,
    ];

    /// The role's name, as documents write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Doctor => "doctor",
            Self::Technician => "technician",
            Self::Nurse => "nurse",
            Self::Pharmacist => "pharmacist",
            Self::Insurer => "insurer",
            Self::Researcher => "researcher",
            Self::Auditor => "auditor",
        }
    }
}

pub use types::{
    SetInstitution,
    AdmitStaff,
    SetStaff,
    PublishKey,
    EnrolPatient,
    Commit,
    CommitBatch,
    Erase,
    Request,
    Grant,
    Revoke,
    Checkpoint,
    AuthorStatement,
    KeyStatement,
    IndexStatement,
};

#[allow(missing_docs, reason = "the fields are those of contracts/eip712.json")]
mod types {
    alloy_sol_types::sol! {
        /// Admit, suspend or reinstate an institution.
        #[sol(all_derives)]
        struct SetInstitution {
            address institution;
            uint8 status;
            uint64 nonce;
            uint64 deadline;
        }

        /// Admit a person to an institution.
        #[sol(all_derives)]
        struct AdmitStaff {
            address staff;
            address institution;
            uint8 role;
            uint64 nonce;
            uint64 deadline;
        }

        /// Change a person's role or status.
        #[sol(all_derives)]
        struct SetStaff {
            address staff;
            address institution;
            uint8 role;
            uint8 status;
            uint64 nonce;
            uint64 deadline;
        }

        /// Anchor the salted digest of a key statement.
        #[sol(all_derives)]
        struct PublishKey {
            address wallet;
            bytes32 digest;
            uint64 version;
            uint64 deadline;
        }

        /// Enrol a patient.
        #[sol(all_derives)]
        struct EnrolPatient {
            address institution;
            bytes32 patient;
            uint64 deadline;
        }

        /// Commit a record version.
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

        /// Erase a record.
        #[sol(all_derives)]
        struct Erase {
            address controller;
            uint64 deadline;
        }

        /// Announce a request.
        #[sol(all_derives)]
        struct Request {
            bytes32 id;
            address requester;
            uint64 deadline;
        }

        /// Grant.
        #[sol(all_derives)]
        struct Grant {
            address controller;
            bytes32 id;
            uint64 expiry;
        }

        /// Revoke a grant.
        #[sol(all_derives)]
        struct Revoke {
            address controller;
            bytes32 id;
        }

        /// Anchor a checkpoint of the log.
        #[sol(all_derives)]
        struct Checkpoint {
            address institution;
            uint64 size;
            bytes32 root;
        }

        /// What the author of a record version signs.
        #[sol(all_derives)]
        struct AuthorStatement {
            bytes32 root;
            bytes32 previous;
            bytes32 patient;
            address author;
            address institution;
            uint64 version;
            uint64 createdAt;
        }

        /// Binds a public sealing key to a wallet.
        #[sol(all_derives)]
        struct KeyStatement {
            address wallet;
            bytes sealingPublic;
            uint64 issuedAt;
        }

        /// What a patient signs about a sealed version of the patient's index.
        #[sol(all_derives)]
        struct IndexStatement {
            address owner;
            uint64 version;
            bytes32 previous;
            bytes32 merged;
            bytes32 digest;
        }

        function setInstitution(SetInstitution act, bytes registrarSignature);
        function admitStaff(AdmitStaff act, bytes institutionSignature, bytes staffSignature);
        function setStaff(SetStaff act, bytes institutionSignature);
        function publishKey(PublishKey act, bytes walletSignature);
        function enrolPatient(EnrolPatient act, bytes institutionSignature);
        function commit(Commit act, bytes institutionSignature, bytes controllerSignature);
        function erase(Erase act, bytes controllerSignature);
        function request(Request act, bytes requesterSignature);
        function grant(Grant act, bytes controllerSignature);
        function revoke(Revoke act, bytes controllerSignature);
        function checkpoint(Checkpoint act, bytes institutionSignature);
    }
}

impl Statement for SetInstitution {
    const CONTRACT: Contract = Contract::Registry;
}

impl Statement for AdmitStaff {
    const CONTRACT: Contract = Contract::Registry;
}

impl Statement for SetStaff {
    const CONTRACT: Contract = Contract::Registry;
}

impl Statement for PublishKey {
    const CONTRACT: Contract = Contract::Registry;
}

impl Statement for EnrolPatient {
    const CONTRACT: Contract = Contract::Registry;
}

impl Statement for Commit {
    const CONTRACT: Contract = Contract::Records;
}

impl Statement for CommitBatch {
    const CONTRACT: Contract = Contract::Records;
}

impl Statement for Erase {
    const CONTRACT: Contract = Contract::Records;
}

impl Statement for Request {
    const CONTRACT: Contract = Contract::Consents;
}

impl Statement for Grant {
    const CONTRACT: Contract = Contract::Consents;
}

impl Statement for Revoke {
    const CONTRACT: Contract = Contract::Consents;
}

impl Statement for Checkpoint {
    const CONTRACT: Contract = Contract::Log;
}

impl Statement for AuthorStatement {
    const CONTRACT: Contract = Contract::Records;
}

impl Statement for KeyStatement {
    const CONTRACT: Contract = Contract::Registry;
}

impl Statement for IndexStatement {
    const CONTRACT: Contract = Contract::Records;
}

impl ChainAct for SetInstitution {
    const KIND: Kind = Kind {
        name: "set_institution",
        statement: "SetInstitution",
        contract: Contract::Registry,
        selector: types::setInstitutionCall::SELECTOR,
        signatures: 1,
        gas_ceiling: 80_000,
        lane: Lane::Urgent,
    };

    fn deadline(&self) -> Option<u64> {
        Some(self.deadline)
    }

    fn signers(&self) -> Vec<Signatory> {
        vec![Signatory::Registrar]
    }

    fn calldata(self, signatures: &[Bytes]) -> Bytes {
        let [registrar] = in_order(signatures);
        let call = types::setInstitutionCall {
            act: self,
            registrarSignature: registrar,
        };
        call.abi_encode().into()
    }
}

impl ChainAct for AdmitStaff {
    const KIND: Kind = Kind {
        name: "admit_staff",
        statement: "AdmitStaff",
        contract: Contract::Registry,
        selector: types::admitStaffCall::SELECTOR,
        signatures: 2,
        gas_ceiling: 95_000,
        lane: Lane::Normal,
    };

    fn deadline(&self) -> Option<u64> {
        Some(self.deadline)
    }

    fn signers(&self) -> Vec<Signatory> {
        vec![Signatory::Account(self.institution), Signatory::Account(self.staff)]
    }

    fn calldata(self, signatures: &[Bytes]) -> Bytes {
        let [institution, staff] = in_order(signatures);
        let call = types::admitStaffCall {
            act: self,
            institutionSignature: institution,
            staffSignature: staff,
        };
        call.abi_encode().into()
    }
}

impl ChainAct for SetStaff {
    const KIND: Kind = Kind {
        name: "set_staff",
        statement: "SetStaff",
        contract: Contract::Registry,
        selector: types::setStaffCall::SELECTOR,
        signatures: 1,
        gas_ceiling: 70_000,
        lane: Lane::Urgent,
    };

    fn deadline(&self) -> Option<u64> {
        Some(self.deadline)
    }

    fn signers(&self) -> Vec<Signatory> {
        vec![Signatory::Account(self.institution)]
    }

    fn calldata(self, signatures: &[Bytes]) -> Bytes {
        let [institution] = in_order(signatures);
        let call = types::setStaffCall {
            act: self,
            institutionSignature: institution,
        };
        call.abi_encode().into()
    }
}

impl ChainAct for PublishKey {
    const KIND: Kind = Kind {
        name: "publish_key",
        statement: "PublishKey",
        contract: Contract::Registry,
        selector: types::publishKeyCall::SELECTOR,
        signatures: 1,
        gas_ceiling: 110_000,
        lane: Lane::Normal,
    };

    fn deadline(&self) -> Option<u64> {
        Some(self.deadline)
    }

    fn signers(&self) -> Vec<Signatory> {
        vec![Signatory::Account(self.wallet)]
    }

    fn calldata(self, signatures: &[Bytes]) -> Bytes {
        let [wallet] = in_order(signatures);
        let call = types::publishKeyCall {
            act: self,
            walletSignature: wallet,
        };
        call.abi_encode().into()
    }
}

impl ChainAct for EnrolPatient {
    const KIND: Kind = Kind {
        name: "enrol_patient",
        statement: "EnrolPatient",
        contract: Contract::Registry,
        selector: types::enrolPatientCall::SELECTOR,
        signatures: 1,
        gas_ceiling: 85_000,
        lane: Lane::Normal,
    };

    fn deadline(&self) -> Option<u64> {
        Some(self.deadline)
    }

    fn signers(&self) -> Vec<Signatory> {
        vec![Signatory::Account(self.institution)]
    }

    fn calldata(self, signatures: &[Bytes]) -> Bytes {
        let [institution] = in_order(signatures);
        let call = types::enrolPatientCall {
            act: self,
            institutionSignature: institution,
        };
        call.abi_encode().into()
    }
}

impl ChainAct for Commit {
    const KIND: Kind = Kind {
        name: "commit",
        statement: "Commit",
        contract: Contract::Records,
        selector: types::commitCall::SELECTOR,
        signatures: 2,
        gas_ceiling: 100_000,
        lane: Lane::Normal,
    };

    fn deadline(&self) -> Option<u64> {
        Some(self.deadline)
    }

    fn signers(&self) -> Vec<Signatory> {
        vec![Signatory::Account(self.institution), Signatory::Account(self.controller)]
    }

    fn calldata(self, signatures: &[Bytes]) -> Bytes {
        let [institution, controller] = in_order(signatures);
        let call = types::commitCall {
            act: self,
            institutionSignature: institution,
            controllerSignature: controller,
        };
        call.abi_encode().into()
    }
}

impl ChainAct for Erase {
    const KIND: Kind = Kind {
        name: "erase",
        statement: "Erase",
        contract: Contract::Records,
        selector: types::eraseCall::SELECTOR,
        signatures: 1,
        gas_ceiling: 60_000,
        lane: Lane::Urgent,
    };

    fn deadline(&self) -> Option<u64> {
        Some(self.deadline)
    }

    fn signers(&self) -> Vec<Signatory> {
        vec![Signatory::Account(self.controller)]
    }

    fn calldata(self, signatures: &[Bytes]) -> Bytes {
        let [controller] = in_order(signatures);
        let call = types::eraseCall {
            act: self,
            controllerSignature: controller,
        };
        call.abi_encode().into()
    }
}

impl ChainAct for Request {
    const KIND: Kind = Kind {
        name: "request",
        statement: "Request",
        contract: Contract::Consents,
        selector: types::requestCall::SELECTOR,
        signatures: 1,
        gas_ceiling: 60_000,
        lane: Lane::Normal,
    };

    fn deadline(&self) -> Option<u64> {
        Some(self.deadline)
    }

    fn signers(&self) -> Vec<Signatory> {
        vec![Signatory::Account(self.requester)]
    }

    fn calldata(self, signatures: &[Bytes]) -> Bytes {
        let [requester] = in_order(signatures);
        let call = types::requestCall {
            act: self,
            requesterSignature: requester,
        };
        call.abi_encode().into()
    }
}

impl ChainAct for Grant {
    const KIND: Kind = Kind {
        name: "grant",
        statement: "Grant",
        contract: Contract::Consents,
        selector: types::grantCall::SELECTOR,
        signatures: 1,
        gas_ceiling: 75_000,
        lane: Lane::Normal,
    };

    fn deadline(&self) -> Option<u64> {
        Some(self.expiry)
    }

    fn signers(&self) -> Vec<Signatory> {
        vec![Signatory::Account(self.controller)]
    }

    fn calldata(self, signatures: &[Bytes]) -> Bytes {
        let [controller] = in_order(signatures);
        let call = types::grantCall {
            act: self,
            controllerSignature: controller,
        };
        call.abi_encode().into()
    }
}

impl ChainAct for Revoke {
    const KIND: Kind = Kind {
        name: "revoke",
        statement: "Revoke",
        contract: Contract::Consents,
        selector: types::revokeCall::SELECTOR,
        signatures: 1,
        gas_ceiling: 75_000,
        lane: Lane::Urgent,
    };

    fn deadline(&self) -> Option<u64> {
        None
    }

    fn signers(&self) -> Vec<Signatory> {
        vec![Signatory::Account(self.controller)]
    }

    fn calldata(self, signatures: &[Bytes]) -> Bytes {
        let [controller] = in_order(signatures);
        let call = types::revokeCall {
            act: self,
            controllerSignature: controller,
        };
        call.abi_encode().into()
    }
}

impl ChainAct for Checkpoint {
    const KIND: Kind = Kind {
        name: "checkpoint",
        statement: "Checkpoint",
        contract: Contract::Log,
        selector: types::checkpointCall::SELECTOR,
        signatures: 1,
        gas_ceiling: 80_000,
        lane: Lane::Background,
    };

    fn deadline(&self) -> Option<u64> {
        None
    }

    fn signers(&self) -> Vec<Signatory> {
        vec![Signatory::Account(self.institution)]
    }

    fn calldata(self, signatures: &[Bytes]) -> Bytes {
        let [institution] = in_order(signatures);
        let call = types::checkpointCall {
            act: self,
            institutionSignature: institution,
        };
        call.abi_encode().into()
    }
}

/// What is to be known of each kind of act.
pub(crate) const KINDS: [Kind; 11] = [
    SetInstitution::KIND,
    AdmitStaff::KIND,
    SetStaff::KIND,
    PublishKey::KIND,
    EnrolPatient::KIND,
    Commit::KIND,
    Erase::KIND,
    Request::KIND,
    Grant::KIND,
    Revoke::KIND,
    Checkpoint::KIND,
];

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
    Erase {
        controller: Address,
        deadline: u64,
    },
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
    Revoke {
        controller: Address,
        id: B256,
    },
    /// Anchor a checkpoint of the log.
    Checkpoint {
        institution: Address,
        size: u64,
        root: B256,
    },
}

/// Makes the statement of an act and asks it what every kind of act can answer.
macro_rules! ask {
    ($act:expr, $statement:ident => $answer:expr) => {
        match $act.clone() {
            Act::SetInstitution { institution, status, nonce, deadline } => {
                let $statement = SetInstitution { institution, status, nonce, deadline };
                $answer
            }
            Act::AdmitStaff { staff, institution, role, nonce, deadline } => {
                let $statement = AdmitStaff { staff, institution, role, nonce, deadline };
                $answer
            }
            Act::SetStaff { staff, institution, role, status, nonce, deadline } => {
                let $statement = SetStaff { staff, institution, role, status, nonce, deadline };
                $answer
            }
            Act::PublishKey { wallet, digest, version, deadline } => {
                let $statement = PublishKey { wallet, digest, version, deadline };
                $answer
            }
            Act::EnrolPatient { institution, patient, deadline } => {
                let $statement = EnrolPatient { institution, patient, deadline };
                $answer
            }
            Act::Commit { controller, version, previous, commitment, institution, deadline } => {
                let $statement = Commit { controller, version, previous, commitment, institution, deadline };
                $answer
            }
            Act::Erase { controller, deadline } => {
                let $statement = Erase { controller, deadline };
                $answer
            }
            Act::Request { id, requester, deadline } => {
                let $statement = Request { id, requester, deadline };
                $answer
            }
            Act::Grant { controller, id, expiry } => {
                let $statement = Grant { controller, id, expiry };
                $answer
            }
            Act::Revoke { controller, id } => {
                let $statement = Revoke { controller, id };
                $answer
            }
            Act::Checkpoint { institution, size, root } => {
                let $statement = Checkpoint { institution, size, root };
                $answer
            }
        }
    };
}

impl Act {
    /// The digest that each signer signs; also the act's id.
    #[must_use]
    pub fn digest(&self, at: &Deployment) -> B256 {
        ask!(self, statement => at.digest(&statement))
    }

    /// The call that carries it, with the signatures in the order of its signers. A signature that
    /// is not there is sent empty: the contract refuses it by name.
    #[must_use]
    pub fn call(&self, at: &Deployment, signatures: &[Bytes]) -> Call {
        ask!(self, statement => at.call(statement, signatures))
    }

    /// What is to be known of all acts of its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        ask!(self, statement => statement.kind())
    }

    /// Who signs it, in the order in which the contract takes the signatures.
    #[must_use]
    pub fn signers(&self) -> Vec<Signatory> {
        ask!(self, statement => statement.signers())
    }

    /// The last second at which the contract takes it, if there is one.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        ask!(self, statement => statement.deadline())
    }
}
