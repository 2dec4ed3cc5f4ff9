//! Networks, their weights, and the engines that run them.

pub mod arch;
#[cfg(feature = "burn")]
pub mod burn_net;
pub mod engine;
pub mod graph;
pub mod heatmap;
pub mod kernels;
pub mod native;
pub mod onnx;
pub mod ood;
mod pytorch;
pub mod store;
pub mod weights;

pub use arch::Arch;
pub use engine::{EngineChoice, EngineInfo, engines};
pub use graph::Graph;
pub use heatmap::Heatmap;
pub use ood::OodStats;
pub use store::{LoadedModel, ModelJson, Reading};
pub use weights::Weights;
