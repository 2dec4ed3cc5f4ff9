//! Replay protection: a signed request is accepted once. What has been used is remembered until its
//! signature has expired, also over a restart if it is kept in a file.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::error::SignatureError;
use crate::{Error, Result};

/// Most nonces of one key that are remembered at a time: some 100 requests a second.
const MAX_PER_KEY: usize = 1 << 16;
/// Most nonces that are remembered at a time. One takes some 150 bytes.
const MAX_NONCES: usize = 1 << 19;
/// Bytes of one use in the file.
const RECORD: usize = 48;
/// Uses in the file, expired ones included, before it is worth writing it anew.
const COMPACT: usize = 1 << 14;

/// Remembers which nonces were used. A node of several processes gives them one memory, or a request
/// that one of them took can be repeated at another.
#[async_trait]
pub trait ReplayStore: Send + Sync {
    /// Notes the use of a nonce by a key. It need not be remembered once `expires` has passed.
    ///
    /// # Errors
    /// [`SignatureError::Replayed`] when it was used before; [`SignatureError::Busy`] when there is no
    /// room to remember it.
    async fn note(
        &self,
        key_id: &str,
        nonce: &str,
        expires: u64,
        now: u64,
    ) -> Result<(), SignatureError>;
}

/// One use: when it may be forgotten, whose it is, and what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Used {
    expires: u64,
    key: [u8; 8],
    id: [u8; 32],
}

impl Used {
    fn new(key_id: &str, nonce: &str, expires: u64) -> Self {
        let of_key: [u8; 32] = Sha256::digest(key_id).into();
        let id = Sha256::new_with_prefix(of_key)
            .chain_update(nonce)
            .finalize()
            .into();
        let mut key = [0; 8];
        key.copy_from_slice(&of_key[..8]);
        Self { expires, key, id }
    }

    fn to_bytes(self) -> [u8; RECORD] {
        let mut out = [0; RECORD];
        out[..8].copy_from_slice(&self.expires.to_be_bytes());
        out[8..16].copy_from_slice(&self.key);
        out[16..].copy_from_slice(&self.id);
        out
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (expires, rest) = bytes.split_first_chunk()?;
        let (key, id) = rest.split_first_chunk()?;
        Some(Self {
            expires: u64::from_be_bytes(*expires),
            key: *key,
            id: id.try_into().ok()?,
        })
    }
}

/// The uses that have not expired.
#[derive(Default)]
struct Memory {
    known: HashSet<[u8; 32]>,
    by_expiry: BTreeSet<Used>,
    by_key: HashMap<[u8; 8], usize>,
}

impl Memory {
    fn forget_expired(&mut self, now: u64) {
        while let Some(first) = self.by_expiry.first().copied() {
            if first.expires >= now {
                return;
            }
            self.by_expiry.remove(&first);
            self.known.remove(&first.id);
            if let Some(count) = self.by_key.get_mut(&first.key) {
                *count -= 1;
                if *count == 0 {
                    self.by_key.remove(&first.key);
                }
            }
        }
    }

    fn note(&mut self, used: Used, now: u64) -> Result<(), SignatureError> {
        self.forget_expired(now);
        if self.known.contains(&used.id) {
            return Err(SignatureError::Replayed);
        }
        let of_key = self.by_key.get(&used.key).copied().unwrap_or_default();
        if of_key >= MAX_PER_KEY || self.known.len() >= MAX_NONCES {
            return Err(SignatureError::Busy);
        }
        self.known.insert(used.id);
        self.by_expiry.insert(used);
        self.by_key.insert(used.key, of_key + 1);
        Ok(())
    }
}

/// Remembers in memory alone: a restart forgets.
#[derive(Default)]
pub struct MemoryReplays {
    memory: Mutex<Memory>,
}

#[async_trait]
impl ReplayStore for MemoryReplays {
    async fn note(
        &self,
        key_id: &str,
        nonce: &str,
        expires: u64,
        now: u64,
    ) -> Result<(), SignatureError> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.note(Used::new(key_id, nonce, expires), now)
    }
}

/// Remembers in a file as well, for one process. A process that is killed loses nothing; a machine
/// that loses power may lose what it noted in its last seconds, since the file is not flushed to the
/// device: that would cost more than the request.
pub struct FileReplays {
    kept: Mutex<Kept>,
}

struct Kept {
    memory: Memory,
    path: PathBuf,
    file: File,
    /// Uses in the file, expired ones included.
    written: usize,
}

impl FileReplays {
    /// Opens the file at `path`, creating it and its directory if need be, and reads what has not
    /// expired.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: impl Into<PathBuf>, now: u64) -> Result<Self> {
        let path = path.into();
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, e))?;
        }
        let mut memory = Memory::default();
        for used in read(&path)?.into_iter().filter(|used| used.expires >= now) {
            // What is there twice, or too much, changes nothing.
            let _ = memory.note(used, now);
        }
        let file = write_anew(&path, &memory)?;
        let written = memory.by_expiry.len();
        Ok(Self {
            kept: Mutex::new(Kept {
                memory,
                path,
                file,
                written,
            }),
        })
    }
}

fn read(path: &Path) -> Result<Vec<Used>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => file
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io("read", path, e))?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("open", path, e)),
    };
    // A record that a killed process began is shorter.
    Ok(bytes
        .chunks_exact(RECORD)
        .filter_map(Used::from_bytes)
        .collect())
}

/// Writes what is remembered to a new file in place of the old one.
fn write_anew(path: &Path, memory: &Memory) -> Result<File> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let bytes: Vec<u8> = memory
        .by_expiry
        .iter()
        .flat_map(|used| used.to_bytes())
        .collect();
    std::fs::write(&draft, bytes).map_err(|e| Error::io("write", &draft, e))?;
    std::fs::rename(&draft, path).map_err(|e| Error::io("rename into", path, e))?;
    OpenOptions::new()
        .append(true)
        .open(path)
        .map_err(|e| Error::io("open", path, e))
}

impl Kept {
    fn keep(&mut self, used: Used) -> Result<()> {
        self.file
            .write_all(&used.to_bytes())
            .map_err(|e| Error::io("write", &self.path, e))?;
        self.written += 1;
        if self.written >= COMPACT && self.written >= 2 * self.memory.by_expiry.len() {
            self.file = write_anew(&self.path, &self.memory)?;
            self.written = self.memory.by_expiry.len();
        }
        Ok(())
    }
}

#[async_trait]
impl ReplayStore for FileReplays {
    async fn note(
        &self,
        key_id: &str,
        nonce: &str,
        expires: u64,
        now: u64,
    ) -> Result<(), SignatureError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let used = Used::new(key_id, nonce, expires);
        kept.memory.note(used, now)?;
        if let Err(error) = kept.keep(used) {
            // Refusing here would turn a full disk into an outage of reading, too.
            tracing::error!(%error, "a nonce is remembered until the next restart only");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_nonce_is_good_once_for_each_key() {
        let replays = MemoryReplays::default();
        assert_eq!(replays.note("a", "n", 100, 50).await, Ok(()));
        let again = replays.note("a", "n", 100, 50).await;
        assert_eq!(again, Err(SignatureError::Replayed));
        assert_eq!(replays.note("b", "n", 100, 50).await, Ok(()));
        // The last second of the signature still counts.
        let late = replays.note("a", "n", 100, 100).await;
        assert_eq!(late, Err(SignatureError::Replayed));
        assert_eq!(replays.note("a", "n", 200, 101).await, Ok(()));
    }

    #[tokio::test]
    async fn one_key_cannot_use_up_the_memory() {
        let replays = MemoryReplays::default();
        for n in 0..MAX_PER_KEY {
            replays.note("a", &n.to_string(), 100, 50).await.unwrap();
        }
        let more = replays.note("a", "more", 100, 50).await;
        assert_eq!(more, Err(SignatureError::Busy));
        assert_eq!(replays.note("b", "more", 100, 50).await, Ok(()));
        assert_eq!(replays.note("a", "more", 200, 101).await, Ok(()));
    }

    #[tokio::test]
    async fn a_restart_forgets_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new").join("replays");
        let replays = FileReplays::open(&path, 50).unwrap();
        replays.note("a", "short", 60, 50).await.unwrap();
        replays.note("a", "long", 100, 50).await.unwrap();
        drop(replays);
        // The process was killed while it wrote.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&[7; RECORD - 1]).unwrap();
        for _ in 0..2 {
            let replays = FileReplays::open(&path, 61).unwrap();
            let again = replays.note("a", "long", 100, 61).await;
            assert_eq!(again, Err(SignatureError::Replayed));
            assert_eq!(std::fs::metadata(&path).unwrap().len(), RECORD as u64);
        }
        let replays = FileReplays::open(&path, 61).unwrap();
        assert_eq!(replays.note("a", "short", 100, 61).await, Ok(()));
    }

    #[tokio::test]
    async fn the_file_does_not_grow_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("replays");
        let replays = FileReplays::open(&path, 0).unwrap();
        for n in 0..3 * COMPACT as u64 {
            replays.note("a", &n.to_string(), n + 10, n).await.unwrap();
        }
        let size = std::fs::metadata(&path).unwrap().len();
        assert!(size < (COMPACT * RECORD * 2) as u64, "{size}");
    }
}
