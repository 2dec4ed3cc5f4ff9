//! `stele forecast predict` and `stele forecast advise`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use forecast::advice::{Advice, Cost};
use forecast::history::History;
use forecast::outlook::{Outlook, Recommendation, Transaction, age_days, outlook};
use forecast::trained::Trained;
use forecast::{HORIZON, plot};
use serde::Serialize;

use super::{gwei, new_table, now, open, percent, tell, write};
use crate::cmd::Failure;

/// Days of history in the sparkline.
const SPARK_DAYS: usize = 45;

#[derive(Debug, clap::Args)]
struct Source {
    /// Table with the columns date and gas_price_wei, or an Etherscan export
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Model file from `stele forecast train` instead of the one that comes with the program
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Where the last good forecast is kept, to be shown if the data cannot be read
    /// [default: stele/forecast.json in the user's state folder]
    #[arg(long, value_name = "FILE", env = "STELE_FORECAST_STATE")]
    state: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stele forecast predict --data daily.csv
  stele forecast predict --data daily.csv --plot week.svg --plot week.png --json")]
pub(super) struct PredictArgs {
    #[command(flatten)]
    source: Source,
    /// Draw a plot (SVG or PNG by its name; may be given twice)
    #[arg(long, value_name = "FILE")]
    plot: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stele forecast advise --data daily.csv --within 7d --gas 90000 --price 3000
  stele forecast advise --data l2.csv --gas 90000 --l1-data-fee 20000000000000")]
pub(super) struct AdviseArgs {
    #[command(flatten)]
    source: Source,
    /// Time until it must be sent, in days, 1d to 7d
    #[arg(long, default_value = "7d", value_parser = days, value_name = "DAYS")]
    within: usize,
    /// Gas that the transaction uses
    #[arg(long, value_name = "GAS")]
    gas: u64,
    /// Price of one ether in your currency, to show costs in it
    #[arg(long, value_name = "PRICE", value_parser = positive)]
    price: Option<f64>,
    /// On a rollup: what the transaction pays for its data on L1, in wei
    #[arg(long, default_value_t = 0, value_name = "WEI")]
    l1_data_fee: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn days(text: &str) -> Result<usize, String> {
    let days = text.strip_suffix('d').unwrap_or(text).parse().ok();
    days.filter(|days| (1..=HORIZON).contains(days))
        .ok_or_else(|| "expected 1d to 7d".into())
}

fn positive(text: &str) -> Result<f64, String> {
    let price = text
        .parse()
        .ok()
        .filter(|price: &f64| price.is_finite() && *price > 0.0);
    price.ok_or_else(|| "expected a price above zero".into())
}

/// A forecast and where it comes from.
struct Found {
    outlook: Outlook,
    /// The history it was made from; none if it is the one that was kept.
    history: Option<History>,
    milliseconds: f64,
}

/// Make a forecast, or show the last good one if the data cannot be read.
fn find(source: &Source) -> Result<Found, Failure> {
    let begun = Instant::now();
    let state = source.state.clone().or_else(default_state);
    let made = make(source);
    let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
    match made {
        Ok((outlook, history)) => {
            if let Some(path) = &state {
                keep(path, &outlook);
            }
            Ok(Found {
                outlook,
                history: Some(history),
                milliseconds,
            })
        }
        Err(failure) => {
            let kept = state.and_then(|path| std::fs::read(path).ok());
            let kept = kept.and_then(|bytes| serde_json::from_slice::<Outlook>(&bytes).ok());
            let Some(outlook) = kept.filter(|kept| kept.days.len() == HORIZON) else {
                return Err(failure.hint("check the file, or make it with `stele forecast fetch`"));
            };
            eprintln!("warning: {failure}");
            eprintln!(
                "warning: showing the last good forecast, made {} ago",
                age(&outlook)
            );
            Ok(Found {
                outlook,
                history: None,
                milliseconds,
            })
        }
    }
}

fn make(source: &Source) -> Result<(Outlook, History), Failure> {
    let trained =
        match &source.model {
            None => Trained::shipped(),
            Some(path) => Trained::from_json(&std::fs::read(path).map_err(|error| {
                Failure::usage(format!("cannot read {}: {error}", path.display()))
            })?),
        }
        .map_err(Failure::usage)?;
    let (history, findings) = open(&source.data)?;
    tell(&findings);
    let outlook = outlook(&history, &trained, now()).map_err(Failure::usage)?;
    Ok((outlook, history))
}

fn age(outlook: &Outlook) -> String {
    let seconds = now().saturating_sub(outlook.made_at);
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn default_state() -> Option<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(folder.join("stele/forecast.json"))
}

/// Keep a good forecast. That it could not be kept does not spoil it.
fn keep(path: &Path, outlook: &Outlook) {
    let kept = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .map_err(Failure::work)
        .and_then(|()| serde_json::to_vec(outlook).map_err(Failure::work))
        .and_then(|bytes| write(path, &bytes));
    if let Err(failure) = kept {
        eprintln!("note: the forecast was not kept for later: {failure}");
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    outlook: &'a Outlook,
    /// Whether this is an earlier forecast because the data could not be read.
    kept: bool,
    age_days: Option<i32>,
    milliseconds: f64,
}

pub(super) fn predict(args: &PredictArgs) -> Result<(), Failure> {
    let found = find(&args.source)?;
    match &found.history {
        Some(history) => {
            for path in &args.plot {
                plot::forecast(path, history, &found.outlook).map_err(Failure::work)?;
            }
        }
        None if !args.plot.is_empty() => eprintln!("note: without data nothing is plotted"),
        None => {}
    }
    let shown = Shown {
        outlook: &found.outlook,
        kept: found.history.is_none(),
        age_days: age_days(found.outlook.as_of, now()),
        milliseconds: found.milliseconds,
    };
    crate::cmd::print(args.json, &shown, |shown| {
        table(shown, found.history.as_ref())
    })
}

fn table(shown: &Shown<'_>, history: Option<&History>) -> String {
    let outlook = shown.outlook;
    let mut table = new_table(["day", "gwei", "80 % interval", "against now"]);
    for day in &outlook.days {
        let interval = day.low_wei.zip(day.high_wei);
        table.add_row([
            day.date.strftime("%a %Y-%m-%d").to_string(),
            gwei(day.price_wei),
            interval.map_or_else(String::new, |(low, high)| {
                format!("{} to {}", gwei(low), gwei(high))
            }),
            format!("{:+.0} %", (day.price_wei / outlook.now_wei - 1.0) * 100.0),
        ]);
    }
    let mut text = format!(
        "{} on {}: {} gwei\n",
        "gas price",
        outlook.as_of,
        gwei(outlook.now_wei)
    );
    if let Some(history) = history {
        text.push_str(&format!("{}\n", spark(history, outlook)));
    }
    text.push_str(&format!("{table}\n{}\n", advice(outlook)));
    for note in &outlook.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text + &format!(
        "model {}, trained to {}; {:.0} ms",
        outlook.model, outlook.trained_to, shown.milliseconds
    )
}

fn advice(outlook: &Outlook) -> String {
    match outlook.advice {
        _ if outlook.flat => "fees have been flat for four weeks: a forecast is pointless".into(),
        Advice::Flat => "fees are forecast to move by less than 1 %: send when you like".into(),
        Advice::SendNow => "no day of the next seven is forecast to be cheaper: send now".into(),
        Advice::Wait { days, saves } => {
            format!(
                "cheapest in {days} days: waiting is forecast to save {}",
                percent(saves)
            )
        }
    }
}

/// The last weeks and the next days as one line of blocks; a bar stands between them.
fn spark(history: &History, outlook: &Outlook) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let days = history.days();
    let past: Vec<Option<f64>> = days[days.len().saturating_sub(SPARK_DAYS)..]
        .iter()
        .map(|day| day.gas_price)
        .collect();
    let ahead: Vec<Option<f64>> = outlook.days.iter().map(|day| Some(day.price_wei)).collect();
    let logs = past
        .iter()
        .chain(&ahead)
        .filter_map(|price| price.map(f64::ln));
    let (low, high) = logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), log| {
        (low.min(log), high.max(log))
    });
    let block = |price: &Option<f64>| {
        price.map_or(' ', |price| {
            let share = (price.ln() - low) / (high - low).max(1e-9);
            // Between 0 and 7.
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 7"
            )]
            let at = (share * 7.0).round() as usize;
            BLOCKS[at.min(7)]
        })
    };
    let draw = |prices: &[Option<f64>]| prices.iter().map(block).collect::<String>();
    format!("{}|{}", draw(&past), draw(&ahead))
}

#[derive(Serialize)]
struct Advised<'a> {
    #[serde(flatten)]
    recommendation: Recommendation,
    as_of: jiff::civil::Date,
    kept: bool,
    notes: &'a [String],
    milliseconds: f64,
}

pub(super) fn advise(args: &AdviseArgs) -> Result<(), Failure> {
    let found = find(&args.source)?;
    // Below 2^53 wei for any fee that a transaction pays for data.
    #[allow(clippy::cast_precision_loss, reason = "a fee in wei, shown in ether")]
    let l1_data_fee_wei = args.l1_data_fee as f64;
    let recommendation = found.outlook.recommend(Transaction {
        within: args.within,
        gas: args.gas,
        l1_data_fee_wei,
        ether_price: args.price,
    });
    let advised = Advised {
        recommendation,
        as_of: found.outlook.as_of,
        kept: found.history.is_none(),
        notes: &found.outlook.notes,
        milliseconds: found.milliseconds,
    };
    crate::cmd::print(args.json, &advised, advised_text)
}

fn advised_text(advised: &Advised<'_>) -> String {
    let made = &advised.recommendation;
    let mut text = match made.advice {
        Advice::Wait { .. } => format!("wait until {}: {}\n", made.send_on, made.reason),
        Advice::SendNow | Advice::Flat => format!("send now: {}\n", made.reason),
    };
    text.push_str(&format!(
        "at the price of {}: {}\n",
        advised.as_of,
        cost(made.cost_now)
    ));
    if matches!(made.advice, Advice::Wait { .. }) {
        text.push_str(&format!(
            "forecast for {}: {}\n",
            made.send_on,
            cost(made.cost_then)
        ));
        text.push_str(&format!("waiting saves {}\n", cost(made.saves)));
    }
    if made.l1_data_fee.ether > 0.0 {
        let part = cost(made.l1_data_fee);
        text.push_str(&format!(
            "of it for data on L1, whenever it is sent: {part}\n"
        ));
    }
    for note in advised.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text
}

fn cost(cost: Cost) -> String {
    let money = cost
        .money
        .map_or_else(String::new, |money| format!(" ({money:.2})"));
    format!("{:.8} ether{money}", cost.ether)
}
