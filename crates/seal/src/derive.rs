//! All of a person's keys from one root secret.
//!
//! HKDF-SHA256 (RFC 5869): `PRK = HKDF-Extract(salt = "stele/derive/v1", root)`, then one
//! HKDF-Expand per purpose. The labels begin with distinct words and each is followed by a length
//! that its word fixes, or by nothing, or by the rest, so no two purposes share an `info`.
//!
//! The root secret is random and independent of any wallet: a contract wallet can own records, and
//! a new wallet does not mean new records.

use k256::elliptic_curve::{bigint::U512, ops::ReduceNonZero};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    PartKey, RootSecret,
    keys::{KEY_LEN, hkdf},
};

/// Salt of HKDF-Extract for everything here.
const SALT: &[u8] = b"stele/derive/v1";

/// Big-endian bytes of a derived secp256k1 scalar or of a 32-byte secret.
pub type Secret32 = Zeroizing<[u8; KEY_LEN]>;

/// The secp256k1 private key of record number `index`'s controller, 32 bytes big-endian, in
/// `1..n`.
///
/// 64 bytes of HKDF output (`info = "controller" ‖ index as u64 big-endian`) are read as a
/// big-endian integer `c`; the key is `(c mod (n - 1)) + 1`: the method of FIPS 186-5, A.2.1 (extra
/// random bits). The bias is below 2^-256 and no input fails.
///
/// Controllers of one person cannot be linked by anyone without the root secret.
pub fn controller_key(root: &RootSecret, index: u64) -> Secret32 {
    let mut wide = Zeroizing::new([0; 64]);
    hkdf(
        SALT,
        root.expose(),
        &[b"controller", &index.to_be_bytes()],
        wide.as_mut(),
    );
    let mut number = U512::from_be_slice(wide.as_ref());
    let mut scalar = k256::Scalar::reduce_nonzero(&number);
    number.zeroize();
    let mut bytes = scalar.to_bytes();
    scalar.zeroize();
    let key = Zeroizing::new(bytes.into());
    bytes.zeroize();
    key
}

/// The key that seals a person's index of records (`info = "index"`), for
/// [`file::seal`](crate::file::seal()).
pub fn index_key(root: &RootSecret) -> PartKey {
    PartKey::filled_by(|out| hkdf(SALT, root.expose(), &[b"index"], out))
}

/// The key that seals a person's copy of their log entries (`info = "log"`).
pub fn log_key(root: &RootSecret) -> PartKey {
    PartKey::filled_by(|out| hkdf(SALT, root.expose(), &[b"log"], out))
}

/// A secret of 32 bytes for any other purpose (`info = "purpose/" ‖ purpose`), for example the salt
/// of an enrolment, which must come back when the root secret does.
pub fn subkey(root: &RootSecret, purpose: &str) -> Secret32 {
    let mut out = Zeroizing::new([0; KEY_LEN]);
    hkdf(
        SALT,
        root.expose(),
        &[b"purpose/", purpose.as_bytes()],
        out.as_mut(),
    );
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn controllers_are_valid_and_distinct() {
        let root = RootSecret::from_bytes(&[7; 32]);
        let mut seen = HashSet::new();
        for index in (0..64).chain([u64::MAX - 1, u64::MAX]) {
            let key = controller_key(&root, index);
            k256::SecretKey::from_slice(key.as_ref()).expect("a valid private key");
            assert!(seen.insert(*key), "index {index} repeats a key");
            assert_eq!(key, controller_key(&root, index));
        }
    }

    #[test]
    fn another_root_has_other_keys() {
        let (one, two) = (
            RootSecret::from_bytes(&[1; 32]),
            RootSecret::from_bytes(&[2; 32]),
        );
        assert_ne!(controller_key(&one, 0), controller_key(&two, 0));
        assert!(index_key(&one) != index_key(&two));
        assert!(log_key(&one) != log_key(&two));
        assert_ne!(subkey(&one, "enrolment"), subkey(&two, "enrolment"));
    }

    #[test]
    fn purposes_do_not_meet() {
        let root = RootSecret::from_bytes(&[3; 32]);
        let keys = [
            *controller_key(&root, 0),
            *index_key(&root).expose(),
            *log_key(&root).expose(),
            *subkey(&root, ""),
            *subkey(&root, "index"),
            *subkey(&root, "log"),
        ];
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }
}
