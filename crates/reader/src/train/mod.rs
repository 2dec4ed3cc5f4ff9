//! Training: batches, losses, the optimiser, and a loop that can be stopped and gone on with.

pub mod batch;
pub mod fit;
pub mod learner;
pub mod loss;
pub mod optim;

pub use batch::{Batch, Loader, Target};
pub use fit::{Fit, Progress, TrainConfig, Validation};
pub use learner::{Learner, NativeLearner};
