//! people

pub mod admit;
pub mod apply;
pub mod appointments;
pub mod enrol;
pub mod find;
pub mod key_statement;
pub mod letters;
pub mod mail;
pub mod notices;
pub mod profile;
