//! One file's key, commitment and nonces, and the sealing of one chunk.

use chacha20::{R20, hchacha};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::{
    HEADER_LEN,
    aead::{Key, NONCE_LEN},
    header::{ChunkSize, Header, PREFIX_LEN},
};
use crate::{Error, PartKey, Result, keys::hkdf};

const KEY_INFO: &[u8] = b"stele/file/v1 key";
const COMMITMENT_INFO: &[u8] = b"stele/file/v1 commitment";

/// Seals and opens the chunks of one file, in any order, on any thread.
///
/// XChaCha20-Poly1305 with the nonce `prefix (19) ‖ counter (4, big-endian) ‖ last (1)` is
/// ChaCha20-Poly1305 (RFC 8439) under `HChaCha20(key, nonce[..16])` with the nonce
/// `0000 ‖ nonce[16..]` (draft-irtf-cfrg-xchacha-03, section 2.3). The first sixteen bytes lie
/// within the prefix, so the subkey is the same for all chunks and is derived here, once.
pub(crate) struct Cipher {
    key: Key,
    header: Header,
}

impl Header {
    /// Whether the file says that it is sealed under `key`: its key commitment is compared, in
    /// constant time, and nothing is opened.
    #[must_use]
    pub fn is_under(&self, key: &PartKey) -> bool {
        commitment(key, self).ct_eq(self.commitment()).into()
    }
}

impl Cipher {
    /// A cipher for a new file, with a fresh nonce prefix.
    pub(crate) fn for_sealing<R: CryptoRng + ?Sized>(
        key: &PartKey,
        chunk: ChunkSize,
        rng: &mut R,
    ) -> Result<Self> {
        let mut prefix = [0; PREFIX_LEN];
        rng.fill_bytes(&mut prefix);
        let mut header = Header::new(chunk, &prefix);
        header.set_commitment(&commitment(key, &header));
        Self::new(key, header)
    }

    /// A cipher for an existing file; the key is checked against the commitment in constant time.
    pub(crate) fn for_opening(key: &PartKey, header: Header) -> Result<Self> {
        if !header.is_under(key) {
            return Err(Error::WrongKey);
        }
        Self::new(key, header)
    }

    fn new(key: &PartKey, header: Header) -> Result<Self> {
        Ok(Self {
            key: Key::new(&subkey(key, &header))?,
            header,
        })
    }

    pub(crate) fn header(&self) -> &[u8; HEADER_LEN] {
        self.header.as_bytes()
    }

    pub(crate) fn chunk_size(&self) -> ChunkSize {
        self.header.chunk_size()
    }

    /// Seals chunk `index` from `plain` into `out`, which is [`TAG_LEN`](super::TAG_LEN) longer.
    pub(crate) fn seal(&self, index: u64, last: bool, plain: &[u8], out: &mut [u8]) -> Result<()> {
        let nonce = self.nonce(index, last)?;
        let (text, tag) = out.split_at_mut(plain.len());
        self.key.seal(nonce, self.header(), plain, text, tag)
    }

    /// Seals chunk `index` in place and appends the tag. `buf` has the capacity for it, so that
    /// no plaintext is left behind in an abandoned allocation.
    pub(crate) fn seal_in_place(&self, index: u64, last: bool, buf: &mut Vec<u8>) -> Result<()> {
        debug_assert!(buf.capacity() >= buf.len() + super::TAG_LEN);
        self.key
            .seal_in_place(self.nonce(index, last)?, self.header(), buf)
    }

    /// Opens chunk `index` from `sealed` into `out`, which is [`TAG_LEN`](super::TAG_LEN) shorter.
    /// On failure `out` is wiped: nothing that was not verified is ever seen.
    pub(crate) fn open(&self, index: u64, last: bool, sealed: &[u8], out: &mut [u8]) -> Result<()> {
        let nonce = self.nonce(index, last)?;
        let (text, tag) = sealed.split_at_checked(out.len()).ok_or(Error::Truncated)?;
        let opened = self.key.open(nonce, self.header(), text, tag, out);
        opened.map_err(|_| {
            out.zeroize();
            Error::Damaged { chunk: index }
        })
    }

    /// Opens chunk `index` in place and cuts the tag off; on failure `buf` is wiped and empty.
    pub(crate) fn open_in_place(&self, index: u64, last: bool, buf: &mut Vec<u8>) -> Result<()> {
        let nonce = self.nonce(index, last)?;
        self.key
            .open_in_place(nonce, self.header(), buf)
            .map_err(|_| {
                buf.zeroize();
                Error::Damaged { chunk: index }
            })
    }

    /// The nonce of chunk `index`, less what HChaCha20 took.
    fn nonce(&self, index: u64, last: bool) -> Result<[u8; NONCE_LEN]> {
        let counter = u32::try_from(index).map_err(|_| Error::TooLong)?;
        let mut nonce = [0; NONCE_LEN];
        nonce[4..7].copy_from_slice(&self.header.prefix()[16..]);
        nonce[7..11].copy_from_slice(&counter.to_be_bytes());
        nonce[11] = u8::from(last);
        Ok(nonce)
    }
}

/// The commitment of `key` for a file with the first half of `header`.
///
/// Two keys with one commitment would be a collision of HMAC-SHA256, so a file opens under one key
/// only, which the Poly1305 tags alone do not ensure.
fn commitment(key: &PartKey, header: &Header) -> [u8; 32] {
    let mut out = [0; 32];
    hkdf(header.salt(), key.expose(), &[COMMITMENT_INFO], &mut out);
    out
}

/// The key of RFC 8439 for a file with `header`.
fn subkey(key: &PartKey, header: &Header) -> Box<Zeroizing<[u8; 32]>> {
    let mut file_key = Zeroizing::new([0; 32]);
    hkdf(header.salt(), key.expose(), &[KEY_INFO], file_key.as_mut());
    let mut input = [0; 16];
    input.copy_from_slice(&header.prefix()[..16]);
    let mut subkey = hchacha::<R20>((&*file_key).into(), &input.into());
    let mut kept = Box::new(Zeroizing::new([0; 32]));
    kept.copy_from_slice(&subkey);
    subkey.zeroize();
    kept
}

#[cfg(test)]
mod tests {
    use super::super::TAG_LEN;
    use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
    use chacha20poly1305::{
        KeyInit, XChaCha20Poly1305,
        aead::{Aead, Payload},
    };

    use super::*;

    fn cipher() -> (PartKey, Cipher) {
        let key = PartKey::from_bytes(&[9; 32]);
        let rng = &mut ChaCha20Rng::from_seed([1; 32]);
        let cipher = Cipher::for_sealing(&key, ChunkSize::MIN, rng).unwrap();
        (key, cipher)
    }

    /// The split into HChaCha20 and RFC 8439 is XChaCha20-Poly1305 as another library has it.
    #[test]
    fn is_xchacha20poly1305() {
        let (key, cipher) = cipher();
        let mut file_key = [0; 32];
        hkdf(
            &cipher.header()[..32],
            key.expose(),
            &[KEY_INFO],
            &mut file_key,
        );
        let peer = XChaCha20Poly1305::new(&file_key.into());
        for (index, last, len) in [(0, false, 1024), (1, true, 0), (0x0102_0304, true, 77)] {
            let plain = vec![0xa5; len];
            let mut nonce = [0; 24];
            nonce[..19].copy_from_slice(&cipher.header()[11..30]);
            nonce[19..23].copy_from_slice(&u32::try_from(index).unwrap().to_be_bytes());
            nonce[23] = u8::from(last);
            let theirs = peer
                .encrypt(
                    &nonce.into(),
                    Payload {
                        msg: &plain,
                        aad: cipher.header(),
                    },
                )
                .unwrap();
            let mut ours = vec![0; len + TAG_LEN];
            cipher.seal(index, last, &plain, &mut ours).unwrap();
            assert_eq!(ours, theirs);
            let mut in_place = Vec::with_capacity(len + TAG_LEN);
            in_place.extend_from_slice(&plain);
            cipher.seal_in_place(index, last, &mut in_place).unwrap();
            assert_eq!(in_place, theirs);
        }
    }

    #[test]
    fn counter_does_not_wrap() {
        let (_, cipher) = cipher();
        let mut out = [0; TAG_LEN];
        assert!(
            cipher
                .seal(u64::from(u32::MAX), true, &[], &mut out)
                .is_ok()
        );
        assert!(matches!(
            cipher.seal(1 << 32, true, &[], &mut out),
            Err(Error::TooLong)
        ));
        assert!(matches!(
            cipher.open(1 << 32, true, &out, &mut []),
            Err(Error::TooLong)
        ));
    }

    /// Bytes that fail to verify are wiped.
    #[test]
    fn nothing_unverified_is_left() {
        let (_, cipher) = cipher();
        let mut sealed = vec![0; 100 + TAG_LEN];
        cipher.seal(0, true, &[0x11; 100], &mut sealed).unwrap();
        sealed[99] ^= 1;
        let mut out = vec![0xee; 100];
        assert!(matches!(
            cipher.open(0, true, &sealed, &mut out),
            Err(Error::Damaged { chunk: 0 })
        ));
        assert_eq!(out, vec![0; 100]);
        assert!(cipher.open_in_place(0, true, &mut sealed).is_err());
        assert!(sealed.is_empty());
    }

    #[test]
    fn another_key_is_refused_by_the_commitment() {
        let (_, cipher) = cipher();
        let header = Header::parse(cipher.header()).unwrap();
        let other = PartKey::from_bytes(&[8; 32]);
        assert!(matches!(
            Cipher::for_opening(&other, header),
            Err(Error::WrongKey)
        ));
    }
}
