//! Sealing piece by piece.

use std::io::{self, Write};

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{HEADER_LEN, TAG_LEN, cipher::Cipher, header::ChunkSize};
use crate::{Error, PartKey, Result};

/// Seals what is written to it, into `W`, in the memory of one chunk.
///
/// [`finish`](Self::finish) must be called: it writes the last chunk. A file whose sealer was
/// dropped before opens nowhere, like any file that was cut short.
///
/// Each chunk reaches `W` in one `write_all`, so `W` needs no buffer of its own.
pub struct Sealer<W: Write> {
    inner: W,
    cipher: Cipher,
    /// Plaintext of the chunk being filled. Its capacity covers the tag, so it never moves.
    buf: Zeroizing<Vec<u8>>,
    /// Index of that chunk.
    index: u64,
    /// A write failed: how much of a chunk reached `inner` is unknown.
    failed: bool,
}

impl<W: Write> Sealer<W> {
    /// Begins a sealed file: writes the header.
    ///
    /// # Errors
    /// [`Error::Io`] if `inner` fails.
    pub fn new<R: CryptoRng + ?Sized>(inner: W, key: &PartKey, rng: &mut R) -> Result<Self> {
        Self::with_chunk_size(inner, key, rng, ChunkSize::DEFAULT)
    }

    /// [`Sealer::new`] with chunks of a given size.
    ///
    /// # Errors
    /// [`Error::Io`] if `inner` fails.
    pub fn with_chunk_size<R: CryptoRng + ?Sized>(
        mut inner: W,
        key: &PartKey,
        rng: &mut R,
        chunk: ChunkSize,
    ) -> Result<Self> {
        let cipher = Cipher::for_sealing(key, chunk, rng)?;
        inner.write_all(cipher.header())?;
        let buf = Zeroizing::new(Vec::with_capacity(chunk.sealed_bytes()));
        Ok(Self {
            inner,
            cipher,
            buf,
            index: 0,
            failed: false,
        })
    }

    /// Takes all of `plain`.
    ///
    /// # Errors
    /// [`Error::Io`] if `inner` fails, [`Error::TooLong`] past
    /// [`MAX_CHUNKS`](super::MAX_CHUNKS) chunks, [`Error::Finished`] after an earlier error.
    pub fn push(&mut self, mut plain: &[u8]) -> Result<()> {
        let size = self.cipher.chunk_size().bytes();
        while !plain.is_empty() {
            if self.failed {
                return Err(Error::Finished);
            }
            // A full chunk waits until more comes: only then is it known not to be the last.
            if self.buf.len() == size {
                self.put(false)?;
            }
            let (now, later) = plain.split_at(plain.len().min(size - self.buf.len()));
            self.buf.extend_from_slice(now);
            plain = later;
        }
        Ok(())
    }

    /// Writes the last chunk and flushes.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(mut self) -> Result<W> {
        if self.failed {
            return Err(Error::Finished);
        }
        self.put(true)?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    /// Bytes of the sealed file written so far.
    pub fn written(&self) -> u64 {
        HEADER_LEN as u64 + self.index * self.cipher.chunk_size().sealed_bytes() as u64
    }

    /// Where the sealed bytes go.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// Where the sealed bytes go, for example to take them out of a `Vec<u8>` piece by piece.
    /// Writing to it damages the file.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// Seals and writes the chunk in `buf`.
    fn put(&mut self, last: bool) -> Result<()> {
        self.failed = true;
        // A chunk with the last counter must be the last chunk.
        if !last && self.index == u64::from(u32::MAX) {
            return Err(Error::TooLong);
        }
        self.cipher.seal_in_place(self.index, last, &mut self.buf)?;
        debug_assert!(self.buf.len() >= TAG_LEN);
        self.inner.write_all(&self.buf)?;
        self.buf.clear();
        self.index += 1;
        self.failed = false;
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, plain: &[u8]) -> io::Result<usize> {
        self.push(plain)?;
        Ok(plain.len())
    }

    /// Flushes the chunks that are complete; an incomplete one waits for [`Sealer::finish`].
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use chacha20::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;

    /// Takes `left` more bytes.
    struct Full {
        left: usize,
    }

    impl Write for Full {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            if buf.len() > self.left {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.left -= buf.len();
            Ok(buf.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn sealer<W: Write>(inner: W) -> Result<Sealer<W>> {
        let rng = &mut ChaCha20Rng::from_seed([1; 32]);
        Sealer::with_chunk_size(inner, &PartKey::from_bytes(&[1; 32]), rng, ChunkSize::MIN)
    }

    #[test]
    fn refuses_a_chunk_after_the_last_counter() {
        let mut sealer = sealer(io::sink()).unwrap();
        sealer.index = u64::from(u32::MAX);
        sealer.push(&[0; 1024]).unwrap();
        assert!(matches!(sealer.push(&[0]), Err(Error::TooLong)));
        assert!(matches!(sealer.push(&[0]), Err(Error::Finished)));
        assert!(matches!(sealer.finish(), Err(Error::Finished)));
    }

    #[test]
    fn the_last_counter_may_be_the_last_chunk() {
        let mut sealer = sealer(io::sink()).unwrap();
        sealer.index = u64::from(u32::MAX);
        sealer.push(&[0; 1024]).unwrap();
        sealer.finish().unwrap();
    }

    #[test]
    fn a_full_disk_is_told_and_final() {
        assert!(matches!(sealer(Full { left: 63 }), Err(Error::Io(_))));
        let mut sealer = sealer(Full { left: 64 + 1000 }).unwrap();
        let error = sealer.write_all(&[0; 3000]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(sealer.write_all(&[0; 1]).is_err());
        assert!(matches!(sealer.finish(), Err(Error::Finished)));
    }
}
