//! The static layout of a log (`c2sp.org/tlog-tiles`): tiles of 256 hashes, bundles of 256
//! entries, and the paths under which they are served.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::B256;

use super::merkle::{Node, fold, node_hash};
use crate::error::{Error, Result};

/// Hashes in a full tile, entries in a full bundle.
pub const WIDTH: u64 = 256;

/// Levels of tiles that a log of 2^64 entries can have.
pub const MAX_LEVEL: u8 = 7;

/// Place of a tile: which level, and which one from the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    /// 0 for leaf hashes; a hash of level `l` covers `256^l` entries.
    pub level: u8,
    /// Number from the left.
    pub index: u64,
}

impl TileId {
    /// The tile that holds what a complete subtree is made of, and the range of its hashes.
    pub fn of(node: Node) -> (Self, std::ops::Range<usize>) {
        let height = node.level % 8;
        let start = node.index << height;
        let first = (start % WIDTH) as usize;
        (
            Self {
                level: node.level / 8,
                index: start / WIDTH,
            },
            first..first + (1 << height),
        )
    }

    /// How many hashes the tile has in a log of `size` entries, 0 to 256.
    pub fn width(self, size: u64) -> u64 {
        let hashes = size.checked_shr(8 * u32::from(self.level)).unwrap_or(0);
        self.index
            .checked_mul(WIDTH)
            .map_or(0, |before| hashes.saturating_sub(before))
            .min(WIDTH)
    }
}

/// A tile with its hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Its place.
    pub id: TileId,
    /// 1 to 256 hashes.
    pub hashes: Vec<B256>,
}

impl Tile {
    /// The bytes that are served: the hashes one after another.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.concat()
    }
}

/// Hash of a complete subtree over 2^n neighbouring hashes of a tile.
pub(crate) fn subtree(hashes: &[B256]) -> B256 {
    debug_assert!(hashes.len().is_power_of_two());
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks_exact(2)
            .map(|pair| node_hash(&pair[0], &pair[1]))
            .collect();
    }
    row[0]
}

/// Root over any number of hashes of a tile, as RFC 6962 splits them.
pub(crate) fn complete_subtrees(hashes: &[B256]) -> Vec<B256> {
    let mut found = Vec::new();
    let mut rest = hashes;
    while !rest.is_empty() {
        let (subtree_hashes, right) = rest.split_at(1 << rest.len().ilog2());
        found.push(subtree(subtree_hashes));
        rest = right;
    }
    found
}

/// The growing right edge of a tree: the partial tile of each level. Appending is cheap, and the
/// root is known at any time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// Partial tile of each level, 0 to 255 hashes.
    levels: Vec<Vec<B256>>,
}

impl Edge {
    /// The edge of a stored log: its size and the partial tile of each level from 0 up.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a tile has not the width that the size asks for.
    pub fn new(size: u64, levels: Vec<Vec<B256>>) -> Result<Self> {
        for (level, hashes) in (0u8..).zip(&levels) {
            if hashes.len() as u64 != Self::partial_width(size, level) {
                return Err(Error::corrupt(
                    "log",
                    format!("a tile of level {level} is short"),
                ));
            }
        }
        Ok(Self { size, levels })
    }

    /// How many levels of tiles a log of `size` entries has.
    pub fn levels_of(size: u64) -> u8 {
        let mut level = 0;
        while size.checked_shr(8 * u32::from(level)).unwrap_or(0) > 0 {
            level += 1;
        }
        level
    }

    /// Hashes in the partial tile of a level.
    pub fn partial_width(size: u64, level: u8) -> u64 {
        size.checked_shr(8 * u32::from(level)).unwrap_or(0) % WIDTH
    }

    /// Entries in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree.
    pub fn root(&self) -> B256 {
        let hashes: Vec<B256> = self
            .levels
            .iter()
            .rev()
            .flat_map(|tile| complete_subtrees(tile))
            .collect();
        fold(&hashes).unwrap_or_else(super::merkle::empty_root)
    }

    /// Adds a leaf; calls `changed` with each full level 0 tile and each tile of a higher level
    /// that it changed.
    pub fn push(&mut self, leaf: B256, mut changed: impl FnMut(Tile)) {
        let mut hash = leaf;
        self.size += 1;
        for level in 0u8.. {
            if self.levels.len() <= level.into() {
                self.levels.push(Vec::new());
            }
            let tile = &mut self.levels[usize::from(level)];
            tile.push(hash);
            let full = tile.len() as u64 == WIDTH;
            if level > 0 || full {
                // The tile's number is that of its last hash divided by 256.
                let index = ((self.size >> (8 * u32::from(level))) - 1) / WIDTH;
                changed(Tile {
                    id: TileId { level, index },
                    hashes: tile.clone(),
                });
            }
            if !full {
                return;
            }
            hash = subtree(tile);
            tile.clear();
        }
    }
}

/// What a log serves, by path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// `checkpoint`: the latest signed checkpoint.
    Checkpoint,
    /// `tile/L/N` or `tile/L/N.p/W`: hashes.
    Tile {
        /// Which tile.
        id: TileId,
        /// How many hashes, 1 to 256.
        width: u64,
    },
    /// `tile/entries/N` or `tile/entries/N.p/W`: entries.
    Entries {
        /// Number of the bundle from the left.
        index: u64,
        /// How many entries, 1 to 256.
        width: u64,
    },
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match self {
            Self::Checkpoint => return f.write_str("checkpoint"),
            Self::Tile { id, width } => {
                write!(f, "tile/{}/", id.level)?;
                (id.index, *width)
            }
            Self::Entries { index, width } => {
                f.write_str("tile/entries/")?;
                (*index, *width)
            }
        };
        let mut groups = vec![format!("{:03}", index % 1000)];
        let mut rest = index / 1000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.reverse();
        f.write_str(&groups.join("/"))?;
        if width < WIDTH {
            write!(f, ".p/{width}")
        } else {
            Ok(())
        }
    }
}

impl FromStr for Resource {
    type Err = Error;

    /// Reads a path without leading slash; only the one right spelling of each.
    fn from_str(path: &str) -> Result<Self> {
        let parsed = parse_resource(path).filter(|resource| resource.to_string() == path);
        parsed.ok_or_else(|| Error::malformed("log path", "see c2sp.org/tlog-tiles for the paths"))
    }
}

fn parse_resource(path: &str) -> Option<Resource> {
    if path == "checkpoint" {
        return Some(Resource::Checkpoint);
    }
    // The longest path there is: 2^56 tiles, ten groups and a width.
    if path.len() > 64 {
        return None;
    }
    let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (
            number,
            width.parse().ok().filter(|w| (1..WIDTH).contains(w))?,
        ),
        None => (rest, WIDTH),
    };
    let mut index: u64 = 0;
    for group in number.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    if level == "entries" {
        return Some(Resource::Entries { index, width });
    }
    let level = level.parse().ok().filter(|level| *level <= MAX_LEVEL)?;
    Some(Resource::Tile {
        id: TileId { level, index },
        width,
    })
}

/// A bundle of entries as it is served: each with its length in two bytes, big-endian, before it.
/// Our entries are the 32-byte digests.
pub fn bundle(digests: &[B256]) -> Vec<u8> {
    digests
        .iter()
        .flat_map(|digest| [&[0, 32], digest.as_slice()].concat())
        .collect()
}

/// Reads a bundle of digests.
///
/// # Errors
/// [`Error::Malformed`] if an entry has not 32 bytes or there are more than 256.
pub fn read_bundle(bytes: &[u8]) -> Result<Vec<B256>> {
    let fail = |reason: &str| Error::malformed("entry bundle", reason);
    if bytes.len() as u64 > WIDTH * 34 {
        return Err(fail("more than 256 entries"));
    }
    let entries = bytes
        .chunks(34)
        .map(|entry| match entry.split_at_checked(2) {
            Some(([0, 32], digest)) if digest.len() == 32 => Ok(B256::from_slice(digest)),
            _ => Err(fail("an entry has not 32 bytes")),
        });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::merkle::leaf_hash;

    #[test]
    fn paths_are_those_of_the_specification() {
        let resource = Resource::Entries {
            index: 1_234_067,
            width: WIDTH,
        };
        assert_eq!(resource.to_string(), "tile/entries/x001/x234/067");
        let tile = Resource::Tile {
            id: TileId {
                level: 0,
                index: 273,
            },
            width: 112,
        };
        assert_eq!(tile.to_string(), "tile/0/273.p/112");
        for bad in [
            "",
            "tile",
            "tile/0",
            "tile/0/1",
            "tile/00/001",
            "tile/8/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/x000/001",
            "tile/0/001/001",
            "tile/entries/+01",
            "/checkpoint",
            "checkpoint/",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert!(bad.parse::<Resource>().is_err(), "{bad}");
        }
    }

    #[test]
    fn widths_are_those_of_the_specifications_example() {
        let width = |level, index| TileId { level, index }.width(70_000);
        assert_eq!((width(0, 272), width(0, 273), width(0, 274)), (256, 112, 0));
        assert_eq!(
            (width(1, 0), width(1, 1), width(2, 0), width(3, 0)),
            (256, 17, 1, 0)
        );
        assert_eq!(
            (
                TileId { level: 0, index: 0 }.width(256),
                Edge::levels_of(256)
            ),
            (256, 2)
        );
    }

    proptest! {
        #[test]
        fn paths_round_trip(level in 0u8..=MAX_LEVEL, index in 0u64..1 << 56, width in 1u64..=WIDTH) {
            for resource in [
                Resource::Tile { id: TileId { level, index }, width },
                Resource::Entries { index, width },
            ] {
                prop_assert_eq!(resource.to_string().parse::<Resource>().unwrap(), resource);
            }
        }

        #[test]
        fn any_path_is_taken_without_panic(path in "(tile/)?[0-9a-z/.]{0,40}") {
            if let Ok(resource) = path.parse::<Resource>() {
                prop_assert_eq!(resource.to_string(), path);
            }
        }

        #[test]
        fn bundles_round_trip(digests in prop::collection::vec(any::<[u8; 32]>(), 0..257), cut in 0usize..33) {
            let digests: Vec<B256> = digests.into_iter().map(B256::from).collect();
            let bytes = bundle(&digests);
            prop_assert_eq!(&read_bundle(&bytes).unwrap(), &digests);
            if cut > 0 && bytes.len() > cut {
                prop_assert!(read_bundle(&bytes[cut..]).is_err());
            }
        }
    }

    #[test]
    fn the_edge_has_the_root_of_the_whole_at_every_size() {
        let mut edge = Edge::default();
        let mut hashes = Vec::new();
        let mut tiles = std::collections::BTreeMap::new();
        for number in 0..66_000u32 {
            let leaf = leaf_hash(&number.to_be_bytes());
            hashes.push(leaf);
            edge.push(leaf, |tile| {
                tiles.insert(tile.id, tile.hashes);
            });
            let size = u64::from(number) + 1;
            if size % 997 == 0 || [1, 2, 255, 256, 257, 65_535, 65_536, 65_537].contains(&size) {
                let expected = fold(&complete_subtrees(&hashes)).unwrap();
                assert_eq!(edge.root(), expected, "{size}");
                // What was stored is enough to go on from.
                let levels = (0..Edge::levels_of(size)).map(|level| {
                    let width = Edge::partial_width(size, level) as usize;
                    let index = (size >> (8 * level)) / WIDTH;
                    match level {
                        0 => hashes[hashes.len() - width..].to_vec(),
                        _ if width == 0 => Vec::new(),
                        _ => tiles[&TileId { level, index }][..width].to_vec(),
                    }
                });
                assert_eq!(
                    Edge::new(size, levels.collect()).unwrap().root(),
                    expected,
                    "{size}"
                );
            }
        }
        // Full tiles of level 0, a full and a partial one of level 1, one of level 2.
        assert_eq!(tiles.len(), 257 + 2 + 1);
    }
}
