//! Verification: anyone checks a proof bundle, trusting the chain alone.
//!
//! [`record::ProofBundle::verify`] checks all that needs no chain and lists the facts that do;
//! here each of them is put to a [`Witness`], an Ethereum endpoint. No node of ours is asked.

use std::sync::Arc;

use acts::Deployment;
use alloy_primitives::{Address, B256};
use async_trait::async_trait;
use custody::model::error::{ChainError, Error, Result};
use ledger::event_index::{Event, IndexStore as _, Indexed, Kind, MemoryIndex};
use ledger::rpc::At;
use record::{ChainFact, ProofBundle, TxRef, WalletQuestion};
use serde::{Deserialize, Serialize};

/// What the chain says to one fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The fact, in words.
    pub fact: String,
    /// Whether the chain confirms it.
    pub holds: bool,
    /// What the chain says besides, for example that a later version stands or that a grant was
    /// revoked.
    pub note: Option<String>,
}

/// What a proof bundle proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether everything holds.
    pub holds: bool,
    /// The commitment that the bundle is about.
    pub commitment: B256,
    /// Parts that are shown.
    pub parts: Vec<String>,
    /// Parts that stay hidden.
    pub hidden: u64,
    /// Log entries whose inclusion is proven.
    pub log_entries: usize,
    /// Every fact that was put to the chain.
    pub findings: Vec<Finding>,
}

/// Whoever can be asked about the chain.
#[async_trait]
pub trait Witness: Send + Sync {
    /// The deployment that it reads.
    fn deployment(&self) -> Deployment;
    /// Whether the chain confirms a fact.
    async fn confirm(&self, fact: &ChainFact) -> Result<Finding>;
}

/// Verify a proof bundle.
///
/// # Errors
/// If the bundle contradicts itself, or the chain cannot be asked.
pub async fn verify<W: Witness + ?Sized>(bundle: &ProofBundle, witness: &W) -> Result<Verdict> {
    let at = witness.deployment();
    if bundle.chain_id != at.chain_id || bundle.contracts != at.contracts {
        // A bundle can be right about contracts of somebody's own.
        return Err(Error::invalid(
            "contracts",
            "the bundle is of another deployment",
        ));
    }
    let report = bundle.verify()?;
    let mut findings = Vec::with_capacity(report.facts.len());
    for fact in &report.facts {
        findings.push(witness.confirm(fact).await?);
    }
    Ok(Verdict {
        holds: findings.iter().all(|f| f.holds),
        commitment: bundle.commitment,
        parts: report.parts.iter().map(|p| p.name.clone()).collect(),
        hidden: report.hidden,
        log_entries: report.log_entries,
        findings,
    })
}

/// An Ethereum endpoint as the witness: it reads the contracts' events from the deployment's first
/// block and asks for nothing else.
pub struct ChainWitness {
    pub(crate) chain: ledger::Chain,
    pub(crate) events: Arc<MemoryIndex>,
}

/// Clocks of authors and of blocks may differ by this many seconds.
pub(crate) const SKEW: u64 = 600;

impl ChainWitness {
    /// Read the events of a deployment.
    ///
    /// # Errors
    /// If the endpoint does not answer or contradicts itself.
    pub async fn read(chain: ledger::Chain) -> Result<Self> {
        let events = Arc::new(MemoryIndex::default());
        let settings = ledger::event_index::Settings::default();
        ledger::Indexer::new(chain.clone(), events.clone(), settings)
            .catch_up()
            .await
            .map_err(silent)?;
        Ok(Self { chain, events })
    }

    pub(crate) async fn of(&self, kind: Kind, subject: Address) -> Result<Vec<Indexed>> {
        self.events.events_of(kind, subject).await.map_err(silent)
    }

    pub(crate) async fn time_of(&self, block: u64) -> Result<u64> {
        let found = self
            .chain
            .endpoint()
            .block(At::Number(block))
            .await
            .map_err(silent)?;
        found
            .map(|b| b.timestamp)
            .ok_or_else(|| ChainError::Silent(format!("it has lost block {block}")).into())
    }

    /// The last event of a kind about a subject that was in force at a time.
    pub(crate) async fn in_force(
        &self,
        kind: Kind,
        subject: Address,
        at: u64,
    ) -> Result<Option<Event>> {
        let mut last = None;
        for indexed in self.of(kind, subject).await? {
            if self.time_of(indexed.block).await? > at.saturating_add(SKEW) {
                break;
            }
            last = Some(indexed.event);
        }
        Ok(last)
    }

    pub(crate) async fn committed(&self, wanted: &ChainFact) -> Result<Finding> {
        let ChainFact::Committed {
            controller,
            commitment,
            previous,
            version,
            institution,
            ..
        } = *wanted
        else {
            return Ok(finding("no commit".to_owned(), false, None));
        };
        let events = self.of(Kind::Record, controller).await?;
        let holds = events.iter().any(|e| {
            e.event
                == Event::Committed {
                    controller,
                    commitment,
                    institution,
                    version,
                    previous,
                }
        });
        let note = match events.last().map(|e| &e.event) {
            Some(Event::Erased { .. }) => Some("the record was erased since".to_owned()),
            Some(Event::Committed {
                version: newest, ..
            }) if *newest > version => Some(format!("version {newest} stands now")),
            _ => None,
        };
        let fact = format!("version {version} of {controller} was committed by {institution}");
        Ok(finding(fact, holds, note))
    }

    pub(crate) async fn granted(
        &self,
        controller: Address,
        id: B256,
        expiry: u64,
    ) -> Result<Finding> {
        let events = self.of(Kind::Grant, controller).await?;
        let holds = events.iter().any(|e| {
            e.event
                == Event::Granted {
                    controller,
                    id,
                    expiry,
                }
        });
        let revoked = events
            .iter()
            .any(|e| e.event == Event::Revoked { controller, id });
        let note = revoked.then(|| "it was revoked since".to_owned());
        Ok(finding(
            format!("grant {id} was given until {expiry}"),
            holds,
            note,
        ))
    }

    async fn institution_active(&self, institution: Address, at: u64) -> Result<Finding> {
        let event = self.in_force(Kind::Institution, institution, at).await?;
        let holds = matches!(
            event,
            Some(Event::InstitutionSet {
                status: ledger::Status::Active,
                ..
            })
        );
        Ok(finding(
            format!("{institution} was an active institution"),
            holds,
            None,
        ))
    }

    async fn staff_active(
        &self,
        wallet: Address,
        institution: Address,
        at: u64,
    ) -> Result<Finding> {
        let event = self.in_force(Kind::Staff, wallet, at).await?;
        let holds = matches!(
            event,
            Some(Event::StaffSet { institution: place, status: ledger::Status::Active, .. })
                if place == institution
        );
        Ok(finding(
            format!("{wallet} was active staff of {institution}"),
            holds,
            None,
        ))
    }

    async fn enrolled(&self, institution: Address, patient: B256) -> Result<Finding> {
        let enrolled = self.chain.enrolled(institution, patient).await;
        let holds = enrolled.map_err(silent)?;
        Ok(finding(
            format!("the patient is enrolled at {institution}"),
            holds,
            None,
        ))
    }

    async fn anchored(&self, institution: Address, size: u64, root: B256) -> Result<Finding> {
        let event = Event::Anchored {
            institution,
            size,
            root,
        };
        let events = self.of(Kind::Checkpoint, institution).await?;
        let holds = events.iter().any(|e| e.event == event);
        let fact = format!("{institution} anchored its log of {size} entries");
        Ok(finding(fact, holds, None))
    }

    async fn signed(&self, question: &WalletQuestion) -> Result<Finding> {
        let (wallet, digest) = (question.wallet, question.digest);
        let signed = self
            .chain
            .is_signed_by(wallet, digest, &question.signature)
            .await;
        let fact = format!("{wallet} confirms its {}", question.what);
        Ok(finding(fact, signed.map_err(silent)?, None))
    }

    async fn succeeded(&self, tx: &TxRef) -> Result<Finding> {
        let receipt = self
            .chain
            .endpoint()
            .receipt(tx.hash)
            .await
            .map_err(silent)?;
        let holds = receipt.is_some_and(|r| r.status == 1);
        Ok(finding(
            format!("transaction {} ({}) succeeded", tx.hash, tx.what),
            holds,
            None,
        ))
    }
}

pub(crate) fn finding(fact: String, holds: bool, note: Option<String>) -> Finding {
    Finding { fact, holds, note }
}

pub(crate) fn silent(error: ledger::Error) -> Error {
    ChainError::Silent(error.to_string()).into()
}

#[async_trait]
impl Witness for ChainWitness {
    fn deployment(&self) -> Deployment {
        self.chain.deployment().into()
    }

    async fn confirm(&self, fact: &ChainFact) -> Result<Finding> {
        match fact {
            ChainFact::Committed { .. } => self.committed(fact).await,
            ChainFact::InstitutionActive {
                institution, at, ..
            } => self.institution_active(*institution, *at).await,
            ChainFact::StaffActive {
                wallet,
                institution,
                at,
                ..
            } => self.staff_active(*wallet, *institution, *at).await,
            ChainFact::Enrolled {
                institution,
                patient,
                ..
            } => self.enrolled(*institution, *patient).await,
            ChainFact::Checkpoint {
                institution,
                size,
                root,
                ..
            } => self.anchored(*institution, *size, *root).await,
            ChainFact::Grant {
                controller,
                id,
                expiry,
                ..
            } => self.granted(*controller, *id, *expiry).await,
            ChainFact::Wallet(question) => self.signed(question).await,
            ChainFact::Transaction(tx) => self.succeeded(tx).await,
            other => Ok(finding(
                format!("{other:?}"),
                false,
                Some("not known here".to_owned()),
            )),
        }
    }
}
