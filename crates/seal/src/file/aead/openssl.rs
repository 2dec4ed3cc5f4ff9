//! By OpenSSL.

use openssl::{cipher::Cipher, cipher_ctx::CipherCtx, error::ErrorStack};
use zeroize::Zeroizing;

use super::{super::TAG_LEN, NONCE_LEN, Refused};
use crate::{Error, Result};

type Outcome<T> = std::result::Result<T, ErrorStack>;

/// A key for ChaCha20-Poly1305. OpenSSL wipes its copies when they are freed.
pub(crate) struct Key {
    key: Box<Zeroizing<[u8; 32]>>,
    cipher: Cipher,
}

impl Key {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self> {
        let mut kept = Box::new(Zeroizing::new([0; 32]));
        kept.copy_from_slice(key);
        // Looked up once: OpenSSL would otherwise look for it at each chunk.
        let cipher = Cipher::fetch(None, "ChaCha20-Poly1305", None).map_err(library)?;
        Ok(Self { key: kept, cipher })
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
        self.encrypt(nonce, aad, tag, |ctx| ctx.cipher_update(plain, Some(text)))
            .map_err(library)
    }

    /// Encrypts in place and appends the tag.
    pub(crate) fn seal_in_place(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        buf: &mut Vec<u8>,
    ) -> Result<()> {
        let (len, mut tag) = (buf.len(), [0; TAG_LEN]);
        self.encrypt(nonce, aad, &mut tag, |ctx| {
            ctx.cipher_update_inplace(buf, len)
        })
        .map_err(library)?;
        buf.extend_from_slice(&tag);
        Ok(())
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
        if tag.len() != TAG_LEN {
            return Err(Refused);
        }
        self.decrypt(nonce, aad, tag, |ctx| ctx.cipher_update(text, Some(out)))
            .map_err(|_| Refused)
    }

    /// Decrypts in place and cuts the tag off; `buf` is undefined where it is refused.
    pub(crate) fn open_in_place(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        buf: &mut Vec<u8>,
    ) -> std::result::Result<(), Refused> {
        let len = buf.len().checked_sub(TAG_LEN).ok_or(Refused)?;
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&buf[len..]);
        buf.truncate(len);
        self.decrypt(nonce, aad, &tag, |ctx| ctx.cipher_update_inplace(buf, len))
            .map_err(|_| Refused)
    }

    /// Encrypts what `update` passes through the context, and writes the tag.
    fn encrypt(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        tag: &mut [u8],
        update: impl FnOnce(&mut CipherCtx) -> Outcome<usize>,
    ) -> Outcome<()> {
        let mut ctx = CipherCtx::new()?;
        ctx.encrypt_init(Some(&self.cipher), Some(self.key.as_slice()), Some(&nonce))?;
        ctx.cipher_update(aad, None)?;
        update(&mut ctx)?;
        ctx.cipher_final(&mut [])?;
        ctx.tag(tag)
    }

    /// Decrypts what `update` passes through the context, and verifies the tag.
    fn decrypt(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        tag: &[u8],
        update: impl FnOnce(&mut CipherCtx) -> Outcome<usize>,
    ) -> Outcome<()> {
        let mut ctx = CipherCtx::new()?;
        ctx.decrypt_init(Some(&self.cipher), Some(self.key.as_slice()), Some(&nonce))?;
        ctx.set_tag(tag)?;
        ctx.cipher_update(aad, None)?;
        update(&mut ctx)?;
        ctx.cipher_final(&mut []).map(|_| ())
    }
}

/// OpenSSL fails for want of memory, or where its configuration forbids the cipher.
fn library(error: ErrorStack) -> Error {
    Error::Library(error.to_string())
}
