//! The Kubo engine: a Kubo daemon behind its [HTTP RPC].
//!
//! Kubo knows one pin for each root and not for whom it is. Where another institution has a share in
//! a pin, empty files in Kubo's own file tree (MFS) say so: `/stele/pins/CID.KEYID`, and
//! `/stele/pins/CID` when the pin is this node's as well. A pin without such files is this node's.
//!
//! [HTTP RPC]: https://docs.ipfs.tech/reference/kubo/rpc/

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;

use crate::block::{self, Block, MAX_BLOCK};
use crate::dag;
use crate::engine::{Batch, Collected, Stat, Vault, Verified};
use crate::owner::{Owner, Reference};
use crate::{Error, Result, http as wire};

const SERVICE: &str = "Kubo";
/// Longest JSON answer accepted, in bytes.
const MAX_JSON: usize = 64 << 20;
/// Where shares in pins are noted.
const SHARES: &str = "/stele/pins";

/// A vault in a Kubo daemon. Clones share it.
///
/// Kubo collects garbage only when told to, by [`Vault::gc`], its own command, or its
/// `Datastore.GCPeriod`; a batch is safe from this process's own collections, and the pin at the
/// end of an upload tells if any other took a block away.
#[derive(Clone)]
pub struct KuboVault {
    http: reqwest::Client,
    rpc: String,
    collecting: Arc<tokio::sync::RwLock<()>>,
    /// Pins and unpins one after the other, since a pin and its shares are several calls.
    pinning: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    key: String,
}

#[derive(Deserialize)]
struct Pins {
    #[serde(rename = "Keys", default)]
    keys: std::collections::BTreeMap<String, serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    entries: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    name: String,
}

#[derive(Deserialize)]
struct Removed {
    #[serde(rename = "Key")]
    key: Option<Link>,
    #[serde(rename = "Error", default)]
    error: String,
}

#[derive(Deserialize)]
struct Link {
    #[serde(rename = "/")]
    cid: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RepoStat {
    num_objects: u64,
    repo_size: u64,
}

impl KuboVault {
    /// The daemon whose RPC listens at `rpc`, for example `http://127.0.0.1:5001`.
    ///
    /// # Errors
    /// [`Error::Remote`], if no HTTP client can be made.
    pub fn new(rpc: &str) -> Result<Self> {
        let rpc = rpc.trim_end_matches('/').to_owned();
        Ok(Self {
            http: wire::client(SERVICE)?,
            rpc,
            collecting: Arc::default(),
            pinning: Arc::default(),
        })
    }

    fn url(&self, command: &str) -> String {
        format!("{}/api/v0/{command}", self.rpc)
    }

    async fn call(
        &self,
        command: &str,
        query: &[(&str, &str)],
        form: Option<Form>,
    ) -> Result<reqwest::Response> {
        let url = self.url(command);
        let mut request = self.http.post(&url).query(query);
        if let Some(form) = form {
            request = request.multipart(form);
        }
        wire::send(SERVICE, &url, request).await
    }

    async fn text(&self, command: &str, query: &[(&str, &str)]) -> Result<Bytes> {
        let response = self.call(command, query, None).await?;
        wire::body(SERVICE, &self.url(command), response, MAX_JSON).await
    }

    fn parse<'a, T: Deserialize<'a>>(&self, command: &str, bytes: &'a [u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|e| Error::Remote {
            service: SERVICE,
            url: self.url(command),
            why: format!("unexpected answer: {e}"),
        })
    }

    async fn put(&self, block: &Block) -> Result<()> {
        let codec = match block.cid().codec() {
            block::RAW => "raw",
            block::DAG_PB => "dag-pb",
            block::DAG_CBOR => "dag-cbor",
            _ => return Err(Error::UnsupportedCid(block.cid().to_string())),
        };
        let hash = match block.cid().hash().code() {
            block::SHA2_512 => "sha2-512",
            _ => "sha2-256",
        };
        let query = [
            ("cid-codec", codec),
            ("mhtype", hash),
            ("pin", "false"),
            ("allow-big-block", "true"),
        ];
        let form = Form::new().part(
            "data",
            Part::stream(block.data().clone()).file_name("block"),
        );
        let response = self.call("block/put", &query, Some(form)).await?;
        let answer = wire::body(SERVICE, &self.url("block/put"), response, MAX_JSON).await?;
        let put: Put = self.parse("block/put", &answer)?;
        if put.key.parse::<Cid>().ok().as_ref() != Some(block.cid()) {
            let why = format!("it named a block {} that is {}", put.key, block.cid());
            return Err(Error::Remote {
                service: SERVICE,
                url: self.url("block/put"),
                why,
            });
        }
        Ok(())
    }

    /// The roots that Kubo pins, whoever they are kept for, each with the name that Kubo has for it:
    /// others may have pinned it by its CIDv0.
    async fn recursive_pins(&self) -> Result<HashMap<Cid, Cid>> {
        let answer = self.text("pin/ls", &[("type", "recursive")]).await?;
        let pins: Pins = self.parse("pin/ls", &answer)?;
        let named = pins.keys.keys().filter_map(|key| key.parse::<Cid>().ok());
        // A daemon that others use too may pin what this crate does not read.
        Ok(named
            .filter_map(|cid| Some((block::normalise(&cid).ok()?, cid)))
            .collect())
    }

    /// Who shares in which pin, as far as that is noted. What is not pinned any longer may be noted.
    async fn shares(&self) -> Result<Vec<Reference>> {
        let answer = match self.text("files/ls", &[("arg", SHARES)]).await {
            Err(Error::Refused {
                status: 500, why, ..
            }) if why.contains("does not exist") => return Ok(Vec::new()),
            other => other?,
        };
        let listing: Listing = self.parse("files/ls", &answer)?;
        let entries = listing.entries.unwrap_or_default();
        Ok(entries
            .iter()
            .filter_map(|entry| Reference::parse(&entry.name))
            .collect())
    }

    async fn note_share(&self, reference: &Reference) -> Result<()> {
        let path = format!("{SHARES}/{}", reference.name());
        let query = [
            ("arg", path.as_str()),
            ("create", "true"),
            ("parents", "true"),
        ];
        let form = Form::new().part("data", Part::bytes(Vec::new()).file_name("share"));
        self.call("files/write", &query, Some(form)).await?;
        Ok(())
    }

    async fn forget_share(&self, reference: &Reference) -> Result<()> {
        let path = format!("{SHARES}/{}", reference.name());
        self.text("files/rm", &[("arg", &path), ("force", "true")])
            .await?;
        Ok(())
    }

    /// The owners of `root`, and those of them whose share is noted.
    async fn owners(&self, root: &Cid) -> Result<(Vec<Owner>, Vec<Owner>)> {
        let shares = self.shares().await?;
        let noted = shares.into_iter().filter(|held| held.root == *root);
        let noted: Vec<Owner> = noted.map(|held| held.owner).collect();
        let pinned = self.recursive_pins().await?.contains_key(root);
        let owners = match (pinned, noted.is_empty()) {
            (false, _) => Vec::new(),
            (true, true) => vec![Owner::THIS_NODE],
            (true, false) => noted.clone(),
        };
        Ok((owners, noted))
    }
}

/// What Kubo answers when it is asked for a block that it does not have, and may not look for.
fn not_found(error: Error, cid: &Cid) -> Error {
    match error {
        Error::Refused {
            status: 500, why, ..
        } if why.contains("not found") => Error::NotFound(*cid),
        other => other,
    }
}

#[async_trait]
impl Vault for KuboVault {
    fn engine(&self) -> &'static str {
        "kubo"
    }

    fn shared(&self) -> Arc<dyn Vault> {
        Arc::new(self.clone())
    }

    async fn begin(&self) -> Result<Box<dyn Batch>> {
        let hold = self.collecting.clone().read_owned().await;
        Ok(Box::new(KuboBatch {
            vault: self.clone(),
            putting: tokio::task::JoinSet::new(),
            _hold: hold,
        }))
    }

    async fn get_block(&self, cid: &Cid) -> Result<Bytes> {
        let cid = block::normalise(cid)?;
        if let Some(data) = block::inline_data(&cid) {
            return Ok(data);
        }
        let query = [("arg", cid.to_string()), ("offline", "true".to_owned())];
        let query: Vec<(&str, &str)> = query.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let response = self
            .call("block/get", &query, None)
            .await
            .map_err(|e| not_found(e, &cid))?;
        let data = wire::body(SERVICE, &self.url("block/get"), response, MAX_BLOCK).await?;
        Ok(Block::verified(&cid, data)?.into_data())
    }

    async fn has(&self, cid: &Cid) -> Result<bool> {
        let cid = block::normalise(cid)?;
        if block::inline_data(&cid).is_some() {
            return Ok(true);
        }
        let name = cid.to_string();
        match self
            .text("block/stat", &[("arg", &name), ("offline", "true")])
            .await
        {
            Ok(_) => Ok(true),
            Err(error) => match not_found(error, &cid) {
                Error::NotFound(_) => Ok(false),
                other => Err(other),
            },
        }
    }

    async fn pin_for(&self, root: &Cid, owner: &Owner) -> Result<()> {
        let root = block::normalise(root)?;
        // Asked first here, because Kubo would look for missing blocks on its network.
        dag::complete(self, &root, dag::DagLimits::default()).await?;
        let _order = self.pinning.lock().await;
        let (owners, noted) = self.owners(&root).await?;
        // This node's pin needs no note while it is alone; from the first share on it has one.
        let lone = owners == [Owner::THIS_NODE] && noted.is_empty();
        if *owner != Owner::THIS_NODE && lone {
            let own = Reference::new(root, Owner::THIS_NODE);
            self.note_share(&own).await?;
        }
        let needs_note = *owner != Owner::THIS_NODE || !noted.is_empty();
        if needs_note && !noted.contains(owner) {
            self.note_share(&Reference::new(root, owner.clone()))
                .await?;
        }
        let name = root.to_string();
        let pinned = self
            .text("pin/add", &[("arg", &name), ("offline", "true")])
            .await;
        pinned.map(|_| ()).map_err(|e| not_found(e, &root))
    }

    async fn unpin_for(&self, root: &Cid, owner: &Owner) -> Result<bool> {
        let root = block::normalise(root)?;
        let _order = self.pinning.lock().await;
        let (owners, noted) = self.owners(&root).await?;
        if !owners.contains(owner) {
            return Ok(false);
        }
        if owners.len() > 1 {
            self.forget_share(&Reference::new(root, owner.clone()))
                .await?;
            return Ok(true);
        }
        let name = self.recursive_pins().await?.remove(&root).unwrap_or(root);
        self.text("pin/rm", &[("arg", &name.to_string())]).await?;
        for owner in noted {
            self.forget_share(&Reference::new(root, owner)).await?;
        }
        Ok(true)
    }

    async fn references(&self) -> Result<Vec<Reference>> {
        let mut shares = HashMap::<Cid, Vec<Reference>>::new();
        for share in self.shares().await? {
            shares.entry(share.root).or_default().push(share);
        }
        let mut references = Vec::new();
        for root in self.recursive_pins().await?.into_keys() {
            match shares.remove(&root) {
                Some(owners) => references.extend(owners),
                None => references.push(Reference::new(root, Owner::THIS_NODE)),
            }
        }
        Ok(references)
    }

    async fn gc(&self) -> Result<Collected> {
        let _alone = self.collecting.write().await;
        let answer = self.text("repo/gc", &[]).await?;
        let mut collected = Collected::default();
        for line in answer
            .split(|&b| b == b'\n')
            .filter(|line| !line.is_empty())
        {
            let removed: Removed = self.parse("repo/gc", line)?;
            if !removed.error.is_empty() {
                return Err(Error::Remote {
                    service: SERVICE,
                    url: self.url("repo/gc"),
                    why: removed.error,
                });
            }
            collected.blocks += u64::from(removed.key.is_some_and(|key| !key.cid.is_empty()));
        }
        Ok(collected)
    }

    async fn stat(&self) -> Result<Stat> {
        let answer = self.text("repo/stat", &[]).await?;
        let stat: RepoStat = self.parse("repo/stat", &answer)?;
        let pins = self.pins().await?.len() as u64;
        Ok(Stat {
            blocks: stat.num_objects,
            bytes: stat.repo_size,
            pins,
        })
    }

    /// Reads what the pins lead to; Kubo's other blocks are Kubo's business.
    async fn verify(&self) -> Result<Verified> {
        dag::verify_pinned(self).await
    }
}

/// How many blocks are sent at the same time.
const WIDTH: usize = 4;

struct KuboBatch {
    vault: KuboVault,
    putting: tokio::task::JoinSet<Result<()>>,
    /// Keeps this process's collections away.
    _hold: tokio::sync::OwnedRwLockReadGuard<()>,
}

#[async_trait]
impl Batch for KuboBatch {
    async fn put(&mut self, block: Block) -> Result<()> {
        if block::inline_data(block.cid()).is_some() {
            return Ok(());
        }
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
