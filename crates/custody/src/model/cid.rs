//! Cid.

use cid::Cid;

use crate::model::error::{Error, Result};

/// Check sealed bytes against their CID.
///
/// # Errors
/// If they are others.
pub fn check_cid(cid: &Cid, sealed: &[u8]) -> Result<()> {
    if vault::file::cid_of_file(sealed)? == *cid {
        return Ok(());
    }
    Err(Error::Vault(vault::Error::Damaged(*cid)))
}

/// A CID from its text.
pub(crate) fn parse_cid(text: &str) -> Result<Cid> {
    text.parse()
        .map_err(|_| Error::invalid("cid", "this is no CID"))
}
