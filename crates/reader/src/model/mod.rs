//! Networks, their weights, and the engines that run them.

pub mod arch;
pub mod graph;
pub mod kernels;
pub mod native;
pub mod weights;

pub use arch::Arch;
pub use graph::Graph;
pub use weights::Weights;
