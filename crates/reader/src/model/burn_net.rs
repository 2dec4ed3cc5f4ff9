//! A network on burn's tensors, with gradients of everything: for GPUs, through the feature
//! `vulkan`, and a second opinion on the native engine's gradients in tests.
//!
//! Without a GPU it runs on burn's CPU backend (`flex`), several times slower than the native engine.

use std::sync::Mutex;

use burn::tensor::module::{adaptive_avg_pool2d, conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Distribution, Tensor, TensorData, activation};

use super::engine::Engine;
use super::graph::{Graph, Op};
use super::native::{Answer, Segment};
use super::weights::{Array, Weights};
use crate::error::Error;

/// Share of a batch's statistics in the running ones, as in PyTorch.
const MOMENTUM: f32 = 0.1;

/// A value on the way through the network.
#[derive(Clone)]
enum Value {
    Map(Tensor<4>),
    Row(Tensor<2>),
}

/// A weight as a tensor of its rank.
#[derive(Clone)]
pub(crate) enum Weight {
    One(Tensor<1>),
    Two(Tensor<2>),
    Four(Tensor<4>),
}

/// What a pass gives, still on the device.
pub struct Outputs {
    /// `[N, classes]`.
    pub logits: Tensor<2>,
    /// `[N, C]`.
    pub pooled: Tensor<2>,
    /// `[N, C, h, w]`.
    pub features: Tensor<4>,
    /// `[N, 1, h, w]`.
    pub evidence: Option<Tensor<4>>,
    /// New running statistics (segment, values), when trained.
    pub statistics: Vec<(String, Tensor<1>)>,
}

/// How a pass is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Fixed statistics, no dropout.
    Inference,
    /// Statistics of the batch, dropout.
    Training,
    /// Fixed statistics, dropout: fine-tuning on small batches.
    FixedStatistics,
}

/// A network on burn.
pub struct BurnNet {
    graph: Graph,
    segments: Vec<Segment>,
    device: Device,
}

impl std::fmt::Debug for BurnNet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BurnNet")
            .field("tensors", &self.segments.len())
            .finish_non_exhaustive()
    }
}

/// The device that networks run on: a GPU when the `vulkan` feature is compiled in, else the CPU.
pub fn device() -> Device {
    #[cfg(feature = "vulkan")]
    {
        Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)
    }
    #[cfg(not(feature = "vulkan"))]
    {
        Device::flex()
    }
}

impl BurnNet {
    /// A network; its weights come with each pass, as one vector (see [`Self::layout`]).
    pub fn new(graph: Graph, device: Device) -> Self {
        let mut segments = Vec::new();
        let mut offset = 0;
        for (i, node) in graph.nodes.iter().enumerate() {
            for (name, shape, trained) in node.op.tensors() {
                let decays = shape.len() > 1;
                let segment = Segment {
                    name,
                    offset,
                    shape,
                    stage: graph.stage_of(i),
                    decays,
                    trained,
                };
                offset += segment.len();
                segments.push(segment);
            }
        }
        Self {
            graph,
            segments,
            device,
        }
    }

    /// The network.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The parts of the parameter vector.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The parameter vector of weights by name.
    ///
    /// # Errors
    /// When one is missing or misshapen.
    pub fn layout(&self, weights: &Weights) -> Result<Vec<f32>, Error> {
        self.graph.check(weights)?;
        let mut out = Vec::new();
        for s in &self.segments {
            out.extend_from_slice(&weights.get(&s.name)?.data);
        }
        Ok(out)
    }

    /// Weights by name of a parameter vector.
    pub fn weights(&self, parameters: &[f32]) -> Weights {
        let mut weights = Weights::default();
        for s in &self.segments {
            weights.insert(
                &s.name,
                Array::new(s.shape.clone(), parameters[s.range()].to_vec()),
            );
        }
        weights
    }

    /// The parameter vector as tensors, in the order of [`Self::segments`]; those of stages from
    /// `first_stage` on follow gradients when `gradients` is set.
    pub(crate) fn tensors(
        &self,
        parameters: &[f32],
        gradients: bool,
        first_stage: usize,
    ) -> Vec<Weight> {
        let device = if gradients {
            self.device.clone().autodiff()
        } else {
            self.device.clone()
        };
        self.segments
            .iter()
            .map(|s| {
                let data = TensorData::new(parameters[s.range()].to_vec(), s.shape.clone());
                let follow = gradients && s.trained && s.stage >= first_stage;
                match s.shape.len() {
                    4 => {
                        let t = Tensor::<4>::from_data(data, &device);
                        Weight::Four(if follow { t.require_grad() } else { t })
                    }
                    2 => {
                        let t = Tensor::<2>::from_data(data, &device);
                        Weight::Two(if follow { t.require_grad() } else { t })
                    }
                    _ => {
                        let t = Tensor::<1>::from_data(data, &device);
                        Weight::One(if follow { t.require_grad() } else { t })
                    }
                }
            })
            .collect()
    }

    /// Runs the network on `[N, C, H, W]`.
    pub(crate) fn forward(
        &self,
        weights: &[Weight],
        x: Tensor<4>,
        phase: Phase,
    ) -> Result<Outputs, Error> {
        let mut values: Vec<Option<Value>> = vec![None; self.graph.nodes.len()];
        let mut statistics = Vec::new();
        let mut next = 0;
        for (i, node) in self.graph.nodes.iter().enumerate() {
            let count = node.op.tensors().len();
            let own = &weights[next..next + count];
            let names = &self.segments[next..next + count];
            next += count;
            let input = |k: usize| node.inputs.get(k).and_then(|&j| values[j].clone());
            let value = match (&node.op, input(0), input(1)) {
                (Op::Input { .. }, ..) => Value::Map(x.clone()),
                (op, Some(Value::Map(a)), b) => {
                    self.map_op(op, a, b, own, names, phase, &mut statistics)?
                }
                (op, Some(Value::Row(a)), b) => row_op(op, a, b, own, phase)?,
                _ => return Err(Error::Network(format!("node {i} reads nothing"))),
            };
            values[i] = Some(value);
        }
        let map = |at: usize| match &values[at] {
            Some(Value::Map(t)) => Ok(t.clone()),
            _ => Err(Error::Network(format!("node {at} is not a map"))),
        };
        let row = |at: usize| match &values[at] {
            Some(Value::Row(t)) => Ok(t.clone()),
            _ => Err(Error::Network(format!("node {at} is not a row"))),
        };
        Ok(Outputs {
            logits: row(self.graph.logits)?,
            pooled: row(self.graph.pooled)?,
            features: map(self.graph.features)?,
            evidence: self.graph.evidence.map(map).transpose()?,
            statistics,
        })
    }

    #[allow(clippy::too_many_arguments)] // one node and what it may touch
    fn map_op(
        &self,
        op: &Op,
        a: Tensor<4>,
        b: Option<Value>,
        own: &[Weight],
        names: &[Segment],
        phase: Phase,
        statistics: &mut Vec<(String, Tensor<1>)>,
    ) -> Result<Value, Error> {
        let [_, _, h, w] = a.dims();
        Ok(Value::Map(match (op, own, b) {
            (Op::Conv(c), [Weight::Four(kernel), rest @ ..], _) => {
                let bias = match rest {
                    [Weight::One(b)] => Some(b.clone()),
                    _ => None,
                };
                let pads = [
                    c.pad.amounts(h, c.kernel, c.stride),
                    c.pad.amounts(w, c.kernel, c.stride),
                ];
                let options = ConvOptions::<2> {
                    padding: pads,
                    ..ConvOptions::new([c.stride; 2], [0; 2], [1; 2], c.groups)
                };
                conv2d(a, kernel.clone(), bias, options)
            }
            (
                Op::BatchNorm { eps, .. },
                [
                    Weight::One(g),
                    Weight::One(b),
                    Weight::One(m),
                    Weight::One(v),
                ],
                _,
            ) => normalise(a, [g, b, m, v], *eps, phase, names, statistics),
            (Op::Relu, ..) => activation::relu(a),
            (Op::Relu6, ..) => a.clamp(0.0, 6.0),
            (Op::Add, _, Some(Value::Map(b))) => a + b,
            (
                Op::MaxPool {
                    kernel,
                    stride,
                    pad,
                },
                ..,
            ) => {
                let mut options = MaxPoolOptions::<2>::new([*kernel; 2]);
                options.stride = [*stride; 2];
                options.padding = [(*pad, *pad); 2];
                max_pool2d(a, options)
            }
            (Op::AdaptivePool { side }, ..) => adaptive_avg_pool2d(a, [*side; 2]),
            (Op::Upsample2, ..) => {
                let [n, c, h, w] = a.dims();
                a.reshape([n * c, h, 1, w])
                    .repeat_dim(2, 2)
                    .reshape([n * c, h * 2, w, 1])
                    .repeat_dim(3, 2)
                    .reshape([n, c, h * 2, w * 2])
            }
            (Op::GlobalPool, ..) => return Ok(Value::Row(a.mean_dim(3).mean_dim(2).flatten(1, 3))),
            (Op::SoftPool { sharpness }, ..) => {
                let [n, c, h, w] = a.dims();
                let rows = a.reshape([n, c, h * w]);
                let top = rows.clone().max_dim(2).detach();
                let sum = ((rows - top.clone()) * *sharpness).exp().mean_dim(2).log() / *sharpness;
                return Ok(Value::Row((sum + top).reshape([n, c])));
            }
            (Op::Flatten, ..) => return Ok(Value::Row(a.flatten(1, 3))),
            (Op::Dropout { rate }, ..) => dropout(a, *rate, phase),
            (other, ..) => return Err(Error::Network(format!("{other:?} cannot read a map"))),
        }))
    }

    /// Runs images `[n, size, size, channels]` (channels last) without gradients.
    ///
    /// # Errors
    /// When the input does not fit.
    pub fn infer(
        &self,
        parameters: &[f32],
        input: &[f32],
        n: usize,
        size: usize,
    ) -> Result<Answer, Error> {
        let weights = self.tensors(parameters, false, 0);
        self.infer_with(&weights, input, n, size)
    }

    pub(crate) fn infer_with(
        &self,
        weights: &[Weight],
        input: &[f32],
        n: usize,
        size: usize,
    ) -> Result<Answer, Error> {
        let x = self.input(input, n, size, false)?;
        let out = self.forward(weights, x, Phase::Inference)?;
        let [_, c, h, w] = out.features.dims();
        let features = values(out.features.permute([0, 2, 3, 1]))?;
        let evidence = match out.evidence {
            Some(e) => {
                let [_, _, h, w] = e.dims();
                Some((values(e)?, h, w))
            }
            None => None,
        };
        Ok(Answer {
            logits: values(out.logits)?,
            pooled: values(out.pooled)?,
            evidence,
            features: (features, h, w, c),
        })
    }

    /// Images (channels last) as a tensor (channels first).
    pub(crate) fn input(
        &self,
        input: &[f32],
        n: usize,
        size: usize,
        gradients: bool,
    ) -> Result<Tensor<4>, Error> {
        let channels = self.graph.channels();
        if input.len() != n * size * size * channels || n == 0 {
            return Err(Error::Network(format!(
                "{} values are not {n} images of {size} x {size} x {channels}",
                input.len()
            )));
        }
        let device = if gradients {
            self.device.clone().autodiff()
        } else {
            self.device.clone()
        };
        let data = TensorData::new(input.to_vec(), [n, size, size, channels]);
        Ok(Tensor::<4>::from_data(data, &device).permute([0, 3, 1, 2]))
    }
}

/// A tensor's values in row-major order.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
    tensor
        .into_data()
        .try_to_vec::<f32>()
        .map_err(|e| Error::Engine {
            engine: "burn",
            reason: format!("{e:?}"),
        })
}

fn dropout<const D: usize>(x: Tensor<D>, rate: f32, phase: Phase) -> Tensor<D> {
    if phase == Phase::Inference || rate == 0.0 {
        return x;
    }
    let keep = 1.0 - f64::from(rate);
    let mask = x.random_like(Distribution::Bernoulli(keep)).detach();
    x * mask / keep
}

fn row_op(
    op: &Op,
    a: Tensor<2>,
    b: Option<Value>,
    own: &[Weight],
    phase: Phase,
) -> Result<Value, Error> {
    Ok(Value::Row(match (op, own, b) {
        (Op::Linear { .. }, [Weight::Two(w), Weight::One(bias)], _) => {
            a.matmul(w.clone().transpose()) + bias.clone().unsqueeze::<2>()
        }
        (Op::Relu, ..) => activation::relu(a),
        (Op::Relu6, ..) => a.clamp(0.0, 6.0),
        (Op::Concat, _, Some(Value::Row(b))) => Tensor::cat(vec![a, b], 1),
        (Op::Add, _, Some(Value::Row(b))) => a + b,
        (Op::Dropout { rate }, ..) => dropout(a, *rate, phase),
        (Op::Flatten, ..) => a,
        (other, ..) => return Err(Error::Network(format!("{other:?} cannot read a row"))),
    }))
}

/// Batch normalisation with fixed statistics, or with the batch's, which then move the running ones.
fn normalise(
    x: Tensor<4>,
    [gamma, beta, mean, var]: [&Tensor<1>; 4],
    eps: f32,
    phase: Phase,
    names: &[Segment],
    statistics: &mut Vec<(String, Tensor<1>)>,
) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let wide = |t: Tensor<1>| t.reshape([1, c, 1, 1]);
    if phase != Phase::Training {
        let scale = gamma.clone() / (var.clone() + eps).sqrt();
        let shift = beta.clone() - mean.clone() * scale.clone();
        return x * wide(scale) + wide(shift);
    }
    let centre = x.clone().mean_dim(3).mean_dim(2).mean_dim(0);
    let centred = x - centre.clone();
    let spread = (centred.clone() * centred.clone())
        .mean_dim(3)
        .mean_dim(2)
        .mean_dim(0);
    let count = (n * h * w) as f32;
    let running = |old: &Tensor<1>, new: Tensor<4>| {
        old.clone().detach() * (1.0 - MOMENTUM) + new.detach().reshape([c]) * MOMENTUM
    };
    statistics.push((names[2].name.clone(), running(mean, centre)));
    statistics.push((
        names[3].name.clone(),
        running(var, spread.clone() * (count / (count - 1.0).max(1.0))),
    ));
    // One factor a channel: every further pass over the map would be paid for twice, back as well.
    centred * (wide(gamma.clone()) / (spread + eps).sqrt()) + wide(beta.clone())
}

/// [`BurnNet`] as an engine, its weights kept as tensors.
pub(super) struct BurnEngine {
    network: BurnNet,
    weights: Mutex<Vec<Weight>>,
}

impl BurnEngine {
    pub(super) fn new(graph: &Graph, weights: &Weights) -> Result<Self, Error> {
        let network = BurnNet::new(graph.clone(), device());
        let parameters = network.layout(weights)?;
        let weights = Mutex::new(network.tensors(&parameters, false, 0));
        Ok(Self { network, weights })
    }
}

impl Engine for BurnEngine {
    fn name(&self) -> String {
        let backend = if cfg!(feature = "vulkan") {
            "vulkan"
        } else {
            "flex"
        };
        format!("burn 0.22.1 {backend}")
    }

    fn run(&self, pixels: &[f32], n: usize, size: usize) -> Result<Answer, Error> {
        // Tensors are cheap handles; the copy lets other threads go on.
        let weights = self
            .weights
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        self.network.infer_with(&weights, pixels, n, size)
    }
}
