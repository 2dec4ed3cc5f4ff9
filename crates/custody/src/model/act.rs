//! Acts: what somebody signs and anybody may carry to the chain.
//!
//! An act is the EIP-712 struct of `contracts/eip712.json` with the signatures it needs. Its id is
//! the digest that is signed: the same act has the same id however often it is sent, which makes
//! relaying idempotent.

use acts::{Deployment, SignedAct};
use alloy_primitives::U256;
use alloy_primitives::{Address, B256, Bytes};
use api::acts::{ActView, OwnTransaction, Progress, When};
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind};

/// An act on its way, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// The act's digest.
    pub id: B256,
    /// The act with its signatures.
    pub signed: SignedAct,
    /// How far it is.
    pub progress: Progress,
    /// The transaction that carried it.
    pub tx: Option<B256>,
    /// Gas used.
    pub gas: Option<u64>,
    /// The block it is in.
    pub block: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was written down.
    pub created_at: u64,
    /// The person who handed it in; nobody for the institution's own.
    #[serde(default)]
    pub by: Option<Address>,
    /// The low fee that it waits for.
    #[serde(default)]
    pub held: Option<When>,
    /// The call for its signer's own wallet, if that pays.
    #[serde(default)]
    pub own: Option<OwnCall>,
}

impl Errand {
    /// An act that still has to be sent.
    #[must_use]
    pub fn new(signed: SignedAct, at: &Deployment, now: u64) -> Self {
        Self {
            id: signed.act.digest(at),
            signed,
            progress: Progress::Waiting,
            tx: None,
            gas: None,
            block: None,
            error: None,
            created_at: now,
            by: None,
            held: None,
            own: None,
        }
    }
}

impl Document for Errand {
    const KIND: Kind = Kind::Errand;

    fn id(&self) -> String {
        hex::encode(self.id)
    }

    fn state(&self) -> String {
        self.progress.name().to_owned()
    }

    fn due_at(&self) -> u64 {
        if self.is_done() {
            0
        } else {
            self.created_at.max(1)
        }
    }
}

/// The call that a person's own wallet sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnCall {
    /// The contract.
    pub to: Address,
    /// The call with the signatures in it.
    pub data: Bytes,
    /// Gas that it would use, as estimated when it was handed in.
    pub gas: u64,
    /// When the hospital's relayer takes it, unless a block has it by then.
    pub relay_at: u64,
}

impl Errand {
    /// Whether nothing will happen to it any more.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(
            self.progress,
            Progress::Final | Progress::Failed | Progress::Withdrawn
        )
    }

    /// Whether it has not left this node, and would not within moments.
    pub(crate) fn rests(&self) -> bool {
        self.held.is_some() || self.progress == Progress::OwnWallet
    }

    /// From here on the hospital's relayer carries it.
    pub(crate) fn relay(&mut self) {
        self.held = None;
        self.own = None;
        self.tx = None;
        self.error = None;
        self.progress = Progress::Waiting;
    }

    pub(crate) fn withdraw(&mut self) {
        self.held = None;
        self.own = None;
        self.progress = Progress::Withdrawn;
    }
}

/// The longest that a signature may still be carried to the chain after it was made, seconds.
pub const SIGNATURE_TTL: u64 = 3600;

impl Errand {
    /// The act as `caller` sees it: with the call for an own wallet, if it is the caller's.
    #[must_use]
    pub fn view_for(self, caller: Address, at: &Deployment) -> ActView {
        let own = self.own.clone().filter(|_| self.by == Some(caller));
        let own = own.map(|own| OwnTransaction {
            chain_id: at.chain_id,
            to: own.to,
            data: own.data,
            value: U256::ZERO,
            gas: own.gas,
            relay_at: own.relay_at,
        });
        ActView {
            own,
            ..ActView::from(self)
        }
    }
}

impl From<Errand> for ActView {
    fn from(errand: Errand) -> Self {
        Self {
            act: errand.id,
            name: errand.signed.act.name().to_owned(),
            progress: errand.progress,
            tx: errand.tx,
            gas: errand.gas,
            block: errand.block,
            error: errand.error,
            held: errand.held,
            own: None,
        }
    }
}
