//! A chain in memory that answers like an endpoint, and on demand like a bad one.

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::Error;
use crate::features::count;

/// Noon of 5 January 2024.
const HEAD_AT: u64 = 1_704_456_000;
const SPACING: u64 = 60;
const HEAD: u64 = 20_000;

/// What an answer can have wrong with it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Down,
    OtherChain,
    OtherBlock,
    OlderBlock,
    FarFuture,
    FewerNumbers,
    AbsurdFee,
    NegativeRatio,
    NotHex,
    FallingPercentiles,
    OtherStart,
}

impl Fault {
    pub(super) const LIES: [Self; 10] = [
        Self::OtherChain,
        Self::OtherBlock,
        Self::OlderBlock,
        Self::FarFuture,
        Self::FewerNumbers,
        Self::AbsurdFee,
        Self::NegativeRatio,
        Self::NotHex,
        Self::FallingPercentiles,
        Self::OtherStart,
    ];
}

pub(super) struct Twin {
    chain: u64,
    calls: usize,
    /// From which call on, and what.
    pub(super) fault: Option<(usize, Fault)>,
}

fn time(number: u64) -> u64 {
    HEAD_AT + number * SPACING - HEAD * SPACING
}

/// A fee that rises by 1 gwei from hour to hour of a day.
fn base(number: u64) -> u64 {
    1_000_000_000 * (1 + time(number) % 86_400 / 3_600)
}

impl Twin {
    pub(super) fn new(chain: u64) -> Self {
        Self {
            chain,
            calls: 0,
            fault: None,
        }
    }

    /// Mean of base fee and median priority fee over a day.
    pub(super) fn mean_price(_: Date) -> f64 {
        let hours = (1..=24).map(|hour| count(hour) * 1e9).sum::<f64>();
        hours / 24.0 + 2e9
    }

    pub(super) fn answer(&mut self, method: &'static str, params: &Value) -> Result<Value, Error> {
        self.calls += 1;
        let fault = self
            .fault
            .filter(|(from, _)| self.calls >= *from)
            .map(|(_, fault)| fault);
        if matches!(fault, Some(Fault::Down)) {
            return Err(Error::Down {
                method,
                problem: "scripted".into(),
            });
        }
        Ok(match method {
            "eth_chainId" => {
                let other = u64::from(matches!(fault, Some(Fault::OtherChain)));
                json!(format!("{:#x}", self.chain + other))
            }
            "eth_getBlockByNumber" => header(params, fault),
            _ => fees(params, fault),
        })
    }
}

fn number(value: &Value) -> u64 {
    let text = value.as_str().unwrap();
    text.strip_prefix("0x")
        .map_or(HEAD, |digits| u64::from_str_radix(digits, 16).unwrap())
}

fn header(params: &Value, fault: Option<Fault>) -> Value {
    let asked = number(&params[0]);
    let (number, at) = match fault {
        Some(Fault::OtherBlock) => (asked + 1, time(asked)),
        Some(Fault::OlderBlock) => (asked, time(0)),
        Some(Fault::FarFuture) => (asked, u64::MAX),
        _ => (asked, time(asked)),
    };
    json!({"number": format!("{number:#x}"), "timestamp": format!("{at:#x}")})
}

fn fees(params: &Value, fault: Option<Fault>) -> Value {
    let (n, last) = (number(&params[0]), number(&params[1]));
    let first = last + 1 - n;
    let base = |number: u64| match fault {
        Some(Fault::AbsurdFee) => json!("0xffffffffffffffffffff"),
        Some(Fault::NotHex) => json!("12"),
        _ => json!(format!("{:#x}", base(number))),
    };
    let reward = match fault {
        Some(Fault::FallingPercentiles) => ["0x77359400", "0x3b9aca00", "0x1"],
        _ => ["0x3b9aca00", "0x77359400", "0xb2d05e00"],
    };
    let ratio = if matches!(fault, Some(Fault::NegativeRatio)) {
        -0.5
    } else {
        0.5
    };
    let missing = u64::from(matches!(fault, Some(Fault::FewerNumbers)));
    let start = first + u64::from(matches!(fault, Some(Fault::OtherStart)));
    json!({
        "oldestBlock": format!("{start:#x}"),
        "baseFeePerGas": (first..=last + 1).map(base).collect::<Vec<_>>(),
        "gasUsedRatio": (first..=last - missing).map(|_| ratio).collect::<Vec<_>>(),
        "reward": (first..=last).map(|_| reward).collect::<Vec<_>>(),
    })
}
