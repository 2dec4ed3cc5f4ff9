//! What acts cost now and in the next days.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a unit of gas costs at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Price {
    /// When the chain was asked, unix seconds.
    pub at: u64,
    /// The newest block then.
    pub block: u64,
    /// Burnt for each unit of gas, wei.
    pub base_fee_wei: u64,
    /// What has lately been enough for whoever makes the block, wei per unit of gas.
    pub priority_fee_wei: u64,
}

/// How it stands with the forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForecastState {
    /// There is a forecast, and it is up to date.
    Current,
    /// There is a forecast, but what it was made from could not be brought up to date since.
    Stale,
    /// There is no forecast yet: the history is too short, or is still being read.
    Learning,
    /// Fees do not move: there is nothing to wait for.
    Flat,
    /// This node does not forecast.
    Off,
}

/// What to do with an act that can wait a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Do {
    /// Send it now: no day of the next week is forecast to be cheaper.
    SendNow,
    /// Wait, and ask again tomorrow.
    Wait,
    /// It makes no difference.
    Flat,
}

/// Advice, and what following it is forecast to save.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdviceView {
    /// What to do.
    #[serde(rename = "do")]
    pub what: Do,
    /// For `wait`: days from the last day of the history to the cheapest one.
    pub days: Option<usize>,
    /// For `wait`: the share of the fee that waiting is forecast to save, 0 to 1.
    pub saves: Option<f64>,
}

/// One of the next days. Prices in wei per unit of gas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DayView {
    /// The day, for example `2025-03-01`, UTC.
    pub date: String,
    /// Days after the last one of the history, from 1.
    pub horizon: usize,
    /// The forecast of the day's mean.
    pub price_wei: f64,
    /// Lower end of the interval that should hold four of five outcomes.
    pub low_wei: Option<f64>,
    /// Its upper end.
    pub high_wei: Option<f64>,
}

/// Fees now and in the next seven days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastView {
    /// The chain.
    pub chain_id: u64,
    /// This moment's price; nothing if the endpoint does not answer.
    pub now: Option<Price>,
    /// What a unit of gas costs now in all, wei: at this moment, or on the last day of the history if
    /// the endpoint does not answer.
    pub now_wei: Option<f64>,
    /// How it stands with the forecast.
    pub state: ForecastState,
    /// Whether there is no use in waiting, because fees do not move.
    pub flat: bool,
    /// The state in words.
    pub reason: String,
    /// The last day of the history that the forecast was made from.
    pub as_of: Option<String>,
    /// That day's mean price, wei per unit of gas.
    pub as_of_wei: Option<f64>,
    /// When the forecast was made, unix seconds.
    pub made_at: Option<u64>,
    /// How long ago that was, seconds.
    pub age_s: Option<u64>,
    /// The next seven days; empty without a forecast.
    pub days: Vec<DayView>,
    /// What to do with an act that can wait a week.
    pub advice: Option<AdviceView>,
    /// The model.
    pub model: Option<String>,
    /// The last day that it was trained on.
    pub trained_to: Option<String>,
    /// What a reader should know besides: missing days, an old model, an old history.
    pub notes: Vec<String>,
}

/// What one unit of ether is worth, as this hospital's configuration says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fiat {
    /// The currency's code, for example `EUR`.
    pub currency: String,
    /// Units of it for one ether.
    pub per_ether: u64,
}

/// What a rollup charges on top for putting an act's bytes on its L1, wei, at most. It follows L1's
/// price, not the rollup's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct L1DataFees {
    /// A record's version.
    pub commit: u64,
    /// A grant.
    pub grant: u64,
    /// The end of one.
    pub revoke: u64,
    /// A request for access.
    pub request: u64,
}

/// What acts cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CostsView {
    /// Gas that acts use, as measured on a real chain.
    pub gas: Gas,
    /// Burnt for each unit of gas now, wei.
    pub base_fee_wei: u64,
    /// On top for whoever makes the block, wei.
    pub priority_fee_wei: u64,
    /// On top for the bytes on L1; nothing where the chain is no rollup that charges for them apart.
    pub l1_data_fee_wei: Option<L1DataFees>,
    /// What an ether is worth; nothing if the configuration does not say.
    pub fiat: Option<Fiat>,
}

/// Gas of the acts that people pay for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gas {
    /// A record's first version.
    pub commit: u64,
    /// A correction.
    pub correct: u64,
    /// A grant.
    pub grant: u64,
    /// The end of one.
    pub revoke: u64,
    /// A request for access.
    pub request: u64,
    /// A checkpoint of a hospital's log.
    pub checkpoint: u64,
    /// An erasure.
    pub erase: u64,
    /// A statement of a sealing key.
    pub publish_key: u64,
    /// A person's admission.
    pub admit_staff: u64,
    /// A patient's enrolment.
    pub enrol_patient: u64,
}
