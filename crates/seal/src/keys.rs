//! Keys: on the heap, wiped when dropped, compared in constant time, never printed.

use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Error, Result};

/// Length of every symmetric key and secret here, in bytes.
pub const KEY_LEN: usize = 32;

/// Salt of HKDF-Extract for part keys.
const PART_SALT: &[u8] = b"stele/part/v1";

/// A secret of 32 bytes as a type of its own.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        // On the heap, so that moving the value leaves no copy behind.
        pub struct $name(Box<[u8; KEY_LEN]>);

        impl $name {
            /// A new random one.
            pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
                let mut key = Self(Box::new([0; KEY_LEN]));
                rng.fill_bytes(key.0.as_mut());
                key
            }

            /// Takes a copy of 32 bytes; wiping the original is the caller's.
            pub fn from_bytes(bytes: &[u8; KEY_LEN]) -> Self {
                let mut key = Self(Box::new([0; KEY_LEN]));
                key.0.copy_from_slice(bytes);
                key
            }

            /// The 32 bytes, for storing them encrypted or sealing them to someone.
            pub fn expose(&self) -> &[u8; KEY_LEN] {
                &self.0
            }

            /// An empty one, to be filled in place.
            #[allow(dead_code, reason = "not every secret is derived")]
            pub(crate) fn filled_by(fill: impl FnOnce(&mut [u8; KEY_LEN])) -> Self {
                let mut key = Self(Box::new([0; KEY_LEN]));
                fill(&mut key.0);
                key
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = Error;

            /// Copies exactly 32 bytes.
            ///
            /// # Errors
            /// [`Error::Length`] for any other length.
            fn try_from(bytes: &[u8]) -> Result<Self> {
                let bytes = bytes.try_into().map_err(|_| Error::Length {
                    what: $what,
                    expected: "32",
                    got: bytes.len(),
                })?;
                Ok(Self::from_bytes(bytes))
            }
        }

        impl ConstantTimeEq for $name {
            fn ct_eq(&self, other: &Self) -> Choice {
                self.0.as_slice().ct_eq(other.0.as_slice())
            }
        }

        impl PartialEq for $name {
            /// In constant time.
            fn eq(&self, other: &Self) -> bool {
                self.ct_eq(other).into()
            }
        }

        impl Eq for $name {}

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }

        impl ZeroizeOnDrop for $name {}
    };
}

secret! {
    /// The random key of one version of one record. It seals nothing itself: each part of the
    /// record has a [`PartKey`] of its own, so that parts can be shared one by one.
    RecordKey, "record key"
}

secret! {
    /// The key that seals one part of a record, or another file of its own.
    PartKey, "part key"
}

secret! {
    /// The secret from which all of a person's record controllers and index keys derive
    /// ([`crate::derive`]). Whoever holds it and the sealed index restores everything.
    RootSecret, "root secret"
}

impl RecordKey {
    /// The key of the part called `name`, for example `document` or `image`: HKDF-SHA256
    /// (RFC 5869) with the salt `stele/part/v1` and the name's UTF-8 bytes as `info`.
    ///
    /// Whoever knows a part key learns nothing about the record key or the other part keys.
    pub fn part(&self, name: &str) -> PartKey {
        PartKey::filled_by(|out| hkdf(PART_SALT, self.expose(), &[name.as_bytes()], out))
    }
}

/// HKDF-SHA256 with the concatenation of `info`, into `out` of at most 255 * 32 bytes.
pub(crate) fn hkdf(salt: &[u8], secret: &[u8], info: &[&[u8]], out: &mut [u8]) {
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand_multi_info(info, out)
        // `expand` fails above 255 * 32 bytes only; callers ask for 32 or 64.
        .expect("HKDF output is at most 64 bytes");
}

#[cfg(test)]
mod tests {
    use static_assertions::{assert_impl_all, assert_not_impl_any};

    use super::*;
    use crate::SealingSecret;

    // A key that could be printed, copied or serialised would be, one day.
    assert_not_impl_any!(RecordKey: std::fmt::Debug, std::fmt::Display, Clone, Copy, AsRef<[u8]>, std::hash::Hash);
    assert_not_impl_any!(PartKey: std::fmt::Debug, std::fmt::Display, Clone, Copy, AsRef<[u8]>, std::hash::Hash);
    assert_not_impl_any!(RootSecret: std::fmt::Debug, std::fmt::Display, Clone, Copy, AsRef<[u8]>, std::hash::Hash);
    assert_not_impl_any!(SealingSecret: std::fmt::Debug, std::fmt::Display, Clone, Copy, AsRef<[u8]>, std::hash::Hash);
    assert_impl_all!(RecordKey: ZeroizeOnDrop, Send, Sync);
    assert_impl_all!(PartKey: ZeroizeOnDrop, Send, Sync);
    assert_impl_all!(RootSecret: ZeroizeOnDrop, Send, Sync);
    assert_impl_all!(SealingSecret: ZeroizeOnDrop, Send, Sync);

    #[test]
    fn part_keys_differ_by_name_and_record() {
        let one = RecordKey::from_bytes(&[1; 32]);
        let two = RecordKey::from_bytes(&[2; 32]);
        assert!(one.part("image") == one.part("image"));
        assert!(one.part("image") != one.part("images"));
        assert!(one.part("image") != two.part("image"));
        assert_ne!(one.part("").expose(), one.expose());
    }

    #[test]
    fn lengths_are_checked() {
        for len in [0, 31, 33] {
            assert!(matches!(
                PartKey::try_from(vec![0; len].as_slice()),
                Err(Error::Length { got, .. }) if got == len
            ));
        }
    }
}
