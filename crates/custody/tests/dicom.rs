//! Uploads of DICOM files: the patient in the header is the one chosen, or the file is refused.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::World;

fn element(group: u16, number: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if !value.len().is_multiple_of(2) {
        value.push(if vr == b"UI" || vr == b"OB" { 0 } else { b' ' });
    }
    let mut bytes = [group.to_le_bytes(), number.to_le_bytes()].concat();
    bytes.extend_from_slice(vr);
    if vr == b"OB" || vr == b"OW" {
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
    } else {
        bytes.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
    }
    bytes.extend_from_slice(&value);
    bytes
}

/// A radiograph of two by two pixels (PS3.10, explicit VR little endian).
fn radiograph(name: &str, id: &str, birth: &str, sex: &str) -> Vec<u8> {
    const DX: &[u8] = b"1.2.840.10008.5.1.4.1.1.1.1";
    let meta = [
        element(2, 1, b"OB", &[0, 1]),
        element(2, 2, b"UI", DX),
        element(2, 3, b"UI", b"1.2.3.4.5"),
        element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1"),
        element(2, 0x12, b"UI", b"1.2.3"),
    ]
    .concat();
    let size = u32::try_from(meta.len()).unwrap().to_le_bytes();
    let number = |n: u16| n.to_le_bytes();
    [
        vec![0; 128],
        b"DICM".to_vec(),
        element(2, 0, b"UL", &size),
        meta,
        element(8, 0x16, b"UI", DX),
        element(8, 0x18, b"UI", b"1.2.3.4.5"),
        element(8, 0x20, b"DA", b"20240102"),
        element(8, 0x60, b"CS", b"DX"),
        element(0x10, 0x10, b"PN", name.as_bytes()),
        element(0x10, 0x20, b"LO", id.as_bytes()),
        element(0x10, 0x30, b"DA", birth.as_bytes()),
        element(0x10, 0x40, b"CS", sex.as_bytes()),
        element(0x20, 0x0d, b"UI", b"1.2.3.4"),
        element(0x20, 0x0e, b"UI", b"1.2.3.4.1"),
        element(0x28, 2, b"US", &number(1)),
        element(0x28, 4, b"CS", b"MONOCHROME2"),
        element(0x28, 0x10, b"US", &number(2)),
        element(0x28, 0x11, b"US", &number(2)),
        element(0x28, 0x100, b"US", &number(8)),
        element(0x28, 0x101, b"US", &number(8)),
        element(0x28, 0x102, b"US", &number(7)),
        element(0x28, 0x103, b"US", &number(0)),
        element(0x7fe0, 0x10, b"OW", &[1, 2, 3, 4]),
    ]
    .concat()
}

#[tokio::test]
async fn an_image_of_somebody_else_is_refused_by_field_without_showing_its_values() {
    let world = World::new().await;
    let doctor = world.caller(&world.doctor).await;
    for (name, id, birth, sex, field) in [
        ("Somebody^Else", "MRN-77", "19700203", "F", "name"),
        ("Quackenbush^Ada", "MRN-78", "19700203", "F", "number"),
        ("Quackenbush^Ada", "MRN-77", "19690203", "F", "birth date"),
        ("Quackenbush^Ada", "MRN-77", "19700203", "M", "sex"),
    ] {
        let mut new = world.upload();
        new.file.bytes = radiograph(name, id, birth, sex).into();
        let refused = world.hospital.draft(&doctor, "k", new).await.unwrap_err();
        assert_eq!(refused.code(), "wrong_patient", "{refused}");
        let text = refused.to_string();
        assert!(text.contains(field), "{text}");
        assert!(
            !text.contains("Quackenbush") && !text.contains("MRN"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_image_of_the_chosen_patient_becomes_an_imaging_study() {
    let world = World::new().await;
    let mut new = world.upload();
    new.file.bytes = radiograph("Quackenbush^Ada", "MRN-77", "19700203", "F").into();
    let version = world.make(new, "k").await.unwrap();
    let at = *world.hospital.deployment();
    let view = version.to_patient();
    let secrets = client::person::approval::open_envelope(&world.patient, &at, &view).unwrap();
    let sealed = world.sealed(&secrets.manifest).await;
    let opened = client::person::approval::open_version(&at, secrets, &sealed, &view).unwrap();
    assert_eq!(
        opened.manifest.part("image").unwrap().media_type,
        "application/dicom"
    );
    let part = opened.manifest.part("document").unwrap();
    let document = opened
        .open_part("document", &world.sealed(&part.cid).await)
        .unwrap();
    let bundle: serde_json::Value = serde_json::from_slice(&document).unwrap();
    let kinds: Vec<&str> = bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["resource"]["resourceType"].as_str().unwrap())
        .collect();
    assert!(
        kinds.contains(&"ImagingStudy") && kinds.contains(&"DiagnosticReport"),
        "{kinds:?}"
    );
}
