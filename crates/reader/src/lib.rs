//! Reading radiographs: preprocessing, models, training, evaluation, heatmaps.

pub mod error;
pub mod input;
pub mod model;
pub mod rng;

pub use error::Error;
