//! DICOM files from anywhere, whole and as a data set behind a good beginning, within small limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use clinical::dicom::{DicomLimits, read};

/// The meta group of a file in `syntax`, whose length is even.
fn begin(syntax: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend([2, 0, 0x10, 0, b'U', b'I', syntax.len() as u8, 0]);
    bytes.extend(syntax);
    bytes
}

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (choice, data) = input;
    let limits = DicomLimits {
        file_bytes: 1 << 20,
        inflated_bytes: 1 << 20,
        elements: 2000,
        ..DicomLimits::default()
    };
    let syntax: &[u8] = match choice % 5 {
        0 => b"1.2.840.10008.1.2\0",
        1 => b"1.2.840.10008.1.2.1\0",
        2 => b"1.2.840.10008.1.2.2\0",
        3 => b"1.2.840.10008.1.2.1.99",
        _ => b"1.2.840.10008.1.2.4.90",
    };
    let _ = read(&[begin(syntax), data.clone()].concat(), &limits);
    let _ = read(&data, &limits);
});
