//! For whom a root is kept.
//!
//! A store keeps roots for its own node and for other institutions. Each of them has a reference of
//! its own to a root, so that one owner's deletion takes nothing from another.

use std::fmt;

use cid::Cid;

use crate::sign::wallet;
use crate::{Error, Result};

/// Longest key id that can own something, in bytes.
const MAX_OWNER: usize = 128;

/// Whose reference it is: this node's own, or another institution's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(Option<Box<str>>);

impl Owner {
    /// The node that the store belongs to.
    pub const THIS_NODE: Self = Self(None);

    /// The institution with this key id, in whichever spelling.
    ///
    /// # Errors
    /// [`Error::Malformed`] unless the key id is 1 to 128 ASCII letters, digits and hyphens: it
    /// becomes part of names of files and objects.
    pub fn institution(key_id: &str) -> Result<Self> {
        let key_id = wallet::canonical(key_id);
        let plain = key_id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if key_id.is_empty() || key_id.len() > MAX_OWNER || !plain {
            return Err(Error::malformed(
                "key id",
                format!("{key_id:?} cannot name an owner"),
            ));
        }
        Ok(Self(Some(key_id.into())))
    }

    /// The institution's key id; None for this node.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key_id().unwrap_or("this node"))
    }
}

/// A root that is kept for an owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// What is kept, with everything under it.
    pub root: Cid,
    /// For whom.
    pub owner: Owner,
}

impl Reference {
    pub(crate) fn new(root: Cid, owner: Owner) -> Self {
        Self { root, owner }
    }

    /// The name under which engines keep it: `CID` for this node, `CID.KEYID` for others.
    pub(crate) fn name(&self) -> String {
        match self.owner.key_id() {
            None => self.root.to_string(),
            Some(key_id) => format!("{}.{key_id}", self.root),
        }
    }

    /// Reads [`Self::name`]; None for other names.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (root, owner) = match name.split_once('.') {
            None => (name, Owner::THIS_NODE),
            Some((root, key_id)) => (root, Owner::institution(key_id).ok()?),
        };
        Some(Self::new(root.parse().ok()?, owner))
    }
}

/// The distinct roots of `references`, in the order of their text.
pub(crate) fn roots(references: impl IntoIterator<Item = Reference>) -> Vec<Cid> {
    let mut roots: Vec<Cid> = references.into_iter().map(|held| held.root).collect();
    roots.sort_by_cached_key(Cid::to_string);
    roots.dedup();
    roots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{RAW, cid_of};

    #[test]
    fn names_are_read_back() {
        let root = cid_of(RAW, b"root");
        let other = Owner::institution("0xa").unwrap();
        for owner in [Owner::THIS_NODE, other] {
            let reference = Reference::new(root, owner);
            assert_eq!(Reference::parse(&reference.name()), Some(reference));
        }
        for name in ["nonsense", "", &format!("{root}."), &format!("{root}.a.b")] {
            assert_eq!(Reference::parse(name), None, "{name}");
        }
    }

    #[test]
    fn one_institution_is_one_owner_however_it_is_spelled() {
        let lower = "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf";
        let mixed = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf";
        assert_eq!(
            Owner::institution(mixed).unwrap(),
            Owner::institution(lower).unwrap()
        );
        assert_eq!(Owner::institution(mixed).unwrap().key_id(), Some(lower));
    }

    #[test]
    fn what_cannot_be_a_file_name_owns_nothing() {
        for key_id in ["", "a/b", "..", "a.b", "ä", &"a".repeat(MAX_OWNER + 1)] {
            assert!(Owner::institution(key_id).is_err(), "{key_id}");
        }
    }
}
