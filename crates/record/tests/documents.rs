//! Grants, requests, key statements, the patient's index and proof bundles.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test may panic, and says why it skips.
mod support;

use alloy_primitives::{Address, B256, Bytes, keccak256};
use proptest::prelude::*;
use record::grant::{NewGrant, NewRequest};
use record::index::Enrolment;
use record::proof::NewProof;
use record::{
    Caller, ChainFact, Contracts, Disclosure, Domain, Error, GrantDocument, IndexEntry,
    IndexVersion, KeyStatement, LogProof, Order, PatientIndex, ProofBundle, Purpose, Recipient,
    Refusal, RequestDocument, Role, SealedIndex, Secret32, Signed, StaffStatus, Trusted, TxRef,
    merkle,
};
use support::{DOMAIN, TestRng, Wallet, raw_cid, record};

const HOSPITAL: Address = Address::repeat_byte(0x40);
const DOCTOR: Address = Address::repeat_byte(0xd0);
const CONTROLLER: Address = Address::repeat_byte(0xc0);

fn new_grant(recipient: Recipient) -> NewGrant {
    NewGrant {
        recipient,
        controller: CONTROLLER,
        commitment: B256::repeat_byte(7),
        parts: vec!["image".into(), "document".into(), "image".into()],
        purpose: Purpose::Treatment,
        from: 100,
        until: 200,
        request: None,
    }
}

fn grant(recipient: Recipient) -> GrantDocument {
    GrantDocument::new(new_grant(recipient), B256::repeat_byte(0x5a)).unwrap()
}

fn staff(institution: Address, role: Role, active: bool) -> Caller {
    Caller {
        wallet: DOCTOR,
        staff: Some(StaffStatus {
            institution,
            role,
            active,
        }),
    }
}

#[test]
fn a_grant_for_a_person_opens_its_parts_in_its_time_and_nothing_else() {
    let grant = grant(Recipient::Person(DOCTOR));
    let doctor = Caller {
        wallet: DOCTOR,
        staff: None,
    };
    assert_eq!(grant.parts, ["document", "image"]);
    for at in [100, 150, 200] {
        assert_eq!(grant.permits(doctor, "image", at), Ok(()));
    }
    assert_eq!(
        grant.permits(doctor, "image", 99),
        Err(Refusal::NotYet { from: 100 })
    );
    assert_eq!(
        grant.permits(doctor, "image", 201),
        Err(Refusal::Expired { until: 200 })
    );
    let part = "heatmap".to_owned();
    assert_eq!(
        grant.permits(doctor, "heatmap", 150),
        Err(Refusal::PartNotGranted { part })
    );
    let stranger = Caller {
        wallet: CONTROLLER,
        staff: None,
    };
    // A stranger learns nothing about parts and times.
    assert_eq!(
        grant.permits(stranger, "heatmap", 999),
        Err(Refusal::NotRecipient)
    );
    let suspended = staff(HOSPITAL, Role::Doctor, false);
    assert_eq!(
        grant.permits(suspended, "image", 150),
        Err(Refusal::Suspended)
    );
}

#[test]
fn a_grant_for_a_role_admits_that_role_at_that_institution() {
    let grant = grant(Recipient::Role {
        institution: HOSPITAL,
        role: Role::Doctor,
    });
    let at = |caller| grant.permits(caller, "image", 150);
    assert_eq!(at(staff(HOSPITAL, Role::Doctor, true)), Ok(()));
    assert_eq!(
        at(Caller {
            wallet: DOCTOR,
            staff: None
        }),
        Err(Refusal::NotStaff)
    );
    assert_eq!(
        at(staff(CONTROLLER, Role::Doctor, true)),
        Err(Refusal::WrongInstitution)
    );
    assert_eq!(
        at(staff(HOSPITAL, Role::Nurse, true)),
        Err(Refusal::WrongRole {
            needed: Role::Doctor,
            actual: Role::Nurse
        })
    );
    assert_eq!(
        at(staff(HOSPITAL, Role::Doctor, false)),
        Err(Refusal::Suspended)
    );
}

#[test]
fn ids_are_salted_hashes_of_the_whole_document() {
    let document = grant(Recipient::Person(DOCTOR));
    let digest = keccak256(document.encode());
    let expected = keccak256([document.salt.as_slice(), digest.as_slice()].concat());
    assert_eq!(document.id(), expected);
    let mut other = document.clone();
    other.until += 1;
    assert_ne!(other.id(), document.id());
    let mut salted = document.clone();
    salted.salt = B256::ZERO;
    assert_ne!(salted.id(), document.id());
    assert_eq!(GrantDocument::decode(&document.encode()).unwrap(), document);
}

#[test]
fn grants_and_requests_with_wrong_fields_are_refused() {
    let salt = B256::ZERO;
    let base = || new_grant(Recipient::Person(DOCTOR));
    for wrong in [
        NewGrant {
            parts: vec![],
            ..base()
        },
        NewGrant {
            parts: vec!["No Such".into()],
            ..base()
        },
        NewGrant {
            from: 201,
            ..base()
        },
        NewGrant {
            parts: (0..257).map(|i| format!("p{i}")).collect(),
            ..base()
        },
    ] {
        assert!(GrantDocument::new(wrong, salt).is_err());
    }
    let request = |reason: String, from| NewRequest {
        requester: DOCTOR,
        recipient: Recipient::Person(DOCTOR),
        patient: B256::ZERO,
        commitment: None,
        parts: vec!["image".into()],
        purpose: Purpose::EmergencyTreatment,
        reason,
        from,
        until: 200,
    };
    let good = RequestDocument::new(request("Fracture clinic".into(), 100), salt).unwrap();
    assert_eq!(RequestDocument::decode(&good.encode()).unwrap(), good);
    assert!(RequestDocument::new(request("r".repeat(2001), 100), salt).is_err());
    assert!(RequestDocument::new(request(String::new(), 201), salt).is_err());
    assert!(GrantDocument::decode(&good.encode()).is_err());
}

#[test]
fn purposes_and_roles_are_known_by_code_number_and_name() {
    for purpose in Purpose::ALL {
        assert_eq!(purpose.code().parse::<Purpose>().unwrap(), *purpose);
    }
    assert!(
        "CURIOUS"
            .parse::<Purpose>()
            .unwrap_err()
            .to_string()
            .contains("TREAT")
    );
    for (number, role) in (1..).zip(Role::ALL) {
        assert_eq!(Role::from_number(number), Some(role));
        assert_eq!(role.name().parse::<Role>().unwrap(), role);
    }
    assert_eq!(Role::from_number(0), None);
    assert_eq!(Role::from_number(8), None);
}

#[test]
fn a_key_statement_binds_key_and_wallet_on_one_deployment() {
    let wallet = Wallet::new(5);
    let key = Bytes::from(vec![1; 33]);
    let statement = KeyStatement::new(wallet.address(), key.clone(), 1_700_000_000).unwrap();
    let signature = wallet.sign(statement.digest(&DOMAIN));
    let statement = statement.signed(signature);
    let read = KeyStatement::decode(&statement.encode()).unwrap();
    read.verify(&DOMAIN).unwrap().by_key().unwrap();
    assert!(
        read.verify(&Domain {
            chain_id: 1,
            ..DOMAIN
        })
        .unwrap()
        .by_key()
        .is_err()
    );
    let mut other = statement.clone();
    other.sealing_public = vec![2; 33].into();
    assert!(other.verify(&DOMAIN).unwrap().by_key().is_err());
    assert_ne!(
        other.salted_digest(&B256::ZERO),
        statement.salted_digest(&B256::ZERO)
    );
    assert_ne!(
        statement.salted_digest(&B256::ZERO),
        statement.salted_digest(&DOMAIN_SALT)
    );
    assert!(KeyStatement::new(wallet.address(), Bytes::new(), 1).is_err());
    assert!(KeyStatement::new(wallet.address(), vec![0; 2049].into(), 1).is_err());
}

const DOMAIN_SALT: B256 = B256::repeat_byte(1);

fn version(n: u8) -> IndexVersion {
    IndexVersion {
        commitment: B256::repeat_byte(n),
        salt: B256::repeat_byte(n + 1),
        manifest: raw_cid(&[n]),
        key: Secret32::new([n; 32]),
    }
}

fn entry(index: u64, versions: &[u8]) -> IndexEntry {
    IndexEntry {
        index,
        controller: Address::repeat_byte(index as u8 + 1),
        institution: HOSPITAL,
        added_at: 1_700_000_000,
        label: format!("record {index}"),
        erased: false,
        versions: versions.iter().copied().map(version).collect(),
    }
}

fn index(records: &[(u64, &[u8])]) -> PatientIndex {
    let mut index = PatientIndex::default();
    for (number, versions) in records {
        index.add(entry(*number, versions)).unwrap();
    }
    index
}

#[test]
fn the_index_restores_everything_and_prints_no_keys() {
    let mut full = index(&[(0, &[1]), (3, &[5, 6])]);
    let document = grant(Recipient::Person(DOCTOR));
    full.grants.insert(document.id(), document);
    let (salt, patient) = (B256::repeat_byte(2), B256::repeat_byte(3));
    full.enrolments.insert(
        HOSPITAL,
        Enrolment {
            institution: HOSPITAL,
            salt,
            patient,
        },
    );
    assert_eq!(full.next, 4);
    let bytes = full.encode();
    assert_eq!(PatientIndex::decode(&bytes).unwrap(), full);
    for len in 0..bytes.len() {
        assert!(PatientIndex::decode(&bytes[..len]).is_err(), "{len}");
    }
    assert!(format!("{full:?}").contains("hidden"));
    assert!(!format!("{full:?}").contains("5, 5, 5"));
    assert_eq!(
        full.by_controller(&Address::repeat_byte(4)).unwrap().index,
        3
    );
}

#[test]
fn indexes_that_grew_apart_merge_unless_they_contradict() {
    let ours = index(&[(0, &[1]), (1, &[2, 3])]);
    let theirs = index(&[(0, &[1, 9]), (2, &[4])]);
    let merged = ours.clone().merge(theirs.clone()).unwrap();
    assert_eq!(merged, index(&[(0, &[1, 9]), (1, &[2, 3]), (2, &[4])]));
    assert_eq!(merged, theirs.merge(ours.clone()).unwrap());
    let different = index(&[(1, &[2, 4])]);
    let error = ours.clone().merge(different).unwrap_err();
    assert!(
        matches!(error, Error::Contradiction { index: 1, .. }),
        "{error}"
    );
    let mut same_number = entry(1, &[2]);
    same_number.controller = Address::ZERO;
    let mut other = PatientIndex::default();
    other.add(same_number).unwrap();
    assert!(ours.merge(other).is_err());
}

fn trusted(changed_at: u64, name: &str) -> Trusted {
    Trusted {
        wallet: DOCTOR,
        name: name.into(),
        relation: "SPS".into(),
        parts: vec!["document".into()],
        until: 2_000_000_000,
        later: true,
        changed_at,
    }
}

#[test]
fn of_a_trusted_person_the_later_entry_counts_and_limits_hold() {
    let mut before = index(&[(0, &[1])]);
    let mut after = before.clone();
    before.trusted.insert(DOCTOR, trusted(1, "Eleni"));
    after.trusted.insert(DOCTOR, trusted(2, "Eleni K."));
    for merged in [after.clone().merge(before.clone()), before.merge(after)] {
        let merged = merged.unwrap();
        assert_eq!(merged.trusted[&DOCTOR].name, "Eleni K.");
        assert_eq!(PatientIndex::decode(&merged.encode()).unwrap(), merged);
    }
    let mut long = PatientIndex::default();
    long.trusted.insert(DOCTOR, trusted(1, &"x".repeat(257)));
    assert!(PatientIndex::decode(&long.encode()).is_err());
}

#[test]
fn what_was_erased_stays_erased() {
    let before = index(&[(0, &[1]), (1, &[2])]);
    let mut after = before.clone();
    let mut of_it = grant(Recipient::Person(DOCTOR));
    of_it.controller = Address::repeat_byte(1);
    after.grants.insert(of_it.id(), of_it);
    after.erase(0);
    for merged in [after.clone().merge(before.clone()), before.merge(after)] {
        let merged = merged.unwrap();
        let entry = &merged.records[&0];
        assert!(entry.erased && entry.versions.is_empty() && entry.label.is_empty());
        assert!(merged.grants.is_empty());
        assert_eq!(merged.records[&1].versions.len(), 1);
        assert_eq!(PatientIndex::decode(&merged.encode()).unwrap(), merged);
    }
}

#[test]
fn sealed_versions_of_an_index_form_one_signed_line() {
    let owner = Wallet::new(6);
    let seal = |previous: Option<&SealedIndex>, merged: Option<&SealedIndex>, bytes: &[u8]| {
        let next = SealedIndex::new(
            owner.address(),
            previous,
            merged,
            Bytes::copy_from_slice(bytes),
        );
        let signature = owner.sign(next.digest(&DOMAIN));
        next.signed(signature)
    };
    let first = seal(None, None, b"one");
    let second = seal(Some(&first), None, b"two");
    let third = seal(Some(&second), None, b"three");
    let read = SealedIndex::decode(&second.encode()).unwrap();
    read.verify(&DOMAIN).unwrap().by_key().unwrap();
    assert_eq!(first.order(&first), Ok(Order::Same));
    assert_eq!(first.order(&second), Ok(Order::Next));
    assert_eq!(first.order(&third), Ok(Order::Later));
    assert_eq!(third.order(&first), Ok(Order::Older));
    let rival = seal(Some(&first), None, b"also two");
    assert_eq!(second.order(&rival), Err(Error::Fork { version: 2 }));
    let joined = seal(Some(&second), Some(&rival), b"both");
    assert_eq!(joined.version, 3);
    assert_eq!(second.order(&joined), Ok(Order::Next));
    assert_eq!(rival.order(&joined), Ok(Order::Next));
    // Rewritten history: a second version that names another first.
    let other_first = seal(None, None, b"another one");
    let mut rewritten = seal(Some(&other_first), None, b"two");
    assert_eq!(second.order(&rewritten), Err(Error::Fork { version: 2 }));
    rewritten.sealed = Bytes::from_static(b"changed");
    assert!(rewritten.verify(&DOMAIN).unwrap().by_key().is_err());
    let stranger = SealedIndex::new(DOCTOR, None, None, Bytes::new());
    assert!(first.order(&stranger).is_err());
}

fn contracts() -> Contracts {
    let at = Address::repeat_byte;
    Contracts {
        registry: at(1),
        records: DOMAIN.contract,
        consents: at(3),
        log: at(4),
    }
}

fn log_proof(entries: u64, leaf: u64) -> LogProof {
    let proof = |n: u64| LogProof {
        institution: HOSPITAL,
        entry: format!("entry {n}").into_bytes().into(),
        salt: B256::with_last_byte(n as u8),
        leaf: n,
        size: entries,
        root: B256::ZERO,
        path: vec![],
    };
    let leaves: Vec<_> = (0..entries)
        .map(|n| merkle::leaf_hash(proof(n).salted_digest().as_slice()))
        .collect();
    LogProof {
        root: merkle::root(&leaves),
        path: merkle::path(&leaves, leaf as usize).unwrap(),
        ..proof(leaf)
    }
}

fn bundle() -> ProofBundle {
    let fixture = record(4);
    let disclosure =
        Disclosure::of(&fixture.manifest, &["part-02"], fixture.salt, fixture.cid).unwrap();
    let mut new = new_grant(Recipient::Person(DOCTOR));
    new.commitment = fixture.commitment;
    ProofBundle::new(NewProof {
        chain_id: DOMAIN.chain_id,
        contracts: contracts(),
        controller: CONTROLLER,
        disclosure,
        grants: vec![GrantDocument::new(new, B256::ZERO).unwrap()],
        log: vec![log_proof(9, 3), log_proof(9, 8)],
        transactions: vec![TxRef {
            what: "commit".into(),
            hash: B256::repeat_byte(0xaa),
        }],
    })
    .unwrap()
}

#[test]
fn a_proof_bundle_verifies_and_names_the_facts_that_only_the_chain_knows() {
    let bundle = bundle();
    let read = ProofBundle::decode(&bundle.encode()).unwrap();
    assert_eq!(read, bundle);
    let report = read.verify().unwrap();
    assert_eq!(
        (report.parts.len(), report.hidden, report.log_entries),
        (1, 3, 2)
    );
    let header = &bundle.disclosure.header;
    let Contracts {
        registry,
        records,
        consents,
        log,
    } = contracts();
    let (institution, at) = (header.institution, header.created_at);
    let expected = [
        ChainFact::Committed {
            records,
            controller: CONTROLLER,
            commitment: bundle.commitment,
            previous: B256::ZERO,
            version: 1,
            institution,
        },
        ChainFact::InstitutionActive {
            registry,
            institution,
            at,
        },
        ChainFact::StaffActive {
            registry,
            wallet: header.author,
            institution,
            at,
        },
        ChainFact::Enrolled {
            registry,
            institution,
            patient: header.patient,
        },
        ChainFact::Grant {
            consents,
            controller: CONTROLLER,
            id: bundle.grants[0].id(),
            expiry: 200,
        },
        ChainFact::Checkpoint {
            log,
            institution: HOSPITAL,
            size: 9,
            root: bundle.log[0].root,
        },
        ChainFact::Transaction(bundle.transactions[0].clone()),
    ];
    assert_eq!(report.facts, expected);
}

#[test]
fn a_changed_proof_bundle_is_refused() {
    let change = |change: &dyn Fn(&mut ProofBundle)| {
        let mut changed = bundle();
        change(&mut changed);
        let facts = changed.verify().map(|report| report.facts);
        // Signed for another deployment: not an error by itself, but a question to a wallet that
        // is none.
        facts.is_err()
            || facts.is_ok_and(|facts| facts.iter().any(|f| matches!(f, ChainFact::Wallet(_))))
    };
    assert!(!change(&|_| ()));
    assert!(change(&|b| b.chain_id = 1));
    assert!(change(&|b| b.contracts.records = Address::ZERO));
    assert!(change(&|b| b.commitment = B256::ZERO));
    assert!(change(&|b| b.controller = Address::ZERO));
    assert!(change(&|b| b.log[0].entry = Bytes::from_static(b"entry 4")));
    assert!(change(&|b| b.log[1].root = B256::ZERO));
    assert!(change(&|b| b.log[1].size = 8));
    assert!(change(&|b| b.disclosure.header.created_at += 1));
    assert!(change(&|b| b.disclosure.parts[0].part.size += 1));
    assert!(change(&|b| b.disclosure.author_signature = Bytes::new()));
}

#[test]
fn a_contract_wallets_signature_becomes_a_fact_to_ask() {
    let mut bundle = bundle();
    bundle.disclosure.author_signature = Bytes::from_static(b"by a contract");
    let report = bundle.verify().unwrap();
    let asked = report
        .facts
        .iter()
        .filter(|f| matches!(f, ChainFact::Wallet(_)))
        .count();
    assert_eq!(asked, 1);
    let signed = bundle
        .disclosure
        .verify(bundle.commitment, &DOMAIN)
        .unwrap()
        .author;
    assert!(matches!(signed, Signed::AskWallet(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = GrantDocument::decode(&bytes);
        let _ = RequestDocument::decode(&bytes);
        let _ = KeyStatement::decode(&bytes);
        let _ = PatientIndex::decode(&bytes);
        let _ = SealedIndex::decode(&bytes);
        let _ = ProofBundle::decode(&bytes).map(|bundle| bundle.verify().is_ok());
    }

    #[test]
    fn damaged_proof_bundles_never_panic_nor_pass_for_the_same(
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let original = bundle();
        let mut bytes = original.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(read) = ProofBundle::decode(&bytes) {
            // What a flip may change are the facts that the chain then denies.
            if let Ok(report) = read.verify() {
                prop_assert_ne!(report.facts, original.verify().unwrap().facts);
            }
        }
    }

    #[test]
    fn grants_survive_encoding(
        from in 0u64..1000, len in 0u64..1000, salt in any::<[u8; 32]>(),
        parts in prop::collection::vec("[a-z0-9][a-z0-9._-]{0,20}", 1..10),
        role in 0usize..7, purpose in 0usize..Purpose::ALL.len(), person in any::<bool>(),
    ) {
        let recipient = if person {
            Recipient::Person(DOCTOR)
        } else {
            Recipient::Role { institution: HOSPITAL, role: Role::ALL[role] }
        };
        let new = NewGrant {
            parts, from, until: from + len, purpose: Purpose::ALL[purpose],
            ..new_grant(recipient)
        };
        let document = GrantDocument::new(new, salt.into()).unwrap();
        let read = GrantDocument::decode(&document.encode()).unwrap();
        prop_assert_eq!(read.id(), document.id());
        prop_assert_eq!(read, document);
    }

    #[test]
    fn indexes_survive_encoding_and_merging_is_the_same_from_either_side(
        ours in prop::collection::btree_map(0u64..20, 1usize..4, 0..8),
        theirs in prop::collection::btree_map(0u64..20, 1usize..4, 0..8),
        erased in prop::collection::vec(0u64..20, 0..4),
    ) {
        let build = |records: &std::collections::BTreeMap<u64, usize>| {
            let mut index = PatientIndex::default();
            for (number, versions) in records {
                let versions: Vec<u8> = (0..*versions as u8).map(|v| v * 20 + *number as u8).collect();
                index.add(entry(*number, &versions)).unwrap();
            }
            index
        };
        let (mut ours, theirs) = (build(&ours), build(&theirs));
        erased.iter().for_each(|n| ours.erase(*n));
        prop_assert_eq!(&PatientIndex::decode(&ours.encode()).unwrap(), &ours);
        let merged = ours.clone().merge(theirs.clone()).unwrap();
        prop_assert_eq!(&merged, &theirs.merge(ours).unwrap());
        for number in erased {
            prop_assert!(merged.records.get(&number).is_none_or(|e| e.erased || !e.versions.is_empty()));
        }
    }
}

#[test]
fn the_test_generator_repeats_itself() {
    use rand_core::TryRng;
    let mut twice = [[0; 16]; 2];
    for out in &mut twice {
        TestRng(9).try_fill_bytes(out).unwrap();
    }
    assert_eq!(twice[0], twice[1]);
}
