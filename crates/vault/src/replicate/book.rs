//! Where receipts and the owners of replicas are written down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{Error, Result};

/// A small durable map of text to bytes, in *shelves*. Shelf names and keys hold only ASCII
/// letters, digits, `.` and `-`. The node keeps it in its database; [`FileBook`] keeps it on disk.
#[async_trait]
pub trait Book: Send + Sync {
    /// Writes a value; durable when it returns.
    ///
    /// # Errors
    /// [`Error::Book`].
    async fn put(&self, shelf: &str, key: &str, value: Vec<u8>) -> Result<()>;

    /// Reads a value.
    ///
    /// # Errors
    /// [`Error::Book`].
    async fn get(&self, shelf: &str, key: &str) -> Result<Option<Vec<u8>>>;

    /// Removes a value; durable when it returns. Removing what is not there is fine.
    ///
    /// # Errors
    /// [`Error::Book`].
    async fn remove(&self, shelf: &str, key: &str) -> Result<()>;

    /// The keys of a shelf that start with `prefix`, in order.
    ///
    /// # Errors
    /// [`Error::Book`].
    async fn keys(&self, shelf: &str, prefix: &str) -> Result<Vec<String>>;
}

/// The in-memory twin, for tests.
#[derive(Debug, Default)]
pub struct MemoryBook {
    shelves: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

impl MemoryBook {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Vec<u8>>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pair(shelf: &str, key: &str) -> (String, String) {
    (shelf.to_owned(), key.to_owned())
}

#[async_trait]
impl Book for MemoryBook {
    async fn put(&self, shelf: &str, key: &str, value: Vec<u8>) -> Result<()> {
        self.lock().insert(pair(shelf, key), value);
        Ok(())
    }

    async fn get(&self, shelf: &str, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.lock().get(&pair(shelf, key)).cloned())
    }

    async fn remove(&self, shelf: &str, key: &str) -> Result<()> {
        self.lock().remove(&pair(shelf, key));
        Ok(())
    }

    async fn keys(&self, shelf: &str, prefix: &str) -> Result<Vec<String>> {
        let all = self.lock();
        let keys = all
            .keys()
            .filter(|(on, key)| on == shelf && key.starts_with(prefix));
        Ok(keys.map(|(_, key)| key.clone()).collect())
    }
}

/// A book in a directory: one file for each value, replaced atomically and flushed.
#[derive(Debug)]
pub struct FileBook {
    root: PathBuf,
}

impl FileBook {
    /// A book in `root`, which is created when something is first written.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn path(&self, shelf: &str, key: &str) -> Result<PathBuf> {
        let plain = |text: &str| {
            !text.is_empty()
                && !text.starts_with('.')
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        };
        if !plain(shelf) || !plain(key) {
            return Err(Error::Book(format!("{shelf:?}/{key:?} is not a key")));
        }
        Ok(self.root.join(shelf).join(key))
    }
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await?
        .map_err(|e| Error::Book(e.to_string()))
}

fn replace(path: &Path, value: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let dir = path.parent().unwrap_or(path);
    std::fs::create_dir_all(dir)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!("~{}", std::process::id()));
    let mut file = std::fs::File::create(&draft)?;
    file.write_all(value)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    std::fs::File::open(dir)?.sync_all()
}

fn missing_is_none<T>(result: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

#[async_trait]
impl Book for FileBook {
    async fn put(&self, shelf: &str, key: &str, value: Vec<u8>) -> Result<()> {
        let path = self.path(shelf, key)?;
        on_disk(move || replace(&path, &value)).await
    }

    async fn get(&self, shelf: &str, key: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(shelf, key)?;
        on_disk(move || missing_is_none(std::fs::read(path))).await
    }

    async fn remove(&self, shelf: &str, key: &str) -> Result<()> {
        let path = self.path(shelf, key)?;
        on_disk(move || {
            if missing_is_none(std::fs::remove_file(&path))?.is_some() {
                std::fs::File::open(path.parent().unwrap_or(&path))?.sync_all()?;
            }
            Ok(())
        })
        .await
    }

    async fn keys(&self, shelf: &str, prefix: &str) -> Result<Vec<String>> {
        let dir = self.root.join(shelf);
        let prefix = prefix.to_owned();
        on_disk(move || {
            let Some(entries) = missing_is_none(std::fs::read_dir(dir))? else {
                return Ok(Vec::new());
            };
            let mut keys = Vec::new();
            for entry in entries {
                let name = entry?.file_name().into_string().unwrap_or_default();
                if name.starts_with(&prefix) && !name.contains('~') {
                    keys.push(name);
                }
            }
            keys.sort();
            Ok(keys)
        })
        .await
    }
}
