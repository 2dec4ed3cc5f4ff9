//! Acts on their way to the chain: how far they are, who pays, and when they may go.

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far an act is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Written down, not sent yet.
    Waiting,
    /// Its signer's own wallet is to send it.
    OwnWallet,
    /// Sent, not in a block yet.
    Pending,
    /// In a block.
    Included,
    /// In a block that will not be taken back.
    Final,
    /// The chain refused it; it did nothing.
    Failed,
    /// Its signer took it back before it was sent.
    Withdrawn,
}

impl Progress {
    /// The name used in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::OwnWallet => "own_wallet",
            Self::Pending => "pending",
            Self::Included => "included",
            Self::Final => "final",
            Self::Failed => "failed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// The longest that an act may wait for a low fee, seconds.
pub const LONGEST_WAIT: u64 = 7 * 86_400;

/// "When it is cheap": what an act waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct When {
    /// It is carried as soon as the chain's base fee is not above this, wei per unit of gas.
    pub max_fee_wei: u64,
    /// It is carried then at the latest, unix seconds; seven days ahead at most.
    pub until: u64,
}

/// Who pays for the transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payer {
    /// The hospital's relayer.
    #[default]
    Hospital,
    /// The person, with a wallet of their own.
    #[serde(rename = "self")]
    Own,
}

/// How the person who signed an act wants it carried; without a word, now and by the hospital.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wish {
    /// Wait for a low fee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Who pays.
    #[serde(default)]
    pub payer: Payer,
}

impl Wish {
    /// To be paid by the signer.
    #[must_use]
    pub fn own() -> Self {
        Self {
            when: None,
            payer: Payer::Own,
        }
    }

    /// To wait for a base fee of at most `max_fee_wei`, until `until` at the latest.
    #[must_use]
    pub fn cheap(max_fee_wei: u64, until: u64) -> Self {
        let when = When { max_fee_wei, until };
        Self {
            when: Some(when),
            payer: Payer::Hospital,
        }
    }
}

/// An act on its way to the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActView {
    /// Its digest.
    #[schema(value_type = String)]
    pub act: B256,
    /// What it does, for example `commit`.
    pub name: String,
    /// How far it is.
    pub progress: Progress,
    /// The transaction that carried it.
    #[schema(value_type = Option<String>)]
    pub tx: Option<B256>,
    /// Gas used by that transaction.
    pub gas: Option<u64>,
    /// The block it is in.
    pub block: Option<u64>,
    /// Why the chain refused it, or what became of an own transaction.
    pub error: Option<String>,
    /// The low fee that it waits for, while its progress is `waiting`.
    pub held: Option<When>,
    /// The transaction for an own wallet, shown only to the person who handed the act in.
    pub own: Option<OwnTransaction>,
}

/// A transaction that a person's own wallet sends. Any account may send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnTransaction {
    /// The chain (EIP-155).
    pub chain_id: u64,
    /// The contract.
    #[schema(value_type = String)]
    pub to: Address,
    /// The call, with every signature in it.
    #[schema(value_type = String)]
    pub data: Bytes,
    /// Wei that go with it: none.
    #[schema(value_type = String, example = "0x0")]
    pub value: U256,
    /// Gas that it would use, as estimated when the act was handed in.
    pub gas: u64,
    /// When the hospital's relayer carries the act, unless a block has it by then; unix seconds.
    pub relay_at: u64,
}

/// The transaction with which an own wallet carries an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SentForm {
    /// Its hash.
    #[schema(value_type = String)]
    pub tx: B256,
}

/// An approval taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WithdrawForm {
    /// The patient's index without the version, sealed and signed, DAG-CBOR.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub index: Option<Bytes>,
}

/// A signature alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Signature {
    /// 65 bytes, or what an ERC-1271 wallet takes.
    #[schema(value_type = String)]
    pub signature: Bytes,
}
