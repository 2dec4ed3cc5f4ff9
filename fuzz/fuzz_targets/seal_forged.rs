//! A genuine sealed file, changed as the fuzzer says: it opens only if nothing was changed, all
//! ways agree, and what a stream gives out before it fails is a prefix of the plaintext.
#![no_main]

use std::io::{Cursor, Read};

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
use libfuzzer_sys::fuzz_target;
use seal::{
    PartKey,
    file::{ChunkSize, Opener, StreamOpener, open, seal_with},
};

fuzz_target!(|input: (u16, Vec<(u16, u8)>, Option<u16>, Vec<u8>)| {
    let (len, changes, cut, extra) = input;
    let key = PartKey::from_bytes(&[7; 32]);
    let plain: Vec<u8> = (0..usize::from(len) % 5000).map(|i| i as u8).collect();
    let rng = &mut ChaCha20Rng::from_seed([1; 32]);
    let genuine = seal_with(&plain, &key, rng, ChunkSize::MIN, 1).expect("short");
    let mut sealed = genuine.clone();
    for (at, with) in changes {
        let at = usize::from(at) % sealed.len();
        sealed[at] ^= with;
    }
    if let Some(cut) = cut {
        sealed.truncate(usize::from(cut) % (sealed.len() + 1));
    }
    sealed.extend(extra);

    let whole = sealed == genuine;
    assert_eq!(open(&sealed, &key).is_ok(), whole);
    let mut out = Vec::new();
    let sought = Opener::new(Cursor::new(&sealed), &key).map(|mut o| o.read_to_end(&mut out));
    assert_eq!(matches!(sought, Ok(Ok(_))), whole);
    assert!(plain.starts_with(&out));
    out.clear();
    let streamed = StreamOpener::new(&sealed[..], &key).map(|mut o| o.read_to_end(&mut out));
    assert_eq!(matches!(streamed, Ok(Ok(_))), whole);
    assert!(plain.starts_with(&out));
});
