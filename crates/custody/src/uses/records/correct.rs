//! Correction: a new version takes the place of the one before; history keeps all.
//!
//! ```text
//! committed version n ──upload that corrects it──► pending version n+1 ──patient approves──►
//! committed version n+1        (grants of version n go on to show version n, and say so)
//! ```
//!
//! A correction is an [`upload`](crate::upload) with `corrects`: the manifest names the commitment
//! before, [`approve`](crate::approve) finds the record's controller in the patient's index, and
//! the contract takes version n+1 only after version n. This module reads the history back.

use alloy_primitives::B256;
use api::records::Stage;

use crate::model::error::{Error, Result};
use crate::model::version::Version;
use crate::uses::hospital::Hospital;

impl Hospital {
    /// The versions of one record that entered it, oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there are none.
    pub async fn history(&self, patient: B256, series: B256) -> Result<Vec<Version>> {
        let mut versions = self.versions(patient, None).await?;
        versions.retain(|v| v.series == series && v.stage == Stage::Committed);
        versions.sort_by_key(|v| v.version);
        if versions.is_empty() {
            return Err(Error::NotFound("record"));
        }
        Ok(versions)
    }
}
