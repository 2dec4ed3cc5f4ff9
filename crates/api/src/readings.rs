//! A second opinion on a radiograph.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a reading is to look for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A fracture of the hand, wrist or forearm.
    Fracture,
    /// Findings of the chest.
    Chest,
    /// Whatever the image turns out to be.
    #[default]
    Auto,
}

/// The probability of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Probability {
    /// The class.
    pub label: String,
    /// Calibrated probability, 0 to 1.
    pub p: f32,
}

/// A second opinion on a radiograph. It is no diagnosis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReadingView {
    /// The model's task, for example `fracture`.
    pub task: String,
    /// What ran the network.
    pub engine: String,
    /// The model's name and version.
    pub model: String,
    /// SHA-256 of its weights.
    pub model_sha256: String,
    /// SHA-256 of the file that was read.
    pub input_sha256: String,
    /// Calibrated probability of every class.
    pub probabilities: Vec<Probability>,
    /// Probability of the finding (two classes), or of the most likely class.
    pub probability: Option<f32>,
    /// The operating point that the verdict rests on.
    pub threshold: Option<f32>,
    /// The class, or nothing if the model abstains.
    pub verdict: Option<String>,
    /// Why there is no verdict, in words.
    pub abstained: Option<String>,
    /// How likely that is, in words: `very likely`, `likely`, `uncertain`, `unlikely`,
    /// `very unlikely`, or `no verdict`.
    pub certainty: String,
    /// What a person should know beside the verdict.
    pub warnings: Vec<String>,
    /// The image with the places over it that the verdict rests on: a PNG in base64.
    pub heatmap_png: Option<String>,
    /// The width of that PNG.
    pub width: Option<u32>,
    /// Its height.
    pub height: Option<u32>,
    /// How long it took.
    pub milliseconds: f64,
}
