//! acts

pub mod carry;
