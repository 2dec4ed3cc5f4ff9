//! Image files from anywhere: as they are, and as the pixels of a DICOM file whose header is sound,
//! so that every codec behind it is reached. Whatever comes back is a picture within its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reader::input::{Limits, decode, quality};

const SYNTAXES: [&[u8]; 7] = [
    b"1.2.840.10008.1.2.1\0",
    b"1.2.840.10008.1.2.4.50",
    b"1.2.840.10008.1.2.4.51",
    b"1.2.840.10008.1.2.4.57",
    b"1.2.840.10008.1.2.4.70",
    b"1.2.840.10008.1.2.4.90",
    b"1.2.840.10008.1.2.5\0",
];

/// An explicit little-endian element.
fn element(out: &mut Vec<u8>, tag: (u16, u16), vr: &[u8; 2], value: &[u8]) {
    out.extend(tag.0.to_le_bytes());
    out.extend(tag.1.to_le_bytes());
    out.extend(vr);
    if matches!(vr, b"OW" | b"OB") {
        out.extend([0, 0]);
        out.extend((value.len() as u32).to_le_bytes());
    } else {
        out.extend((value.len() as u16).to_le_bytes());
    }
    out.extend(value);
}

fn dicom(choice: u8, fields: [u16; 6], data: &[u8]) -> Vec<u8> {
    let syntax = SYNTAXES[usize::from(choice) % SYNTAXES.len()];
    let mut out = vec![0; 128];
    out.extend(b"DICM");
    element(&mut out, (2, 0x10), b"UI", syntax);
    let photometric: &[u8] = match choice >> 4 {
        0..=5 => b"MONOCHROME2 ",
        6..=10 => b"MONOCHROME1 ",
        11..=13 => b"RGB ",
        _ => b"YBR_FULL",
    };
    let [rows, columns, samples, allocated, stored, signed] = fields;
    let short = |out: &mut Vec<u8>, tag, value: u16| element(out, tag, b"US", &value.to_le_bytes());
    short(&mut out, (0x28, 2), samples);
    element(&mut out, (0x28, 4), b"CS", photometric);
    short(&mut out, (0x28, 0x10), rows);
    short(&mut out, (0x28, 0x11), columns);
    short(&mut out, (0x28, 0x100), allocated);
    short(&mut out, (0x28, 0x101), stored);
    short(&mut out, (0x28, 0x102), stored.wrapping_sub(1));
    short(&mut out, (0x28, 0x103), signed & 1);
    let mut pixels = data.to_vec();
    pixels.resize(pixels.len().next_multiple_of(2), 0);
    if syntax == SYNTAXES[0] {
        element(&mut out, (0x7FE0, 0x10), b"OW", &pixels);
        return out;
    }
    // Encapsulated: an empty offset table, one fragment, the end (PS3.5 A.4).
    out.extend([0xE0, 0x7F, 0x10, 0, b'O', b'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
    out.extend([0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0]);
    out.extend([0xFE, 0xFF, 0, 0xE0]);
    out.extend((pixels.len() as u32).to_le_bytes());
    out.extend(pixels);
    out.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    out
}

fuzz_target!(|input: (u8, [u16; 6], Vec<u8>)| {
    let (choice, fields, data) = input;
    let limits = Limits {
        max_bytes: 1 << 20,
        max_side: 2_048,
        max_pixels: 1 << 20,
        long_side: 64,
    };
    for bytes in [dicom(choice, fields, &data), data] {
        if let Ok(decoded) = decode(&bytes, &limits) {
            let image = &decoded.image;
            assert_eq!(image.pixels.len(), image.width * image.height);
            assert!(image.pixels.iter().all(|v| (0.0..=1.0).contains(v)));
            assert!(quality(&decoded).smoothness.is_finite());
        }
    }
});
