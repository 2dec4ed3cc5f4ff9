//! What goes over the wire between a person's machine, a hospital's node and other nodes: the bodies
//! of requests and answers, with the schemas of which the OpenAPI document is made.
//!
//! A type here is a promise to every client. What a node stores is described in `custody::model`
//! and may change without one.

pub mod acts;
pub mod applications;
pub mod appointments;
pub mod chain;
pub mod consent;
pub mod error;
pub mod fees;
pub mod hospital;
pub mod letters;
pub mod links;
pub mod log;
pub mod node;
pub mod notices;
pub mod peers;
pub mod people;
pub mod readings;
pub mod records;
pub mod session;
