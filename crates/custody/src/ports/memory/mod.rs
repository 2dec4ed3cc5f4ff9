//! memory

mod search;
pub mod store;
