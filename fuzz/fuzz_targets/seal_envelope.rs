//! Envelopes and sealing keys from anywhere: refused, and keys that are read are written as read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seal::{EnvelopeAad, SealingPublic, SealingSecret, envelope};

fuzz_target!(|data: &[u8]| {
    let mut bytes = [1; 33];
    bytes[1..].fill(0x42);
    let secret = SealingSecret::from_bytes(&bytes).expect("any 32 bytes are a secret");
    let aad = EnvelopeAad {
        chain_id: 1,
        contract: [0; 20],
        commitment: [0; 32],
        grant: [0; 32],
        recipient: [0; 20],
    };
    assert!(envelope::open(&secret, b"fuzz", &aad, data).is_err());
    if let Ok(public) = SealingPublic::from_bytes(data) {
        assert_eq!(public.to_bytes().as_slice(), data);
    }
    if let Ok(secret) = SealingSecret::from_bytes(data) {
        assert!(SealingSecret::from_bytes(secret.to_bytes().as_slice()).expect("reads") == secret);
    }
});
