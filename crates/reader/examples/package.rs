//! Makes a shipped model of trained weights, and tries input sizes on the validation images.
//!
//! `package CONFIG.json WEIGHTS.safetensors FOLDER` writes a model folder in 16-bit floats;
//! `package --sizes 320,384 CONFIG.json WEIGHTS.safetensors` prints figures for each size.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use reader::data::Manifest;
use reader::input;
use reader::model::weights::Precision;
use reader::model::{EngineChoice, LoadedModel, Weights, store};
use reader::train::calibrate::threshold_at_specificity;
use reader::train::fit::auroc;
use reader::train::run::package;
use reader::train::{Observer, Progress, RunConfig, Validation};

struct Say;

impl Observer for Say {
    fn note(&mut self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
    fn step(&mut self, _: &Progress) -> bool {
        true
    }
    fn epoch(&mut self, _: &Validation) {}
}

/// Figures of a model on the validation images of its data.
fn figures(model: &LoadedModel, config: &RunConfig) -> Result<String, Box<dyn Error>> {
    let class = model.card.positive.unwrap_or(0);
    let (mut scores, mut truth, mut hits, mut marked, mut refused) = (vec![], vec![], 0, 0, 0);
    for path in &config.data {
        let manifest = Manifest::open(path)?;
        for sample in manifest.split("val") {
            let image = input::open(&sample.path)?.image;
            let reading = model.read(&image)?;
            scores.push(reading.probabilities[class]);
            truth.push(sample.label == model.card.classes[class]);
            refused += usize::from(reading.not_such);
            if !sample.boxes.is_empty() {
                let peak = model.heatmap(&image, class)?.peak();
                marked += 1;
                hits += usize::from(sample.boxes.iter().any(|b| b.contains(peak)));
            }
        }
    }
    let threshold = threshold_at_specificity(&scores, &truth, 0.85);
    let positive = truth.iter().filter(|t| **t).count();
    let found = scores
        .iter()
        .zip(&truth)
        .filter(|(s, t)| **t && **s >= threshold)
        .count();
    Ok(format!(
        "size {} AUROC {:.4}, sensitivity at specificity 0.85 {:.3}, peak in box {:.3}, refused {refused} of {}",
        model.card.size,
        auroc(&scores, &truth),
        found as f32 / positive.max(1) as f32,
        hits as f32 / marked.max(1) as f32,
        scores.len()
    ))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let mut sizes = Vec::new();
    if args.first().is_some_and(|a| a == "--sizes") {
        sizes = args[1]
            .split(',')
            .map(str::parse)
            .collect::<Result<Vec<usize>, _>>()?;
        args.drain(..2);
    }
    let [config, weights, rest @ ..] = &args[..] else {
        return Err("package [--sizes A,B] CONFIG.json WEIGHTS.safetensors [FOLDER]".into());
    };
    let mut config: RunConfig = serde_json::from_slice(&std::fs::read(config)?)?;
    let weights = Weights::open(Path::new(weights))?;
    let mut out = std::io::stdout();
    if sizes.is_empty() {
        let folder = Path::new(rest.first().ok_or("name a folder")?);
        let trained = serde_json::to_value(&config)?;
        let json = package(&config, &weights, trained, Precision::F16, folder, &mut Say)?;
        writeln!(out, "{} {}", json.name, json.weights.sha256)?;
        let model = LoadedModel::open(folder, EngineChoice::Auto)?;
        writeln!(out, "{}", figures(&model, &config)?)?;
        return Ok(());
    }
    let folder = std::env::temp_dir().join("stele-package-sizes");
    for size in sizes {
        config.size = size;
        let mut json = package(
            &RunConfig {
                others: vec![],
                ..config.clone()
            },
            &weights,
            serde_json::Value::Null,
            Precision::F16,
            &folder,
            &mut Say,
        )?;
        for flip in [false, true] {
            json.flip_tta = flip;
            store::save(&folder, &mut json, &weights, Precision::F16)?;
            let model = LoadedModel::open(&folder, EngineChoice::Auto)?;
            writeln!(out, "flip {flip} {}", figures(&model, &config)?)?;
        }
    }
    Ok(())
}
