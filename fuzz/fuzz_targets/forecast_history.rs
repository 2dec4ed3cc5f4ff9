//! Tables of prices and of hours, and model files from anywhere: reading never panics, and what was
//! read is written and read again to the same.
#![no_main]

use forecast::fetch::Hours;
use forecast::history::History;
use forecast::trained::Trained;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((history, _)) = History::read_csv(bytes) {
        let mut table = Vec::new();
        history.write_csv(&mut table).expect("memory takes any table");
        let (again, _) = History::read_csv(&*table).expect("our own table is read");
        assert_eq!(again, history);
    }
    let _ = Hours::read(bytes);
    let _ = Trained::from_json(bytes);
});
