//! The hospital's server: HTTP API, sign-in, jobs, database.

pub mod db;
