//! The networks: ResNet-50 (He et al. 2015, as in torchvision), VGG-16 (Simonyan & Zisserman 2014,
//! as in torchvision) and EfficientNet-Lite 0 to 2 (Tan & Le 2019; Google's Lite variants).

use serde::{Deserialize, Serialize};

use super::graph::{Conv, Graph, Node, Op, Padding};
use super::weights::{Array, Weights};
use crate::error::Error;
use crate::rng::Rng;

/// A network's family and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arch {
    /// ResNet-50, version 1.5 (stride in the 3 x 3 convolution), 25.6 M parameters.
    #[serde(rename = "resnet50")]
    ResNet50,
    /// VGG-16 without batch normalisation, 138 M parameters.
    #[serde(rename = "vgg16")]
    Vgg16,
    /// EfficientNet-Lite0, 4.7 M parameters, made for 224 pixels.
    #[serde(rename = "efficientnet-lite0")]
    Lite0,
    /// EfficientNet-Lite1, 5.4 M parameters, made for 240 pixels.
    #[serde(rename = "efficientnet-lite1")]
    Lite1,
    /// EfficientNet-Lite2, 6.1 M parameters, made for 260 pixels.
    #[serde(rename = "efficientnet-lite2")]
    Lite2,
}

impl Arch {
    /// Every network.
    pub const ALL: [Self; 5] = [
        Self::ResNet50,
        Self::Vgg16,
        Self::Lite0,
        Self::Lite1,
        Self::Lite2,
    ];

    /// Its name on the command line and in model files.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResNet50 => "resnet50",
            Self::Vgg16 => "vgg16",
            Self::Lite0 => "efficientnet-lite0",
            Self::Lite1 => "efficientnet-lite1",
            Self::Lite2 => "efficientnet-lite2",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// Lists the known names.
    pub fn parse(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|a| a.name() == name)
            .ok_or_else(|| {
                let known: Vec<_> = Self::ALL.iter().map(|a| a.name()).collect();
                Error::Network(format!(
                    "unknown network {name:?}; there are {}",
                    known.join(", ")
                ))
            })
    }

    /// Side of the squares that the published weights were trained on, as a multiple of 32.
    pub fn native_size(self) -> usize {
        match self {
            Self::Lite1 | Self::Lite2 => 256,
            _ => 224,
        }
    }

    /// The published network with a head of `classes` outputs.
    pub fn graph(self, classes: usize) -> Graph {
        match self {
            Self::ResNet50 => resnet50(classes),
            Self::Vgg16 => vgg16(classes),
            Self::Lite0 => efficientnet_lite(1.0, 1.0, classes, false),
            Self::Lite1 => efficientnet_lite(1.0, 1.1, classes, false),
            Self::Lite2 => efficientnet_lite(1.1, 1.2, classes, false),
        }
    }

    /// The network with a map of local evidence beside the global head: a one-channel map at a
    /// sixteenth of the resolution, trained from boxes, whose soft maximum joins the pooled
    /// features. Only the EfficientNets have one.
    ///
    /// # Errors
    /// For a network without such a map.
    pub fn graph_with_evidence(self, classes: usize) -> Result<Graph, Error> {
        match self {
            Self::Lite0 => Ok(efficientnet_lite(1.0, 1.0, classes, true)),
            Self::Lite1 => Ok(efficientnet_lite(1.0, 1.1, classes, true)),
            Self::Lite2 => Ok(efficientnet_lite(1.1, 1.2, classes, true)),
            other => Err(Error::Network(format!(
                "{} has no evidence map",
                other.name()
            ))),
        }
    }
}

/// Fresh weights (He et al. 2015), as torchvision draws them for ResNet and VGG: convolutions normal
/// by their fan out (of their group, as Google draws the EfficientNets'), normalisations 1 and 0,
/// linear layers uniform by their fan in, those of VGG-16 normal with 0.01; biases 0.
pub fn initialise(graph: &Graph, seed: u64) -> Weights {
    let mut rng = Rng::new(seed);
    let mut weights = Weights::default();
    for node in &graph.nodes {
        for (name, shape, _) in node.op.tensors() {
            let count: usize = shape.iter().product();
            let data = match &node.op {
                Op::Conv(c) if shape.len() > 1 => {
                    let fan_out = c.cout / c.groups * c.kernel * c.kernel;
                    let deviation = (2.0 / fan_out as f32).sqrt();
                    (0..count).map(|_| rng.normal() * deviation).collect()
                }
                Op::Linear { name, .. } if shape.len() > 1 && name.starts_with("classifier.") => {
                    (0..count).map(|_| rng.normal() * 0.01).collect()
                }
                Op::Linear { input, .. } if shape.len() > 1 => {
                    let bound = 1.0 / (*input as f32).sqrt();
                    (0..count).map(|_| rng.range(-bound, bound)).collect()
                }
                Op::BatchNorm { .. } if name.ends_with(".weight") || name.ends_with("_var") => {
                    vec![1.0; count]
                }
                _ => vec![0.0; count],
            };
            weights.insert(&name, Array::new(shape, data));
        }
    }
    weights
}

/// Sets the fresh evidence branch so that it starts quiet: few places are marked, so its map begins
/// near "nothing", and the head begins with a little trust in it.
///
/// # Errors
/// When the weights have no such branch.
pub fn settle_evidence(weights: &mut Weights) -> Result<(), Error> {
    let mut change = |name: &str, how: &dyn Fn(usize, &mut f32)| -> Result<(), Error> {
        let mut array = weights.get(name)?.clone();
        array
            .data
            .iter_mut()
            .enumerate()
            .for_each(|(i, v)| how(i, v));
        weights.insert(name, array);
        Ok(())
    };
    change("evidence.map.bias", &|_, v| *v = -4.0)?;
    change("evidence.map.weight", &|_, v| *v *= 0.1)?;
    // He initialisation by fan in: these layers are narrower than what they read.
    change("evidence.near.weight", &|_, v| {
        *v *= (EVIDENCE as f32 / 112.0).sqrt()
    })?;
    change("evidence.far.weight", &|_, v| {
        *v *= (EVIDENCE as f32 / 1280.0).sqrt()
    })?;
    let width = 1281;
    let classes = weights.get("head.bias")?.data.len();
    let mut head = weights.get("head.weight")?.clone();
    for (c, row) in head.data.chunks_exact_mut(width).enumerate() {
        row.iter_mut().for_each(|v| *v *= 0.1);
        row[width - 1] = if c + 1 == classes {
            0.4
        } else {
            -0.4 / (classes - 1).max(1) as f32
        };
    }
    weights.insert("head.weight", head);
    Ok(())
}

/// Appends nodes one after the other.
struct Builder {
    nodes: Vec<Node>,
    stages: Vec<usize>,
}

impl Builder {
    fn new() -> Self {
        Self {
            nodes: vec![Node {
                op: Op::Input { channels: 3 },
                inputs: vec![],
            }],
            stages: vec![0],
        }
    }

    fn last(&self) -> usize {
        self.nodes.len() - 1
    }

    fn add(&mut self, op: Op, inputs: &[usize]) -> usize {
        self.nodes.push(Node {
            op,
            inputs: inputs.to_vec(),
        });
        self.last()
    }

    fn then(&mut self, op: Op) -> usize {
        let last = self.last();
        self.add(op, &[last])
    }

    fn stage(&mut self) {
        self.stages.push(self.nodes.len());
    }

    #[allow(clippy::too_many_arguments)] // a convolution has that many numbers
    fn conv(
        &mut self,
        from: usize,
        name: &str,
        cin: usize,
        cout: usize,
        kernel: usize,
        stride: usize,
        pad: Padding,
        groups: usize,
        bias: bool,
    ) -> usize {
        self.add(
            Op::Conv(Conv {
                name: name.to_owned(),
                cin,
                cout,
                kernel,
                stride,
                pad,
                groups,
                bias,
            }),
            &[from],
        )
    }

    fn norm(&mut self, name: &str, channels: usize, eps: f32) -> usize {
        self.then(Op::BatchNorm {
            name: name.to_owned(),
            channels,
            eps,
        })
    }

    fn finish(
        self,
        logits: usize,
        features: usize,
        pooled: usize,
        evidence: Option<usize>,
    ) -> Graph {
        Graph {
            nodes: self.nodes,
            logits,
            features,
            pooled,
            evidence,
            stages: self.stages,
        }
    }
}

fn resnet50(classes: usize) -> Graph {
    const EPS: f32 = 1e-5;
    let mut b = Builder::new();
    b.conv(0, "conv1", 3, 64, 7, 2, Padding::Each(3), 1, false);
    b.norm("bn1", 64, EPS);
    b.then(Op::Relu);
    b.then(Op::MaxPool {
        kernel: 3,
        stride: 2,
        pad: 1,
    });
    let mut cin = 64;
    for (layer, (blocks, width, stride)) in [(3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)]
        .into_iter()
        .enumerate()
    {
        b.stage();
        for block in 0..blocks {
            let p = format!("layer{}.{block}", layer + 1);
            let stride = if block == 0 { stride } else { 1 };
            bottleneck(&mut b, &p, (cin, width, stride), block == 0, EPS);
            cin = width * 4;
        }
    }
    let features = b.last();
    b.stage();
    let pooled = b.then(Op::GlobalPool);
    let logits = b.then(Op::Linear {
        name: "fc".into(),
        input: cin,
        output: classes,
    });
    b.finish(logits, features, pooled, None)
}

/// A residual block of three convolutions, which the first of a stage also puts beside the sum.
fn bottleneck(
    b: &mut Builder,
    p: &str,
    (cin, width, stride): (usize, usize, usize),
    first: bool,
    eps: f32,
) {
    let from = b.last();
    let layer = |b: &mut Builder, from: usize, name: [&str; 2], sizes: [usize; 4]| {
        let [cin, cout, kernel, stride] = sizes;
        let pad = Padding::Each(kernel / 2);
        let [conv, norm] = name.map(|n| format!("{p}.{n}"));
        b.conv(from, &conv, cin, cout, kernel, stride, pad, 1, false);
        b.norm(&norm, cout, eps)
    };
    layer(b, from, ["conv1", "bn1"], [cin, width, 1, 1]);
    let at = b.then(Op::Relu);
    layer(b, at, ["conv2", "bn2"], [width, width, 3, stride]);
    let at = b.then(Op::Relu);
    let main = layer(b, at, ["conv3", "bn3"], [width, width * 4, 1, 1]);
    let side = if first {
        let names = ["downsample.0", "downsample.1"];
        layer(b, from, names, [cin, width * 4, 1, stride])
    } else {
        from
    };
    b.add(Op::Add, &[main, side]);
    b.then(Op::Relu);
}

fn vgg16(classes: usize) -> Graph {
    let mut b = Builder::new();
    let mut cin = 3;
    let mut index = 0; // position in torchvision's `features` sequence
    let mut features = 0;
    for (block, (count, width)) in [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)]
        .into_iter()
        .enumerate()
    {
        if block > 0 {
            b.stage();
        }
        for _ in 0..count {
            let from = b.last();
            b.conv(
                from,
                &format!("features.{index}"),
                cin,
                width,
                3,
                1,
                Padding::Each(1),
                1,
                true,
            );
            features = b.then(Op::Relu);
            cin = width;
            index += 2;
        }
        b.then(Op::MaxPool {
            kernel: 2,
            stride: 2,
            pad: 0,
        });
        index += 1;
    }
    b.stage();
    b.then(Op::AdaptivePool { side: 7 });
    b.then(Op::Flatten);
    b.then(Op::Linear {
        name: "classifier.0".into(),
        input: 512 * 49,
        output: 4096,
    });
    b.then(Op::Relu);
    b.then(Op::Dropout { rate: 0.5 });
    b.then(Op::Linear {
        name: "classifier.3".into(),
        input: 4096,
        output: 4096,
    });
    let pooled = b.then(Op::Relu);
    b.then(Op::Dropout { rate: 0.5 });
    let logits = b.then(Op::Linear {
        name: "classifier.6".into(),
        input: 4096,
        output: classes,
    });
    b.finish(logits, features, pooled, None)
}

/// Width of a scaled block, rounded as the EfficientNet code does.
fn scaled(channels: usize, width: f32) -> usize {
    let exact = channels as f32 * width;
    let rounded = (((exact + 4.0) / 8.0) as usize * 8).max(8);
    if (rounded as f32) < 0.9 * exact {
        rounded + 8
    } else {
        rounded
    }
}

/// Width of the evidence branch.
const EVIDENCE: usize = 64;

/// Added to variances by the EfficientNets.
const LITE_EPS: f32 = 1e-3;

fn efficientnet_lite(width: f32, depth: f32, classes: usize, evidence: bool) -> Graph {
    let mut b = Builder::new();
    b.conv(0, "_conv_stem", 3, 32, 3, 2, Padding::Same, 1, false);
    b.norm("_bn0", 32, LITE_EPS);
    b.then(Op::Relu6);
    let (channels, middle) = lite_stages(&mut b, width, depth);
    b.stage();
    let from = b.last();
    let pad = Padding::Each(0);
    b.conv(from, "_conv_head", channels, 1280, 1, 1, pad, 1, false);
    b.norm("_bn1", 1280, LITE_EPS);
    let features = b.then(Op::Relu6);
    b.stage();
    let pooled = b.add(Op::GlobalPool, &[features]);
    if evidence {
        let (map, logits) = evidence_head(&mut b, middle, features, pooled, classes);
        return b.finish(logits, features, pooled, Some(map));
    }
    b.then(Op::Dropout { rate: 0.2 });
    let logits = b.then(Op::Linear {
        name: "_fc".into(),
        input: 1280,
        output: classes,
    });
    b.finish(logits, features, pooled, None)
}

/// The stages of inverted residuals: the channels that come out, and the node and its channels at a
/// sixteenth of the resolution.
fn lite_stages(b: &mut Builder, width: f32, depth: f32) -> (usize, (usize, usize)) {
    // kernel, repeats, input, output, expansion, stride: the seven stages of EfficientNet-B0.
    const STAGES: [(usize, usize, usize, usize, usize, usize); 7] = [
        (3, 1, 32, 16, 1, 1),
        (3, 2, 16, 24, 6, 2),
        (5, 2, 24, 40, 6, 2),
        (3, 3, 40, 80, 6, 2),
        (5, 3, 80, 112, 6, 1),
        (5, 4, 112, 192, 6, 2),
        (3, 1, 192, 320, 6, 1),
    ];
    let mut index = 0;
    let mut middle = (0, 0);
    let mut channels = 32;
    for (stage, (kernel, repeats, input, output, expand, stride)) in STAGES.into_iter().enumerate()
    {
        b.stage();
        // The Lite variants leave the first and the last stage's depth and the stem's width alone.
        let repeats = if stage == 0 || stage == 6 {
            repeats
        } else {
            (repeats as f32 * depth).ceil() as usize
        };
        let mut cin = if stage == 0 {
            input
        } else {
            scaled(input, width)
        };
        let cout = scaled(output, width);
        for r in 0..repeats {
            let stride = if r == 0 { stride } else { 1 };
            inverted_residual(b, index, (kernel, cin, cout, expand, stride), LITE_EPS);
            cin = cout;
            index += 1;
        }
        channels = cout;
        if stage == 4 {
            middle = (b.last(), cout);
        }
    }
    (channels, middle)
}

/// The map of local evidence, and the head that reads its soft maximum beside the pooled features:
/// the nodes of the map and of the logits.
fn evidence_head(
    b: &mut Builder,
    (middle, channels): (usize, usize),
    features: usize,
    pooled: usize,
    classes: usize,
) -> (usize, usize) {
    let conv = |b: &mut Builder, from, name: &str, cin, cout, kernel| {
        let pad = Padding::Each(kernel / 2);
        b.conv(from, name, cin, cout, kernel, 1, pad, 1, true)
    };
    let near = conv(b, middle, "evidence.near", channels, EVIDENCE, 1);
    conv(b, features, "evidence.far", 1280, EVIDENCE, 1);
    let far = b.then(Op::Upsample2);
    b.add(Op::Add, &[near, far]);
    let joined = b.then(Op::Relu6);
    conv(b, joined, "evidence.mix", EVIDENCE, EVIDENCE, 3);
    let mixed = b.then(Op::Relu6);
    let map = conv(b, mixed, "evidence.map", EVIDENCE, 1, 1);
    let strongest = b.then(Op::SoftPool { sharpness: 2.0 });
    let dropped = b.add(Op::Dropout { rate: 0.2 }, &[pooled]);
    b.add(Op::Concat, &[dropped, strongest]);
    let logits = b.then(Op::Linear {
        name: "head".into(),
        input: 1281,
        output: classes,
    });
    (map, logits)
}

/// One mobile inverted bottleneck: expand, depthwise, project, and the identity where it fits.
fn inverted_residual(
    b: &mut Builder,
    index: usize,
    (kernel, cin, cout, expand, stride): (usize, usize, usize, usize, usize),
    eps: f32,
) {
    let p = format!("_blocks.{index}");
    let from = b.last();
    let inner = cin * expand;
    if expand > 1 {
        b.conv(
            from,
            &format!("{p}._expand_conv"),
            cin,
            inner,
            1,
            1,
            Padding::Each(0),
            1,
            false,
        );
        b.norm(&format!("{p}._bn0"), inner, eps);
        b.then(Op::Relu6);
    }
    let at = b.last();
    b.conv(
        at,
        &format!("{p}._depthwise_conv"),
        inner,
        inner,
        kernel,
        stride,
        Padding::Same,
        inner,
        false,
    );
    b.norm(&format!("{p}._bn1"), inner, eps);
    let at = b.then(Op::Relu6);
    b.conv(
        at,
        &format!("{p}._project_conv"),
        inner,
        cout,
        1,
        1,
        Padding::Each(0),
        1,
        false,
    );
    let main = b.norm(&format!("{p}._bn2"), cout, eps);
    if stride == 1 && cin == cout {
        b.add(Op::Add, &[main, from]);
    }
}
