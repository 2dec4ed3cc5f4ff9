//! UnixFS: files and directories as dag-pb nodes, per the [UnixFS specification].
//!
//! [UnixFS specification]: https://specs.ipfs.tech/unixfs/

use bytes::Bytes;

use crate::dagpb::MAX_LINKS;
use crate::wire::{Fields, Value, put_bytes, put_number};
use crate::{Error, Result};

const WHAT: &str = "UnixFS node";

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A leaf of a file in dag-pb form (old writers).
    Raw,
    /// A directory whose entries are the node's links.
    Directory,
    /// A file: its own data, then its links' data.
    File,
    /// A symbolic link; the data is its target.
    Symlink,
    /// A shard of a large directory, keyed by hash.
    HamtShard,
}

/// The UnixFS message in a dag-pb node's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// What the node is.
    pub kind: Kind,
    /// Inline bytes: file content, symlink target or a shard's bitmap.
    pub data: Bytes,
    /// Size of the file in bytes under this node.
    pub filesize: Option<u64>,
    /// Size of the file under each link.
    pub blocksizes: Vec<u64>,
    /// Hash function of a shard.
    pub hash_type: Option<u64>,
    /// Number of buckets of a shard.
    pub fanout: Option<u64>,
}

impl Data {
    /// An inner node of a file over children of these sizes.
    #[must_use]
    pub fn file(blocksizes: Vec<u64>) -> Self {
        Self {
            kind: Kind::File,
            data: Bytes::new(),
            filesize: Some(blocksizes.iter().sum()),
            blocksizes,
            hash_type: None,
            fanout: None,
        }
    }

    /// A directory.
    #[must_use]
    pub fn directory() -> Self {
        let data = Bytes::new();
        Self {
            kind: Kind::Directory,
            data,
            filesize: None,
            blocksizes: vec![],
            hash_type: None,
            fanout: None,
        }
    }

    /// Encodes the message, fields in ascending order as Kubo writes them.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.data.len() + self.blocksizes.len() * 5);
        let kind = match self.kind {
            Kind::Raw => 0,
            Kind::Directory => 1,
            Kind::File => 2,
            Kind::Symlink => 4,
            Kind::HamtShard => 5,
        };
        put_number(&mut out, 1, kind);
        if !self.data.is_empty() {
            put_bytes(&mut out, 2, &self.data);
        }
        let numbers = [(3, self.filesize), (5, self.hash_type), (6, self.fanout)];
        for (field, value) in numbers {
            if field == 5 {
                self.blocksizes
                    .iter()
                    .for_each(|size| put_number(&mut out, 4, *size));
            }
            if let Some(value) = value {
                put_number(&mut out, field, value);
            }
        }
        out
    }

    /// Decodes the message. Mode and time (fields 7 and 8) are accepted and not kept.
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::Limit`].
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        let mut kind = None;
        let mut out = Self::directory();
        for field in Fields::new(WHAT, bytes) {
            match field? {
                (1, Value::Varint(number)) => kind = Some(kind_of(number)?),
                (2, Value::Bytes(data)) => out.data = bytes.slice_ref(data),
                (3, Value::Varint(size)) => out.filesize = Some(size),
                (4, Value::Varint(size)) => push_size(&mut out.blocksizes, size)?,
                (4, Value::Bytes(packed)) => unpack_sizes(&mut out.blocksizes, packed)?,
                (5, Value::Varint(code)) => out.hash_type = Some(code),
                (6, Value::Varint(fanout)) => out.fanout = Some(fanout),
                (7, Value::Varint(_)) | (8, Value::Bytes(_)) => {}
                (number, _) => {
                    return Err(Error::malformed(WHAT, format!("unknown field {number}")));
                }
            }
        }
        out.kind = kind.ok_or_else(|| Error::malformed(WHAT, "no type"))?;
        Ok(out)
    }

    /// Size of the file under this node in bytes: its own data and its children's.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the sizes overflow or contradict each other.
    pub fn file_size(&self) -> Result<u64> {
        let children = self
            .blocksizes
            .iter()
            .try_fold(self.data.len() as u64, |sum, size| sum.checked_add(*size));
        let sum = children.ok_or_else(|| Error::malformed(WHAT, "sizes overflow"))?;
        match self.filesize {
            Some(claimed) if claimed != sum => Err(Error::malformed(
                WHAT,
                "file size is not the sum of its parts",
            )),
            _ => Ok(sum),
        }
    }
}

fn kind_of(number: u64) -> Result<Kind> {
    Ok(match number {
        0 => Kind::Raw,
        1 => Kind::Directory,
        2 => Kind::File,
        4 => Kind::Symlink,
        5 => Kind::HamtShard,
        other => return Err(Error::malformed(WHAT, format!("type {other}"))),
    })
}

fn push_size(sizes: &mut Vec<u64>, size: u64) -> Result<()> {
    if sizes.len() == MAX_LINKS {
        return Err(Error::Limit {
            what: "block sizes of one node",
            limit: MAX_LINKS as u64,
        });
    }
    sizes.push(size);
    Ok(())
}

fn unpack_sizes(sizes: &mut Vec<u64>, mut packed: &[u8]) -> Result<()> {
    while !packed.is_empty() {
        let (size, rest) = unsigned_varint::decode::u64(packed)
            .map_err(|_| Error::malformed(WHAT, "bad packed varint"))?;
        push_size(sizes, size)?;
        packed = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn messages_survive_the_round_trip(sizes in prop::collection::vec(0u64..1 << 40, 0..200)) {
            let data = Data::file(sizes);
            prop_assert_eq!(Data::decode(&data.encode().into()).unwrap(), data);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            if let Ok(data) = Data::decode(&bytes.into()) {
                let _ = data.file_size();
            }
        }
    }

    #[test]
    fn contradicting_sizes_are_refused() {
        let mut data = Data::file(vec![1, 2]);
        data.filesize = Some(4);
        assert!(data.file_size().is_err());
        data.filesize = None;
        data.blocksizes = vec![u64::MAX, 2];
        assert!(data.file_size().is_err());
    }

    #[test]
    fn a_directory_is_two_bytes() {
        assert_eq!(Data::directory().encode(), [8, 1]);
    }
}
