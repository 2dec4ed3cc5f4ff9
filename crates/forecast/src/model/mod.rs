//! Models of the daily price, all behind [`Model`].

mod linear;
mod net;
mod simple;

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

/// The geometric mean of several models.
pub struct Mean {
    name: &'static str,
    members: Vec<Box<dyn Model>>,
}

impl Mean {
    /// Combine models under a name.
    #[must_use]
    pub fn new(name: &'static str, members: Vec<Box<dyn Model>>) -> Self {
        Self { name, members }
    }
}

impl Model for Mean {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fit(&mut self, series: &Series, end: usize) -> Result<(), Error> {
        self.members
            .iter_mut()
            .try_for_each(|member| member.fit(series, end))
    }

    fn predict(&self, series: &Series, at: usize) -> Result<Path, Error> {
        let mut path = [0.0; HORIZON];
        for member in &self.members {
            let one = member.predict(series, at)?;
            for (sum, value) in path.iter_mut().zip(one) {
                *sum += value / crate::features::count(self.members.len());
            }
        }
        Ok(path)
    }
}
