//! uses

pub mod acts;
pub mod blobs;
pub mod consent;
pub mod hospital;
pub mod journal;
pub mod lifecycle;
pub mod overview;
pub mod people;
pub mod records;
pub mod replication;
pub mod signature;
