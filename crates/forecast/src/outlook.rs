//! What a node serves and a program shows: the fees of the next days, how sure they are, and when
//! to send. Plain data in, plain data out; the clock comes as an argument.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::advice::{self, Advice, Cost};
use crate::features::{LOOKBACK, Series, count};
use crate::history::History;
use crate::trained::Trained;
use crate::{Error, HORIZON};

/// Fees whose logarithm deviates less than this over four weeks are flat: nothing can be saved.
const FLAT_DEVIATION: f64 = 0.01;
/// A model older than this should be trained again, in days.
const STALE_MODEL_DAYS: i32 = 60;

/// One day ahead. Prices in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ahead {
    /// The day.
    pub date: Date,
    /// Days from the last known one, from 1.
    pub horizon: usize,
    /// The forecast.
    pub price_wei: f64,
    /// Lower end of the interval that should hold four of five outcomes.
    pub low_wei: Option<f64>,
    /// Upper end of the interval.
    pub high_wei: Option<f64>,
}

/// The fees of the next days as they are known at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// When it was made, in Unix seconds.
    pub made_at: u64,
    /// Last day of the history.
    pub as_of: Date,
    /// Price on that day, or the last known one, in wei per gas.
    pub now_wei: f64,
    /// The next days.
    pub days: Vec<Ahead>,
    /// What to do today with a week to the deadline.
    pub advice: Advice,
    /// Whether fees are so flat that a forecast is pointless.
    pub flat: bool,
    /// The model's name.
    pub model: String,
    /// Last day that the model was trained on.
    pub trained_to: Date,
    /// What a reader should know: missing days, an old model, an old history.
    pub notes: Vec<String>,
}

/// Forecast the days after the last one of a history.
///
/// Days without a price at its end widen the intervals: the model then starts from an older price.
///
/// # Errors
/// [`Error::TooShort`] for less than [`LOOKBACK`] days, or if the last of them have no price;
/// [`Error::Model`] for a model that cannot forecast.
pub fn outlook(history: &History, trained: &Trained, now: u64) -> Result<Outlook, Error> {
    let series = Series::new(history);
    let len = series.len();
    if len <= LOOKBACK {
        return Err(Error::TooShort {
            have: len,
            need: LOOKBACK + 1,
            purpose: "a forecast",
        });
    }
    let missing = (0..len)
        .rev()
        .take_while(|at| series.price(*at).is_none())
        .count();
    if missing >= HORIZON {
        let purpose = "a forecast: the last week has no price";
        return Err(Error::TooShort {
            have: len - missing,
            need: len,
            purpose,
        });
    }
    let (path, intervals) = trained.forecast(history, &series)?;
    let as_of = history.last();
    let days = (0..HORIZON).map(|step| {
        // Errors grow about with the square root of the days since the last known price.
        let wider = (count(step + 1 + missing) / count(step + 1)).sqrt();
        let interval = intervals[step]
            .interval()
            .map(|(low, high)| [low, high].map(|error| (path[step] + error * wider).exp()));
        Ahead {
            date: history.date(len + step),
            horizon: step + 1,
            price_wei: path[step].exp(),
            low_wei: interval.map(|[low, _]| low),
            high_wei: interval.map(|[_, high]| high),
        }
    });
    let days: Vec<Ahead> = days.collect();
    let now_wei = series.log(len - 1).exp();
    let flat = series.deviation(len - 1, 28) < FLAT_DEVIATION;
    let prices: Vec<f64> = days.iter().map(|day| day.price_wei).collect();
    let advice = if flat {
        Advice::Flat
    } else {
        advice::advise(now_wei, &prices, HORIZON)
    };
    Ok(Outlook {
        made_at: now,
        as_of,
        now_wei,
        days,
        advice,
        flat,
        model: trained.name().to_owned(),
        trained_to: trained.to,
        notes: notes(as_of, missing, trained.to, now),
    })
}

fn notes(as_of: Date, missing: usize, trained_to: Date, now: u64) -> Vec<String> {
    let mut notes = Vec::new();
    if missing > 0 {
        notes.push(format!(
            "the last {missing} days have no price; the intervals are wider for it"
        ));
    }
    if let Some(age) = age_days(as_of, now).filter(|age| *age > 1) {
        notes.push(format!(
            "the history ends {age} days ago, on {as_of}; the days below follow that one"
        ));
    }
    let since = trained_to.until(as_of).map_or(0, |span| span.get_days());
    if since > STALE_MODEL_DAYS {
        notes.push(format!(
            "the model was trained up to {trained_to}, {since} days before; train it again"
        ));
    }
    notes
}

/// Days from the end of a day to a time in Unix seconds; `None` if the time is not one.
#[must_use]
pub fn age_days(day: Date, now: u64) -> Option<i32> {
    let now = Timestamp::from_second(i64::try_from(now).ok()?).ok()?;
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    day.until(today).ok().map(|span| span.get_days())
}

/// A transaction to send.
#[derive(Clone, Copy, Debug)]
pub struct Transaction {
    /// Days until it must be sent, at most [`HORIZON`].
    pub within: usize,
    /// Gas it uses.
    pub gas: u64,
    /// On a rollup, the part that pays for its data on L1, in wei; it does not follow the
    /// rollup's own price.
    pub l1_data_fee_wei: f64,
    /// Price of one ether in the currency wanted.
    pub ether_price: Option<f64>,
}

/// When to send a transaction, and what that saves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// What to do.
    pub advice: Advice,
    /// The day to send on.
    pub send_on: Date,
    /// Cost at the last known price.
    pub cost_now: Cost,
    /// Cost forecast for the day to send on.
    pub cost_then: Cost,
    /// What waiting is forecast to save.
    pub saves: Cost,
    /// The part of both costs that pays for data on L1, which waiting does not change.
    pub l1_data_fee: Cost,
    /// How it stands with the forecast, for a person.
    pub reason: String,
}

impl Outlook {
    /// When to send a transaction.
    #[must_use]
    pub fn recommend(&self, transaction: Transaction) -> Recommendation {
        let Transaction {
            within,
            gas,
            l1_data_fee_wei,
            ether_price,
        } = transaction;
        let prices: Vec<f64> = self.days.iter().map(|day| day.price_wei).collect();
        let advice = if self.flat {
            Advice::Flat
        } else {
            advice::advise(self.now_wei, &prices, within)
        };
        let then = match advice {
            Advice::Wait { days, .. } => self.days.get(days - 1),
            Advice::SendNow | Advice::Flat => None,
        };
        let cost = |wei: f64| advice::cost(gas, wei, l1_data_fee_wei, ether_price);
        let cost_now = cost(self.now_wei);
        let cost_then = then.map_or(cost_now, |day| cost(day.price_wei));
        let money = cost_now.money.zip(cost_then.money);
        Recommendation {
            advice,
            send_on: then.map_or(self.as_of.saturating_add(1.day()), |day| day.date),
            cost_now,
            cost_then,
            saves: Cost {
                ether: cost_now.ether - cost_then.ether,
                money: money.map(|(now, then)| now - then),
            },
            l1_data_fee: advice::cost(0, 0.0, l1_data_fee_wei, ether_price),
            reason: self.reason(advice, within),
        }
    }

    fn reason(&self, advice: Advice, within: usize) -> String {
        match advice {
            Advice::Flat if self.flat => {
                "fees have not moved for four weeks; a forecast is pointless, send when you like"
                    .into()
            }
            Advice::Flat => format!("fees are forecast to move by less than 1 % in {within} days"),
            Advice::SendNow => format!("no day of the next {within} is forecast to be cheaper"),
            Advice::Wait { days, saves } => format!(
                "in {days} days the fee is forecast to be {:.0} % lower; ask again tomorrow",
                saves * 100.0
            ),
        }
    }
}
