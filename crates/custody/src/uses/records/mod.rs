//! records

pub mod approve;
pub mod content;
pub mod correct;
pub mod erase;
pub mod export;
pub mod sealed_upload;
pub mod upload;
