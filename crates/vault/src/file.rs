//! Files as UnixFS DAGs: the one chunking that every engine uses, and reading back.
//!
//! A file is cut into chunks of [`CHUNK`] bytes, each a raw block; inner nodes are dag-pb with up
//! to [`LINKS`] links, all leaves at one depth. That is what
//! `ipfs add --cid-version=1 --raw-leaves --chunker=size-1048576` makes.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use cid::Cid;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use tokio::task::JoinHandle;

use crate::block::{self, Block, DAG_PB, RAW};
use crate::dagpb::{Link, Node};
use crate::engine::{Batch, Vault};
use crate::unixfs::{Data, Kind};
use crate::{Error, Result};

/// Bytes of one chunk: 1 MiB.
pub const CHUNK: usize = 1 << 20;
/// Links of one inner node.
pub const LINKS: usize = 174;
/// Deepest file tree that is read. Five levels of [`LINKS`] hold 150 PiB.
pub const MAX_DEPTH: usize = 32;
/// Chunks hashed, written or read at the same time.
const WIDTH: usize = 8;

/// Bytes as they arrive, in pieces of any size.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// What [`Vault::put_file`] stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The file's name.
    pub cid: Cid,
    /// Its size in bytes.
    pub size: u64,
    /// How many blocks it is made of, repeated ones counted each time.
    pub blocks: u64,
}

/// A stream of bytes that are at hand.
#[must_use]
pub fn bytes_stream(bytes: impl Into<Bytes>) -> ByteStream {
    let bytes = bytes.into();
    stream::once(async move { Ok(bytes) }).boxed()
}

/// Gathers a stream, up to `limit` bytes.
///
/// # Errors
/// The stream's own, or [`Error::Limit`].
pub async fn collect(mut stream: ByteStream, limit: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    while let Some(piece) = stream.try_next().await? {
        if out.len() + piece.len() > limit {
            return Err(Error::Limit {
                what: "bytes read into memory",
                limit: limit as u64,
            });
        }
        out.extend_from_slice(&piece);
    }
    Ok(out)
}

/// The CID that a file of these bytes has in every engine.
///
/// # Errors
/// Only what [`Block::new`] returns, which chunks of [`CHUNK`] bytes never cause.
pub fn cid_of_file(bytes: &[u8]) -> Result<Cid> {
    let mut layout = Layout::default();
    for chunk in chunks(bytes) {
        let leaf = Block::new(RAW, Bytes::copy_from_slice(chunk))?;
        layout.push_leaf(&leaf)?;
    }
    Ok(layout.finish()?.0.cid)
}

/// The chunks of `bytes`; an empty file has one empty chunk.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let empty = bytes.is_empty().then_some(bytes);
    empty.into_iter().chain(bytes.chunks(CHUNK))
}

/// A subtree that is finished.
#[derive(Clone, Copy, Debug)]
struct Child {
    cid: Cid,
    /// Bytes of file under it.
    size: u64,
    /// Bytes of blocks under it, itself included.
    tsize: u64,
}

/// The balanced tree under construction: per level the children that still lack a parent. Holds at
/// most [`LINKS`] children on each of its few levels, whatever the file's size.
#[derive(Debug, Default)]
pub struct Layout {
    levels: Vec<Vec<Child>>,
    blocks: u64,
}

impl Layout {
    /// Adds the next leaf; returns the inner nodes that became full.
    ///
    /// # Errors
    /// As [`Block::new`].
    pub fn push_leaf(&mut self, leaf: &Block) -> Result<Vec<Block>> {
        let size = leaf.data().len() as u64;
        self.blocks += 1;
        let mut full = Vec::new();
        self.push(
            0,
            Child {
                cid: *leaf.cid(),
                size,
                tsize: size,
            },
            &mut full,
        )?;
        Ok(full)
    }

    /// Closes the tree: the root, and the inner nodes that were not yet returned.
    ///
    /// # Errors
    /// As [`Block::new`]; [`Error::Malformed`] when no leaf was pushed.
    pub fn finish(mut self) -> Result<(Stored, Vec<Block>)> {
        let mut rest = Vec::new();
        let mut level = 0;
        while level < self.levels.len() {
            let is_top = self.levels[level + 1..].iter().all(Vec::is_empty);
            match (is_top, self.levels[level].as_slice()) {
                (true, [root]) => {
                    let stored = Stored {
                        cid: root.cid,
                        size: root.size,
                        blocks: self.blocks,
                    };
                    return Ok((stored, rest));
                }
                (_, []) => {}
                _ => self.close(level, &mut rest)?,
            }
            level += 1;
        }
        Err(Error::malformed("file", "no chunk was pushed"))
    }

    fn push(&mut self, level: usize, child: Child, out: &mut Vec<Block>) -> Result<()> {
        if self.levels.len() == level {
            self.levels.push(Vec::with_capacity(LINKS));
        }
        // A full level is closed only when one more child comes, so that the top never gets a
        // parent with a single link.
        if self.levels[level].len() == LINKS {
            self.close(level, out)?;
        }
        self.levels[level].push(child);
        Ok(())
    }

    fn close(&mut self, level: usize, out: &mut Vec<Block>) -> Result<()> {
        let children = std::mem::take(&mut self.levels[level]);
        let links = children
            .iter()
            .map(|c| Link {
                cid: c.cid,
                name: String::new(),
                tsize: c.tsize,
            })
            .collect();
        let data = Data::file(children.iter().map(|c| c.size).collect());
        let node = Node {
            links,
            data: Some(data.encode().into()),
        };
        let block = Block::new(DAG_PB, node.encode())?;
        let child = Child {
            cid: *block.cid(),
            size: children.iter().map(|c| c.size).sum(),
            tsize: block.data().len() as u64 + children.iter().map(|c| c.tsize).sum::<u64>(),
        };
        self.blocks += 1;
        out.push(block);
        self.push(level + 1, child, out)
    }
}

/// Cuts a stream into chunks without holding more than one chunk and one piece.
struct Chunker {
    input: ByteStream,
    buffer: BytesMut,
    piece: Bytes,
    any: bool,
    ended: bool,
}

impl Chunker {
    fn new(input: ByteStream) -> Self {
        Self {
            input,
            buffer: BytesMut::new(),
            piece: Bytes::new(),
            any: false,
            ended: false,
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.ended {
            if self.piece.is_empty() {
                match self.input.try_next().await? {
                    Some(piece) => self.piece = piece,
                    None => self.ended = true,
                }
                continue;
            }
            if self.buffer.is_empty() && self.piece.len() >= CHUNK {
                self.any = true;
                return Ok(Some(self.piece.split_to(CHUNK)));
            }
            self.buffer.reserve(CHUNK - self.buffer.len());
            let take = self.piece.len().min(CHUNK - self.buffer.len());
            self.buffer.extend_from_slice(&self.piece[..take]);
            self.piece.advance(take);
            if self.buffer.len() == CHUNK {
                self.any = true;
                return Ok(Some(self.buffer.split().freeze()));
            }
        }
        if !self.buffer.is_empty() || !self.any {
            self.any = true;
            return Ok(Some(self.buffer.split().freeze()));
        }
        Ok(None)
    }
}

/// Stores a file through `vault`'s batches and pins it. Memory stays at a few chunks.
///
/// # Errors
/// The stream's and the engine's. Nothing is pinned unless all of it is durable.
pub(crate) async fn write<V: Vault + ?Sized>(vault: &V, data: ByteStream) -> Result<Stored> {
    let mut batch = vault.begin().await?;
    let stored = write_blocks(batch.as_mut(), data).await?;
    batch.commit().await?;
    // The batch still holds its blocks against garbage collection until the pin does.
    vault.pin(&stored.cid).await?;
    drop(batch);
    Ok(stored)
}

/// Cuts, hashes and puts all blocks of a file; commits nothing.
async fn write_blocks(batch: &mut dyn Batch, data: ByteStream) -> Result<Stored> {
    let mut chunker = Chunker::new(data);
    let mut layout = Layout::default();
    let mut hashing: VecDeque<JoinHandle<Result<Block>>> = VecDeque::with_capacity(WIDTH);
    loop {
        let chunk = chunker.next().await?;
        let ended = chunk.is_none();
        if let Some(chunk) = chunk {
            hashing.push_back(tokio::task::spawn_blocking(move || Block::new(RAW, chunk)));
        }
        while hashing.len() >= WIDTH || (ended && !hashing.is_empty()) {
            let Some(next) = hashing.pop_front() else {
                break;
            };
            let leaf = next.await??;
            for node in layout.push_leaf(&leaf)? {
                batch.put(node).await?;
            }
            batch.put(leaf).await?;
        }
        if ended {
            break;
        }
    }
    let (stored, rest) = layout.finish()?;
    for node in rest {
        batch.put(node).await?;
    }
    Ok(stored)
}

/// A node of a file, opened.
enum Opened {
    /// Bytes of the file.
    Leaf(Bytes),
    /// Children with their sizes; bytes of the node itself come first.
    Inner(Bytes, Vec<(Cid, u64)>),
}

fn open(cid: &Cid, bytes: Bytes) -> Result<Opened> {
    match cid.codec() {
        RAW => Ok(Opened::Leaf(bytes)),
        DAG_PB => {
            let node = Node::decode(&bytes)?;
            let data = Data::decode(node.data.as_ref().unwrap_or(&Bytes::new()))?;
            if !matches!(data.kind, Kind::File | Kind::Raw) {
                return Err(Error::malformed(
                    "file",
                    format!("{cid} is a {:?}, not a file", data.kind),
                ));
            }
            data.file_size()?;
            if node.links.len() != data.blocksizes.len() {
                return Err(Error::malformed(
                    "file",
                    format!("{cid} has not one size for each link"),
                ));
            }
            let children = node
                .links
                .iter()
                .zip(&data.blocksizes)
                .map(|(l, s)| (l.cid, *s))
                .collect();
            Ok(Opened::Inner(data.data, children))
        }
        codec => Err(Error::malformed(
            "file",
            format!("{cid} has codec 0x{codec:x}, not a file's"),
        )),
    }
}

fn opened_size(opened: &Opened) -> u64 {
    match opened {
        Opened::Leaf(bytes) => bytes.len() as u64,
        Opened::Inner(own, children) => {
            own.len() as u64 + children.iter().map(|(_, size)| size).sum::<u64>()
        }
    }
}

/// Size of the file in bytes, as its root states it.
///
/// # Errors
/// The engine's, or [`Error::Malformed`] when `cid` is no file.
pub async fn size<V: Vault + ?Sized>(vault: &V, cid: &Cid) -> Result<u64> {
    let cid = block::normalise(cid)?;
    let bytes = vault.get_block(&cid).await?;
    Ok(opened_size(&open(&cid, bytes)?))
}

/// What is still to be read, in reverse order.
enum Task {
    /// A node whose file bytes start at `at`, hold `len` (None for the root) and lie `depth` deep.
    Node {
        cid: Cid,
        at: u64,
        len: Option<u64>,
        depth: usize,
    },
    /// Bytes at hand that start at `at`.
    Bytes { at: u64, bytes: Bytes },
}

/// What the walk hands to the readers, in order.
enum Step {
    Leaf { cid: Cid, at: u64, len: u64 },
    Bytes { at: u64, bytes: Bytes },
}

struct Walk {
    vault: Arc<dyn Vault>,
    range: Range<u64>,
    tasks: Vec<Task>,
}

impl Walk {
    /// Whether file bytes `at..at + len` touch the range.
    fn wanted(&self, at: u64, len: u64) -> bool {
        at < self.range.end && at.saturating_add(len) > self.range.start
    }

    async fn next(&mut self) -> Result<Option<Step>> {
        while let Some(task) = self.tasks.pop() {
            match task {
                Task::Bytes { at, bytes } => return Ok(Some(Step::Bytes { at, bytes })),
                Task::Node {
                    cid,
                    at,
                    len: Some(len),
                    ..
                } if cid.codec() == RAW => {
                    return Ok(Some(Step::Leaf { cid, at, len }));
                }
                Task::Node {
                    cid,
                    at,
                    len,
                    depth,
                } => self.expand(cid, at, len, depth).await?,
            }
        }
        Ok(None)
    }

    async fn expand(&mut self, cid: Cid, at: u64, len: Option<u64>, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::Limit {
                what: "depth of a file's tree",
                limit: MAX_DEPTH as u64,
            });
        }
        let cid = block::normalise(&cid)?;
        let opened = open(&cid, self.vault.get_block(&cid).await?)?;
        let size = opened_size(&opened);
        if len.is_some_and(|claimed| claimed != size) {
            return Err(wrong_size(&cid));
        }
        if len.is_none() && self.range.start > size {
            return Err(Error::OutOfRange {
                start: self.range.start,
                size,
            });
        }
        match opened {
            Opened::Leaf(bytes) => self.tasks.push(Task::Bytes { at, bytes }),
            Opened::Inner(own, children) => self.push_children(at, own, children, depth),
        }
        Ok(())
    }

    fn push_children(&mut self, at: u64, own: Bytes, children: Vec<(Cid, u64)>, depth: usize) {
        let mut offset = at + own.len() as u64;
        let start = self.tasks.len();
        if self.wanted(at, own.len() as u64) {
            self.tasks.push(Task::Bytes { at, bytes: own });
        }
        for (cid, len) in children {
            if self.wanted(offset, len) {
                self.tasks.push(Task::Node {
                    cid,
                    at: offset,
                    len: Some(len),
                    depth: depth + 1,
                });
            }
            offset += len;
        }
        self.tasks[start..].reverse();
    }
}

fn wrong_size(cid: &Cid) -> Error {
    Error::malformed(
        "file",
        format!("{cid} is not of the size that its parent states"),
    )
}

async fn read_step(vault: Arc<dyn Vault>, range: Range<u64>, step: Step) -> Result<Bytes> {
    let (at, bytes) = match step {
        Step::Bytes { at, bytes } => (at, bytes),
        Step::Leaf { cid, at, len } => {
            let bytes = vault.get_block(&cid).await?;
            if bytes.len() as u64 != len {
                return Err(wrong_size(&cid));
            }
            (at, bytes)
        }
    };
    let len = bytes.len() as u64;
    let from = range.start.saturating_sub(at).min(len);
    let to = range.end.saturating_sub(at).min(len).max(from);
    // Both lie within `bytes`, whose length is a usize.
    Ok(bytes.slice(from as usize..to as usize))
}

/// Reads bytes `range` of a file, each block verified, a few blocks ahead of the reader. The end
/// of the range may lie past the end of the file.
#[must_use]
pub(crate) fn read(vault: Arc<dyn Vault>, cid: &Cid, range: Range<u64>) -> ByteStream {
    let root = Task::Node {
        cid: *cid,
        at: 0,
        len: None,
        depth: 0,
    };
    let walk = Walk {
        vault: vault.clone(),
        range: range.clone(),
        tasks: vec![root],
    };
    let steps = stream::try_unfold(walk, |mut walk| async move {
        Ok::<_, Error>(walk.next().await?.map(|step| (step, walk)))
    });
    steps
        .map_ok(move |step| read_step(vault.clone(), range.clone(), step))
        .try_buffered(WIDTH)
        .try_filter(|bytes| std::future::ready(!bytes.is_empty()))
        .boxed()
}
