//! Verification: anyone checks a proof bundle, trusting the chain alone.
//!
//! [`record::ProofBundle::verify`] checks all that needs no chain and lists the facts that do;
//! here each of them is put to a [`Witness`], an Ethereum endpoint. No node of ours is asked.

use alloy_primitives::B256;
use async_trait::async_trait;
use record::{ChainFact, ProofBundle};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Result;

/// What the chain says to one fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// Whether everything holds.
    pub holds: bool,
    /// The commitment that the bundle is about.
    #[schema(value_type = String)]
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
    /// Whether the chain confirms a fact.
    async fn confirm(&self, fact: &ChainFact) -> Result<Finding>;
}

/// Verify a proof bundle.
///
/// # Errors
/// If the bundle contradicts itself, or the chain cannot be asked.
pub async fn verify<W: Witness + ?Sized>(bundle: &ProofBundle, witness: &W) -> Result<Verdict> {
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
