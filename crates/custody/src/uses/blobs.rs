//! Sealed bytes in and out of the vault.

use bytes::Bytes;
use cid::Cid;
use vault::Vault;

use crate::model::error::Result;

/// Store sealed bytes durably and pinned.
pub(crate) async fn keep(vault: &dyn Vault, sealed: Bytes) -> Result<Cid> {
    Ok(vault.put_file(vault::bytes_stream(sealed)).await?.cid)
}

/// Read a blob of at most `limit` bytes, verified against its CID.
pub(crate) async fn read(vault: &dyn Vault, cid: &Cid, limit: u64) -> Result<Vec<u8>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(vault::collect(vault.get_file(cid), limit).await?)
}

/// Read the first `len` bytes of a blob; fewer if it is shorter.
pub(crate) async fn start(vault: &dyn Vault, cid: &Cid, len: usize) -> Result<Vec<u8>> {
    Ok(vault::collect(vault.get_range(cid, 0..len as u64), len).await?)
}

/// Stop keeping a blob; its blocks go with the next collection.
pub(crate) async fn forget(vault: &dyn Vault, cid: &Cid) -> Result<()> {
    vault.unpin(cid).await?;
    Ok(())
}

/// Every blob that is kept.
pub(crate) async fn kept(vault: &dyn Vault) -> Result<Vec<Cid>> {
    Ok(vault.pins().await?)
}
