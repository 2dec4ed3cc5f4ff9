//! The model reads the radiograph: what it says, where it looked, and what of it enters the record.

use api::readings::{ReadingView, Task};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use client::person::sealed_upload::PlainPart;
use clinical::dicom::{self, DicomLimits};
use clinical::fhir::{Image, Organization, Practitioner, Radiograph, document_bundle};
use clinical::image::{self, ImageLimits};
use clinical::person::{self, Verdict};

use super::*;
use crate::cmd::demo::teller::Reading;

/// The part that holds what the model said.
const READING: &str = "reading";
/// The part that holds where it looked.
const HEATMAP: &str = "heatmap";
/// The naming system of Ethereum addresses in FHIR.
const WALLETS: &str = "urn:stele:wallet";

/// Have the hospital's node read the radiograph in memory; nothing where no reader was built in.
pub(super) async fn read(
    teller: &mut Teller,
    home: &Hospital,
    cast: &Cast,
    folder: &Path,
    xray: &Xray,
) -> Result<Option<ReadingView>, Failure> {
    let saying = "A model reads the radiograph, says how sure it is, and shows where it looked";
    teller
        .step("read", saying, async {
            let technician = session(&home.url, &cast.technician).await?;
            let image = xray.bytes.clone().into();
            let view = match technician.reading(Task::Auto, image).await {
                Ok(view) => view,
                Err(error) if error.code() == Some("no_reader") => {
                    return Ok((None, Done::new("this program was built without the reader")));
                }
                Err(error) => return Err(refused(error)),
            };
            let heatmap = match heatmap_of(&view)? {
                Some(png) => {
                    let path = folder.join("heatmap.png");
                    std::fs::write(&path, png).map_err(|error| {
                        Failure::work(format!("cannot write {}: {error}", path.display()))
                    })?;
                    Some(path)
                }
                None => None,
            };
            let done = Done::new(in_words(&view)).reading(Reading {
                verdict: view.verdict.clone(),
                probability: view.probability,
                model_sha256: view.model_sha256.clone(),
                heatmap,
            });
            Ok((Some(view), done))
        })
        .await
}

fn in_words(view: &ReadingView) -> String {
    let sure = match (&view.verdict, view.probability) {
        (Some(verdict), Some(p)) => format!("{verdict}, probability {:.0} %", p * 100.0),
        (Some(verdict), None) => verdict.clone(),
        (None, _) => {
            let why = view.abstained.as_deref().unwrap_or("it is not sure");
            format!("no reliable reading: {why}")
        }
    };
    format!(
        "{} says: {sure}; decision support, no diagnosis",
        view.model
    )
}

fn heatmap_of(view: &ReadingView) -> Result<Option<Vec<u8>>, Failure> {
    let png = view.heatmap_png.as_ref().map(|text| STANDARD.decode(text));
    png.transpose().map_err(Failure::work)
}

/// The parts of the record: the report, the image, and what the model said, each sealed under a key
/// of its own, so that one can be shared without the other.
pub(super) fn parts(
    home: &Hospital,
    cast: &Cast,
    xray: &Xray,
    reading: Option<ReadingView>,
) -> Result<Vec<PlainPart>, Failure> {
    let (document, media_type) = document(home, cast, xray)?;
    let mut parts = vec![
        part(DOCUMENT, "application/fhir+json", document),
        part(IMAGE, media_type, xray.bytes.clone()),
    ];
    if let Some(mut view) = reading {
        if let Some(png) = heatmap_of(&view)? {
            parts.push(part(HEATMAP, "image/png", png));
        }
        view.heatmap_png = None;
        let said = serde_json::to_vec(&[view]).map_err(Failure::work)?;
        parts.push(part(READING, "application/json", said));
    }
    Ok(parts)
}

/// The patient reads the same reading, and sees where the model looked.
pub(super) async fn seen(
    patient: &Session,
    view: &VersionView,
    opened: &client::person::approval::OpenedVersion,
) -> Result<(), Failure> {
    if opened.manifest.part(READING).is_err() {
        return Ok(());
    }
    let said = patient.read_part(view, opened, READING).await;
    let said: Vec<ReadingView> =
        serde_json::from_slice(&said.map_err(refused)?).map_err(Failure::work)?;
    if said.iter().any(|said| said.model_sha256.is_empty()) {
        return Err(Failure::work(
            "the reading does not say by which model it is",
        ));
    }
    if opened.manifest.part(HEATMAP).is_ok() {
        let png = patient.read_part(view, opened, HEATMAP).await;
        if !png.map_err(refused)?.starts_with(b"\x89PNG") {
            return Err(Failure::work("the heatmap is no picture"));
        }
    }
    Ok(())
}

fn part(name: &str, media_type: &str, bytes: Vec<u8>) -> PlainPart {
    PlainPart {
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        bytes: Zeroizing::new(bytes),
    }
}

/// The FHIR document, and the media type of the image. An image that says that it is of somebody
/// else is refused here, before it is sealed.
fn document(home: &Hospital, cast: &Cast, xray: &Xray) -> Result<(Vec<u8>, &'static str), Failure> {
    let summary;
    let picture;
    let (image, media_type) = if dicom::is_dicom(&xray.bytes) {
        summary = dicom::read(&xray.bytes, &DicomLimits::default()).map_err(Failure::usage)?;
        let judgement = person::compare(&summary.patient, &xray.patient);
        if judgement.verdict == Verdict::Different {
            return Err(Failure::usage(judgement));
        }
        (Image::Dicom(&summary), image::ImageKind::Dicom.media_type())
    } else {
        picture = image::sniff(&xray.bytes, &ImageLimits::default()).map_err(Failure::usage)?;
        let image = Image::Picture {
            summary: &picture,
            modality: "DX",
            body_part: "",
        };
        (image, picture.kind.media_type())
    };
    let author = Practitioner {
        id: cast.technician.address().to_string(),
        id_system: WALLETS.to_owned(),
        family: "Berg".to_owned(),
        given: vec!["Jon".to_owned()],
    };
    let institution = Organization {
        id: home.keys.address().to_string(),
        id_system: WALLETS.to_owned(),
        name: home.name.clone(),
    };
    let bundle = document_bundle(
        &Radiograph {
            patient: &xray.patient,
            author: &author,
            institution: &institution,
            title: "Radiograph",
            report: "Radiograph taken as ordered; image quality sufficient.",
            image,
            image_part: IMAGE,
            image_bytes: xray.bytes.len() as u64,
            issued_at: node::now(),
        },
        &mut crate::random::os(),
    )
    .map_err(Failure::work)?;
    Ok((
        serde_json::to_vec(&bundle).map_err(Failure::work)?,
        media_type,
    ))
}
