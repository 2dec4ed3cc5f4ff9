//! A secret among guardians: any `needed` of `total` shares restore it, fewer say nothing.
//!
//! Shamir's sharing (*How to Share a Secret*, CACM 1979) of each byte over GF(2^8) with the field
//! polynomial of AES, by the library `vsss-rs`. Around it stands a format that makes bad shares
//! known by number: each share carries the SHA-256 digests of all shares of its set and of the
//! secret, and the digest of all that is the id of the set. So a damaged share is told from a good
//! one and shares of two backups from each other, before anything is combined.
//!
//! A set does not say who made it. Whoever keeps the set's id ([`Share::set`]) beside their own
//! records can tell a forged set; the others should know their guardians. Shares travel to
//! guardians in [envelopes](crate::envelope).

use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use vsss_rs::Gf256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Error, Result, derive::Secret32, keys::KEY_LEN};

/// Most guardians.
pub const MAX_GUARDIANS: u8 = 32;

const MAGIC: &[u8; 8] = b"stele\0sh";
const VERSION: u8 = 1;
const SALT_LEN: usize = 16;
const DIGEST_LEN: usize = 32;
/// Bytes before the digests of the shares.
const FRONT_LEN: usize = 8 + 1 + 1 + 1 + 1 + SALT_LEN + DIGEST_LEN;

type Sha256Digest = [u8; DIGEST_LEN];

/// One guardian's share; it is secret.
///
/// | offset | bytes | |
/// | --- | --- | --- |
/// | 0 | 8 | magic `stele\0sh` |
/// | 8 | 1 | version, 1 |
/// | 9 | 1 | `k`, shares needed, at least 2 |
/// | 10 | 1 | `n`, shares made, at most 32 |
/// | 11 | 1 | this share's number `i`, 1 to `n`: the x-coordinate |
/// | 12 | 16 | random salt of the set |
/// | 28 | 32 | digest of the secret |
/// | 60 | 32 `n` | digests of the shares 1 to `n` |
/// | 60 + 32 `n` | 32 | id of the set |
/// | 92 + 32 `n` | 32 | the share: the y-coordinates |
pub struct Share {
    set: Set,
    index: u8,
    value: Box<[u8; KEY_LEN]>,
}

/// What the shares of a set have in common.
#[derive(Clone, PartialEq, Eq)]
struct Set {
    needed: u8,
    total: u8,
    salt: [u8; SALT_LEN],
    secret: Sha256Digest,
    shares: Vec<Sha256Digest>,
}

impl Set {
    fn new(needed: u8, total: u8, salt: [u8; SALT_LEN]) -> Result<Self> {
        if needed < 2 || needed > total || total > MAX_GUARDIANS {
            return Err(Error::Guardians { needed, total });
        }
        Ok(Self {
            needed,
            total,
            salt,
            secret: [0; DIGEST_LEN],
            shares: Vec::new(),
        })
    }

    fn digest_of_secret(&self, secret: &[u8; KEY_LEN]) -> Sha256Digest {
        digest(b"stele/share/v1 secret", &[&self.salt, secret])
    }

    fn digest_of_share(&self, index: u8, value: &[u8; KEY_LEN]) -> Sha256Digest {
        digest(b"stele/share/v1 share", &[&self.salt, &[index], value])
    }

    fn id(&self) -> Sha256Digest {
        let head = [self.needed, self.total];
        let shares = self.shares.as_flattened();
        digest(
            b"stele/share/v1 set",
            &[&head, &self.salt, &self.secret, shares],
        )
    }
}

impl Share {
    /// This share's number, from 1.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// Shares that restore the secret.
    pub fn needed(&self) -> u8 {
        self.set.needed
    }

    /// Shares that were made.
    pub fn total(&self) -> u8 {
        self.set.total
    }

    /// Id of the set: the same in all shares of one [`split`], and in no others.
    pub fn set(&self) -> [u8; 32] {
        self.set.id()
    }

    /// The bytes to hand to a guardian: 124 and 32 for each share that was made.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let Set {
            needed,
            total,
            salt,
            secret,
            shares,
        } = &self.set;
        // The capacity is exact, so that no copy of the share is left behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(share_len(*total)));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[VERSION, *needed, *total, self.index]);
        bytes.extend_from_slice(salt);
        bytes.extend_from_slice(secret);
        bytes.extend_from_slice(shares.as_flattened());
        bytes.extend_from_slice(&self.set.id());
        bytes.extend_from_slice(self.value.as_ref());
        bytes
    }

    /// Reads a share and checks it against the digests within.
    ///
    /// # Errors
    /// [`Error::NotShare`], [`Error::Guardians`], [`Error::Length`], and [`Error::ShareDamaged`] if
    /// any bit differs from what was made.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (front, rest) = bytes
            .split_first_chunk::<FRONT_LEN>()
            .ok_or(Error::NotShare)?;
        let (head, front) = front.split_at(12);
        if &head[..8] != MAGIC || head[8] != VERSION {
            return Err(Error::NotShare);
        }
        let (needed, total, index) = (head[9], head[10], head[11]);
        let (salt, secret) = front.split_at(SALT_LEN);
        // The front has been cut to length above, so both conversions hold.
        let mut set = Set::new(needed, total, salt.try_into().map_err(|_| Error::NotShare)?)?;
        set.secret = secret.try_into().map_err(|_| Error::NotShare)?;
        if index == 0 || index > total {
            return Err(Error::ShareDamaged { index });
        }
        if bytes.len() != share_len(total) {
            let got = bytes.len();
            return Err(Error::Length {
                what: "the share",
                expected: "124 + 32 per guardian",
                got,
            });
        }
        let (digests, rest) = rest.split_at(usize::from(total) * DIGEST_LEN);
        set.shares = digests.as_chunks().0.to_vec();
        let (id, value) = rest.split_at(DIGEST_LEN);
        let mut share = Self {
            set,
            index,
            value: Box::new([0; KEY_LEN]),
        };
        share.value.copy_from_slice(value);
        if share.set.id() != id || !share.agrees() {
            return Err(Error::ShareDamaged { index });
        }
        Ok(share)
    }

    /// Whether the share has the digest that its set says.
    fn agrees(&self) -> bool {
        let ours = self.set.digest_of_share(self.index, &self.value);
        let said = &self.set.shares[usize::from(self.index) - 1];
        ours.ct_eq(said).into()
    }

    /// As the library takes it: the x-coordinate, then the y-coordinates.
    fn point(&self) -> Zeroizing<Vec<u8>> {
        let mut point = Zeroizing::new(Vec::with_capacity(1 + KEY_LEN));
        point.push(self.index);
        point.extend_from_slice(self.value.as_ref());
        point
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl ZeroizeOnDrop for Share {}

/// Splits `secret` into `total` shares of which any `needed` restore it.
///
/// # Errors
/// [`Error::Guardians`] unless `2 <= needed <= total <= 32`.
pub fn split<R: CryptoRng + ?Sized>(
    secret: &[u8; KEY_LEN],
    needed: u8,
    total: u8,
    rng: &mut R,
) -> Result<Vec<Share>> {
    let mut salt = [0; SALT_LEN];
    rng.fill_bytes(&mut salt);
    let mut set = Set::new(needed, total, salt)?;
    let points = Gf256::split_bytes(needed.into(), total.into(), secret, &mut *rng)
        .map(Points)
        .map_err(|_| Error::Guardians { needed, total })?;
    set.secret = set.digest_of_secret(secret);
    let mut values = Vec::with_capacity(usize::from(total));
    for (index, point) in (1..=total).zip(&points.0) {
        // The library numbers from 1 and gives one byte for each of the secret's.
        let [x, y @ ..] = point.as_slice() else {
            return Err(Error::SharesWrong);
        };
        if *x != index || y.len() != KEY_LEN {
            return Err(Error::SharesWrong);
        }
        let mut value = Box::new([0; KEY_LEN]);
        value.copy_from_slice(y);
        set.shares.push(set.digest_of_share(index, &value));
        values.push(value);
    }
    let share = |(index, value)| Share {
        set: set.clone(),
        index,
        value,
    };
    Ok((1..).zip(values).map(share).collect())
}

/// Restores a secret from at least as many shares as are needed, in any order.
///
/// # Errors
/// [`Error::ShareMixed`], [`Error::ShareTwice`], [`Error::SharesMissing`]; [`Error::SharesWrong`]
/// if what was restored is not what was split.
pub fn combine(shares: &[Share]) -> Result<Secret32> {
    let first = shares
        .first()
        .ok_or(Error::SharesMissing { got: 0, needed: 2 })?;
    for (i, share) in shares.iter().enumerate() {
        let index = share.index;
        if share.set != first.set {
            return Err(Error::ShareMixed { index });
        }
        if shares[..i].iter().any(|earlier| earlier.index == index) {
            return Err(Error::ShareTwice { index });
        }
    }
    let needed = first.set.needed;
    let Some(enough) = shares.get(..usize::from(needed)) else {
        return Err(Error::SharesMissing {
            got: shares.len(),
            needed,
        });
    };
    let points = Points(enough.iter().map(|share| share.point().to_vec()).collect());
    let restored = Gf256::combine_bytes(&points.0).map_err(|_| Error::SharesWrong)?;
    let restored = Zeroizing::new(restored);
    let mut secret = Zeroizing::new([0; KEY_LEN]);
    if restored.len() != KEY_LEN {
        return Err(Error::SharesWrong);
    }
    secret.copy_from_slice(&restored);
    if first
        .set
        .digest_of_secret(&secret)
        .ct_eq(&first.set.secret)
        .into()
    {
        Ok(secret)
    } else {
        Err(Error::SharesWrong)
    }
}

/// Points of the library's form, wiped when dropped.
struct Points(Vec<Vec<u8>>);

impl Drop for Points {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// Length of a share in a set of `total`.
fn share_len(total: u8) -> usize {
    FRONT_LEN + usize::from(total) * DIGEST_LEN + DIGEST_LEN + KEY_LEN
}

/// SHA-256 of a label, a zero byte and parts, each of which has a fixed length or is the last.
fn digest(label: &[u8], parts: &[&[u8]]) -> Sha256Digest {
    let mut hash = Sha256::new_with_prefix(label);
    hash.update([0]);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
    use proptest::prelude::*;
    use static_assertions::{assert_impl_all, assert_not_impl_any};

    use super::*;

    assert_not_impl_any!(Share: std::fmt::Debug, std::fmt::Display, Clone);
    assert_impl_all!(Share: ZeroizeOnDrop);

    fn rng(seed: u8) -> ChaCha20Rng {
        ChaCha20Rng::from_seed([seed; 32])
    }

    fn set(needed: u8, total: u8, seed: u8) -> Vec<Share> {
        split(&[seed; 32], needed, total, &mut rng(seed)).unwrap()
    }

    /// All but the shares whose numbers are left out.
    fn only(shares: Vec<Share>, indices: &[u8]) -> Vec<Share> {
        shares
            .into_iter()
            .filter(|share| indices.contains(&share.index))
            .collect()
    }

    #[test]
    fn every_choice_of_enough_shares_restores() {
        for (needed, total) in [(2, 2), (2, 3), (3, 5), (5, 5)] {
            for choice in 0u32..1 << total {
                let indices: Vec<u8> = (1..=total).filter(|i| choice >> (i - 1) & 1 == 1).collect();
                let shares = only(set(needed, total, 5), &indices);
                match combine(&shares) {
                    Ok(secret) => {
                        assert!(indices.len() >= needed.into());
                        assert_eq!(*secret, [5; 32]);
                    }
                    Err(Error::SharesMissing { got, .. }) => {
                        assert_eq!(got, indices.len());
                        assert!(got < needed.into());
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }

    #[test]
    fn all_thirty_two_guardians() {
        assert_eq!(*combine(&set(32, 32, 1)).unwrap(), [1; 32]);
        assert_eq!(set(2, 32, 1)[31].to_bytes().len(), 124 + 32 * 32);
    }

    #[test]
    fn guardians_are_bounded() {
        for (needed, total) in [
            (0, 0),
            (0, 3),
            (1, 1),
            (1, 3),
            (4, 3),
            (2, 33),
            (33, 33),
            (2, 255),
        ] {
            assert!(matches!(
                split(&[0; 32], needed, total, &mut rng(0)),
                Err(Error::Guardians { .. })
            ));
        }
    }

    #[test]
    fn mixed_and_repeated_shares_are_named() {
        let mut shares = only(set(2, 3, 1), &[1]);
        shares.extend(only(set(2, 3, 2), &[3]));
        assert!(matches!(
            combine(&shares),
            Err(Error::ShareMixed { index: 3 })
        ));
        let mut shares = only(set(2, 3, 1), &[2]);
        shares.extend(only(set(2, 3, 1), &[2]));
        assert!(matches!(
            combine(&shares),
            Err(Error::ShareTwice { index: 2 })
        ));
        assert!(matches!(combine(&[]), Err(Error::SharesMissing { .. })));
    }

    /// The same secret split twice makes two sets.
    #[test]
    fn sets_are_not_linkable() {
        let (one, two) = (
            split(&[9; 32], 2, 3, &mut rng(1)).unwrap(),
            split(&[9; 32], 2, 3, &mut rng(2)).unwrap(),
        );
        assert_ne!(one[0].set(), two[0].set());
        assert_ne!(one[0].set.secret, two[0].set.secret);
        assert!(matches!(
            combine(
                &only(one, &[1])
                    .into_iter()
                    .chain(only(two, &[2]))
                    .collect::<Vec<_>>()
            ),
            Err(Error::ShareMixed { index: 2 })
        ));
    }

    /// A set whose digests were made anew around other shares is caught by the secret's digest.
    #[test]
    fn a_consistent_forgery_does_not_restore() {
        let mut shares = set(2, 2, 1);
        shares[0].value[0] ^= 1;
        assert!(matches!(combine(&shares), Err(Error::SharesWrong)));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_found(total in 2u8..6, index in 0usize..6, bit in 0usize..8 * 300) {
            let shares = set(2, total, 3);
            let mut bytes = shares[index % usize::from(total)].to_bytes().to_vec();
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Share::from_bytes(&bytes).is_err());
        }

        #[test]
        fn any_other_length_is_refused(total in 2u8..6, len in 0usize..400) {
            let mut bytes = set(2, total, 3)[0].to_bytes().to_vec();
            let full = bytes.len();
            bytes.resize(len, 0);
            prop_assert_eq!(Share::from_bytes(&bytes).is_ok(), len == full);
        }

        #[test]
        fn bytes_round_trip(secret: [u8; 32], seed: [u8; 32], needed in 2u8..9, more in 0u8..9) {
            let total = needed + more;
            let mut rng = ChaCha20Rng::from_seed(seed);
            let shares = split(&secret, needed, total, &mut rng).unwrap();
            let read: Vec<Share> = shares
                .iter()
                .rev()
                .map(|share| Share::from_bytes(&share.to_bytes()).unwrap())
                .collect();
            prop_assert_eq!(read[0].to_bytes(), shares.last().unwrap().to_bytes());
            prop_assert_eq!(*combine(&read).unwrap(), secret);
        }

        #[test]
        fn parsing_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let front = [b"stele\0sh\x01\x02\x03\x01".as_slice(), &bytes].concat();
            prop_assert!(Share::from_bytes(&bytes).is_err() && Share::from_bytes(&front).is_err());
        }
    }
}
