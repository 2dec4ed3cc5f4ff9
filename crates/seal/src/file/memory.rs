//! Whole files in memory, on one core or several.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use super::{
    HEADER_LEN,
    cipher::Cipher,
    header::{ChunkSize, Header},
    stream::MAX_THREADS,
};
use crate::{Error, PartKey, Result};

/// Bytes that a thread takes at a time: few enough that no thread waits long for another at the
/// end, many enough that taking them costs nothing.
const SHARE: usize = 1 << 20;

/// Seals `plain` under `key`, which may seal any number of files.
///
/// # Panics
/// Above [`MAX_CHUNKS`](super::MAX_CHUNKS) chunks, or if the cryptographic library fails;
/// [`seal_with`] returns an error.
pub fn seal<R: CryptoRng + ?Sized>(plain: &[u8], key: &PartKey, rng: &mut R) -> Vec<u8> {
    seal_parallel(plain, key, rng, 1)
}

/// [`seal`] on up to `threads` cores; the result has the same form and, for the same random bytes,
/// the same bytes.
///
/// # Panics
/// As [`seal`].
pub fn seal_parallel<R: CryptoRng + ?Sized>(
    plain: &[u8],
    key: &PartKey,
    rng: &mut R,
    threads: usize,
) -> Vec<u8> {
    seal_with(plain, key, rng, ChunkSize::DEFAULT, threads)
        // 2^32 chunks are 256 TiB or more, beyond what machines address, and the library fails only
        // for want of memory, where Rust's allocator would abort.
        .expect("sealing in memory works")
}

/// [`seal_parallel`] with chunks of a given size.
///
/// # Errors
/// [`Error::TooLong`] above [`MAX_CHUNKS`](super::MAX_CHUNKS) chunks.
pub fn seal_with<R: CryptoRng + ?Sized>(
    plain: &[u8],
    key: &PartKey,
    rng: &mut R,
    chunk: ChunkSize,
    threads: usize,
) -> Result<Vec<u8>> {
    let len = chunk.sealed_len(plain.len() as u64)?;
    let mut out = vec![0; usize::try_from(len).map_err(|_| Error::TooLong)?];
    seal_into(plain, key, rng, chunk, threads, &mut out)?;
    Ok(out)
}

/// [`seal_with`] into a buffer of exactly [`ChunkSize::sealed_len`] bytes.
///
/// # Errors
/// [`Error::Length`] if `out` has another length, [`Error::TooLong`] as [`seal_with`].
pub fn seal_into<R: CryptoRng + ?Sized>(
    plain: &[u8],
    key: &PartKey,
    rng: &mut R,
    chunk: ChunkSize,
    threads: usize,
    out: &mut [u8],
) -> Result<()> {
    if out.len() as u64 != chunk.sealed_len(plain.len() as u64)? {
        return Err(Error::Length {
            what: "the buffer for a sealed file",
            expected: "exactly sealed_len",
            got: out.len(),
        });
    }
    let cipher = Cipher::for_sealing(key, chunk, rng)?;
    let (header, body) = out.split_at_mut(HEADER_LEN);
    header.copy_from_slice(cipher.header());
    each_chunk(
        plain,
        chunk.bytes(),
        body,
        chunk.sealed_bytes(),
        threads,
        |index, last, from, to| cipher.seal(index, last, from, to),
    )
}

/// Opens a whole sealed file.
///
/// # Errors
/// [`Error::WrongKey`] before anything is decrypted; [`Error::Damaged`] or [`Error::Truncated`] if
/// a bit differs from what was sealed; those of [`Header::parse`]. Nothing is returned unless all
/// of it verified.
pub fn open(sealed: &[u8], key: &PartKey) -> Result<Zeroizing<Vec<u8>>> {
    open_parallel(sealed, key, 1)
}

/// [`open`] on up to `threads` cores.
///
/// # Errors
/// As [`open`].
pub fn open_parallel(sealed: &[u8], key: &PartKey, threads: usize) -> Result<Zeroizing<Vec<u8>>> {
    let chunk = Header::parse_front(sealed)?.chunk_size();
    // At most as long as `sealed`, so a header cannot make this large.
    let len = chunk.plain_len(sealed.len() as u64)?;
    let mut out = Zeroizing::new(vec![0; usize::try_from(len).map_err(|_| Error::TooLong)?]);
    open_into(sealed, key, threads, &mut out)?;
    Ok(out)
}

/// [`open_parallel`] into a buffer of exactly the plaintext's length ([`ChunkSize::plain_len`]). On
/// failure the buffer is wiped.
///
/// # Errors
/// [`Error::Length`] if `out` has another length, and those of [`open`].
pub fn open_into(sealed: &[u8], key: &PartKey, threads: usize, out: &mut [u8]) -> Result<()> {
    let header = Header::parse_front(sealed)?;
    let chunk = header.chunk_size();
    if out.len() as u64 != chunk.plain_len(sealed.len() as u64)? {
        return Err(Error::Length {
            what: "the buffer for an opened file",
            expected: "exactly plain_len",
            got: out.len(),
        });
    }
    let cipher = Cipher::for_opening(key, header)?;
    let body = &sealed[HEADER_LEN..];
    let opened = each_chunk(
        body,
        chunk.sealed_bytes(),
        out,
        chunk.bytes(),
        threads,
        |index, last, from, to| cipher.open(index, last, from, to),
    );
    if opened.is_err() {
        out.zeroize();
    }
    opened
}

/// Calls `work(index, last, from, to)` for each pair of chunks of `from` and `to`, on up to
/// `threads` threads.
///
/// `from` and `to` have the same number of chunks, except that the one chunk of an empty plaintext
/// is empty. All chunks but the last are full, so their places are known.
fn each_chunk(
    from: &[u8],
    from_size: usize,
    to: &mut [u8],
    to_size: usize,
    threads: usize,
    work: impl Fn(u64, bool, &[u8], &mut [u8]) -> Result<()> + Sync,
) -> Result<()> {
    if from.is_empty() || to.is_empty() {
        return work(0, true, from, to);
    }
    let per_share = (SHARE / from_size.min(to_size)).max(1);
    let last = from.len().div_ceil(from_size) - 1;
    let run = |share: usize, from: &[u8], to: &mut [u8]| {
        for (i, (from, to)) in from
            .chunks(from_size)
            .zip(to.chunks_mut(to_size))
            .enumerate()
        {
            let index = share * per_share + i;
            work(index as u64, index == last, from, to)?;
        }
        Ok(())
    };
    let threads = threads.clamp(1, MAX_THREADS).min(last / per_share + 1);
    if threads == 1 {
        let shares = from
            .chunks(per_share * from_size)
            .zip(to.chunks_mut(per_share * to_size));
        return shares
            .enumerate()
            .try_for_each(|(share, (from, to))| run(share, from, to));
    }
    let shares = from
        .chunks(per_share * from_size)
        .zip(to.chunks_mut(per_share * to_size));
    on_threads(threads, shares.enumerate(), |(share, (from, to))| {
        run(share, from, to)
    })
}

/// Deals `shares` out to `threads` threads, of which the caller's is one; stops at an error and
/// returns the first.
fn on_threads<T: Send>(
    threads: usize,
    shares: impl Iterator<Item = T> + Send,
    run: impl Fn(T) -> Result<()> + Sync,
) -> Result<()> {
    let shares = Mutex::new(shares);
    let failed = AtomicBool::new(false);
    let worker = || {
        while !failed.load(Ordering::Relaxed) {
            // A poisoned lock means that another thread panicked, which `scope` passes on.
            let share = shares.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(share) = share else { break };
            run(share).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut result = worker();
        for other in others {
            match other.join() {
                Ok(theirs) => result = result.and(theirs),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        result
    })
}
