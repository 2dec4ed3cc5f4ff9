//! Who is calling: what the chain and this hospital know about a wallet that has signed in.

use alloy_primitives::{Address, B256};
use api::session::{Staff, Who};
use serde::{Deserialize, Serialize};

/// What a signed-in wallet is. One wallet can be several things: a doctor is a patient somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The wallet.
    pub wallet: Address,
    /// The registrar named by the contracts.
    pub registrar: bool,
    /// The wallet of the institution that runs this node, admitted and not suspended.
    pub institution: bool,
    /// Active staff of an institution.
    pub staff: Option<Staff>,
    /// A patient enrolled here, by the patient's commitment.
    pub patient: Option<B256>,
    /// The session in which it calls, if it does so in one.
    pub session: Option<B256>,
}

impl Caller {
    /// A wallet with no role.
    #[must_use]
    pub fn guest(wallet: Address) -> Self {
        Self {
            wallet,
            registrar: false,
            institution: false,
            staff: None,
            patient: None,
            session: None,
        }
    }
}

impl From<Caller> for Who {
    fn from(caller: Caller) -> Self {
        let Caller {
            wallet,
            registrar,
            institution,
            staff,
            patient,
            ..
        } = caller;
        Self {
            wallet,
            registrar,
            institution,
            staff,
            patient,
        }
    }
}
