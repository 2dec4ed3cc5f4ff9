//! Holds the source to the plan of the house, `layers.toml`: no crate and no module uses what stands
//! above it, no more than three files of a crate import each other in a circle, and no function is
//! longer than 80 lines. `make arch` prints what is wrong as JSON; `cargo test` fails on it.
//!
//! The source is read by its tokens, without a compiler: paths that a macro makes are not seen.

mod check;
mod circles;
mod error;
mod krate;
mod length;
mod module;
mod plan;

pub use check::{Long, Report, Upward, check};
pub use error::Error;
pub use plan::{Forbidden, Limits, Modules, Plan, Sideways, Workspace};
