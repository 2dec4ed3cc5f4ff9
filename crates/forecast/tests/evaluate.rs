//! The evaluation on a table that has nothing but dates and prices, and what others read of it.
#![allow(clippy::unwrap_used, reason = "a test")]

use forecast::evaluate::{Span, evaluate};
use forecast::history::History;

fn table(days: u32) -> String {
    let mut text = String::from("date,gas_price_wei\n");
    let mut day: jiff::civil::Date = "2022-06-01".parse().unwrap();
    for at in 0..days {
        let t = f64::from(at);
        let log = 0.3 * ((t * 0.897).sin() + (t / 29.0).sin() + (t * t * 0.37).sin());
        text.push_str(&format!("{day},{:.0}\n", 20e9 * log.exp()));
        day = day.tomorrow().unwrap();
    }
    text
}

#[test]
fn dates_and_prices_alone_suffice_and_repeat() {
    let (history, _) = History::read_csv(table(480).as_bytes()).unwrap();
    let run = |threads| {
        let (evaluation, backtests) =
            evaluate(&history, Span::Last(14), threads, |_, _| {}).unwrap();
        for backtest in backtests {
            // Every forecast was made before its outcome.
            assert!(
                backtest
                    .forecasts
                    .iter()
                    .all(|forecast| forecast.horizon >= 1)
            );
        }
        serde_json::to_value(&evaluation).unwrap()
    };
    let result = run(2);
    assert_eq!(result, run(1));
    let persistence = &result["models"]["persistence"];
    assert!((persistence["relative_mae"].as_f64().unwrap() - 1.0).abs() < 1e-12);
    for name in [
        "quantile-blend",
        "ridge",
        "network",
        "paper-lstm",
        "seasonal-naive",
    ] {
        let model = &result["models"][name];
        assert!(model["mape"].as_f64().is_some(), "{name}");
        assert!(model["coverage_80"].as_f64().is_some(), "{name}");
        assert_eq!(model["by_horizon"].as_object().unwrap().len(), 7, "{name}");
        assert!(
            model["by_horizon"]["7"]["relative_mae"].as_f64().is_some(),
            "{name}"
        );
    }
    let best = result["best"].as_str().unwrap();
    assert!(result["models"][best].is_object());
    let (saved, hindsight) = (&result["saved_share"], &result["hindsight_share"]);
    assert!(saved.as_f64().unwrap() <= hindsight.as_f64().unwrap());
}

#[test]
fn spans_outside_the_history_are_refused() {
    let (history, _) = History::read_csv(table(480).as_bytes()).unwrap();
    let span = |from: &str, to: &str| Span::Dates(from.parse().unwrap(), to.parse().unwrap());
    let error = |span| {
        evaluate(&history, span, 1, |_, _| {})
            .unwrap_err()
            .to_string()
    };
    assert!(error(span("2030-01-01", "2030-01-02")).contains("is not inside the history"));
    assert!(error(span("2022-06-10", "2022-06-20")).contains("learning before the span"));
}
