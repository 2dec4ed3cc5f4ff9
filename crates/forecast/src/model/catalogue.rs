//! Every model with its settings, and the blend that the program ships.

use serde::{Deserialize, Serialize};

use super::{
    Linear, LinearSettings, Model, Network, Paper, PaperSettings, Path, Persistence, SeasonalNaive,
    Smoothing,
};
use crate::features::{Series, count};
use crate::{Error, HORIZON};

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
                *sum += value / count(self.members.len());
            }
        }
        Ok(path)
    }
}
