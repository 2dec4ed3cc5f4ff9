//! PNG and JPEG headers from anywhere: what is accepted is within the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use clinical::image::{ImageLimits, sniff};

fuzz_target!(|data: &[u8]| {
    let limits = ImageLimits::default();
    for start in [&b""[..], b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"] {
        if let Ok(found) = sniff(&[start, data].concat(), &limits) {
            assert!((1..=limits.side).contains(&found.width.max(found.height)));
            assert!(u64::from(found.width) * u64::from(found.height) <= limits.pixels);
        }
    }
});
