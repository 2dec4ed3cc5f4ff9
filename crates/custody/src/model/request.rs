//! Request.

use alloy_primitives::{Address, B256};
use api::consent::{RequestMessage, RequestView};
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind, hex_id};

/// A request as a node keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its id, which is on chain.
    pub id: B256,
    /// The patient's commitment.
    pub patient: B256,
    /// Who asks.
    pub requester: Address,
    /// The message.
    pub message: RequestMessage,
    /// When it came, unix seconds.
    pub received_at: u64,
    /// The grant that answers it.
    pub answer: Option<B256>,
    /// Whether it still has to be brought to the patient's node.
    pub owed: bool,
}

impl Document for Request {
    const KIND: Kind = Kind::Request;
    fn id(&self) -> String {
        hex_id(self.id)
    }
    fn owner(&self) -> String {
        hex_id(self.patient)
    }
    fn due_at(&self) -> u64 {
        if self.owed {
            self.received_at.max(1)
        } else {
            0
        }
    }
}

impl From<Request> for RequestView {
    fn from(document: Request) -> Self {
        Self {
            id: document.id,
            patient: document.patient,
            requester: document.requester,
            message: document.message,
            received_at: document.received_at,
            answer: document.answer,
            owed: document.owed,
        }
    }
}
