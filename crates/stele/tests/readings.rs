//! A second opinion from the node that a hospital runs: a real process, the shipped models.
#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "other tests play more of it")]
mod scene;

use std::path::Path;

use alloy_primitives::Bytes;
use api::readings::{Probability, ReadingView, Task};
use client::session::ClientError;
use scene::Scene;

/// Whether any file under a folder holds these bytes.
fn holds(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        // The database changes while it is looked at; a file that goes away holds nothing.
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

/// What the node refused with.
fn code(error: &ClientError) -> (u16, &str) {
    match error {
        ClientError::Refused { status, body } => (status.as_u16(), &body.error),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_gets_a_reading_and_the_node_keeps_nothing_of_the_image() {
    const TEST: &str = "a_doctor_gets_a_reading";
    let Some(scene) = Scene::set(TEST) else {
        return;
    };
    let place = &scene.nodes[0];
    let doctor = place.session(&scene.keys("doctor")).await;
    let image: Bytes = std::fs::read(&scene.xray).unwrap().into();
    let reading: ReadingView = match doctor.reading(Task::Auto, image.clone()).await {
        Err(error) if code(&error).1 == "no_reader" => {
            eprintln!("SKIPPED {TEST}: {error}");
            return;
        }
        reading => reading.unwrap(),
    };
    println!(
        "{}: {:?} {:?} {} in {:.0} ms, heatmap {:?} x {:?}, {:?}",
        reading.task,
        reading.verdict,
        reading.probability,
        reading.certainty,
        reading.milliseconds,
        reading.width,
        reading.height,
        reading.warnings
    );
    assert!(!reading.model_sha256.is_empty(), "{reading:?}");
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&image));
    assert_eq!(reading.input_sha256, digest, "of the file that was sent");
    assert!(reading.verdict.is_some() || reading.abstained.is_some());
    let between = |p: &Probability| (0.0..=1.0).contains(&p.p);
    assert!(!reading.probabilities.is_empty() && reading.probabilities.iter().all(between));
    if reading.verdict.is_some() {
        let heatmap = reading.heatmap_png.as_deref().unwrap();
        assert!(heatmap.starts_with("iVBORw0KGgo"), "a PNG in base64");
        assert!(reading.width.unwrap().max(reading.height.unwrap()) <= 1024);
    }
    let middle = image.len() / 2;
    assert!(!holds(&place.folder, &image[middle..middle + 64]));

    let refused = doctor
        .reading(Task::Auto, Bytes::from_static(b"no image"))
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(code(&refused), (422, "not_an_image"));
    let patient = place.session(&scene.keys("patient")).await;
    let refused = patient
        .reading(Task::Auto, image.clone())
        .await
        .unwrap_err();
    assert_eq!(code(&refused), (403, "forbidden"));

    // More at once than wait: the rest is told to come again, and nobody gets another's answer.
    let all = (0..12).map(|_| doctor.reading(Task::Auto, image.clone()));
    let (mut read, mut told) = (0, 0);
    for answer in futures_util::future::join_all(all).await {
        match answer {
            Ok(again) => {
                assert_eq!(again.probabilities, reading.probabilities);
                read += 1;
            }
            Err(busy) => {
                assert_eq!(code(&busy), (503, "reader_busy"));
                told += 1;
            }
        }
    }
    println!("of twelve at once {read} were read and {told} told to come again");
    assert!(read >= 5 && told >= 1);
}
