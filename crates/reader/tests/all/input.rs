//! Decoding: what DICOM viewers show, and what hostile or broken files get.

use std::path::PathBuf;

use reader::Error;
use reader::input::{Image, Limits, decode, open};
use reader::predict::png_grey;
use serde_json::Value;

pub(super) fn dicom_folder() -> Option<PathBuf> {
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
    assert!(found.contains("longer than the file"), "{found}");
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
