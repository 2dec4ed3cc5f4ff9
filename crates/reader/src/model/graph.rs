//! A network as data: a list of nodes over named weights.
//!
//! One description serves every use: the native engine runs and trains it (folded, to read or to
//! fine-tune; as it is, from fresh weights), so does burn where it is compiled in, the ONNX writer
//! exports it, and the parameter count is read off it. The weights are named as the published PyTorch models name them, so that
//! their files load without a table of renames.

use super::weights::{Array, Arrays, Weights};
use crate::error::Error;

/// How a convolution or a pooling is padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// The same number of rows and columns on every side.
    Each(usize),
    /// TensorFlow's "same": output = ceil(input / stride), the odd row or column goes last.
    Same,
}

impl Padding {
    /// (before, after) for one axis.
    pub fn amounts(self, input: usize, kernel: usize, stride: usize) -> (usize, usize) {
        match self {
            Self::Each(p) => (p, p),
            Self::Same => {
                let total = ((input.div_ceil(stride) - 1) * stride + kernel).saturating_sub(input);
                (total / 2, total - total / 2)
            }
        }
    }

    /// Output length of one axis.
    pub fn output(self, input: usize, kernel: usize, stride: usize) -> usize {
        let (a, b) = self.amounts(input, kernel, stride);
        (input + a + b).saturating_sub(kernel) / stride + 1
    }
}

/// A convolution's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conv {
    /// Name of its weights: `NAME.weight`, `NAME.bias`.
    pub name: String,
    /// Input channels.
    pub cin: usize,
    /// Output channels.
    pub cout: usize,
    /// Kernel side.
    pub kernel: usize,
    /// Stride.
    pub stride: usize,
    /// Padding.
    pub pad: Padding,
    /// 1, or `cin` for a depthwise convolution.
    pub groups: usize,
    /// Whether it has a bias.
    pub bias: bool,
}

/// What a node does.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The image, `[N, C, H, W]`.
    Input {
        /// Channels.
        channels: usize,
    },
    /// Two-dimensional convolution.
    Conv(Conv),
    /// Batch normalisation.
    BatchNorm {
        /// Name of its weights: `NAME.{weight,bias,running_mean,running_var}`.
        name: String,
        /// Channels.
        channels: usize,
        /// Added to the variance.
        eps: f32,
    },
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// Sum of two nodes of the same shape.
    Add,
    /// Maximum over windows.
    MaxPool {
        /// Window side.
        kernel: usize,
        /// Stride.
        stride: usize,
        /// Padding on each side (never chosen as the maximum).
        pad: usize,
    },
    /// Average over a `side` x `side` grid of bins, as PyTorch's adaptive average pooling.
    AdaptivePool {
        /// Bins per axis.
        side: usize,
    },
    /// Mean over all places: `[N, C, H, W]` to `[N, C]`.
    GlobalPool,
    /// `(1/r) log mean exp(r x)` over all places: between mean and maximum.
    SoftPool {
        /// Sharpness r; towards infinity it is the maximum.
        sharpness: f32,
    },
    /// Each place doubled along both axes (nearest neighbour).
    Upsample2,
    /// `[N, A]` and `[N, B]` to `[N, A + B]`.
    Concat,
    /// `[N, C, H, W]` to `[N, C * H * W]`.
    Flatten,
    /// Random zeros in training, nothing in inference.
    Dropout {
        /// Share of zeros.
        rate: f32,
    },
    /// `x W^T + b`.
    Linear {
        /// Name of its weights: `NAME.weight` `[out, in]`, `NAME.bias`.
        name: String,
        /// Input features.
        input: usize,
        /// Output features.
        output: usize,
    },
}

impl Op {
    /// Name and shape of its weights; `true` marks those that training changes (running statistics
    /// are not counted as parameters, as in PyTorch).
    pub fn tensors(&self) -> Vec<(String, Vec<usize>, bool)> {
        match self {
            Self::Conv(c) => {
                let shape = vec![c.cout, c.cin / c.groups, c.kernel, c.kernel];
                let mut all = vec![(format!("{}.weight", c.name), shape, true)];
                if c.bias {
                    all.push((format!("{}.bias", c.name), vec![c.cout], true));
                }
                all
            }
            Self::BatchNorm { name, channels, .. } => [
                ("weight", true),
                ("bias", true),
                ("running_mean", false),
                ("running_var", false),
            ]
            .map(|(part, trained)| (format!("{name}.{part}"), vec![*channels], trained))
            .to_vec(),
            Self::Linear {
                name,
                input,
                output,
            } => vec![
                (format!("{name}.weight"), vec![*output, *input], true),
                (format!("{name}.bias"), vec![*output], true),
            ],
            _ => Vec::new(),
        }
    }
}

/// A node: an operation and the nodes that it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The operation.
    pub op: Op,
    /// Indices of earlier nodes.
    pub inputs: Vec<usize>,
}

/// A network.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// Nodes in an order in which each comes after those that it reads.
    pub nodes: Vec<Node>,
    /// The node with the class logits, `[N, classes]`.
    pub logits: usize,
    /// The last spatial feature map, on which heatmaps are computed.
    pub features: usize,
    /// The pooled features, `[N, C]`, on which the distance to the training images is measured.
    pub pooled: usize,
    /// A map of local evidence trained from boxes, `[N, 1, h, w]`, where the network has one.
    pub evidence: Option<usize>,
    /// First node of each stage, from the image to the head: units of freezing and of layer-wise
    /// learning rates.
    pub stages: Vec<usize>,
}

impl Graph {
    /// Number of classes.
    pub fn classes(&self) -> usize {
        let mut at = self.logits;
        loop {
            match &self.nodes[at].op {
                Op::Linear { output, .. } => return *output,
                _ => match self.nodes[at].inputs.first() {
                    Some(&i) => at = i,
                    None => return 0,
                },
            }
        }
    }

    /// Channels of the input image.
    pub fn channels(&self) -> usize {
        self.nodes
            .iter()
            .find_map(|n| match n.op {
                Op::Input { channels } => Some(channels),
                _ => None,
            })
            .unwrap_or(0)
    }

    /// Stage of a node.
    pub fn stage_of(&self, node: usize) -> usize {
        self.stages.iter().rposition(|&s| s <= node).unwrap_or(0)
    }

    /// Name and shape of every weight, in the order of the nodes (see [`Op::tensors`]).
    pub fn tensors(&self) -> Vec<(String, Vec<usize>, bool)> {
        self.nodes.iter().flat_map(|n| n.op.tensors()).collect()
    }

    /// Whether it has batch normalisations of its own (a folded one has none).
    pub fn normalises(&self) -> bool {
        self.nodes
            .iter()
            .any(|n| matches!(n.op, Op::BatchNorm { .. }))
    }

    /// Number of trainable parameters.
    pub fn parameters(&self) -> usize {
        self.tensors()
            .iter()
            .filter(|t| t.2)
            .map(|t| t.1.iter().product::<usize>())
            .sum()
    }

    /// Checks that every weight is there and of the right shape.
    ///
    /// # Errors
    /// Names the first weight that is missing or misshapen.
    pub fn check_shapes(&self, arrays: &dyn Arrays) -> Result<(), Error> {
        for (name, shape, _) in self.tensors() {
            let found = arrays.shape(&name)?;
            if found != shape {
                return Err(Error::Weights(format!(
                    "{name} has shape {found:?}, the network needs {shape:?}: these weights belong to another network"
                )));
            }
        }
        Ok(())
    }

    /// Checks that every weight is there, of the right shape and finite.
    ///
    /// # Errors
    /// Names the first weight that is missing, misshapen or not finite.
    pub fn check(&self, weights: &Weights) -> Result<(), Error> {
        self.check_shapes(weights)?;
        for (name, ..) in self.tensors() {
            if !weights.get(&name)?.data.iter().all(|x| x.is_finite()) {
                return Err(not_finite(&name));
            }
        }
        Ok(())
    }

    /// Shape `[channels, height, width]` (or `[features, 1, 1]`) of every node for a square input.
    ///
    /// # Errors
    /// When the input is too small for the network.
    pub fn shapes(&self, size: usize) -> Result<Vec<[usize; 3]>, Error> {
        let mut shapes: Vec<[usize; 3]> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let of = |i: usize| shapes[node.inputs[i]];
            let shape = match &node.op {
                Op::Input { channels } => [*channels, size, size],
                Op::Conv(c) => {
                    let [_, h, w] = of(0);
                    [
                        c.cout,
                        c.pad.output(h, c.kernel, c.stride),
                        c.pad.output(w, c.kernel, c.stride),
                    ]
                }
                Op::MaxPool {
                    kernel,
                    stride,
                    pad,
                } => {
                    let [c, h, w] = of(0);
                    let p = Padding::Each(*pad);
                    [
                        c,
                        p.output(h, *kernel, *stride),
                        p.output(w, *kernel, *stride),
                    ]
                }
                Op::AdaptivePool { side } => [of(0)[0], *side, *side],
                Op::GlobalPool | Op::SoftPool { .. } => [of(0)[0], 1, 1],
                Op::Upsample2 => [of(0)[0], of(0)[1] * 2, of(0)[2] * 2],
                Op::Concat => [of(0)[0] + of(1)[0], 1, 1],
                Op::Flatten => [of(0).iter().product(), 1, 1],
                Op::Linear { output, .. } => [*output, 1, 1],
                Op::Add => {
                    if of(0) != of(1) {
                        return Err(Error::Network(format!(
                            "an input of {size} x {size} does not fit: use a multiple of 32"
                        )));
                    }
                    of(0)
                }
                Op::BatchNorm { .. } | Op::Relu | Op::Relu6 | Op::Dropout { .. } => of(0),
            };
            if shape.contains(&0) {
                return Err(Error::Network(format!(
                    "an input of {size} x {size} is too small"
                )));
            }
            shapes.push(shape);
        }
        Ok(shapes)
    }

    /// The same function with every batch normalisation merged into the convolution before it.
    ///
    /// A convolution whose normalisation has fixed statistics is a convolution with other weights:
    /// fewer nodes to run and fewer weights to ship.
    ///
    /// # Errors
    /// When a weight is missing, or a normalisation does not follow a convolution.
    pub fn fold(&self, weights: &Weights) -> Result<(Self, Weights), Error> {
        let (graph, merges) = self.folded()?;
        let mut out = Weights::default();
        for (name, ..) in self.tensors() {
            if !merges.iter().any(|m| {
                name.strip_prefix(&m.norm)
                    .is_some_and(|rest| rest.starts_with('.'))
            }) {
                out.insert(&name, weights.get(&name)?.clone());
            }
        }
        for m in &merges {
            merge(m, weights, &mut out)?;
        }
        Ok((graph, out))
    }

    /// The shape of the folded network, and which normalisation went into which convolution.
    ///
    /// # Errors
    /// When a normalisation does not follow a convolution.
    pub fn folded(&self) -> Result<(Self, Vec<Merge>), Error> {
        let mut merges = Vec::new();
        let mut nodes: Vec<Node> = Vec::new();
        let mut map = vec![0; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            if let Op::BatchNorm { name, eps, .. } = &node.op {
                let target = map[node.inputs[0]];
                let Op::Conv(conv) = &mut nodes[target].op else {
                    return Err(Error::Network(format!(
                        "{name} does not follow a convolution"
                    )));
                };
                conv.bias = true;
                merges.push(Merge {
                    conv: conv.name.clone(),
                    channels: conv.cout,
                    norm: name.clone(),
                    eps: *eps,
                });
                map[i] = target;
                continue;
            }
            map[i] = nodes.len();
            let inputs = node.inputs.iter().map(|&j| map[j]).collect();
            nodes.push(Node {
                op: node.op.clone(),
                inputs,
            });
        }
        let graph = Self {
            nodes,
            logits: map[self.logits],
            features: map[self.features],
            pooled: map[self.pooled],
            evidence: self.evidence.map(|e| map[e]),
            stages: self.stages.iter().map(|&s| map[s]).collect(),
        };
        Ok((graph, merges))
    }

    /// The shape of the network for one grey channel.
    pub fn grey(&self) -> Self {
        let mut graph = self.clone();
        for node in &mut graph.nodes {
            match &mut node.op {
                Op::Input { channels } => *channels = 1,
                Op::Conv(c) => {
                    c.cin = 1;
                    break;
                }
                _ => {}
            }
        }
        graph
    }

    /// The same function for one grey channel instead of three equal ones: the first
    /// convolution's kernels are summed over their input channels.
    ///
    /// # Errors
    /// When the first convolution's weights are missing.
    pub fn greyscale(&self, weights: &Weights) -> Result<(Self, Weights), Error> {
        let mut weights = weights.clone();
        let first = self.nodes.iter().find_map(|n| match &n.op {
            Op::Conv(c) if c.cin > 1 && self.channels() == c.cin => Some(c),
            _ => None,
        });
        if let Some(c) = first {
            let name = format!("{}.weight", c.name);
            let old = weights.get(&name)?;
            let area = c.kernel * c.kernel;
            let mut sum = vec![0.0; c.cout * area];
            for (o, kernel) in old.data.chunks_exact(c.cin * area).enumerate() {
                for plane in kernel.chunks_exact(area) {
                    sum[o * area..][..area]
                        .iter_mut()
                        .zip(plane)
                        .for_each(|(s, x)| *s += x);
                }
            }
            weights.insert(&name, Array::new(vec![c.cout, 1, c.kernel, c.kernel], sum));
        }
        Ok((self.grey(), weights))
    }

    /// The part behind the last spatial features, as a network that reads those.
    ///
    /// # Errors
    /// When that part reads anything else (an evidence map does).
    pub fn head(&self) -> Result<Self, Error> {
        let channels = self.shapes(224)?[self.features][0];
        let mut nodes = vec![Node {
            op: Op::Input { channels },
            inputs: vec![],
        }];
        for node in &self.nodes[self.features + 1..] {
            let inputs: Option<Vec<usize>> = node
                .inputs
                .iter()
                .map(|i| i.checked_sub(self.features))
                .collect();
            let inputs = inputs.ok_or_else(|| {
                Error::Network("the head reads more than the last features".into())
            })?;
            nodes.push(Node {
                op: node.op.clone(),
                inputs,
            });
        }
        Ok(Self {
            nodes,
            logits: self.logits - self.features,
            features: 0,
            pooled: self.pooled - self.features,
            evidence: None,
            stages: vec![0],
        })
    }
}

/// A weight that no network can work with.
pub(super) fn not_finite(name: &str) -> Error {
    Error::Weights(format!("{name} holds a value that is not a number"))
}

/// A normalisation that went into a convolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// The convolution.
    pub conv: String,
    /// Its output channels.
    pub channels: usize,
    /// The normalisation.
    pub norm: String,
    /// Added to the variance.
    pub eps: f32,
}

/// Merges one batch normalisation into a convolution's weights.
fn merge(m: &Merge, weights: &Weights, out: &mut Weights) -> Result<(), Error> {
    let part = |p: &str| weights.get(&format!("{}.{p}", m.norm)).map(|a| &a.data);
    let (gamma, beta, mean, var) = (
        part("weight")?,
        part("bias")?,
        part("running_mean")?,
        part("running_var")?,
    );
    let (name, bias_name) = (format!("{}.weight", m.conv), format!("{}.bias", m.conv));
    let mut kernel = out.get(&name)?.clone();
    let old = if out.has(&bias_name) {
        out.get(&bias_name)?.data.clone()
    } else {
        vec![0.0; m.channels]
    };
    let per = kernel.data.len() / m.channels;
    let mut bias = vec![0.0; m.channels];
    #[allow(clippy::needless_range_loop)] // six arrays by one channel
    for o in 0..m.channels {
        let scale = gamma[o] / (var[o] + m.eps).sqrt();
        kernel.data[o * per..][..per]
            .iter_mut()
            .for_each(|x| *x *= scale);
        bias[o] = (old[o] - mean[o]) * scale + beta[o];
    }
    out.insert(&name, kernel);
    out.insert(&bias_name, Array::new(vec![m.channels], bias));
    Ok(())
}
