//! dag-pb nodes (IPLD codec 0x70), as the [DAG-PB specification] has them.
//!
//! [DAG-PB specification]: https://ipld.io/specs/codecs/dag-pb/spec/

use bytes::Bytes;
use cid::Cid;

use crate::wire::{Fields, Value, put_bytes, put_number};
use crate::{Error, Result};

/// Most links of one node that are accepted. A block of [`crate::MAX_BLOCK`] bytes could claim
/// some 50,000; honest directories are sharded long before that.
pub const MAX_LINKS: usize = 16_384;

const WHAT: &str = "dag-pb node";

/// A named link to another block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The block linked to.
    pub cid: Cid,
    /// The name; empty in files.
    pub name: String,
    /// Size of everything under the link, in bytes, as its author claims ("Tsize").
    pub tsize: u64,
}

/// A node: links, then data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The links in the order of the bytes.
    pub links: Vec<Link>,
    /// The data, for UnixFS a message of its own.
    pub data: Option<Bytes>,
}

impl Node {
    /// Encodes the node canonically: links in the given order first, then the data.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(
            self.links.len() * 56 + self.data.as_ref().map_or(0, Bytes::len) + 8,
        );
        for link in &self.links {
            let mut inner = Vec::with_capacity(56 + link.name.len());
            put_bytes(&mut inner, 1, &link.cid.to_bytes());
            put_bytes(&mut inner, 2, link.name.as_bytes());
            put_number(&mut inner, 3, link.tsize);
            put_bytes(&mut out, 2, &inner);
        }
        if let Some(data) = &self.data {
            put_bytes(&mut out, 1, data);
        }
        out
    }

    /// Decodes a node. Data before links is accepted, as old writers made it; links and data
    /// interleaved are not.
    ///
    /// # Errors
    /// [`Error::Malformed`], or [`Error::Limit`] over [`MAX_LINKS`].
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        let mut node = Self::default();
        let mut closed = false;
        for field in Fields::new(WHAT, bytes) {
            match field? {
                (1, Value::Bytes(data)) if node.data.is_none() => {
                    closed = !node.links.is_empty();
                    node.data = Some(bytes.slice_ref(data));
                }
                (2, Value::Bytes(_)) if node.links.len() == MAX_LINKS => {
                    return Err(Error::Limit {
                        what: "links of one node",
                        limit: MAX_LINKS as u64,
                    });
                }
                (2, Value::Bytes(link)) if !closed => node.links.push(decode_link(link)?),
                (number, _) => {
                    return Err(Error::malformed(
                        WHAT,
                        format!("field {number} where none is allowed"),
                    ));
                }
            }
        }
        Ok(node)
    }
}

fn decode_link(bytes: &[u8]) -> Result<Link> {
    let (mut cid, mut name, mut tsize) = (None, None, None);
    for field in Fields::new(WHAT, bytes) {
        match field? {
            (1, Value::Bytes(hash)) if cid.is_none() => {
                cid = Some(
                    Cid::try_from(hash)
                        .map_err(|e| Error::malformed(WHAT, format!("link: {e}")))?,
                );
            }
            (2, Value::Bytes(text)) if name.is_none() => {
                let text = std::str::from_utf8(text)
                    .map_err(|_| Error::malformed(WHAT, "link name is not UTF-8"))?;
                name = Some(text.to_owned());
            }
            (3, Value::Varint(size)) if tsize.is_none() => tsize = Some(size),
            (number, _) => {
                return Err(Error::malformed(
                    WHAT,
                    format!("link field {number} not allowed"),
                ));
            }
        }
    }
    Ok(Link {
        cid: cid.ok_or_else(|| Error::malformed(WHAT, "link without a hash"))?,
        name: name.unwrap_or_default(),
        tsize: tsize.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::block::{RAW, cid_of};

    fn link() -> impl Strategy<Value = Link> {
        (any::<[u8; 8]>(), "[a-z]{0,9}", any::<u64>()).prop_map(|(seed, name, tsize)| Link {
            cid: cid_of(RAW, &seed),
            name,
            tsize,
        })
    }

    proptest! {
        #[test]
        fn nodes_survive_the_round_trip(
            links in prop::collection::vec(link(), 0..20),
            data in prop::option::of(prop::collection::vec(any::<u8>(), 0..99)),
        ) {
            let node = Node { links, data: data.map(Bytes::from) };
            prop_assert_eq!(Node::decode(&Bytes::from(node.encode())).unwrap(), node);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Node::decode(&Bytes::from(bytes));
        }
    }

    #[test]
    fn interleaved_and_repeated_sections_are_refused() {
        let link = Link {
            cid: cid_of(RAW, b"x"),
            name: String::new(),
            tsize: 1,
        };
        let links = Node {
            links: vec![link],
            data: None,
        }
        .encode();
        let data = Node {
            links: vec![],
            data: Some(Bytes::from_static(b"d")),
        }
        .encode();
        assert!(Node::decode(&[&data[..], &links].concat().into()).is_ok());
        assert!(Node::decode(&[&links[..], &data, &links].concat().into()).is_err());
        assert!(Node::decode(&[&data[..], &data].concat().into()).is_err());
    }

    #[test]
    fn a_flood_of_links_is_refused() {
        let links = (0..MAX_LINKS + 1)
            .map(|_| Link {
                cid: cid_of(RAW, b""),
                name: String::new(),
                tsize: 0,
            })
            .collect();
        let bytes = Node { links, data: None }.encode();
        assert!(matches!(
            Node::decode(&bytes.into()),
            Err(Error::Limit { .. })
        ));
    }
}
