//! Sealed files: XChaCha20-Poly1305 in the STREAM construction (Hoang, Reyhanitabar, Rogaway,
//! Vizár, *Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance*, CRYPTO 2015).
//!
//! A sealed file is a header of 64 bytes and one or more chunks; `docs/formats.md` gives every
//! byte. Files of any size are sealed and opened in constant memory; a range is read without the
//! rest; what was cut, reordered, added to, altered or sealed with another key is refused.
//!
//! | to do this | use |
//! | --- | --- |
//! | bytes in memory | [`seal()`], [`open`]; on several cores [`seal_parallel`], [`open_parallel`] |
//! | write piece by piece | [`Sealer`] |
//! | read from a file, at any place | [`Opener`] |
//! | read from a pipe or a network stream | [`StreamOpener`] |
//! | copy a stream on several cores | [`seal_stream`], [`open_stream`] |
//!
//! ```
//! # use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
//! # let mut rng = ChaCha20Rng::from_seed([0; 32]); // the system's generator in earnest
//! let record = seal::RecordKey::generate(&mut rng);
//! let key = record.part("image");
//! let sealed = seal::file::seal(b"a radiograph", &key, &mut rng);
//! assert_eq!(seal::file::open(&sealed, &key)?.as_slice(), b"a radiograph");
//! assert!(seal::file::open(&sealed, &record.part("document")).is_err());
//! # Ok::<(), seal::Error>(())
//! ```

mod aead;
mod cipher;
mod header;
mod memory;
mod opener;
mod sealer;
mod stream;

pub use header::{ChunkSize, HEADER_LEN, Header, MAX_CHUNKS, TAG_LEN, sealed_len};
pub use memory::{open, open_into, open_parallel, seal, seal_into, seal_parallel, seal_with};
pub use opener::{Opener, StreamOpener};
pub use sealer::Sealer;
pub use stream::{MAX_THREADS, open_stream, seal_stream, seal_stream_with};
