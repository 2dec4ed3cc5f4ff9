//! Shares from anywhere, and genuine ones changed: only what was made is read.
#![no_main]

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
use libfuzzer_sys::fuzz_target;
use seal::sharing::{Share, combine, split};

fuzz_target!(|input: (Vec<u8>, u8, Vec<(u16, u8)>)| {
    let (bytes, total, changes) = input;
    if let Ok(share) = Share::from_bytes(&bytes) {
        assert_eq!(share.to_bytes().as_slice(), bytes);
    }
    let total = 2 + total % 4;
    let rng = &mut ChaCha20Rng::from_seed([1; 32]);
    let genuine = split(&[9; 32], 2, total, rng).expect("guardians within bounds");
    let first = genuine[0].to_bytes();
    let mut changed = first.to_vec();
    for (at, with) in changes {
        let at = usize::from(at) % changed.len();
        changed[at] ^= with;
    }
    match Share::from_bytes(&changed) {
        Ok(share) => {
            assert_eq!(changed, *first);
            let second = Share::from_bytes(&genuine[1].to_bytes()).expect("genuine");
            assert_eq!(*combine(&[share, second]).expect("two of them"), [9; 32]);
        }
        Err(_) => assert_ne!(changed, *first),
    }
});
