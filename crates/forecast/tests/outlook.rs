//! Training, the model file, the outlook and its advice, on histories made up from a formula.
#![allow(clippy::unwrap_used, reason = "a test")]

use forecast::advice::Advice;
use forecast::history::{Day, History};
use forecast::outlook::{Outlook, Transaction, outlook};
use forecast::trained::{Kind, Trained, train};
use forecast::{Error, HORIZON};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use proptest::prelude::*;

/// Noon of the day after the last one of [`history`]`(500, …)`.
const NOW: u64 = 1_715_774_400;

/// Prices around 20 gwei that swing by the week, wander, and jump by a fixed pattern.
fn history(days: usize, swing: f64) -> History {
    let first = date(2023, 1, 1);
    let rows = (0..days).map(|at| {
        let t = f64::from(u32::try_from(at).unwrap());
        let log = swing * ((t * 0.897).sin() + (t / 29.0).sin() + 0.4 * (t * t * 0.37).sin());
        Day {
            date: first.saturating_add(i64::try_from(at).unwrap().days()),
            gas_price: Some(20e9 * log.exp()),
            fullness: None,
            ether_usd: None,
        }
    });
    History::from_days(rows.collect()).unwrap().0
}

fn trained(history: &History) -> Trained {
    train(history, Kind::Blend, 1, |_, _| {}).unwrap().trained
}

#[test]
fn training_repeats_to_the_bit_and_survives_its_file() {
    let history = history(500, 0.3);
    let bytes = trained(&history).to_json().unwrap();
    assert_eq!(bytes, trained(&history).to_json().unwrap());
    assert!(bytes.len() < 200_000, "{}", bytes.len());
    let again = Trained::from_json(&bytes).unwrap();
    assert_eq!(again.to_json().unwrap(), bytes);
    let fresh = outlook(&history, &trained(&history), NOW).unwrap();
    assert_eq!(outlook(&history, &again, NOW).unwrap(), fresh);
}

#[test]
fn the_papers_network_repeats_to_the_bit_and_depends_on_its_seed() {
    let history = history(310, 0.3);
    let weights = |seed| {
        let training = train(&history, Kind::Paper, seed, |_, _| {}).unwrap();
        assert_eq!(training.losses.len(), 30);
        training.trained.to_json().unwrap()
    };
    let first = weights(1);
    assert_eq!(first, weights(1));
    assert_ne!(first, weights(2));
}

#[test]
fn the_shipped_model_is_sound_and_small() {
    let shipped = Trained::shipped().unwrap();
    assert_eq!(shipped.name(), "quantile-blend");
    assert!(shipped.to_json().unwrap().len() < 200_000);
    let outlook = outlook(&history(500, 0.3), &shipped, NOW).unwrap();
    assert_eq!(outlook.days.len(), HORIZON);
    assert_eq!(outlook.as_of, date(2024, 5, 14));
    assert_eq!(outlook.days[0].date, date(2024, 5, 15));
    for day in outlook.days {
        let (low, high) = day.low_wei.zip(day.high_wei).unwrap();
        assert!(low < high && low > 0.0, "{day:?}");
    }
}

#[test]
fn flat_fees_make_a_forecast_pointless() {
    let history = history(500, 0.0001);
    let outlook = outlook(&history, &Trained::shipped().unwrap(), NOW).unwrap();
    assert!(outlook.flat);
    let made = outlook.recommend(transaction(7));
    assert_eq!(made.advice, Advice::Flat);
    assert!(made.reason.contains("pointless"));
}

fn transaction(within: usize) -> Transaction {
    Transaction {
        within,
        gas: 90_000,
        l1_data_fee_wei: 2e13,
        ether_price: Some(3_000.0),
    }
}

#[test]
fn advice_counts_gas_data_and_money() {
    let mut outlook: Outlook =
        outlook(&history(500, 0.3), &Trained::shipped().unwrap(), NOW).unwrap();
    outlook.now_wei = 20e9;
    for (day, price) in outlook
        .days
        .iter_mut()
        .zip([19e9, 15e9, 30e9, 30e9, 30e9, 30e9, 10e9])
    {
        day.price_wei = price;
    }
    let made = outlook.recommend(transaction(3));
    assert!(matches!(made.advice, Advice::Wait { days: 2, .. }));
    assert_eq!(made.send_on, outlook.days[1].date);
    // 90,000 gas at 20 and at 15 gwei, and 0.00002 ether of data in both.
    let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
    assert!(close(made.cost_now.ether, 0.00182), "{:?}", made.cost_now);
    assert!(close(made.cost_then.ether, 0.00137), "{:?}", made.cost_then);
    assert!(close(made.saves.ether, 0.00045), "{:?}", made.saves);
    assert!((made.saves.money.unwrap() - 1.35).abs() < 1e-9);
    assert!(close(made.l1_data_fee.ether, 0.00002));
}

#[test]
fn short_and_unpriced_histories_are_refused_with_what_is_needed() {
    let shipped = Trained::shipped().unwrap();
    let short = outlook(&history(100, 0.3), &shipped, NOW)
        .unwrap_err()
        .to_string();
    assert!(
        short.contains("100 usable days and 121 are needed"),
        "{short}"
    );
    let error = train(&history(200, 0.3), Kind::Blend, 1, |_, _| {}).unwrap_err();
    assert!(
        matches!(error, Error::TooShort { have: 200, .. }),
        "{error}"
    );
    let mut days = history(500, 0.3).days().to_vec();
    for day in &mut days[492..] {
        day.gas_price = None;
    }
    let (unpriced, _) = History::from_days(days).unwrap();
    assert!(matches!(
        outlook(&unpriced, &shipped, NOW),
        Err(Error::TooShort { .. })
    ));
}

#[test]
fn missing_days_widen_the_interval_and_are_told() {
    let shipped = Trained::shipped().unwrap();
    let whole = history(500, 0.3);
    let mut days = whole.days().to_vec();
    for day in &mut days[497..] {
        day.gas_price = None;
    }
    let (holed, _) = History::from_days(days).unwrap();
    let width = |history: &History| {
        let outlook = outlook(history, &shipped, NOW).unwrap();
        let day = outlook.days[0];
        (
            (day.high_wei.unwrap() / day.low_wei.unwrap()).ln(),
            outlook.notes,
        )
    };
    let ((whole, _), (holed, notes)) = (width(&whole), width(&holed));
    assert!(holed > 1.5 * whole, "{holed} {whole}");
    assert!(
        notes
            .iter()
            .any(|note| note.contains("the last 3 days have no price"))
    );
}

#[test]
fn an_old_history_is_told() {
    let month = 30 * 86_400;
    let outlook = outlook(
        &history(500, 0.3),
        &Trained::shipped().unwrap(),
        NOW + month,
    )
    .unwrap();
    assert!(
        outlook
            .notes
            .iter()
            .any(|note| note.contains("31 days ago")),
        "{:?}",
        outlook.notes
    );
}

#[test]
fn damaged_model_files_are_refused() {
    let good = Trained::shipped().unwrap().to_json().unwrap();
    let text = String::from_utf8(good).unwrap();
    let cut = &text[..text.len() / 2];
    let other = text.replacen("\"format\":1", "\"format\":2", 1);
    let fewer = text.replacen("\"weights\":[", "\"weights\":[0.5,", 1);
    for bad in ["", "{}", "[]", cut, &other, &fewer] {
        assert!(matches!(
            Trained::from_json(bad.as_bytes()),
            Err(Error::Model { .. })
        ));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever prices come, forecasts are finite, positive and inside their interval's reach.
    #[test]
    fn outlooks_of_any_prices_are_finite(
        prices in proptest::collection::vec(prop_oneof![1.0..1e6f64, 1e6..1e12f64], 130..200),
        within in 1usize..=7,
    ) {
        let first: Date = date(2024, 1, 1);
        let rows = prices.iter().enumerate().map(|(at, price)| Day {
            date: first.saturating_add(i64::try_from(at).unwrap().days()),
            gas_price: Some(*price),
            fullness: None,
            ether_usd: None,
        });
        let (history, _) = History::from_days(rows.collect()).unwrap();
        let outlook = outlook(&history, &Trained::shipped().unwrap(), NOW).unwrap();
        for day in &outlook.days {
            prop_assert!(day.price_wei.is_finite() && day.price_wei > 0.0);
            prop_assert!(day.low_wei <= day.high_wei);
        }
        let made = outlook.recommend(Transaction { within, ..transaction(7) });
        prop_assert!(made.saves.ether >= 0.0);
        prop_assert!(made.send_on <= first.saturating_add(i64::try_from(prices.len() + within).unwrap().days()));
    }

    /// The table reader takes any bytes and keeps what it accepts.
    #[test]
    fn tables_of_any_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut table = b"date,gas_price_wei\n".to_vec();
        table.extend(bytes);
        if let Ok((history, _)) = History::read_csv(&*table) {
            let mut written = Vec::new();
            history.write_csv(&mut written).unwrap();
            prop_assert_eq!(History::read_csv(&*written).unwrap().0, history);
        }
    }
}
