//! Checkpoint notes from anywhere: what is read is verified, and says what it says in one way only.
#![no_main]

use ledger::{Origin, SignedCheckpoint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(checkpoint) = SignedCheckpoint::from_note(text) {
        checkpoint.verify().expect("notes are verified as they are read");
        let again = SignedCheckpoint::from_note(&checkpoint.to_note());
        assert_eq!(again.expect("it was read once"), checkpoint);
    }
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.to_string(), text);
    }
});
