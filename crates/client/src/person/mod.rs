//! person

pub mod appointments;
pub mod approval;
pub mod enrolment;
pub mod erasure;
pub mod export;
pub mod grant;
pub mod history;
pub mod letters;
pub mod open;
pub mod sealed_upload;
pub mod upload;
