//! Which blocks a CAR answer holds, in depth-first order.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use cid::Cid;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::params::{ByteRange, Scope};
use crate::block::{self, DAG_CBOR, DAG_PB, RAW};
use crate::dag::{self, DagLimits};
use crate::dagpb::Node;
use crate::engine::Vault;
use crate::file::ByteStream;
use crate::resolve::{Resolved, prefix_len};
use crate::unixfs::{Data, Kind};
use crate::{Error, Result, car};

/// Blocks read ahead of the one being sent.
const WIDTH: usize = 8;

/// What of a block's descendants is wanted.
#[derive(Clone)]
enum Below {
    /// Nothing.
    Nothing,
    /// Everything.
    All,
    /// What makes the entity: a file's bytes, a directory's shards.
    Entity(Option<ByteRange>),
    /// The part of a file whose bytes `range` (in the file's own count) fall under this node,
    /// which starts at `at`.
    File { at: u64, range: Range<u64> },
}

/// A selection of blocks, on its way out. CIDs are those of the path and of the links, so that a
/// client finds each block under the name by which it knows it (CIDv0 or CIDv1); blocks are stored
/// and told apart by [`block::normalise`].
pub(super) struct Selection {
    vault: Arc<dyn Vault>,
    stack: Vec<(Cid, Below, usize)>,
    /// The blocks already sent, unless duplicates are wanted.
    seen: Option<HashSet<Cid>>,
    visited: usize,
    limits: DagLimits,
}

/// One block to send, read already or not.
enum Step {
    Named(Cid),
    Read(Cid, Bytes),
}

impl Selection {
    pub(super) fn new(
        vault: Arc<dyn Vault>,
        resolved: &Resolved,
        scope: Scope,
        range: Option<ByteRange>,
        duplicates: bool,
    ) -> Self {
        let below = match scope {
            Scope::Block => Below::Nothing,
            Scope::All => Below::All,
            Scope::Entity => Below::Entity(range),
        };
        let mut stack = vec![(resolved.last, below, 0)];
        stack.extend(
            resolved
                .passed
                .iter()
                .rev()
                .map(|cid| (*cid, Below::Nothing, 0)),
        );
        let seen = (!duplicates).then(HashSet::new);
        Self {
            vault,
            stack,
            seen,
            visited: 0,
            limits: DagLimits::default(),
        }
    }

    async fn next(&mut self) -> Result<Option<Step>> {
        while let Some((cid, below, depth)) = self.stack.pop() {
            dag::check(depth, self.visited, self.limits)?;
            self.visited += 1;
            let stored = block::normalise(&cid)?;
            let repeated = self.seen.as_mut().is_some_and(|seen| !seen.insert(stored));
            // A node of a file may stand in two places and be cut by the range in different ways.
            if repeated && !matches!(below, Below::File { .. }) {
                continue;
            }
            // Identity CIDs carry their bytes and are never sent as blocks.
            let silent = repeated || block::inline_data(&cid).is_some();
            if cid.codec() == RAW || matches!(below, Below::Nothing) {
                if silent {
                    continue;
                }
                return Ok(Some(Step::Named(cid)));
            }
            let data = self.vault.get_block(&cid).await?;
            let children = children(&cid, &data, &below)?;
            self.stack.extend(
                children
                    .into_iter()
                    .rev()
                    .map(|(cid, below)| (cid, below, depth + 1)),
            );
            if !silent {
                return Ok(Some(Step::Read(cid, data)));
            }
        }
        Ok(None)
    }

    /// The CAR stream of the selection.
    pub(super) fn into_car(self, root: &Cid) -> Result<ByteStream> {
        let header = car::header(root)?;
        let vault = self.vault.clone();
        let steps = stream::try_unfold(self, |mut selection| async move {
            Ok::<_, Error>(selection.next().await?.map(|step| (step, selection)))
        });
        let sections = steps
            .map_ok(move |step| read(vault.clone(), step))
            .try_buffered(WIDTH)
            .map_ok(|(cid, data)| {
                let head = car::section(&cid, data.len());
                stream::iter([Ok::<_, Error>(head), Ok(data)])
            })
            .try_flatten();
        Ok(stream::once(async move { Ok(header) })
            .chain(sections)
            .boxed())
    }
}

async fn read(vault: Arc<dyn Vault>, step: Step) -> Result<(Cid, Bytes)> {
    match step {
        Step::Read(cid, data) => Ok((cid, data)),
        Step::Named(cid) => Ok((cid, vault.get_block(&cid).await?)),
    }
}

fn children(cid: &Cid, data: &Bytes, below: &Below) -> Result<Vec<(Cid, Below)>> {
    match below {
        Below::Nothing => Ok(Vec::new()),
        Below::All => Ok(dag::written_links(cid, data)?
            .into_iter()
            .map(|link| (link, Below::All))
            .collect()),
        Below::Entity(range) if cid.codec() == DAG_PB => entity(data, *range),
        Below::Entity(_) if cid.codec() == DAG_CBOR => Ok(Vec::new()),
        Below::File { at, range } if cid.codec() == DAG_PB => {
            let (node, unixfs) = decode(data)?;
            parts(&node, &unixfs, *at, range)
        }
        _ => Err(Error::UnsupportedCid(format!(
            "{cid} (codec 0x{:x})",
            cid.codec()
        ))),
    }
}

fn decode(data: &Bytes) -> Result<(Node, Data)> {
    let node = Node::decode(data)?;
    let unixfs = Data::decode(node.data.as_ref().unwrap_or(&Bytes::new()))?;
    Ok((node, unixfs))
}

fn entity(data: &Bytes, range: Option<ByteRange>) -> Result<Vec<(Cid, Below)>> {
    let (node, unixfs) = decode(data)?;
    match unixfs.kind {
        Kind::File | Kind::Raw => {
            let size = unixfs.file_size()?;
            let range = range.map_or(0..size, |range| range.within(size));
            parts(&node, &unixfs, 0, &range)
        }
        Kind::HamtShard => {
            let width = prefix_len(unixfs.fanout.unwrap_or_default())?;
            let shards = node.links.iter().filter(|link| link.name.len() == width);
            Ok(shards.map(|link| (link.cid, Below::Entity(None))).collect())
        }
        Kind::Directory | Kind::Symlink => Ok(Vec::new()),
    }
}

/// The children of a file's node that hold some of `range`.
fn parts(node: &Node, unixfs: &Data, at: u64, range: &Range<u64>) -> Result<Vec<(Cid, Below)>> {
    if node.links.len() != unixfs.blocksizes.len() {
        return Err(Error::malformed(
            "file",
            "a node has not one size for each link",
        ));
    }
    unixfs.file_size()?;
    let mut offset = at.saturating_add(unixfs.data.len() as u64);
    let mut out = Vec::new();
    for (link, size) in node.links.iter().zip(&unixfs.blocksizes) {
        let end = offset.saturating_add(*size);
        if offset < range.end && end > range.start {
            out.push((
                link.cid,
                Below::File {
                    at: offset,
                    range: range.clone(),
                },
            ));
        }
        offset = end;
    }
    Ok(out)
}

/// The whole DAG of `root` as a CAR stream, each block once.
///
/// # Errors
/// [`Error::UnsupportedCid`], [`Error::Malformed`]; on the stream the engine's.
pub fn dag_car(vault: Arc<dyn Vault>, root: &Cid) -> Result<ByteStream> {
    let last = block::normalise(root)?;
    let resolved = Resolved {
        passed: Vec::new(),
        last,
        roots: vec![last],
    };
    Selection::new(vault, &resolved, Scope::All, None, false).into_car(&last)
}
