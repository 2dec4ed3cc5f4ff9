//! One module per command, and what they share.

#[cfg(feature = "forecast")]
pub(crate) mod forecast;
#[cfg(feature = "reader")]
pub(crate) mod reader;

#[cfg(feature = "hospital")]
pub(crate) mod audit;
#[cfg(feature = "hospital")]
pub(crate) mod consent;
#[cfg(feature = "hospital")]
pub(crate) mod demo;
#[cfg(feature = "hospital")]
pub(crate) mod init;
#[cfg(feature = "hospital")]
pub(crate) mod key;
#[cfg(feature = "hospital")]
pub(crate) mod node;
#[cfg(feature = "hospital")]
pub(crate) mod rebuild;
#[cfg(feature = "hospital")]
pub(crate) mod record;
#[cfg(feature = "hospital")]
pub(crate) mod registry;

#[cfg(feature = "hospital")]
mod person;

#[cfg(feature = "hospital")]
pub(crate) use crate::output::date;
pub(crate) use crate::output::{Failure, print};
