//! memory

pub mod store;
