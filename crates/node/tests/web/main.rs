//! What the web app's clients do beyond records and consent, on real nodes and a real chain.
#![allow(clippy::unwrap_used, reason = "a test")]

mod abroad;
#[path = "../common/mod.rs"]
mod common;
mod links;
mod mail;
mod people;
mod sealed;
mod smtp;
