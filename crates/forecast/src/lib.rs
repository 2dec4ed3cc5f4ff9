//! Ethereum fees of the next days: data, models, backtests, advice.
//!
//! A patient who pays for a transaction wants to know what it costs now, what it will cost in the
//! next seven days, and when to send it. This crate learns that from the history of daily prices
//! ([`history`]), with several models behind one trait ([`model`]), says how sure it is
//! ([`conformal`]), measures itself by rolling-origin backtests ([`backtest`]) and turns a forecast
//! into advice ([`advice`]). A model that was trained lives in a file ([`trained`]); with it, a
//! history becomes an [`outlook`], which is what a node serves. The history itself comes from a
//! table or from the chain ([`fetch`]).
//!
//! Units: prices in wei per gas; logarithms are natural; a horizon of `h` days means the daily mean
//! price `h` days after the last known day, 1 to [`HORIZON`].

pub mod advice;
pub mod backtest;
pub mod conformal;
pub mod evaluate;
pub mod features;
pub mod fetch;
pub mod history;
pub mod model;
pub mod outlook;
#[cfg(feature = "plot")]
pub mod plot;
pub mod trained;

mod error;

pub use error::Error;

/// Days ahead that every model forecasts.
pub const HORIZON: usize = 7;
