//! Models of the daily price, all behind [`Model`].

mod linear;
mod net;
mod simple;

pub use linear::{Linear, LinearSettings};
pub use net::{Network, PAPER_PARAMETERS, Paper, PaperSettings};
pub use simple::{Persistence, SeasonalNaive, Smoothing};

use serde::{Deserialize, Serialize};

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
    let settings = LinearSettings {
        window: 1460,
        quantile: None,
        ridge: 10.0,
        dear: 0.0,
    };
    Linear::new("ridge", settings)
}

/// The model that the program ships: quantile regressions over four spans of the past, so that
/// the newest days speak in each of them and no single span decides.
#[must_use]
pub fn blend() -> Blend {
    Blend::new(BLEND)
}

/// Days, ridge penalty and weight of dear days of each member of [`blend`]; docs/forecast.md has
/// variants of them on earlier years.
pub const BLEND: [LinearSettings; 4] = [
    member(365, 30.0, 0.0),
    member(730, 30.0, 0.0),
    member(1460, 3.0, 0.5),
    member(2500, 3.0, 1.0),
];

const fn member(window: usize, ridge: f64, dear: f64) -> LinearSettings {
    LinearSettings {
        window,
        quantile: Some(0.4),
        ridge,
        dear,
    }
}

/// The geometric mean of several linear models.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blend {
    members: Vec<Linear>,
}

impl Blend {
    /// Unfitted models with these settings.
    #[must_use]
    pub fn new(settings: impl IntoIterator<Item = LinearSettings>) -> Self {
        let members = settings
            .into_iter()
            .map(|settings| Linear::new("quantile", settings));
        Self {
            members: members.collect(),
        }
    }

    /// Whether there are members and all of them can forecast ([`Linear::is_sound`]).
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !self.members.is_empty() && self.members.iter().all(Linear::is_sound)
    }
}

impl Model for Blend {
    fn name(&self) -> &'static str {
        BEST
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
