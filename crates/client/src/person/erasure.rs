//! Erasure.

use acts::Act;
use acts::Deployment;
use acts::WalletKey;
use alloy_primitives::Bytes;
use api::records::EraseOrder;
use custody::model::document::Document;
use custody::ports::store::Documents;



impl EraseOrder {
    /// Sign an erasure: the patient's side.
    #[must_use]
    pub fn new(controller: &WalletKey, at: &Deployment, deadline: u64, index: Bytes) -> Self {
        let address = controller.address();
        let signature = Act::Erase {
            controller: address,
            deadline,
        }
        .sign(at, controller);
        Self {
            controller: address,
            deadline,
            signature,
            index,
        }
    }
}
