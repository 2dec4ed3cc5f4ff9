//! Paths of the log's static layout and entry bundles from anywhere: each has one spelling.
#![no_main]

use ledger::log::tile::{Resource, bundle, read_bundle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(entries) = read_bundle(data) {
        assert_eq!(bundle(&entries), data);
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(resource) = text.parse::<Resource>()
    {
        assert_eq!(resource.to_string(), text);
    }
});
