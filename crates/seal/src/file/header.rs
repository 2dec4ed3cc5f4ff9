//! The header and the arithmetic of lengths.

use crate::{Error, Result};

/// Length of the header, in bytes.
pub const HEADER_LEN: usize = 64;
/// Length of a chunk's authentication tag, in bytes.
pub const TAG_LEN: usize = 16;
/// Most chunks in one file: the counter has 32 bits.
pub const MAX_CHUNKS: u64 = 1 << 32;
/// Length of the random part of every nonce, in bytes.
pub(crate) const PREFIX_LEN: usize = 19;
/// Length of the part of the header that salts the keys: all but the commitment.
pub(crate) const SALT_LEN: usize = 32;

const MAGIC: &[u8; 8] = b"stele\0sf";
const VERSION: u8 = 1;
const SUITE: u8 = 1;

/// Plaintext bytes per chunk, as a power of two between 1 KiB and 1 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize(u8);

impl ChunkSize {
    /// 1 KiB.
    pub const MIN: Self = Self(10);
    /// 1 MiB; it bounds the memory of a reader.
    pub const MAX: Self = Self(20);
    /// What files are sealed with unless told otherwise (`docs/decisions/sealing-aead.md`).
    pub const DEFAULT: Self = Self(16);

    /// Chunks of 2^`log2` bytes.
    ///
    /// # Errors
    /// [`Error::ChunkSize`] unless `log2` is in `10..=20`.
    pub fn new(log2: u8) -> Result<Self> {
        if (Self::MIN.0..=Self::MAX.0).contains(&log2) {
            Ok(Self(log2))
        } else {
            Err(Error::ChunkSize(log2))
        }
    }

    /// The binary logarithm.
    pub fn log2(self) -> u8 {
        self.0
    }

    /// Plaintext bytes in every chunk but the last.
    pub fn bytes(self) -> usize {
        1 << self.0
    }

    /// Bytes of a full sealed chunk.
    pub(crate) fn sealed_bytes(self) -> usize {
        self.bytes() + TAG_LEN
    }

    /// Number of chunks for `plain` bytes: at least one.
    ///
    /// # Errors
    /// [`Error::TooLong`] above [`MAX_CHUNKS`].
    pub(crate) fn chunks(self, plain: u64) -> Result<u64> {
        let chunks = plain.div_ceil(self.bytes() as u64).max(1);
        if chunks > MAX_CHUNKS {
            Err(Error::TooLong)
        } else {
            Ok(chunks)
        }
    }

    /// Length of the sealed file of `plain` bytes.
    ///
    /// # Errors
    /// [`Error::TooLong`] above [`MAX_CHUNKS`] chunks.
    pub fn sealed_len(self, plain: u64) -> Result<u64> {
        let tags = self.chunks(plain)? * TAG_LEN as u64;
        // No overflow from here: at most 2^32 chunks of 2^20 + 16 bytes.
        Ok(HEADER_LEN as u64 + plain + tags)
    }

    /// Length of the plaintext in a sealed file of `sealed` bytes, header included.
    ///
    /// # Errors
    /// [`Error::Truncated`] when no sealed file has this length, [`Error::TooLong`] above
    /// [`MAX_CHUNKS`] chunks.
    pub fn plain_len(self, sealed: u64) -> Result<u64> {
        let body = sealed
            .checked_sub(HEADER_LEN as u64)
            .ok_or(Error::Truncated)?;
        let chunks = body.div_ceil(self.sealed_bytes() as u64);
        if chunks > MAX_CHUNKS {
            return Err(Error::TooLong);
        }
        let plain = body
            .checked_sub(chunks * TAG_LEN as u64)
            .ok_or(Error::Truncated)?;
        // A last chunk of a tag alone is only ever the only chunk, so each length has one form.
        if self.sealed_len(plain)? == sealed {
            Ok(plain)
        } else {
            Err(Error::Truncated)
        }
    }
}

/// Length of the file that [`seal`](super::seal()) makes of `plain_len` bytes.
///
/// # Errors
/// [`Error::TooLong`] above [`MAX_CHUNKS`] chunks.
pub fn sealed_len(plain_len: u64) -> Result<u64> {
    ChunkSize::DEFAULT.sealed_len(plain_len)
}

/// The header of a sealed file, parsed but not yet verified: only opening a chunk does that.
///
/// | offset | bytes | |
/// | --- | --- | --- |
/// | 0 | 8 | magic `stele\0sf` |
/// | 8 | 1 | version, 1 |
/// | 9 | 1 | suite, 1: XChaCha20-Poly1305, HKDF-SHA256 |
/// | 10 | 1 | binary logarithm of the chunk size, 10 to 20 |
/// | 11 | 19 | nonce prefix |
/// | 30 | 2 | reserved, zero |
/// | 32 | 32 | key commitment |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    chunk: ChunkSize,
    bytes: [u8; HEADER_LEN],
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// [`Error::NotSealed`], [`Error::Version`], [`Error::Suite`], [`Error::ChunkSize`],
    /// [`Error::Reserved`].
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self> {
        if &bytes[..8] != MAGIC {
            return Err(Error::NotSealed);
        }
        if bytes[8] != VERSION {
            return Err(Error::Version(bytes[8]));
        }
        if bytes[9] != SUITE {
            return Err(Error::Suite(bytes[9]));
        }
        let chunk = ChunkSize::new(bytes[10])?;
        if bytes[30..32] != [0, 0] {
            return Err(Error::Reserved);
        }
        Ok(Self {
            chunk,
            bytes: *bytes,
        })
    }

    /// Reads the header at the front of `sealed`.
    ///
    /// # Errors
    /// [`Error::Truncated`] below 64 bytes that begin well, and those of [`Header::parse`].
    pub(crate) fn parse_front(sealed: &[u8]) -> Result<Self> {
        match sealed.first_chunk() {
            Some(bytes) => Self::parse(bytes),
            None if MAGIC.starts_with(&sealed[..sealed.len().min(8)]) => Err(Error::Truncated),
            None => Err(Error::NotSealed),
        }
    }

    /// A header without its commitment.
    pub(crate) fn new(chunk: ChunkSize, prefix: &[u8; PREFIX_LEN]) -> Self {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8] = VERSION;
        bytes[9] = SUITE;
        bytes[10] = chunk.log2();
        bytes[11..30].copy_from_slice(prefix);
        Self { chunk, bytes }
    }

    pub(crate) fn set_commitment(&mut self, commitment: &[u8; 32]) {
        self.bytes[SALT_LEN..].copy_from_slice(commitment);
    }

    /// Plaintext bytes per chunk.
    pub fn chunk_size(&self) -> ChunkSize {
        self.chunk
    }

    /// The 64 bytes.
    pub fn as_bytes(&self) -> &[u8; HEADER_LEN] {
        &self.bytes
    }

    /// The bytes that salt the keys.
    pub(crate) fn salt(&self) -> &[u8] {
        &self.bytes[..SALT_LEN]
    }

    pub(crate) fn prefix(&self) -> &[u8] {
        &self.bytes[11..30]
    }

    pub(crate) fn commitment(&self) -> &[u8] {
        &self.bytes[SALT_LEN..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths() {
        let chunk = ChunkSize::MIN;
        for (plain, sealed) in [(0, 80), (1, 81), (1023, 1103), (1024, 1104), (1025, 1121)] {
            assert_eq!(chunk.sealed_len(plain).unwrap(), sealed);
            assert_eq!(chunk.plain_len(sealed).unwrap(), plain);
        }
        let most = MAX_CHUNKS << 10;
        assert_eq!(
            chunk.plain_len(chunk.sealed_len(most).unwrap()).unwrap(),
            most
        );
        assert!(matches!(chunk.sealed_len(most + 1), Err(Error::TooLong)));
        assert!(matches!(
            ChunkSize::MAX.sealed_len(u64::MAX),
            Err(Error::TooLong)
        ));
        assert!(matches!(chunk.plain_len(u64::MAX), Err(Error::TooLong)));
        // No sealed file ends within a tag or with an empty chunk after others.
        for sealed in [0, 63, 64, 79, 1105, 1119, 1120] {
            assert!(
                matches!(chunk.plain_len(sealed), Err(Error::Truncated)),
                "{sealed}"
            );
        }
    }

    #[test]
    fn chunk_sizes_are_bounded() {
        for log2 in 0..=u8::MAX {
            assert_eq!(ChunkSize::new(log2).is_ok(), (10..=20).contains(&log2));
        }
    }

    proptest! {
        #[test]
        fn parse_never_panics_and_is_exact(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(header) = Header::parse_front(&bytes) {
                prop_assert_eq!(header.as_bytes().as_slice(), &bytes[..64]);
            }
        }

        #[test]
        fn plain_len_inverts_sealed_len(log2 in 10u8..=20, plain in 0u64..1 << 42) {
            let chunk = ChunkSize::new(log2).unwrap();
            match chunk.sealed_len(plain) {
                Ok(sealed) => prop_assert_eq!(chunk.plain_len(sealed).unwrap(), plain),
                Err(_) => prop_assert!(plain > MAX_CHUNKS << log2),
            }
        }
    }
}
