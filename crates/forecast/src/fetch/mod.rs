//! The history from the chain itself, over Ethereum's JSON-RPC.
//!
//! Blocks are read in runs with `eth_feeHistory` (base fee, percentiles of the priority fee, gas used
//! ratio); `eth_getBlockByNumber` gives the times of a run's first and last block, and the blocks
//! between them are spread evenly. Blocks become hours, hours become days. The file of hours is the
//! state: a fetch that was interrupted goes on after its last full hour.
//!
//! An endpoint is not trusted: chain id, block numbers, times, lengths and sizes of all numbers are
//! checked, and what cannot be true ends the fetch with what was fetched so far kept.

mod hours;
#[cfg(test)]
mod twin;

pub use hours::{Hour, Hours};

use serde_json::{Value, json};

use crate::Error;
use crate::features::count;

/// A base or priority fee above this (a million gwei) is absurd: mainnet's highest hourly means were
/// below ten thousand.
const ABSURD_WEI: f64 = 1e15;
/// Most blocks that an endpoint gives in one answer.
pub const MAX_RUN: u64 = 1024;
/// Percentiles of the priority fee that are kept.
const PERCENTILES: [u8; 3] = [10, 50, 90];
/// Runs between two saves.
const SAVE_EVERY: usize = 16;

/// Something that answers JSON-RPC calls: the program's client, or a function in a test.
pub trait Rpc {
    /// Call a method and give its result.
    ///
    /// # Errors
    /// [`Error::Down`] if there is no answer or the answer is an error.
    fn call(&mut self, method: &'static str, params: Value) -> Result<Value, Error>;
}

impl<F: FnMut(&'static str, Value) -> Result<Value, Error>> Rpc for F {
    fn call(&mut self, method: &'static str, params: Value) -> Result<Value, Error> {
        self(method, params)
    }
}

/// What to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Days before the chain's head to begin with, if the hours are empty.
    pub days: u32,
    /// Blocks in one call, at most [`MAX_RUN`].
    pub run: u64,
}

/// A block's number and time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Header {
    number: u64,
    at: u64,
}

/// Fetch what is missing in `hours`, up to the last full hour of the chain.
///
/// `save` is called from time to time and at the end, only with full hours; `progress` hears how
/// many blocks of how many were read.
///
/// # Errors
/// [`Error::Down`], [`Error::Lying`], [`Error::Resume`] if the hours are of another chain, and what
/// `save` says.
pub fn fetch(
    rpc: &mut dyn Rpc,
    hours: &mut Hours,
    plan: Plan,
    mut save: impl FnMut(&Hours) -> Result<(), Error>,
    mut progress: impl FnMut(u64, u64),
) -> Result<(), Error> {
    let chain = chain_id(rpc)?;
    hours.claim(chain)?;
    let head = header(rpc, None)?;
    let mut before = begin(rpc, hours, head, plan)?;
    let (first, total) = (before.number, head.number - before.number);
    let run = plan.run.clamp(2, MAX_RUN);
    for round in 1.. {
        if before.number >= head.number {
            break;
        }
        let last = (before.number + run).min(head.number);
        before = read_run(rpc, hours, before, last)?;
        progress(before.number - first, total);
        if round % SAVE_EVERY == 0 {
            same_chain(rpc, chain)?;
            save(hours)?;
        }
    }
    same_chain(rpc, chain)?;
    save(hours)
}

fn same_chain(rpc: &mut dyn Rpc, chain: u64) -> Result<(), Error> {
    let now = chain_id(rpc)?;
    if now == chain {
        return Ok(());
    }
    lying(
        "eth_chainId",
        format!("the chain was {chain} and now is {now}"),
    )
}

/// The block before the first one to read.
fn begin(rpc: &mut dyn Rpc, hours: &Hours, head: Header, plan: Plan) -> Result<Header, Error> {
    if let Some(last) = hours.last_block() {
        if last > head.number {
            let problem = format!(
                "it has block {last}, the endpoint's chain ends at {}",
                head.number
            );
            return Err(Error::Resume { problem });
        }
        return header(rpc, Some(last));
    }
    let wanted = head.at.saturating_sub(u64::from(plan.days) * 86_400);
    // From midnight on, so that the first day is a full one.
    let midnight = wanted.div_ceil(86_400) * 86_400;
    // The last block before midnight, by bisection.
    let (mut low, mut high) = (header(rpc, Some(0))?, head);
    if low.at >= midnight {
        return Ok(low);
    }
    while high.number - low.number > 1 {
        let middle = header(rpc, Some(low.number + (high.number - low.number) / 2))?;
        if !(low.at..=high.at).contains(&middle.at) {
            let problem = format!("block {} is not as old as its number says", middle.number);
            return lying("eth_getBlockByNumber", problem);
        }
        if middle.at < midnight {
            low = middle
        } else {
            high = middle
        }
    }
    Ok(low)
}

/// Read the blocks after `before` up to `last` into the hours; the header of `last`.
fn read_run(
    rpc: &mut dyn Rpc,
    hours: &mut Hours,
    before: Header,
    last: u64,
) -> Result<Header, Error> {
    let n = last - before.number;
    let end = header(rpc, Some(last))?;
    if end.at < before.at {
        let problem = format!("block {last} is older than block {}", before.number);
        return lying("eth_getBlockByNumber", problem);
    }
    let params = json!([format!("{n:#x}"), format!("{last:#x}"), PERCENTILES]);
    let answer = rpc.call("eth_feeHistory", params)?;
    let blocks = blocks(&answer, before.number + 1, n)?;
    for (number, block) in (before.number + 1..).zip(blocks) {
        // At most `end.at`: the quotient is at most the difference.
        let at = before.at + (end.at - before.at) * (number - before.number) / n;
        hours.add(number, at, block);
    }
    Ok(end)
}

/// One block's fees, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Block {
    base: f64,
    priority: [f64; 3],
    ratio: f64,
}

fn blocks(answer: &Value, first: u64, n: u64) -> Result<Vec<Block>, Error> {
    const METHOD: &str = "eth_feeHistory";
    let list = |name: &str| {
        let found = answer.get(name).and_then(Value::as_array);
        found.ok_or_else(|| Error::Lying {
            method: METHOD,
            problem: format!("`{name}` is missing"),
        })
    };
    let oldest = quantity(answer.get("oldestBlock"), METHOD, "oldestBlock")?;
    if oldest != first {
        return lying(
            METHOD,
            format!("it begins with block {oldest} instead of {first}"),
        );
    }
    let (base, ratio, reward) = (
        list("baseFeePerGas")?,
        list("gasUsedRatio")?,
        list("reward")?,
    );
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    if base.len() != n + 1 || ratio.len() != n || reward.len() != n {
        let lengths = (base.len(), ratio.len(), reward.len());
        return lying(
            METHOD,
            format!("{n} blocks were asked for and {lengths:?} numbers came"),
        );
    }
    (0..n)
        .map(|at| {
            let ratio = ratio[at]
                .as_f64()
                .filter(|ratio| (0.0..=1.0).contains(ratio));
            let Some(ratio) = ratio else {
                return lying(METHOD, "a gas used ratio is not between 0 and 1".into());
            };
            let mut priority = [0.0; 3];
            for (slot, value) in priority.iter_mut().enumerate() {
                *value = fee(reward[at].get(slot), METHOD)?;
            }
            if priority[0] > priority[1] || priority[1] > priority[2] {
                return lying(
                    METHOD,
                    "the percentiles of the priority fee do not increase".into(),
                );
            }
            Ok(Block {
                base: fee(Some(&base[at]), METHOD)?,
                priority,
                ratio,
            })
        })
        .collect()
}

fn chain_id(rpc: &mut dyn Rpc) -> Result<u64, Error> {
    let answer = rpc.call("eth_chainId", json!([]))?;
    quantity(Some(&answer), "eth_chainId", "the chain id")
}

/// The header of a block, or of the newest.
fn header(rpc: &mut dyn Rpc, number: Option<u64>) -> Result<Header, Error> {
    const METHOD: &str = "eth_getBlockByNumber";
    let name = number.map_or_else(|| "latest".to_owned(), |number| format!("{number:#x}"));
    let answer = rpc.call(METHOD, json!([name, false]))?;
    let found = Header {
        number: quantity(answer.get("number"), METHOD, "number")?,
        at: quantity(answer.get("timestamp"), METHOD, "timestamp")?,
    };
    match number {
        Some(number) if number != found.number => lying(
            METHOD,
            format!("block {number} was asked for and {} came", found.number),
        ),
        // 2200: a time that no calendar here has to hold.
        _ if found.at > 7_258_118_400 => lying(METHOD, "its time is centuries away".into()),
        _ => Ok(found),
    }
}

fn hex(value: Option<&Value>) -> Option<&str> {
    value
        .and_then(Value::as_str)
        .and_then(|text| text.strip_prefix("0x"))
}

fn quantity(value: Option<&Value>, method: &'static str, what: &str) -> Result<u64, Error> {
    hex(value)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| Error::Lying {
            method,
            problem: format!("{what} is not a number"),
        })
}

/// A fee in wei; exact below 2^53, which is more than [`ABSURD_WEI`].
fn fee(value: Option<&Value>, method: &'static str) -> Result<f64, Error> {
    let wei = hex(value)
        .and_then(|digits| u128::from_str_radix(digits, 16).ok())
        .map(|wei| count(usize::try_from(wei).unwrap_or(usize::MAX)));
    match wei {
        Some(wei) if wei <= ABSURD_WEI => Ok(wei),
        Some(wei) => lying(method, format!("a fee of {wei:.0} wei per gas is absurd")),
        None => lying(method, "a fee is not a number".into()),
    }
}

fn lying<T>(method: &'static str, problem: String) -> Result<T, Error> {
    Err(Error::Lying { method, problem })
}

#[cfg(test)]
mod tests {
    use super::twin::{Fault, Twin};
    use super::*;
    use crate::history::History;

    const PLAN: Plan = Plan { days: 3, run: 100 };

    fn fetched(twin: &mut Twin, hours: &mut Hours) -> Result<(), Error> {
        fetch(
            &mut |method, params| twin.answer(method, &params),
            hours,
            PLAN,
            |_| Ok(()),
            |_, _| {},
        )
    }

    #[test]
    fn hours_and_days_hold_the_means_of_their_blocks() {
        let mut hours = Hours::default();
        fetched(&mut Twin::new(5), &mut hours).unwrap();
        let mut daily = Vec::new();
        hours.write_days(&mut daily).unwrap();
        let (history, findings) = History::read_csv(&*daily).unwrap();
        assert!(findings.is_empty());
        // The head is in the middle of a day: that day and the one before three days are not full.
        assert_eq!(history.days().len(), 2);
        for day in history.days() {
            let expected = Twin::mean_price(day.date);
            let price = day.gas_price.unwrap();
            assert!(
                (price / expected - 1.0).abs() < 1e-3,
                "{}: {price} {expected}",
                day.date
            );
            assert!((day.fullness.unwrap() - 0.5).abs() < 1e-9);
        }
    }

    #[test]
    fn an_interrupted_fetch_goes_on_to_the_same_end() {
        let mut whole = Hours::default();
        fetched(&mut Twin::new(5), &mut whole).unwrap();
        let mut twin = Twin::new(5);
        twin.fault = Some((60, Fault::Down));
        let mut kept = Vec::new();
        let mut hours = Hours::default();
        let mut save = |hours: &Hours| {
            kept.clear();
            hours.write(&mut kept)
        };
        let first = fetch(
            &mut |method, params: Value| twin.answer(method, &params),
            &mut hours,
            PLAN,
            &mut save,
            |_, _| {},
        );
        assert!(matches!(first, Err(Error::Down { .. })));
        assert!(!kept.is_empty());
        let mut resumed = Hours::read(&*kept).unwrap();
        assert!(resumed.len() > 10);
        fetched(&mut Twin::new(5), &mut resumed).unwrap();
        let text = |hours: &Hours| {
            let mut text = Vec::new();
            hours.write(&mut text).unwrap();
            String::from_utf8(text).unwrap()
        };
        let (whole, resumed) = (text(&whole), text(&resumed));
        assert_eq!(whole.lines().count(), resumed.lines().count());
        for (a, b) in whole.lines().zip(resumed.lines()).skip(1) {
            assert_eq!(
                a.split(',').take(5).collect::<Vec<_>>(),
                b.split(',').take(5).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn every_lie_is_told_from_the_truth() {
        for fault in Fault::LIES {
            let mut twin = Twin::new(5);
            twin.fault = Some((40, fault));
            let result = fetched(&mut twin, &mut Hours::default());
            assert!(
                matches!(result, Err(Error::Lying { .. })),
                "{fault:?}: {result:?}"
            );
        }
    }

    #[test]
    fn hours_of_another_chain_are_not_continued() {
        let mut hours = Hours::default();
        fetched(&mut Twin::new(5), &mut hours).unwrap();
        assert!(matches!(
            fetched(&mut Twin::new(6), &mut hours),
            Err(Error::Resume { .. })
        ));
    }
}
