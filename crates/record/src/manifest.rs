//! The manifest of a record version: its header, its parts, their Merkle root and the author's
//! signature.
use acts::{AuthorStatement, Domain, Signed};
use alloy_primitives::{Address, B256, Bytes, Keccak256};
use cid::Cid;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::codec::{self, Format1};
use crate::error::{Error, Result, at_most};
use crate::{limits, merkle};

/// Fresh 32 random bytes.
pub(crate) fn fresh_salt(rng: &mut (impl CryptoRng + ?Sized)) -> B256 {
    let mut salt = B256::ZERO;
    rng.fill_bytes(salt.as_mut_slice());
    salt
}

/// One part of a record: a document, an image, a heatmap. An entry of the salted Merkle tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Name, unique in the manifest: 1 to 64 of `a-z 0-9 . _ -`. Also the context of the part key.
    pub name: String,
    /// Media type, e.g. `application/dicom`.
    pub media_type: String,
    /// Size of the plaintext, bytes.
    pub size: u64,
    /// CID of the sealed bytes.
    pub cid: Cid,
    /// Random, so that the leaf hash of a hidden part says nothing.
    pub salt: B256,
}

impl Part {
    /// A part with a fresh salt.
    ///
    /// # Errors
    /// [`Error::Invalid`] when name or media type are not allowed.
    pub fn new(
        name: &str,
        media_type: &str,
        size: u64,
        cid: Cid,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self> {
        let (name, media_type) = (name.to_owned(), media_type.to_owned());
        let part = Self {
            name,
            media_type,
            size,
            cid,
            salt: fresh_salt(rng),
        };
        part.check()?;
        Ok(part)
    }

    /// The part's leaf hash: over its canonical DAG-CBOR.
    pub fn leaf(&self) -> B256 {
        merkle::leaf_hash(&codec::encode(self))
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_part_name(&self.name)?;
        check_media_type(&self.media_type)?;
        check_cid("part.cid", &self.cid)
    }
}

/// Refuses part names other than 1 to 64 of `a-z 0-9 . _ -`, starting with a letter or digit.
pub(crate) fn check_part_name(name: &str) -> Result<()> {
    at_most("part name", name.len(), limits::PART_NAME_BYTES)?;
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    let starts = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    if starts && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::invalid(
        "part.name",
        "use 1 to 64 of a-z 0-9 . _ - and start with a letter or digit",
    ))
}

fn check_media_type(media_type: &str) -> Result<()> {
    at_most("media type", media_type.len(), limits::MEDIA_TYPE_BYTES)?;
    // RFC 6838, section 4.2: restricted names; parameters are not taken.
    let restricted = |s: &str| {
        s.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    match media_type.split_once('/') {
        Some((kind, sub)) if restricted(kind) && restricted(sub) => Ok(()),
        _ => Err(Error::invalid(
            "part.media_type",
            "write it as type/subtype, without parameters",
        )),
    }
}

/// Refuses CIDs other than version 1, raw or dag-pb, with a SHA-256 digest: those of the vault.
pub(crate) fn check_cid(field: &'static str, cid: &Cid) -> Result<()> {
    const RAW: u64 = 0x55;
    const DAG_PB: u64 = 0x70;
    const SHA2_256: u64 = 0x12;
    let hash = cid.hash();
    let known = cid.version() == cid::Version::V1
        && matches!(cid.codec(), RAW | DAG_PB)
        && hash.code() == SHA2_256
        && hash.size() == 32;
    if known {
        Ok(())
    } else {
        Err(Error::invalid(
            field,
            "must be a CIDv1, raw or dag-pb, sha2-256",
        ))
    }
}

/// What a record version says about itself. Leaf 0 of the tree, so that the commitment binds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// 1 for the first version, one more for each correction.
    pub version: u64,
    /// Commitment of the version that this one corrects; none in version 1.
    pub previous: Option<B256>,
    /// When the author made it, seconds since 1970.
    pub created_at: u64,
    /// Wallet of the author, who signs.
    pub author: Address,
    /// The institution in whose name the author acts.
    pub institution: Address,
    /// The patient's salted commitment ([`patient_commitment`]).
    pub patient: B256,
    /// Number of parts: the tree has one leaf more.
    pub parts: u64,
    /// Random.
    pub salt: B256,
}

impl Header {
    /// The header's leaf hash: over its canonical DAG-CBOR.
    pub fn leaf(&self) -> B256 {
        merkle::leaf_hash(&codec::encode(self))
    }

    /// Leaves of the tree: the header and each part.
    pub fn leaves(&self) -> u64 {
        self.parts.saturating_add(1)
    }

    /// The statement that the author signs about this header and `root`.
    pub fn statement(&self, root: B256) -> AuthorStatement {
        AuthorStatement {
            root,
            previous: self.previous.unwrap_or_default(),
            patient: self.patient,
            author: self.author,
            institution: self.institution,
            version: self.version,
            createdAt: self.created_at,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.parts == 0 {
            return Err(Error::invalid("parts", "a record has at least one part"));
        }
        at_most(
            "parts",
            usize::try_from(self.parts).unwrap_or(usize::MAX),
            limits::PARTS,
        )?;
        match (self.version, self.previous) {
            (0, _) => Err(Error::invalid("version", "the first version is 1")),
            (1, Some(_)) => Err(Error::invalid(
                "previous",
                "version 1 has no previous version",
            )),
            (1, None) => Ok(()),
            (_, None) => Err(Error::invalid(
                "previous",
                "a correction names the commitment before it",
            )),
            (_, Some(B256::ZERO)) => Err(Error::invalid("previous", "zero is not a commitment")),
            _ => Ok(()),
        }
    }
}

/// A record version: header, parts, root and the author's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: Format1,
    /// What the version says about itself.
    pub header: Header,
    /// The parts, in the author's order.
    pub parts: Vec<Part>,
    /// Merkle root over the header's and the parts' leaves.
    pub root: B256,
    /// The author's EIP-712 signature of [`Header::statement`].
    pub author_signature: Bytes,
}

/// What a new version starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewManifest {
    /// Version and commitment of the version that this one corrects; none for a new record.
    pub corrects: Option<(u64, B256)>,
    /// Seconds since 1970.
    pub created_at: u64,
    /// Wallet of the author.
    pub author: Address,
    /// The author's institution.
    pub institution: Address,
    /// The patient's salted commitment.
    pub patient: B256,
    /// The parts.
    pub parts: Vec<Part>,
}

impl Manifest {
    /// An unsigned manifest: computes the root; [`Manifest::signed`] completes it.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::TooLarge`] when a field or the number of parts is refused.
    pub fn new(new: NewManifest, rng: &mut (impl CryptoRng + ?Sized)) -> Result<Self> {
        let header = Header {
            version: new
                .corrects
                .map_or(1, |(version, _)| version.saturating_add(1)),
            previous: new.corrects.map(|(_, commitment)| commitment),
            created_at: new.created_at,
            author: new.author,
            institution: new.institution,
            patient: new.patient,
            parts: new.parts.len() as u64,
            salt: fresh_salt(rng),
        };
        let root = merkle::root(&leaves(&header, &new.parts));
        let manifest = Self {
            format: Format1,
            header,
            parts: new.parts,
            root,
            author_signature: Bytes::new(),
        };
        manifest.check()?;
        Ok(manifest)
    }

    /// The digest that the author's wallet signs.
    pub fn digest(&self, domain: &Domain) -> B256 {
        domain.digest(&self.header.statement(self.root))
    }

    /// With the author's signature (65 bytes r ‖ s ‖ v, or what a contract wallet takes).
    #[must_use]
    pub fn signed(mut self, signature: Bytes) -> Self {
        self.author_signature = signature;
        self
    }

    /// Canonical DAG-CBOR.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical DAG-CBOR and checks fields, limits and that the parts hash to the root.
    /// The signature is not checked: call [`Manifest::verify`].
    ///
    /// # Errors
    /// [`Error`], saying which field or limit.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let manifest: Self = codec::decode("manifest", bytes, limits::MANIFEST_BYTES)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Checks everything that needs no chain: fields, root and the author's signature.
    ///
    /// # Errors
    /// [`Error`], saying what does not hold. A signature not by the author's own key is no error
    /// yet: see [`Signed`].
    pub fn verify(&self, domain: &Domain) -> Result<Signed> {
        self.check()?;
        let digest = self.digest(domain);
        let author = self.header.author;
        let signed = acts::check("author statement", author, digest, &self.author_signature)?;
        Ok(signed)
    }

    /// Leaf hashes of the tree: header first, then the parts.
    pub fn leaves(&self) -> Vec<B256> {
        leaves(&self.header, &self.parts)
    }

    /// The part of that name.
    ///
    /// # Errors
    /// [`Error::NoSuchPart`].
    pub fn part(&self, name: &str) -> Result<&Part> {
        self.parts
            .iter()
            .find(|p| p.name == name)
            .ok_or_else(|| Error::NoSuchPart(name.to_owned()))
    }

    /// The version's commitment, given the record's salt and the CID of the sealed manifest.
    pub fn commitment(&self, salt: &B256, manifest: &Cid) -> B256 {
        commitment(salt, &self.root, manifest)
    }

    fn check(&self) -> Result<()> {
        at_most("parts", self.parts.len(), limits::PARTS)?;
        at_most(
            "signature",
            self.author_signature.len(),
            limits::SIGNATURE_BYTES,
        )?;
        self.header.check()?;
        if self.header.parts != self.parts.len() as u64 {
            return Err(Error::invalid(
                "parts",
                "the header counts another number of parts",
            ));
        }
        let mut names = std::collections::BTreeSet::new();
        for part in &self.parts {
            part.check()?;
            if !names.insert(part.name.as_str()) {
                return Err(Error::invalid(
                    "part.name",
                    format!("{:?} is there twice", part.name),
                ));
            }
        }
        if merkle::root(&self.leaves()) == self.root {
            Ok(())
        } else {
            Err(Error::WrongRoot)
        }
    }
}

fn leaves(header: &Header, parts: &[Part]) -> Vec<B256> {
    core::iter::once(header.leaf())
        .chain(parts.iter().map(Part::leaf))
        .collect()
}

/// The commitment of a record version, all that the chain holds of it:
/// keccak256(salt ‖ root ‖ bytes of the sealed manifest's CID).
pub fn commitment(salt: &B256, root: &B256, manifest: &Cid) -> B256 {
    keccak(&[salt.as_slice(), root.as_slice(), &manifest.to_bytes()])
}

/// The salted commitment of a patient, as enrolled on chain and named in manifests:
/// keccak256(salt ‖ keccak256("stele.patient.v1") ‖ institution ‖ wallet).
pub fn patient_commitment(salt: &B256, institution: &Address, wallet: &Address) -> B256 {
    let tag = alloy_primitives::keccak256("stele.patient.v1");
    keccak(&[
        salt.as_slice(),
        tag.as_slice(),
        institution.as_slice(),
        wallet.as_slice(),
    ])
}

pub(crate) fn keccak(parts: &[&[u8]]) -> B256 {
    let mut hash = Keccak256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize()
}

/// Checks that `history`, oldest first, is one record: versions 1, 2, 3 …, each naming the
/// commitment before it, all of one patient, times never going back. Each item is a manifest and
/// its commitment, which the caller has checked against the chain's events.
///
/// Returns, for each version, how its author's signature stands.
///
/// # Errors
/// [`Error::BrokenHistory`] at the first version that does not follow; or what
/// [`Manifest::verify`] says of one.
pub fn verify_history(history: &[(Manifest, B256)], domain: &Domain) -> Result<Vec<Signed>> {
    let mut before: Option<(&Manifest, B256)> = None;
    let mut signed = Vec::with_capacity(history.len());
    for (position, (manifest, commitment)) in history.iter().enumerate() {
        follows(manifest, position as u64 + 1, before)?;
        signed.push(manifest.verify(domain)?);
        before = Some((manifest, *commitment));
    }
    Ok(signed)
}

fn follows(manifest: &Manifest, version: u64, before: Option<(&Manifest, B256)>) -> Result<()> {
    let broken = |reason| Err(Error::BrokenHistory { version, reason });
    let header = &manifest.header;
    if header.version != version {
        return broken("the version number is not one more");
    }
    if header.previous != before.map(|(_, commitment)| commitment) {
        return broken("it names another previous commitment");
    }
    let Some((before, _)) = before else {
        return Ok(());
    };
    if header.patient != before.header.patient {
        return broken("it is of another patient");
    }
    if header.created_at < before.header.created_at {
        return broken("it is older than the version that it corrects");
    }
    Ok(())
}
