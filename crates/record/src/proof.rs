//! The proof bundle (`FILE.proof`): what anyone needs, beside an Ethereum endpoint, to verify a
//! record and the trail of its touches. It holds no key and opens nothing.
use acts::{Contracts, Domain, Signed, WalletQuestion};
use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::codec::{self, Format1};
use crate::disclosure::Disclosure;
use crate::error::{Error, Result, at_most};
use crate::grant::GrantDocument;
use crate::manifest::{Header, Part};
use crate::{limits, merkle};

/// A log entry in the clear, with the proof that an institution's log holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogProof {
    /// The institution whose log it is.
    pub institution: Address,
    /// The entry in the clear.
    pub entry: Bytes,
    /// The entry's salt.
    pub salt: B256,
    /// Index of the entry in the log.
    pub leaf: u64,
    /// Size of the log at the checkpoint.
    pub size: u64,
    /// Root of the log at the checkpoint.
    pub root: B256,
    /// Inclusion proof, from the leaf upwards.
    pub path: Vec<B256>,
}

impl LogProof {
    /// The leaf's data, all that the log itself holds of the entry:
    /// SHA-256("stele/log-entry/v1" ‖ 0x00 ‖ salt ‖ entry).
    pub fn salted_digest(&self) -> B256 {
        let hash = Sha256::new()
            .chain_update(b"stele/log-entry/v1\0")
            .chain_update(self.salt)
            .chain_update(&self.entry)
            .finalize();
        B256::from(<[u8; 32]>::from(hash))
    }

    /// Checks that the entry is in the log of that root.
    ///
    /// # Errors
    /// [`Error::WrongProof`].
    pub fn verify(&self) -> Result<()> {
        at_most("inclusion proof", self.path.len(), limits::PATH_HASHES)?;
        let leaf = merkle::leaf_hash(self.salted_digest().as_slice());
        if merkle::root_from_path(leaf, self.leaf, self.size, &self.path) == Some(self.root) {
            return Ok(());
        }
        Err(Error::WrongProof {
            what: format!("log entry {}", self.leaf),
        })
    }
}

/// A transaction of the record's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TxRef {
    /// What it did: `commit`, `grant`, `revoke`, `checkpoint` ….
    pub what: String,
    /// Its hash.
    pub hash: B256,
}

/// The proof bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofBundle {
    format: Format1,
    /// Chain id.
    pub chain_id: u64,
    /// The deployment.
    pub contracts: Contracts,
    /// The record's controller.
    pub controller: Address,
    /// The commitment that the bundle is about.
    pub commitment: B256,
    /// Header and parts, with salt, root and manifest CID.
    pub disclosure: Disclosure,
    /// Grants of the record that the holder wants to show.
    pub grants: Vec<GrantDocument>,
    /// Log entries about the record.
    pub log: Vec<LogProof>,
    /// Transactions.
    pub transactions: Vec<TxRef>,
}

/// Something that only the chain can confirm, for the caller to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainFact {
    /// `Records.current(controller)` is the commitment; where a later version stands, an event
    /// `Committed` with this commitment, version and institution exists for the controller.
    Committed {
        /// The Records contract.
        records: Address,
        /// The record's controller.
        controller: Address,
        /// The commitment.
        commitment: B256,
        /// The commitment before it; zero in version 1.
        previous: B256,
        /// The version's number.
        version: u64,
        /// The institution that signed the commit.
        institution: Address,
    },
    /// The institution was active in the Registry at that time.
    InstitutionActive {
        /// The Registry contract.
        registry: Address,
        /// The institution.
        institution: Address,
        /// Unix seconds.
        at: u64,
    },
    /// The person was active staff of the institution at that time.
    StaffActive {
        /// The Registry contract.
        registry: Address,
        /// The person.
        wallet: Address,
        /// The institution.
        institution: Address,
        /// Unix seconds.
        at: u64,
    },
    /// The patient was enrolled at the institution.
    Enrolled {
        /// The Registry contract.
        registry: Address,
        /// The institution.
        institution: Address,
        /// The patient's commitment.
        patient: B256,
    },
    /// The institution anchored a checkpoint of this size and root.
    Checkpoint {
        /// The Log contract.
        log: Address,
        /// The institution.
        institution: Address,
        /// Size of the log.
        size: u64,
        /// Its root.
        root: B256,
    },
    /// The grant stands on chain under the controller with this expiry; live or revoked is for
    /// the caller to report.
    Grant {
        /// The Consents contract.
        consents: Address,
        /// The record's controller.
        controller: Address,
        /// The grant's id.
        id: B256,
        /// Its last live second.
        expiry: u64,
    },
    /// A contract wallet confirms a signature (ERC-1271).
    Wallet(WalletQuestion),
    /// The transaction is in the chain and succeeded.
    Transaction(TxRef),
}

/// What a proof bundle proves by itself, and what remains to be asked of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofReport<'a> {
    /// The record version's header.
    pub header: &'a Header,
    /// The parts that are shown.
    pub parts: Vec<&'a Part>,
    /// Number of parts that stay hidden.
    pub hidden: u64,
    /// Number of log entries whose inclusion was proven.
    pub log_entries: usize,
    /// Facts that the caller must confirm on chain. The bundle proves nothing without them.
    pub facts: Vec<ChainFact>,
}

/// The fields of a new bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProof {
    /// Chain id.
    pub chain_id: u64,
    /// The deployment.
    pub contracts: Contracts,
    /// The record's controller.
    pub controller: Address,
    /// Header and parts.
    pub disclosure: Disclosure,
    /// Grants to show.
    pub grants: Vec<GrantDocument>,
    /// Log entries.
    pub log: Vec<LogProof>,
    /// Transactions.
    pub transactions: Vec<TxRef>,
}

impl ProofBundle {
    /// A bundle about the disclosure's commitment.
    ///
    /// # Errors
    /// [`Error`], when a field, limit or proof does not hold.
    pub fn new(new: NewProof) -> Result<Self> {
        let bundle = Self {
            format: Format1,
            chain_id: new.chain_id,
            contracts: new.contracts,
            controller: new.controller,
            commitment: new.disclosure.commitment(),
            disclosure: new.disclosure,
            grants: new.grants,
            log: new.log,
            transactions: new.transactions,
        };
        bundle.check()?;
        Ok(bundle)
    }

    /// Checks all that needs no chain and lists the facts that do.
    ///
    /// # Errors
    /// [`Error`], saying what does not hold: commitment, proofs, signature form, grants of another
    /// record, log entries that are not in the log.
    pub fn verify(&self) -> Result<ProofReport<'_>> {
        self.check()?;
        let domain = Domain {
            chain_id: self.chain_id,
            contract: self.contracts.records,
        };
        let shown = self.disclosure.verify(self.commitment, &domain)?;
        self.log.iter().try_for_each(LogProof::verify)?;
        let mut facts = self.facts();
        if let Signed::AskWallet(question) = shown.author {
            facts.push(ChainFact::Wallet(question));
        }
        let (header, parts, hidden) = (shown.header, shown.parts, shown.hidden);
        Ok(ProofReport {
            header,
            parts,
            hidden,
            log_entries: self.log.len(),
            facts,
        })
    }

    fn facts(&self) -> Vec<ChainFact> {
        let header = &self.disclosure.header;
        let Contracts {
            registry,
            records,
            consents,
            log,
        } = self.contracts;
        let (institution, at) = (header.institution, header.created_at);
        let controller = self.controller;
        let mut facts = vec![
            ChainFact::Committed {
                records,
                controller,
                commitment: self.commitment,
                previous: header.previous.unwrap_or_default(),
                version: header.version,
                institution,
            },
            ChainFact::InstitutionActive {
                registry,
                institution,
                at,
            },
            ChainFact::StaffActive {
                registry,
                wallet: header.author,
                institution,
                at,
            },
            ChainFact::Enrolled {
                registry,
                institution,
                patient: header.patient,
            },
        ];
        facts.extend(self.grants.iter().map(|grant| ChainFact::Grant {
            consents,
            controller,
            id: grant.id(),
            expiry: grant.until,
        }));
        let mut checkpoints: Vec<_> = self
            .log
            .iter()
            .map(|proof| (proof.institution, proof.size, proof.root))
            .collect();
        checkpoints.sort();
        checkpoints.dedup();
        facts.extend(checkpoints.into_iter().map(|(institution, size, root)| {
            ChainFact::Checkpoint {
                log,
                institution,
                size,
                root,
            }
        }));
        facts.extend(
            self.transactions
                .iter()
                .cloned()
                .map(ChainFact::Transaction),
        );
        facts
    }

    /// Canonical DAG-CBOR, the content of `FILE.proof`.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical DAG-CBOR and checks fields and limits. Call [`ProofBundle::verify`] next.
    ///
    /// # Errors
    /// [`Error`], saying which field or limit.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let bundle: Self = codec::decode("proof bundle", bytes, limits::PROOF_BYTES)?;
        bundle.check()?;
        Ok(bundle)
    }

    fn check(&self) -> Result<()> {
        at_most("log entries", self.log.len(), limits::PROOF_LOG_ENTRIES)?;
        at_most(
            "transactions",
            self.transactions.len(),
            limits::PROOF_TRANSACTIONS,
        )?;
        at_most("grants", self.grants.len(), limits::PROOF_LOG_ENTRIES)?;
        for proof in &self.log {
            at_most("log entry", proof.entry.len(), limits::LOG_ENTRY_BYTES)?;
            at_most("inclusion proof", proof.path.len(), limits::PATH_HASHES)?;
        }
        for tx in &self.transactions {
            at_most("transaction name", tx.what.len(), limits::PART_NAME_BYTES)?;
        }
        for grant in &self.grants {
            grant.check()?;
            if grant.controller != self.controller {
                return Err(Error::invalid("grants", "a grant is of another record"));
            }
        }
        self.disclosure.check()
    }
}
