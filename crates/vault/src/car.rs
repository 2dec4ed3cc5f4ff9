//! CAR version 1 streams ([specification]): a header, then blocks with their CIDs.
//!
//! [specification]: https://ipld.io/specs/transport/car/carv1/

use std::collections::{HashSet, VecDeque};

use bytes::{Buf, Bytes, BytesMut};
use cid::Cid;
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::block::{self, Block, MAX_BLOCK, RAW};
use crate::dag::{self, DagLimits};
use crate::engine::{Batch, Vault};
use crate::file::ByteStream;
use crate::{Error, Result};

/// Longest header accepted, in bytes.
const MAX_HEADER: usize = 8 * 1024;
/// Longest section accepted: a block with its CID.
const MAX_SECTION: usize = MAX_BLOCK + 256;
/// Most bytes of a length.
const MAX_VARINT: usize = 10;
/// Blocks hashed at the same time.
const WIDTH: usize = 8;
const WHAT: &str = "CAR stream";

#[derive(Serialize, Deserialize)]
struct Header {
    roots: Vec<Cid>,
    version: u64,
}

/// The header of a stream whose root is `root`.
///
/// # Errors
/// [`Error::Malformed`], if the CID cannot be encoded.
pub fn header(root: &Cid) -> Result<Bytes> {
    let header = Header {
        roots: vec![*root],
        version: 1,
    };
    let body =
        serde_ipld_dagcbor::to_vec(&header).map_err(|e| Error::malformed(WHAT, e.to_string()))?;
    let mut out = Vec::with_capacity(body.len() + 2);
    crate::wire::put_varint(&mut out, body.len() as u64);
    out.extend_from_slice(&body);
    Ok(out.into())
}

/// What precedes a block's bytes: the section's length and the CID.
#[must_use]
pub fn section(cid: &Cid, len: usize) -> Bytes {
    let cid = cid.to_bytes();
    let mut out = Vec::with_capacity(cid.len() + 4);
    crate::wire::put_varint(&mut out, (cid.len() + len) as u64);
    out.extend_from_slice(&cid);
    out.into()
}

/// Takes bytes as they come, gives blocks. Holds at most one section and one piece of input.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    roots: Option<Vec<Cid>>,
}

impl Decoder {
    /// Adds input.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The roots, once the header was read.
    #[must_use]
    pub fn roots(&self) -> Option<&[Cid]> {
        self.roots.as_deref()
    }

    /// The next block, verified; None when more input is needed.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Limit`], [`Error::Damaged`], [`Error::UnsupportedCid`].
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        self.next_section()?.map(Section::verify).transpose()
    }

    /// The next block, not verified yet; None when more input is needed.
    fn next_section(&mut self) -> Result<Option<Section>> {
        if self.roots.is_none() {
            let Some(bytes) = self.take_section(MAX_HEADER, "CAR header in bytes")? else {
                return Ok(None);
            };
            self.roots = Some(parse_header(&bytes)?);
        }
        let Some(mut data) = self.take_section(MAX_SECTION, "CAR section in bytes")? else {
            return Ok(None);
        };
        let mut reader = data.as_ref();
        let cid = Cid::read_bytes(&mut reader)
            .map_err(|e| Error::malformed(WHAT, format!("block's CID: {e}")))?;
        let cid_len = data.len() - reader.len();
        data.advance(cid_len);
        Ok(Some(Section {
            cid: block::normalise(&cid)?,
            data,
        }))
    }

    /// Whether the input ended where a stream may end.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it ended within the header or a section.
    pub fn finish(&self) -> Result<()> {
        match (&self.roots, self.buffer.is_empty()) {
            (Some(_), true) => Ok(()),
            _ => Err(Error::malformed(WHAT, "it ends in the middle")),
        }
    }

    fn take_section(&mut self, limit: usize, what: &'static str) -> Result<Option<Bytes>> {
        let (len, used) = match unsigned_varint::decode::usize(&self.buffer) {
            Ok((len, rest)) => (len, self.buffer.len() - rest.len()),
            Err(unsigned_varint::decode::Error::Insufficient) if self.buffer.len() < MAX_VARINT => {
                return Ok(None);
            }
            Err(_) => return Err(Error::malformed(WHAT, "bad length")),
        };
        if len == 0 {
            return Err(Error::malformed(WHAT, "empty section"));
        }
        if len > limit {
            return Err(Error::Limit {
                what,
                limit: limit as u64,
            });
        }
        if self.buffer.len() < used + len {
            self.buffer.reserve(used + len - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(used);
        Ok(Some(self.buffer.split_to(len).freeze()))
    }
}

fn parse_header(bytes: &[u8]) -> Result<Vec<Cid>> {
    let header: Header = serde_ipld_dagcbor::from_slice(bytes)
        .map_err(|e| Error::malformed(WHAT, format!("header: {e}")))?;
    if header.version != 1 {
        return Err(Error::malformed(
            WHAT,
            format!("version {}, only 1 is read", header.version),
        ));
    }
    Ok(header.roots)
}

/// Reads blocks from a stream of bytes.
pub struct CarReader {
    input: ByteStream,
    decoder: Decoder,
}

impl CarReader {
    /// A reader over `input`.
    #[must_use]
    pub fn new(input: ByteStream) -> Self {
        Self {
            input,
            decoder: Decoder::default(),
        }
    }

    /// The next block, verified; None at the end.
    ///
    /// # Errors
    /// As [`Decoder::next_block`], and the stream's own.
    pub async fn next_block(&mut self) -> Result<Option<Block>> {
        self.next_section().await?.map(Section::verify).transpose()
    }

    async fn next_section(&mut self) -> Result<Option<Section>> {
        loop {
            if let Some(section) = self.decoder.next_section()? {
                return Ok(Some(section));
            }
            match self.input.try_next().await? {
                Some(piece) => self.decoder.push(&piece),
                None => return self.decoder.finish().map(|()| None),
            }
        }
    }
}

/// A block as it came, before its bytes were hashed.
struct Section {
    cid: Cid,
    data: Bytes,
}

impl Section {
    fn verify(self) -> Result<Block> {
        Block::verified(&self.cid, self.data)
    }
}

/// What [`import`] took in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Blocks received.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Stores the DAG of `root` from a stream and pins it. Only blocks that the root leads to are
/// taken, parents before children, so a sender can neither fill the disk with other things nor
/// make this loop. Blocks that are stored already need not be sent.
///
/// # Errors
/// The stream's and the engine's; [`Error::NotFound`] names a block that was neither sent nor
/// stored. Nothing is pinned then.
pub async fn import(
    vault: &dyn Vault,
    root: &Cid,
    reader: CarReader,
    limits: DagLimits,
) -> Result<Imported> {
    let root = block::normalise(root)?;
    let received = receive(vault, &root, reader, limits, &mut |_| Ok(())).await?;
    vault.pin(&root).await?;
    drop(received.batch);
    Ok(received.imported)
}

/// Blocks that came by a stream: stored, not pinned yet.
pub(crate) struct Received {
    /// Holds the blocks against collection until it is dropped.
    pub(crate) batch: Box<dyn Batch>,
    pub(crate) imported: Imported,
    /// A block under the root that was not sent, if there is one: its sender has shown the bytes of
    /// the others only.
    pub(crate) unsent: Option<Cid>,
}

/// Asked for permission to take in a block of so many bytes.
pub(crate) type Charge<'a> = &'a mut (dyn FnMut(u64) -> Result<()> + Send);

/// Stores the blocks under `root` from a stream, as [`import`] does, and pins nothing. Every block's
/// size goes to `charge` before the block is stored; what that refuses ends the stream.
pub(crate) async fn receive(
    vault: &dyn Vault,
    root: &Cid,
    reader: CarReader,
    limits: DagLimits,
    charge: Charge<'_>,
) -> Result<Received> {
    let mut batch = vault.begin().await?;
    let (imported, unsent) = import_blocks(batch.as_mut(), *root, reader, limits, charge).await?;
    batch.commit().await?;
    Ok(Received {
        batch,
        imported,
        unsent,
    })
}

async fn import_blocks(
    batch: &mut dyn Batch,
    root: Cid,
    mut reader: CarReader,
    limits: DagLimits,
    charge: Charge<'_>,
) -> Result<(Imported, Option<Cid>)> {
    let mut invited = Invited::new(root);
    let mut imported = Imported::default();
    // Leaves, the bulk of a file, are hashed beside the network's work.
    let mut hashing: VecDeque<JoinHandle<Result<Block>>> = VecDeque::with_capacity(WIDTH);
    while let Some(section) = reader.next_section().await? {
        if !invited.take(&section.cid)? {
            continue;
        }
        imported.blocks += 1;
        imported.bytes += section.data.len() as u64;
        if imported.bytes > limits.bytes {
            return Err(Error::Limit {
                what: "bytes of a DAG",
                limit: limits.bytes,
            });
        }
        charge(section.data.len() as u64)?;
        if section.cid.codec() == RAW {
            hashing.push_back(tokio::task::spawn_blocking(|| section.verify()));
        } else {
            let block = section.verify()?;
            invited.add(&dag::links(block.cid(), block.data())?, limits)?;
            batch.put(block).await?;
        }
        if hashing.len() == WIDTH {
            put_next(batch, &mut hashing).await?;
        }
    }
    while !hashing.is_empty() {
        put_next(batch, &mut hashing).await?;
    }
    Ok((imported, invited.wanted.into_iter().next()))
}

async fn put_next(
    batch: &mut dyn Batch,
    hashing: &mut VecDeque<JoinHandle<Result<Block>>>,
) -> Result<()> {
    match hashing.pop_front() {
        Some(next) => batch.put(next.await??).await,
        None => Ok(()),
    }
}

/// The blocks that the root leads to, as far as the blocks seen so far tell.
struct Invited {
    root: Cid,
    known: HashSet<Cid>,
    wanted: HashSet<Cid>,
}

impl Invited {
    fn new(root: Cid) -> Self {
        let mut invited = Self {
            root,
            known: HashSet::new(),
            wanted: HashSet::new(),
        };
        invited.invite(root);
        invited
    }

    fn invite(&mut self, cid: Cid) {
        // Identity CIDs carry their bytes and are never sent as blocks.
        if self.known.insert(cid) && block::inline_data(&cid).is_none() {
            self.wanted.insert(cid);
        }
    }

    /// Whether the block is to be taken in; false if it came before.
    fn take(&mut self, cid: &Cid) -> Result<bool> {
        if self.wanted.remove(cid) {
            return Ok(true);
        }
        if self.known.contains(cid) {
            return Ok(false);
        }
        Err(Error::malformed(
            WHAT,
            format!("block {cid} does not belong to {}", self.root),
        ))
    }

    fn add(&mut self, links: &[Cid], limits: DagLimits) -> Result<()> {
        for link in links {
            self.invite(*link);
        }
        if self.known.len() > limits.blocks {
            return Err(Error::Limit {
                what: "blocks of a DAG",
                limit: limits.blocks as u64,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(blocks: &[Block]) -> Vec<u8> {
        let mut out = header(blocks[0].cid()).unwrap().to_vec();
        for block in blocks {
            out.extend_from_slice(&section(block.cid(), block.data().len()));
            out.extend_from_slice(block.data());
        }
        out
    }

    fn decode(bytes: &[u8], step: usize) -> Result<Vec<Block>> {
        let mut decoder = Decoder::default();
        let mut out = Vec::new();
        for piece in bytes.chunks(step) {
            decoder.push(piece);
            while let Some(block) = decoder.next_block()? {
                out.push(block);
            }
        }
        decoder.finish()?;
        Ok(out)
    }

    proptest! {
        #[test]
        fn blocks_survive_the_round_trip(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8),
            step in 1usize..400,
        ) {
            let blocks: Vec<Block> = bodies.into_iter().map(|b| Block::new(RAW, b).unwrap()).collect();
            prop_assert_eq!(decode(&stream(&blocks), step).unwrap(), blocks);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, step in 1usize..64) {
            let _ = decode(&bytes, step);
        }

        #[test]
        fn a_flipped_byte_never_yields_other_blocks(at: prop::sample::Index, flip in 1u8..) {
            let blocks = [Block::new(RAW, &b"one"[..]).unwrap(), Block::new(RAW, &b"two"[..]).unwrap()];
            let mut bytes = stream(&blocks);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            if let Ok(read) = decode(&bytes, 7) {
                // The flip hit the roots, or a codec: every block still matches its own CID.
                prop_assert!(read.iter().all(|b| Block::verified(b.cid(), b.data().clone()).is_ok()));
            }
        }
    }

    #[test]
    fn truncation_is_noticed() {
        let bytes = stream(&[Block::new(RAW, &b"block"[..]).unwrap()]);
        for end in 0..bytes.len() {
            let whole_header = end == bytes.len() - 5 - 36 - 1;
            assert_eq!(
                decode(&bytes[..end], 16).is_ok(),
                whole_header,
                "cut at {end}"
            );
        }
    }

    #[test]
    fn huge_sections_are_refused_before_they_arrive() {
        let mut bytes = header(&block::cid_of(RAW, b"")).unwrap().to_vec();
        crate::wire::put_varint(&mut bytes, 1 << 40);
        assert!(matches!(decode(&bytes, 999), Err(Error::Limit { .. })));
    }
}
