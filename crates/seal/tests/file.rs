//! Sealed files: what goes in comes out, at any length and by any way in or out; what was touched
//! does not come out.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
use proptest::prelude::*;
use seal::{
    Error, PartKey,
    file::{
        ChunkSize, Opener, Sealer, StreamOpener, open, open_parallel, open_stream, seal,
        seal_parallel, seal_stream_with, seal_with, sealed_len,
    },
};

const KIB: usize = 1024;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([1; 32])
}

fn key() -> PartKey {
    PartKey::from_bytes(&[2; 32])
}

fn small() -> ChunkSize {
    ChunkSize::MIN
}

fn plain(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i % 251) as u8 ^ (i >> 10) as u8)
        .collect()
}

fn sealed(len: usize) -> Vec<u8> {
    seal_with(&plain(len), &key(), &mut rng(), small(), 1).expect("a short file seals")
}

/// Every way to open `sealed` refuses it.
fn refused_everywhere(sealed: &[u8]) -> Result<(), TestCaseError> {
    prop_assert!(open(sealed, &key()).is_err());
    prop_assert!(open_parallel(sealed, &key(), 2).is_err());
    prop_assert!(open_stream(sealed, std::io::sink(), &key(), 1).is_err());
    prop_assert!(open_stream(sealed, std::io::sink(), &key(), 2).is_err());
    let streamed = StreamOpener::new(sealed, &key())
        .map_err(std::io::Error::from)
        .and_then(|mut opener| opener.read_to_end(&mut Vec::new()));
    prop_assert!(streamed.is_err());
    let sought = Opener::new(Cursor::new(sealed), &key())
        .map_err(std::io::Error::from)
        .and_then(|mut opener| opener.read_to_end(&mut Vec::new()));
    prop_assert!(sought.is_err());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any length, any way in, any way out.
    #[test]
    fn round_trip(len in 0usize..6 * KIB, pieces in 1usize..3000, threads in 1usize..5) {
        let (plain, key) = (plain(len), key());
        let sealed = seal_with(&plain, &key, &mut rng(), small(), threads).unwrap();
        prop_assert_eq!(sealed.len() as u64, small().sealed_len(len as u64).unwrap());

        let mut sealer = Sealer::with_chunk_size(Vec::new(), &key, &mut rng(), small()).unwrap();
        for piece in plain.chunks(pieces) {
            sealer.write_all(piece).unwrap();
        }
        prop_assert_eq!(&sealer.finish().unwrap(), &sealed);

        let mut streamed = Vec::new();
        let n = seal_stream_with(&plain[..], &mut streamed, &key, &mut rng(), small(), threads);
        prop_assert_eq!(n.unwrap(), len as u64);
        prop_assert_eq!(&streamed, &sealed);

        prop_assert!(*open(&sealed, &key).unwrap() == plain);
        prop_assert!(*open_parallel(&sealed, &key, threads).unwrap() == plain);
        let mut opened = Vec::new();
        let n = open_stream(&sealed[..], &mut opened, &key, threads).unwrap();
        prop_assert_eq!(n, len as u64);
        prop_assert_eq!(&opened, &plain);

        let mut opener = StreamOpener::new(&sealed[..], &key).unwrap();
        prop_assert_eq!(&read_in_pieces(&mut opener, pieces), &plain);
        let mut opener = Opener::new(Cursor::new(&sealed), &key).unwrap();
        prop_assert_eq!(opener.len(), len as u64);
        prop_assert_eq!(&read_in_pieces(&mut opener, pieces), &plain);
    }

    /// Any single flipped bit is found.
    #[test]
    fn flipped_bit(len in 0usize..4 * KIB, at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut sealed = sealed(len);
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        refused_everywhere(&sealed)?;
    }

    /// Any truncation is found.
    #[test]
    fn truncation(len in 0usize..4 * KIB, keep in any::<prop::sample::Index>()) {
        let mut sealed = sealed(len);
        sealed.truncate(keep.index(sealed.len()));
        refused_everywhere(&sealed)?;
    }

    /// Anything appended is found.
    #[test]
    fn trailing_bytes(len in 0usize..4 * KIB, extra in prop::collection::vec(any::<u8>(), 1..1200)) {
        let mut sealed = sealed(len);
        sealed.extend(extra);
        refused_everywhere(&sealed)?;
    }

    /// Any two chunks in each other's place are found.
    #[test]
    fn reordering(chunks in 2usize..6, one in any::<prop::sample::Index>(), two in any::<prop::sample::Index>()) {
        let (one, two) = (one.index(chunks), two.index(chunks));
        prop_assume!(one != two);
        let mut sealed = sealed(chunks * KIB);
        let original = sealed.clone();
        let place = |i: usize| 64 + i * 1040..64 + (i + 1) * 1040;
        sealed[place(one)].copy_from_slice(&original[place(two)]);
        sealed[place(two)].copy_from_slice(&original[place(one)]);
        refused_everywhere(&sealed)?;
    }

    /// A range is the slice, by `read_range` and by `seek` and `read`.
    #[test]
    fn ranges(len in 0usize..5 * KIB, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let (a, b) = (a.index(len + 1), b.index(len + 1));
        let (from, to) = (a.min(b), a.max(b));
        let (plain, sealed) = (plain(len), sealed(len));
        let mut opener = Opener::new(Cursor::new(&sealed), &key()).unwrap();
        let mut out = vec![0; to - from];
        opener.read_range(from as u64, &mut out).unwrap();
        prop_assert_eq!(&out, &plain[from..to]);
        opener.seek(SeekFrom::Start(from as u64)).unwrap();
        opener.read_exact(&mut out).unwrap();
        prop_assert_eq!(&out, &plain[from..to]);
        let past = opener.read_range(to as u64, &mut vec![0; len - to + 1]);
        let refused = matches!(past, Err(Error::Range { .. }));
        prop_assert!(refused);
    }

    /// Bytes from anywhere are refused without a panic.
    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        refused_everywhere(&bytes)?;
        refused_everywhere(&[&sealed(0)[..32], &bytes].concat())?;
    }
}

fn read_in_pieces(from: &mut impl Read, size: usize) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), vec![0; size]);
    loop {
        match from.read(&mut piece).expect("an opened file reads") {
            0 => return all,
            n => all.extend_from_slice(&piece[..n]),
        }
    }
}

/// With the default chunk size and across the shares that threads take.
#[test]
fn parallel_is_serial() {
    let (plain, key) = (plain(5 * KIB * KIB + 12345), key());
    let one = seal(&plain, &key, &mut rng());
    assert_eq!(one.len() as u64, sealed_len(plain.len() as u64).unwrap());
    for threads in [0, 2, 3, 1000] {
        assert!(
            seal_parallel(&plain, &key, &mut rng(), threads) == one,
            "{threads} threads"
        );
        assert!(
            *open_parallel(&one, &key, threads).unwrap() == plain,
            "{threads} threads"
        );
    }
}

/// Damage in each place is named, whichever thread finds it.
#[test]
fn damage_is_located() {
    let mut sealed = seal(&plain(3 * KIB * KIB), &key(), &mut rng());
    let at = 64 + 17 * (ChunkSize::DEFAULT.bytes() + 16) + 5;
    sealed[at] ^= 1;
    for threads in [1, 2, 4] {
        let error = open_parallel(&sealed, &key(), threads).unwrap_err();
        assert!(matches!(error, Error::Damaged { chunk: 17 }), "{error}");
    }
}

/// Even the first chunk of a file that was cut at a chunk's end is not given out.
#[test]
fn opener_checks_the_length_first() {
    let sealed = sealed(4 * KIB);
    let cut = &sealed[..64 + 2 * 1040];
    assert!(matches!(
        Opener::new(Cursor::new(cut), &key()),
        Err(Error::Damaged { chunk: 1 })
    ));
}

/// A range read touches the header, the last chunk and the chunks of the range, no more.
#[test]
fn opener_reads_no_more_than_it_needs() {
    struct Counting(Cursor<Vec<u8>>, usize);
    impl Read for Counting {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(out).inspect(|n| self.1 += n)
        }
    }
    impl Seek for Counting {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    let source = Counting(Cursor::new(sealed(1000 * KIB)), 0);
    let mut opener = Opener::new(source, &key()).unwrap();
    let mut out = vec![0; 100];
    opener.read_range(500 * 1024 + 1000, &mut out).unwrap();
    assert_eq!(out, plain(1000 * KIB)[500 * KIB + 1000..][..100]);
    assert_eq!(opener.into_inner().1, 64 + 1040 + 2 * 1040);
}

/// The key is checked before anything is decrypted, by every way.
#[test]
fn wrong_key() {
    let (sealed, other) = (sealed(3000), PartKey::from_bytes(&[3; 32]));
    assert!(matches!(open(&sealed, &other), Err(Error::WrongKey)));
    assert!(matches!(
        Opener::new(Cursor::new(&sealed), &other),
        Err(Error::WrongKey)
    ));
    assert!(matches!(
        StreamOpener::new(&sealed[..], &other),
        Err(Error::WrongKey)
    ));
    let mut out = Vec::new();
    assert!(matches!(
        open_stream(&sealed[..], &mut out, &other, 2),
        Err(Error::WrongKey)
    ));
    assert!(out.is_empty());
}

/// Headers that say what cannot be are refused with their reasons, before any memory is taken.
#[test]
fn headers() {
    let check = |at: usize, to: u8| {
        let mut sealed = sealed(10);
        sealed[at] = to;
        open(&sealed, &key()).unwrap_err()
    };
    assert!(matches!(check(0, b'S'), Error::NotSealed));
    assert!(matches!(check(8, 2), Error::Version(2)));
    assert!(matches!(check(9, 7), Error::Suite(7)));
    assert!(matches!(check(10, 9), Error::ChunkSize(9)));
    assert!(matches!(check(10, 21), Error::ChunkSize(21)));
    assert!(matches!(check(10, 255), Error::ChunkSize(255)));
    assert!(matches!(check(11, 0), Error::WrongKey));
    assert!(matches!(check(31, 1), Error::Reserved));
    assert!(matches!(check(63, 0), Error::WrongKey));
    assert!(matches!(open(b"stele", &key()), Err(Error::Truncated)));
    assert!(matches!(open(b"", &key()), Err(Error::Truncated)));
    assert!(matches!(open(b"PNG", &key()), Err(Error::NotSealed)));
}

/// A sink that fails is reported, with threads too, and nothing hangs.
#[test]
fn failing_sink() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let sealed = sealed(100 * KIB);
    for threads in [1, 3] {
        let error = open_stream(&sealed[..], Full, &key(), threads).unwrap_err();
        let Error::Io(error) = error else {
            panic!("{error}")
        };
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}

/// What a stream gives out is verified even where the end is missing, and the end is missed.
#[test]
fn cut_stream_fails_at_its_end() {
    let sealed = sealed(4 * KIB);
    let mut opener = StreamOpener::new(&sealed[..64 + 3 * 1040], &key()).unwrap();
    let mut out = Vec::new();
    assert!(opener.read_to_end(&mut out).is_err());
    assert_eq!(out, plain(2 * KIB));
    assert!(
        opener.read(&mut [0]).is_err(),
        "a failed opener stays failed"
    );
}
