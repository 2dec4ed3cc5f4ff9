//! Following a path from a root: through UnixFS directories, sharded ones too, and DAG-CBOR.

use bytes::Bytes;
use cid::Cid;
use ipld_core::ipld::Ipld;

use crate::block::{self, DAG_CBOR, DAG_PB};
use crate::dagpb::{Link, Node};
use crate::engine::Vault;
use crate::unixfs::{Data, Kind};
use crate::{Error, Result};

/// Most segments of a path, and most shards passed for one of them.
const MAX_SEGMENTS: usize = 256;
/// Multihash code of the hash that sharded directories use: murmur3-x64-64.
const MURMUR3: u64 = 0x22;

/// Where a path leads. CIDs are those that the path and the links name, CIDv0 or CIDv1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Blocks that were passed on the way, shards included, in order, without the last.
    pub passed: Vec<Cid>,
    /// The block at the end of the path.
    pub last: Cid,
    /// The CID that each segment led to, the root first.
    pub roots: Vec<Cid>,
}

/// Follows `segments` from `root`.
///
/// # Errors
/// [`Error::NoSuchPath`], [`Error::Limit`], [`Error::Malformed`], and the engine's.
pub async fn resolve<V: Vault + ?Sized>(
    vault: &V,
    root: &Cid,
    segments: &[String],
) -> Result<Resolved> {
    if segments.len() > MAX_SEGMENTS {
        return Err(Error::Limit {
            what: "path segments",
            limit: MAX_SEGMENTS as u64,
        });
    }
    block::normalise(root)?;
    let mut at = Resolved {
        passed: Vec::new(),
        last: *root,
        roots: vec![*root],
    };
    let mut rest = segments;
    while let [segment, after @ ..] = rest {
        let data = vault.get_block(&at.last).await?;
        match at.last.codec() {
            DAG_PB => {
                pass_directory(vault, &mut at, data, segment).await?;
                rest = after;
            }
            DAG_CBOR => match pass_document(&mut at, &data, rest)? {
                Some(left) => rest = left,
                None => break,
            },
            _ => return Err(no_such_path(&at.last, segment)),
        }
    }
    Ok(at)
}

fn no_such_path(parent: &Cid, segment: &str) -> Error {
    Error::NoSuchPath {
        parent: *parent,
        segment: segment.into(),
    }
}

fn step(at: &mut Resolved, next: &Cid) -> Result<()> {
    block::normalise(next)?;
    at.passed.push(at.last);
    at.last = *next;
    Ok(())
}

async fn pass_directory<V: Vault + ?Sized>(
    vault: &V,
    at: &mut Resolved,
    data: Bytes,
    name: &str,
) -> Result<()> {
    let directory = at.last;
    let (mut node, mut unixfs) = open(&data)?;
    let mut bits = HashBits::new(name);
    loop {
        let found = match unixfs.kind {
            Kind::Directory => Entry::of(node.links.iter().find(|link| link.name == name), true),
            Kind::HamtShard => in_shard(&node, &unixfs, &mut bits, name)?,
            _ => Entry::None,
        };
        match found {
            Entry::None => return Err(no_such_path(&directory, name)),
            Entry::Child(cid) => {
                at.roots.push(cid);
                return step(at, &cid);
            }
            Entry::Shard(cid) => {
                step(at, &cid)?;
                (node, unixfs) = open(&vault.get_block(&at.last).await?)?;
            }
        }
    }
}

fn open(data: &Bytes) -> Result<(Node, Data)> {
    let node = Node::decode(data)?;
    let unixfs = Data::decode(node.data.as_ref().unwrap_or(&Bytes::new()))?;
    Ok((node, unixfs))
}

/// What a directory has under a name.
enum Entry {
    None,
    Child(Cid),
    Shard(Cid),
}

impl Entry {
    fn of(link: Option<&Link>, is_child: bool) -> Self {
        match link {
            None => Self::None,
            Some(link) if is_child => Self::Child(link.cid),
            Some(link) => Self::Shard(link.cid),
        }
    }
}

/// Number of hex digits before each name in a shard of this fanout.
pub(crate) fn prefix_len(fanout: u64) -> Result<usize> {
    if !(8..=1024).contains(&fanout) || !fanout.is_power_of_two() {
        return Err(Error::malformed(
            "sharded directory",
            format!("fanout {fanout}"),
        ));
    }
    Ok(format!("{:X}", fanout - 1).len())
}

fn in_shard(node: &Node, unixfs: &Data, bits: &mut HashBits, name: &str) -> Result<Entry> {
    if unixfs.hash_type != Some(MURMUR3) {
        return Err(Error::malformed(
            "sharded directory",
            "its hash is not murmur3-x64-64",
        ));
    }
    let fanout = unixfs.fanout.unwrap_or_default();
    let width = prefix_len(fanout)?;
    let Some(bucket) = bits.take(fanout.trailing_zeros()) else {
        return Ok(Entry::None);
    };
    let prefix = format!("{bucket:0width$X}");
    let full = format!("{prefix}{name}");
    let found = node
        .links
        .iter()
        .find(|link| link.name == prefix || link.name == full);
    Ok(Entry::of(
        found,
        found.is_some_and(|link| link.name == full),
    ))
}

/// The bits of a name's hash, from the most significant on.
struct HashBits {
    hash: u64,
    used: u32,
}

impl HashBits {
    fn new(name: &str) -> Self {
        // Reading from a slice cannot fail; the first half of the 128 bits is the 64-bit hash.
        let hash = murmur3::murmur3_x64_128(&mut name.as_bytes(), 0).unwrap_or_default();
        Self {
            hash: hash as u64,
            used: 0,
        }
    }

    fn take(&mut self, count: u32) -> Option<u64> {
        let end = self.used + count;
        if end > u64::BITS {
            return None;
        }
        let value = self.hash << self.used >> (u64::BITS - count);
        self.used = end;
        Some(value)
    }
}

/// Follows segments within a DAG-CBOR document until a link leads out of it. None when the path
/// ends inside the document.
fn pass_document<'a>(
    at: &mut Resolved,
    data: &Bytes,
    segments: &'a [String],
) -> Result<Option<&'a [String]>> {
    let document: Ipld = serde_ipld_dagcbor::from_slice(data)
        .map_err(|e| Error::malformed("DAG-CBOR block", e.to_string()))?;
    let mut value = &document;
    for (index, segment) in segments.iter().enumerate() {
        let next = match value {
            Ipld::Map(map) => map.get(segment),
            Ipld::List(list) => segment
                .parse::<usize>()
                .ok()
                .and_then(|index| list.get(index)),
            _ => None,
        };
        value = next.ok_or_else(|| no_such_path(&at.last, segment))?;
        if let Ipld::Link(cid) = value {
            at.roots.push(*cid);
            step(at, cid)?;
            return Ok(Some(&segments[index + 1..]));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_bits_come_from_the_top() {
        let mut bits = HashBits {
            hash: 0xAB_CD_00_00_00_00_00_01,
            used: 0,
        };
        assert_eq!(bits.take(8), Some(0xAB));
        assert_eq!(bits.take(4), Some(0xC));
        assert_eq!(bits.take(52), Some(0xD_00_00_00_00_00_01));
        assert_eq!(bits.take(8), None);
    }

    #[test]
    fn fanouts_are_limited() {
        assert_eq!(prefix_len(256).unwrap(), 2);
        assert_eq!(prefix_len(16).unwrap(), 1);
        assert!([0, 7, 4, 255, 2048].iter().all(|&f| prefix_len(f).is_err()));
    }
}
