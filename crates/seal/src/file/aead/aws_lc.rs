//! By AWS-LC.

use aws_lc_rs::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    error::Unspecified,
};

use super::{NONCE_LEN, Refused};
use crate::{Error, Result};

/// A key for ChaCha20-Poly1305. AWS-LC wipes its memory when it is freed.
pub(crate) struct Key(LessSafeKey);

impl Key {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self> {
        let unbound = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(library)?;
        Ok(Self(LessSafeKey::new(unbound)))
    }

    /// Encrypts `plain` into `text` of the same length and writes the tag.
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        plain: &[u8],
        text: &mut [u8],
        tag: &mut [u8],
    ) -> Result<()> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_out_of_place_scatter(nonce, Aad::from(aad), plain, text, &[], tag)
            .map_err(library)
    }

    /// Encrypts in place and appends the tag.
    pub(crate) fn seal_in_place(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        buf: &mut Vec<u8>,
    ) -> Result<()> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(nonce, Aad::from(aad), buf)
            .map_err(library)
    }

    /// Decrypts `text` into `out` of the same length; `out` is undefined where it is refused.
    pub(crate) fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        text: &[u8],
        tag: &[u8],
        out: &mut [u8],
    ) -> std::result::Result<(), Refused> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .open_separate_gather(nonce, Aad::from(aad), text, tag, out)
            .map_err(|Unspecified| Refused)
    }

    /// Decrypts in place and cuts the tag off; `buf` is undefined where it is refused.
    pub(crate) fn open_in_place(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        buf: &mut Vec<u8>,
    ) -> std::result::Result<(), Refused> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(aad), buf.as_mut_slice())
            .map_err(|Unspecified| Refused)?;
        let len = plain.len();
        buf.truncate(len);
        Ok(())
    }
}

/// AWS-LC gives no reasons.
fn library(_: Unspecified) -> Error {
    Error::Library("AWS-LC gives no reason".into())
}
