//! The time, as the use cases see it.

use std::sync::Arc;

/// Tells the time, unix seconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;
