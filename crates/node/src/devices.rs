//! Which devices somebody has signed in from, so that a new one can be told.
//!
//! What is kept is a keyed digest of wallet and browser name: it recognises a device again and says
//! nothing else about it.

use alloy_primitives::{Address, B256};
use custody::model::document::{Batch, Document, Kind, Query};
use custody::model::error::StoreError;
use custody::ports::store::{Documents, Store};
use custody::uses::hospital::Hospital;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::watch::NewDevice;

/// Devices of one person that are remembered.
const REMEMBERED: u64 = 50;
/// How much of a browser's name counts, bytes.
const NAME_BYTES: usize = 300;

#[derive(Debug, Serialize, Deserialize)]
struct Device {
    wallet: Address,
    digest: B256,
    at: u64,
    /// Whether others were known before it.
    another: bool,
}

impl Device {
    fn id_of(wallet: Address, digest: B256) -> String {
        format!("{}/{}", hex::encode(wallet), hex::encode(digest))
    }
}

impl Document for Device {
    const KIND: Kind = Kind::Device;
    fn id(&self) -> String {
        Self::id_of(self.wallet, self.digest)
    }
    fn owner(&self) -> String {
        hex::encode(self.wallet)
    }
    fn state(&self) -> String {
        if self.another { "another" } else { "first" }.to_owned()
    }
}

/// Remember the device that `wallet` signed in from.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn seen(
    hospital: &Hospital,
    store: &dyn Store,
    wallet: Address,
    browser: &str,
) -> Result<(), StoreError> {
    let key = seal::derive::subkey(hospital.keys.root(), "device");
    let name = browser.as_bytes();
    let digest = Sha256::new()
        .chain_update(key.as_slice())
        .chain_update(wallet)
        .chain_update(&name[..name.len().min(NAME_BYTES)])
        .finalize();
    let digest = B256::from(<[u8; 32]>::from(digest));
    if store
        .load::<Device>(&Device::id_of(wallet, digest))
        .await?
        .is_some()
    {
        return Ok(());
    }
    let own = Query::of(Kind::Device).owner(hex::encode(wallet));
    let known = store.count(&own).await?;
    if known >= REMEMBERED {
        return Ok(());
    }
    let mut batch = Batch::new();
    batch.put(&Device {
        wallet,
        digest,
        at: crate::now(),
        another: known > 0,
    })?;
    store.apply(&batch).await
}

/// The devices that were new since `time`, of people who had others before.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn new_since(store: &dyn Store, time: u64) -> Result<Vec<NewDevice>, StoreError> {
    let others = Query::of(Kind::Device).state("another");
    let held = store.readable::<Device>(others).await?;
    let fresh = held.iter().map(|h| &h.document).filter(|d| d.at >= time);
    let new = fresh.map(|d| NewDevice {
        at: d.at,
        who: d.wallet,
    });
    Ok(new.collect())
}
