//! People: who a patient is, whether a file's patient is the chosen one, and which two patients
//! may be one.
//!
//! [`compare`] is the one judgement about a file. Number, name, birth date and sex all count; what
//! either side leaves out is not compared; *same* needs two that agree, of which sex is none.
//! `testdata/vectors/people.json` holds what it says of examples, and whatever compares people in
//! another language is held to it.
mod compare;
mod date;
mod demographics;
mod double;
mod letters;
mod name;
mod number;
mod reason;

pub use compare::{Judgement, Verdict, compare};
pub use demographics::{PatientDemographics, Sex, chosen_from_json};
pub use double::{LIKELY, Likeness, likely_double};
pub use reason::{Field, Reason, Weight};
