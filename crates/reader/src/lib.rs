//! Reading radiographs: preprocessing, models, training, evaluation, heatmaps.

pub mod data;
pub mod error;
pub mod evaluate;
pub mod input;
pub mod model;
pub mod predict;
pub mod rng;
pub mod shipped;
pub mod train;

pub use error::{Error, Refused};
pub use shipped::{About, Ask, Opinion, Shipped};
