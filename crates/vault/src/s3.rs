//! The S3 engine: S3-compatible object storage, one object for each block and each pin.
//!
//! Objects are named `PREFIX/blocks/CID`, `PREFIX/pins/CID` for roots that are kept for this node and
//! `PREFIX/pins/CID.KEYID` for those of other institutions. A write is durable once the store
//! acknowledges it. Several processes may use one bucket: a collection spares objects younger
//! than [`S3Config::grace`], and every put writes its object anew and so makes it young, which
//! leaves an upload that long to pin what it put.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::sync::{Mutex, RwLock};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::block::{self, Block, MAX_BLOCK};
use crate::dag::{self, DagLimits};
use crate::engine::{Batch, Collected, Stat, Vault, Verified};
use crate::holds::{Hold, Holds};
use crate::owner::{Owner, Reference};
use crate::{Error, Result};

const SERVICE: &str = "S3";
/// Objects written at the same time.
const WIDTH: usize = 8;

/// Where the bucket is.
#[derive(Clone)]
pub struct S3Config {
    /// Address of the service, for example `https://s3.example`; None for Amazon's own.
    pub endpoint: Option<String>,
    /// The region; many compatible services accept any.
    pub region: String,
    /// The bucket, which must exist.
    pub bucket: String,
    /// What object names start with; may be empty.
    pub prefix: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key; wiped from memory when dropped here.
    pub secret_key: Zeroizing<String>,
    /// Age below which a collection spares an object: longer than any upload takes.
    pub grace: Duration,
}

impl fmt::Debug for S3Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            endpoint,
            region,
            bucket,
            prefix,
            grace,
            ..
        } = self;
        f.debug_struct("S3Config")
            .field("endpoint", endpoint)
            .field("region", region)
            .field("bucket", bucket)
            .field("prefix", prefix)
            .field("grace", grace)
            .finish_non_exhaustive()
    }
}

/// A vault in a bucket. Clones share it.
#[derive(Clone)]
pub struct S3Vault {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    grace: Duration,
    holds: Arc<Holds>,
    /// Taken for reading to hold a block, for writing to delete blocks that nothing holds.
    gate: RwLock<()>,
    collecting: Mutex<()>,
}

impl S3Vault {
    /// Opens a bucket.
    ///
    /// # Errors
    /// [`Error::Remote`] when the configuration is incomplete.
    pub fn new(config: &S3Config) -> Result<Self> {
        let mut builder = AmazonS3Builder::new()
            .with_region(&config.region)
            .with_bucket_name(&config.bucket)
            .with_access_key_id(&config.access_key)
            .with_secret_access_key(config.secret_key.as_str());
        if let Some(endpoint) = &config.endpoint {
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(endpoint.starts_with("http://"));
        }
        let store = builder.build().map_err(|e| failed(&config.bucket, e))?;
        Ok(Self::over(Arc::new(store), &config.prefix, config.grace))
    }

    /// Any store of the `object_store` crate: in memory, other clouds.
    #[must_use]
    pub fn over(store: Arc<dyn ObjectStore>, prefix: &str, grace: Duration) -> Self {
        let prefix = prefix.trim_matches('/').to_owned();
        let (holds, gate, collecting) = (Arc::default(), RwLock::default(), Mutex::default());
        Self {
            inner: Arc::new(Inner {
                store,
                prefix,
                grace,
                holds,
                gate,
                collecting,
            }),
        }
    }

    fn dir(&self, kind: &str) -> Path {
        Path::from(format!("{}/{kind}", self.inner.prefix))
    }

    fn block_path(&self, cid: &Cid) -> Path {
        Path::from(format!("{}/blocks/{cid}", self.inner.prefix))
    }

    fn pin_path(&self, reference: &Reference) -> Path {
        Path::from(format!("{}/pins/{}", self.inner.prefix, reference.name()))
    }

    async fn hold(&self, hold: &mut Hold, cid: Cid) {
        let _gate = self.inner.gate.read().await;
        hold.add(cid);
    }

    async fn put(&self, block: &Block) -> Result<()> {
        let path = self.block_path(block.cid());
        let put = self
            .inner
            .store
            .put(&path, block.data().clone().into())
            .await;
        put.map(|_| ()).map_err(|e| failed(path.as_ref(), e))
    }

    /// Calls `visit` with each object whose name `parse` reads.
    async fn each<T>(
        &self,
        kind: &str,
        parse: impl Fn(&str) -> Option<T> + Send,
        mut visit: impl FnMut(T, ObjectMeta) + Send,
    ) -> Result<()> {
        let dir = self.dir(kind);
        let mut objects = self.inner.store.list(Some(&dir));
        while let Some(meta) = objects
            .try_next()
            .await
            .map_err(|e| failed(dir.as_ref(), e))?
        {
            if let Some(named) = meta.location.filename().and_then(&parse) {
                visit(named, meta);
            }
        }
        Ok(())
    }

    async fn each_block(&self, visit: impl FnMut(Cid, ObjectMeta) + Send) -> Result<()> {
        self.each("blocks", |name| name.parse().ok(), visit).await
    }

    async fn remove(&self, path: &Path) -> Result<()> {
        match self.inner.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(path.as_ref(), error)),
        }
    }

    async fn exists(&self, path: &Path) -> Result<bool> {
        match self.inner.store.head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(path.as_ref(), error)),
        }
    }
}

fn failed(what: &str, error: object_store::Error) -> Error {
    Error::Remote {
        service: SERVICE,
        url: what.to_owned(),
        why: error.to_string(),
    }
}

#[async_trait]
impl Vault for S3Vault {
    fn engine(&self) -> &'static str {
        "s3"
    }

    fn shared(&self) -> Arc<dyn Vault> {
        Arc::new(self.clone())
    }

    async fn begin(&self) -> Result<Box<dyn Batch>> {
        let hold = self.inner.holds.hold();
        Ok(Box::new(S3Batch {
            vault: self.clone(),
            hold,
            putting: JoinSet::new(),
        }))
    }

    async fn get_block(&self, cid: &Cid) -> Result<Bytes> {
        let cid = block::normalise(cid)?;
        if let Some(data) = block::inline_data(&cid) {
            return Ok(data);
        }
        let path = self.block_path(&cid);
        let object = match self.inner.store.get(&path).await {
            Err(object_store::Error::NotFound { .. }) => return Err(Error::NotFound(cid)),
            other => other.map_err(|e| failed(path.as_ref(), e))?,
        };
        if object.meta.size > MAX_BLOCK as u64 {
            return Err(Error::Damaged(cid));
        }
        let data = object.bytes().await.map_err(|e| failed(path.as_ref(), e))?;
        Ok(Block::verified(&cid, data)?.into_data())
    }

    async fn has(&self, cid: &Cid) -> Result<bool> {
        let cid = block::normalise(cid)?;
        if block::inline_data(&cid).is_some() {
            return Ok(true);
        }
        self.exists(&self.block_path(&cid)).await
    }

    async fn pin_for(&self, root: &Cid, owner: &Owner) -> Result<()> {
        let reference = Reference::new(block::normalise(root)?, owner.clone());
        let mut hold = self.inner.holds.hold();
        for cid in dag::walk(self, &reference.root, DagLimits::default()).await? {
            self.hold(&mut hold, cid).await;
        }
        dag::complete(self, &reference.root, DagLimits::default()).await?;
        let path = self.pin_path(&reference);
        let put = self.inner.store.put(&path, Bytes::new().into()).await;
        put.map(|_| ()).map_err(|e| failed(path.as_ref(), e))
    }

    async fn unpin_for(&self, root: &Cid, owner: &Owner) -> Result<bool> {
        let reference = Reference::new(block::normalise(root)?, owner.clone());
        let path = self.pin_path(&reference);
        let pinned = self.exists(&path).await?;
        self.remove(&path).await?;
        Ok(pinned)
    }

    async fn references(&self) -> Result<Vec<Reference>> {
        let mut references = Vec::new();
        self.each("pins", Reference::parse, |held, _| references.push(held))
            .await?;
        Ok(references)
    }

    async fn gc(&self) -> Result<Collected> {
        let _one = self.inner.collecting.lock().await;
        let _collection = self.inner.holds.collect();
        let now = SystemTime::now();
        let mut objects = Vec::new();
        self.each_block(|cid, meta| objects.push((cid, meta)))
            .await?;
        let mut kept = HashSet::new();
        for root in self.pins().await? {
            kept.extend(dag::walk(self, &root, DagLimits::default()).await?);
        }
        let mut collected = Collected::default();
        for (cid, meta) in objects {
            // An object from the future counts as young.
            let age = now
                .duration_since(meta.last_modified.into())
                .unwrap_or_default();
            if kept.contains(&cid) || age < self.inner.grace {
                continue;
            }
            let _gate = self.inner.gate.write().await;
            if !self.inner.holds.is_held(&cid) {
                self.remove(&self.block_path(&cid)).await?;
                collected.blocks += 1;
                collected.bytes += meta.size;
            }
        }
        Ok(collected)
    }

    async fn stat(&self) -> Result<Stat> {
        let mut stat = Stat {
            pins: self.pins().await?.len() as u64,
            ..Stat::default()
        };
        self.each_block(|_, meta| {
            stat.blocks += 1;
            stat.bytes += meta.size;
        })
        .await?;
        Ok(stat)
    }

    /// Reads every block. A damaged object is deleted, so that it counts as missing and can be put
    /// again; where evidence is wanted, turn on the bucket's versioning.
    async fn verify(&self) -> Result<Verified> {
        let mut all = Vec::new();
        self.each_block(|cid, _| all.push(cid)).await?;
        let mut found = Verified::default();
        for cid in all {
            match self.get_block(&cid).await {
                Ok(_) => {}
                Err(Error::Damaged(_)) => {
                    tracing::error!(%cid, "a stored block is damaged");
                    self.remove(&self.block_path(&cid)).await?;
                    found.damaged.push(cid);
                }
                Err(Error::NotFound(_)) => continue,
                Err(other) => return Err(other),
            }
            found.checked += 1;
        }
        found.missing = dag::missing(self).await?;
        Ok(found)
    }
}

struct S3Batch {
    vault: S3Vault,
    hold: Hold,
    putting: JoinSet<Result<()>>,
}

#[async_trait]
impl Batch for S3Batch {
    async fn put(&mut self, block: Block) -> Result<()> {
        if block::inline_data(block.cid()).is_some() {
            return Ok(());
        }
        self.vault.hold(&mut self.hold, *block.cid()).await;
        while self.putting.len() >= WIDTH {
            if let Some(done) = self.putting.join_next().await {
                done??;
            }
        }
        let vault = self.vault.clone();
        self.putting.spawn(async move { vault.put(&block).await });
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        while let Some(done) = self.putting.join_next().await {
            done??;
        }
        Ok(())
    }
}
