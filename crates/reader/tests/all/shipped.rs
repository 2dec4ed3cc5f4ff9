//! The shipped models behind the interface that the node uses.

use reader::input::Image;
use reader::model::EngineChoice;
use reader::predict::png_grey;
use reader::predict::queue::Bounds;
use reader::rng::Rng;
use reader::{Ask, Error, Refused, Shipped, train};

fn shipped() -> Shipped {
    Shipped::open(
        &["fracture", "chest"],
        EngineChoice::Native,
        Bounds::default(),
    )
    .unwrap()
}

#[test]
fn what_is_no_radiograph_gets_words_and_no_verdict() {
    let models = shipped();
    let about = models.about();
    assert_eq!(about.len(), 2);
    assert_eq!(
        (about[0].task.as_str(), about[1].task.as_str()),
        ("fracture", "chest")
    );
    let mut rng = Rng::new(4);
    let mut pictures: Vec<Image> = train::synthetic::others(12, 99);
    let noise = (0..200 * 200).map(|_| rng.unit()).collect();
    pictures.push(Image::new(200, 200, noise).unwrap());
    for picture in pictures {
        let ask = Ask {
            heatmap: true,
            ..Ask::default()
        };
        let opinion = models.read(png_grey(&picture).unwrap(), ask).unwrap();
        let p = opinion.prediction;
        assert!(
            p.verdict.is_none() && p.probability.is_none() && p.abstained.is_some(),
            "{p:?}"
        );
        assert!(opinion.heatmap_png.is_none());
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let models = shipped();
    let error = models.read(b"no image".to_vec(), Ask::default());
    assert!(matches!(error, Err(Error::Input(_))), "{error:?}");
    let bounds = Bounds { jobs: 1, bytes: 10 };
    let small = Shipped::open(&["fracture"], EngineChoice::Native, bounds).unwrap();
    let error = small.read(vec![0; 11], Ask::default());
    assert!(
        matches!(error, Err(Error::Refused(Refused::TooLarge))),
        "{error:?}"
    );
}

/// A leg and a chest from real DICOM files: each is read by the model that knows it, with a heatmap
/// and a Bundle.
#[test]
fn the_model_that_knows_the_image_answers() {
    let folder = std::env::var_os("STELE_DICOM_DIR").map(std::path::PathBuf::from);
    let Some(folder) = folder.filter(|folder| folder.is_dir()) else {
        eprintln!("skipped: STELE_DICOM_DIR names no folder (make setup-dicom)");
        return;
    };
    let models = shipped();
    for (name, task) in [("RG3_J2KI", "fracture"), ("RG1_J2KI", "chest")] {
        let bytes = std::fs::read(folder.join(format!("{name}.dcm"))).unwrap();
        let ask = Ask {
            heatmap: true,
            fhir_at: Some(1_795_262_400),
        };
        let opinion = models.read(bytes, ask).unwrap();
        let p = &opinion.prediction;
        assert_eq!(p.task, task, "{p:?}");
        let sum: f32 = p.probabilities.iter().map(|(_, v)| v).sum();
        assert!((sum - 1.0).abs() < 1e-5 && p.probability.is_some());
        assert!(opinion.heatmap_png.unwrap().starts_with(b"\x89PNG"));
        let bundle = opinion.fhir.unwrap().to_string();
        assert!(bundle.contains(&p.model_sha256) && bundle.contains(&p.input_sha256));
    }
}
