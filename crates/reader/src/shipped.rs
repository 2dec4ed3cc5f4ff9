//! The shipped models for another program: bytes of one image in, an opinion out.
//!
//! This is what the hospital's node holds; the rest of the crate may change, this stays.
//!
//! ```no_run
//! # fn main() -> Result<(), reader::Error> {
//! let models = reader::Shipped::load_all()?;
//! let ask = reader::Ask { heatmap: true, ..Default::default() };
//! let opinion = models.read(std::fs::read("hand.dcm").unwrap_or_default(), ask)?;
//! match (&opinion.prediction.verdict, &opinion.prediction.abstained) {
//!     (Some(verdict), _) => println!("{verdict}"),
//!     (None, why) => println!("no verdict: {why:?}"),
//! }
//! # Ok(()) }
//! ```

use std::sync::Arc;

use serde::Serialize;

use crate::Error;
use crate::model::{EngineChoice, LoadedModel};
use crate::predict::queue::{Bounds, Queue};
use crate::predict::{Options, Outcome, Prediction, export, overlay, png_rgb};

/// Longest side of the overlay, in pixels.
const OVERLAY: usize = 1024;

/// One or more models in memory behind one bounded queue; any number of threads may share it.
#[derive(Debug)]
pub struct Shipped {
    models: Arc<[LoadedModel]>,
    queue: Queue,
}

/// What a model is, for people and for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// `fracture`, `chest`, or what it was trained for.
    pub task: String,
    /// Its name.
    pub name: String,
    /// Its version, for people; the digest is what counts.
    pub version: String,
    /// SHA-256 of its weights.
    pub model_sha256: String,
    /// What runs it.
    pub engine: String,
    /// What it tells apart.
    pub classes: Vec<String>,
}

/// What is wanted beside the verdict.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask {
    /// The overlay that shows where the model looked.
    pub heatmap: bool,
    /// The FHIR R4 Bundle, dated to these seconds since 1970.
    pub fhir_at: Option<u64>,
}

/// An opinion on one image.
#[derive(Debug, Clone)]
pub struct Opinion {
    /// Verdict and probability, or why there is none; digests, engine, times. `file` is empty.
    pub prediction: Prediction,
    /// The picture with the heat over it: an RGB PNG, its long side at most 1,024 pixels. `None`
    /// when it was not asked for, or when the model does not know such images.
    pub heatmap_png: Option<Vec<u8>>,
    /// DiagnosticReport, Observations, Device, Media and Provenance in a Bundle (type
    /// `collection`), without a patient, whom the keeper adds.
    pub fhir: Option<serde_json::Value>,
}

impl Shipped {
    /// Load one model: `fracture`, `chest`, or a model folder.
    ///
    /// # Errors
    /// When it is not found or its weights are not those that its description names.
    pub fn load(task: &str) -> Result<Self, Error> {
        Self::open(&[task], EngineChoice::Auto, Bounds::default())
    }

    /// Load every shipped model; the first that knows an image answers.
    ///
    /// # Errors
    /// As [`Shipped::load`].
    pub fn load_all() -> Result<Self, Error> {
        Self::open(
            &["fracture", "chest"],
            EngineChoice::Auto,
            Bounds::default(),
        )
    }

    /// Load models, to be asked in this order, on an engine, behind a queue of given bounds.
    ///
    /// # Errors
    /// As [`Shipped::load`], and when the system gives no thread.
    pub fn open(names: &[&str], engine: EngineChoice, bounds: Bounds) -> Result<Self, Error> {
        let models: Arc<[LoadedModel]> = names
            .iter()
            .map(|name| LoadedModel::named(name, engine))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            queue: Queue::new(Arc::clone(&models), bounds)?,
            models,
        })
    }

    /// What the models are.
    #[must_use]
    pub fn about(&self) -> Vec<About> {
        let about = |m: &LoadedModel| About {
            task: m.card.task.clone(),
            name: m.card.name.clone(),
            version: m.card.version.clone(),
            model_sha256: m.sha256().to_owned(),
            engine: m.engine(),
            classes: m.card.classes.clone(),
        };
        self.models.iter().map(about).collect()
    }

    /// Read one image (DICOM, PNG or JPEG). Blocks until its turn has come and it is read.
    ///
    /// # Errors
    /// [`Error::Refused`] when too much waits already (try again) or the upload is larger than the
    /// queue; [`Error::Input`] or [`Error::TooLarge`] when the bytes are no image that can be
    /// decoded. An image that the models do not know is no error: the opinion says so.
    pub fn read(&self, bytes: Vec<u8>, ask: Ask) -> Result<Opinion, Error> {
        let options = Options {
            heatmap: ask.heatmap,
            ..Options::default()
        };
        let outcome = self.queue.submit("", bytes, options)?.wait()?;
        self.opinion(outcome, ask)
    }

    fn opinion(&self, outcome: Outcome, ask: Ask) -> Result<Opinion, Error> {
        let Outcome {
            prediction,
            decoded,
            heatmap,
        } = outcome;
        let draw = |map| {
            let (rgb, width, height) = overlay(&decoded.image, &map, OVERLAY);
            png_rgb(&rgb, width, height)
        };
        let heatmap_png = heatmap.map(draw).transpose()?;
        let answered = self
            .models
            .iter()
            .find(|m| m.sha256() == prediction.model_sha256);
        let bundle = |(now, model): (u64, &LoadedModel)| {
            export::fhir_bundle(
                &prediction,
                &model.card,
                &decoded,
                heatmap_png.as_deref(),
                now,
            )
        };
        let fhir = ask.fhir_at.zip(answered).map(bundle);
        Ok(Opinion {
            prediction,
            heatmap_png,
            fhir,
        })
    }
}
