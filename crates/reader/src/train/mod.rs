//! Training: batches, losses, the optimiser, and a loop that can be stopped and gone on with.

pub mod batch;
pub mod calibrate;
pub mod fit;
pub mod learner;
pub mod loss;
pub mod optim;
pub mod run;
pub mod synthetic;

pub use batch::{Batch, Loader, Target};
pub use fit::{Fit, Progress, TrainConfig, Validation};
pub use learner::{BurnLearner, Learner, NativeLearner};
pub use run::{Observer, RunConfig, RunSummary, run};
