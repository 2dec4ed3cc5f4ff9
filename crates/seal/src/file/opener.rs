//! Opening at any place, or from a stream.

use std::io::{self, Read, Seek, SeekFrom};

use zeroize::Zeroizing;

use super::{
    HEADER_LEN,
    cipher::Cipher,
    header::{ChunkSize, Header},
    stream::ChunkReader,
};
use crate::{Error, PartKey, Result};

/// Reads the plaintext of a sealed file, at any place, in the memory of two chunks.
///
/// [`Opener::new`] verifies the last chunk first, so that the length is authentic: a file that was
/// cut or added to is refused before a byte is given out, whatever range is read. Every other chunk
/// is verified when it is read. `inner` must hold the sealed file and nothing else.
pub struct Opener<R: Read + Seek> {
    inner: R,
    cipher: Cipher,
    /// Length of the plaintext.
    len: u64,
    /// Where the next `read` begins.
    pos: u64,
    /// The sealed bytes of the chunk being opened.
    sealed: Vec<u8>,
    /// Plaintext of one chunk.
    plain: Zeroizing<Vec<u8>>,
    /// Which chunk `plain` is.
    loaded: Option<u64>,
}

impl<R: Read + Seek> Opener<R> {
    /// Reads the header, checks the key and verifies the last chunk.
    ///
    /// # Errors
    /// Those of [`open`](super::open), and [`Error::Io`].
    pub fn new(mut inner: R, key: &PartKey) -> Result<Self> {
        let sealed_len = inner.seek(SeekFrom::End(0))?;
        inner.seek(SeekFrom::Start(0))?;
        let header = read_header(&mut inner)?;
        let chunk = header.chunk_size();
        let cipher = Cipher::for_opening(key, header)?;
        let len = chunk.plain_len(sealed_len)?;
        let mut opener = Self {
            inner,
            cipher,
            len,
            pos: 0,
            sealed: vec![0; chunk.sealed_bytes()],
            plain: Zeroizing::new(Vec::with_capacity(chunk.bytes())),
            loaded: None,
        };
        opener.load(chunk.chunks(len)? - 1)?;
        Ok(opener)
    }

    /// Length of the plaintext in bytes, verified.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the plaintext is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `out` from byte `offset` on; touches only the chunks that it needs. The place of the
    /// next `read` does not change.
    ///
    /// # Errors
    /// [`Error::Range`] if the file ends before; [`Error::Damaged`], [`Error::Io`].
    pub fn read_range(&mut self, offset: u64, out: &mut [u8]) -> Result<()> {
        let end = offset.saturating_add(out.len() as u64);
        if end > self.len {
            return Err(Error::Range { end, len: self.len });
        }
        let mut done = 0;
        while done < out.len() {
            done += self.read_chunk(offset + done as u64, &mut out[done..])?;
        }
        Ok(())
    }

    /// Gives the sealed file back.
    pub fn into_inner(self) -> R {
        self.inner
    }

    fn chunk_size(&self) -> ChunkSize {
        self.cipher.chunk_size()
    }

    /// Plaintext length of chunk `index` and whether it is the last.
    fn shape(&self, index: u64) -> (usize, bool) {
        let size = self.chunk_size().bytes();
        let rest = self.len - index * size as u64;
        match usize::try_from(rest) {
            Ok(rest) if rest <= size => (rest, true),
            _ => (size, false),
        }
    }

    /// Reads from within one chunk; less than `out` at its end, nothing at the end of the file.
    fn read_chunk(&mut self, offset: u64, out: &mut [u8]) -> Result<usize> {
        if offset >= self.len || out.is_empty() {
            return Ok(0);
        }
        let size = self.chunk_size().bytes() as u64;
        let (index, skip) = (offset / size, (offset % size) as usize);
        let (len, last) = self.shape(index);
        if skip == 0 && out.len() >= len && self.loaded != Some(index) {
            // All of the chunk is wanted: straight to where it is wanted.
            self.fetch(index, len)?;
            self.cipher
                .open(index, last, &self.sealed, &mut out[..len])?;
            return Ok(len);
        }
        self.load(index)?;
        let n = out.len().min(len - skip);
        out[..n].copy_from_slice(&self.plain[skip..skip + n]);
        Ok(n)
    }

    /// Makes `plain` the plaintext of chunk `index`.
    fn load(&mut self, index: u64) -> Result<()> {
        if self.loaded == Some(index) {
            return Ok(());
        }
        let (len, last) = self.shape(index);
        self.fetch(index, len)?;
        self.loaded = None;
        self.plain.resize(len, 0);
        self.cipher
            .open(index, last, &self.sealed, &mut self.plain)?;
        self.loaded = Some(index);
        Ok(())
    }

    /// Reads the sealed bytes of chunk `index`, whose plaintext has `len` bytes.
    fn fetch(&mut self, index: u64, len: usize) -> Result<()> {
        let start = HEADER_LEN as u64 + index * self.chunk_size().sealed_bytes() as u64;
        self.inner.seek(SeekFrom::Start(start))?;
        self.sealed.resize(len + super::TAG_LEN, 0);
        self.inner.read_exact(&mut self.sealed).map_err(cut_short)
    }
}

impl<R: Read + Seek> Read for Opener<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.read_chunk(self.pos, out)?;
        self.pos += n as u64;
        Ok(n)
    }
}

impl<R: Read + Seek> Seek for Opener<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.pos.checked_add_signed(by),
        };
        self.pos = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.pos)
    }
}

/// Reads the plaintext of a sealed file from front to back, from what cannot seek, in the memory of
/// one chunk.
///
/// Each chunk is verified before any of it is given out. Whether the file is complete is known only
/// at the end, so act on what was read only after `read` has returned `Ok(0)`; use [`Opener`] where
/// the source can seek.
pub struct StreamOpener<R: Read> {
    chunks: ChunkReader<R>,
    cipher: Cipher,
    plain: Zeroizing<Vec<u8>>,
    /// How much of `plain` was given out.
    given: usize,
    next: u64,
    state: State,
}

/// How far a [`StreamOpener`] has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    More,
    Complete,
    Failed,
}

impl<R: Read> StreamOpener<R> {
    /// Reads the header and checks the key.
    ///
    /// # Errors
    /// [`Error::WrongKey`], [`Error::Truncated`], [`Error::Io`] and those of [`Header::parse`].
    pub fn new(mut inner: R, key: &PartKey) -> Result<Self> {
        let header = read_header(&mut inner)?;
        let cipher = Cipher::for_opening(key, header)?;
        let size = cipher.chunk_size().sealed_bytes();
        Ok(Self {
            chunks: ChunkReader::new(inner, size),
            cipher,
            plain: Zeroizing::new(Vec::with_capacity(size + 1)),
            given: 0,
            next: 0,
            state: State::More,
        })
    }

    /// The next chunk's plaintext, or `None` after the last. It may be called instead of reading.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Truncated`], [`Error::Io`]; [`Error::Truncated`] ever after.
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>> {
        match self.state {
            State::Complete => return Ok(None),
            State::Failed => return Err(Error::Truncated),
            State::More => self.state = State::Failed,
        }
        self.given = 0;
        let last = self.chunks.next(&mut self.plain)?;
        open_next(&self.cipher, self.next, last, &mut self.plain)?;
        self.next += 1;
        self.state = if last { State::Complete } else { State::More };
        Ok(Some(&self.plain))
    }
}

impl<R: Read> Read for StreamOpener<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while self.given == self.plain.len() {
            if self.next_chunk()?.is_none() {
                return Ok(0);
            }
        }
        let n = out.len().min(self.plain.len() - self.given);
        out[..n].copy_from_slice(&self.plain[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

/// Opens chunk `index` of a stream in place.
pub(crate) fn open_next(
    cipher: &Cipher,
    index: u64,
    last: bool,
    buf: &mut Zeroizing<Vec<u8>>,
) -> Result<()> {
    // As for files of known length: a tag alone is a chunk only if it is the only one.
    let least = super::TAG_LEN + usize::from(index > 0);
    if buf.len() < least {
        return Err(Error::Truncated);
    }
    cipher.open_in_place(index, last, buf)
}

/// Reads the 64 bytes of a header.
pub(crate) fn read_header(inner: &mut impl Read) -> Result<Header> {
    let mut front = Vec::with_capacity(HEADER_LEN);
    inner.take(HEADER_LEN as u64).read_to_end(&mut front)?;
    Header::parse_front(&front)
}

fn cut_short(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        Error::Truncated
    } else {
        error.into()
    }
}
