//! History.

use acts::Deployment;
use alloy_primitives::B256;
use custody::model::error::Result;
use record::Manifest;

use crate::person::approval::OpenedVersion;

/// Check that opened versions, oldest first, are the history of one record.
///
/// # Errors
/// If a version does not follow the one before it.
pub fn verify_history(at: &Deployment, versions: &[OpenedVersion]) -> Result<()> {
    let history: Vec<(Manifest, B256)> = versions
        .iter()
        .map(|v| (v.manifest.clone(), v.commitment))
        .collect();
    let signed = record::verify_history(&history, &at.records())?;
    signed.into_iter().try_for_each(|s| s.by_key())?;
    Ok(())
}
