//! Acts with their signatures.

use alloy_primitives::Bytes;
use serde::{Deserialize, Serialize};

use crate::domain::Deployment;
use crate::generated::Act;
use crate::statement::Call;
use crate::wallet::WalletKey;

/// An act with its signatures, in the order in which the contract takes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedAct {
    /// The act.
    pub act: Act,
    /// The signatures.
    pub signatures: Vec<Bytes>,
}

impl SignedAct {
    /// The call that carries it.
    #[must_use]
    pub fn call(&self, at: &Deployment) -> Call {
        self.act.call(at, &self.signatures)
    }
}

impl Act {
    /// Its name in documents and requests.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind().name
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, at: &Deployment, key: &WalletKey) -> Bytes {
        Bytes::copy_from_slice(&key.sign(self.digest(at)))
    }
}
