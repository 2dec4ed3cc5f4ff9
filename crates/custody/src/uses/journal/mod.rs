//! journal

pub mod copies;
pub mod foreign_log;
pub mod journaled;
pub mod log_store;
