//! The owner's side of every use case: pure functions over keys that never leave their owner.

pub mod appointments;
pub mod approval;
pub mod enrolment;
pub mod erasure;
pub mod export;
pub mod grant;
pub mod history;
pub mod letters;
pub mod open;
pub mod request;
pub mod revocation;
pub mod sealed_upload;
pub mod upload;
