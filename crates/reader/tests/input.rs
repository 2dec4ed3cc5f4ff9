//! Decoding: what DICOM viewers show, and what hostile or broken files get.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

use reader::Error;
use reader::input::{Image, Limits, decode, open};
use reader::predict::png_grey;
use serde_json::Value;

fn dicom_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("STELE_DICOM_DIR")
        .map(PathBuf::from)
        .filter(|p| p.is_dir());
    if folder.is_none() {
        eprintln!(
            "skipped: STELE_DICOM_DIR names no folder with the files of pydicom-data (make setup-dicom)"
        );
    }
    folder
}

/// Uncompressed, JPEG 2000, JPEG lossless; MONOCHROME1, windows, LUTs, signed samples, padding,
/// orientation: the same greys as pydicom's (`dicom/make.py` made the reference).
#[test]
fn real_dicom_files_look_as_in_pydicom() {
    let Some(folder) = dicom_folder() else { return };
    let reference: Value = serde_json::from_str(include_str!("dicom/reference.json")).unwrap();
    let mut compared = 0;
    for (name, expected) in reference.as_object().unwrap() {
        let path = folder.join(format!("{name}.dcm"));
        if !path.is_file() {
            eprintln!("skipped: {} is not there", path.display());
            continue;
        }
        let image = open(&path).unwrap().image;
        assert_eq!(
            image.width as u64,
            expected["columns"].as_u64().unwrap(),
            "{name}"
        );
        assert_eq!(
            image.height as u64,
            expected["rows"].as_u64().unwrap(),
            "{name}"
        );
        let mean =
            image.pixels.iter().map(|v| f64::from(*v)).sum::<f64>() / image.pixels.len() as f64;
        assert!(
            (mean - expected["mean"].as_f64().unwrap()).abs() < 2e-3,
            "{name}: mean {mean}"
        );
        let places: Vec<[usize; 2]> = serde_json::from_value(expected["places"].clone()).unwrap();
        let values: Vec<f32> = serde_json::from_value(expected["values"].clone()).unwrap();
        for (place, value) in places.iter().zip(values) {
            let found = image.at(place[0], place[1]);
            assert!(
                (found - value).abs() < 0.02,
                "{name} at {place:?}: {found} instead of {value}"
            );
        }
        compared += 1;
    }
    eprintln!("{compared} files compared");
}

fn words(bytes: &[u8]) -> String {
    decode(bytes, &Limits::default()).unwrap_err().to_string()
}

fn sample() -> Vec<u8> {
    let pixels = (0..64 * 48).map(|i| (i % 64) as f32 / 64.0).collect();
    png_grey(&Image::new(64, 48, pixels).unwrap()).unwrap()
}

#[test]
fn broken_files_get_clear_words() {
    assert!(words(b"").contains("empty"));
    assert!(words(b"%PDF-1.7").contains("neither DICOM, PNG nor JPEG"));
    let png = sample();
    assert!(words(&png[..png.len() / 2]).contains("damaged"));
    assert!(words(&[0xFF, 0xD8, 0xFF, 0xE0, 0, 4]).contains("JPEG"));
    let mut dicom = vec![0; 128];
    dicom.extend(b"DICM\x02\x00\x10\x00UI\xFF\xFF1.2");
    assert!(words(&dicom).contains("longer than the file"));
}

/// A header that claims 16,384 x 16,384 (and one of 2^31) is refused before memory is set aside.
#[test]
fn absurd_sizes_are_refused() {
    for side in [16_384u32, 1 << 31] {
        let mut png = sample();
        png[16..20].copy_from_slice(&side.to_be_bytes());
        png[20..24].copy_from_slice(&side.to_be_bytes());
        // The checksum covers the header, so write a right one (CRC-32, ISO 3309).
        let crc = png[12..29].iter().fold(u32::MAX, |c, b| {
            (0..8).fold(c ^ u32::from(*b), |c, _| {
                if c & 1 == 1 {
                    0xEDB8_8320 ^ (c >> 1)
                } else {
                    c >> 1
                }
            })
        });
        png[29..33].copy_from_slice(&(!crc).to_be_bytes());
        assert!(decode(&png, &Limits::default()).is_err(), "{side}");
    }
    let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8];
    jpeg.extend(65_535u16.to_be_bytes());
    jpeg.extend(65_535u16.to_be_bytes());
    jpeg.extend([1, 1, 0x11, 0]);
    assert!(matches!(
        decode(&jpeg, &Limits::default()),
        Err(Error::TooLarge(_))
    ));
    let small = Limits {
        max_bytes: 10,
        ..Limits::default()
    };
    assert!(matches!(decode(&sample(), &small), Err(Error::TooLarge(_))));
}

#[test]
fn large_pictures_are_reduced_while_they_are_decoded() {
    let limits = Limits {
        long_side: 30,
        ..Limits::default()
    };
    let decoded = decode(&sample(), &limits).unwrap();
    assert_eq!((decoded.meta.columns, decoded.meta.rows), (64, 48));
    assert_eq!((decoded.image.width, decoded.image.height), (21, 16));
}

/// Only three tags of group FFFE exist. What follows any other is read in different ways, and a
/// length that is not seen could claim any memory.
#[test]
fn a_delimiter_that_does_not_exist_is_refused() {
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0");
    bytes.extend(b"\xFE\xFF\0\0UN\0\0\xFE\xFF\xFF\x0F\0\0\0\0");
    let found = words(&bytes);
    assert!(found.contains("does not exist"), "{found}");
}

/// Whatever a few changed or missing bytes do, the answer is a picture within its bounds or an error.
#[test]
fn damaged_bytes_never_end_the_program() {
    let mut files = vec![sample()];
    if let Some(folder) = dicom_folder() {
        let names = [
            "emri_small_RLE",
            "emri_small_jpeg_2k_lossless",
            "JPEG-LL",
            "emri_small_big_endian",
        ];
        files.extend(
            names
                .iter()
                .filter_map(|n| std::fs::read(folder.join(format!("{n}.dcm"))).ok()),
        );
    }
    let mut rng = reader::rng::Rng::new(11);
    for file in files {
        for round in 0..40 {
            let mut bytes = file.clone();
            for _ in 0..=round % 6 {
                // Headers lie at the front: half of the changes go there.
                let reach = if rng.unit() < 0.5 {
                    bytes.len().min(2_048)
                } else {
                    bytes.len()
                };
                let at = rng.below(reach);
                bytes[at] = rng.next() as u8;
            }
            if round % 3 == 0 {
                bytes.truncate(rng.below(bytes.len()).max(1));
            }
            if let Ok(decoded) = decode(&bytes, &Limits::default()) {
                let image = decoded.image;
                assert_eq!(image.pixels.len(), image.width * image.height);
                assert!(image.pixels.iter().all(|v| (0.0..=1.0).contains(v)));
            }
        }
    }
}

const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// Columns and rows of the picture that every written form below shows.
const SIZE: (u16, u16) = (10, 6);

fn pixels() -> Vec<u8> {
    (0..SIZE.0 * SIZE.1).map(|i| (i * 4) as u8).collect()
}

/// How a data set is written.
#[derive(Clone, Copy)]
struct Written {
    explicit: bool,
    big: bool,
}

impl Written {
    fn short(self, value: u16) -> [u8; 2] {
        if self.big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn element(self, tag: (u16, u16), vr: &str, value: &[u8]) -> Vec<u8> {
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            value.push(b' ');
        }
        let mut out = [self.short(tag.0), self.short(tag.1)].concat();
        let long = value.len() as u32;
        let long = if self.big {
            long.to_be_bytes()
        } else {
            long.to_le_bytes()
        };
        if !self.explicit {
            out.extend(long);
        } else if vr == "OW" || vr == "OB" {
            out.extend(vr.as_bytes());
            out.extend([0, 0]);
            out.extend(long);
        } else {
            out.extend(vr.as_bytes());
            out.extend(self.short(value.len() as u16));
        }
        out.extend(value);
        out
    }

    /// The data set of the picture, with `between` before its pixels.
    fn data_set(self, vr: &str, between: &[u8]) -> Vec<u8> {
        let short = |number, value| self.element((0x28, number), "US", &self.short(value));
        let mut pixels = pixels();
        if self.big && vr == "OW" {
            // Words of 16 bits, two pixels each, the first in the lower half.
            pixels.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        }
        [
            self.element((8, 0x16), "UI", b"1.2.840.10008.5.1.4.1.1.1\0"),
            self.element((8, 0x18), "UI", b"1.2.3\0"),
            self.element((8, 0x60), "CS", b"CR"),
            short(2, 1),
            self.element((0x28, 4), "CS", b"MONOCHROME2"),
            short(0x10, SIZE.1),
            short(0x11, SIZE.0),
            short(0x100, 8),
            short(0x101, 8),
            short(0x102, 7),
            short(0x103, 0),
            between.to_vec(),
            self.element((0x7FE0, 0x10), vr, &pixels),
        ]
        .concat()
    }
}

const LITTLE: Written = Written {
    explicit: true,
    big: false,
};
const BIG: Written = Written {
    explicit: true,
    big: true,
};
const BARE: Written = Written {
    explicit: false,
    big: false,
};

fn file(syntax: &str, data_set: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 128];
    out.extend(b"DICM");
    let mut uid = syntax.as_bytes().to_vec();
    uid.resize(uid.len().next_multiple_of(2), 0);
    out.extend(LITTLE.element((2, 0x10), "UI", &uid));
    out.extend(data_set);
    out
}

/// A private element of VR UN and undefined length, with implicit elements in it.
fn unknown_sequence() -> Vec<u8> {
    [
        &b"\x29\0\x10\x10UN\0\0\xff\xff\xff\xff"[..],
        b"\xfe\xff\0\xe0\xff\xff\xff\xff",
        &BARE.element((0x29, 0x10), "LO", b"ACME"),
        &BARE.element((0x29, 0x1020), "LO", b"UNxx"),
        b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0",
    ]
    .concat()
}

/// One stored block (RFC 1951, 3.2.4).
fn deflated(data: &[u8]) -> Vec<u8> {
    let len = data.len() as u16;
    let mut out = vec![1];
    out.extend(len.to_le_bytes());
    out.extend((!len).to_le_bytes());
    out.extend(data);
    out
}

/// However a file is written, the picture is the same.
#[test]
fn the_picture_does_not_depend_on_how_the_file_is_written() {
    let plain = file(EXPLICIT, &LITTLE.data_set("OB", &[]));
    let expected = decode(&plain, &Limits::default()).unwrap();
    assert!(expected.warnings.is_empty(), "{:?}", expected.warnings);
    let shown: Vec<f32> = pixels().iter().map(|v| f32::from(*v) / 255.0).collect();
    assert_eq!(expected.image.pixels, shown);
    let zeros = |file: &[u8]| [file, &[0; 777]].concat();
    let forms = [
        ("OW", file(EXPLICIT, &LITTLE.data_set("OW", &[]))),
        ("implicit", file(IMPLICIT, &BARE.data_set("OW", &[]))),
        ("big endian, OB", file(BIG_ENDIAN, &BIG.data_set("OB", &[]))),
        ("big endian, OW", file(BIG_ENDIAN, &BIG.data_set("OW", &[]))),
        (
            "deflated",
            file(DEFLATED, &deflated(&LITTLE.data_set("OB", &[]))),
        ),
        ("zeros behind", zeros(&plain)),
        (
            "deflated, zeros behind",
            zeros(&file(DEFLATED, &deflated(&LITTLE.data_set("OB", &[0; 0])))),
        ),
        (
            "unknown sequence",
            file(EXPLICIT, &LITTLE.data_set("OB", &unknown_sequence())),
        ),
        (
            "explicit, called implicit",
            file(IMPLICIT, &LITTLE.data_set("OB", &[])),
        ),
        (
            "implicit, called explicit",
            file(EXPLICIT, &BARE.data_set("OW", &[])),
        ),
        ("no preamble", plain[128..].to_vec()),
        ("no DICM", plain[132..].to_vec()),
        ("no header, explicit", LITTLE.data_set("OB", &[])),
        ("no header, implicit", BARE.data_set("OW", &[])),
        ("no header, big endian", BIG.data_set("OW", &[])),
    ];
    for (form, bytes) in forms {
        let found = decode(&bytes, &Limits::default());
        let found = found.unwrap_or_else(|e| panic!("{form}: {e}"));
        assert_eq!(found.image, expected.image, "{form}");
        let headless = form.starts_with("no header");
        assert_eq!(found.warnings.len(), usize::from(headless), "{form}");
    }
}

/// A cut file is refused wherever it was cut, and so is one that claims more than it has.
#[test]
fn a_cut_dicom_file_is_refused() {
    let whole = file(EXPLICIT, &LITTLE.data_set("OB", &unknown_sequence()));
    for len in 0..whole.len() {
        assert!(decode(&whole[..len], &Limits::default()).is_err(), "{len}");
    }
}

/// Kept cases whose structure is odd, beside what pydicom shows of them.
#[test]
fn the_kept_cases_of_odd_structure_look_as_in_pydicom() {
    let folder = std::env::var_os("STELE_CASES_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases"),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!(
            "skipped: no cases in {}; set STELE_CASES_DIR",
            folder.display()
        );
        return;
    };
    let mut compared = 0;
    for case in entries.map(|entry| entry.unwrap().path()) {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let odd = [
            "preamble",
            "trailing",
            "big-endian",
            "unknown-vr",
            "deflated",
        ];
        if !odd.iter().any(|odd| name.contains(odd)) || !case.join("ref.png").is_file() {
            continue;
        }
        let found = open(case.join("in.dcm")).unwrap().image;
        let shown = open(case.join("ref.png")).unwrap().image;
        assert_eq!((found.width, found.height), (shown.width, shown.height));
        let pairs = found.pixels.iter().zip(&shown.pixels);
        let most = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most < 1.5 / 255.0, "{name}: {most}");
        compared += 1;
    }
    eprintln!("{compared} cases compared");
    assert!(compared > 0);
}
