//! consent

pub mod grant;
pub mod link;
pub mod open;
pub mod request;
pub mod revoke;
