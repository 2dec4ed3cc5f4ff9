//! What peers send besides blocks: receipts, challenges, answers, and the fields of signed requests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault::replicate::{Answer, Challenge, Receipt};
use vault::sign::wallet::recover;

fuzz_target!(|data: &[u8]| {
    if let Ok(receipt) = Receipt::from_bytes(data) {
        let bytes = receipt.to_bytes().expect("what was read can be written");
        assert_eq!(Receipt::from_bytes(&bytes).ok(), Some(receipt));
    }
    let _ = Challenge::from_bytes(data);
    let _ = Answer::from_bytes(data);
    let _ = recover(b"message", data);
});
