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

/// Name of the model that the program ships.
pub const BEST: &str = "quantile-blend";

/// Every model, the costly ones last.
#[must_use]
pub fn all() -> Vec<Box<dyn Model>> {
    vec![
        Box::new(Persistence),
        Box::new(SeasonalNaive),
        Box::new(Smoothing::default()),
        Box::new(ridge()),
        Box::new(blend()),
        Box::new(Network::new(1)),
        Box::new(Paper::new(PaperSettings::default())),
    ]
}

/// Ridge regression on lags, means and the calendar.
#[must_use]
pub fn ridge() -> Linear {
    let settings = LinearSettings { window: 1460, quantile: None, ridge: 10.0, dear: 0.0 };
    Linear::new("ridge", settings)
}

/// The model that the program ships: quantile regressions over four spans of the past, so that
/// the newest days speak in each of them and no single span decides.
#[must_use]
pub fn blend() -> Mean {
    let member = |window, ridge, dear| -> Box<dyn Model> {
        let settings = LinearSettings { window, quantile: Some(0.4), ridge, dear };
        Box::new(Linear::new("quantile", settings))
    };
    let members = vec![
        member(365, 30.0, 0.0),
        member(730, 30.0, 0.0),
        member(1460, 3.0, 0.5),
        member(2500, 3.0, 1.0),
    ];
    Mean::new(BEST, members)
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
