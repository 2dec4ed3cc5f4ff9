//! Seals a generated stream and opens it again at once, without holding either, and prints the peak
//! memory above what the process had before. Exits with 1 above 32 MB or if what came out is not
//! what went in.
//!
//! `cargo run --release -p seal --example constant_memory -- [MIB, 4096] [THREADS, 2]`
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::{
    io::{self, PipeReader, Read, Write},
    process::ExitCode,
    thread,
};

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use seal::{
    PartKey,
    file::{open_stream, seal_stream},
};
use sha2::{Digest, Sha256};

const MOST_KIB: u64 = 32 * 1000 * 1000 / 1024;

/// Yields `left` pseudorandom bytes and hashes them.
struct Source {
    rng: ChaCha20Rng,
    left: u64,
    hash: Sha256,
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = out
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.rng.fill_bytes(&mut out[..n]);
        self.hash.update(&out[..n]);
        self.left -= n as u64;
        Ok(n)
    }
}

/// Hashes what is written.
struct Sink(Sha256);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A field of `/proc/self/status`, in KiB.
fn memory(field: &str) -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.split_whitespace().next());
    value
        .and_then(|kib| kib.parse().ok())
        .ok_or_else(|| io::Error::other("no memory figures"))
}

fn open_all(sealed: PipeReader, key: &PartKey, threads: usize) -> seal::Result<Sha256> {
    let mut sink = Sink(Sha256::new());
    open_stream(sealed, &mut sink, key, threads)?;
    Ok(sink.0)
}

fn run(mib: u64, threads: usize) -> seal::Result<bool> {
    let baseline = memory("VmRSS:")?;
    let key = PartKey::from_bytes(&[7; 32]);
    let (sealed, to) = io::pipe()?;
    let mut source = Source {
        rng: ChaCha20Rng::from_seed([1; 32]),
        left: mib << 20,
        hash: Sha256::new(),
    };
    let opened = thread::scope(|scope| {
        let opener = scope.spawn(|| open_all(sealed, &key, threads));
        let rng = &mut ChaCha20Rng::from_seed([2; 32]);
        let sent = seal_stream(&mut source, to, &key, rng, threads);
        let opened = opener
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        sent.map(|_| opened)
    })?;
    let same = source.hash.finalize() == opened.finalize();
    let over = memory("VmHWM:")?.saturating_sub(baseline);
    println!(
        "sealed and opened {mib} MiB with {threads} threads each: {over} KiB over the baseline of \
         {baseline} KiB, contents {}",
        if same { "equal" } else { "DIFFER" }
    );
    Ok(same && over <= MOST_KIB)
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse());
    let (mib, threads) = (
        args.next().unwrap_or(Ok(4096)),
        args.next().unwrap_or(Ok(2)),
    );
    let (Ok(mib), Ok(threads)) = (mib, threads) else {
        println!("usage: constant_memory [MIB] [THREADS]");
        return ExitCode::from(2);
    };
    match run(mib, threads as usize) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
