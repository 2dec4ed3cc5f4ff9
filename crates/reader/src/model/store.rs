//! Model folders: `model.json` and a weights file, whose digest it names.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::arch::Arch;
use super::engine::{self, Engine, EngineChoice};
use super::graph::Graph;
use super::heatmap::{Heatmap, grad_cam_plus_plus};
use super::native::{Answer, Mode, Native, Until, Workspace};
use super::ood::OodStats;
use super::weights::{Arrays, Precision, StoredWeights, Weights, write_whole};
use crate::error::Error;
use crate::input::{Image, Norm, letterbox};
use crate::train::loss::softmax;

/// Images that are run together.
const BATCH: usize = 8;
/// Largest `model.json`.
const MAX_JSON: u64 = 16 << 20;

/// What a model is: the content of `model.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelJson {
    /// Format of this file, 1.
    pub format: u32,
    /// Its name, for people.
    pub name: String,
    /// Its version, for people; the digest of the weights is what counts.
    pub version: String,
    /// `fracture`, `chest`, or whatever else it was trained for.
    pub task: String,
    /// The network.
    pub arch: Arch,
    /// Whether the network has an evidence map.
    pub evidence: bool,
    /// Side of the square that images are fitted into.
    pub size: usize,
    /// Side of the square on which heatmaps are computed; larger shows smaller things. 0 is `size`.
    #[serde(default)]
    pub heatmap_size: usize,
    /// Normalisation of grey values.
    pub norm: Norm,
    /// Classes in the order of the outputs.
    pub classes: Vec<String>,
    /// The class whose probability is the model's score, where there is one.
    pub positive: Option<usize>,
    /// Logits are divided by this before the softmax (Guo et al. 2017).
    pub temperature: f32,
    /// Added to the logits after that.
    pub bias: Vec<f32>,
    /// Operating point: the probability of `positive` from which the verdict is positive.
    pub threshold: f32,
    /// Abstain when the probability lies closer than this to the operating point (with `positive`),
    /// or when the two most likely classes are closer than this.
    pub doubt: f32,
    /// Read each image also mirrored, and take the mean.
    pub flip_tta: bool,
    /// What is known of the training images, to refuse others.
    pub ood: Option<OodStats>,
    /// The weights.
    pub weights: WeightsFile,
    /// How it was trained, for the record.
    #[serde(default)]
    pub trained: serde_json::Value,
}

/// A weights file and its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsFile {
    /// File name inside the model folder.
    pub file: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

impl ModelJson {
    /// The folded one-channel network that the weights belong to.
    ///
    /// # Errors
    /// When the architecture has no evidence map but the file says so.
    pub fn graph(&self) -> Result<Graph, Error> {
        let classes = self.classes.len();
        let graph = if self.evidence {
            self.arch.graph_with_evidence(classes)?
        } else {
            self.arch.graph(classes)
        };
        Ok(graph.folded()?.0.grey())
    }

    /// Reads a model folder's `model.json` and checks that it makes sense.
    ///
    /// # Errors
    /// When the file is missing, is not JSON of this format, or contradicts itself.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("model.json");
        let size = std::fs::metadata(&path)
            .map_err(|e| Error::file(&path, e))?
            .len();
        if size > MAX_JSON {
            return Err(Error::model(folder, "model.json is too large to be one"));
        }
        let bytes = std::fs::read(&path).map_err(|e| Error::file(&path, e))?;
        Self::from_bytes(&bytes).map_err(|e| match e {
            Error::Json { source, .. } => Error::json(&path, source),
            Error::Model { reason, .. } => Error::model(folder, reason),
            other => other,
        })
    }

    /// Reads the bytes of a `model.json` and checks that they make sense.
    ///
    /// # Errors
    /// As [`ModelJson::open`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let name = Path::new("model.json");
        let json: Self = serde_json::from_slice(bytes).map_err(|e| Error::json(name, e))?;
        json.check().map_err(|reason| Error::model(name, reason))?;
        Ok(json)
    }

    fn check(&self) -> Result<(), String> {
        let classes = self.classes.len();
        if self.format != 1 {
            return Err(format!(
                "format {} is not known to this version of stele (1 is)",
                self.format
            ));
        }
        if !(2..=1000).contains(&classes) || self.bias.len() != classes {
            return Err("classes and bias must have the same length, at least 2".into());
        }
        if self.positive.is_some_and(|p| p >= classes) {
            return Err("positive is not a class".into());
        }
        let fits = |size: usize| (32..=2048).contains(&size) && size.is_multiple_of(32);
        if !fits(self.size) || !(self.heatmap_size == 0 || fits(self.heatmap_size)) {
            return Err("size and heatmap_size must be a multiple of 32 from 32 to 2048".into());
        }
        let above_zero = |v: f32| v.is_finite() && v > 0.0;
        if !above_zero(self.temperature) || !above_zero(self.norm.std) {
            return Err("temperature and norm.std must be above 0".into());
        }
        if let Some(ood) = &self.ood {
            ood.check()?;
        }
        if self.weights.file.contains(['/', '\\']) || self.weights.file.starts_with('.') {
            return Err("the weights must lie in the model folder".into());
        }
        Ok(())
    }

    /// Calibrated probabilities of a row of logits.
    pub fn probabilities(&self, logits: &[f32]) -> Vec<f32> {
        let scaled: Vec<f32> = logits
            .iter()
            .zip(&self.bias)
            .map(|(l, b)| l / self.temperature + b)
            .collect();
        softmax(&scaled)
    }
}

/// Writes a model folder: the weights, and `model.json` with their digest.
///
/// # Errors
/// When a file cannot be written.
pub fn save(
    folder: &Path,
    json: &mut ModelJson,
    weights: &Weights,
    precision: Precision,
) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|e| Error::file(folder, e))?;
    let bytes = weights.to_bytes(precision)?;
    json.weights = WeightsFile {
        file: "weights.safetensors".into(),
        sha256: digest(&bytes),
    };
    write_whole(&folder.join(&json.weights.file), &bytes)?;
    let path = folder.join("model.json");
    let text = serde_json::to_vec_pretty(json).map_err(|e| Error::json(&path, e))?;
    write_whole(&path, &text)
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What a model says about one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The network's outputs.
    pub logits: Vec<f32>,
    /// Calibrated probability of each class.
    pub probabilities: Vec<f32>,
    /// Distance from the training images: root mean square of standard deviations.
    pub ood: f32,
    /// Whether the image is not of the kind that the model knows.
    pub not_such: bool,
    /// Pooled features.
    pub features: Vec<f32>,
}

/// A model in memory, ready to read images; any number of threads may share it.
pub struct LoadedModel {
    /// What it is.
    pub card: ModelJson,
    folder: PathBuf,
    engine: Box<dyn Engine>,
    cam: Cam,
}

/// How heatmaps are computed.
enum Cam {
    /// The network's own evidence map.
    Evidence,
    /// Gradients that the engine itself gives.
    Engine,
    /// Gradients of the part behind the features that the engine gives.
    Head(Box<Native>),
}

impl std::fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedModel")
            .field("folder", &self.folder)
            .field("engine", &self.engine.name())
            .finish_non_exhaustive()
    }
}

impl LoadedModel {
    /// Opens a model folder (or a run folder) and checks the digest of its weights.
    ///
    /// # Errors
    /// When a file is missing, damaged or something else, or the engine cannot be used.
    pub fn open(folder: &Path, choice: EngineChoice) -> Result<Self, Error> {
        let card = ModelJson::open(folder)?;
        let weights = weights_file(folder, &card)?;
        let graph = card.graph()?;
        let engine = engine::make(choice, &graph, &weights, card.size)?;
        let cam = if graph.evidence.is_some() {
            Cam::Evidence
        } else if engine.explains() {
            Cam::Engine
        } else {
            Cam::Head(Box::new(Native::new(&graph.head()?, &weights)?))
        };
        Ok(Self {
            card,
            folder: folder.to_owned(),
            engine,
            cam,
        })
    }

    /// Opens a shipped model by its task, or a folder by its path.
    ///
    /// # Errors
    /// When there is none; says where it was looked for.
    pub fn named(name: &str, choice: EngineChoice) -> Result<Self, Error> {
        Self::open(&find(name)?, choice)
    }

    /// The folder it came from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// SHA-256 of the weights: the model's identity.
    pub fn sha256(&self) -> &str {
        &self.card.weights.sha256
    }

    /// The engine that runs it.
    pub fn engine(&self) -> String {
        self.engine.name()
    }

    /// Reads one image.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn read(&self, image: &Image) -> Result<Reading, Error> {
        let mut all = self.read_batch(&[image])?;
        all.pop().ok_or_else(|| Error::Network("no answer".into()))
    }

    /// Reads images, a few at a time.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn read_batch(&self, images: &[&Image]) -> Result<Vec<Reading>, Error> {
        let mut readings = Vec::with_capacity(images.len());
        for chunk in images.chunks(BATCH) {
            let squares: Vec<Vec<f32>> = chunk
                .iter()
                .map(|i| self.square(i, self.card.size))
                .collect();
            let answer = self.run(&squares, self.card.size)?;
            let classes = self.card.classes.len();
            let width = answer.pooled.len() / chunk.len();
            for (logits, pooled) in answer
                .logits
                .chunks_exact(classes)
                .zip(answer.pooled.chunks_exact(width))
            {
                if !logits.iter().all(|l| l.is_finite()) {
                    return Err(Error::Network(
                        "the network answered with something that is not a number".into(),
                    ));
                }
                let distance = self.card.ood.as_ref().map(|o| (o.distance(pooled), o));
                readings.push(Reading {
                    logits: logits.to_vec(),
                    probabilities: self.card.probabilities(logits),
                    ood: distance.as_ref().map_or(0.0, |(d, _)| d.distance),
                    not_such: distance.is_some_and(|(d, o)| o.refuses(d)),
                    features: pooled.to_vec(),
                });
            }
        }
        Ok(readings)
    }

    /// The normalised square of an image.
    fn square(&self, image: &Image, size: usize) -> Vec<f32> {
        let norm = self.card.norm;
        letterbox(image, size)
            .pixels
            .iter()
            .map(|v| (v - norm.mean) / norm.std)
            .collect()
    }

    /// Runs squares, with their mirror images when the model wants that; the answer is the mean.
    fn run(&self, squares: &[Vec<f32>], size: usize) -> Result<Answer, Error> {
        let n = squares.len();
        let flat: Vec<f32> = squares.concat();
        let mut answer = self.engine.run(&flat, n, size)?;
        if !self.card.flip_tta {
            return Ok(answer);
        }
        let mirrored: Vec<f32> = flat
            .chunks_exact(size)
            .flat_map(|row| row.iter().rev().copied())
            .collect();
        let other = self.engine.run(&mirrored, n, size)?;
        let mean =
            |a: &mut [f32], b: &[f32]| a.iter_mut().zip(b).for_each(|(a, b)| *a = (*a + b) / 2.0);
        mean(&mut answer.logits, &other.logits);
        mean(&mut answer.pooled, &other.pooled);
        if let (Some((a, _, w)), Some((b, ..))) = (&mut answer.evidence, other.evidence) {
            let back: Vec<f32> = b
                .chunks_exact(*w)
                .flat_map(|row| row.iter().rev().copied())
                .collect();
            mean(a, &back);
        }
        Ok(answer)
    }

    /// Side of the square on which heatmaps are computed. Only an evidence map may be computed on
    /// another one than the prediction.
    fn heatmap_size(&self) -> usize {
        match self.cam {
            Cam::Evidence if self.card.heatmap_size > 0 => self.card.heatmap_size,
            _ => self.card.size,
        }
    }

    /// The sigmoid of the evidence map, its height and its width.
    fn evidence(
        &self,
        square: Vec<f32>,
        size: usize,
        class: usize,
    ) -> Result<(Vec<f32>, usize, usize), Error> {
        let (map, h, w) = self
            .run(&[square], size)?
            .evidence
            .ok_or_else(|| Error::Network("the network has no evidence map".into()))?;
        // Evidence is for the positive class; what speaks against it speaks for the others.
        let sign = if self.card.positive.is_none_or(|p| p == class) {
            1.0
        } else {
            -1.0
        };
        let sigmoid = |z: &f32| 1.0 / (1.0 + (-sign * z).exp());
        Ok((map.iter().map(sigmoid).collect(), h, w))
    }

    /// Where the model looked for a class.
    ///
    /// # Errors
    /// When the engine fails or the class does not exist.
    pub fn heatmap(&self, image: &Image, class: usize) -> Result<Heatmap, Error> {
        if class >= self.card.classes.len() {
            return Err(Error::Network(format!("there is no class {class}")));
        }
        let size = self.heatmap_size();
        let square = self.square(image, size);
        let (values, h, w) = match &self.cam {
            Cam::Evidence => self.evidence(square, size, class)?,
            Cam::Engine => match self.engine.explain(&square, size, class)? {
                Some(((features, h, w, c), gradient)) => {
                    (grad_cam_plus_plus(&features, &gradient, c), h, w)
                }
                None => return Err(Error::Network("the engine cannot explain itself".into())),
            },
            Cam::Head(head) => {
                let (features, h, w, c) = self.engine.run(&square, 1, size)?.features;
                let mut ws = Workspace::default();
                let mode = Mode {
                    keep: true,
                    until: Until::Features,
                    ..Mode::INFER
                };
                head.forward(&head.parameters, &features, 1, h, mode, &mut ws)?;
                let mut wanted = vec![0.0; self.card.classes.len()];
                wanted[class] = 1.0;
                let gradient = head.feature_gradient(&head.parameters, &wanted, &mut ws)?;
                (grad_cam_plus_plus(&features, &gradient, c), h, w)
            }
        };
        Ok(Heatmap::new(
            w,
            h,
            values,
            (image.width, image.height),
            size,
        ))
    }
}

/// Opens a model's weights file and checks its digest.
fn weights_file(folder: &Path, card: &ModelJson) -> Result<StoredWeights, Error> {
    StoredWeights::open(&folder.join(&card.weights.file), &card.weights.sha256)
}

/// Reads a model's weights into memory and checks their digest.
///
/// # Errors
/// When the file is missing, is not what the description names, or is no weights file.
pub fn read_weights(folder: &Path, card: &ModelJson) -> Result<Weights, Error> {
    Ok(weights_file(folder, card)?.load()?.into_owned())
}

/// The folder of a shipped model (in `STELE_MODELS`, `./models`, or `models` beside or above the
/// program), or a path that is a folder itself.
///
/// # Errors
/// When there is none; says where it was looked for.
pub fn find(name: &str) -> Result<PathBuf, Error> {
    let direct = PathBuf::from(name);
    if direct.join("model.json").is_file() {
        return Ok(direct);
    }
    let mut roots: Vec<PathBuf> = std::env::var_os("STELE_MODELS")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    roots.push(PathBuf::from("models"));
    if let Ok(program) = std::env::current_exe() {
        roots.extend(
            program
                .ancestors()
                .skip(1)
                .take(4)
                .map(|a| a.join("models")),
        );
    }
    roots.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models"));
    roots
        .iter()
        .map(|r| r.join(name))
        .find(|p| p.join("model.json").is_file())
        .ok_or_else(|| {
            let looked: Vec<String> = roots.iter().map(|r| r.display().to_string()).collect();
            Error::model(
                name,
                format!(
                    "there is no such model in {}; set STELE_MODELS or give a folder",
                    looked.join(", ")
                ),
            )
        })
}
