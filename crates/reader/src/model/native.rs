//! The native engine: runs and fine-tunes a folded network on the processor.
//!
//! burn's CPU backend is general: it computes the gradient of a depthwise convolution one channel
//! at a time, which makes the EfficientNets slow to train. Here channels lie together, so that a
//! pointwise convolution is one matrix product, a depthwise one runs in registers, and each thread
//! keeps to its own images. The results agree with burn's (tests compare both).
//!
//! A network is folded first (its batch normalisations merged into the convolutions), so that
//! training here is fine-tuning with fixed statistics. All weights lie in one vector, gradients in
//! another of the same layout.

use super::graph::{Graph, Op, Padding, not_finite};
use super::kernels::{self, Activation, Matrix, Window};
use super::weights::{Array, Arrays, Weights};
use crate::error::Error;
use crate::rng::Rng;

/// Most floats of an unfolded matrix held at a time.
const UNFOLD: usize = 1 << 20;

/// A part of the weight vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its name in weights files.
    pub name: String,
    /// Where it starts.
    pub offset: usize,
    /// Its shape in weights files (PyTorch's order).
    pub shape: Vec<usize>,
    /// Stage of the network (see [`Graph::stages`]).
    pub stage: usize,
    /// Whether weight decay applies: kernels and matrices, not biases.
    pub decays: bool,
    /// Whether gradients change it: not the running statistics of a normalisation.
    pub trained: bool,
}

impl Segment {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it is empty (it never is).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values' places.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

#[derive(Debug, Clone)]
enum Kind {
    Input,
    Pointwise,
    Depthwise,
    Dense,
    Add,
    Scale, // a stand-alone activation
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

#[derive(Debug, Clone)]
struct Step {
    kind: Kind,
    inputs: Vec<usize>,
    act: Activation,
    kernel: (usize, usize, Padding), // side, stride, padding
    channels: (usize, usize),
    weight: usize, // index of the segment; its bias is the next one
    stage: usize,
}

/// A folded network and its weights, laid out for speed.
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

/// A value: `[n, h, w, c]`.
#[derive(Debug, Default, Clone)]
struct Value {
    data: Vec<f32>,
    h: usize,
    w: usize,
    c: usize,
}

/// Buffers that are used again from pass to pass, and the values that a backward pass needs.
#[derive(Debug, Default)]
pub struct Workspace {
    free: Vec<Vec<f32>>,
    values: Vec<Value>,
    masks: Vec<Vec<f32>>,
    n: usize,
}

impl Workspace {
    /// A buffer of `len` values of whatever was in it.
    fn take(&mut self, len: usize) -> Vec<f32> {
        let best = (0..self.free.len())
            .filter(|&i| self.free[i].capacity() >= len)
            .min_by_key(|&i| self.free[i].capacity());
        let mut buffer = match best {
            Some(i) => self.free.swap_remove(i),
            None => Vec::with_capacity(len),
        };
        buffer.resize(len, 0.0);
        buffer
    }

    fn give(&mut self, buffer: Vec<f32>) {
        if buffer.capacity() > 0 {
            self.free.push(buffer);
        }
    }

    fn zeros(&mut self, len: usize) -> Vec<f32> {
        let mut buffer = self.take(len);
        buffer.fill(0.0);
        buffer
    }
}

/// How a forward pass is run.
#[derive(Debug, Clone, Copy)]
pub struct Mode {
    /// Keep what [`Native::backward`] needs.
    pub keep: bool,
    /// Seed of the dropout masks; `None` is inference.
    pub dropout: Option<u64>,
    /// Use all threads inside each operation (for a single image) rather than the caller's one.
    pub parallel: bool,
    /// Where the backward pass ends: values before it are not kept.
    pub until: Until,
}

/// Where a backward pass ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Stages below this one are frozen.
    Stage(usize),
    /// The last spatial features, for a heatmap.
    Features,
}

impl Mode {
    /// Inference on the calling thread.
    pub const INFER: Self = Self {
        keep: false,
        dropout: None,
        parallel: false,
        until: Until::Stage(0),
    };
}

impl Native {
    /// Lays out a folded network (see [`Graph::fold`]).
    ///
    /// # Errors
    /// When a weight is missing or misshapen, or the network still has batch normalisations.
    pub fn new(graph: &Graph, weights: &dyn Arrays) -> Result<Self, Error> {
        graph.check_shapes(weights)?;
        let mut steps: Vec<Step> = Vec::new();
        let mut segments = Vec::new();
        let mut parameters = Vec::with_capacity(graph.parameters());
        let mut map = vec![0; graph.nodes.len()];
        let mut readers = vec![0; graph.nodes.len()];
        for node in &graph.nodes {
            node.inputs.iter().for_each(|&i| readers[i] += 1);
        }
        for (i, node) in graph.nodes.iter().enumerate() {
            let act = match node.op {
                Op::Relu => Activation::Relu,
                Op::Relu6 => Activation::Relu6,
                _ => Activation::None,
            };
            if act != Activation::None {
                let before = map[node.inputs[0]];
                let sole = readers[node.inputs[0]] == 1;
                let fits = matches!(
                    steps[before].kind,
                    Kind::Pointwise | Kind::Depthwise | Kind::Dense | Kind::Linear | Kind::Add
                );
                if sole && fits {
                    steps[before].act = act;
                    map[i] = before;
                    continue;
                }
            }
            let mut step = Step {
                kind: Kind::Scale,
                inputs: node.inputs.iter().map(|&j| map[j]).collect(),
                act,
                kernel: (1, 1, Padding::Each(0)),
                channels: (0, 0),
                weight: segments.len(),
                stage: graph.stage_of(i),
            };
            step.kind = match &node.op {
                Op::Input { channels } => {
                    step.channels = (*channels, *channels);
                    Kind::Input
                }
                Op::Conv(c) => {
                    step.kernel = (c.kernel, c.stride, c.pad);
                    step.channels = (c.cin, c.cout);
                    if !c.bias {
                        return Err(Error::Network(format!(
                            "{} has no bias: fold first",
                            c.name
                        )));
                    }
                    if c.groups == 1 && c.kernel == 1 && c.stride == 1 {
                        Kind::Pointwise
                    } else if c.groups == 1 {
                        Kind::Dense
                    } else if c.groups == c.cin && c.cin == c.cout {
                        Kind::Depthwise
                    } else {
                        return Err(Error::Network(format!(
                            "{} has {} groups",
                            c.name, c.groups
                        )));
                    }
                }
                Op::Linear { input, output, .. } => {
                    step.channels = (*input, *output);
                    Kind::Linear
                }
                Op::BatchNorm { name, .. } => {
                    return Err(Error::Network(format!("{name} is not folded")));
                }
                Op::Relu | Op::Relu6 => Kind::Scale,
                Op::Add => Kind::Add,
                Op::MaxPool {
                    kernel,
                    stride,
                    pad,
                } => {
                    step.kernel = (*kernel, *stride, Padding::Each(*pad));
                    Kind::MaxPool
                }
                Op::AdaptivePool { side } => Kind::Adaptive(*side),
                Op::GlobalPool => Kind::GlobalPool,
                Op::SoftPool { sharpness } => Kind::SoftPool(*sharpness),
                Op::Upsample2 => Kind::Upsample2,
                Op::Concat => Kind::Concat,
                Op::Flatten => Kind::Flatten,
                Op::Dropout { rate } => Kind::Dropout(*rate),
            };
            if let Op::Conv(_) | Op::Linear { .. } = node.op {
                let single = Graph {
                    nodes: vec![node.clone()],
                    ..graph.clone()
                };
                for (name, shape, trained) in single.tensors() {
                    let offset = parameters.len();
                    lay_out(weights, &name, &shape, &mut parameters)?;
                    let decays = shape.len() > 1;
                    segments.push(Segment {
                        name,
                        offset,
                        shape,
                        stage: step.stage,
                        decays,
                        trained,
                    });
                }
            }
            map[i] = steps.len();
            steps.push(step);
        }
        let at = Outputs {
            logits: map[graph.logits],
            features: map[graph.features],
            pooled: map[graph.pooled],
            evidence: graph.evidence.map(|e| map[e]),
        };
        let mut last_use: Vec<usize> = (0..steps.len()).collect();
        for (i, step) in steps.iter().enumerate() {
            step.inputs.iter().for_each(|&j| last_use[j] = i);
        }
        for kept in [
            Some(at.logits),
            Some(at.features),
            Some(at.pooled),
            at.evidence,
        ]
        .into_iter()
        .flatten()
        {
            last_use[kept] = usize::MAX;
        }
        Ok(Self {
            steps,
            segments,
            parameters,
            at,
            last_use,
        })
    }

    /// The parts of the weight vector.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The weights by name, in PyTorch's order, from a vector of this network's layout.
    pub fn weights(&self, parameters: &[f32]) -> Weights {
        let mut weights = Weights::default();
        for s in &self.segments {
            weights.insert(&s.name, from_native(&parameters[s.range()], &s.shape));
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
            lay_out(weights, &s.name, &s.shape, &mut out)?;
        }
        Ok(out)
    }

    /// Runs the network on `n` square images, `[n, size, size, channels]`, channels last (for one
    /// channel that is the plain image).
    ///
    /// # Errors
    /// When the input has the wrong length.
    pub fn forward(
        &self,
        parameters: &[f32],
        input: &[f32],
        n: usize,
        size: usize,
        mode: Mode,
        ws: &mut Workspace,
    ) -> Result<Answer, Error> {
        let channels = self.steps[0].channels.0;
        if input.len() != n * size * size * channels || n == 0 {
            return Err(Error::Network(format!(
                "{} values are not {n} images of {size} x {size} x {channels}",
                input.len()
            )));
        }
        for value in std::mem::take(&mut ws.values) {
            ws.give(value.data);
        }
        ws.n = n;
        let first = self.first(mode.until);
        ws.values = vec![Value::default(); self.steps.len()];
        ws.masks = vec![Vec::new(); self.steps.len()];
        for (i, step) in self.steps.iter().enumerate() {
            let value = if matches!(step.kind, Kind::Input) {
                let mut data = ws.take(input.len());
                data.copy_from_slice(input);
                Value {
                    data,
                    h: size,
                    w: size,
                    c: channels,
                }
            } else {
                self.run(i, step, parameters, n, mode, ws)?
            };
            ws.values[i] = value;
            for &j in &step.inputs {
                let needed = mode.keep && i >= first;
                if self.last_use[j] == i && !needed {
                    let freed = std::mem::take(&mut ws.values[j].data);
                    ws.give(freed);
                }
            }
        }
        let features = &ws.values[self.at.features];
        Ok(Answer {
            logits: ws.values[self.at.logits].data.clone(),
            pooled: ws.values[self.at.pooled].data.clone(),
            evidence: self.at.evidence.map(|e| {
                let v = &ws.values[e];
                (v.data.clone(), v.h, v.w)
            }),
            features: (features.data.clone(), features.h, features.w, features.c),
        })
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

    fn window(&self, step: &Step, x: &Value) -> Window {
        let (kernel, stride, pad) = step.kernel;
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

    fn run(
        &self,
        i: usize,
        step: &Step,
        parameters: &[f32],
        n: usize,
        mode: Mode,
        ws: &mut Workspace,
    ) -> Result<Value, Error> {
        let x = std::mem::take(&mut ws.values[step.inputs[0]]);
        let (weight, bias): (&[f32], &[f32]) = if self.segments.len() > step.weight + 1 {
            (
                &parameters[self.segments[step.weight].range()],
                &parameters[self.segments[step.weight + 1].range()],
            )
        } else {
            (&[], &[])
        };
        let (cin, cout) = step.channels;
        let parallel = mode.parallel;
        let value = match step.kind {
            Kind::Input => return Err(Error::Network("an input node inside the network".into())),
            Kind::Pointwise | Kind::Linear => {
                let rows = x.data.len() / cin;
                let mut y = ws.take(rows * cout);
                kernels::product(
                    &mut y,
                    Matrix::new(&x.data, rows, cin),
                    Matrix::new(weight, cin, cout),
                    false,
                    parallel,
                );
                kernels::bias_activation(&mut y, bias, step.act, parallel);
                Value {
                    data: y,
                    h: x.h,
                    w: x.w,
                    c: cout,
                }
            }
            Kind::Depthwise => {
                let win = self.window(step, &x);
                let (oh, ow) = win.output;
                let mut y = ws.take(n * oh * ow * cout);
                for (x, y) in x
                    .data
                    .chunks_exact(x.h * x.w * cin)
                    .zip(y.chunks_exact_mut(oh * ow * cout))
                {
                    kernels::depthwise(x, weight, y, cout, win, parallel);
                }
                kernels::bias_activation(&mut y, bias, step.act, parallel);
                Value {
                    data: y,
                    h: oh,
                    w: ow,
                    c: cout,
                }
            }
            Kind::Dense => {
                let win = self.window(step, &x);
                let (oh, ow) = win.output;
                let depth = win.kernel * win.kernel * cin;
                let rows = (UNFOLD / (depth * ow)).clamp(1, oh);
                let mut y = ws.take(n * oh * ow * cout);
                let mut cols = ws.take(rows * ow * depth);
                for (x, y) in x
                    .data
                    .chunks_exact(x.h * x.w * cin)
                    .zip(y.chunks_exact_mut(oh * ow * cout))
                {
                    for (j, y) in y.chunks_mut(rows * ow * cout).enumerate() {
                        let m = y.len() / cout;
                        kernels::unfold(x, &mut cols[..m * depth], cin, win, j * rows..oh);
                        kernels::product(
                            y,
                            Matrix::new(&cols, m, depth),
                            Matrix::new(weight, depth, cout),
                            false,
                            parallel,
                        );
                    }
                }
                ws.give(cols);
                kernels::bias_activation(&mut y, bias, step.act, parallel);
                Value {
                    data: y,
                    h: oh,
                    w: ow,
                    c: cout,
                }
            }
            Kind::Add => {
                let mut y = ws.take(x.data.len());
                y.copy_from_slice(&x.data);
                let other = if step.inputs[1] == step.inputs[0] {
                    &x.data
                } else {
                    &ws.values[step.inputs[1]].data
                };
                kernels::add_to(&mut y, other);
                activate(&mut y, step.act);
                Value {
                    data: y,
                    h: x.h,
                    w: x.w,
                    c: x.c,
                }
            }
            Kind::Scale => {
                let mut y = ws.take(x.data.len());
                y.copy_from_slice(&x.data);
                activate(&mut y, step.act);
                Value {
                    data: y,
                    h: x.h,
                    w: x.w,
                    c: x.c,
                }
            }
            Kind::MaxPool => {
                let win = self.window(step, &x);
                let (oh, ow) = win.output;
                let mut y = ws.take(n * oh * ow * x.c);
                for (a, b) in x
                    .data
                    .chunks_exact(x.h * x.w * x.c)
                    .zip(y.chunks_exact_mut(oh * ow * x.c))
                {
                    kernels::max_pool(a, b, x.c, win);
                }
                Value {
                    data: y,
                    h: oh,
                    w: ow,
                    c: x.c,
                }
            }
            Kind::Adaptive(side) => adaptive(&x, n, side, ws),
            Kind::GlobalPool => {
                let mut y = ws.zeros(n * x.c);
                let area = x.h * x.w;
                for (a, b) in x.data.chunks_exact(area * x.c).zip(y.chunks_exact_mut(x.c)) {
                    kernels::column_sums(b, a);
                    b.iter_mut().for_each(|v| *v /= area as f32);
                }
                Value {
                    data: y,
                    h: 1,
                    w: 1,
                    c: x.c,
                }
            }
            Kind::SoftPool(r) => {
                let mut y = ws.take(n * x.c);
                for (a, b) in x
                    .data
                    .chunks_exact(x.h * x.w * x.c)
                    .zip(y.chunks_exact_mut(x.c))
                {
                    for (c, out) in b.iter_mut().enumerate() {
                        *out = soft_maximum(a.iter().skip(c).step_by(x.c), r, x.h * x.w);
                    }
                }
                Value {
                    data: y,
                    h: 1,
                    w: 1,
                    c: x.c,
                }
            }
            Kind::Upsample2 => {
                let mut y = ws.take(x.data.len() * 4);
                for (row, out) in x
                    .data
                    .chunks_exact(x.w * x.c)
                    .zip(y.chunks_exact_mut(x.w * x.c * 4))
                {
                    let (first, second) = out.split_at_mut(x.w * x.c * 2);
                    for (p, q) in row.chunks_exact(x.c).zip(first.chunks_exact_mut(2 * x.c)) {
                        q[..x.c].copy_from_slice(p);
                        q[x.c..].copy_from_slice(p);
                    }
                    second.copy_from_slice(first);
                }
                Value {
                    data: y,
                    h: x.h * 2,
                    w: x.w * 2,
                    c: x.c,
                }
            }
            Kind::Concat => {
                let other = &ws.values[step.inputs[1]];
                let (a, b) = (x.c, other.c);
                let second = other.data.clone();
                let mut y = ws.take(n * (a + b));
                for (i, out) in y.chunks_exact_mut(a + b).enumerate() {
                    out[..a].copy_from_slice(&x.data[i * a..][..a]);
                    out[a..].copy_from_slice(&second[i * b..][..b]);
                }
                Value {
                    data: y,
                    h: 1,
                    w: 1,
                    c: a + b,
                }
            }
            Kind::Flatten => flatten(&x, n, ws),
            Kind::Dropout(rate) => {
                let mut y = ws.take(x.data.len());
                y.copy_from_slice(&x.data);
                if let Some(seed) = mode.dropout {
                    let mut rng = Rng::at(seed, i as u64, 0);
                    let mask: Vec<f32> = (0..y.len())
                        .map(|_| {
                            if rng.unit() < rate {
                                0.0
                            } else {
                                1.0 / (1.0 - rate)
                            }
                        })
                        .collect();
                    y.iter_mut().zip(&mask).for_each(|(y, m)| *y *= m);
                    ws.masks[i] = mask;
                }
                Value {
                    data: y,
                    h: x.h,
                    w: x.w,
                    c: x.c,
                }
            }
        };
        ws.values[step.inputs[0]] = x;
        Ok(value)
    }

    /// Adds the gradients of the weights to `gradients`, given the gradients of the loss with
    /// respect to the logits `[N, classes]` and, where there is one, to the evidence map `[N, h, w]`,
    /// for the last [`Self::forward`] with `keep`. Frozen stages get none.
    pub fn backward(
        &self,
        parameters: &[f32],
        d_logits: &[f32],
        d_evidence: Option<&[f32]>,
        mode: Mode,
        gradients: &mut [f32],
        ws: &mut Workspace,
    ) {
        let mut grads: Vec<Vec<f32>> = vec![Vec::new(); self.steps.len()];
        grads[self.at.logits] = d_logits.to_vec();
        if let (Some(e), Some(d)) = (self.at.evidence, d_evidence) {
            grads[e] = d.to_vec();
        }
        self.back(
            parameters,
            &mut grads,
            self.first(mode.until),
            Some(gradients),
            ws,
        );
        grads.into_iter().for_each(|g| ws.give(g));
    }

    /// Gradient of the sum of `d_logits` times the logits with respect to the last spatial
    /// features, `[N, h, w, c]`, for the last [`Self::forward`] with `keep` and
    /// [`Until::Features`].
    pub fn feature_gradient(
        &self,
        parameters: &[f32],
        d_logits: &[f32],
        ws: &mut Workspace,
    ) -> Vec<f32> {
        let mut grads: Vec<Vec<f32>> = vec![Vec::new(); self.steps.len()];
        grads[self.at.logits] = d_logits.to_vec();
        self.back(
            parameters,
            &mut grads,
            self.first(Until::Features),
            None,
            ws,
        );
        let wanted = std::mem::take(&mut grads[self.at.features]);
        grads.into_iter().for_each(|g| ws.give(g));
        wanted
    }

    fn back(
        &self,
        parameters: &[f32],
        grads: &mut [Vec<f32>],
        first: usize,
        mut gradients: Option<&mut [f32]>,
        ws: &mut Workspace,
    ) {
        for i in (first..self.steps.len()).rev() {
            let mut dy = std::mem::take(&mut grads[i]);
            if dy.is_empty() {
                continue;
            }
            let step = &self.steps[i];
            kernels::activation_gradient(&mut dy, &ws.values[i].data, step.act);
            self.back_one(
                i,
                step,
                parameters,
                &dy,
                first,
                gradients.as_deref_mut(),
                grads,
                ws,
            );
            ws.give(dy);
        }
    }

    #[allow(clippy::too_many_arguments)] // the state of one backward pass
    fn back_one(
        &self,
        i: usize,
        step: &Step,
        parameters: &[f32],
        dy: &[f32],
        first: usize,
        gradients: Option<&mut [f32]>,
        grads: &mut [Vec<f32>],
        ws: &mut Workspace,
    ) {
        let n = ws.n;
        let (cin, cout) = step.channels;
        let Some(&from) = step.inputs.first() else {
            return;
        };
        let features = gradients.is_none() && from == self.at.features;
        let wanted = features || (from >= first && !matches!(self.steps[from].kind, Kind::Input));
        let x = std::mem::take(&mut ws.values[from]);
        let y = std::mem::take(&mut ws.values[i]);
        let (w_range, b_range) = if matches!(
            step.kind,
            Kind::Pointwise | Kind::Linear | Kind::Dense | Kind::Depthwise
        ) {
            (
                self.segments[step.weight].range(),
                self.segments[step.weight + 1].range(),
            )
        } else {
            (0..0, 0..0)
        };
        let weight = &parameters[w_range.clone()];
        let mut d_weight: Option<&mut [f32]> = None;
        if let Some(all) = gradients
            && !b_range.is_empty()
        {
            // The bias lies right behind its weight.
            let (kernel, bias) = all[w_range.start..b_range.end].split_at_mut(w_range.len());
            kernels::column_sums(bias, dy);
            d_weight = Some(kernel);
        }
        let mut dx = Vec::new();
        match step.kind {
            Kind::Pointwise | Kind::Linear => {
                let rows = dy.len() / cout;
                let (dym, xm) = (Matrix::new(dy, rows, cout), Matrix::new(&x.data, rows, cin));
                if let Some(d) = d_weight {
                    kernels::product(d, xm.t(), dym, true, false);
                }
                if wanted {
                    dx = ws.take(rows * cin);
                    kernels::product(
                        &mut dx,
                        dym,
                        Matrix::new(weight, cin, cout).t(),
                        false,
                        false,
                    );
                }
            }
            Kind::Depthwise => {
                let win = self.window(step, &x);
                let (inner, outer) = (x.h * x.w * cin, win.output.0 * win.output.1 * cout);
                if let Some(d) = d_weight {
                    for (x, dy) in x.data.chunks_exact(inner).zip(dy.chunks_exact(outer)) {
                        kernels::depthwise_kernel_gradient(x, dy, d, cin, win);
                    }
                }
                if wanted {
                    dx = ws.take(x.data.len());
                    for (dx, dy) in dx.chunks_exact_mut(inner).zip(dy.chunks_exact(outer)) {
                        kernels::depthwise_input_gradient(dy, weight, dx, cin, win);
                    }
                }
            }
            Kind::Dense => {
                dx = self.back_dense(step, weight, &x, dy, wanted, d_weight, ws);
            }
            Kind::Add => {
                let second = step.inputs[1];
                if second >= first || (features && second == self.at.features) {
                    let mut copy = ws.take(dy.len());
                    copy.copy_from_slice(dy);
                    accumulate(&mut grads[second], copy, ws);
                }
                dx = ws.take(dy.len());
                dx.copy_from_slice(dy);
            }
            Kind::Scale | Kind::Input => {
                dx = ws.take(dy.len());
                dx.copy_from_slice(dy);
            }
            Kind::GlobalPool => {
                let area = x.h * x.w;
                dx = ws.take(x.data.len());
                for (dx, dy) in dx.chunks_exact_mut(area * x.c).zip(dy.chunks_exact(x.c)) {
                    for row in dx.chunks_exact_mut(x.c) {
                        row.iter_mut()
                            .zip(dy)
                            .for_each(|(r, d)| *r = d / area as f32);
                    }
                }
            }
            Kind::SoftPool(r) => {
                let area = (x.h * x.w) as f32;
                dx = ws.take(x.data.len());
                for (k, row) in dx.chunks_exact_mut(x.c).enumerate() {
                    let image = k / (x.h * x.w);
                    for (c, out) in row.iter_mut().enumerate() {
                        let at = image * x.c + c;
                        *out = dy[at] * (r * (x.data[k * x.c + c] - y.data[at])).exp() / area;
                    }
                }
            }
            Kind::Upsample2 => {
                dx = ws.zeros(x.data.len());
                for (row, pair) in dx
                    .chunks_exact_mut(x.w * x.c)
                    .zip(dy.chunks_exact(x.w * x.c * 4))
                {
                    for line in pair.chunks_exact(x.w * x.c * 2) {
                        for (out, two) in row.chunks_exact_mut(x.c).zip(line.chunks_exact(2 * x.c))
                        {
                            kernels::add_to(out, &two[..x.c]);
                            kernels::add_to(out, &two[x.c..]);
                        }
                    }
                }
            }
            Kind::Concat => {
                let (a, c) = (x.c, y.c);
                dx = ws.take(n * a);
                let mut second = ws.take(n * (c - a));
                for (i, row) in dy.chunks_exact(c).enumerate() {
                    dx[i * a..][..a].copy_from_slice(&row[..a]);
                    second[i * (c - a)..][..c - a].copy_from_slice(&row[a..]);
                }
                accumulate(&mut grads[step.inputs[1]], second, ws);
            }
            Kind::Dropout(_) => {
                dx = ws.take(dy.len());
                dx.copy_from_slice(dy);
                if !ws.masks[i].is_empty() {
                    dx.iter_mut().zip(&ws.masks[i]).for_each(|(d, m)| *d *= m);
                }
            }
            Kind::MaxPool => {
                let win = self.window(step, &x);
                dx = ws.zeros(x.data.len());
                let (inner, outer) = (x.h * x.w * x.c, y.h * y.w * y.c);
                for k in 0..n {
                    let part = (&x.data[k * inner..][..inner], &y.data[k * outer..][..outer]);
                    kernels::max_pool_gradient(
                        part.0,
                        part.1,
                        &dy[k * outer..][..outer],
                        &mut dx[k * inner..][..inner],
                        x.c,
                        win,
                    );
                }
            }
            Kind::Adaptive(side) => dx = adaptive_gradient(&x, dy, n, side, ws),
            Kind::Flatten => {
                let area = x.h * x.w;
                dx = ws.take(dy.len());
                for (to, from) in dx
                    .chunks_exact_mut(area * x.c)
                    .zip(dy.chunks_exact(area * x.c))
                {
                    for (p, row) in to.chunks_exact_mut(x.c).enumerate() {
                        row.iter_mut()
                            .enumerate()
                            .for_each(|(c, v)| *v = from[c * area + p]);
                    }
                }
            }
        }
        ws.values[from] = x;
        ws.values[i] = y;
        if wanted && !dx.is_empty() {
            accumulate(&mut grads[from], dx, ws);
        } else {
            ws.give(dx);
        }
    }

    #[allow(clippy::too_many_arguments)] // the state of one backward pass
    fn back_dense(
        &self,
        step: &Step,
        weight: &[f32],
        x: &Value,
        dy: &[f32],
        wanted: bool,
        mut dw: Option<&mut [f32]>,
        ws: &mut Workspace,
    ) -> Vec<f32> {
        let (cin, cout) = step.channels;
        let win = self.window(step, x);
        let (oh, ow) = win.output;
        let depth = win.kernel * win.kernel * cin;
        let rows = (UNFOLD / (depth * ow)).clamp(1, oh);
        let mut cols = ws.take(rows * ow * depth);
        let mut dx = if wanted {
            ws.zeros(x.data.len())
        } else {
            Vec::new()
        };
        let inner = x.h * x.w * cin;
        for (image, dy) in dy.chunks_exact(oh * ow * cout).enumerate() {
            for (j, dy) in dy.chunks(rows * ow * cout).enumerate() {
                let m = dy.len() / cout;
                let dym = Matrix::new(dy, m, cout);
                if let Some(dw) = dw.as_deref_mut() {
                    kernels::unfold(
                        &x.data[image * inner..][..inner],
                        &mut cols[..m * depth],
                        cin,
                        win,
                        j * rows..oh,
                    );
                    kernels::product(dw, Matrix::new(&cols, m, depth).t(), dym, true, false);
                }
                if wanted {
                    kernels::product(
                        &mut cols,
                        dym,
                        Matrix::new(weight, depth, cout).t(),
                        false,
                        false,
                    );
                    kernels::fold(
                        &cols[..m * depth],
                        &mut dx[image * inner..][..inner],
                        cin,
                        win,
                        j * rows..oh,
                    );
                }
            }
        }
        ws.give(cols);
        dx
    }
}

fn activate(y: &mut [f32], act: Activation) {
    match act {
        Activation::None => {}
        Activation::Relu => y.iter_mut().for_each(|v| *v = v.max(0.0)),
        Activation::Relu6 => y.iter_mut().for_each(|v| *v = v.clamp(0.0, 6.0)),
    }
}

fn accumulate(slot: &mut Vec<f32>, value: Vec<f32>, ws: &mut Workspace) {
    if slot.is_empty() {
        *slot = value;
    } else {
        kernels::add_to(slot, &value);
        ws.give(value);
    }
}

/// `(1/r) log mean exp(r x)`, computed from the maximum so that nothing overflows.
fn soft_maximum<'a>(values: impl Iterator<Item = &'a f32> + Clone, r: f32, count: usize) -> f32 {
    let top = values.clone().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let sum: f32 = values.map(|&v| (r * (v - top)).exp()).sum();
    top + (sum / count as f32).ln() / r
}

/// Average over a grid of bins whose edges are those of PyTorch's adaptive pooling.
fn adaptive(x: &Value, n: usize, side: usize, ws: &mut Workspace) -> Value {
    let mut y = ws.zeros(n * side * side * x.c);
    for image in 0..n {
        for by in 0..side {
            let (y0, y1) = (by * x.h / side, ((by + 1) * x.h).div_ceil(side));
            for bx in 0..side {
                let (x0, x1) = (bx * x.w / side, ((bx + 1) * x.w).div_ceil(side));
                let out = &mut y[((image * side + by) * side + bx) * x.c..][..x.c];
                for iy in y0..y1 {
                    let row = &x.data[((image * x.h + iy) * x.w + x0) * x.c..][..(x1 - x0) * x.c];
                    kernels::column_sums(out, row);
                }
                let count = ((y1 - y0) * (x1 - x0)) as f32;
                out.iter_mut().for_each(|v| *v /= count);
            }
        }
    }
    Value {
        data: y,
        h: side,
        w: side,
        c: x.c,
    }
}

/// Gradient of [`adaptive`]: each bin's goes to its places in equal parts.
fn adaptive_gradient(x: &Value, dy: &[f32], n: usize, side: usize, ws: &mut Workspace) -> Vec<f32> {
    let mut dx = ws.zeros(x.data.len());
    for image in 0..n {
        for by in 0..side {
            let (y0, y1) = (by * x.h / side, ((by + 1) * x.h).div_ceil(side));
            for bx in 0..side {
                let (x0, x1) = (bx * x.w / side, ((bx + 1) * x.w).div_ceil(side));
                let share = 1.0 / ((y1 - y0) * (x1 - x0)) as f32;
                let from = &dy[((image * side + by) * side + bx) * x.c..][..x.c];
                for iy in y0..y1 {
                    for ix in x0..x1 {
                        let to = &mut dx[((image * x.h + iy) * x.w + ix) * x.c..][..x.c];
                        to.iter_mut().zip(from).for_each(|(t, f)| *t += f * share);
                    }
                }
            }
        }
    }
    dx
}

/// Channels first, as PyTorch flattens.
fn flatten(x: &Value, n: usize, ws: &mut Workspace) -> Value {
    let area = x.h * x.w;
    let mut y = ws.take(x.data.len());
    for image in 0..n {
        let from = &x.data[image * area * x.c..][..area * x.c];
        let to = &mut y[image * area * x.c..][..area * x.c];
        for (p, row) in from.chunks_exact(x.c).enumerate() {
            for (c, v) in row.iter().enumerate() {
                to[c * area + p] = *v;
            }
        }
    }
    Value {
        data: y,
        h: 1,
        w: 1,
        c: area * x.c,
    }
}

/// Kernels `[out, in, k, k]` to `[k, k, in, out]`, matrices `[out, in]` to `[in, out]`; for a
/// depthwise kernel (`in` = 1) that is `[k, k, channels]`.
fn lay_out(
    weights: &dyn Arrays,
    name: &str,
    shape: &[usize],
    parameters: &mut Vec<f32>,
) -> Result<(), Error> {
    let (outer, inner, area) = dims(shape);
    let start = parameters.len();
    parameters.resize(start + outer * inner * area, 0.0);
    let out = &mut parameters[start..];
    let mut finite = true;
    weights.read(name, &mut |first, values| {
        let (mut o, mut i, mut k) = (first / (inner * area), first / area % inner, first % area);
        for value in values {
            finite &= value.is_finite();
            out[(k * inner + i) * outer + o] = *value;
            k += 1;
            if k == area {
                (k, i) = (0, i + 1);
            }
            if i == inner {
                (i, o) = (0, o + 1);
            }
        }
    })?;
    if finite {
        Ok(())
    } else {
        Err(not_finite(name))
    }
}

fn from_native(data: &[f32], shape: &[usize]) -> Array {
    let (outer, inner, area) = dims(shape);
    let mut out = vec![0.0; data.len()];
    for o in 0..outer {
        for i in 0..inner {
            for k in 0..area {
                out[(o * inner + i) * area + k] = data[(k * inner + i) * outer + o];
            }
        }
    }
    Array::new(shape.to_vec(), out)
}

fn dims(shape: &[usize]) -> (usize, usize, usize) {
    match *shape {
        [o, i, a, b] => (o, i, a * b),
        [o, i] => (o, i, 1),
        _ => (shape.iter().product(), 1, 1),
    }
}
