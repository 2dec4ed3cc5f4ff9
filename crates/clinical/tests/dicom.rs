//! DICOM headers: hand-built files, good and hostile, and real CR images where they are found.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test may panic, and says why it skips.
use std::io::Write;
use std::path::PathBuf;

use clinical::dicom::{self, DicomFile, DicomLimits, DicomSummary, PixelData, tags};
use clinical::person::{Reason, Verdict, compare};
use clinical::{Error, PatientDemographics, Sex};
use proptest::prelude::*;

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// An element in explicit VR, little endian.
fn element(group: u16, number: u16, vr: &str, value: &[u8]) -> Vec<u8> {
    element_claiming(group, number, vr, value, None)
}

/// The same with a length that the value may not have.
fn element_claiming(g: u16, n: u16, vr: &str, value: &[u8], claimed: Option<u32>) -> Vec<u8> {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == "UI" { 0 } else { b' ' });
    }
    let len = claimed.unwrap_or(value.len() as u32);
    let mut bytes = [g.to_le_bytes(), n.to_le_bytes()].concat();
    bytes.extend(vr.as_bytes());
    if matches!(vr, "OB" | "OW" | "SQ" | "UN" | "UT" | "UC") {
        bytes.extend([0, 0]);
        bytes.extend(len.to_le_bytes());
    } else {
        bytes.extend((len as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

fn file(syntax: &str, dataset: &[u8]) -> Vec<u8> {
    let meta = [
        element(2, 2, "UI", b"1.2.840.10008.5.1.4.1.1.1"),
        element(2, 3, "UI", b"1.2.3.4.5"),
        element(2, 0x10, "UI", syntax.as_bytes()),
    ]
    .concat();
    let length = element(2, 0, "UL", &(meta.len() as u32).to_le_bytes());
    [&[0; 128], b"DICM".as_slice(), &length, &meta, dataset].concat()
}

fn header() -> Vec<u8> {
    [
        element(8, 5, "CS", b"ISO_IR 192"),
        element(8, 0x16, "UI", b"1.2.840.10008.5.1.4.1.1.1"),
        element(8, 0x18, "UI", b"1.2.3.4.5"),
        element(8, 0x20, "DA", b"20231105"),
        element(8, 0x60, "CS", b"CR"),
        element(0x10, 0x10, "PN", "Grün^Zoë".as_bytes()),
        element(0x10, 0x20, "LO", b"H-17"),
        element(0x10, 0x30, "DA", b"19710309"),
        element(0x10, 0x40, "CS", b"F"),
        element(0x18, 0x15, "CS", b"CHEST"),
        element(0x20, 0xd, "UI", b"1.2.3"),
        element(0x20, 0xe, "UI", b"1.2.3.4"),
        element(0x28, 0x10, "US", &600u16.to_le_bytes()),
        element(0x28, 0x11, "US", &400u16.to_le_bytes()),
    ]
    .concat()
}

fn with_pixels() -> Vec<u8> {
    [header(), element(0x7fe0, 0x10, "OW", &[1; 64])].concat()
}

fn read(bytes: &[u8]) -> Result<DicomSummary, Error> {
    dicom::read(bytes, &DicomLimits::default())
}

fn check_summary(summary: &DicomSummary) {
    assert_eq!(summary.patient.name, "Grün^Zoë");
    assert_eq!(summary.patient.id, "H-17");
    assert_eq!(
        (
            summary.patient.birth_date.as_str(),
            summary.patient.sex.as_str()
        ),
        ("19710309", "F")
    );
    assert_eq!(
        (summary.modality.as_str(), summary.body_part.as_str()),
        ("CR", "CHEST")
    );
    assert_eq!(
        (summary.rows, summary.columns, summary.frames),
        (Some(600), Some(400), 1)
    );
    assert_eq!(summary.study_uid, "1.2.3");
    assert_eq!(summary.series_uid, "1.2.3.4");
    assert_eq!(summary.sop_instance_uid, "1.2.3.4.5");
    assert_eq!(summary.sop_class_uid, "1.2.840.10008.5.1.4.1.1.1");
}

#[test]
fn the_header_is_read_and_the_patient_is_not_printed() {
    let summary = read(&file(EXPLICIT, &with_pixels())).unwrap();
    check_summary(&summary);
    assert_eq!(summary.transfer_syntax, EXPLICIT);
    let printed = format!("{summary:?}");
    assert!(!printed.contains("Zo") && !printed.contains("H-17") && !printed.contains("1971"));
}

fn deflated(dataset: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(dataset).unwrap();
    file(DEFLATED, &encoder.finish().unwrap())
}

#[test]
fn a_deflated_data_set_is_read_within_its_limit() {
    check_summary(&read(&deflated(&with_pixels())).unwrap());
    let bomb = [header(), element(9, 1, "OB", &vec![0; 4 << 20])].concat();
    let bytes = deflated(&bomb);
    assert!(bytes.len() < 10_000);
    let limits = DicomLimits {
        inflated_bytes: 1 << 20,
        ..Default::default()
    };
    let error = dicom::read(&bytes, &limits).unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooLarge {
                what: "inflated DICOM data set",
                ..
            }
        ),
        "{error}"
    );
    let mut cut = deflated(&with_pixels());
    cut.truncate(cut.len() - 20);
    assert!(read(&cut).is_err());
}

#[test]
fn what_is_no_dicom_is_refused_with_a_reason() {
    assert_eq!(read(&[]), Err(Error::EmptyFile));
    for bytes in [
        &b"hello"[..],
        &[0; 128],
        &[0; 200],
        b"DICM",
        b"\x89PNG\r\n\x1a\n",
    ] {
        assert_eq!(read(bytes), Err(Error::NotDicom));
    }
    let nothing_more = [&[0; 128][..], b"DICM"].concat();
    assert!(matches!(read(&nothing_more), Err(Error::BadImage { .. })));
    let unknown = read(&file("1.2.3.99", &header())).unwrap_err();
    assert!(unknown.to_string().contains("1.2.3.99"), "{unknown}");
    assert!(matches!(
        read(&file(EXPLICIT, &[])),
        Err(Error::BadImage { .. })
    ));
}

#[test]
fn limits_hold_for_size_elements_nesting_and_values() {
    let bytes = file(EXPLICIT, &with_pixels());
    let refused = |limits: DicomLimits| {
        let error = dicom::read(&bytes, &limits).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    };
    let default = DicomLimits::default();
    refused(DicomLimits {
        file_bytes: bytes.len() - 1,
        ..default
    });
    refused(DicomLimits {
        elements: 10,
        ..default
    });
    refused(DicomLimits {
        value_bytes: 4,
        ..default
    });

    let undefined = Some(u32::MAX);
    let nested = |depth: usize| {
        let mut dataset = header();
        for _ in 0..depth {
            dataset.extend(element_claiming(0x40, 0x275, "SQ", &[], undefined));
            dataset.extend([0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff]);
        }
        for _ in 0..depth {
            dataset.extend([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0]);
            dataset.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
        }
        dataset.extend(element(0x7fe0, 0x10, "OW", &[1; 64]));
        file(EXPLICIT, &dataset)
    };
    check_summary(&read(&nested(16)).unwrap());
    let error = read(&nested(100_000)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooLarge {
                what: "DICOM nesting",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_claimed_length_is_checked_before_anything_is_set_aside_for_it() {
    for vr in ["UT", "OB", "UN"] {
        let bomb = [
            header(),
            element_claiming(0x21, 1, vr, &[0; 8], Some(0xffff_fff0)),
        ]
        .concat();
        let error = read(&file(EXPLICIT, &bomb)).unwrap_err();
        assert!(
            matches!(error, Error::TruncatedImage { .. }),
            "{vr}: {error}"
        );
    }
    // In the meta group, where dicom-rs's own reader sets aside what is claimed.
    let mut meta = [&[0; 128][..], b"DICM"].concat();
    meta.extend(element(2, 0, "UL", &100u32.to_le_bytes()));
    meta.extend(element_claiming(2, 0x102, "OB", &[0; 4], Some(0xffff_fff0)));
    let error = read(&meta).unwrap_err();
    assert!(matches!(error, Error::TruncatedImage { .. }), "{error}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let native = file(EXPLICIT, &with_pixels());
    let fragments = [
        &element_claiming(0x7fe0, 0x10, "OB", &[], Some(u32::MAX)),
        &[0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0][..],
        &[0xfe, 0xff, 0x00, 0xe0, 4, 0, 0, 0, 1, 2, 3, 4],
        &[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0],
    ];
    let encapsulated = file(
        "1.2.840.10008.1.2.4.90",
        &[header(), fragments.concat()].concat(),
    );
    for whole in [native, encapsulated] {
        check_summary(&read(&whole).unwrap());
        for len in 0..whole.len() {
            assert!(read(&whole[..len]).is_err(), "{len} of {}", whole.len());
        }
    }
}

#[test]
fn sequences_that_end_without_beginning_are_refused() {
    for tag in [[0xfe, 0xff, 0x0d, 0xe0], [0xfe, 0xff, 0xdd, 0xe0]] {
        let stray = [
            tag.as_slice(),
            &[0; 4],
            &[0xfe, 0xff, 0x00, 0xe0, 4, 0, 0, 0],
            &[0; 4],
        ];
        let dataset = [header(), stray.concat()].concat();
        assert!(read(&file(EXPLICIT, &dataset)).is_err());
    }
}

fn dicom_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("STELE_DICOM_DIR").map(PathBuf::from);
    let dir = dir.filter(|dir| dir.join("RG1_UNCR.dcm").is_file());
    if dir.is_none() {
        println!(
            "skipped: no RG1_UNCR.dcm in STELE_DICOM_DIR; run scripts/fetch-dicom.py and set it"
        );
    }
    dir
}

#[test]
fn real_radiographs_are_read_in_every_transfer_syntax() {
    let Some(dir) = dicom_dir() else { return };
    for (name, syntax) in [
        ("UNCR", EXPLICIT),
        ("UNCI", EXPLICIT),
        ("J2KR", "1.2.840.10008.1.2.4.90"),
        ("J2KI", "1.2.840.10008.1.2.4.91"),
    ] {
        for (image, body_part) in [("RG1", "CHEST"), ("RG3", "EXTREMITY")] {
            let bytes = std::fs::read(dir.join(format!("{image}_{name}.dcm"))).unwrap();
            let summary = read(&bytes).unwrap();
            assert_eq!(summary.transfer_syntax, syntax, "{image}_{name}");
            assert_eq!(summary.patient.name, format!("CompressedSamples^{image}"));
            assert_eq!(summary.photometric, "MONOCHROME1");
            assert_eq!(summary.modality, "CR");
            assert_eq!(summary.body_part, body_part);
            assert!(summary.rows.unwrap() > 500 && summary.columns.unwrap() > 500);
            assert!(!summary.study_uid.is_empty());
        }
    }
}

#[test]
fn a_real_radiograph_of_another_patient_is_refused() {
    let Some(dir) = dicom_dir() else { return };
    let bytes = std::fs::read(dir.join("RG3_UNCR.dcm")).unwrap();
    let image = read(&bytes).unwrap().patient;
    let mut chosen = PatientDemographics {
        id: image.id.clone(),
        id_system: String::new(),
        family: "CompressedSamples".into(),
        given: vec!["Rg3".into()],
        birth_date: String::new(),
        sex: Sex::Unknown,
    };
    assert_eq!(compare(&image, &chosen).verdict, Verdict::Same);
    chosen.given = vec!["Someone".into()];
    let judgement = compare(&image, &chosen);
    assert_eq!(judgement.verdict, Verdict::Different);
    assert!(judgement.reasons.contains(&Reason::NameGivenDiffers));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn hostile_data_sets_never_panic(
        syntax in prop::sample::select(&[EXPLICIT, IMPLICIT, DEFLATED, BIG_ENDIAN][..]),
        noise in prop::collection::vec(any::<u8>(), 0..400),
        keep in any::<bool>(),
    ) {
        let dataset = if keep { [header(), noise].concat() } else { noise };
        let _ = read(&file(syntax, &dataset));
    }

    #[test]
    fn damaged_files_never_panic(
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 1..12),
    ) {
        let mut whole = file(EXPLICIT, &with_pixels());
        let at = at.index(whole.len());
        let end = (at + bytes.len()).min(whole.len());
        whole[at..end].copy_from_slice(&bytes[..end - at]);
        let _ = read(&whole);
    }

    #[test]
    fn tokens_in_any_order_never_panic(
        tokens in prop::collection::vec(0usize..7, 0..12),
        syntax in prop::sample::select(&[EXPLICIT, IMPLICIT][..]),
    ) {
        let all: [Vec<u8>; 7] = [
            [&[0xfe, 0xff, 0x00, 0xe0][..], &[0xff; 4]].concat(),
            vec![0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0],
            vec![0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0],
            vec![0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0],
            element_claiming(0x40, 0x275, "SQ", &[], Some(u32::MAX)),
            element_claiming(0x40, 0x275, "SQ", &[], Some(8)),
            element(0x10, 0x20, "LO", b"H-17"),
        ];
        let dataset: Vec<u8> = tokens.iter().flat_map(|n| all[*n].clone()).collect();
        let _ = read(&file(syntax, &[header(), dataset].concat()));
    }
}

const ITEM: [u8; 8] = [0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff];
const ITEM_END: [u8; 8] = [0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0];
const SEQUENCE_END: [u8; 8] = [0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0];

/// An element in implicit VR, little endian.
fn implicit(group: u16, number: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [group.to_le_bytes(), number.to_le_bytes()].concat();
    bytes.extend((value.len() as u32).to_le_bytes());
    bytes.extend(value);
    bytes
}

fn pixel_element() -> Vec<u8> {
    element(0x7fe0, 0x10, "OW", &[1; 64])
}

/// The files that archives, discs and vendors bring, each of which some reader refused or read
/// wrongly.
#[test]
fn what_the_field_brings_is_read() {
    let unknown = |inside: &[u8]| {
        let head = element_claiming(0x29, 0x1010, "UN", &[], Some(u32::MAX));
        [&head, &ITEM[..], inside, &ITEM_END, &SEQUENCE_END].concat()
    };
    let with = |between: &[u8]| {
        let data_set = [&header(), between, &pixel_element()].concat();
        file(EXPLICIT, &data_set)
    };
    let plain = with(&[]);
    // Its VR, read as a length, would be of gigabytes.
    let deep = implicit(0x29, 0x1011, b"UNUNUNUN");
    let forms = [
        ("implicit inside unknown", with(&unknown(&deep))),
        (
            "explicit inside unknown",
            with(&unknown(&element(0x29, 0x10, "LO", b"ACME"))),
        ),
        (
            "an implicit element among explicit ones",
            with(&implicit(0x29, 0x10, b"ACME")),
        ),
        (
            "a broken sequence of stated length",
            with(&element_claiming(0x40, 0x275, "SQ", &[7; 20], None)),
        ),
        ("zeros behind", [&plain[..], &[0; 4096]].concat()),
        ("three zeros behind", [&plain[..], &[0; 3]].concat()),
        ("no preamble", plain[128..].to_vec()),
        ("no DICM", plain[132..].to_vec()),
        ("explicit, called implicit", file(IMPLICIT, &with_pixels())),
        ("no transfer syntax", file("", &with_pixels())),
    ];
    for (form, bytes) in forms {
        assert!(dicom::is_dicom(&bytes), "{form}");
        let summary = read(&bytes).unwrap_or_else(|e| panic!("{form}: {e}"));
        check_summary(&summary);
    }
    let bare = read(&with_pixels()).unwrap();
    check_summary(&bare);
    assert_eq!(bare.transfer_syntax, EXPLICIT);
}

/// Zeros are looked through once, however many elements they could be.
#[test]
fn zeros_between_elements_are_refused_at_once() {
    let bytes = [&file(EXPLICIT, &with_pixels())[..], &vec![0; 8 << 20], &[1]].concat();
    assert!(matches!(read(&bytes), Err(Error::BadImage { .. })));
}

/// Other bytes do not begin a data set by chance.
#[test]
fn what_begins_like_a_data_set_is_looked_at() {
    for bytes in [
        &b"\x08\0"[..],
        b"\x08\0\x05\0",
        b"\x08\0\x05\0\xff\xff\xff\x7f",
        b"\x08\0\x05\0\0\0\0\0\x01\0\x05\0\0\0\0\0",
        b"\x02\0\0\0\0\0\0\0",
    ] {
        assert!(!dicom::is_dicom(bytes), "{bytes:?}");
    }
}

/// One element at most for eight bytes, one fragment at most for eight: what the walk keeps is
/// bounded by the file, whatever it claims.
#[test]
fn the_elements_are_where_the_file_says() {
    let native = file(EXPLICIT, &with_pixels());
    let opened = DicomFile::open(&native, &DicomLimits::default()).unwrap();
    let data_set = opened.data_set();
    assert_eq!(data_set.integer(tags::ROWS), Some(600));
    assert_eq!(data_set.text(tags::PATIENT_NAME).unwrap(), "Grün^Zoë");
    assert!(!opened.is_headless());
    match data_set.pixels() {
        Some(PixelData::Native(bytes)) => assert_eq!(*bytes, [1; 64]),
        _ => panic!("native pixels"),
    }
    let fragment = |bytes: &[u8]| {
        let len = (bytes.len() as u32).to_le_bytes();
        [&ITEM[..4], &len, bytes].concat()
    };
    let streams = |table: &[u8]| {
        let data_set = [
            header(),
            element_claiming(0x7fe0, 0x10, "OB", &[], Some(u32::MAX)),
            fragment(table),
            fragment(&[0xff, 0xd8, 1, 1]),
            fragment(&[2, 2]),
            fragment(&[0xff, 0xd8, 3, 3]),
            SEQUENCE_END.to_vec(),
        ];
        file("1.2.840.10008.1.2.4.50", &data_set.concat())
    };
    let offsets = [0u32.to_le_bytes(), 22u32.to_le_bytes()].concat();
    for table in [&offsets[..], &[]] {
        let bytes = streams(table);
        let opened = DicomFile::open(&bytes, &DicomLimits::default()).unwrap();
        let Some(PixelData::Encapsulated(fragments)) = opened.data_set().pixels() else {
            panic!("fragments")
        };
        assert_eq!(fragments.len(), 3);
        assert_eq!(*fragments.frame(0, 2).unwrap(), [0xff, 0xd8, 1, 1, 2, 2]);
        assert_eq!(*fragments.frame(1, 2).unwrap(), [0xff, 0xd8, 3, 3]);
        assert_eq!(fragments.frame(0, 1).unwrap().len(), 10);
        assert!(fragments.frame(2, 2).is_none());
    }
}

#[test]
fn items_of_a_sequence_are_read_in_both_forms() {
    let lut = element(0x28, 0x3002, "US", &[4, 0, 0, 0, 16, 0]);
    let stated = [&ITEM[..4], &(lut.len() as u32).to_le_bytes(), &lut].concat();
    let open = [&ITEM[..], &lut, &ITEM_END].concat();
    let ended = [&open[..], &SEQUENCE_END].concat();
    for (value, claimed) in [(stated, None), (open, None), (ended, Some(u32::MAX))] {
        let sequence = element_claiming(0x28, 0x3010, "SQ", &value, claimed);
        let bytes = file(EXPLICIT, &[header(), sequence, pixel_element()].concat());
        let opened = DicomFile::open(&bytes, &DicomLimits::default()).unwrap();
        let item = opened
            .data_set()
            .items(tags::VOI_LUT_SEQUENCE)
            .next()
            .unwrap();
        let words = item.element(tags::LUT_DESCRIPTOR).unwrap().words();
        assert_eq!(words, [4, 0, 16]);
    }
}
