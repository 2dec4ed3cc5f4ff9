//! Variants of the shipped blend over the two years before the last, to see how much its settings
//! matter on days that do not judge it.
//!
//! `cargo run -p forecast --example choose_blend -- daily.csv`

#![allow(clippy::print_stdout, reason = "a table for docs/forecast.md")]

use std::error::Error;

use forecast::HORIZON;
use forecast::backtest;
use forecast::features::Series;
use forecast::history::History;
use forecast::model::{BLEND, Blend, LinearSettings};

const YEAR: usize = 365;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("which table of days?")?;
    let (history, _) = History::read_csv(std::fs::File::open(path)?)?;
    let series = Series::new(&history);
    let end = series.len();
    let with = |change: &dyn Fn(&mut LinearSettings)| {
        let mut settings = BLEND.to_vec();
        settings.iter_mut().for_each(change);
        settings
    };
    let variants = [
        ("as shipped", BLEND.to_vec()),
        ("365 days alone", vec![BLEND[0]]),
        ("730 days alone", vec![BLEND[1]]),
        ("1460 days alone", vec![BLEND[2]]),
        ("2500 days alone", vec![BLEND[3]]),
        (
            "median (quantile 0.5)",
            with(&|one| one.quantile = Some(0.5)),
        ),
        ("quantile 0.3", with(&|one| one.quantile = Some(0.3))),
        ("ridge ten times", with(&|one| one.ridge *= 10.0)),
        ("ridge a tenth", with(&|one| one.ridge /= 10.0)),
        ("dear days as others", with(&|one| one.dear = 0.0)),
    ];
    println!("| variant | year before last but one | year before last |\n| --- | ---: | ---: |");
    for (name, settings) in variants {
        let mut cells = Vec::new();
        for to in [end - 2 * YEAR, end - YEAR] {
            let from = to - YEAR;
            let mut blend = Blend::new(settings.iter().copied());
            let run = backtest::run(&mut blend, &series, from - HORIZON, to, |_, _| {})?;
            let score = run
                .score(&series, from, to, None)
                .ok_or("nothing to judge")?;
            cells.push(format!("{:.3}", score.relative_mae));
        }
        println!("| {name} | {} | {} |", cells[0], cells[1]);
    }
    Ok(())
}
