//! Envelopes open for their recipient, grant and use, and for nothing else.

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
use proptest::prelude::*;
use seal::{
    EnvelopeAad, Error, SealingPublic, SealingSecret,
    envelope::{MAX_PLAIN, OVERHEAD, open, seal_to},
};

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn secret(seed: u8) -> SealingSecret {
    SealingSecret::generate(&mut rng(seed))
}

fn aad() -> EnvelopeAad {
    EnvelopeAad {
        chain_id: 31337,
        contract: [1; 20],
        commitment: [2; 32],
        grant: [3; 32],
        recipient: [4; 20],
    }
}

fn envelope() -> Vec<u8> {
    seal_to(
        &secret(1).public(),
        b"part-keys",
        &aad(),
        b"the key",
        &mut rng(2),
    )
    .expect("a usable key")
}

#[test]
fn opens_for_its_recipient() {
    assert_eq!(
        open(&secret(1), b"part-keys", &aad(), &envelope())
            .unwrap()
            .as_slice(),
        b"the key"
    );
    assert_eq!(envelope().len(), OVERHEAD + 7);
}

#[test]
fn opens_for_nothing_else() {
    let refused = |secret: &SealingSecret, info: &[u8], aad: EnvelopeAad| {
        assert!(matches!(
            open(secret, info, &aad, &envelope()),
            Err(Error::Envelope)
        ));
    };
    refused(&secret(9), b"part-keys", aad());
    refused(&secret(1), b"part-key", aad());
    refused(&secret(1), b"", aad());
    refused(
        &secret(1),
        b"part-keys",
        EnvelopeAad {
            chain_id: 1,
            ..aad()
        },
    );
    refused(
        &secret(1),
        b"part-keys",
        EnvelopeAad {
            contract: [0; 20],
            ..aad()
        },
    );
    refused(
        &secret(1),
        b"part-keys",
        EnvelopeAad {
            commitment: [0; 32],
            ..aad()
        },
    );
    refused(
        &secret(1),
        b"part-keys",
        EnvelopeAad {
            grant: [0; 32],
            ..aad()
        },
    );
    refused(
        &secret(1),
        b"part-keys",
        EnvelopeAad {
            recipient: [0; 20],
            ..aad()
        },
    );
}

#[test]
fn sizes_are_bounded() {
    let public = secret(1).public();
    let most = vec![0; MAX_PLAIN];
    let sealed = seal_to(&public, b"", &aad(), &most, &mut rng(2)).unwrap();
    assert_eq!(
        open(&secret(1), b"", &aad(), &sealed).unwrap().len(),
        MAX_PLAIN
    );
    let more = vec![0; MAX_PLAIN + 1];
    assert!(matches!(
        seal_to(&public, b"", &aad(), &more, &mut rng(2)),
        Err(Error::Length { .. })
    ));
    for len in [0, 1, OVERHEAD - 1, OVERHEAD + MAX_PLAIN + 1] {
        let bytes = vec![1; len];
        assert!(matches!(
            open(&secret(1), b"", &aad(), &bytes),
            Err(Error::Length { .. })
        ));
    }
}

#[test]
fn keys_round_trip_and_are_checked() {
    let key = secret(5);
    assert!(SealingSecret::from_bytes(key.to_bytes().as_ref()).unwrap() == key);
    let public = key.public();
    assert_eq!(
        SealingPublic::from_bytes(&public.to_bytes()).unwrap(),
        public
    );
    let mut other = public.to_bytes();
    other[0] = 2;
    assert!(matches!(
        SealingPublic::from_bytes(&other),
        Err(Error::Suite(2))
    ));
    assert!(matches!(
        SealingSecret::from_bytes(&other),
        Err(Error::Suite(2))
    ));
    assert!(matches!(
        SealingPublic::from_bytes(&other[..0]),
        Err(Error::Length { got: 0, .. })
    ));
    assert!(matches!(
        SealingPublic::from_bytes(&[1; 34]),
        Err(Error::Length { got: 34, .. })
    ));
    assert!(matches!(
        SealingSecret::from_bytes(&[1; 32]),
        Err(Error::Length { got: 32, .. })
    ));
}

/// Points of small order: with them everyone would agree on the same secret.
#[test]
fn small_order_points_are_refused() {
    for low in [0, 1] {
        let mut bytes = [0; 33];
        (bytes[0], bytes[1]) = (1, low);
        let public = SealingPublic::from_bytes(&bytes).unwrap();
        assert!(matches!(
            seal_to(&public, b"", &aad(), b"", &mut rng(2)),
            Err(Error::PublicKey)
        ));
        let mut envelope = envelope();
        envelope[1..33].copy_from_slice(&bytes[1..]);
        assert!(matches!(
            open(&secret(1), b"part-keys", &aad(), &envelope),
            Err(Error::Envelope)
        ));
    }
}

proptest! {
    #[test]
    fn round_trip(plain in prop::collection::vec(any::<u8>(), 0..300), info in prop::collection::vec(any::<u8>(), 0..40), seed: u8) {
        let sealed = seal_to(&secret(seed).public(), &info, &aad(), &plain, &mut rng(2)).unwrap();
        prop_assert!(*open(&secret(seed), &info, &aad(), &sealed).unwrap() == plain);
    }

    #[test]
    fn flipped_bit(bit in 0usize..8 * (OVERHEAD + 7)) {
        let mut envelope = envelope();
        envelope[bit / 8] ^= 1 << (bit % 8);
        // X25519 ignores the top bit of a public key (RFC 7748, section 5), yet HPKE's key schedule
        // does not.
        let opened = open(&secret(1), b"part-keys", &aad(), &envelope);
        prop_assert!(matches!(opened, Err(Error::Envelope | Error::Suite(_))));
    }

    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(&secret(1), b"part-keys", &aad(), &bytes).is_err());
    }
}
