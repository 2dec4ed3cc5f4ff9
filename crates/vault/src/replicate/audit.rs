//! Looking whether replicas are still there, and mending them.

use std::fmt;
use std::sync::Arc;

use cid::Cid;
use rand_core::Rng;
use serde_bytes::ByteArray;

use super::{Answer, Challenge, MAX_PROBES, Peer, Probe, Proof, Replicator};
use crate::block::Block;
use crate::dag::{self, DagLimits};
use crate::engine::Verified;
use crate::{Error, Result};

/// Longest range that a probe asks for, in bytes.
const MAX_RANGE: u64 = 64 * 1024;

/// What is wrong with a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The holder does not have the block any more.
    Missing,
    /// The block's bytes were changed where it is kept.
    Damaged,
    /// The holder claims to have it but could not prove it.
    Unproven,
    /// The holder did not answer.
    Unreachable,
    /// The holder's answer was not signed by it, or not to the question.
    FalseStatement,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Unproven => "unproven",
            Self::Unreachable => "unreachable",
            Self::FalseStatement => "false statement",
        })
    }
}

/// A fault that was found, with who held what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The root whose copy it concerns.
    pub root: Cid,
    /// Who holds that copy (`keyid`).
    pub holder: String,
    /// The block; None when the holder as a whole is meant.
    pub block: Option<Cid>,
    /// What is wrong.
    pub fault: Fault,
    /// When it was found, in unix seconds.
    pub at: u64,
    /// Details for the log.
    pub detail: String,
}

/// What was done about a finding; for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// What was found.
    pub finding: Finding,
    /// Where the sound bytes came from (`keyid`), if there were any.
    pub source: Option<String>,
    /// Whether the copy is sound again, by proof.
    pub mended: bool,
    /// What went wrong if it is not.
    pub detail: String,
    /// When, in unix seconds.
    pub at: u64,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding {
            root,
            holder,
            block,
            fault,
            ..
        } = &self.finding;
        let block = block.map_or_else(|| "the copy".to_owned(), |cid| format!("block {cid}"));
        let outcome = match (&self.source, self.mended) {
            (Some(source), true) => format!("mended from {source}"),
            _ => format!("not mended: {}", self.detail),
        };
        write!(f, "{fault}: {block} of {root}, held by {holder}; {outcome}")
    }
}

impl Replicator {
    /// Challenges every holder of every root: `sample` random blocks each, a random range of
    /// each. Looks at the home node's copies first.
    ///
    /// # Errors
    /// [`Error::Book`] and the home engine's; what holders do wrong are findings.
    pub async fn audit(
        &self,
        rng: &mut (impl Rng + ?Sized),
        sample: usize,
    ) -> Result<Vec<Finding>> {
        let mut found = Vec::new();
        for root in self.roots().await? {
            found.extend(self.audit_root(rng, &root, sample).await?);
        }
        Ok(found)
    }

    /// As [`Self::audit`], for one root.
    ///
    /// # Errors
    /// As [`Self::audit`].
    pub async fn audit_root(
        &self,
        rng: &mut (impl Rng + ?Sized),
        root: &Cid,
        sample: usize,
    ) -> Result<Vec<Finding>> {
        let vault = self.home.vault();
        let lacking = dag::lacking(vault.as_ref(), root, DagLimits::default()).await?;
        if !lacking.is_empty() {
            let findings = lacking
                .into_iter()
                .map(|cid| self.home_finding(root, cid, Fault::Missing));
            return Ok(findings.collect());
        }
        let blocks = dag::walk(vault.as_ref(), root, DagLimits::default()).await?;
        let mut found = Vec::new();
        for receipt in self.receipts(root).await? {
            let Some(peer) = self.peer(&receipt.holder) else {
                found.push(self.finding(
                    root,
                    &receipt.holder,
                    None,
                    Fault::Unreachable,
                    "no longer a peer",
                ));
                continue;
            };
            let chosen: Vec<Cid> = (0..sample.min(MAX_PROBES))
                .map(|_| blocks[below(rng, blocks.len() as u64) as usize])
                .collect();
            found.extend(self.probe(rng, root, peer, &chosen).await?);
        }
        Ok(found)
    }

    fn finding(
        &self,
        root: &Cid,
        holder: &str,
        block: Option<Cid>,
        fault: Fault,
        detail: &str,
    ) -> Finding {
        let finding = Finding {
            root: *root,
            holder: holder.to_owned(),
            block,
            fault,
            at: self.home.now(),
            detail: detail.to_owned(),
        };
        tracing::warn!(%root, holder, ?block, %fault, detail, "a replica failed its audit");
        finding
    }

    pub(super) fn home_finding(&self, root: &Cid, block: Cid, fault: Fault) -> Finding {
        self.finding(
            root,
            &self.home.key_id(),
            Some(block),
            fault,
            "found by the home node itself",
        )
    }

    /// Challenges one holder on given blocks, each by a random range.
    async fn probe(
        &self,
        rng: &mut (impl Rng + ?Sized),
        root: &Cid,
        peer: &Arc<dyn Peer>,
        blocks: &[Cid],
    ) -> Result<Vec<Finding>> {
        let mut challenge = Challenge {
            nonce: ByteArray::new([0; 32]),
            probes: Vec::new(),
        };
        rng.fill_bytes(challenge.nonce.as_mut_slice());
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        for cid in blocks {
            let bytes = match self.home.vault().get_block(cid).await {
                Ok(bytes) => bytes,
                Err(Error::Damaged(cid)) => {
                    found.push(self.home_finding(root, cid, Fault::Damaged));
                    continue;
                }
                Err(Error::NotFound(cid)) => {
                    found.push(self.home_finding(root, cid, Fault::Missing));
                    continue;
                }
                Err(other) => return Err(other),
            };
            let offset = below(rng, bytes.len() as u64);
            let probe = Probe {
                cid: *cid,
                offset,
                len: 1 + below(rng, MAX_RANGE),
            };
            expected.push(probe.prove(&challenge.nonce, &bytes));
            challenge.probes.push(probe);
        }
        match self.ask(peer, &challenge).await {
            Ok(answer) => found.extend(self.compare(root, peer, &challenge, &expected, &answer)),
            Err((fault, detail)) => {
                found.push(self.finding(root, peer.key_id(), None, fault, &detail))
            }
        }
        Ok(found)
    }

    async fn ask(
        &self,
        peer: &Arc<dyn Peer>,
        challenge: &Challenge,
    ) -> Result<Answer, (Fault, String)> {
        let answer = peer
            .challenge(challenge)
            .await
            .map_err(|e| (Fault::Unreachable, e.to_string()))?;
        let checked = answer
            .check(challenge, peer.key_id(), self.verifier.as_ref())
            .await;
        checked.map_err(|e| (Fault::FalseStatement, e.to_string()))?;
        Ok(answer)
    }

    fn compare(
        &self,
        root: &Cid,
        peer: &Arc<dyn Peer>,
        challenge: &Challenge,
        expected: &[Proof],
        answer: &Answer,
    ) -> Vec<Finding> {
        let mut found = Vec::new();
        for ((probe, expected), proof) in challenge.probes.iter().zip(expected).zip(&answer.proofs)
        {
            let fault = match proof {
                held if held == expected => continue,
                Proof::Held(_) => Fault::Unproven,
                Proof::Missing => Fault::Missing,
                Proof::Damaged => Fault::Damaged,
            };
            found.push(self.finding(
                root,
                peer.key_id(),
                Some(probe.cid),
                fault,
                "by its own signed answer",
            ));
        }
        found
    }

    /// Mends what was found: home blocks are fetched from holders, holders get what they lack,
    /// and roots of holders that cannot be reached go to other peers in [`Self::heal`] once the
    /// caller drops them by [`Self::give_up`].
    ///
    /// # Errors
    /// [`Error::Book`] and the home engine's.
    pub async fn repair(
        &self,
        rng: &mut (impl Rng + ?Sized),
        findings: &[Finding],
    ) -> Result<Vec<Repair>> {
        let mut out = Vec::new();
        let home = self.home.key_id();
        // The home copy first: the others are mended from it.
        for finding in findings.iter().filter(|finding| finding.holder == home) {
            out.push(self.repair_home(finding).await?);
        }
        for finding in findings.iter().filter(|finding| finding.holder != home) {
            out.push(self.repair_peer(rng, finding).await?);
        }
        out.iter()
            .for_each(|repair| tracing::warn!(%repair, "repair"));
        Ok(out)
    }

    fn repaired(&self, finding: &Finding, source: Option<String>, detail: String) -> Repair {
        let mended = source.is_some() && detail.is_empty();
        Repair {
            finding: finding.clone(),
            source,
            mended,
            detail,
            at: self.home.now(),
        }
    }

    pub(super) async fn repair_home(&self, finding: &Finding) -> Result<Repair> {
        let Some(cid) = finding.block else {
            return Ok(self.repaired(finding, None, "no block is named".into()));
        };
        let mut failures = Vec::new();
        for peer in self.preferred(&finding.root) {
            let fetched = peer
                .block(&cid)
                .await
                .and_then(|bytes| Block::verified(&cid, bytes));
            match fetched {
                Ok(block) => {
                    self.home.vault().put_block(block).await?;
                    return Ok(self.repaired(
                        finding,
                        Some(peer.key_id().to_owned()),
                        String::new(),
                    ));
                }
                Err(error) => failures.push(format!("{}: {error}", peer.key_id())),
            }
        }
        Ok(self.repaired(finding, None, failures.join("; ")))
    }

    async fn repair_peer(
        &self,
        rng: &mut (impl Rng + ?Sized),
        finding: &Finding,
    ) -> Result<Repair> {
        let home = Some(self.home.key_id());
        let Some(peer) = self.peer(&finding.holder).cloned() else {
            return Ok(self.repaired(finding, None, "no longer a peer".into()));
        };
        if let Err(failure) = self.restore(&peer, &finding.root).await {
            return Ok(self.repaired(finding, None, failure));
        }
        let blocks: Vec<Cid> = finding.block.into_iter().collect();
        let again = self.probe(rng, &finding.root, &peer, &blocks).await?;
        let detail = again
            .iter()
            .map(|finding| finding.fault.to_string())
            .collect::<Vec<_>>()
            .join("; ");
        Ok(self.repaired(finding, home, detail))
    }

    /// Looks at all blocks of the home node ([`crate::Vault::verify`]) and fetches what is damaged
    /// or missing from the holders, until nothing more is found or nothing more can be mended.
    ///
    /// # Errors
    /// [`Error::Book`] and the home engine's.
    pub async fn repair_own(&self) -> Result<(Verified, Vec<Repair>)> {
        let first = self.home.vault().verify().await?;
        let mut out = Vec::new();
        let mut missing = first.missing.clone();
        // Below a missing inner node nothing is known until it is back, so look again.
        while !missing.is_empty() {
            let mut mended = false;
            for lack in &missing {
                let damaged = first.damaged.contains(&lack.block);
                let fault = if damaged {
                    Fault::Damaged
                } else {
                    Fault::Missing
                };
                let repair = self
                    .repair_home(&self.home_finding(&lack.root, lack.block, fault))
                    .await?;
                tracing::warn!(%repair, "repair");
                mended |= repair.mended;
                out.push(repair);
            }
            if !mended {
                break;
            }
            missing = dag::missing(self.home.vault().as_ref()).await?;
        }
        Ok((first, out))
    }

    /// Stops counting on a holder for `root`, so that [`Self::heal`] finds another.
    ///
    /// # Errors
    /// [`Error::Book`].
    pub async fn give_up(&self, root: &Cid, holder: &str) -> Result<()> {
        self.forget_receipt(root, holder).await
    }
}

/// A number below `end`; 0 if `end` is 0. The bias of the remainder does not matter here.
fn below(rng: &mut (impl Rng + ?Sized), end: u64) -> u64 {
    rng.next_u64() % end.max(1)
}
