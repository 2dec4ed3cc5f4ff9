//! Links between blocks, and walking them with limits.

use std::collections::HashSet;

use bytes::Bytes;
use cid::Cid;
use ipld_core::codec::Links;
use serde_ipld_dagcbor::codec::DagCborCodec;

use crate::block::{self, DAG_CBOR, DAG_PB, RAW};
use crate::dagpb::{MAX_LINKS, Node};
use crate::engine::{Missing, Vault, Verified};
use crate::{Error, Result};

/// How far a walk may go, so that a hostile DAG ends somewhere.
#[derive(Clone, Copy, Debug)]
pub struct DagLimits {
    /// Longest path from the root, in links.
    pub depth: usize,
    /// Most distinct blocks.
    pub blocks: usize,
    /// Most bytes taken in from another node.
    pub bytes: u64,
}

impl Default for DagLimits {
    /// 64 levels, 4 Mi blocks, 64 GiB.
    fn default() -> Self {
        Self {
            depth: 64,
            blocks: 4 << 20,
            bytes: 64 << 30,
        }
    }
}

/// The CIDs that a block links to, in order, in the form under which they are stored.
///
/// # Errors
/// [`Error::Malformed`], [`Error::Limit`], or [`Error::UnsupportedCid`] for a codec or a link that
/// this crate does not know.
pub fn links(cid: &Cid, data: &Bytes) -> Result<Vec<Cid>> {
    let written = written_links(cid, data)?;
    written.iter().map(block::normalise).collect()
}

/// As [`links`], but as the block writes them: CIDv0 stays CIDv0.
pub(crate) fn written_links(cid: &Cid, data: &Bytes) -> Result<Vec<Cid>> {
    match cid.codec() {
        RAW => Ok(Vec::new()),
        DAG_PB => {
            let links = Node::decode(data)?.links;
            Ok(links.into_iter().map(|link| link.cid).collect())
        }
        DAG_CBOR => cbor_links(data),
        codec => Err(Error::UnsupportedCid(format!("{cid} (codec 0x{codec:x})"))),
    }
}

fn cbor_links(data: &Bytes) -> Result<Vec<Cid>> {
    let found =
        DagCborCodec::links(data).map_err(|e| Error::malformed("DAG-CBOR block", e.to_string()))?;
    let mut out = Vec::new();
    for cid in found {
        if out.len() == MAX_LINKS {
            return Err(Error::Limit {
                what: "links of one node",
                limit: MAX_LINKS as u64,
            });
        }
        out.push(cid);
    }
    Ok(out)
}

/// All distinct blocks under `root`, itself first, in depth-first order. Raw leaves are named
/// without being read.
///
/// # Errors
/// The engine's for inner nodes that are missing or damaged, and [`Error::Limit`].
pub async fn walk<V: Vault + ?Sized>(vault: &V, root: &Cid, limits: DagLimits) -> Result<Vec<Cid>> {
    let mut seen = HashSet::new();
    let mut order = Vec::new();
    let mut stack = vec![(block::normalise(root)?, 0)];
    while let Some((cid, depth)) = stack.pop() {
        if !seen.insert(cid) {
            continue;
        }
        check(depth, order.len(), limits)?;
        order.push(cid);
        if cid.codec() == RAW {
            continue;
        }
        let below = links(&cid, &vault.get_block(&cid).await?)?;
        stack.extend(below.into_iter().rev().map(|link| (link, depth + 1)));
    }
    Ok(order)
}

pub(crate) fn check(depth: usize, blocks: usize, limits: DagLimits) -> Result<()> {
    if depth > limits.depth {
        return Err(Error::Limit {
            what: "depth of a DAG",
            limit: limits.depth as u64,
        });
    }
    if blocks >= limits.blocks {
        return Err(Error::Limit {
            what: "blocks of a DAG",
            limit: limits.blocks as u64,
        });
    }
    Ok(())
}

/// Every block under `root`, checked to be present.
///
/// # Errors
/// As [`walk`]; [`Error::NotFound`] names the first block that is missing.
pub async fn complete<V: Vault + ?Sized>(
    vault: &V,
    root: &Cid,
    limits: DagLimits,
) -> Result<Vec<Cid>> {
    let all = walk(vault, root, limits).await?;
    let leaves: Vec<Cid> = all
        .iter()
        .filter(|cid| cid.codec() == RAW)
        .copied()
        .collect();
    if let Some(cid) = vault.lacking(&leaves).await?.first() {
        return Err(Error::NotFound(*cid));
    }
    Ok(all)
}

/// The blocks under `root` that are missing or damaged, as far as the present ones tell: below a
/// missing inner node nothing is known, so repair and look again.
///
/// # Errors
/// As [`walk`], but for missing and damaged blocks.
pub async fn lacking<V: Vault + ?Sized>(
    vault: &V,
    root: &Cid,
    limits: DagLimits,
) -> Result<Vec<Cid>> {
    let mut seen = HashSet::new();
    let (mut lacking, mut leaves) = (Vec::new(), Vec::new());
    let mut stack = vec![(block::normalise(root)?, 0)];
    while let Some((cid, depth)) = stack.pop() {
        if !seen.insert(cid) {
            continue;
        }
        check(depth, seen.len() - 1, limits)?;
        if cid.codec() == RAW {
            leaves.push(cid);
            continue;
        }
        match vault.get_block(&cid).await {
            Ok(data) => stack.extend(
                links(&cid, &data)?
                    .into_iter()
                    .rev()
                    .map(|link| (link, depth + 1)),
            ),
            Err(Error::NotFound(_) | Error::Damaged(_)) => lacking.push(cid),
            Err(other) => return Err(other),
        }
    }
    lacking.extend(vault.lacking(&leaves).await?);
    Ok(lacking)
}

/// Which blocks the pinned roots need and lack. Below a missing node nothing is known, so repair
/// and look again.
pub(crate) async fn missing<V: Vault + ?Sized>(vault: &V) -> Result<Vec<Missing>> {
    let mut found = Vec::new();
    for root in vault.pins().await? {
        let blocks = lacking(vault, &root, DagLimits::default()).await?;
        found.extend(blocks.into_iter().map(|block| Missing { root, block }));
    }
    Ok(found)
}

/// Reads everything that the pins lead to, for engines whose other blocks are not ours to read.
pub(crate) async fn verify_pinned<V: Vault + ?Sized>(vault: &V) -> Result<Verified> {
    let (mut seen, mut found) = (HashSet::new(), Verified::default());
    for root in vault.pins().await? {
        let mut stack = vec![root];
        while let Some(cid) = stack.pop() {
            if !seen.insert(cid) {
                continue;
            }
            check(0, seen.len() - 1, DagLimits::default())?;
            found.checked += 1;
            match vault.get_block(&cid).await {
                Ok(data) => stack.extend(links(&cid, &data)?),
                Err(Error::Damaged(block)) => {
                    found.damaged.push(block);
                    found.missing.push(Missing { root, block });
                }
                Err(Error::NotFound(block)) => found.missing.push(Missing { root, block }),
                Err(other) => return Err(other),
            }
        }
    }
    Ok(found)
}
