//! Streams on several cores: chunks are dealt out in turn and come back in turn, so that order
//! needs no bookkeeping and memory is bounded.

use std::{
    io::{Read, Write},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    cipher::Cipher,
    header::ChunkSize,
    opener::{open_next, read_header},
};
use crate::{Error, PartKey, Result};

/// Most threads that any function here starts.
pub const MAX_THREADS: usize = 64;

/// Chunks in flight per thread: one at work, two waiting on either side.
const DEPTH: usize = 3;

/// Seals all that `from` yields into `to`; returns the number of plaintext bytes.
///
/// Reading and writing happen on the caller's thread; up to `threads` others seal if `threads` is
/// more than one. It holds at most `3 * threads` chunks.
///
/// # Errors
/// [`Error::Io`] if `from` or `to` fails, [`Error::TooLong`]. What was written by then is
/// incomplete and does not open.
pub fn seal_stream<R: CryptoRng + ?Sized>(
    from: impl Read,
    to: impl Write,
    key: &PartKey,
    rng: &mut R,
    threads: usize,
) -> Result<u64> {
    seal_stream_with(from, to, key, rng, ChunkSize::DEFAULT, threads)
}

/// [`seal_stream`] with chunks of a given size.
///
/// # Errors
/// As [`seal_stream`].
pub fn seal_stream_with<R: CryptoRng + ?Sized>(
    from: impl Read,
    mut to: impl Write,
    key: &PartKey,
    rng: &mut R,
    chunk: ChunkSize,
    threads: usize,
) -> Result<u64> {
    let cipher = Cipher::for_sealing(key, chunk, rng)?;
    to.write_all(cipher.header())?;
    let sealed = pipeline(
        ChunkReader::new(from, chunk.bytes()),
        &mut to,
        chunk,
        threads,
        |index, last, buf| cipher.seal_in_place(index, last, buf),
    )?;
    to.flush()?;
    Ok(sealed.bytes - sealed.chunks * super::TAG_LEN as u64)
}

/// Opens the sealed file that `from` yields into `to`; returns the number of plaintext bytes.
///
/// Each chunk is verified before it is written. Whether the file is complete is known only at the
/// end, so act on what was written only after `Ok`.
///
/// # Errors
/// Those of [`open`](super::open), and [`Error::Io`] if `from` or `to` fails.
pub fn open_stream(
    mut from: impl Read,
    mut to: impl Write,
    key: &PartKey,
    threads: usize,
) -> Result<u64> {
    let cipher = Cipher::for_opening(key, read_header(&mut from)?)?;
    let chunk = cipher.chunk_size();
    let opened = pipeline(
        ChunkReader::new(from, chunk.sealed_bytes()),
        &mut to,
        chunk,
        threads,
        |index, last, buf| open_next(&cipher, index, last, buf),
    )?;
    to.flush()?;
    Ok(opened.bytes)
}

/// Cuts a stream into chunks of one size, telling which is the last.
pub(crate) struct ChunkReader<R> {
    inner: R,
    size: usize,
    /// The first byte of the next chunk: that there is one tells that the previous was not the
    /// last.
    ahead: Option<u8>,
}

impl<R: Read> ChunkReader<R> {
    pub(crate) fn new(inner: R, size: usize) -> Self {
        Self {
            inner,
            size,
            ahead: None,
        }
    }

    /// Fills `buf` with the next chunk; true if it is the last. `buf` has the capacity for
    /// `size + 1` bytes, so that it does not move.
    pub(crate) fn next(&mut self, buf: &mut Vec<u8>) -> Result<bool> {
        debug_assert!(buf.capacity() > self.size);
        buf.clear();
        buf.extend(self.ahead.take());
        let due = self.size + 1 - buf.len();
        self.inner.by_ref().take(due as u64).read_to_end(buf)?;
        if buf.len() <= self.size {
            return Ok(true);
        }
        self.ahead = buf.pop();
        Ok(false)
    }
}

/// What passed through a pipeline.
struct Passed {
    chunks: u64,
    bytes: u64,
}

impl Passed {
    fn write(&mut self, to: &mut impl Write, buf: &[u8]) -> Result<()> {
        to.write_all(buf)?;
        self.chunks += 1;
        self.bytes += buf.len() as u64;
        Ok(())
    }
}

/// A chunk on its way.
struct Job {
    index: u64,
    last: bool,
    buf: Zeroizing<Vec<u8>>,
}

/// One worker, as its employer sees it.
struct Worker {
    jobs: SyncSender<Job>,
    done: Receiver<Result<Zeroizing<Vec<u8>>>>,
}

/// Sends every chunk of `from` through `work` and writes the results to `to`, in order.
fn pipeline<R: Read>(
    mut from: ChunkReader<R>,
    to: &mut impl Write,
    chunk: ChunkSize,
    threads: usize,
    work: impl Fn(u64, bool, &mut Zeroizing<Vec<u8>>) -> Result<()> + Sync,
) -> Result<Passed> {
    let threads = threads.clamp(1, MAX_THREADS);
    let new_buf = || Zeroizing::new(Vec::with_capacity(chunk.sealed_bytes() + 1));
    let mut passed = Passed {
        chunks: 0,
        bytes: 0,
    };
    if threads == 1 {
        let mut buf = new_buf();
        for index in 0.. {
            let last = from.next(&mut buf)?;
            work(index, last, &mut buf)?;
            passed.write(to, &buf)?;
            if last {
                break;
            }
        }
        return Ok(passed);
    }
    std::thread::scope(|scope| {
        let workers: Vec<Worker> = (0..threads)
            .map(|_| {
                let (jobs, inbox) = sync_channel::<Job>(DEPTH);
                let (outbox, done) = sync_channel(DEPTH);
                let work = &work;
                scope.spawn(move || {
                    for mut job in inbox {
                        let result = work(job.index, job.last, &mut job.buf).map(|()| job.buf);
                        // The employer has gone home after an error: so does the worker.
                        if outbox.send(result).is_err() {
                            return;
                        }
                    }
                });
                Worker { jobs, done }
            })
            .collect();
        let in_flight = (threads * DEPTH) as u64;
        let worker = |index: u64| &workers[(index % threads as u64) as usize];
        let mut spare = Vec::new();
        let (mut sent, mut received, mut ended) = (0, 0, false);
        while !ended || received < sent {
            if !ended && sent - received < in_flight {
                let mut buf = spare.pop().unwrap_or_else(new_buf);
                ended = from.next(&mut buf)?;
                let job = Job {
                    index: sent,
                    last: ended,
                    buf,
                };
                worker(sent).jobs.send(job).map_err(|_| worker_lost())?;
                sent += 1;
            } else {
                let buf = worker(received).done.recv().map_err(|_| worker_lost())??;
                passed.write(to, &buf)?;
                spare.push(buf);
                received += 1;
            }
        }
        Ok(passed)
    })
}

/// A worker is gone only if it panicked, and then the scope passes the panic on.
fn worker_lost() -> Error {
    Error::Io(std::io::Error::other("a sealing thread ended early"))
}
