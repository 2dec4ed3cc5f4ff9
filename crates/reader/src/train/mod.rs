//! Training: batches, losses, the optimiser, and a loop that can be stopped and gone on with.

pub mod batch;
#[cfg(feature = "burn")]
pub mod burn_learner;
pub mod calibrate;
pub mod fit;
pub mod learner;
pub mod loss;
pub mod optim;
pub mod run;
pub mod synthetic;

pub use batch::{Batch, Loader, Target};
#[cfg(feature = "burn")]
pub use burn_learner::BurnLearner;
pub use fit::{Fit, Progress, TrainConfig, Validation};
pub use learner::{Learner, NativeLearner};
pub use run::{Observer, RunConfig, RunSummary, run};
