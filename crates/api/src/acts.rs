//! Acts.

use acts::Act;
use custody::model::document::Document;
use custody::model::error::Error;
use custody::model::error::Result;
use custody::ports::store::Documents;
use custody::uses::acts::carry::MARGIN;
use custody::uses::hospital::Hospital;
use serde::Deserialize;
use serde::Serialize;
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

impl When {
    pub(crate) fn check(self, act: &Act, now: u64) -> Result<()> {
        let wrong = |reason: String| Err(Error::invalid("when", reason));
        if self.until <= now || self.until > now + LONGEST_WAIT {
            return wrong("until lies between now and seven days from now".to_owned());
        }
        match act.deadline() {
            Some(deadline) if self.until + MARGIN > deadline => wrong(format!(
                "what was signed ends at {deadline}; until has to lie {MARGIN} s before that"
            )),
            _ => Ok(()),
        }
    }
}
