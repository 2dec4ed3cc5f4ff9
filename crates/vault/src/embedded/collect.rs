//! Garbage collection and the verification scan.

use std::collections::HashSet;

use cid::Cid;

use super::EmbeddedVault;
use crate::dag::{self, DagLimits};
use crate::engine::{Collected, Vault, Verified};
use crate::{Error, Result};

/// Removes what no pin and no hold keeps.
pub(super) async fn gc(vault: &EmbeddedVault) -> Result<Collected> {
    // From here on holds only grow, so that whatever is pinned after the list of pins was taken
    // is still held when its blocks come up.
    let collection = vault.inner.holds.collect();
    let mut kept = HashSet::new();
    for root in vault.pins().await? {
        kept.extend(dag::walk(vault, &root, DagLimits::default()).await?);
    }
    let holds = vault.inner.holds.clone();
    let collected = vault
        .on_disk(move |disk| {
            let mut collected = Collected::default();
            disk.for_each_block(|cid, _| {
                if kept.contains(&cid) {
                    return Ok(());
                }
                if let Some(freed) = holds.unless_held(&cid, || disk.remove(&cid)) {
                    collected.bytes += freed?;
                    collected.blocks += 1;
                }
                Ok(())
            })?;
            disk.sync_shards()?;
            Ok(collected)
        })
        .await?;
    drop(collection);
    Ok(collected)
}

/// Reads every block, then looks what the pins lack.
pub(super) async fn verify(vault: &EmbeddedVault) -> Result<Verified> {
    let (checked, mut damaged) = vault
        .on_disk(|disk| {
            let (mut checked, mut damaged) = (0, Vec::<Cid>::new());
            disk.for_each_block(|cid, _| {
                match disk.read_verified(&cid) {
                    Ok(_) => {}
                    Err(Error::Damaged(cid)) => damaged.push(cid),
                    Err(Error::NotFound(_)) => return Ok(()),
                    Err(other) => return Err(other),
                }
                checked += 1;
                Ok(())
            })?;
            Ok((checked, damaged))
        })
        .await?;
    damaged.sort();
    Ok(Verified {
        checked,
        damaged,
        missing: dag::missing(vault).await?,
    })
}
