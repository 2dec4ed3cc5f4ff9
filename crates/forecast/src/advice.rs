//! When to send: from a forecast to an instruction, and what following it would have saved.

use serde::{Deserialize, Serialize};

use crate::HORIZON;
use crate::backtest::Backtest;
use crate::features::{Series, count};

/// What to do today.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Advice {
    /// Send now: nothing within the deadline is forecast to be cheaper.
    SendNow,
    /// Wait, and ask again tomorrow: the cheapest day is forecast to be this many days away.
    Wait {
        /// Days from today, from 1.
        days: usize,
        /// Share of today's fee that waiting is forecast to save.
        saves: f64,
    },
    /// It does not matter: fees move by less than a hundredth.
    Flat,
}

/// Below this share a saving is not worth a wait.
const WORTH_WAITING: f64 = 0.01;

/// What to do today with `left` days to the deadline, given today's price and the forecasts of the
/// next days, all in the same unit.
#[must_use]
pub fn advise(now: f64, forecasts: &[f64], left: usize) -> Advice {
    let ahead = &forecasts[..left.min(forecasts.len())];
    let lowest = ahead.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
    let spread = ahead
        .iter()
        .map(|price| (price / now - 1.0).abs())
        .fold(0.0, f64::max);
    match lowest {
        Some((step, price)) if *price < now * (1.0 - WORTH_WAITING) => Advice::Wait {
            days: step + 1,
            saves: 1.0 - price / now,
        },
        Some(_) if spread < WORTH_WAITING => Advice::Flat,
        _ => Advice::SendNow,
    }
}

/// What a user would have paid who asked every day and followed the advice, one transaction for
/// every day of a span, each with [`HORIZON`] days to its deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Savings {
    /// Transactions counted.
    pub n: usize,
    /// Share of the fee saved against sending at once.
    pub saved_share: f64,
    /// Share that perfect hindsight would have saved.
    pub hindsight_share: f64,
}

/// Follow a backtest's advice over the origins `from..to`.
#[must_use]
pub fn savings(backtest: &Backtest, series: &Series, from: usize, to: usize) -> Savings {
    let paths = paths(backtest, to);
    let (mut n, mut at_once, mut followed, mut best) = (0, 0.0, 0.0, 0.0);
    for start in from..to.saturating_sub(HORIZON) {
        let prices: Option<Vec<f64>> = (start..=start + HORIZON)
            .map(|day| series.price(day))
            .collect();
        let Some(prices) = prices else { continue };
        let stop = (0..HORIZON).find(|&waited| {
            paths
                .get(start + waited)
                .and_then(Option::as_ref)
                .is_none_or(|path| {
                    !matches!(
                        advise(prices[waited], path, HORIZON - waited),
                        Advice::Wait { .. }
                    )
                })
        });
        n += 1;
        at_once += prices[0];
        followed += prices[stop.unwrap_or(HORIZON)];
        best += prices.iter().copied().fold(f64::INFINITY, f64::min);
    }
    if n == 0 {
        return Savings::default();
    }
    Savings {
        n,
        saved_share: 1.0 - followed / at_once,
        hindsight_share: 1.0 - best / at_once,
    }
}

/// The forecasts made on each day.
fn paths(backtest: &Backtest, to: usize) -> Vec<Option<[f64; HORIZON]>> {
    let mut paths = vec![None; to];
    for forecast in backtest
        .forecasts
        .iter()
        .filter(|forecast| forecast.origin < to)
    {
        paths[forecast.origin].get_or_insert([0.0; HORIZON])[forecast.horizon - 1] = forecast.price;
    }
    paths
}

/// What a transaction costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// In ether.
    pub ether: f64,
    /// In the currency of the price that was given.
    pub money: Option<f64>,
}

/// Cost of `gas` at a price in wei per gas, plus the part that a rollup pays to L1, in wei.
#[must_use]
pub fn cost(gas: u64, wei_per_gas: f64, l1_part_wei: f64, ether_price: Option<f64>) -> Cost {
    let gas = count(usize::try_from(gas).unwrap_or(usize::MAX));
    let ether = (gas * wei_per_gas + l1_part_wei) / 1e18;
    Cost {
        ether,
        money: ether_price.map(|price| ether * price),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_only_for_what_is_cheaper_and_in_time() {
        assert_eq!(advise(10.0, &[11.0, 12.0], 7), Advice::SendNow);
        assert_eq!(advise(10.0, &[10.02, 9.99], 7), Advice::Flat);
        let wait = advise(10.0, &[11.0, 8.0, 5.0], 2);
        assert!(matches!(wait, Advice::Wait { days: 2, saves } if (saves - 0.2).abs() < 1e-9));
        assert_eq!(advise(10.0, &[5.0], 0), Advice::SendNow);
    }

    #[test]
    fn costs_add_the_part_paid_to_l1() {
        let cost = cost(90_000, 2e9, 2e13, Some(3000.0));
        assert!((cost.ether - 0.0002).abs() < 1e-12);
        assert!(cost.money.is_some_and(|money| (money - 0.6).abs() < 1e-9));
    }
}
