//! The history of daily prices: reading it, and saying what is wrong with it.

use std::io::{Read, Write};

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use serde::Serialize;

use crate::Error;

/// More rows than this is not a daily history (300 years).
const MAX_ROWS: u64 = 110_000;
/// Above this (1 ether per gas) a price is absurd and treated as missing.
const ABSURD_WEI: f64 = 1e18;
/// A day is an outlier if its logarithm lies this many robust deviations from its neighbours'.
const OUTLIER_DEVIATIONS: f64 = 8.0;

/// One day as a table gave it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Day {
    /// The day, UTC.
    pub date: Date,
    /// Mean gas price in wei; `None` where the table has zero, nothing, or something absurd.
    pub gas_price: Option<f64>,
    /// Gas used over the gas limit, 0 to 1, where known.
    pub fullness: Option<f64>,
    /// Price of one ether in US dollars, where known.
    pub ether_usd: Option<f64>,
}

/// What was found to be wrong with a history. Nothing of it is repaired silently.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Findings {
    /// Runs of days that are not in the table: first and last.
    pub gaps: Vec<(Date, Date)>,
    /// Days whose price is zero, empty or absurd.
    pub unpriced: Vec<Date>,
    /// Days whose price is far from their neighbours'. They are kept.
    pub outliers: Vec<Date>,
}

impl Findings {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gaps.is_empty() && self.unpriced.is_empty() && self.outliers.is_empty()
    }
}

/// A daily history: one entry for every day from the first to the last, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    first: Date,
    days: Vec<Day>,
}

impl History {
    /// Read a table: our own columns (`date`, `gas_price_wei`, and where known `fullness`
    /// or `gas_used` and `gas_limit`, and `ether_price_usd`) or an Etherscan chart export (`Date(UTC)`, `Value (Wei)`).
    ///
    /// Days without a price at the beginning are dropped; the chain had no prices then.
    ///
    /// # Errors
    /// [`Error::Column`], [`Error::Table`] and [`Error::Order`] for tables that are not a history.
    pub fn read_csv(reader: impl Read) -> Result<(Self, Findings), Error> {
        let mut table = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(reader);
        let header = table.headers().map_err(table_error)?.clone();
        let columns = Columns::find(&header)?;
        let mut rows: Vec<Day> = Vec::new();
        for record in table.records() {
            let record = record.map_err(table_error)?;
            let line = record.position().map_or(0, csv::Position::line);
            if line > MAX_ROWS {
                return Err(Error::Table {
                    line,
                    problem: "more rows than any history".into(),
                });
            }
            let day = columns.day(&record, line)?;
            if let Some(before) = rows.last().filter(|before| before.date >= day.date) {
                return Err(Error::Order {
                    line,
                    date: day.date,
                    before: before.date,
                });
            }
            rows.push(day);
        }
        Self::from_days(rows)
    }

    /// Write the days as a table that [`History::read_csv`] reads. Days without a price stay in it,
    /// their price empty.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_csv(&self, writer: impl Write) -> std::io::Result<()> {
        let mut table = csv::Writer::from_writer(writer);
        table.write_record(["date", "gas_price_wei", "fullness", "ether_price_usd"])?;
        let text = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        for day in &self.days {
            let numbers = [day.gas_price, day.fullness, day.ether_usd].map(text);
            table.write_record([day.date.to_string()].iter().chain(&numbers))?;
        }
        table.flush()
    }

    /// A history from days in increasing order; days that are missing between them become entries
    /// without a price.
    ///
    /// # Errors
    /// [`Error::TooShort`] if no day has a price; [`Error::Order`] if the days do not increase.
    pub fn from_days(rows: Vec<Day>) -> Result<(Self, Findings), Error> {
        let mut findings = Findings::default();
        let mut days: Vec<Day> = Vec::with_capacity(rows.len());
        for row in rows.into_iter().skip_while(|row| row.gas_price.is_none()) {
            if let Some(last) = days.last().map(|day| day.date) {
                if row.date <= last {
                    return Err(Error::Order {
                        line: 0,
                        date: row.date,
                        before: last,
                    });
                }
                fill_gap(&mut days, last, row.date, &mut findings)?;
            }
            if row.gas_price.is_none() {
                findings.unpriced.push(row.date);
            }
            days.push(row);
        }
        let Some(first) = days.first().map(|day| day.date) else {
            return Err(Error::TooShort {
                have: 0,
                need: 1,
                purpose: "any history",
            });
        };
        findings.outliers = outliers(&days);
        Ok((Self { first, days }, findings))
    }

    /// The days, without holes.
    #[must_use]
    pub fn days(&self) -> &[Day] {
        &self.days
    }

    /// First day.
    #[must_use]
    pub fn first(&self) -> Date {
        self.first
    }

    /// Last day.
    #[must_use]
    pub fn last(&self) -> Date {
        // A history has at least one day (`from_days`).
        self.days.last().map_or(self.first, |day| day.date)
    }

    /// Position of a date, if it is inside.
    #[must_use]
    pub fn position(&self, date: Date) -> Option<usize> {
        let offset = self.first.until(date).ok()?.get_days();
        usize::try_from(offset)
            .ok()
            .filter(|at| *at < self.days.len())
    }

    /// Date at a position, also beyond the end.
    #[must_use]
    pub fn date(&self, at: usize) -> Date {
        let days = i64::try_from(at).unwrap_or(i64::MAX).min(1_000_000);
        self.first.saturating_add(days.days())
    }

    /// Natural logarithms of the price, the last known one where a day has none, and for each day
    /// whether it was known.
    #[must_use]
    pub fn log_prices(&self) -> (Vec<f64>, Vec<bool>) {
        let mut last = 0.0;
        self.days
            .iter()
            .map(|day| {
                if let Some(price) = day.gas_price {
                    last = price.ln();
                }
                (last, day.gas_price.is_some())
            })
            .unzip()
    }

    /// The history up to and without position `end`.
    #[must_use]
    pub fn until(&self, end: usize) -> Self {
        let end = end.clamp(1, self.days.len());
        Self {
            first: self.first,
            days: self.days[..end].to_vec(),
        }
    }
}

/// Day of the week at a position, Monday 0.
pub(crate) fn weekday(date: Date) -> usize {
    usize::from(date.weekday().since(Weekday::Monday).unsigned_abs())
}

fn fill_gap(
    days: &mut Vec<Day>,
    last: Date,
    next: Date,
    findings: &mut Findings,
) -> Result<(), Error> {
    let missing = last.until(next).map_or(0, |span| span.get_days()) - 1;
    if missing <= 0 {
        return Ok(());
    }
    if u64::try_from(missing).unwrap_or(u64::MAX) > MAX_ROWS {
        return Err(Error::Table {
            line: 0,
            problem: format!("{last} and {next} lie too far apart"),
        });
    }
    findings.gaps.push((
        last.saturating_add(1.day()),
        next.saturating_add((-1).day()),
    ));
    for step in 1..=missing {
        let date = last.saturating_add(i64::from(step).days());
        days.push(Day {
            date,
            gas_price: None,
            fullness: None,
            ether_usd: None,
        });
    }
    Ok(())
}

/// Days far from the median of the fortnight around them, by the median absolute deviation of
/// daily changes.
fn outliers(days: &[Day]) -> Vec<Date> {
    let logs: Vec<(Date, f64)> = days
        .iter()
        .filter_map(|day| day.gas_price.map(|price| (day.date, price.ln())))
        .collect();
    let mut changes: Vec<f64> = logs
        .windows(2)
        .map(|pair| (pair[1].1 - pair[0].1).abs())
        .collect();
    if changes.len() < 14 {
        return Vec::new();
    }
    let typical = median(&mut changes).max(1e-6) * 1.4826;
    (0..logs.len())
        .filter(|&at| {
            let mut near: Vec<f64> = logs[at.saturating_sub(7)..(at + 8).min(logs.len())]
                .iter()
                .map(|(_, log)| *log)
                .collect();
            (logs[at].1 - median(&mut near)).abs() > OUTLIER_DEVIATIONS * typical
        })
        .map(|at| logs[at].0)
        .collect()
}

/// Median; zero for no values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

struct Columns {
    date: usize,
    price: usize,
    used: Option<usize>,
    limit: Option<usize>,
    usd: Option<usize>,
    fullness: Option<usize>,
}

impl Columns {
    fn find(header: &csv::StringRecord) -> Result<Self, Error> {
        let names: Vec<String> = header
            .iter()
            .map(|name| {
                name.trim_matches(['"', '\u{feff}', ' '])
                    .to_ascii_lowercase()
            })
            .collect();
        let position = |wanted: &[&str]| names.iter().position(|name| wanted.contains(&&**name));
        let need = |what, wanted: &[&str]| {
            position(wanted).ok_or_else(|| Error::Column {
                what,
                found: names.join(", "),
            })
        };
        Ok(Self {
            date: need("date", &["date", "date(utc)", "day"])?,
            price: need("gas price", &["gas_price_wei", "value (wei)", "gas_price"])?,
            used: position(&["gas_used"]),
            limit: position(&["gas_limit"]),
            usd: position(&["ether_price_usd"]),
            fullness: position(&["fullness"]),
        })
    }

    fn day(&self, record: &csv::StringRecord, line: u64) -> Result<Day, Error> {
        let text = record.get(self.date).unwrap_or_default();
        let date = parse_date(text).ok_or_else(|| Error::Table {
            line,
            problem: format!("`{}` is not a date", shorten(text)),
        })?;
        let number = |column: Option<usize>, what: &str| match column.and_then(|at| record.get(at))
        {
            None | Some("") => Ok(None),
            Some(text) => text
                .parse::<f64>()
                .ok()
                .filter(|value| value.is_finite())
                .map(Some)
                .ok_or_else(|| Error::Table {
                    line,
                    problem: format!("the {what} `{}` is not a number", shorten(text)),
                }),
        };
        let price = number(Some(self.price), "gas price")?;
        if price.is_some_and(|price| price < 0.0) {
            return Err(Error::Table {
                line,
                problem: "the gas price is negative".into(),
            });
        }
        let used = number(self.used, "gas used")?;
        let limit = number(self.limit, "gas limit")?;
        let fullness =
            number(self.fullness, "fullness")?.filter(|share| (0.0..=1.5).contains(share));
        Ok(Day {
            date,
            gas_price: price.filter(|price| (1.0..ABSURD_WEI).contains(price)),
            fullness: fullness.or_else(|| per_block_fullness(used?, limit?)),
            ether_usd: number(self.usd, "ether price")?.filter(|usd| *usd > 0.0),
        })
    }
}

/// The table gives gas used per day and the limit per block; blocks per day are about 7,200 since
/// the merge and were about 6,400 before, close enough for a feature that is standardised.
fn per_block_fullness(used: f64, limit: f64) -> Option<f64> {
    let share = used / (limit * 7_200.0);
    (limit > 0.0 && share.is_finite()).then_some(share.clamp(0.0, 1.5))
}

fn parse_date(text: &str) -> Option<Date> {
    let text = text.trim_matches('"');
    if let Ok(date) = text.parse::<Date>() {
        return Some(date);
    }
    // Etherscan writes month/day/year.
    let mut parts = text.split('/').map(|part| part.parse::<i16>().ok());
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Enough of a wrong value to find it, not enough to fill a screen.
fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

fn table_error(error: csv::Error) -> Error {
    Error::Table {
        line: error.position().map_or(0, csv::Position::line),
        problem: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(History, Findings), Error> {
        History::read_csv(text.as_bytes())
    }

    #[test]
    fn gaps_and_zeros_are_named_and_kept() {
        let (history, findings) =
            read("date,gas_price_wei\n2024-01-01,0\n2024-01-02,10\n2024-01-03,0\n2024-01-06,20\n")
                .unwrap();
        assert_eq!(history.days().len(), 5);
        assert_eq!(findings.unpriced, ["2024-01-03".parse::<Date>().unwrap()]);
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(findings.gaps, [(day("2024-01-04"), day("2024-01-05"))]);
        assert_eq!(history.log_prices().1, [true, false, false, false, true]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = "date,gas_price_wei,fullness,ether_price_usd\n2024-01-01,10.25,0.5,2000\n\
                    2024-01-02,,,\n2024-01-03,0.1e12,0.75,\n";
        let (history, _) = read(text).unwrap();
        let mut written = Vec::new();
        history.write_csv(&mut written).unwrap();
        assert_eq!(History::read_csv(&*written).unwrap().0, history);
    }

    #[test]
    fn etherscan_exports_are_read() {
        let (history, _) = read(
            "\"Date(UTC)\",\"UnixTimeStamp\",\"Value (Wei)\"\n\"7/30/2015\",\"1438214400\",\"5\"\n",
        )
        .unwrap();
        assert_eq!(history.first(), "2015-07-30".parse::<Date>().unwrap());
    }

    #[test]
    fn bad_tables_say_where() {
        let error = |text: &str| read(text).unwrap_err().to_string();
        assert!(error("a,b\n1,2\n").contains("no column for the date"));
        assert!(error("date,gas_price_wei\nmonday,2\n").contains("line 2"));
        assert!(error("date,gas_price_wei\n2024-01-01,x\n").contains("not a number"));
        assert!(error("date,gas_price_wei\n2024-01-01,-1\n").contains("negative"));
        let backwards = "date,gas_price_wei\n2024-01-02,1\n2024-01-01,1\n";
        assert!(error(backwards).contains("does not come after"));
        assert!(error("date,gas_price_wei\n").contains("0 usable days"));
    }

    #[test]
    fn absurd_prices_count_as_missing() {
        let (_, findings) =
            read("date,gas_price_wei\n2024-01-01,10\n2024-01-02,1e30\n2024-01-03,10\n").unwrap();
        assert_eq!(findings.unpriced.len(), 1);
    }

    #[test]
    fn weekdays_start_on_monday() {
        assert_eq!(weekday("2024-01-01".parse().unwrap()), 0);
        assert_eq!(weekday("2024-01-07".parse().unwrap()), 6);
    }
}
