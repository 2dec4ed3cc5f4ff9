//! Weights files and model descriptions from anywhere: an error or something sound, never a crash.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reader::model::{ModelJson, Weights};

fuzz_target!(|data: &[u8]| {
    if let Ok(weights) = Weights::from_bytes(data) {
        for (_, array) in weights.iter() {
            assert_eq!(array.shape.iter().product::<usize>(), array.data.len());
        }
    }
    let _ = ModelJson::from_bytes(data);
});
