//! ChaCha20-Poly1305 (RFC 8439) by a library with assembly for it.
//!
//! Both libraries give the same bytes; `docs/decisions/sealing-aead.md` says which is for what.

#[cfg(not(feature = "openssl"))]
mod aws_lc;
#[cfg(feature = "openssl")]
mod openssl;

#[cfg(feature = "openssl")]
pub(crate) use self::openssl::Key;
#[cfg(not(feature = "openssl"))]
pub(crate) use aws_lc::Key;

#[cfg(not(any(feature = "aws-lc", feature = "openssl")))]
compile_error!("choose a feature of `seal`: `aws-lc` (the default) or `openssl`");

/// Length of a nonce, in bytes.
pub(crate) const NONCE_LEN: usize = 12;

/// A tag that does not verify.
pub(crate) struct Refused;
