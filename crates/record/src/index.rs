//! The patient's index: every record of a patient with what is needed to open it. Who holds the
//! patient's keys restores everything from it on any node.
//!
//! The index is sealed under a key derived from the patient's root secret. Each sealed version
//! names the one before it and is signed, so that a node that cannot read it can still keep its
//! versions in order and tell a fork. Inside, structures are DAG-CBOR lists, which are written
//! straight into one buffer that is erased afterwards.
use std::collections::BTreeMap;

use acts::{Domain, IndexStatement, Signed};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use cid::Cid;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::codec::{self, Format1};
use crate::error::{Error, Result, at_most};
use crate::grant::GrantDocument;
use crate::limits;
use crate::manifest::check_cid;
use crate::secret::Secret32;

/// One version of a record, with all that opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexVersion {
    /// The commitment on chain.
    pub commitment: B256,
    /// The commitment's salt.
    pub salt: B256,
    /// CID of the sealed manifest.
    pub manifest: Cid,
    /// The record key, of which the part keys are derived.
    pub key: Secret32,
}

/// One record of the patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The record's number: the controller is derived from it.
    pub index: u64,
    /// The record's controller.
    pub controller: Address,
    /// The institution that made it.
    pub institution: Address,
    /// When it was entered, seconds since 1970.
    pub added_at: u64,
    /// The patient's own words for it.
    pub label: String,
    /// Whether the patient erased it. The keys are then gone: `versions` is empty.
    pub erased: bool,
    /// Versions, oldest first.
    pub versions: Vec<IndexVersion>,
}

/// The patient's enrolment at an institution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// The institution.
    pub institution: Address,
    /// The salt of the patient's commitment there.
    pub salt: B256,
    /// The patient's commitment there.
    pub patient: B256,
}

/// Somebody whom the patient trusts in an emergency. What such a person may open, the grants say;
/// this is what the patient's client needs to give and renew them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The person's wallet.
    pub wallet: Address,
    /// The patient's own words for the person.
    pub name: String,
    /// How the person stands to the patient, a code of HL7 v3 `RoleCode` or `RoleClass`.
    pub relation: String,
    /// Kinds of parts, by the beginnings of their names; all parts if there are none.
    pub parts: Vec<String>,
    /// Until when grants are given, seconds since 1970.
    pub until: u64,
    /// Whether records that are entered later are to be granted, too.
    pub later: bool,
    /// When the patient last changed this entry, seconds since 1970.
    pub changed_at: u64,
}

/// Everything about a patient's records, in the clear. `Debug` prints no keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatientIndex {
    /// The number for the patient's next record. Never goes back, so that no controller is used
    /// twice.
    pub next: u64,
    /// Records, by number.
    pub records: BTreeMap<u64, IndexEntry>,
    /// Grants given, by id.
    pub grants: BTreeMap<B256, GrantDocument>,
    /// Enrolments, by institution.
    pub enrolments: BTreeMap<Address, Enrolment>,
    /// People trusted in an emergency, by wallet.
    pub trusted: BTreeMap<Address, Trusted>,
}

#[derive(Serialize, Deserialize)]
struct WireVersion(B256, B256, Cid, Secret32);
#[derive(Serialize, Deserialize)]
struct WireEntry(u64, Address, Address, u64, String, bool, Vec<WireVersion>);
#[derive(Serialize, Deserialize)]
struct WireEnrolment(Address, B256, B256);
#[derive(Serialize, Deserialize)]
struct WireTrusted(Address, String, String, Vec<String>, u64, bool, u64);
#[derive(Serialize, Deserialize)]
struct WireIndex(
    Format1,
    u64,
    Vec<WireEntry>,
    Vec<GrantDocument>,
    Vec<WireEnrolment>,
    // Left out where there are none, so that indexes without them stay as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")] Vec<WireTrusted>,
);

impl From<&PatientIndex> for WireIndex {
    fn from(index: &PatientIndex) -> Self {
        let version =
            |v: &IndexVersion| WireVersion(v.commitment, v.salt, v.manifest, v.key.clone());
        let entry = |e: &IndexEntry| {
            let versions = e.versions.iter().map(version).collect();
            let label = e.label.clone();
            WireEntry(
                e.index,
                e.controller,
                e.institution,
                e.added_at,
                label,
                e.erased,
                versions,
            )
        };
        let enrolment = |e: &Enrolment| WireEnrolment(e.institution, e.salt, e.patient);
        let trusted = |t: &Trusted| {
            let (name, relation) = (t.name.clone(), t.relation.clone());
            let parts = t.parts.clone();
            WireTrusted(
                t.wallet,
                name,
                relation,
                parts,
                t.until,
                t.later,
                t.changed_at,
            )
        };
        Self(
            Format1,
            index.next,
            index.records.values().map(entry).collect(),
            index.grants.values().cloned().collect(),
            index.enrolments.values().map(enrolment).collect(),
            index.trusted.values().map(trusted).collect(),
        )
    }
}

impl From<WireIndex> for PatientIndex {
    fn from(wire: WireIndex) -> Self {
        let version = |WireVersion(commitment, salt, manifest, key): WireVersion| IndexVersion {
            commitment,
            salt,
            manifest,
            key,
        };
        let entry = |e: WireEntry| {
            let WireEntry(index, controller, institution, added_at, label, erased, versions) = e;
            let versions = versions.into_iter().map(version).collect();
            let entry = IndexEntry {
                index,
                controller,
                institution,
                added_at,
                label,
                erased,
                versions,
            };
            (index, entry)
        };
        let enrolment = |WireEnrolment(institution, salt, patient): WireEnrolment| {
            (
                institution,
                Enrolment {
                    institution,
                    salt,
                    patient,
                },
            )
        };
        let trusted = |t: WireTrusted| {
            let WireTrusted(wallet, name, relation, parts, until, later, changed_at) = t;
            let person = Trusted {
                wallet,
                name,
                relation,
                parts,
                until,
                later,
                changed_at,
            };
            (wallet, person)
        };
        Self {
            next: wire.1,
            records: wire.2.into_iter().map(entry).collect(),
            grants: wire.3.into_iter().map(|g| (g.id(), g)).collect(),
            enrolments: wire.4.into_iter().map(enrolment).collect(),
            trusted: wire.5.into_iter().map(trusted).collect(),
        }
    }
}

impl PatientIndex {
    /// Adds a version of record `entry.index`; a new record advances [`PatientIndex::next`].
    /// Adding what is already there changes nothing.
    ///
    /// # Errors
    /// [`Error::Contradiction`] when the record's number has another controller, or was erased.
    pub fn add(&mut self, entry: IndexEntry) -> Result<()> {
        let index = entry.index;
        if let Some(known) = self.records.get_mut(&index) {
            merge_entry(known, entry)?;
        } else {
            self.records.insert(index, entry);
        }
        self.next = self.next.max(index.saturating_add(1));
        Ok(())
    }

    /// The record under `controller`.
    pub fn by_controller(&self, controller: &Address) -> Option<&IndexEntry> {
        self.records
            .values()
            .find(|entry| entry.controller == *controller)
    }

    /// Forgets the keys, salts and label of record `index`, for good: merging with an older index
    /// does not bring them back. Grants of the record go too.
    pub fn erase(&mut self, index: u64) {
        if let Some(entry) = self.records.get_mut(&index) {
            entry.erased = true;
            entry.versions.clear();
            entry.label.clear();
            let controller = entry.controller;
            self.grants
                .retain(|_, grant| grant.controller != controller);
        }
    }

    /// Joins two indexes that grew apart: the union of their records, versions, grants,
    /// enrolments and trusted people, of whom the later entry counts. What either erased stays
    /// erased.
    ///
    /// # Errors
    /// [`Error::Contradiction`] when they tell different things of one record, which happens when
    /// both gave the same number to different records.
    pub fn merge(mut self, other: Self) -> Result<Self> {
        for entry in other.records.into_values() {
            self.add(entry)?;
        }
        self.next = self.next.max(other.next);
        self.grants.extend(other.grants);
        self.enrolments.extend(other.enrolments);
        for (wallet, person) in other.trusted {
            let known = self.trusted.entry(wallet).or_insert_with(|| person.clone());
            if person.changed_at > known.changed_at {
                *known = person;
            }
        }
        let gone: Vec<u64> = self
            .records
            .values()
            .filter(|e| e.erased)
            .map(|e| e.index)
            .collect();
        gone.into_iter().for_each(|index| self.erase(index));
        Ok(self)
    }

    /// DAG-CBOR, erased when dropped.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let versions: usize = self.records.values().map(|e| e.versions.len()).sum();
        let grants: usize = self.grants.values().map(|g| g.encode().len()).sum();
        // Upper bounds of each item's size, so that the buffer is never grown and left behind.
        let room = 64
            + self.records.len() * (limits::LABEL_BYTES + 96)
            + versions * 192
            + grants
            + self.enrolments.len() * 128
            + self.trusted.values().map(trusted_room).sum::<usize>();
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        // Lists of numbers, text and bytes always encode; writing to memory does not fail.
        serde_ipld_dagcbor::to_writer(&mut *bytes, &WireIndex::from(self))
            .expect("indexes always encode");
        bytes
    }

    /// Reads what [`PatientIndex::encode`] wrote.
    ///
    /// # Errors
    /// [`Error`], saying which field or limit.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let what = "patient index";
        at_most(what, bytes.len(), limits::INDEX_BYTES)?;
        let wire: WireIndex =
            serde_ipld_dagcbor::from_slice(bytes).map_err(|e| Error::Malformed {
                what,
                reason: e.to_string(),
            })?;
        let index = Self::from(wire);
        index.check()?;
        if **index.encode() == *bytes {
            Ok(index)
        } else {
            Err(Error::NotCanonical { what })
        }
    }

    fn check(&self) -> Result<()> {
        at_most("records", self.records.len(), limits::INDEX_RECORDS)?;
        at_most("grants", self.grants.len(), limits::INDEX_GRANTS)?;
        at_most(
            "enrolments",
            self.enrolments.len(),
            limits::INDEX_ENROLMENTS,
        )?;
        at_most("trusted people", self.trusted.len(), limits::INDEX_TRUSTED)?;
        self.grants.values().try_for_each(GrantDocument::check)?;
        self.trusted.values().try_for_each(check_trusted)?;
        for entry in self.records.values() {
            at_most("label", entry.label.len(), limits::LABEL_BYTES)?;
            at_most("versions", entry.versions.len(), limits::VERSIONS)?;
            if entry.index >= self.next {
                return Err(Error::invalid(
                    "next",
                    "a record has this number or a later one",
                ));
            }
            if entry.erased && !entry.versions.is_empty() {
                return Err(Error::invalid("erased", "an erased record has no versions"));
            }
            entry
                .versions
                .iter()
                .try_for_each(|v| check_cid("manifest", &v.manifest))?;
        }
        Ok(())
    }
}

/// An upper bound of an entry's size.
fn trusted_room(person: &Trusted) -> usize {
    let parts: usize = person.parts.iter().map(|part| part.len() + 9).sum();
    96 + person.name.len() + person.relation.len() + parts
}

fn check_trusted(person: &Trusted) -> Result<()> {
    at_most("name", person.name.len(), limits::LABEL_BYTES)?;
    at_most("relation", person.relation.len(), limits::RELATION_BYTES)?;
    at_most("parts", person.parts.len(), limits::PARTS)?;
    let long = |part: &String| at_most("part", part.len(), limits::PART_NAME_BYTES);
    person.parts.iter().try_for_each(long)
}

/// Joins two entries of one record: an erasure wins, the longer list of versions otherwise.
fn merge_entry(known: &mut IndexEntry, other: IndexEntry) -> Result<()> {
    let contradiction = |reason| {
        Err(Error::Contradiction {
            index: other.index,
            reason,
        })
    };
    if known.controller != other.controller {
        return contradiction("two records have the same number");
    }
    if known.erased || other.erased {
        known.erased = true;
        known.versions.clear();
        known.label.clear();
        return Ok(());
    }
    if !known
        .versions
        .iter()
        .zip(&other.versions)
        .all(|(a, b)| a == b)
    {
        return contradiction("the versions differ");
    }
    if other.versions.len() > known.versions.len() {
        known.versions = other.versions;
    }
    if known.label.is_empty() {
        known.label = other.label;
    }
    Ok(())
}

/// A sealed version of a patient's index, as nodes keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedIndex {
    format: Format1,
    /// The patient's wallet, who signs.
    pub owner: Address,
    /// 1 for the first version.
    pub version: u64,
    /// [`SealedIndex::hash`] of the version before; none in version 1.
    pub previous: Option<B256>,
    /// [`SealedIndex::hash`] of the other branch, where this version joins two.
    pub merged: Option<B256>,
    /// The sealed bytes of [`PatientIndex::encode`].
    pub sealed: Bytes,
    /// The owner's EIP-712 signature.
    pub signature: Bytes,
}

/// How two sealed versions of one index stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// They are the same.
    Same,
    /// The second directly follows the first.
    Next,
    /// The second follows the first with versions in between that must be looked at.
    Later,
    /// The second is older.
    Older,
}

impl SealedIndex {
    /// An unsigned version after `previous`, holding `sealed`; [`SealedIndex::signed`] completes
    /// it. `merged` names the other branch when this joins two.
    pub fn new(
        owner: Address,
        previous: Option<&Self>,
        merged: Option<&Self>,
        sealed: Bytes,
    ) -> Self {
        let newest = previous.into_iter().chain(merged).map(|p| p.version).max();
        Self {
            format: Format1,
            owner,
            version: newest.map_or(1, |version| version.saturating_add(1)),
            previous: previous.map(Self::hash),
            merged: merged.map(Self::hash),
            sealed,
            signature: Bytes::new(),
        }
    }

    /// The digest that the owner signs.
    pub fn digest(&self, domain: &Domain) -> B256 {
        domain.digest(&IndexStatement {
            owner: self.owner,
            version: self.version,
            previous: self.previous.unwrap_or_default(),
            merged: self.merged.unwrap_or_default(),
            digest: keccak256(&self.sealed),
        })
    }

    /// With the owner's signature.
    #[must_use]
    pub fn signed(mut self, signature: Bytes) -> Self {
        self.signature = signature;
        self
    }

    /// Checks the owner's signature.
    ///
    /// # Errors
    /// As [`acts::check`]. A signature not by the owner's own key is no error yet: see
    /// [`Signed`].
    pub fn verify(&self, domain: &Domain) -> Result<Signed> {
        self.check()?;
        let digest = self.digest(domain);
        let signed = acts::check("index statement", self.owner, digest, &self.signature)?;
        Ok(signed)
    }

    /// keccak256 of owner, version, parents and sealed bytes, as the next version names it. The
    /// signature is left out, so that signing anew makes no fork.
    pub fn hash(&self) -> B256 {
        let unsigned = Self {
            signature: Bytes::new(),
            ..self.clone()
        };
        keccak256(unsigned.encode())
    }

    /// How `other` stands to this version.
    ///
    /// # Errors
    /// [`Error::Fork`] when both claim the same place; [`Error::Invalid`] when the owners differ.
    pub fn order(&self, other: &Self) -> Result<Order> {
        if self.owner != other.owner {
            return Err(Error::invalid(
                "owner",
                "these are indexes of different patients",
            ));
        }
        if self.hash() == other.hash() {
            return Ok(Order::Same);
        }
        if other.previous == Some(self.hash()) || other.merged == Some(self.hash()) {
            return Ok(Order::Next);
        }
        match other.version.cmp(&self.version) {
            core::cmp::Ordering::Less => Ok(Order::Older),
            core::cmp::Ordering::Greater if other.version > self.version + 1 => Ok(Order::Later),
            _ => Err(Error::Fork {
                version: other.version,
            }),
        }
    }

    /// Canonical DAG-CBOR.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical DAG-CBOR and checks limits. Call [`SealedIndex::verify`] next.
    ///
    /// # Errors
    /// [`Error`], saying which field or limit.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let index: Self = codec::decode("sealed index", bytes, limits::INDEX_BYTES)?;
        index.check()?;
        Ok(index)
    }

    fn check(&self) -> Result<()> {
        at_most("signature", self.signature.len(), limits::SIGNATURE_BYTES)?;
        match (self.version, self.previous) {
            (0, _) => Err(Error::invalid("version", "the first version is 1")),
            (1, Some(_)) => Err(Error::invalid(
                "previous",
                "version 1 has no previous version",
            )),
            (2.., None) => Err(Error::invalid(
                "previous",
                "a later version names the one before",
            )),
            _ => Ok(()),
        }
    }
}
