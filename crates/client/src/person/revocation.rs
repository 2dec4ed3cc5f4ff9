//! Taking a grant back: the patient's side.

use acts::{Act, Deployment, WalletKey};
use alloy_primitives::B256;
use api::consent::RevokeMessage;

/// Sign a revocation. It has no deadline: whoever carries it, whenever, the grant ends.
#[must_use]
pub fn revoke(controller: &WalletKey, at: &Deployment, grant: B256) -> RevokeMessage {
    let act = Act::Revoke {
        controller: controller.address(),
        id: grant,
    };
    RevokeMessage {
        controller: controller.address(),
        grant,
        signature: act.sign(at, controller),
    }
}
