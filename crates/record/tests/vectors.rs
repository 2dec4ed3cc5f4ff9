//! Vectors for readers in other languages: testdata/vectors/record-*.json. What is committed must
//! be what this crate makes and takes today. `STELE_WRITE_VECTORS=1` writes them anew.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test may panic, and says why it skips.
mod support;

use std::path::{Path, PathBuf};

use acts::{AuthorStatement, IndexStatement};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::SolStruct;
use record::grant::{NewGrant, NewRequest};
use record::index::Enrolment;
use record::proof::NewProof;
use record::{
    Contracts, Disclosure, Domain, Error, GrantDocument, IndexEntry, IndexVersion, KeyStatement,
    LogProof, Manifest, PartKeys, PatientIndex, ProofBundle, Purpose, Recipient, RequestDocument,
    Role, SealedIndex, Secret32, Trusted, TxRef, merkle, patient_commitment,
};
use serde_json::{Value, json};
use support::{DOMAIN, Fixture, Wallet, raw_cid, record};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn check(name: &str, made: &Value) {
    let path = repository().join(format!("testdata/vectors/record-{name}.json"));
    if std::env::var_os("STELE_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(made).unwrap();
        std::fs::write(&path, format!("{text}\n")).unwrap();
    }
    let kept: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(&kept, made, "{} is not what is made today", path.display());
}

fn domain(domain: &Domain) -> Value {
    json!({
        "name": "Stele", "version": "1",
        "chainId": domain.chain_id, "verifyingContract": domain.contract,
    })
}

fn hexed(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn manifest_case(name: &str, fixture: &Fixture) -> Value {
    let Fixture {
        manifest,
        salt,
        cid,
        commitment,
    } = fixture;
    json!({
        "name": name,
        "manifest": hexed(&manifest.encode()),
        "leaves": manifest.leaves(),
        "root": manifest.root,
        "digest": manifest.digest(&DOMAIN),
        "author": manifest.header.author,
        "signature": manifest.author_signature,
        "salt": salt,
        "cid": cid.to_string(),
        "commitment": commitment,
    })
}

fn correction() -> Fixture {
    let first = record(2);
    let mut new = support::new_manifest(first.manifest.parts.clone());
    new.corrects = Some((1, first.commitment));
    let manifest = Manifest::new(new, &mut support::TestRng(77)).unwrap();
    let signature = Wallet::new(1).sign(manifest.digest(&DOMAIN));
    let manifest = manifest.signed(signature);
    let commitment = manifest.commitment(&first.salt, &first.cid);
    Fixture {
        manifest,
        salt: first.salt,
        cid: first.cid,
        commitment,
    }
}

#[test]
fn manifests() {
    let good = [
        ("one part", record(1)),
        ("two parts", record(2)),
        ("seven parts", record(7)),
        ("a correction", correction()),
    ];
    for (name, fixture) in &good {
        let read = Manifest::decode(&fixture.manifest.encode()).unwrap();
        read.verify(&DOMAIN).unwrap().by_key().unwrap();
        assert_eq!(
            read.commitment(&fixture.salt, &fixture.cid),
            fixture.commitment,
            "{name}"
        );
    }
    let bytes = record(2).manifest.encode();
    let change = |at: usize, to: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = to;
        bytes
    };
    let bad = [
        ("cut short", bytes[..bytes.len() - 1].to_vec()),
        ("a byte after the end", [bytes.as_slice(), &[0]].concat()),
        (
            "not the shortest map header",
            [&[0xb8, bytes[0] & 0x1f], &bytes[1..]].concat(),
        ),
        ("another root", {
            let at = bytes.windows(5).position(|w| w == b"droot").unwrap() + 5 + 2;
            change(at, bytes[at] ^ 1)
        }),
        ("another format", {
            let at = bytes.windows(7).position(|w| w == b"fformat").unwrap() + 7;
            change(at, 2)
        }),
        ("a part renamed", {
            let at = bytes.windows(7).position(|w| w == b"part-01").unwrap() + 6;
            change(at, b'9')
        }),
    ];
    for (name, bytes) in &bad {
        assert!(Manifest::decode(bytes).is_err(), "{name}");
    }
    let good: Vec<_> = good
        .iter()
        .map(|(name, fixture)| manifest_case(name, fixture))
        .collect();
    let bad: Vec<_> = bad
        .iter()
        .map(|(name, bytes)| json!({ "name": name, "manifest": hexed(bytes) }))
        .collect();
    let secret = hexed(&Wallet::new(1).secret());
    check(
        "manifest",
        &json!({
            "format": "docs/formats.md, Manifest",
            "domain": domain(&DOMAIN), "author_secret": secret, "good": good, "bad": bad,
        }),
    );
}

/// A disclosure of one part, changed in one place each.
fn bad_disclosures(good: &Disclosure) -> Vec<(&'static str, Disclosure)> {
    let changed = |change: &dyn Fn(&mut Disclosure)| {
        let mut disclosure = good.clone();
        change(&mut disclosure);
        disclosure
    };
    vec![
        ("a part's size", changed(&|d| d.parts[0].part.size += 1)),
        ("a part's place", changed(&|d| d.parts[0].leaf += 1)),
        ("a part's proof", changed(&|d| d.parts[0].path.truncate(1))),
        ("the header's time", changed(&|d| d.header.created_at += 1)),
        ("the number of parts", changed(&|d| d.header.parts += 1)),
        ("the root", changed(&|d| d.root = B256::ZERO)),
        ("the salt", changed(&|d| d.salt = B256::ZERO)),
        (
            "the manifest's CID",
            changed(&|d| d.manifest = raw_cid(b"another")),
        ),
        (
            "a part twice",
            changed(&|d| d.parts.push(d.parts[0].clone())),
        ),
        (
            "the signature of another",
            changed(&|d| {
                let digest = DOMAIN.digest(&d.header.statement(d.root));
                d.author_signature = Wallet::new(3).sign(digest);
            }),
        ),
    ]
}

#[test]
fn disclosures() {
    let fixture = record(7);
    let of = |names: &[&str]| {
        Disclosure::of(&fixture.manifest, names, fixture.salt, fixture.cid).unwrap()
    };
    let all: Vec<_> = fixture
        .manifest
        .parts
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    let good = [
        ("nothing but the header", of(&[])),
        ("one part", of(&["part-04"])),
        ("three parts", of(&["part-06", "part-00", "part-03"])),
        ("all parts", of(&all)),
    ];
    let good: Vec<_> = good
        .iter()
        .map(|(name, disclosure)| {
            let shown = disclosure.verify(fixture.commitment, &DOMAIN).unwrap();
            shown.author.clone().by_key().unwrap();
            let names: Vec<_> = shown.parts.iter().map(|part| &part.name).collect();
            json!({
                "name": name, "disclosure": hexed(&disclosure.encode()),
                "commitment": fixture.commitment, "parts": names, "hidden": shown.hidden,
                "author": shown.header.author,
            })
        })
        .collect();
    let bad = bad_disclosures(&of(&["part-04"]));
    for (name, disclosure) in &bad {
        let verified = disclosure.verify(fixture.commitment, &DOMAIN);
        assert!(
            !verified.is_ok_and(|shown| shown.author.by_key().is_ok()),
            "{name}"
        );
    }
    let bad: Vec<_> = bad
        .iter()
        .map(|(name, disclosure)| {
            json!({
                "name": name, "disclosure": hexed(&disclosure.encode()),
                "commitment": fixture.commitment,
            })
        })
        .collect();
    check(
        "disclosure",
        &json!({
            "format": "docs/formats.md, Disclosure",
            "domain": domain(&DOMAIN), "good": good, "bad": bad,
        }),
    );
}

fn grant(recipient: Recipient, request: Option<B256>) -> GrantDocument {
    let new = NewGrant {
        recipient,
        controller: Address::repeat_byte(0xc0),
        commitment: record(2).commitment,
        parts: vec!["image".into(), "document".into()],
        purpose: Purpose::Treatment,
        from: 1_700_000_000,
        until: 1_700_086_399,
        request,
    };
    GrantDocument::new(new, B256::repeat_byte(0x11)).unwrap()
}

#[test]
fn grants_and_requests() {
    let doctor = Recipient::Person(Address::repeat_byte(0xd0));
    let role = Recipient::Role {
        institution: Address::repeat_byte(0x40),
        role: Role::Doctor,
    };
    let request = RequestDocument::new(
        NewRequest {
            requester: Address::repeat_byte(0xd0),
            recipient: doctor,
            patient: B256::repeat_byte(0x9a),
            commitment: None,
            parts: vec!["image".into()],
            purpose: Purpose::EmergencyTreatment,
            reason: "Follow-up in the fracture clinic — Straße 5".into(),
            from: 1_700_000_000,
            until: 1_700_086_399,
        },
        B256::repeat_byte(0x22),
    )
    .unwrap();
    let grants: Vec<_> = [
        ("to a person", grant(doctor, None)),
        (
            "to a role, answering a request",
            grant(role, Some(request.id())),
        ),
    ]
    .into_iter()
    .map(|(name, grant)| {
        assert_eq!(GrantDocument::decode(&grant.encode()).unwrap(), grant);
        json!({
            "name": name, "document": hexed(&grant.encode()), "salt": grant.salt,
            "digest": grant.digest(), "id": grant.id(), "until": grant.until,
        })
    })
    .collect();
    assert_eq!(RequestDocument::decode(&request.encode()).unwrap(), request);
    let requests = [json!({
        "name": "to a person", "document": hexed(&request.encode()), "salt": request.salt,
        "digest": request.digest(), "id": request.id(),
    })];
    let purposes: Vec<_> = Purpose::ALL.iter().map(|p| p.code()).collect();
    check(
        "grant",
        &json!({
            "format": "docs/formats.md, Grant and Request",
            "grants": grants, "requests": requests, "purposes": purposes,
            "roles": Role::ALL.map(|role| json!([role.number(), role.name()])),
        }),
    );
}

#[test]
fn key_statements_and_patients() {
    let wallet = Wallet::new(5);
    let statement = KeyStatement::new(wallet.address(), vec![1; 33].into(), 1_700_000_000).unwrap();
    let digest = statement.digest(&DOMAIN);
    let statement = statement.signed(wallet.sign(digest));
    statement.verify(&DOMAIN).unwrap().by_key().unwrap();
    let salt = B256::repeat_byte(0x33);
    let (institution, patient) = (Address::repeat_byte(0x40), Address::repeat_byte(0xb0));
    check(
        "key",
        &json!({
            "format": "docs/formats.md, Key statement and Patient's commitment",
            "domain": domain(&DOMAIN),
            "statement": hexed(&statement.encode()), "wallet": statement.wallet,
            "sealing_public": statement.sealing_public, "issued_at": statement.issued_at,
            "digest": digest, "signature": statement.signature,
            "salt": salt, "salted_digest": statement.salted_digest(&salt),
            "patient": {
                "salt": salt, "institution": institution, "wallet": patient,
                "commitment": patient_commitment(&salt, &institution, &patient),
            },
        }),
    );
}

fn index() -> PatientIndex {
    let version = |n: u8| IndexVersion {
        commitment: B256::repeat_byte(n),
        salt: B256::repeat_byte(n + 1),
        manifest: raw_cid(&[n]),
        key: Secret32::new([n; 32]),
    };
    let mut index = PatientIndex::default();
    for (number, versions, erased) in [(0, vec![1, 2], false), (1, vec![], true)] {
        let label = if erased { "" } else { "Left hand" };
        let entry = IndexEntry {
            index: number,
            controller: Address::repeat_byte(number as u8 + 1),
            institution: Address::repeat_byte(0x40),
            added_at: 1_700_000_000,
            label: label.into(),
            erased,
            versions: versions.into_iter().map(version).collect(),
        };
        index.add(entry).unwrap();
    }
    let grant = grant(Recipient::Person(Address::repeat_byte(0xd0)), None);
    index.grants.insert(grant.id(), grant);
    let institution = Address::repeat_byte(0x40);
    let (salt, patient) = (B256::repeat_byte(0x44), B256::repeat_byte(0x9a));
    index.enrolments.insert(
        institution,
        Enrolment {
            institution,
            salt,
            patient,
        },
    );
    index
}

#[test]
fn indexes_and_part_keys() {
    let index = index();
    let plain = index.encode();
    assert_eq!(PatientIndex::decode(&plain).unwrap(), index);
    let mut with_trusted = index.clone();
    let person = Trusted {
        wallet: Address::repeat_byte(0x77),
        name: "Eleni".into(),
        relation: "SPS".into(),
        parts: vec!["document".into(), "image".into()],
        until: 1_800_000_000,
        later: true,
        changed_at: 1_700_000_000,
    };
    with_trusted.trusted.insert(person.wallet, person);
    let trusting = with_trusted.encode();
    assert_eq!(PatientIndex::decode(&trusting).unwrap(), with_trusted);
    let owner = Wallet::new(6);
    let sealed = |previous: Option<&SealedIndex>, bytes: &'static [u8]| {
        let next = SealedIndex::new(owner.address(), previous, None, Bytes::from_static(bytes));
        let signature = owner.sign(next.digest(&DOMAIN));
        next.signed(signature)
    };
    let first = sealed(None, b"sealed bytes of version 1");
    let second = sealed(Some(&first), b"sealed bytes of version 2");
    let line: Vec<_> = [&first, &second]
        .map(|sealed| {
            json!({
                "sealed_index": hexed(&sealed.encode()), "hash": sealed.hash(),
                "digest": sealed.digest(&DOMAIN), "owner": sealed.owner,
            })
        })
        .into();
    let keys = vec![
        ("image".into(), Secret32::new([1; 32])),
        ("document".into(), Secret32::new([2; 32])),
    ];
    let keys = PartKeys::new(keys).unwrap();
    check(
        "index",
        &json!({
            "format": "docs/formats.md, Patient's index and Part keys",
            "domain": domain(&DOMAIN),
            "index": hexed(&plain), "next": index.next, "line": line,
            "trusting": hexed(&trusting),
            "part_keys": { "bytes": hexed(&keys.encode()), "names": keys.names().collect::<Vec<_>>() },
        }),
    );
}

#[test]
fn proofs() {
    let fixture = record(4);
    let entry = |n: u8| LogProof {
        institution: Address::repeat_byte(0x40),
        entry: vec![n; 10].into(),
        salt: B256::repeat_byte(n),
        leaf: n.into(),
        size: 5,
        root: B256::ZERO,
        path: vec![],
    };
    let leaves: Vec<_> = (0..5)
        .map(|n| merkle::leaf_hash(entry(n).salted_digest().as_slice()))
        .collect();
    let log = LogProof {
        root: merkle::root(&leaves),
        path: merkle::path(&leaves, 3).unwrap(),
        ..entry(3)
    };
    let at = Address::repeat_byte;
    let new = NewProof {
        chain_id: DOMAIN.chain_id,
        contracts: Contracts {
            registry: at(1),
            records: DOMAIN.contract,
            consents: at(3),
            log: at(4),
        },
        controller: at(0xc0),
        disclosure: Disclosure::of(&fixture.manifest, &["part-01"], fixture.salt, fixture.cid)
            .unwrap(),
        grants: vec![],
        log: vec![log],
        transactions: vec![TxRef {
            what: "commit".into(),
            hash: B256::repeat_byte(0xaa),
        }],
    };
    let bundle = ProofBundle::new(new).unwrap();
    let bytes = bundle.encode();
    let read = ProofBundle::decode(&bytes).unwrap();
    let report = read.verify().unwrap();
    assert_eq!(report.facts.len(), 6);
    let mut changed = read.clone();
    changed.log[0].entry = vec![4; 10].into();
    assert!(matches!(changed.verify(), Err(Error::WrongProof { .. })));
    check(
        "proof",
        &json!({
            "format": "docs/formats.md, Proof bundle",
            "good": [{
                "name": "one part, one log entry", "proof": hexed(&bytes),
                "commitment": read.commitment, "controller": read.controller,
                "log_root": read.log[0].root, "log_size": read.log[0].size,
                "log_digest": read.log[0].salted_digest(),
            }],
            "bad": [{ "name": "another log entry", "proof": hexed(&changed.encode()) }],
        }),
    );
}

#[test]
fn what_is_signed_is_what_the_contracts_file_says() {
    let json = std::fs::read(repository().join("contracts/eip712.json")).unwrap();
    let file: Value = serde_json::from_slice(&json).unwrap();
    let types = [
        ("AuthorStatement", AuthorStatement::eip712_encode_type()),
        ("KeyStatement", acts::KeyStatement::eip712_encode_type()),
        ("IndexStatement", IndexStatement::eip712_encode_type()),
    ];
    for (name, ours) in types {
        let theirs = file["types"][name]["type"].as_str().unwrap();
        assert_eq!(
            keccak256(ours.as_bytes()),
            keccak256(theirs),
            "{name}: {ours}"
        );
    }
    let ours = DOMAIN.eip712().encode_type();
    assert_eq!(ours, file["domain"]["type"].as_str().unwrap());
    assert_eq!(
        DOMAIN.eip712().name.as_deref(),
        file["domain"]["name"].as_str()
    );
    assert_eq!(
        DOMAIN.eip712().version.as_deref(),
        file["domain"]["version"].as_str()
    );
}
