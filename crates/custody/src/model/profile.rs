//! Profile.

use alloy_primitives::Address;
use api::people::ProfileView;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind};

/// A profile as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The wallet.
    pub wallet: Address,
    /// What is set.
    pub set: ProfileView,
}

impl Document for Profile {
    const KIND: Kind = Kind::Profile;
    fn id(&self) -> String {
        hex::encode(self.wallet)
    }
}
