//! What writing to the chain costs now, and what it will cost in the next days.
//!
//! The price of this moment is asked of the chain when somebody wants to know; the days ahead come
//! from a history of fees that a job keeps current ([`crate::fee_history`]) and from the model that ships with
//! the program. What was good stays good until something better is known: if the endpoint is silent
//! the last forecast is shown, with its age.

use api::fees::{
    AdviceView, CostsView, DayView, Do, Fiat, ForecastState, ForecastView, L1DataFees, Price,
};

mod gas;

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use forecast::outlook::{Outlook, age_days};
use forecast::{HORIZON, advice};

use crate::chain::LedgerChain;
use crate::config::FeesConfig;

/// The file of the last good forecast.
pub(crate) const LAST: &str = "forecast.json";

/// Chain ids of developers' chains (Anvil and Hardhat, Ganache): their ether is play money.
const PLAY_MONEY: [u64; 2] = [31_337, 1_337];

/// How long the price of this moment is good: a slot of the main network.
const LIVE: Duration = Duration::from_secs(12);

/// A history that ends more days ago than this is no longer current. The day under way is not over.
const CURRENT_DAYS: i32 = 2;

/// The forecast that an earlier run kept, if it is one.
fn kept(folder: &Path) -> Option<Outlook> {
    let bytes = std::fs::read(folder.join(LAST)).ok()?;
    let outlook: Outlook = serde_json::from_slice(&bytes).ok()?;
    (outlook.days.len() == HORIZON).then_some(outlook)
}

/// Both parts, wei per unit of gas. Exact below 2^53 wei, which is nine million gwei.
#[expect(clippy::cast_precision_loss, reason = "no fee comes near")]
fn total(price: Price) -> f64 {
    price.base_fee_wei.saturating_add(price.priority_fee_wei) as f64
}

/// What is known of the history and of the days ahead.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) outlook: Option<Outlook>,
    /// Full days in the history.
    pub(crate) days: usize,
    /// Blocks read of all that are to be read, while a first history is being built.
    pub(crate) reading: Option<(u64, u64)>,
    /// What kept the history from being brought up to date, for people.
    pub(crate) problem: Option<&'static str>,
}

/// The fees of the chain of one node.
pub(crate) struct Fees {
    pub(crate) config: FeesConfig,
    chain_id: u64,
    pub(crate) folder: PathBuf,
    pub(crate) known: RwLock<Known>,
    live: tokio::sync::Mutex<Option<(Instant, Price)>>,
    live_l1: tokio::sync::Mutex<Option<(Instant, Option<L1DataFees>)>>,
}

impl Fees {
    /// With what was kept in `folder` by an earlier run.
    pub(crate) fn open(config: FeesConfig, chain_id: u64, folder: PathBuf) -> Self {
        let known = Known {
            outlook: kept(&folder),
            ..Known::default()
        };
        Self {
            config,
            chain_id,
            folder,
            known: RwLock::new(known),
            live: tokio::sync::Mutex::new(None),
            live_l1: tokio::sync::Mutex::new(None),
        }
    }

    fn is_play_money(&self) -> bool {
        PLAY_MONEY.contains(&self.chain_id)
    }

    /// Whether there is anything to forecast here.
    pub(crate) fn forecasts(&self) -> bool {
        self.config.forecast && !self.is_play_money()
    }

    fn known(&self) -> Known {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn learn(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// This moment's price, asked at most once in twelve seconds however many want to know.
    ///
    /// # Errors
    /// If the endpoint does not answer.
    pub(crate) async fn now(&self, chain: &LedgerChain) -> ledger::Result<Price> {
        let mut live = self.live.lock().await;
        if let Some((_, price)) = live.filter(|(asked, _)| asked.elapsed() < LIVE) {
            return Ok(price);
        }
        let price = chain.price().await?;
        *live = Some((Instant::now(), price));
        Ok(price)
    }

    /// What bytes on L1 cost now, asked as seldom.
    async fn l1(&self, chain: &LedgerChain) -> ledger::Result<Option<L1DataFees>> {
        let mut live = self.live_l1.lock().await;
        if let Some((_, fees)) = live.filter(|(asked, _)| asked.elapsed() < LIVE) {
            return Ok(fees);
        }
        let fees = chain.l1_data_fees().await?;
        *live = Some((Instant::now(), fees));
        Ok(fees)
    }

    /// What acts cost now.
    ///
    /// # Errors
    /// If the endpoint does not answer.
    pub(crate) async fn costs(&self, chain: &LedgerChain) -> ledger::Result<CostsView> {
        let price = self.now(chain).await?;
        let config = &self.config;
        let fiat = (config.ether_price > 0).then(|| Fiat {
            currency: config.currency.clone(),
            per_ether: config.ether_price,
        });
        Ok(CostsView {
            gas: *gas::measured(),
            base_fee_wei: price.base_fee_wei,
            priority_fee_wei: price.priority_fee_wei,
            l1_data_fee_wei: self.l1(chain).await?,
            fiat,
        })
    }

    /// Fees now and in the next days, as far as they are known.
    pub(crate) async fn view(&self, chain: &LedgerChain) -> ForecastView {
        let now = self.now(chain).await.ok();
        self.told(now, self.known(), crate::now())
    }

    fn told(&self, now: Option<Price>, known: Known, at: u64) -> ForecastView {
        let outlook = known.outlook.as_ref().filter(|_| self.forecasts());
        let (state, reason) = self.state(&known, outlook, at);
        let flat = state == ForecastState::Flat;
        let advice = outlook.map(|outlook| advice_view(outlook.advice));
        let pointless = AdviceView {
            what: Do::Flat,
            days: None,
            saves: None,
        };
        ForecastView {
            chain_id: self.chain_id,
            now,
            now_wei: now.map(total).or(outlook.map(|o| o.now_wei)),
            state,
            flat,
            reason,
            as_of: outlook.map(|outlook| outlook.as_of.to_string()),
            as_of_wei: outlook.map(|outlook| outlook.now_wei),
            made_at: outlook.map(|outlook| outlook.made_at),
            age_s: outlook.map(|outlook| at.saturating_sub(outlook.made_at)),
            days: outlook.map(days).unwrap_or_default(),
            advice: if flat { Some(pointless) } else { advice },
            model: outlook.map(|outlook| outlook.model.clone()),
            trained_to: outlook.map(|outlook| outlook.trained_to.to_string()),
            notes: outlook.map(|o| o.notes.clone()).unwrap_or_default(),
        }
    }

    fn state(&self, known: &Known, outlook: Option<&Outlook>, at: u64) -> (ForecastState, String) {
        if self.is_play_money() {
            let reason = "this is a developers' chain: its ether is play money, and its fees follow \
                 nobody's demand; send when you like";
            return (ForecastState::Flat, reason.to_owned());
        }
        if !self.config.forecast {
            let reason = "this node does not forecast fees (fees.forecast in its configuration)";
            return (ForecastState::Off, reason.to_owned());
        }
        let Some(outlook) = outlook else {
            return (ForecastState::Learning, learning(known));
        };
        let old = age_days(outlook.as_of, at).is_some_and(|days| days > CURRENT_DAYS);
        if let Some(problem) = known.problem.or(old.then_some("the history is old")) {
            let reason = format!("{problem}; this is the last good forecast");
            return (ForecastState::Stale, reason);
        }
        if outlook.flat {
            let reason = "fees have not moved for four weeks; send when you like";
            return (ForecastState::Flat, reason.to_owned());
        }
        let reason = format!("made from the fees up to {}", outlook.as_of);
        (ForecastState::Current, reason)
    }
}

fn learning(known: &Known) -> String {
    let need = forecast::features::LOOKBACK + 1;
    match (known.problem, known.reading) {
        (Some(problem), _) => format!("there is no forecast yet: {problem}"),
        (None, Some((done, of))) if of > 0 => {
            format!("the history of fees is being read: {} %", done * 100 / of)
        }
        _ => format!(
            "a forecast needs {need} days of fees, and {} are known",
            known.days
        ),
    }
}

fn advice_view(advice: advice::Advice) -> AdviceView {
    let (what, days, saves) = match advice {
        advice::Advice::SendNow => (Do::SendNow, None, None),
        advice::Advice::Wait { days, saves } => (Do::Wait, Some(days), Some(saves)),
        advice::Advice::Flat => (Do::Flat, None, None),
    };
    AdviceView { what, days, saves }
}

fn days(outlook: &Outlook) -> Vec<DayView> {
    let ahead = outlook.days.iter().take(HORIZON);
    ahead
        .map(|day| DayView {
            date: day.date.to_string(),
            horizon: day.horizon,
            price_wei: day.price_wei,
            low_wei: day.low_wei,
            high_wei: day.high_wei,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fees(chain_id: u64, forecast: bool) -> Fees {
        let config = FeesConfig {
            forecast,
            ..FeesConfig::default()
        };
        Fees::open(config, chain_id, PathBuf::from("/nowhere"))
    }

    fn outlook(flat: bool) -> Outlook {
        let day = |horizon: usize| {
            format!(
                r#"{{"date":"2025-03-0{}","horizon":{horizon},"price_wei":1e9,"low_wei":5e8,"high_wei":2e9}}"#,
                horizon + 1
            )
        };
        let days: Vec<String> = (1..=7).map(day).collect();
        let text = format!(
            r#"{{"made_at":1740873600,"as_of":"2025-03-01","now_wei":2e9,"days":[{}],
            "advice":{{"do":"wait","days":2,"saves":0.5}},"flat":{flat},"model":"quantile-blend",
            "trained_to":"2025-01-01","notes":[]}}"#,
            days.join(",")
        );
        serde_json::from_str(&text).unwrap()
    }

    /// 2 March 2025, a little after midnight.
    const NOW: u64 = 1_740_873_660;

    fn told(fees: &Fees, known: Known, at: u64) -> ForecastView {
        fees.told(None, known, at)
    }

    #[test]
    fn a_forecast_is_told_with_its_advice_and_its_age() {
        let known = Known {
            outlook: Some(outlook(false)),
            ..Known::default()
        };
        let view = told(&fees(1, true), known, NOW);
        assert_eq!(view.state, ForecastState::Current);
        assert_eq!((view.days.len(), view.age_s), (7, Some(60)));
        let advice = view.advice.unwrap();
        assert_eq!((advice.what, advice.days), (Do::Wait, Some(2)));
    }

    #[test]
    fn what_is_old_or_could_not_be_renewed_says_so() {
        let known = Known {
            outlook: Some(outlook(false)),
            problem: Some("the Ethereum endpoint does not answer"),
            ..Known::default()
        };
        let view = told(&fees(1, true), known, NOW);
        assert_eq!((view.state, view.days.len()), (ForecastState::Stale, 7));
        assert!(view.reason.contains("does not answer"));
        let known = Known {
            outlook: Some(outlook(false)),
            ..Known::default()
        };
        let view = told(&fees(1, true), known, NOW + 4 * 86_400);
        assert_eq!(view.state, ForecastState::Stale);
    }

    #[test]
    fn flat_fees_and_play_money_say_that_waiting_is_pointless() {
        let known = || Known {
            outlook: Some(outlook(true)),
            ..Known::default()
        };
        let view = told(&fees(1, true), known(), NOW);
        assert!(view.flat && view.advice.unwrap().what == Do::Flat);
        let view = told(&fees(31_337, true), known(), NOW);
        assert!(view.flat && view.days.is_empty());
        assert!(view.reason.contains("play money"));
    }

    #[test]
    fn without_a_forecast_there_is_a_reason() {
        let off = told(&fees(1, false), Known::default(), NOW);
        assert_eq!(off.state, ForecastState::Off);
        let known = Known {
            reading: Some((50, 200)),
            ..Known::default()
        };
        let view = told(&fees(1, true), known, NOW);
        assert_eq!(view.state, ForecastState::Learning);
        assert!(view.reason.contains("25 %"));
        let known = Known {
            days: 7,
            ..Known::default()
        };
        assert!(told(&fees(1, true), known, NOW).reason.contains("7 are"));
    }
}
