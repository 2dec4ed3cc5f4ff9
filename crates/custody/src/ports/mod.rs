//! ports

pub mod chain;
pub mod clock;
pub mod memory;
pub mod peers;
pub mod postman;
pub mod random;
pub mod search;
pub mod store;
