//! The reader's tests, in one program: linking one is quicker than linking six.
// They print what they measured, for the documents that quote it.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[cfg(feature = "burn")]
mod burn;
mod engines;
mod figures;
mod gradients;
mod pytorch;
mod reference;
mod shipped;
mod training;
