//! Ending a record: the patient's side.

use acts::{Act, Deployment, WalletKey};
use alloy_primitives::Bytes;
use api::records::EraseOrder;

/// Sign an erasure. `index` is the patient's index without the record, sealed and signed.
#[must_use]
pub fn erase(controller: &WalletKey, at: &Deployment, deadline: u64, index: Bytes) -> EraseOrder {
    let address = controller.address();
    let act = Act::Erase {
        controller: address,
        deadline,
    };
    EraseOrder {
        controller: address,
        deadline,
        signature: act.sign(at, controller),
        index,
    }
}
