//! The vectors in `testdata/vectors`: they are what the code makes today, the good ones open, the
//! bad ones are refused for the reason that stands beside them.
//!
//! Regenerate with `UPDATE_VECTORS=1 cargo test -p seal --test vectors`; a change of a file there
//! is a change of a format.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{io::Cursor, path::PathBuf};

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use seal::{
    EnvelopeAad, Error, PartKey, RecordKey, RootSecret, SealingPublic, SealingSecret, derive,
    envelope,
    file::{ChunkSize, Opener, StreamOpener, open, open_stream, seal_with},
    sharing,
};
use serde_json::{Value, json};
use sha2::Sha256;

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn key() -> PartKey {
    PartKey::from_bytes(&std::array::from_fn(|i| i as u8))
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("a hex string")).expect("hex")
}

/// A fixed-size field of a vector.
fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().expect("a field of its length")
}

/// Compares `made` with the file `name`, or writes it when asked to; returns what the file says.
fn vectors(name: &str, made: &Value) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/vectors")
        .join(name);
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(made).unwrap() + "\n").unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    assert!(
        &read == made,
        "{name} is not what the code makes; see the head of this file"
    );
    read
}

fn list<'a>(vectors: &'a Value, what: &str) -> &'a [Value] {
    let list = vectors[what].as_array().expect("a list");
    assert!(!list.is_empty());
    list
}

/// The short name of an error, as the vectors have it.
fn reason(error: &Error) -> &'static str {
    match error {
        Error::NotSealed => "not-sealed",
        Error::Version(_) => "version",
        Error::Suite(_) => "suite",
        Error::ChunkSize(_) => "chunk-size",
        Error::Reserved => "reserved",
        Error::Truncated => "truncated",
        Error::WrongKey => "wrong-key",
        Error::Damaged { .. } => "damaged",
        Error::Length { .. } => "length",
        Error::Envelope => "envelope",
        Error::NotShare => "not-share",
        Error::ShareDamaged { .. } => "share-damaged",
        Error::ShareMixed { .. } => "share-mixed",
        Error::ShareTwice { .. } => "share-twice",
        Error::SharesMissing { .. } => "shares-missing",
        other => panic!("no vector expects: {other}"),
    }
}

/// A sealed file made without the crate under test, so that it can be made wrong.
struct Forge {
    header: [u8; 64],
    aad: Vec<u8>,
    key: XChaCha20Poly1305,
}

impl Forge {
    /// With the header of a file that was sealed under `key`.
    fn new(key: &PartKey, header: [u8; 64]) -> Self {
        let mut file_key = [0; 32];
        Hkdf::<Sha256>::new(Some(&header[..32]), key.expose())
            .expand(b"stele/file/v1 key", &mut file_key)
            .unwrap();
        Self {
            header,
            aad: header.to_vec(),
            key: XChaCha20Poly1305::new(&file_key.into()),
        }
    }

    fn chunk(&self, index: u32, last: bool, msg: &[u8]) -> Vec<u8> {
        let mut nonce = [0; 24];
        nonce[..19].copy_from_slice(&self.header[11..30]);
        nonce[19..23].copy_from_slice(&index.to_be_bytes());
        nonce[23] = u8::from(last);
        self.key
            .encrypt(
                &nonce.into(),
                Payload {
                    msg,
                    aad: &self.aad,
                },
            )
            .unwrap()
    }

    /// A file of chunks, each with its counter and its flag.
    fn file(&self, chunks: &[(u32, bool, &[u8])]) -> Vec<u8> {
        let mut file = self.header.to_vec();
        for &(index, last, msg) in chunks {
            file.extend(self.chunk(index, last, msg));
        }
        file
    }
}

const SMALL: ChunkSize = ChunkSize::MIN;

fn good_files() -> Vec<Value> {
    let k = SMALL.bytes();
    let cases = [
        ("empty", SMALL, 0),
        ("one byte", SMALL, 1),
        ("one byte less than a chunk", SMALL, k - 1),
        ("exactly one chunk", SMALL, k),
        ("one byte more than a chunk", SMALL, k + 1),
        ("exactly three chunks", SMALL, 3 * k),
        ("three chunks and a half", SMALL, 3 * k + k / 2),
        ("default chunk size", ChunkSize::DEFAULT, 300),
        ("largest chunk size", ChunkSize::MAX, 300),
        (
            "two chunks of 16 KiB",
            ChunkSize::new(14).unwrap(),
            (16 << 10) + 1,
        ),
    ];
    let make = |(seed, (name, chunk, len)): (usize, (&str, ChunkSize, usize))| {
        let plain = pattern(len);
        let sealed = seal_with(&plain, &key(), &mut rng(seed as u8), chunk, 1).unwrap();
        let ranges: Vec<Value> = [
            (0, len),
            (len / 2, len - len / 2),
            (len.saturating_sub(3), 2),
        ]
        .into_iter()
        .filter(|(offset, n)| offset + n <= len)
        .map(|(offset, n)| json!({"offset": offset, "length": n}))
        .collect();
        json!({
            "name": name,
            "key": hex::encode(key().expose()),
            "plain": hex::encode(plain),
            "sealed": hex::encode(sealed),
            "ranges": ranges,
        })
    };
    cases.into_iter().enumerate().map(make).collect()
}

/// A vector of a bad file: its name, why it is refused, its bytes.
type BadFile = (&'static str, &'static str, Vec<u8>);

/// The good file that the bad ones are made of: three chunks of plain bytes.
struct GoodFile {
    plain: Vec<u8>,
    bytes: Vec<u8>,
}

impl GoodFile {
    fn new() -> Self {
        let plain = pattern(3 * SMALL.bytes());
        let bytes = seal_with(&plain, &key(), &mut rng(100), SMALL, 1).unwrap();
        Self { plain, bytes }
    }

    fn header(&self) -> [u8; 64] {
        self.bytes[..64].try_into().unwrap()
    }

    /// The chunks as [`Forge`] takes them.
    fn parts(&self) -> [(u32, bool, &[u8]); 3] {
        let mut plain = self.plain.chunks(SMALL.bytes());
        [(0, false), (1, false), (2, true)].map(|(i, last)| (i, last, plain.next().unwrap()))
    }

    /// A chunk with its tag.
    fn chunk(&self, i: usize) -> &[u8] {
        let sealed = SMALL.bytes() + 16;
        &self.bytes[64 + i * sealed..64 + (i + 1) * sealed]
    }

    fn with(&self, at: usize, byte: u8) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[at] = byte;
        bytes
    }

    fn flip(&self, at: usize) -> Vec<u8> {
        self.with(at, self.bytes[at] ^ 0x10)
    }
}

/// Bytes missing or added.
fn files_of_wrong_length(good: &GoodFile) -> Vec<BadFile> {
    let k = SMALL.bytes();
    vec![
        ("no bytes", "truncated", Vec::new()),
        (
            "another format",
            "not-sealed",
            b"\x89PNG\r\n\x1a\n".repeat(20),
        ),
        ("header cut short", "truncated", good.bytes[..63].to_vec()),
        ("header alone", "truncated", good.bytes[..64].to_vec()),
        (
            "cut within the first tag",
            "truncated",
            good.bytes[..64 + 15].to_vec(),
        ),
        (
            "cut within a chunk",
            "damaged",
            good.bytes[..64 + k + 16 + 500].to_vec(),
        ),
        (
            "cut at the end of a chunk",
            "damaged",
            good.bytes[..64 + 2 * (k + 16)].to_vec(),
        ),
        (
            "cut by one byte",
            "damaged",
            good.bytes[..good.bytes.len() - 1].to_vec(),
        ),
        (
            "one byte added",
            "truncated",
            [&good.bytes[..], &[0]].concat(),
        ),
        (
            "a chunk of bytes added",
            "damaged",
            [&good.bytes[..], &[0; 100]].concat(),
        ),
        (
            "two files in a row",
            "damaged",
            [&good.bytes[..], &good.bytes[..]].concat(),
        ),
        (
            "oversized header",
            "truncated",
            [&good.bytes[..64], &[0], &good.bytes[64..]].concat(),
        ),
        (
            "oversized header by a chunk",
            "damaged",
            [&good.bytes[..64], good.chunk(0), &good.bytes[64..]].concat(),
        ),
    ]
}

/// A byte or a bit changed.
fn files_changed(good: &GoodFile) -> Vec<BadFile> {
    let k = SMALL.bytes();
    vec![
        ("chunk size below the least", "chunk-size", good.with(10, 9)),
        ("chunk size above the most", "chunk-size", good.with(10, 21)),
        ("chunk size of 2^63", "chunk-size", good.with(10, 63)),
        ("chunk size of another file", "wrong-key", good.with(10, 11)),
        ("unknown version", "version", good.with(8, 2)),
        ("unknown suite", "suite", good.with(9, 2)),
        ("reserved byte set", "reserved", good.with(30, 1)),
        (
            "bit flipped in the nonce prefix",
            "wrong-key",
            good.flip(11),
        ),
        (
            "bit flipped in the key commitment",
            "wrong-key",
            good.flip(40),
        ),
        ("bit flipped in the first chunk", "damaged", good.flip(64)),
        ("bit flipped in a tag", "damaged", good.flip(64 + k + 3)),
        (
            "bit flipped in the last byte",
            "damaged",
            good.flip(good.bytes.len() - 1),
        ),
    ]
}

/// Whole chunks moved, left out or repeated.
fn files_reordered(good: &GoodFile) -> Vec<BadFile> {
    vec![
        (
            "reordered",
            "damaged",
            [
                &good.bytes[..64],
                good.chunk(1),
                good.chunk(0),
                good.chunk(2),
            ]
            .concat(),
        ),
        (
            "last chunk first",
            "damaged",
            [
                &good.bytes[..64],
                good.chunk(2),
                good.chunk(1),
                good.chunk(0),
            ]
            .concat(),
        ),
        (
            "a chunk left out",
            "damaged",
            [&good.bytes[..64], good.chunk(0), good.chunk(2)].concat(),
        ),
        (
            "a chunk twice",
            "damaged",
            [
                &good.bytes[..64],
                good.chunk(0),
                good.chunk(0),
                good.chunk(1),
                good.chunk(2),
            ]
            .concat(),
        ),
    ]
}

/// Chunks sealed with the right key, though not as the format says; and one with the right form and
/// another key.
fn files_forged(good: &GoodFile, other: &PartKey) -> Vec<BadFile> {
    let forge = Forge::new(&key(), good.header());
    assert!(
        forge.file(&good.parts()) == good.bytes,
        "the forge makes what the crate makes"
    );
    let first = good.parts()[0].2;
    let second = good.parts()[1].2;
    let wrong_aad = Forge {
        aad: Vec::new(),
        ..Forge::new(&key(), good.header())
    };
    // The tags verify under the other key, the commitment does not.
    let of_other = Forge::new(other, good.header());
    vec![
        (
            "no chunk flagged last",
            "damaged",
            forge.file(&[(0, false, first)]),
        ),
        ("flagged last before the end", "damaged", {
            forge.file(&[(0, true, first), (1, true, second)])
        }),
        (
            "counter from one",
            "damaged",
            forge.file(&[(1, true, first)]),
        ),
        (
            "empty chunk at the end",
            "truncated",
            forge.file(&[(0, false, first), (1, true, &[])]),
        ),
        ("wrong AAD", "damaged", wrong_aad.file(&good.parts())),
        (
            "chunks of another key",
            "damaged",
            of_other.file(&good.parts()),
        ),
    ]
}

fn bad_files() -> Vec<Value> {
    let good = GoodFile::new();
    let other = PartKey::from_bytes(&[0xaa; 32]);
    let case = |(name, reason, sealed): BadFile, key: &PartKey| {
        let (key, sealed) = (hex::encode(key.expose()), hex::encode(sealed));
        json!({"name": name, "reason": reason, "key": key, "sealed": sealed})
    };
    let with_key = [
        files_of_wrong_length(&good),
        files_changed(&good),
        files_reordered(&good),
        files_forged(&good, &other),
    ];
    let of_other = Forge::new(&other, good.header()).file(&good.parts());
    let with_other = [
        ("wrong key", "wrong-key", good.bytes.clone()),
        ("chunks verify, commitment does not", "wrong-key", of_other),
    ];
    let with_key = with_key.into_iter().flatten().map(|bad| case(bad, &key()));
    with_key
        .chain(with_other.map(|bad| case(bad, &other)))
        .collect()
}

#[test]
fn sealed_files() {
    let vectors = vectors(
        "seal-file.json",
        &json!({
            "format": "docs/formats.md, Sealed file",
            "good": good_files(),
            "bad": bad_files(),
        }),
    );
    for case in list(&vectors, "good") {
        let (key, sealed) = (
            PartKey::from_bytes(&array(&case["key"])),
            bytes(&case["sealed"]),
        );
        let plain = bytes(&case["plain"]);
        assert_eq!(
            open(&sealed, &key).unwrap().as_slice(),
            plain,
            "{}",
            case["name"]
        );
        let mut opener = Opener::new(Cursor::new(&sealed), &key).unwrap();
        for range in list(case, "ranges") {
            let at = range["offset"].as_u64().unwrap() as usize;
            let mut out = vec![0; range["length"].as_u64().unwrap() as usize];
            opener.read_range(at as u64, &mut out).unwrap();
            assert_eq!(out, plain[at..at + out.len()]);
        }
    }
    for case in list(&vectors, "bad") {
        let name = case["name"].as_str().unwrap();
        let (key, sealed) = (
            PartKey::from_bytes(&array(&case["key"])),
            bytes(&case["sealed"]),
        );
        let error = open(&sealed, &key).unwrap_err();
        assert_eq!(
            reason(&error),
            case["reason"].as_str().unwrap(),
            "{name}: {error}"
        );
        assert!(
            open_stream(&sealed[..], std::io::sink(), &key, 2).is_err(),
            "{name}"
        );
        assert!(
            all_of(Opener::new(Cursor::new(&sealed), &key)).is_err(),
            "{name}"
        );
        assert!(
            all_of(StreamOpener::new(&sealed[..], &key)).is_err(),
            "{name}"
        );
    }
}

fn all_of(opener: seal::Result<impl std::io::Read>) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    opener?.read_to_end(&mut out)?;
    Ok(out)
}

#[test]
fn derived_keys() {
    let (record, root) = (
        RecordKey::from_bytes(&[0x11; 32]),
        RootSecret::from_bytes(&[0x22; 32]),
    );
    let parts = ["manifest", "document", "image", "heatmap", "", "Röntgen"]
        .map(|name| json!({"name": name, "key": hex::encode(record.part(name).expose())}));
    let controllers = [0, 1, 2, 255, 1 << 32, u64::MAX].map(|index| {
        let key = derive::controller_key(&root, index);
        json!({"index": index.to_string(), "key": hex::encode(key)})
    });
    let purposes = ["enrolment", ""]
        .map(|name| json!({"name": name, "key": hex::encode(derive::subkey(&root, name))}));
    let made = json!({
        "format": "docs/formats.md, Key derivation",
        "record_key": hex::encode(record.expose()),
        "parts": parts,
        "root_secret": hex::encode(root.expose()),
        "controllers": controllers,
        "index_key": hex::encode(derive::index_key(&root).expose()),
        "log_key": hex::encode(derive::log_key(&root).expose()),
        "purposes": purposes,
    });
    vectors("seal-keys.json", &made);
}

fn aad() -> EnvelopeAad {
    EnvelopeAad {
        chain_id: 31337,
        contract: std::array::from_fn(|i| i as u8),
        commitment: [0xc0; 32],
        grant: [0x6a; 32],
        recipient: [0xee; 20],
    }
}

fn aad_json(aad: &EnvelopeAad) -> Value {
    json!({
        "chain_id": aad.chain_id.to_string(),
        "contract": hex::encode(aad.contract),
        "commitment": hex::encode(aad.commitment),
        "grant": hex::encode(aad.grant),
        "recipient": hex::encode(aad.recipient),
        "bytes": hex::encode(aad.to_bytes()),
    })
}

fn read_aad(value: &Value) -> EnvelopeAad {
    EnvelopeAad {
        chain_id: value["chain_id"].as_str().unwrap().parse().unwrap(),
        contract: array(&value["contract"]),
        commitment: array(&value["commitment"]),
        grant: array(&value["grant"]),
        recipient: array(&value["recipient"]),
    }
}

fn envelope_case(
    name: &str,
    secret: &SealingSecret,
    info: &str,
    aad: &EnvelopeAad,
    envelope: &[u8],
) -> Value {
    json!({
        "name": name,
        "secret": hex::encode(secret.to_bytes()),
        "public": hex::encode(secret.public().to_bytes()),
        "info": info,
        "aad": aad_json(aad),
        "envelope": hex::encode(envelope),
    })
}

fn with(mut case: Value, field: &str, value: &str) -> Value {
    case[field] = json!(value);
    case
}

const INFO: &str = "part-keys";

fn seal_envelope(info: &str, plain: &[u8]) -> Vec<u8> {
    let public = SealingSecret::generate(&mut rng(1)).public();
    envelope::seal_to(&public, info.as_bytes(), &aad(), plain, &mut rng(3)).unwrap()
}

/// What an envelope is bound to, with one field another.
fn wrong_aads() -> [(&'static str, EnvelopeAad); 5] {
    let with = |change: &dyn Fn(&mut EnvelopeAad)| {
        let mut aad = aad();
        change(&mut aad);
        aad
    };
    [
        ("wrong AAD: chain", with(&|aad| aad.chain_id = 1)),
        ("wrong AAD: contract", with(&|aad| aad.contract = [0; 20])),
        (
            "wrong AAD: commitment",
            with(&|aad| aad.commitment = [0; 32]),
        ),
        ("wrong AAD: grant", with(&|aad| aad.grant = [0; 32])),
        ("wrong AAD: recipient", with(&|aad| aad.recipient = [0; 20])),
    ]
}

/// Bytes of an envelope changed, missing or added, and why each is refused.
fn bad_envelopes(sealed: &[u8]) -> [(&'static str, &'static str, Vec<u8>); 8] {
    let changed = |at: usize, bit: u8| {
        let mut bytes = sealed.to_vec();
        bytes[at] ^= bit;
        bytes
    };
    let last = sealed.len() - 1;
    let zero_key = [&[1], &[0; 32][..], &sealed[33..]].concat();
    [
        ("unknown suite", "suite", changed(0, 3)),
        (
            "bit flipped in the encapsulated key",
            "envelope",
            changed(5, 1),
        ),
        ("bit flipped in the text", "envelope", changed(40, 1)),
        ("bit flipped in the tag", "envelope", changed(last, 1)),
        ("cut short", "envelope", sealed[..last].to_vec()),
        ("shorter than any", "length", sealed[..48].to_vec()),
        ("one byte added", "envelope", [sealed, &[0]].concat()),
        ("zero encapsulated key", "envelope", zero_key),
    ]
}

fn envelope_vectors() -> Value {
    let (secret, other) = (
        SealingSecret::generate(&mut rng(1)),
        SealingSecret::generate(&mut rng(2)),
    );
    let good =
        [("a part key", INFO, pattern(32)), ("nothing", "", vec![])].map(|(name, info, plain)| {
            let sealed = seal_envelope(info, &plain);
            let case = envelope_case(name, &secret, info, &aad(), &sealed);
            with(case, "plain", &hex::encode(plain))
        });
    let sealed = seal_envelope(INFO, &pattern(32));
    let refused = |case: Value, reason: &str| with(case, "reason", reason);
    let mut bad = vec![
        refused(
            envelope_case("wrong key", &other, INFO, &aad(), &sealed),
            "envelope",
        ),
        refused(
            envelope_case("wrong info", &secret, "record-key", &aad(), &sealed),
            "envelope",
        ),
    ];
    bad.extend(wrong_aads().map(|(name, aad)| {
        refused(
            envelope_case(name, &secret, INFO, &aad, &sealed),
            "envelope",
        )
    }));
    bad.extend(bad_envelopes(&sealed).map(|(name, reason, bytes)| {
        refused(envelope_case(name, &secret, INFO, &aad(), &bytes), reason)
    }));
    json!({"format": "docs/formats.md, Envelope", "good": good, "bad": bad})
}

#[test]
fn envelopes() {
    let vectors = vectors("envelope.json", &envelope_vectors());
    let opened = |case: &Value| {
        let secret = SealingSecret::from_bytes(&bytes(&case["secret"])).unwrap();
        assert_eq!(
            secret.public(),
            SealingPublic::from_bytes(&bytes(&case["public"])).unwrap()
        );
        let aad = read_aad(&case["aad"]);
        assert_eq!(aad.to_bytes().as_slice(), bytes(&case["aad"]["bytes"]));
        let info = case["info"].as_str().unwrap().as_bytes();
        envelope::open(&secret, info, &aad, &bytes(&case["envelope"]))
    };
    for case in list(&vectors, "good") {
        assert_eq!(
            opened(case).unwrap().as_slice(),
            bytes(&case["plain"]),
            "{}",
            case["name"]
        );
    }
    for case in list(&vectors, "bad") {
        let error = opened(case).unwrap_err();
        assert_eq!(
            reason(&error),
            case["reason"].as_str().unwrap(),
            "{}: {error}",
            case["name"]
        );
    }
}

#[test]
fn shares() {
    let secret: [u8; 32] = std::array::from_fn(|i| 255 - i as u8);
    let make = |seed| sharing::split(&secret, 3, 5, &mut rng(seed)).unwrap();
    let (one, two) = (make(1), make(2));
    let text = |share: &sharing::Share| hex::encode(share.to_bytes());
    let of = |indices: &[usize]| {
        indices
            .iter()
            .map(|i| text(&one[i - 1]))
            .collect::<Vec<_>>()
    };
    let damaged = |at: usize| {
        let mut bytes = one[0].to_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1;
        hex::encode(bytes)
    };
    let good = [
        vec![1, 2, 3],
        vec![5, 1, 3],
        vec![4, 2, 5],
        vec![1, 2, 3, 4, 5],
    ];
    let good = good.map(|indices| json!({"name": format!("{indices:?}"), "shares": of(&indices)}));
    let last = one[0].to_bytes().len() - 1;
    let with_first = |first: String| [vec![first], of(&[2, 3])].concat();
    let bad = json!([
        {"name": "too few", "reason": "shares-missing", "shares": of(&[1, 2])},
        {"name": "one twice", "reason": "share-twice", "shares": of(&[1, 2, 1])},
        {"name": "of two sets", "reason": "share-mixed", "shares": with_first(text(&two[0]))},
        {"name": "bit flipped in the share", "reason": "share-damaged", "shares": with_first(damaged(last))},
        {"name": "bit flipped in the digests", "reason": "share-damaged", "shares": with_first(damaged(100))},
        {"name": "bit flipped in the salt", "reason": "share-damaged", "shares": with_first(damaged(12))},
        {"name": "number of another share", "reason": "share-damaged", "shares": with_first({
            let mut bytes = one[0].to_bytes();
            bytes[11] = 4;
            hex::encode(bytes)
        })},
        {"name": "cut short", "reason": "length", "shares": with_first(text(&one[0])[..2 * last].to_owned())},
        {"name": "another format", "reason": "not-share", "shares": with_first("00".repeat(300))},
    ]);
    let vectors = vectors(
        "seal-shares.json",
        &json!({
            "format": "docs/formats.md, Secret sharing",
            "secret": hex::encode(secret),
            "good": good,
            "bad": bad,
        }),
    );
    let restored = |case: &Value| {
        let shares: seal::Result<Vec<_>> = list(case, "shares")
            .iter()
            .map(|share| sharing::Share::from_bytes(&bytes(share)))
            .collect();
        sharing::combine(&shares?)
    };
    for case in list(&vectors, "good") {
        assert_eq!(
            restored(case).unwrap().as_slice(),
            bytes(&vectors["secret"])
        );
    }
    for case in list(&vectors, "bad") {
        let error = restored(case).unwrap_err();
        assert_eq!(
            reason(&error),
            case["reason"].as_str().unwrap(),
            "{}: {error}",
            case["name"]
        );
    }
}
