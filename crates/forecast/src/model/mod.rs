//! Models of the daily price, all behind [`Model`].

mod catalogue;
mod linear;
mod net;
mod simple;

pub use catalogue::{BEST, BLEND, Blend, all, blend, ridge};
pub use linear::{Linear, LinearSettings};
pub use net::{Network, PAPER_PARAMETERS, Paper, PaperSettings};
pub use simple::{Persistence, SeasonalNaive, Smoothing};

use crate::features::Series;
use crate::{Error, HORIZON};

/// Logarithms of the price 1 to [`HORIZON`] days ahead; the value at `h - 1` is for `h` days.
pub type Path = [f64; HORIZON];

/// A model of the daily price.
pub trait Model: Send {
    /// Short name, used in tables and JSON.
    fn name(&self) -> &'static str;

    /// Learn from the days before `end`.
    ///
    /// # Errors
    /// [`Error::TooShort`] if there are too few of them.
    fn fit(&mut self, series: &Series, end: usize) -> Result<(), Error>;

    /// Forecast from day `at`, knowing nothing later.
    ///
    /// # Errors
    /// [`Error::TooShort`] before the model was fitted or if `at` is too early.
    fn predict(&self, series: &Series, at: usize) -> Result<Path, Error>;
}
