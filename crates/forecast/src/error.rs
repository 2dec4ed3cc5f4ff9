//! What can go wrong, and what to do then.

use jiff::civil::Date;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The table cannot be read at all.
    #[error("line {line}: {problem}")]
    Table {
        /// Line of the file, from 1.
        line: u64,
        /// What is wrong there.
        problem: String,
    },
    /// A column that every history needs is not there.
    #[error(
        "no column for the {what}; the header has: {found} (expected `date` and `gas_price_wei`, \
         or an Etherscan export)"
    )]
    Column {
        /// What the column holds.
        what: &'static str,
        /// The header that was found.
        found: String,
    },
    /// Dates must increase, or the history is not one.
    #[error("line {line}: {date} does not come after {before}; sort the rows and remove doubles")]
    Order {
        /// Line of the file, from 1.
        line: u64,
        /// The date that is out of order.
        date: Date,
        /// The date of the row before.
        before: Date,
    },
    /// Too few days to learn from.
    #[error("the history has {have} usable days and {need} are needed for {purpose}")]
    TooShort {
        /// Days there are.
        have: usize,
        /// Days needed.
        need: usize,
        /// What they are needed for.
        purpose: &'static str,
    },
    /// The span asked for is not inside the history.
    #[error("the span {from} to {to} is not inside the history ({first} to {last})")]
    Span {
        /// First day asked for.
        from: Date,
        /// Last day asked for.
        to: Date,
        /// First day known.
        first: Date,
        /// Last day known.
        last: Date,
    },
    /// A system of equations without a solution: the data are degenerate.
    #[error("the {model} model found no solution; the history may be constant or corrupt")]
    Unsolvable {
        /// Name of the model.
        model: &'static str,
    },
    /// A model file that cannot be used.
    #[error("not a usable model file: {problem}; make one with `stele forecast train`")]
    Model {
        /// What is wrong with it.
        problem: String,
    },
    /// The endpoint does not answer.
    #[error(
        "the endpoint does not answer {method}: {problem}; check the URL and try again, what was fetched is kept"
    )]
    Down {
        /// What was asked.
        method: &'static str,
        /// What happened instead.
        problem: String,
    },
    /// The endpoint answers what cannot be true, or not what was asked.
    #[error("the endpoint's answer to {method} cannot be right: {problem}; use another endpoint")]
    Lying {
        /// What was asked.
        method: &'static str,
        /// Why it cannot be right.
        problem: String,
    },
    /// The file of hours belongs to another chain, or is damaged.
    #[error("the file of hours cannot be continued: {problem}; choose another --out or remove it")]
    Resume {
        /// What is wrong with it.
        problem: String,
    },
    /// A plot could not be drawn.
    #[error("the plot cannot be drawn: {problem}")]
    Plot {
        /// What happened.
        problem: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
}
