//! From a file to a verdict that a doctor can weigh, or to words that say why there is none.

pub mod export;
mod overlay;
pub mod queue;

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::Error;
use crate::input::{self, Decoded, Finding, Image, Limits, Quality};
use crate::model::{Heatmap, LoadedModel, ModelJson, Reading};

pub use overlay::{overlay, png_grey, png_rgb};

/// What to work out.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Decoding limits.
    pub limits: Limits,
    /// Whether a heatmap is wanted.
    pub heatmap: bool,
    /// Another operating point than the model's own, on the calibrated probability.
    pub threshold: Option<f32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            heatmap: true,
            threshold: None,
        }
    }
}

/// The answer for one file; printed as a line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The file, as it was named.
    pub file: String,
    /// The model's task.
    pub task: String,
    /// The class, or `null` when the model abstains.
    pub verdict: Option<String>,
    /// Calibrated probability of the finding (two classes) or of the most likely class, or `null`
    /// when the image is not one that the model can speak about.
    pub probability: Option<f32>,
    /// Calibrated probability of every class, in the model's order.
    pub probabilities: Vec<(String, f32)>,
    /// The operating point that the verdict rests on.
    pub threshold: Option<f32>,
    /// Why there is no verdict, in words; `null` when there is one.
    pub abstained: Option<String>,
    /// What the reader should know beside the verdict.
    pub warnings: Vec<String>,
    /// The model's name and version, for people.
    pub model: String,
    /// SHA-256 of the model's weights.
    pub model_sha256: String,
    /// SHA-256 of the file.
    pub input_sha256: String,
    /// What ran the network.
    pub engine: String,
    /// Milliseconds from bytes to verdict, without the heatmap.
    pub ms: f64,
    /// Milliseconds that the heatmap took beside.
    pub heatmap_ms: Option<f64>,
    /// Where the heatmap was written.
    pub heatmap: Option<String>,
}

/// A prediction with what it was made of.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The answer.
    pub prediction: Prediction,
    /// The decoded file.
    pub decoded: Decoded,
    /// Where the model looked, when asked for and when it has a verdict or is only in doubt.
    pub heatmap: Option<Heatmap>,
}

/// Read one file's bytes.
///
/// # Errors
/// When the bytes are no image that can be decoded, or the engine fails. An image that can be
/// decoded but not judged is no error: the prediction abstains.
pub fn predict(
    model: &LoadedModel,
    name: &str,
    bytes: &[u8],
    options: &Options,
) -> Result<Outcome, Error> {
    first_that_knows(std::iter::once(model), name, bytes, options).map(|(outcome, _)| outcome)
}

/// Read one file's bytes with several models, one after the other: the first that knows the image
/// answers; where none does, the first model's refusal stands. The file is decoded once.
///
/// # Errors
/// As [`predict`], and when there is no model.
pub fn first_that_knows<'a>(
    models: impl IntoIterator<Item = &'a LoadedModel>,
    name: &str,
    bytes: &[u8],
    options: &Options,
) -> Result<(Outcome, &'a LoadedModel), Error> {
    let start = Instant::now();
    let decoded = input::decode(bytes, &options.limits)?;
    let quality = input::quality(&decoded);
    let mut refused = None;
    for model in models {
        let judged = judge(model, &decoded, &quality, options)?;
        let knows = judged.refused.is_none();
        if knows || refused.is_none() {
            refused = Some((judged, model));
        }
        if knows {
            break;
        }
    }
    let (judged, model) = refused.ok_or_else(|| Error::Data("no model was given".into()))?;
    let ms = milliseconds(start);
    let (mut heatmap, mut heatmap_ms) = (None, None);
    if options.heatmap && judged.refused.is_none() {
        let start = Instant::now();
        heatmap = Some(model.heatmap(&decoded.image, judged.shown)?);
        heatmap_ms = Some(milliseconds(start));
    }
    let prediction = Prediction {
        ms,
        heatmap_ms,
        ..judged.prediction(model, name, &decoded, &quality)
    };
    let outcome = Outcome {
        prediction,
        decoded,
        heatmap,
    };
    Ok((outcome, model))
}

/// What one model makes of one picture.
struct Judged {
    card: ModelJson,
    reading: Reading,
    /// The class that a verdict would name, and the class whose probability and heatmap are shown.
    class: usize,
    shown: usize,
    refused: Option<String>,
}

fn judge(
    model: &LoadedModel,
    decoded: &Decoded,
    quality: &Quality,
    options: &Options,
) -> Result<Judged, Error> {
    let reading = model.read(&decoded.image)?;
    let mut card = model.card.clone();
    card.threshold = options.threshold.unwrap_or(card.threshold);
    let mut refused = refusal(&card, decoded, quality, &reading);
    if refused.is_some() && reading.not_such && known_when_inverted(model, &decoded.image)? {
        refused = Some(Finding::Inverted.words().to_owned());
    }
    let class = decide(&card, &reading.probabilities);
    Ok(Judged {
        shown: card.positive.unwrap_or(class),
        card,
        reading,
        class,
        refused,
    })
}

impl Judged {
    fn prediction(
        self,
        model: &LoadedModel,
        name: &str,
        decoded: &Decoded,
        quality: &Quality,
    ) -> Prediction {
        let (card, probabilities) = (self.card, self.reading.probabilities);
        let probability = self.refused.is_none().then(|| probabilities[self.shown]);
        let doubt = in_doubt(&card, &probabilities);
        let abstained = self
            .refused
            .or_else(|| doubt.then(|| doubt_words(&card, &probabilities)));
        let mut warnings = decoded.warnings.clone();
        let mild = quality.findings.iter().filter(|f| !f.forbids_reading());
        warnings.extend(mild.map(|f| f.words().to_owned()));
        Prediction {
            file: name.to_owned(),
            verdict: abstained
                .is_none()
                .then(|| card.classes[self.class].clone()),
            probability,
            threshold: card.positive.map(|_| card.threshold),
            probabilities: card.classes.into_iter().zip(probabilities).collect(),
            task: card.task,
            abstained,
            warnings,
            model: format!("{} {}", card.name, card.version),
            model_sha256: model.sha256().to_owned(),
            input_sha256: decoded.sha256.clone(),
            engine: model.engine(),
            ms: 0.0,
            heatmap_ms: None,
            heatmap: None,
        }
    }
}

/// Read one file. As [`predict`], and fails when the file cannot be read.
///
/// # Errors
/// See [`predict`].
pub fn predict_file(model: &LoadedModel, path: &Path, options: &Options) -> Result<Outcome, Error> {
    let bytes = input::read(path, &options.limits)?;
    predict(model, &path.display().to_string(), &bytes, options)
}

fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e5).round() / 100.0
}

/// Air may be white: then the model knows the negative of the picture.
fn known_when_inverted(model: &LoadedModel, image: &Image) -> Result<bool, Error> {
    let pixels = image.pixels.iter().map(|v| 1.0 - v).collect();
    let negative = Image { pixels, ..*image };
    Ok(!model.read(&negative)?.not_such)
}

/// The class of a row of probabilities: by the operating point where there is a positive class, the
/// likeliest otherwise.
#[must_use]
pub fn decide(card: &ModelJson, probabilities: &[f32]) -> usize {
    let likeliest = |skip: Option<usize>| {
        let others = (0..probabilities.len()).filter(|c| Some(*c) != skip);
        others
            .max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]))
            .unwrap_or(0)
    };
    match card.positive {
        Some(positive) if probabilities[positive] >= card.threshold => positive,
        Some(positive) => likeliest(Some(positive)),
        None => likeliest(None),
    }
}

/// Whether the verdict would turn on next to nothing.
#[must_use]
pub fn in_doubt(card: &ModelJson, probabilities: &[f32]) -> bool {
    let distance = match card.positive {
        Some(positive) => (probabilities[positive] - card.threshold).abs(),
        None => {
            let mut sorted = probabilities.to_vec();
            sorted.sort_by(|a, b| b.total_cmp(a));
            sorted[0] - sorted[1]
        }
    };
    distance < card.doubt
}

fn doubt_words(card: &ModelJson, probabilities: &[f32]) -> String {
    match card.positive {
        Some(positive) => format!(
            "in doubt: a probability of {:.1} % lies too close to the operating point of {:.1} %",
            probabilities[positive] * 100.0,
            card.threshold * 100.0
        ),
        None => {
            let mut order: Vec<usize> = (0..probabilities.len()).collect();
            order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
            format!(
                "in doubt between {} ({:.0} %) and {} ({:.0} %)",
                card.classes[order[0]],
                probabilities[order[0]] * 100.0,
                card.classes[order[1]],
                probabilities[order[1]] * 100.0
            )
        }
    }
}

/// Why an image is not one that the model can speak about; `None` when it is.
#[must_use]
pub fn refusal(
    card: &ModelJson,
    decoded: &Decoded,
    quality: &Quality,
    reading: &Reading,
) -> Option<String> {
    if let Some(finding) = quality.refusal() {
        return Some(finding.words().to_owned());
    }
    if let Some(words) = other_modality(decoded).or_else(|| other_part(card, decoded)) {
        return Some(words);
    }
    reading.not_such.then(|| match card.task.as_str() {
        "chest" => "this is not a chest radiograph, or not one of the kind that the model was trained on".to_owned(),
        "fracture" => {
            "this is not a radiograph of a limb, or not one of the kind that the model was trained on".to_owned()
        }
        _ => "the image is not of the kind that the model was trained on".to_owned(),
    })
}

/// The file's own word that it is no projection radiograph (PS3.3 C.7.3.1.1.1).
fn other_modality(decoded: &Decoded) -> Option<String> {
    let modality = decoded.meta.modality.as_deref()?;
    let radiograph = matches!(
        modality,
        "CR" | "DX" | "RG" | "RF" | "XA" | "PX" | "IO" | "OT" | "SC"
    );
    (!radiograph)
        .then(|| format!("the file says that it is of modality {modality}, not a radiograph"))
}

/// The file's own word that it shows another part of the body.
fn other_part(card: &ModelJson, decoded: &Decoded) -> Option<String> {
    const TRUNK: [&str; 11] = [
        "CHEST", "THORAX", "LUNG", "HEART", "ABDOMEN", "SKULL", "HEAD", "BRAIN", "BREAST", "SPINE",
        "KIDNEY",
    ];
    const LIMB: [&str; 24] = [
        "HAND",
        "WRIST",
        "FINGER",
        "THUMB",
        "ARM",
        "FOREARM",
        "ELBOW",
        "HUMERUS",
        "RADIUS",
        "ULNA",
        "LEG",
        "KNEE",
        "ANKLE",
        "FOOT",
        "TOE",
        "TIBIA",
        "FIBULA",
        "FEMUR",
        "HIP",
        "PELVIS",
        "CALCANEUS",
        "HEEL",
        "PATELLA",
        "THIGH",
    ];
    let part = decoded.meta.body_part.as_deref()?.to_ascii_uppercase();
    let is = |names: &[&str]| {
        part.split(|c: char| !c.is_ascii_alphabetic())
            .any(|word| names.contains(&word))
    };
    let wrong = match card.task.as_str() {
        "chest" => is(&LIMB) || (is(&TRUNK) && !is(&["CHEST", "THORAX", "LUNG", "HEART"])),
        "fracture" => is(&TRUNK) && !is(&LIMB),
        _ => false,
    };
    wrong.then(|| format!("the file says that it shows {part}, which the model does not know"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::input::Limits;

    /// A description with everything that a verdict rests on.
    pub(crate) fn card_json() -> serde_json::Value {
        serde_json::json!({
            "format": 1, "name": "fracture", "version": "1", "task": "fracture", "arch": "resnet50", "evidence": false,
            "size": 224, "norm": { "mean": 0.5, "std": 0.5 }, "classes": ["non_fractured", "fractured"], "positive": 1,
            "temperature": 1.0, "bias": [0.0, 0.0], "threshold": 0.2, "doubt": 0.05, "flip_tta": false, "ood": null,
            "weights": { "file": "weights.safetensors", "sha256": "00" }, "trained": null
        })
    }

    fn card(task: &str, positive: Option<usize>) -> ModelJson {
        let mut json = card_json();
        json["task"] = task.into();
        json["positive"] = serde_json::to_value(positive).unwrap();
        if positive.is_none() {
            json["classes"] = serde_json::json!(["covid", "normal", "pneumonia"]);
            json["bias"] = serde_json::json!([0.0, 0.0, 0.0]);
        }
        serde_json::from_value(json).unwrap()
    }

    /// A limb-like picture: black air, a grey band, a bright core.
    fn picture(invert: bool) -> Decoded {
        let grey = |i: usize| {
            let x = (i % 256) as f32 / 256.0;
            let v = (0.75 - ((x - 0.5) * 5.0).powi(2)).max(0.02);
            if invert { 1.0 - v } else { v }
        };
        let image = Image::new(256, 300, (0..256 * 300).map(grey).collect()).unwrap();
        input::decode(&png_grey(&image).unwrap(), &Limits::default()).unwrap()
    }

    fn reading(not_such: bool) -> Reading {
        Reading {
            logits: vec![0.0, 1.0],
            probabilities: vec![0.3, 0.7],
            ood: 0.5,
            not_such,
            features: vec![],
        }
    }

    #[test]
    fn the_operating_point_decides_and_near_it_is_doubt() {
        let card = card("fracture", Some(1));
        assert_eq!(decide(&card, &[0.75, 0.25]), 1);
        assert_eq!(decide(&card, &[0.85, 0.15]), 0);
        assert!(in_doubt(&card, &[0.78, 0.22]));
        assert!(!in_doubt(&card, &[0.4, 0.6]));
        assert!(doubt_words(&card, &[0.78, 0.22]).contains("22.0 %"));
    }

    #[test]
    fn of_several_classes_the_likeliest_and_a_narrow_lead_is_doubt() {
        let card = card("chest", None);
        assert_eq!(decide(&card, &[0.1, 0.3, 0.6]), 2);
        assert!(!in_doubt(&card, &[0.1, 0.3, 0.6]));
        assert!(in_doubt(&card, &[0.1, 0.44, 0.46]));
        assert!(doubt_words(&card, &[0.1, 0.44, 0.46]).contains("pneumonia"));
    }

    #[test]
    fn an_image_that_cannot_be_judged_is_refused_in_words() {
        let (fracture, chest) = (card("fracture", Some(1)), card("chest", None));
        let words = |card: &ModelJson, decoded: &Decoded, not_such| {
            refusal(card, decoded, &input::quality(decoded), &reading(not_such))
        };
        let good = picture(false);
        assert_eq!(words(&fracture, &good, false), None);
        assert!(words(&fracture, &good, true).unwrap().contains("limb"));
        assert!(words(&chest, &good, true).unwrap().contains("chest"));
        assert!(
            words(&fracture, &picture(true), false)
                .unwrap()
                .contains("inverted")
        );
        let mut hand = good.clone();
        hand.meta.body_part = Some("HAND".into());
        assert_eq!(words(&fracture, &hand, false), None);
        assert!(words(&chest, &hand, false).unwrap().contains("HAND"));
        let mut ct = good;
        ct.meta.modality = Some("CT".into());
        assert!(words(&fracture, &ct, false).unwrap().contains("CT"));
    }

    #[test]
    fn blank_noise_and_colour_are_refused() {
        let say = |png: Vec<u8>| {
            let decoded = input::decode(&png, &Limits::default()).unwrap();
            input::quality(&decoded).refusal()
        };
        let grey = |v: &dyn Fn(usize) -> f32| {
            let image = Image::new(200, 200, (0..40_000).map(v).collect()).unwrap();
            say(png_grey(&image).unwrap())
        };
        assert_eq!(grey(&|_| 0.4), Some(Finding::Blank));
        assert_eq!(
            grey(&|i| 0.5 + 0.05 * (i % 200) as f32 / 200.0),
            Some(Finding::LowContrast)
        );
        let mut rng = crate::rng::Rng::new(1);
        let noise: Vec<f32> = (0..40_000).map(|_| rng.unit()).collect();
        assert_eq!(grey(&|i| noise[i]), Some(Finding::Noise));
        let rgb: Vec<u8> = (0..40_000u32)
            .flat_map(|i| [(i % 200) as u8, 40, (i / 200) as u8])
            .collect();
        assert_eq!(
            say(png_rgb(&rgb, 200, 200).unwrap()),
            Some(Finding::Photograph)
        );
    }
}
