//! Selective disclosure: some parts of a record with proofs that they belong to it; the rest
//! stays hidden behind salted hashes.
use core::fmt;

use acts::{Domain, Signed};
use alloy_primitives::{B256, Bytes};
use cid::Cid;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::codec::{self, Format1};
use crate::error::{Error, Result, at_most};
use crate::manifest::{Header, Manifest, Part, check_cid, check_part_name, commitment};
use crate::secret::Secret32;
use crate::{limits, merkle};

/// A part that is shown, with its place in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisclosedPart {
    /// Leaf index: 1 for the first part (0 is the header).
    pub leaf: u64,
    /// The part as the manifest lists it.
    pub part: Part,
    /// Inclusion proof, from the leaf upwards.
    pub path: Vec<B256>,
}

/// The header and some parts of a record version, provable against its commitment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    format: Format1,
    /// The record version's header (leaf 0), always shown.
    pub header: Header,
    /// The header's inclusion proof.
    pub header_path: Vec<B256>,
    /// The parts that are shown, by ascending leaf index.
    pub parts: Vec<DisclosedPart>,
    /// Merkle root.
    pub root: B256,
    /// The author's signature of [`Header::statement`].
    pub author_signature: Bytes,
    /// The commitment's salt.
    pub salt: B256,
    /// CID of the sealed manifest. It opens only with the manifest's own key.
    pub manifest: Cid,
}

/// What a disclosure proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedDisclosure<'a> {
    /// The record version's header.
    pub header: &'a Header,
    /// The parts that are shown.
    pub parts: Vec<&'a Part>,
    /// Number of parts that stay hidden.
    pub hidden: u64,
    /// How the author's signature stands.
    pub author: Signed,
}

impl Disclosure {
    /// Discloses the parts `names` of `manifest`, whose sealed bytes have CID `sealed` and whose
    /// commitment uses `salt`. With all names, the whole record is shown.
    ///
    /// # Errors
    /// [`Error::NoSuchPart`] for a name that the manifest does not list.
    pub fn of<S: AsRef<str>>(
        manifest: &Manifest,
        names: &[S],
        salt: B256,
        sealed: Cid,
    ) -> Result<Self> {
        if let Some(missing) = names
            .iter()
            .find(|n| !manifest.parts.iter().any(|p| p.name == n.as_ref()))
        {
            return Err(Error::NoSuchPart(missing.as_ref().to_owned()));
        }
        let leaves = manifest.leaves();
        // Every index below is that of a leaf, so a path exists.
        let path = |leaf: usize| merkle::path(&leaves, leaf).unwrap_or_default();
        let wanted = |part: &Part| names.iter().any(|n| n.as_ref() == part.name);
        let shown = manifest
            .parts
            .iter()
            .enumerate()
            .filter(|(_, part)| wanted(part));
        let parts = shown
            .map(|(i, part)| DisclosedPart {
                leaf: i as u64 + 1,
                part: part.clone(),
                path: path(i + 1),
            })
            .collect();
        Ok(Self {
            format: Format1,
            header: manifest.header.clone(),
            header_path: path(0),
            parts,
            root: manifest.root,
            author_signature: manifest.author_signature.clone(),
            salt,
            manifest: sealed,
        })
    }

    /// The commitment that salt, root and manifest CID make.
    pub fn commitment(&self) -> B256 {
        commitment(&self.salt, &self.root, &self.manifest)
    }

    /// Checks the disclosure against `expected`, the commitment that the chain holds, and the
    /// author's signature for `domain` (verifying contract: Records).
    ///
    /// # Errors
    /// [`Error`], saying what does not hold. A signature not by the author's own key is no error
    /// yet: see [`Signed`].
    pub fn verify(&self, expected: B256, domain: &Domain) -> Result<VerifiedDisclosure<'_>> {
        let computed = self.commitment();
        if computed != expected {
            return Err(Error::WrongCommitment { expected, computed });
        }
        self.check()?;
        let digest = domain.digest(&self.header.statement(self.root));
        let author = acts::check(
            "author statement",
            self.header.author,
            digest,
            &self.author_signature,
        )?;
        let parts: Vec<_> = self.parts.iter().map(|p| &p.part).collect();
        let hidden = self.header.parts - parts.len() as u64;
        Ok(VerifiedDisclosure {
            header: &self.header,
            parts,
            hidden,
            author,
        })
    }

    /// Canonical DAG-CBOR.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical DAG-CBOR and checks fields, limits and that every proof leads to the root.
    /// Commitment and signature are not checked: call [`Disclosure::verify`].
    ///
    /// # Errors
    /// [`Error`], saying which field, limit or proof.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let disclosure: Self = codec::decode("disclosure", bytes, limits::DISCLOSURE_BYTES)?;
        disclosure.check()?;
        Ok(disclosure)
    }

    pub(crate) fn check(&self) -> Result<()> {
        at_most("disclosed parts", self.parts.len(), limits::PARTS)?;
        at_most(
            "signature",
            self.author_signature.len(),
            limits::SIGNATURE_BYTES,
        )?;
        check_cid("manifest", &self.manifest)?;
        self.header.check()?;
        self.proves("header", self.header.leaf(), 0, &self.header_path)?;
        let mut before = 0;
        let mut names = std::collections::BTreeSet::new();
        for shown in &self.parts {
            if shown.leaf <= before {
                return Err(Error::invalid(
                    "leaf",
                    "parts are listed once, by ascending leaf index",
                ));
            }
            before = shown.leaf;
            shown.part.check()?;
            if !names.insert(&shown.part.name) {
                let reason = format!("{:?} is there twice", shown.part.name);
                return Err(Error::invalid("part.name", reason));
            }
            self.proves(&shown.part.name, shown.part.leaf(), shown.leaf, &shown.path)?;
        }
        Ok(())
    }

    fn proves(&self, what: &str, leaf: B256, index: u64, path: &[B256]) -> Result<()> {
        at_most("inclusion proof", path.len(), limits::PATH_HASHES)?;
        if merkle::root_from_path(leaf, index, self.header.leaves(), path) == Some(self.root) {
            return Ok(());
        }
        Err(Error::WrongProof {
            what: what.to_owned(),
        })
    }
}

/// The keys of the disclosed parts, the plaintext of an envelope. Erased when dropped.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PartKeys(Vec<(String, Secret32)>);

impl fmt::Debug for PartKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl PartKeys {
    /// Keys by part name; sorted by name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad or repeated name, [`Error::TooLarge`] for too many.
    pub fn new(mut keys: Vec<(String, Secret32)>) -> Result<Self> {
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        let keys = Self(keys);
        keys.check()?;
        Ok(keys)
    }

    /// The key of the part `name`.
    ///
    /// # Errors
    /// [`Error::NoSuchPart`].
    pub fn get(&self, name: &str) -> Result<&Secret32> {
        let found = self.0.binary_search_by(|(n, _)| n.as_str().cmp(name));
        found
            .map(|i| &self.0[i].1)
            .map_err(|_| Error::NoSuchPart(name.to_owned()))
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Canonical DAG-CBOR: a list of `[name, key]`, by ascending name.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        // Room for all, so that no grown-out-of buffer with keys in it stays behind.
        let room = 16 + self.0.len() * (limits::PART_NAME_BYTES + 48);
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        // Lists of text and bytes always encode; writing to memory does not fail.
        serde_ipld_dagcbor::to_writer(&mut *bytes, &self.0).expect("lists of keys always encode");
        bytes
    }

    /// Reads what [`PartKeys::encode`] wrote.
    ///
    /// # Errors
    /// [`Error`], saying which limit or form is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let what = "part keys";
        at_most(what, bytes.len(), limits::PART_KEYS_BYTES)?;
        let keys: Vec<(String, Secret32)> =
            serde_ipld_dagcbor::from_slice(bytes).map_err(|e| Error::Malformed {
                what,
                reason: e.to_string(),
            })?;
        let keys = Self(keys);
        keys.check()?;
        if **keys.encode() == *bytes {
            Ok(keys)
        } else {
            Err(Error::NotCanonical { what })
        }
    }

    fn check(&self) -> Result<()> {
        at_most("part keys", self.0.len(), limits::PARTS)?;
        self.0
            .iter()
            .try_for_each(|(name, _)| check_part_name(name))?;
        if self.0.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Ok(());
        }
        Err(Error::invalid(
            "part keys",
            "each name once, in ascending order",
        ))
    }
}
