//! A whole training run: data, network, training, calibration, and a folder that opens as a model.

use std::io::Write;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::batch::Loader;
use super::calibrate::{calibrate, quantile, threshold_at_specificity};
use super::fit::{Fit, Progress, TrainConfig, Validation};
use super::learner::{Learner, NativeLearner};
use crate::data::{Manifest, Sample, fingerprint, near_duplicates};
use crate::error::Error;
use crate::input::{self, Image, Norm};
use crate::model::engine::EngineChoice;
use crate::model::native::Native;
use crate::model::store::{self, LoadedModel, ModelJson, WeightsFile};
use crate::model::weights::{Precision, write_whole};
use crate::model::{Arch, Graph, OodStats, Weights, arch};

/// What to train, on what, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Manifests or folders; the first decides about boxes and classes.
    pub data: Vec<PathBuf>,
    /// Data whose images are of another kind (for a chest model: bones), for the gate that refuses.
    pub others: Vec<PathBuf>,
    /// `fracture`, `chest`, or any other word.
    pub task: String,
    /// Classes in the order of the outputs; empty takes the labels in alphabetical order.
    pub classes: Vec<String>,
    /// The class that is the finding; for two classes the last by default.
    pub positive: Option<usize>,
    /// The network.
    pub arch: Arch,
    /// Side of the input squares; 0 takes the network's own.
    pub size: usize,
    /// First weights (safetensors or a PyTorch state dict); without any the network starts fresh.
    pub init: Option<PathBuf>,
    /// Leave out training images whose column `redistributable` is not 1.
    pub redistributable_only: bool,
    /// Share of the groups that validate when the data has no split of its own.
    pub val_share: f32,
    /// Whether the model reads each image also mirrored: better by a little, and half as fast.
    pub mirrored: bool,
    /// Whether to look for near-duplicates before training.
    pub find_duplicates: bool,
    /// Lanes of the native engine; part of what makes a run repeatable.
    pub lanes: usize,
    /// What trains: burn where it is named, else the native engine.
    pub engine: EngineChoice,
    /// Training.
    pub train: TrainConfig,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            data: Vec::new(),
            others: Vec::new(),
            task: "fracture".into(),
            classes: Vec::new(),
            positive: None,
            arch: Arch::Lite0,
            size: 0,
            init: None,
            redistributable_only: false,
            val_share: 0.15,
            mirrored: false,
            find_duplicates: true,
            lanes: 2,
            engine: EngineChoice::Native,
            train: TrainConfig::default(),
        }
    }
}

impl RunConfig {
    /// Side of the input squares.
    fn side(&self) -> usize {
        if self.size == 0 {
            self.arch.native_size()
        } else {
            self.size
        }
    }
}

/// Who watches a run.
pub trait Observer {
    /// Something worth saying.
    fn note(&mut self, text: &str);

    /// After every step; `false` stops the run with a checkpoint.
    fn step(&mut self, progress: &Progress) -> bool;

    /// After every validation.
    fn epoch(&mut self, figures: &Validation);
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// The run folder, which opens as a model.
    pub folder: PathBuf,
    /// Figures of every validation.
    pub history: Vec<Validation>,
    /// Whether it ran to its end (else it can be gone on with).
    pub finished: bool,
    /// SHA-256 of the weights.
    pub sha256: String,
    /// Temperature found on the validation images.
    pub temperature: f32,
    /// Operating point found on them.
    pub threshold: f32,
}

/// Trains into `folder`; goes on from a checkpoint there when `resume` is set.
///
/// # Errors
/// When the data cannot be used (a group on both sides of the split above all), the weights do not
/// fit, or training fails.
pub fn run(
    config: &RunConfig,
    folder: &Path,
    resume: bool,
    observer: &mut dyn Observer,
) -> Result<RunSummary, Error> {
    let data = Data::open(config, observer)?;
    if config.find_duplicates {
        data.report_duplicates(observer)?;
    }
    let evidence =
        data.has_boxes && config.arch.graph_with_evidence(2).is_ok() && config.train.evidence > 0.0;
    let (graph, weights) = start(config, data.classes.len(), evidence, observer)?;
    std::fs::create_dir_all(folder).map_err(|e| Error::file(folder, e))?;
    let path = folder.join("config.json");
    write_whole(
        &path,
        &serde_json::to_vec_pretty(config).map_err(|e| Error::json(&path, e))?,
    )?;
    let (size, norm) = (config.side(), Norm::default());
    let loader = |split: &str| Loader {
        samples: data.side(split, config),
        classes: data.classes.clone(),
        size,
        norm,
        has_boxes: data.has_boxes,
    };
    let (train, val) = (loader("train"), loader("val"));
    observer.note(&format!(
        "{} images to train on, {} to validate on, {size} x {size} pixels",
        train.samples.len(),
        val.samples.len()
    ));
    let work = Work {
        config,
        train,
        val,
        folder,
        resume,
        observer,
    };
    let (folded, history, finished) = work.train(&graph, &weights)?;
    let trained = serde_json::json!({ "config": config.train, "epochs": history });
    let mut json = describe(config, &data, evidence, size, norm, trained);
    finish(
        config,
        &data,
        folder,
        &mut json,
        &folded,
        Precision::F32,
        observer,
    )?;
    Ok(RunSummary {
        folder: folder.to_owned(),
        history,
        finished,
        sha256: json.weights.sha256.clone(),
        temperature: json.temperature,
        threshold: json.threshold,
    })
}

/// The network and its first weights: fresh, with those of the given file in their place.
fn start(
    config: &RunConfig,
    classes: usize,
    evidence: bool,
    observer: &mut dyn Observer,
) -> Result<(Graph, Weights), Error> {
    let graph = if evidence {
        config.arch.graph_with_evidence(classes)?
    } else {
        config.arch.graph(classes)
    };
    let found = config.init.as_deref().map(Weights::open).transpose()?;
    // A model of ours is folded already: it is gone on with as it is.
    let plain = graph.folded()?.0.grey();
    let ours = found.as_ref().is_some_and(|w| is_folded(w, &plain));
    let graph = if ours { plain } else { graph };
    let mut weights = arch::initialise(&graph, config.train.seed);
    if evidence {
        arch::settle_evidence(&mut weights)?;
    }
    if let Some(found) = &found {
        let count = weights.adopt(found);
        observer.note(&format!(
            "{count} of {} arrays start from the given weights",
            weights.len()
        ));
    }
    Ok((graph, weights))
}

/// Makes a model folder of folded one-channel weights (a run's `weights.safetensors`): calibrates
/// them on the validation images, measures the training images, and writes them in `precision`.
/// `trained` is kept for the record.
///
/// # Errors
/// When the data cannot be used or the weights do not fit.
pub fn package(
    config: &RunConfig,
    weights: &Weights,
    trained: serde_json::Value,
    precision: Precision,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<ModelJson, Error> {
    let data = Data::open(config, observer)?;
    let evidence = weights.has("evidence.map.weight");
    let norm = Norm::default();
    let mut json = describe(config, &data, evidence, config.side(), norm, trained);
    finish(
        config, &data, folder, &mut json, weights, precision, observer,
    )?;
    Ok(json)
}

/// What a training needs besides the network.
struct Work<'a, 'b> {
    config: &'a RunConfig,
    train: Loader<'a>,
    val: Loader<'a>,
    folder: &'a Path,
    resume: bool,
    observer: &'b mut dyn Observer,
}

/// The best one-channel weights, the validations, and whether the training came to its end.
type Trained = (Weights, Vec<Validation>, bool);

impl Work<'_, '_> {
    /// Trains. Weights that were trained before have good statistics to keep: their normalisations
    /// are folded first. Fresh ones learn their own.
    fn train(self, graph: &Graph, weights: &Weights) -> Result<Trained, Error> {
        let (graph, weights) = if self.config.init.is_none() {
            graph.greyscale(weights)?
        } else {
            folded_grey(graph, weights)?
        };
        let (weights, history, finished) = if self.config.engine == EngineChoice::Burn {
            self.on_burn(&graph, &weights)?
        } else {
            self.on_native(&graph, &weights)?
        };
        let (_, folded) = graph.fold(&weights)?;
        Ok((folded, history, finished))
    }

    fn on_native(self, graph: &Graph, weights: &Weights) -> Result<Trained, Error> {
        let network = Native::new(graph, weights)?;
        let first = network.parameters.clone();
        let lanes = self.config.lanes;
        let learner = if graph.normalises() {
            NativeLearner::from_scratch(network, lanes)
        } else {
            NativeLearner::new(network, lanes, 2)
        };
        let (best, history, finished, learner) = self.fit(learner, first)?;
        Ok((learner.network().weights(&best), history, finished))
    }

    #[cfg(feature = "burn")]
    fn on_burn(self, graph: &Graph, weights: &Weights) -> Result<Trained, Error> {
        use super::burn_learner::BurnLearner;
        use crate::model::burn_net::{BurnNet, device};
        let network = BurnNet::new(graph.clone(), device());
        let first = network.layout(weights)?;
        let (best, history, finished, learner) =
            self.fit(BurnLearner::new(network, graph.normalises()), first)?;
        Ok((learner.network().weights(&best), history, finished))
    }

    #[cfg(not(feature = "burn"))]
    fn on_burn(self, _: &Graph, _: &Weights) -> Result<Trained, Error> {
        Err(crate::model::engine::left_out("burn", "burn"))
    }

    /// Runs the loop: the best parameters, the validations, whether it came to its end.
    fn fit<L: Learner>(
        self,
        learner: L,
        first: Vec<f32>,
    ) -> Result<(Vec<f32>, Vec<Validation>, bool, L), Error> {
        let training = self.config.train.clone();
        let mut fit = Fit::new(learner, first, training, self.train, self.val, self.folder)?;
        let finished = watch(&mut fit, self.resume, self.folder, self.observer)?;
        let best = fit.best().to_vec();
        Ok((best, fit.history().to_vec(), finished, fit.learner))
    }
}

fn folded_grey(graph: &Graph, weights: &Weights) -> Result<(Graph, Weights), Error> {
    let (graph, weights) = graph.fold(weights)?;
    graph.greyscale(&weights)
}

/// Whether weights are those of a folded one-channel network, as a model folder holds them.
fn is_folded(weights: &Weights, graph: &Graph) -> bool {
    let first = graph.tensors();
    first
        .iter()
        .take(2)
        .all(|(name, shape, _)| weights.get(name).is_ok_and(|a| a.shape == *shape))
}

/// Runs the loop and keeps `metrics.jsonl` and `metrics.csv`; tells whether it came to its end.
fn watch<L: Learner>(
    fit: &mut Fit<'_, L>,
    resume: bool,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<bool, Error> {
    if resume && fit.resume()? {
        observer.note(&format!(
            "goes on after epoch {}",
            fit.history().last().map_or(0, |h| h.epoch + 1)
        ));
    }
    let mut stopped = false;
    let mut history = fit.history().to_vec();
    let mut unwritten = None;
    let shared = std::cell::RefCell::new(&mut *observer);
    fit.run(
        |p| {
            let go_on = shared.borrow_mut().step(p);
            stopped |= !go_on;
            go_on
        },
        |v| {
            shared.borrow_mut().epoch(v);
            history.push(v.clone());
            // After every epoch, so that a run that is killed leaves what it knew.
            unwritten = write_metrics(folder, &history).err();
        },
    )?;
    unwritten.map_or(Ok(!stopped), Err)
}

fn write_metrics(folder: &Path, history: &[Validation]) -> Result<(), Error> {
    let path = folder.join("metrics.jsonl");
    let mut lines = Vec::new();
    for row in history {
        serde_json::to_writer(&mut lines, row).map_err(|e| Error::json(&path, e))?;
        lines.push(b'\n');
    }
    write_whole(&path, &lines)?;
    let mut table =
        b"epoch,train_loss,train_accuracy,val_loss,val_accuracy,val_auroc,val_peak_in_box\n"
            .to_vec();
    for v in history {
        let peak = v.val_peak_in_box.map_or(String::new(), |p| p.to_string());
        let row = (
            v.epoch,
            v.train_loss,
            v.train_accuracy,
            v.val_loss,
            v.val_accuracy,
            v.val_auroc,
        );
        writeln!(
            table,
            "{},{},{},{},{},{},{peak}",
            row.0, row.1, row.2, row.3, row.4, row.5
        )
        .map_err(|e| Error::file(folder, e))?;
    }
    write_whole(&folder.join("metrics.csv"), &table)
}

/// The data of a run.
struct Data {
    manifests: Vec<Manifest>,
    classes: Vec<String>,
    has_boxes: bool,
}

impl Data {
    fn open(config: &RunConfig, observer: &mut dyn Observer) -> Result<Self, Error> {
        let mut manifests = Vec::new();
        for path in &config.data {
            let mut manifest = Manifest::open(path)?;
            manifest.ensure_split(config.val_share, config.train.seed);
            manifest.check_groups()?;
            manifests.push(manifest);
        }
        let first = manifests
            .first()
            .ok_or_else(|| Error::Data("name a manifest or a folder".into()))?;
        let classes = if config.classes.is_empty() {
            first.classes.clone()
        } else {
            config.classes.clone()
        };
        if classes.len() < 2 {
            return Err(Error::Data(format!(
                "only one class ({}) is there to learn",
                classes.join(", ")
            )));
        }
        for manifest in &manifests {
            if let Some(unknown) = manifest.classes.iter().find(|c| !classes.contains(c)) {
                return Err(Error::Data(format!(
                    "label {unknown:?} is none of {}",
                    classes.join(", ")
                )));
            }
        }
        let has_boxes = first.has_boxes;
        observer.note(&format!("classes: {}", classes.join(", ")));
        Ok(Self {
            manifests,
            classes,
            has_boxes,
        })
    }

    /// Says which images show the same, and above all which do so on both sides of the split.
    fn report_duplicates(&self, observer: &mut dyn Observer) -> Result<(), Error> {
        let samples: Vec<&Sample> = self.manifests.iter().flat_map(|m| &m.samples).collect();
        let prints: Result<Vec<_>, Error> = samples
            .par_iter()
            .map(|s| Ok(fingerprint(&input::open(&s.path)?.image)))
            .collect();
        let pairs = near_duplicates(&prints?);
        let across: Vec<_> = pairs
            .iter()
            .filter(|d| samples[d.first].split != samples[d.second].split)
            .collect();
        observer.note(&format!(
            "{} pairs of near-duplicates, {} of them across the split",
            pairs.len(),
            across.len()
        ));
        for d in across.iter().take(5) {
            observer.note(&format!(
                "  {} and {}",
                samples[d.first].name, samples[d.second].name
            ));
        }
        Ok(())
    }

    fn side(&self, split: &str, config: &RunConfig) -> Vec<&Sample> {
        let usable = |s: &&Sample| {
            split != "train"
                || !config.redistributable_only
                || s.attributes.get("redistributable").is_none_or(|v| v == "1")
        };
        self.manifests
            .iter()
            .flat_map(|m| m.split(split))
            .filter(usable)
            .collect()
    }
}

fn describe(
    config: &RunConfig,
    data: &Data,
    evidence: bool,
    size: usize,
    norm: Norm,
    trained: serde_json::Value,
) -> ModelJson {
    let positive = config.positive.or((data.classes.len() == 2).then_some(1));
    ModelJson {
        format: 1,
        name: format!("{} {}", config.task, config.arch.name()),
        version: env!("CARGO_PKG_VERSION").into(),
        task: config.task.clone(),
        arch: config.arch,
        evidence,
        size,
        heatmap_size: if evidence {
            (size * 6 / 5).next_multiple_of(32)
        } else {
            0
        },
        norm,
        classes: data.classes.clone(),
        positive,
        temperature: 1.0,
        bias: vec![0.0; data.classes.len()],
        threshold: 0.5,
        doubt: 0.0,
        flip_tta: config.mirrored,
        ood: None,
        weights: WeightsFile {
            file: String::new(),
            sha256: String::new(),
        },
        trained,
    }
}

/// Calibrates a trained network on the validation images, measures what it knows on the training
/// images, and writes the folder.
fn finish(
    config: &RunConfig,
    data: &Data,
    folder: &Path,
    json: &mut ModelJson,
    weights: &Weights,
    precision: Precision,
    observer: &mut dyn Observer,
) -> Result<(), Error> {
    store::save(folder, json, weights, precision)?;
    let model = LoadedModel::open(folder, EngineChoice::Auto)?;
    observer.note(&format!("calibrates with {}", model.engine()));
    let val = data.side("val", config);
    let (logits, features) = answers(&model, &val)?;
    let labels: Vec<usize> = val
        .iter()
        .map(|s| index_of(&data.classes, &s.label))
        .collect();
    let calibration = calibrate(&logits, &labels);
    (json.temperature, json.bias) = (calibration.temperature, calibration.bias);
    let probabilities: Vec<Vec<f32>> = logits.iter().map(|l| json.probabilities(l)).collect();
    if let Some(positive) = json.positive {
        let scores: Vec<f32> = probabilities.iter().map(|p| p[positive]).collect();
        let truth: Vec<bool> = labels.iter().map(|&l| l == positive).collect();
        json.threshold = threshold_at_specificity(&scores, &truth, 0.85);
        let gaps: Vec<f32> = scores.iter().map(|s| (s - json.threshold).abs()).collect();
        json.doubt = quantile(&gaps, 0.05).min(0.05);
    } else {
        let gaps: Vec<f32> = probabilities.iter().map(|p| margin(p)).collect();
        json.doubt = quantile(&gaps, 0.05);
    }
    json.ood = fit_ood(config, data, &model, &features, observer)?;
    store::save(folder, json, weights, precision)
}

/// Distance between the two most likely classes.
fn margin(p: &[f32]) -> f32 {
    let mut sorted = p.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted[0] - sorted.get(1).copied().unwrap_or(0.0)
}

fn index_of(classes: &[String], label: &str) -> usize {
    classes.iter().position(|c| c == label).unwrap_or(0)
}

/// Logits and pooled features of images.
fn answers(model: &LoadedModel, samples: &[&Sample]) -> Result<(Vec<Vec<f32>>, Vec<f32>), Error> {
    let (mut logits, mut features) = (Vec::new(), Vec::new());
    for chunk in samples.chunks(16) {
        let images: Result<Vec<Image>, Error> = chunk
            .iter()
            .map(|s| Ok(input::open(&s.path)?.image))
            .collect();
        let images = images?;
        let readings = model.read_batch(&images.iter().collect::<Vec<_>>())?;
        for r in readings {
            logits.push(r.logits);
            features.extend(r.features);
        }
    }
    Ok((logits, features))
}

/// Directions of the projected features.
const DIRECTIONS: usize = 96;
/// Most training images that the statistics are measured on.
const MEASURED: usize = 1200;
/// Share of validation images that the distance may refuse, and the gate.
const REFUSED: f32 = 0.01;

fn fit_ood(
    config: &RunConfig,
    data: &Data,
    model: &LoadedModel,
    val_features: &[f32],
    observer: &mut dyn Observer,
) -> Result<Option<OodStats>, Error> {
    let train = spread(&data.side("train", config), MEASURED);
    if train.len() < 2 * DIRECTIONS {
        observer.note(
            "too few training images to learn what other images look like: nothing will be refused",
        );
        return Ok(None);
    }
    let (_, features) = answers(model, &train)?;
    let width = features.len() / train.len();
    let labels: Vec<usize> = train
        .iter()
        .map(|s| index_of(&data.classes, &s.label))
        .collect();
    let mut stats = OodStats::fit(
        &features,
        width,
        &labels,
        data.classes.len(),
        DIRECTIONS,
        0x57E1E,
    )?;
    let distances: Vec<f32> = val_features
        .chunks_exact(width)
        .map(|f| stats.distance(f).distance)
        .collect();
    stats.threshold = quantile(&distances, 1.0 - REFUSED) * 1.05;
    let mut other = Vec::new();
    for path in &config.others {
        let mut manifest = Manifest::open(path)?;
        manifest.ensure_split(config.val_share, config.train.seed);
        let usable = |s: &&Sample| s.attributes.get("redistributable").is_none_or(|v| v == "1");
        let allowed: Vec<&Sample> = manifest.split("train").into_iter().filter(usable).collect();
        let samples = spread(&allowed, MEASURED / 2);
        other.extend(answers(model, &samples)?.1);
    }
    if !other.is_empty() {
        for image in super::synthetic::others(60, config.train.seed) {
            other.extend(model.read(&image)?.features);
        }
        stats.fit_gate(&features, &other, width);
        let gates: Vec<f32> = val_features
            .chunks_exact(width)
            .map(|f| stats.distance(f).gate)
            .collect();
        stats.gate_threshold = quantile(&gates, 1.0 - REFUSED);
    }
    Ok(Some(stats))
}

/// Some of the samples, evenly from first to last.
fn spread<'a>(samples: &[&'a Sample], most: usize) -> Vec<&'a Sample> {
    let n = samples.len().min(most);
    (0..n)
        .map(|i| samples[i * samples.len() / n.max(1)])
        .collect()
}
