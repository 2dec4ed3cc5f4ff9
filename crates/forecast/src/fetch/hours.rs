//! Hours of fees: what is kept of the blocks.

use std::io::{Read, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Block;
use crate::Error;
use crate::features::count;

/// A longer table of hours (a hundred years) is not one.
const MAX_HOURS: usize = 880_000;
const HOUR: u64 = 3_600;

/// Mean fees of one hour, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hour {
    /// When it begins, UTC.
    pub hour: Timestamp,
    /// The chain's id.
    pub chain_id: u64,
    /// Last block.
    pub last_block: u64,
    /// Number of blocks.
    pub blocks: u64,
    /// Base fee.
    pub base_fee_wei: f64,
    /// Tenth percentile of the priority fee.
    pub priority_10_wei: f64,
    /// Median of the priority fee.
    pub priority_50_wei: f64,
    /// Ninetieth percentile of the priority fee.
    pub priority_90_wei: f64,
    /// Gas used over the gas limit.
    pub gas_used_ratio: f64,
}

/// Hours in order, and the one that is not over yet.
#[derive(Clone, Debug, Default)]
pub struct Hours {
    chain: Option<u64>,
    full: Vec<Hour>,
    /// Sums of the hour that blocks are being added to.
    open: Option<Hour>,
}

impl Hours {
    /// Read a table that [`Hours::write`] wrote.
    ///
    /// # Errors
    /// [`Error::Resume`] if it is not such a table.
    pub fn read(reader: impl Read) -> Result<Self, Error> {
        let bad = |problem: String| Error::Resume { problem };
        let mut hours = Self::default();
        for row in csv::Reader::from_reader(reader).deserialize() {
            let hour: Hour = row.map_err(|error| bad(error.to_string()))?;
            if hours.full.len() >= MAX_HOURS {
                return Err(bad("it has more hours than any chain".into()));
            }
            let later = |last: &Hour| last.hour < hour.hour && last.last_block < hour.last_block;
            if !hours.full.last().is_none_or(later) {
                return Err(bad(format!("{} is out of order", hour.hour)));
            }
            if *hours.chain.get_or_insert(hour.chain_id) != hour.chain_id {
                return Err(bad("it mixes chains".into()));
            }
            hours.full.push(hour);
        }
        Ok(hours)
    }

    /// Write the full hours as a table.
    ///
    /// # Errors
    /// [`Error::Resume`] with what the writer says.
    pub fn write(&self, writer: impl Write) -> Result<(), Error> {
        let bad = |problem: String| Error::Resume { problem };
        let mut table = csv::Writer::from_writer(writer);
        for hour in &self.full {
            table
                .serialize(hour)
                .map_err(|error| bad(error.to_string()))?;
        }
        table.flush().map_err(|error| bad(error.to_string()))
    }

    /// Write the days that are full, from their first hour to their last, as a table that
    /// [`crate::history::History::read_csv`] reads. The price of a day is the mean over its blocks
    /// of base fee and median priority fee.
    ///
    /// # Errors
    /// [`Error::Resume`] with what the writer says.
    pub fn write_days(&self, writer: impl Write) -> Result<(), Error> {
        let bad = |problem: String| Error::Resume { problem };
        let mut table = csv::Writer::from_writer(writer);
        let header = [
            "date",
            "gas_price_wei",
            "fullness",
            "base_fee_wei",
            "priority_fee_wei",
            "hours",
        ];
        table
            .write_record(header)
            .map_err(|error| bad(error.to_string()))?;
        // Hours follow each other only within a fetch; the last day may have more to come.
        for day in self
            .full
            .chunk_by(|a, b| date(a) == date(b))
            .filter(|day| day_is_over(day))
        {
            let blocks: f64 = day.iter().map(blocks).sum();
            let mean = |value: fn(&Hour) -> f64| {
                day.iter()
                    .map(|hour| value(hour) * self::blocks(hour))
                    .sum::<f64>()
                    / blocks
            };
            let (base, priority) = (
                mean(|hour| hour.base_fee_wei),
                mean(|hour| hour.priority_50_wei),
            );
            let numbers = [
                base + priority,
                mean(|hour| hour.gas_used_ratio),
                base,
                priority,
            ];
            let mut row = vec![date(&day[0]).to_string()];
            row.extend(numbers.map(|number| number.to_string()));
            row.push(day.len().to_string());
            table
                .write_record(&row)
                .map_err(|error| bad(error.to_string()))?;
        }
        table.flush().map_err(|error| bad(error.to_string()))
    }

    /// Number of full hours.
    #[must_use]
    pub fn len(&self) -> usize {
        self.full.len()
    }

    /// Whether there is no full hour.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.full.is_empty()
    }

    /// Last block of the last full hour.
    pub(super) fn last_block(&self) -> Option<u64> {
        self.full.last().map(|hour| hour.last_block)
    }

    /// These hours are of this chain.
    pub(super) fn claim(&mut self, chain: u64) -> Result<(), Error> {
        // What an earlier fetch left open is read again.
        self.open = None;
        match self.chain.replace(chain) {
            Some(before) if before != chain => {
                self.chain = Some(before);
                let problem = format!("it is of chain {before}, the endpoint serves chain {chain}");
                Err(Error::Resume { problem })
            }
            _ => Ok(()),
        }
    }

    /// Add a block, in order.
    pub(super) fn add(&mut self, number: u64, at: u64, block: Block) {
        // Times are below the year 2200 (`header`).
        let begin = i64::try_from(at - at % HOUR).unwrap_or(0);
        let hour = Timestamp::from_second(begin).unwrap_or(Timestamp::UNIX_EPOCH);
        if self.open.is_some_and(|open| open.hour != hour)
            && let Some(done) = self.open.take()
        {
            self.full.push(mean(done));
        }
        let open = self.open.get_or_insert(Hour {
            hour,
            chain_id: self.chain.unwrap_or(0),
            last_block: number,
            blocks: 0,
            base_fee_wei: 0.0,
            priority_10_wei: 0.0,
            priority_50_wei: 0.0,
            priority_90_wei: 0.0,
            gas_used_ratio: 0.0,
        });
        open.last_block = number;
        open.blocks += 1;
        open.base_fee_wei += block.base;
        open.priority_10_wei += block.priority[0];
        open.priority_50_wei += block.priority[1];
        open.priority_90_wei += block.priority[2];
        open.gas_used_ratio += block.ratio;
    }
}

fn mean(mut hour: Hour) -> Hour {
    let n = blocks(&hour);
    for sum in [
        &mut hour.base_fee_wei,
        &mut hour.priority_10_wei,
        &mut hour.priority_50_wei,
        &mut hour.priority_90_wei,
        &mut hour.gas_used_ratio,
    ] {
        *sum /= n;
    }
    hour
}

fn blocks(hour: &Hour) -> f64 {
    count(usize::try_from(hour.blocks).unwrap_or(usize::MAX))
}

fn date(hour: &Hour) -> jiff::civil::Date {
    hour.hour.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// A day counts if its first and its last hour are there and at most two are missing between them:
/// a chain that stood still has hours without blocks.
fn day_is_over(day: &[Hour]) -> bool {
    let at = |hour: &Hour| hour.hour.as_second().rem_euclid(86_400) / 3_600;
    day.first().is_some_and(|first| at(first) == 0)
        && day.last().is_some_and(|last| at(last) == 23)
        && day.len() >= 22
}
