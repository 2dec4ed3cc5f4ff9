//! Manifests, disclosures and histories: what must hold, and what must be caught.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test may panic, and says why it skips.
mod support;

use alloy_primitives::{B256, Bytes, U256};
use proptest::prelude::*;
use record::{
    Disclosure, Domain, Error, Manifest, PartKeys, Secret32, Signed, merkle, verify_history,
};
use support::{DOMAIN, TestRng, Wallet, new_manifest, parts, raw_cid, record};

#[test]
fn a_signed_manifest_survives_encoding_and_verifies() {
    let manifest = record(3).manifest;
    let decoded = Manifest::decode(&manifest.encode()).unwrap();
    assert_eq!(decoded, manifest);
    decoded.verify(&DOMAIN).unwrap().by_key().unwrap();
}

#[test]
fn a_signature_is_for_one_author_chain_contract_and_record() {
    let fixture = record(2);
    let wrong = |manifest: &Manifest, domain: &Domain| {
        let error = manifest.verify(domain).unwrap().by_key().unwrap_err();
        let error = Error::from(error);
        assert!(matches!(error, Error::WrongSignature { .. }), "{error}");
    };
    wrong(
        &fixture.manifest,
        &Domain {
            chain_id: 1,
            ..DOMAIN
        },
    );
    wrong(
        &fixture.manifest,
        &Domain {
            contract: Wallet::new(9).address(),
            ..DOMAIN
        },
    );
    let other = Wallet::new(3).sign(fixture.manifest.digest(&DOMAIN));
    wrong(&fixture.manifest.clone().signed(other), &DOMAIN);
    wrong(&fixture.manifest.clone().signed(Bytes::new()), &DOMAIN);
    let of_another = record(3).manifest.author_signature;
    wrong(&fixture.manifest.clone().signed(of_another), &DOMAIN);
}

#[test]
fn malleable_signatures_are_not_taken() {
    let manifest = record(1).manifest;
    let mut bytes = manifest.author_signature.to_vec();
    let order = U256::from_str_radix(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        16,
    );
    let s = order.unwrap() - U256::from_be_slice(&bytes[32..64]);
    bytes[32..64].copy_from_slice(&s.to_be_bytes::<32>());
    bytes[64] ^= 27 ^ 28;
    let high_s = manifest.clone().signed(bytes.into());
    assert!(matches!(
        high_s.verify(&DOMAIN).unwrap(),
        Signed::AskWallet(_)
    ));
    let mut bytes = manifest.author_signature.to_vec();
    bytes[64] -= 27;
    assert!(matches!(
        manifest.signed(bytes.into()).verify(&DOMAIN).unwrap(),
        Signed::AskWallet(_)
    ));
}

#[test]
fn a_contract_wallet_is_asked_with_its_digest_and_signature() {
    let manifest = record(1)
        .manifest
        .signed(Bytes::from_static(b"by a contract"));
    let Signed::AskWallet(question) = manifest.verify(&DOMAIN).unwrap() else {
        panic!()
    };
    assert_eq!(question.wallet, manifest.header.author);
    assert_eq!(question.digest, manifest.digest(&DOMAIN));
    assert_eq!(question.signature, manifest.author_signature);
}

#[test]
fn names_limits_and_versions_are_checked() {
    let mut rng = TestRng(0);
    let cid = raw_cid(b"x");
    let long = "n".repeat(65);
    for name in ["", "A", "a b", "-a", ".a", "a/b", "ä", &long] {
        assert!(
            record::Part::new(name, "image/png", 1, cid, &mut rng).is_err(),
            "{name:?}"
        );
    }
    for media_type in ["", "image", "image/", "/png", "image/png; q=1", "a/b/c"] {
        assert!(
            record::Part::new("a", media_type, 1, cid, &mut rng).is_err(),
            "{media_type:?}"
        );
    }
    let v0 = cid::Cid::new_v0(*raw_cid(b"x").hash()).unwrap();
    assert!(record::Part::new("a", "image/png", 1, v0, &mut rng).is_err());
    assert!(Manifest::new(new_manifest(vec![]), &mut rng).is_err());
    let twice = [parts(1, &mut rng), parts(1, &mut rng)].concat();
    assert!(Manifest::new(new_manifest(twice), &mut rng).is_err());
    let most = parts(256, &mut rng);
    assert!(Manifest::new(new_manifest(most.clone()), &mut rng).is_ok());
    let more = [most, parts(1, &mut rng)].concat();
    let error = Manifest::new(new_manifest(more), &mut rng).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    let mut correction = new_manifest(parts(1, &mut rng));
    correction.corrects = Some((1, B256::ZERO));
    assert!(Manifest::new(correction, &mut rng).is_err());
}

#[test]
fn only_the_one_canonical_encoding_is_read() {
    let bytes = record(1).manifest.encode();
    let mut trailing = bytes.clone();
    trailing.push(0);
    assert!(Manifest::decode(&trailing).is_err());
    // A longer form of the same map header: 0xa5 (map of 5) as 0xb8 0x05.
    let mut longer = vec![0xb8, bytes[0] & 0x1f];
    longer.extend(&bytes[1..]);
    assert!(Manifest::decode(&longer).is_err());
    assert!(matches!(
        Manifest::decode(&vec![0; record::limits::MANIFEST_BYTES + 1]),
        Err(Error::TooLarge { .. })
    ));
}

fn correction(of: &Manifest, commitment: B256, at: u64) -> (Manifest, B256) {
    let mut rng = TestRng(at);
    let mut new = new_manifest(parts(2, &mut rng));
    new.corrects = Some((of.header.version, commitment));
    new.created_at = at;
    let manifest = Manifest::new(new, &mut rng).unwrap();
    let signature = Wallet::new(1).sign(manifest.digest(&DOMAIN));
    let manifest = manifest.signed(signature);
    let commitment = manifest.commitment(&B256::repeat_byte(1), &raw_cid(&manifest.encode()));
    (manifest, commitment)
}

#[test]
fn a_history_is_one_chain_of_versions() {
    let first = record(2);
    let first = (first.manifest, first.commitment);
    let second = correction(&first.0, first.1, 1_700_000_100);
    let third = correction(&second.0, second.1, 1_700_000_200);
    let history = [first.clone(), second.clone(), third.clone()];
    let signed = verify_history(&history, &DOMAIN).unwrap();
    assert_eq!(signed, vec![Signed::ByKey; 3]);

    let broken = |history: &[(Manifest, B256)], version: u64| {
        let error = verify_history(history, &DOMAIN).unwrap_err();
        assert!(
            matches!(error, Error::BrokenHistory { version: v, .. } if v == version),
            "{error}"
        );
    };
    broken(&[second.clone(), third.clone()], 1);
    broken(&[first.clone(), third.clone()], 2);
    broken(
        &[first.clone(), (second.0.clone(), B256::ZERO), third.clone()],
        3,
    );
    broken(
        &[first.clone(), correction(&first.0, first.1, 1_600_000_000)],
        2,
    );
    let mut other = new_manifest(parts(1, &mut TestRng(7)));
    other.corrects = Some((1, first.1));
    other.patient = B256::repeat_byte(1);
    broken(
        &[
            first,
            (Manifest::new(other, &mut TestRng(8)).unwrap(), B256::ZERO),
        ],
        2,
    );
}

#[test]
fn a_disclosure_shows_its_parts_and_hides_the_rest() {
    let fixture = record(5);
    let names = ["part-03", "part-01"];
    let disclosure = Disclosure::of(&fixture.manifest, &names, fixture.salt, fixture.cid).unwrap();
    let bytes = disclosure.encode();
    let read = Disclosure::decode(&bytes).unwrap();
    let shown = read.verify(fixture.commitment, &DOMAIN).unwrap();
    let shown_names: Vec<_> = shown.parts.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(shown_names, ["part-01", "part-03"]);
    assert_eq!(shown.hidden, 3);
    assert_eq!(shown.author, Signed::ByKey);
    let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    for hidden in [0, 2, 4] {
        let part = &fixture.manifest.parts[hidden];
        assert!(!contains(part.name.as_bytes()) && !contains(part.salt.as_slice()));
        assert!(!contains(&part.cid.to_bytes()));
    }
    let missing = Disclosure::of(&fixture.manifest, &["part-09"], fixture.salt, fixture.cid);
    assert_eq!(missing.unwrap_err(), Error::NoSuchPart("part-09".into()));
}

#[test]
fn a_disclosure_is_bound_to_its_commitment() {
    let fixture = record(2);
    let disclosure =
        Disclosure::of(&fixture.manifest, &["part-00"], fixture.salt, fixture.cid).unwrap();
    let error = disclosure.verify(B256::ZERO, &DOMAIN).unwrap_err();
    assert!(matches!(error, Error::WrongCommitment { .. }));
    // A part of another record, with all else of this one.
    let other = record(3);
    let theirs = Disclosure::of(&other.manifest, &["part-02"], other.salt, other.cid).unwrap();
    let mut forged = disclosure.clone();
    forged.parts = theirs.parts.clone();
    assert!(matches!(
        forged.verify(fixture.commitment, &DOMAIN),
        Err(Error::WrongProof { .. })
    ));
    // The header passed off as a part and a part twice.
    let mut twice = disclosure.clone();
    twice.parts.push(disclosure.parts[0].clone());
    assert!(twice.verify(fixture.commitment, &DOMAIN).is_err());
}

#[test]
fn part_keys_open_only_by_name_and_survive_encoding() {
    let keys = vec![
        ("image".into(), Secret32::new([1; 32])),
        ("doc".into(), Secret32::new([2; 32])),
    ];
    let keys = PartKeys::new(keys).unwrap();
    assert_eq!(keys.names().collect::<Vec<_>>(), ["doc", "image"]);
    assert_eq!(keys.get("image").unwrap().expose(), &[1; 32]);
    assert!(keys.get("heatmap").is_err());
    let read = PartKeys::decode(&keys.encode()).unwrap();
    assert_eq!(read, keys);
    assert!(!format!("{keys:?}").contains("1, 1"));
    let twice = vec![
        ("a".into(), Secret32::new([1; 32])),
        ("a".into(), Secret32::new([2; 32])),
    ];
    assert!(PartKeys::new(twice).is_err());
    for len in 0..keys.encode().len() {
        assert!(PartKeys::decode(&keys.encode()[..len]).is_err());
    }
}

/// The root and the paths by their definition in RFC 6962, section 2.1, written differently from
/// the library: level by level, a lone node going up as it is.
fn root_by_levels(mut level: Vec<B256>) -> B256 {
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => merkle::node_hash(left, right),
                lone => lone[0],
            })
            .collect();
    }
    level[0]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_leaf_of_every_tree_has_a_path_to_the_root(
        leaves in prop::collection::vec(any::<[u8; 32]>().prop_map(B256::from), 1..70),
        at in any::<prop::sample::Index>(),
    ) {
        let root = merkle::root(&leaves);
        prop_assert_eq!(root, root_by_levels(leaves.clone()));
        let index = at.index(leaves.len());
        let path = merkle::path(&leaves, index).unwrap();
        let size = leaves.len() as u64;
        let found = merkle::root_from_path(leaves[index], index as u64, size, &path);
        prop_assert_eq!(found, Some(root));
        // Of any other index, leaf or length of path, it leads elsewhere or nowhere.
        for other in 0..size {
            if other != index as u64 {
                let wrong = merkle::root_from_path(leaves[index], other, size, &path);
                prop_assert_ne!(wrong, Some(root));
            }
        }
        prop_assert_eq!(merkle::root_from_path(leaves[index], size, size, &path), None);
        let longer = [path.as_slice(), &[B256::ZERO]].concat();
        prop_assert_eq!(merkle::root_from_path(leaves[index], index as u64, size, &longer), None);
    }

    #[test]
    fn any_tampering_of_a_disclosure_is_caught(
        count in 1usize..9,
        shown in prop::collection::vec(any::<bool>(), 9),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let fixture = record(count);
        let names: Vec<_> = fixture.manifest.parts.iter().zip(&shown)
            .filter(|(_, shown)| **shown).map(|(part, _)| part.name.clone()).collect();
        let disclosure =
            Disclosure::of(&fixture.manifest, &names, fixture.salt, fixture.cid).unwrap();
        let mut bytes = disclosure.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let accepted = Disclosure::decode(&bytes).is_ok_and(|read| {
            read.verify(fixture.commitment, &DOMAIN).is_ok_and(|shown| shown.author.by_key().is_ok())
        });
        prop_assert!(!accepted, "byte {} bit {}", at, bit);
    }

    #[test]
    fn decoding_never_panics_and_only_takes_canonical_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(manifest) = Manifest::decode(&bytes) {
            prop_assert_eq!(manifest.encode(), bytes.clone());
        }
        if let Ok(disclosure) = Disclosure::decode(&bytes) {
            prop_assert_eq!(disclosure.encode(), bytes.clone());
        }
        if let Ok(keys) = PartKeys::decode(&bytes) {
            prop_assert_eq!(&**keys.encode(), &bytes);
        }
    }

    #[test]
    fn damaged_manifests_never_panic_nor_verify(
        count in 1usize..6,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let fixture = record(count);
        let mut bytes = fixture.manifest.encode();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        let accepted = Manifest::decode(&bytes)
            .is_ok_and(|read| read.verify(&DOMAIN).is_ok_and(|signed| signed.by_key().is_ok()));
        // The header's salt and the parts are under the root, the root under the signature.
        prop_assert!(!accepted);
    }
}
