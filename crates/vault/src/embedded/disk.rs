//! The file system side of the embedded engine; everything here blocks.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use cid::Cid;

use crate::block::{Block, MAX_BLOCK, check_bytes};
use crate::owner::Reference;
use crate::{Error, Result};

const FORMAT: &str = "stele block store 1\n";
/// The base32 alphabet: the names of the shards.
const SHARDS: &str = "abcdefghijklmnopqrstuvwxyz234567";
/// Threads that flush directories.
const FLUSHERS: usize = 8;
/// What Linux answers when the device cannot read a sector.
const EIO: i32 = 5;

/// An opened store directory.
pub(super) struct Disk {
    root: PathBuf,
    /// Keeps the lock as long as it is open.
    _lock: File,
    /// Numbers the files in `tmp` and `quarantine`.
    next: AtomicU64,
}

/// A block that is durable in `tmp` and has not been given its name yet. Removed when dropped.
pub(super) struct Draft {
    from: PathBuf,
    to: PathBuf,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `publish` the file is gone; otherwise the next start would remove it too.
        let _ = fs::remove_file(&self.from);
    }
}

impl Disk {
    pub(super) fn open(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).map_err(|e| Error::io("create", root, e))?;
        let lock = lock(root)?;
        check_format(root)?;
        let disk = Self {
            root: root.to_owned(),
            _lock: lock,
            next: AtomicU64::new(0),
        };
        for dir in ["blocks", "pins", "tmp", "quarantine"] {
            create_dir(&disk.root.join(dir))?;
        }
        for shard in SHARDS.chars() {
            create_dir(&disk.root.join("blocks").join(shard.to_string()))?;
        }
        for dir in [disk.root.join("blocks"), disk.root.clone()] {
            sync_dir(&dir)?;
        }
        disk.clear_tmp()?;
        Ok(disk)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn clear_tmp(&self) -> Result<()> {
        let mut cleared = 0u64;
        for entry in list(&self.root.join("tmp"))? {
            fs::remove_file(&entry).map_err(|e| Error::io("remove", &entry, e))?;
            cleared += 1;
        }
        if cleared > 0 {
            tracing::info!(
                files = cleared,
                "removed blocks that an earlier process had not finished writing"
            );
        }
        Ok(())
    }

    fn shard_dir(&self, name: &str) -> PathBuf {
        // Next to last: the last character carries only three bits of the digest.
        let shard = name
            .len()
            .checked_sub(2)
            .and_then(|at| name.get(at..=at))
            .unwrap_or("a");
        self.root.join("blocks").join(shard)
    }

    pub(super) fn block_path(&self, cid: &Cid) -> PathBuf {
        let name = cid.to_string();
        self.shard_dir(&name).join(name)
    }

    pub(super) fn has(&self, cid: &Cid) -> Result<bool> {
        let path = self.block_path(cid);
        path.try_exists()
            .map_err(|e| Error::io("look for", path, e))
    }

    fn fresh_name(&self) -> String {
        self.next.fetch_add(1, Ordering::Relaxed).to_string()
    }

    /// Writes a block to `tmp` and flushes it to the device. None when a sound copy is stored
    /// already; a damaged one is set aside and written anew.
    pub(super) fn draft(&self, block: &Block) -> Result<Option<Draft>> {
        let to = self.block_path(block.cid());
        match self.read_verified(block.cid()) {
            Ok(_) => return Ok(None),
            Err(Error::NotFound(_) | Error::Damaged(_)) => {}
            Err(other) => return Err(other),
        }
        let from = self.root.join("tmp").join(self.fresh_name());
        let draft = Draft { from, to };
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&draft.from)?;
            file.write_all(block.data())?;
            file.sync_data()
        };
        write().map_err(|e| Error::io("write", &draft.from, e))?;
        Ok(Some(draft))
    }

    /// Gives drafts their names and flushes the directories of those and of `also`.
    pub(super) fn publish(&self, drafts: Vec<Draft>, also: &[Cid]) -> Result<()> {
        let mut dirs = BTreeSet::new();
        for draft in &drafts {
            fs::rename(&draft.from, &draft.to)
                .map_err(|e| Error::io("rename into", &draft.to, e))?;
            dirs.extend(draft.to.parent().map(Path::to_owned));
        }
        dirs.extend(
            also.iter()
                .filter_map(|cid| self.block_path(cid).parent().map(Path::to_owned)),
        );
        sync_dirs(&dirs.into_iter().collect::<Vec<_>>())
    }

    /// Reads a block and checks it; a damaged one is moved to quarantine.
    pub(super) fn read_verified(&self, cid: &Cid) -> Result<Bytes> {
        let path = self.block_path(cid);
        let data = match read_bounded(&path) {
            Ok(data) => data,
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(Error::NotFound(*cid)),
            Err(e) if e.raw_os_error() == Some(EIO) => return self.quarantine(cid, &path),
            Err(e) => return Err(Error::io("read", path, e)),
        };
        match check_bytes(cid, &data) {
            Ok(()) => Ok(data),
            Err(_) => self.quarantine(cid, &path),
        }
    }

    fn quarantine(&self, cid: &Cid, path: &Path) -> Result<Bytes> {
        loop {
            let aside = self
                .root
                .join("quarantine")
                .join(format!("{cid}.{}", self.fresh_name()));
            if aside.exists() {
                continue;
            }
            tracing::error!(%cid, aside = %aside.display(), "a stored block is damaged and was set aside");
            return match fs::rename(path, &aside) {
                Ok(()) => Err(Error::Damaged(*cid)),
                Err(e) if e.kind() == ErrorKind::NotFound => Err(Error::Damaged(*cid)),
                Err(e) => Err(Error::io("set aside", path, e)),
            };
        }
    }

    /// Removes a block; tells how many bytes that freed.
    pub(super) fn remove(&self, cid: &Cid) -> Result<u64> {
        let path = self.block_path(cid);
        let size = fs::metadata(&path).map(|m| m.len()).unwrap_or_default();
        fs::remove_file(&path).map_err(|e| Error::io("remove", path, e))?;
        Ok(size)
    }

    /// Flushes all block directories, after removals.
    pub(super) fn sync_shards(&self) -> Result<()> {
        let shards = SHARDS
            .chars()
            .map(|shard| self.root.join("blocks").join(shard.to_string()));
        sync_dirs(&shards.collect::<Vec<_>>())
    }

    /// Calls `visit` with each block's CID and size, shard by shard.
    pub(super) fn for_each_block(
        &self,
        mut visit: impl FnMut(Cid, u64) -> Result<()>,
    ) -> Result<()> {
        for shard in SHARDS.chars() {
            for path in list(&self.root.join("blocks").join(shard.to_string()))? {
                let Some(cid) = cid_of_name(&path) else {
                    tracing::warn!(path = %path.display(), "not a block; left alone");
                    continue;
                };
                match fs::metadata(&path) {
                    Ok(meta) => visit(cid, meta.len())?,
                    Err(e) if e.kind() == ErrorKind::NotFound => {}
                    Err(e) => return Err(Error::io("inspect", path, e)),
                }
            }
        }
        Ok(())
    }

    pub(super) fn add_pin(&self, reference: &Reference) -> Result<()> {
        let dir = self.root.join("pins");
        let path = dir.join(reference.name());
        let file = File::create(&path).map_err(|e| Error::io("create", &path, e))?;
        file.sync_all().map_err(|e| Error::io("flush", &path, e))?;
        sync_dir(&dir)
    }

    pub(super) fn remove_pin(&self, reference: &Reference) -> Result<bool> {
        let dir = self.root.join("pins");
        let path = dir.join(reference.name());
        match fs::remove_file(&path) {
            Ok(()) => sync_dir(&dir).map(|()| true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::io("remove", path, e)),
        }
    }

    pub(super) fn references(&self) -> Result<Vec<Reference>> {
        let paths = list(&self.root.join("pins"))?;
        let named = |path: &PathBuf| Reference::parse(path.file_name()?.to_str()?);
        Ok(paths.iter().filter_map(named).collect())
    }
}

fn lock(root: &Path) -> Result<File> {
    let path = root.join("LOCK");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.map_err(|e| Error::io("open", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            path: root.to_owned(),
        }),
        Err(TryLockError::Error(e)) => Err(Error::io("lock", path, e)),
    }
}

fn check_format(root: &Path) -> Result<()> {
    let path = root.join("FORMAT");
    match fs::read_to_string(&path) {
        Ok(text) if text == FORMAT => Ok(()),
        Ok(_) => Err(Error::malformed(
            "block store",
            format!("{} names another format", path.display()),
        )),
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let draft = root.join("FORMAT.new");
            fs::write(&draft, FORMAT).map_err(|e| Error::io("write", &draft, e))?;
            let file = File::open(&draft).map_err(|e| Error::io("open", &draft, e))?;
            file.sync_all().map_err(|e| Error::io("flush", &draft, e))?;
            fs::rename(&draft, &path).map_err(|e| Error::io("create", path, e))
        }
        Err(e) => Err(Error::io("read", path, e)),
    }
}

fn create_dir(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(Error::io("create", path, e)),
        _ => Ok(()),
    }
}

fn sync_dir(path: &Path) -> Result<()> {
    let dir = File::open(path).map_err(|e| Error::io("open", path, e))?;
    dir.sync_all().map_err(|e| Error::io("flush", path, e))
}

/// Flushes directories side by side: a journalling file system then commits them together.
fn sync_dirs(dirs: &[PathBuf]) -> Result<()> {
    let share = dirs.len().div_ceil(FLUSHERS).max(1);
    std::thread::scope(|scope| {
        let flush = |dirs: &[PathBuf]| dirs.iter().try_for_each(|dir| sync_dir(dir));
        let threads: Vec<_> = dirs
            .chunks(share)
            .map(|dirs| scope.spawn(move || flush(dirs)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(Error::Task("flushing a directory panicked".into())))
        })
    })
}

fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).map_err(|e| Error::io("list", dir, e))?;
    entries
        .map(|entry| {
            entry
                .map(|e| e.path())
                .map_err(|e| Error::io("list", dir, e))
        })
        .collect()
}

fn cid_of_name(path: &Path) -> Option<Cid> {
    path.file_name()?
        .to_str()
        .and_then(|name| Cid::from_str(name).ok())
}

/// Reads a file that should be a block, and no more of it than a block may have.
fn read_bounded(path: &Path) -> std::io::Result<Bytes> {
    let file = File::open(path)?;
    let size = file.metadata()?.len().min(MAX_BLOCK as u64 + 1);
    let mut data = Vec::with_capacity(size as usize + 1);
    file.take(MAX_BLOCK as u64 + 1).read_to_end(&mut data)?;
    Ok(data.into())
}
