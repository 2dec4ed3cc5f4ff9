//! The native engine: runs and trains a network on the processor.
//!
//! Channels lie together, so that a pointwise convolution is one matrix product, a depthwise one
//! runs in registers, and each thread keeps to its own images. All weights lie in one vector,
//! gradients in another of the same layout.
//!
//! A network to read with or to fine-tune is folded first (its batch normalisations merged into the
//! convolutions, their statistics fixed). One that starts from fresh weights keeps its
//! normalisations and trains them with the statistics of the batch, which the threads that share a
//! batch bring together ([`reduce`]).

mod backward;
mod conv;
mod forward;
mod layout;
mod norm;
mod plan;
mod pool;
pub mod reduce;
mod reshape;
mod workspace;

use super::graph::Padding;
use super::kernels::{Activation, Window};
use super::weights::Weights;
use crate::error::Error;
use reduce::Rank;
use workspace::Value;

pub use layout::Segment;
pub use workspace::Workspace;

/// What a step computes.
#[derive(Debug, Clone)]
enum Kind {
    Input,
    Pointwise,
    Depthwise,
    Dense,
    /// Normalisation of its first input; a second one is added behind it.
    BatchNorm {
        eps: f32,
    },
    Add,
    Activation,
    MaxPool,
    Adaptive(usize),
    GlobalPool,
    SoftPool(f32),
    Upsample2,
    Concat,
    Flatten,
    Dropout(f32),
    Linear,
}

/// One step: a node of the graph with what follows it at once.
#[derive(Debug, Clone)]
struct Step {
    kind: Kind,
    inputs: Vec<usize>,
    act: Activation,
    /// Side, stride, padding.
    kernel: (usize, usize, Padding),
    /// Input and output channels.
    channels: (usize, usize),
    /// Index of its first segment.
    weight: usize,
    /// Whether the next segment is its bias.
    biased: bool,
    stage: usize,
}

impl Step {
    /// The window that it slides over a map.
    fn window(&self, x: &Value) -> Window {
        let (kernel, stride, pad) = self.kernel;
        Window {
            input: (x.h, x.w),
            output: (
                pad.output(x.h, kernel, stride),
                pad.output(x.w, kernel, stride),
            ),
            kernel,
            stride,
            before: (
                pad.amounts(x.h, kernel, stride).0,
                pad.amounts(x.w, kernel, stride).0,
            ),
        }
    }
}

/// A network and its weights, laid out for speed.
#[derive(Debug, Clone)]
pub struct Native {
    steps: Vec<Step>,
    segments: Vec<Segment>,
    /// All weights.
    pub parameters: Vec<f32>,
    at: Outputs,
    last_use: Vec<usize>,
}

/// The steps whose results callers ask for.
#[derive(Debug, Clone, Copy)]
struct Outputs {
    logits: usize,
    features: usize,
    pooled: usize,
    evidence: Option<usize>,
}

/// What a forward pass gives, image after image.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// `[N, classes]`.
    pub logits: Vec<f32>,
    /// `[N, features]`.
    pub pooled: Vec<f32>,
    /// `[N, h, w]` and its height and width, where the network has such a map.
    pub evidence: Option<(Vec<f32>, usize, usize)>,
    /// `[N, h, w, c]`, the last spatial features, with h, w and c.
    pub features: (Vec<f32>, usize, usize, usize),
}

/// How a forward pass is run.
#[derive(Debug, Clone, Copy)]
pub struct Mode<'a> {
    /// Keep what [`Native::backward`] needs.
    pub keep: bool,
    /// Seed of the dropout masks; `None` is inference.
    pub dropout: Option<u64>,
    /// Use all threads inside each operation (for a single image) rather than the caller's one.
    pub parallel: bool,
    /// Where the backward pass ends: values before it are not kept.
    pub until: Until,
    /// What batch normalisations normalise by.
    pub statistics: Statistics<'a>,
}

/// What batch normalisations normalise by.
#[derive(Debug, Clone, Copy)]
pub enum Statistics<'a> {
    /// The running statistics among the weights.
    Running,
    /// The statistics of the batch, of which this thread has one part. Frozen stages keep to the
    /// running ones.
    Batch(Rank<'a>),
}

/// Where a backward pass ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Stages below this one are frozen.
    Stage(usize),
    /// The last spatial features, for a heatmap.
    Features,
}

impl Mode<'_> {
    /// Inference on the calling thread.
    pub const INFER: Self = Self {
        keep: false,
        dropout: None,
        parallel: false,
        until: Until::Stage(0),
        statistics: Statistics::Running,
    };
}

impl Native {
    /// The parts of the weight vector.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The weights by name, in PyTorch's order, from a vector of this network's layout.
    pub fn weights(&self, parameters: &[f32]) -> Weights {
        let mut weights = Weights::default();
        for s in &self.segments {
            weights.insert(
                &s.name,
                layout::from_native(&parameters[s.range()], &s.shape),
            );
        }
        weights
    }

    /// A vector of this network's layout from weights by name.
    ///
    /// # Errors
    /// When one is missing or misshapen.
    pub fn layout(&self, weights: &Weights) -> Result<Vec<f32>, Error> {
        let mut out = Vec::with_capacity(self.parameters.len());
        for s in &self.segments {
            let array = weights.get(&s.name)?;
            if array.shape != s.shape {
                return Err(Error::Weights(format!(
                    "{} has shape {:?}, not {:?}",
                    s.name, array.shape, s.shape
                )));
            }
            layout::lay_out(weights, &s.name, &s.shape, &mut out)?;
        }
        Ok(out)
    }

    /// First step of a backward pass.
    fn first(&self, until: Until) -> usize {
        match until {
            Until::Stage(stage) => self
                .steps
                .iter()
                .position(|s| s.stage >= stage)
                .unwrap_or(self.steps.len()),
            Until::Features => self.at.features + 1,
        }
    }

    /// A step's kernel or matrix, and its bias.
    fn weights_of<'p>(&self, step: &Step, parameters: &'p [f32]) -> (&'p [f32], Option<&'p [f32]>) {
        if !matches!(
            step.kind,
            Kind::Pointwise | Kind::Depthwise | Kind::Dense | Kind::Linear
        ) {
            return (&[], None);
        }
        let bias = step
            .biased
            .then(|| &parameters[self.segments[step.weight + 1].range()]);
        (&parameters[self.segments[step.weight].range()], bias)
    }
}
