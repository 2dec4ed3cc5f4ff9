//! Seals and opens in memory beside libsodium, RustCrypto and age, in turn within one run.
//!
//! `cargo run --release --manifest-path bench/seal-bench/Cargo.toml -- [MIB, 256] [ROUNDS, 7]`
//!
//! All contenders write into buffers that were touched before. Wall time tells what a user waits;
//! the time of the process's threads on a core tells the work, also while others use the cores.

use std::{
    io::{Cursor, Read, Write},
    ptr,
    time::Instant,
};

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
use chacha20poly1305::{
    AeadInOut, KeyInit, XChaCha20Poly1305,
    aead::inout::InOutBuf,
};
use libsodium_sys as sodium;
use rustix::time::{ClockId, clock_gettime};
use seal::{
    PartKey,
    file::{ChunkSize, open_into, seal_into},
};

/// Bytes of header, tags and other additions that a buffer must leave room for.
const ROOM: usize = 1 << 20;

/// One way to seal and open. Each returns the number of bytes that it wrote.
struct Contender {
    name: String,
    seal: Box<dyn FnMut(&[u8], &mut [u8]) -> usize>,
    open: Box<dyn FnMut(&[u8], &mut [u8]) -> usize>,
}

fn stele(log2: u8, threads: usize) -> Contender {
    let chunk = ChunkSize::new(log2).expect("a chunk size within bounds");
    let key = || PartKey::from_bytes(&[7; 32]);
    let (to_seal, to_open) = (key(), key());
    Contender {
        name: format!("stele, chunks of {} KiB, {threads} threads", chunk.bytes() >> 10),
        seal: Box::new(move |plain, out| {
            let len = chunk.sealed_len(plain.len() as u64).expect("length") as usize;
            let rng = &mut ChaCha20Rng::from_seed([1; 32]);
            seal_into(plain, &to_seal, rng, chunk, threads, &mut out[..len]).expect("seals");
            len
        }),
        open: Box::new(move |sealed, out| {
            let len = chunk.plain_len(sealed.len() as u64).expect("length") as usize;
            open_into(sealed, &to_open, threads, &mut out[..len]).expect("opens");
            len
        }),
    }
}

/// libsodium's XChaCha20-Poly1305 on messages of `size` bytes, each with a nonce of its own.
fn libsodium(size: usize, name: &str) -> Contender {
    fn nonce(i: usize) -> [u8; 24] {
        let mut nonce = [3; 24];
        nonce[16..].copy_from_slice(&i.to_be_bytes());
        nonce
    }
    Contender {
        name: format!("libsodium XChaCha20-Poly1305, {name}"),
        seal: Box::new(move |plain, out| {
            let chunks = plain.chunks(size).zip(out.chunks_mut(size + 16)).enumerate();
            for (i, (plain, out)) in chunks {
                // SAFETY: `out` has at least 16 bytes more than `plain`; the key has 32 bytes, the
                // nonce 24; the unused pointers may be null by libsodium's documentation.
                let rc = unsafe {
                    sodium::crypto_aead_xchacha20poly1305_ietf_encrypt(
                        out.as_mut_ptr(),
                        ptr::null_mut(),
                        plain.as_ptr(),
                        plain.len() as u64,
                        ptr::null(),
                        0,
                        ptr::null(),
                        nonce(i).as_ptr(),
                        [7; 32].as_ptr(),
                    )
                };
                assert_eq!(rc, 0);
            }
            plain.len() + plain.len().div_ceil(size) * 16
        }),
        open: Box::new(move |sealed, out| {
            let chunks = sealed.chunks(size + 16).zip(out.chunks_mut(size)).enumerate();
            for (i, (sealed, out)) in chunks {
                // SAFETY: as above; `out` has at least as many bytes as `sealed` less the tag.
                let rc = unsafe {
                    sodium::crypto_aead_xchacha20poly1305_ietf_decrypt(
                        out.as_mut_ptr(),
                        ptr::null_mut(),
                        ptr::null_mut(),
                        sealed.as_ptr(),
                        sealed.len() as u64,
                        ptr::null(),
                        0,
                        nonce(i).as_ptr(),
                        [7; 32].as_ptr(),
                    )
                };
                assert_eq!(rc, 0);
            }
            sealed.len() - sealed.len().div_ceil(size + 16) * 16
        }),
    }
}

fn rust_crypto(size: usize) -> Contender {
    let cipher = || XChaCha20Poly1305::new(&[7; 32].into());
    let (to_seal, to_open) = (cipher(), cipher());
    Contender {
        name: format!("RustCrypto XChaCha20-Poly1305, messages of {} KiB", size >> 10),
        seal: Box::new(move |plain, out| {
            for (plain, out) in plain.chunks(size).zip(out.chunks_mut(size + 16)) {
                let (text, rest) = out.split_at_mut(plain.len());
                let buf = InOutBuf::new(plain, text).expect("equal lengths");
                let tag = to_seal.encrypt_inout_detached(&[3; 24].into(), b"", buf).expect("seals");
                rest[..16].copy_from_slice(&tag);
            }
            plain.len() + plain.len().div_ceil(size) * 16
        }),
        open: Box::new(move |sealed, out| {
            for (sealed, out) in sealed.chunks(size + 16).zip(out.chunks_mut(size)) {
                let (text, tag) = sealed.split_at(sealed.len() - 16);
                let buf = InOutBuf::new(text, &mut out[..text.len()]).expect("equal lengths");
                let tag = tag.try_into().expect("16 bytes");
                to_open.decrypt_inout_detached(&[3; 24].into(), b"", buf, tag).expect("opens");
            }
            sealed.len() - sealed.len().div_ceil(size + 16) * 16
        }),
    }
}

fn age() -> Contender {
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();
    Contender {
        name: "age 0.12 (the crate)".into(),
        seal: Box::new(move |plain, out| {
            let recipients = std::iter::once(&recipient as &dyn age::Recipient);
            let encryptor = age::Encryptor::with_recipients(recipients).expect("a recipient");
            let mut to = encryptor.wrap_output(Cursor::new(out)).expect("a header");
            to.write_all(plain).expect("seals");
            to.finish().expect("seals").position() as usize
        }),
        open: Box::new(move |sealed, out| {
            let decryptor = age::Decryptor::new_buffered(sealed).expect("a header");
            let identities = std::iter::once(&identity as &dyn age::Identity);
            let mut from = decryptor.decrypt(identities).expect("a key");
            let mut len = 0;
            loop {
                match from.read(&mut out[len..]).expect("opens") {
                    0 => return len,
                    n => len += n,
                }
            }
        }),
    }
}

/// Seconds on the wall and on cores.
#[derive(Clone, Copy)]
struct Time {
    wall: f64,
    cpu: f64,
}

fn timed(act: impl FnOnce() -> usize) -> (Time, usize) {
    let cpu = || {
        let at = clock_gettime(ClockId::ProcessCPUTime);
        at.tv_sec as f64 + at.tv_nsec as f64 / 1e9
    };
    let (wall, cpu_before) = (Instant::now(), cpu());
    let len = act();
    (Time { wall: wall.elapsed().as_secs_f64(), cpu: cpu() - cpu_before }, len)
}

fn sorted(times: &[Time], of: impl Fn(&Time) -> f64) -> Vec<f64> {
    let mut sorted: Vec<f64> = times.iter().map(of).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The rates in GB/s: median by the wall, best by the wall, median by core time.
fn rates(times: &[Time], bytes: usize) -> [f64; 3] {
    let (wall, cpu) = (sorted(times, |t| t.wall), sorted(times, |t| t.cpu));
    [wall[wall.len() / 2], wall[0], cpu[cpu.len() / 2]].map(|s| bytes as f64 / 1e9 / s)
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>().expect("a number"));
    let (mib, rounds) = (args.next().unwrap_or(256), args.next().unwrap_or(7));
    // SAFETY: it may be called at any time and any number of times.
    assert!(unsafe { sodium::sodium_init() } >= 0);
    let log2 = ChunkSize::DEFAULT.log2();
    let mut contenders = vec![
        stele(log2, 1),
        libsodium(mib << 20, "one message"),
        stele(log2, 2),
        libsodium(1 << log2, "messages of a chunk"),
        rust_crypto(1 << log2),
        age(),
    ];
    contenders.extend([14, 16, 17, 18, 20].map(|log2| stele(log2, 1)));

    let plain: Vec<u8> = (0..mib << 20).map(|i| (i % 251) as u8).collect();
    let mut sealed = vec![1; plain.len() + plain.len() / 512 + ROOM];
    let mut opened = vec![1; plain.len() + ROOM];
    let mut times = vec![(Vec::new(), Vec::new()); contenders.len()];
    // The first round warms up.
    for round in 0..=rounds {
        for (contender, (seal, open)) in contenders.iter_mut().zip(&mut times) {
            let (time_to_seal, len) = timed(|| (contender.seal)(&plain, &mut sealed));
            let (time_to_open, back) = timed(|| (contender.open)(&sealed[..len], &mut opened));
            assert!(opened[..back] == plain, "{} gives back what it took", contender.name);
            if round > 0 {
                seal.push(time_to_seal);
                open.push(time_to_open);
            }
        }
    }
    println!("{mib} MiB, {rounds} rounds; GB/s: median by the wall, best by the wall, median by core time\n");
    println!("| | seal, median | best | core | open, median | best | core |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (contender, (seal, open)) in contenders.iter().zip(&times) {
        let [s, o] = [seal, open].map(|times| rates(times, plain.len()).map(|r| format!("{r:.2}")));
        println!("| {} | {} | {} |", contender.name, s.join(" | "), o.join(" | "));
    }
    println!();
    let ratio = |what: &str, of: usize, to: usize, by: usize| {
        let rate = |i: usize| {
            [&times[i].0, &times[i].1].map(|times| rates(times, plain.len())[by])
        };
        let [seal, open] = [0, 1].map(|i| rate(of)[i] / rate(to)[i]);
        println!("{what}: sealing {seal:.2}, opening {open:.2}");
    };
    ratio("stele over libsodium, one core, median by the wall", 0, 1, 0);
    ratio("stele over libsodium, one core, best by the wall", 0, 1, 1);
    ratio("stele over libsodium, median by core time", 0, 1, 2);
    ratio("stele over libsodium in messages of a chunk, median by core time", 0, 3, 2);
    ratio("stele over age, median by core time", 0, 5, 2);
    ratio("two threads over one, median by the wall", 2, 0, 0);
    ratio("two threads over one, best by the wall", 2, 0, 1);
}
