//! Gradients of every kind of layer agree with finite differences; normalisation by the batch's
//! statistics does what PyTorch does.

use reader::model::graph::{Conv, Graph, Node, Op, Padding};
use reader::model::native::Native;
use reader::model::weights::Array;
use reader::model::{Weights, arch};
use reader::rng::Rng;
use reader::train::learner::Losses;
use reader::train::loss::ClassLoss;
use reader::train::{Batch, Learner, NativeLearner, Target};

/// Side of the images.
const SIDE: usize = 8;

/// A graph under construction: an image of one channel, and a convolution to four.
struct Net {
    nodes: Vec<Node>,
}

impl Net {
    fn new() -> Self {
        let mut net = Self {
            nodes: vec![Node {
                op: Op::Input { channels: 1 },
                inputs: vec![],
            }],
        };
        net.then(conv("stem", (1, 4), 3, (1, Padding::Each(1)), 1));
        net
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

    /// The graph, with a linear layer of `input` features behind it.
    fn classify(mut self, input: usize) -> Graph {
        let pooled = self.last();
        let logits = self.then(Op::Linear {
            name: "head".into(),
            input,
            output: 3,
        });
        Graph {
            nodes: self.nodes,
            logits,
            features: 1,
            pooled,
            evidence: None,
            stages: vec![0],
        }
    }

    /// The graph, with the mean over all places and a linear layer behind it.
    fn pool_and_classify(mut self, channels: usize) -> Graph {
        self.then(Op::GlobalPool);
        self.classify(channels)
    }
}

fn conv(
    name: &str,
    (cin, cout): (usize, usize),
    kernel: usize,
    (stride, pad): (usize, Padding),
    groups: usize,
) -> Op {
    Op::Conv(Conv {
        name: name.into(),
        cin,
        cout,
        kernel,
        stride,
        pad,
        groups,
        bias: groups == 1,
    })
}

fn norm(name: &str, channels: usize) -> Op {
    Op::BatchNorm {
        name: name.into(),
        channels,
        eps: 1e-3,
    }
}

fn batch(n: usize) -> Batch {
    let mut rng = Rng::new(9);
    Batch {
        size: SIDE,
        pixels: (0..n * SIDE * SIDE).map(|_| rng.normal()).collect(),
        targets: (0..n)
            .map(|i| Target {
                label: i % 3,
                boxes: None,
            })
            .collect(),
    }
}

fn losses() -> Losses {
    Losses {
        class: ClassLoss::default(),
        evidence: 0.0,
    }
}

/// Fresh weights, with everything that starts at 0 or 1 moved a little, as training would.
pub(crate) fn stirred(graph: &Graph) -> Weights {
    let mut weights = arch::initialise(graph, 3);
    let mut rng = Rng::new(4);
    for (name, shape, _) in graph.tensors() {
        if shape.len() == 1 {
            let mut data = weights.get(&name).unwrap().data.clone();
            data.iter_mut().for_each(|v| *v += 0.3 * rng.unit());
            weights.insert(&name, Array::new(shape, data));
        }
    }
    weights
}

/// Compares every gradient with a difference; activations and maxima have corners, across which a
/// difference is off by nature, so that a few may be.
fn agrees(name: &str, graph: &Graph, from_scratch: bool, corners: bool) {
    let network = Native::new(graph, &stirred(graph)).unwrap();
    let mut parameters = network.parameters.clone();
    let mut learner = if from_scratch {
        NativeLearner::from_scratch(network, 2)
    } else {
        NativeLearner::new(network, 2, 1)
    };
    let (batch, losses) = (batch(5), losses());
    let mut gradients = vec![0.0; parameters.len()];
    learner
        .gradients(
            &mut parameters.clone(),
            &batch,
            &losses,
            0,
            1,
            &mut gradients,
        )
        .unwrap();
    let segments = learner.segments().to_vec();
    let mut loss = |p: &[f32]| {
        let mut unused = vec![0.0; p.len()];
        let mut p = p.to_vec();
        f64::from(
            learner
                .gradients(&mut p, &batch, &losses, 0, 1, &mut unused)
                .unwrap()
                .class,
        )
    };
    let (mut checked, mut off) = (0, 0);
    for segment in segments {
        if !segment.trained {
            assert!(gradients[segment.range()].iter().all(|g| *g == 0.0));
            continue;
        }
        let largest = gradients[segment.range()]
            .iter()
            .fold(0.0f32, |a, g| a.max(g.abs()));
        for i in segment.range() {
            let kept = parameters[i];
            let mut slope = |step: f32| {
                parameters[i] = kept + step;
                let up = loss(&parameters);
                parameters[i] = kept - step;
                let down = loss(&parameters);
                parameters[i] = kept;
                ((up - down) / f64::from(2.0 * step)) as f32
            };
            let close = |slope: f32| (slope - gradients[i]).abs() < 0.02 * largest + 2e-4;
            checked += 1;
            off += usize::from(!close(slope(1e-2)) && !close(slope(1e-3)));
        }
    }
    println!("{name}: {checked} gradients checked, {off} off");
    let allowed = if corners { checked / 20 } else { 0 };
    assert!(
        checked > 20 && off <= allowed,
        "{name}: {off} of {checked} are off"
    );
}

#[test]
fn convolutions_agree_with_differences() {
    let same = |stride| (stride, Padding::Same);
    for (name, op, channels) in [
        (
            "pointwise",
            conv("c", (4, 6), 1, (1, Padding::Each(0)), 1),
            6,
        ),
        ("dense", conv("c", (4, 3), 3, (1, Padding::Each(1)), 1), 3),
        ("dense, strided", conv("c", (4, 3), 3, same(2), 1), 3),
        (
            "1 x 1, strided",
            conv("c", (4, 3), 1, (2, Padding::Each(0)), 1),
            3,
        ),
        ("depthwise", conv("c", (4, 4), 5, same(1), 4), 4),
        ("depthwise, strided", conv("c", (4, 4), 3, same(2), 4), 4),
    ] {
        let mut net = Net::new();
        net.then(op);
        agrees(name, &net.pool_and_classify(channels), false, false);
    }
}

#[test]
fn activations_and_sums_agree_with_differences() {
    for (name, op) in [("ReLU", Op::Relu), ("ReLU6", Op::Relu6)] {
        let mut net = Net::new();
        net.then(op.clone());
        agrees(name, &net.pool_and_classify(4), false, true);
        // Read twice, it is a step of its own.
        let mut net = Net::new();
        let active = net.then(op);
        net.add(Op::Add, &[active, 1]);
        agrees(
            &format!("{name}, sum"),
            &net.pool_and_classify(4),
            false,
            true,
        );
    }
}

#[test]
fn poolings_agree_with_differences() {
    for (name, op, corners) in [
        (
            "maximum",
            Op::MaxPool {
                kernel: 3,
                stride: 2,
                pad: 1,
            },
            true,
        ),
        ("adaptive", Op::AdaptivePool { side: 3 }, false),
        ("doubling", Op::Upsample2, false),
    ] {
        let mut net = Net::new();
        net.then(op);
        // A soft maximum tells places apart, which a mean does not.
        net.then(Op::SoftPool { sharpness: 2.0 });
        agrees(name, &net.classify(4), false, corners);
    }
}

#[test]
fn rows_agree_with_differences() {
    let mut net = Net::new();
    net.then(Op::AdaptivePool { side: 2 });
    net.then(Op::Flatten);
    agrees("flattening", &net.classify(16), false, false);

    let mut net = Net::new();
    let mean = net.then(Op::GlobalPool);
    let soft = net.add(Op::SoftPool { sharpness: 2.0 }, &[1]);
    net.add(Op::Concat, &[mean, soft]);
    agrees("joining", &net.classify(8), false, false);

    // The same seed draws the same zeros, so that a difference can be taken.
    let mut net = Net::new();
    net.then(Op::GlobalPool);
    net.then(Op::Dropout { rate: 0.5 });
    agrees("dropout", &net.classify(4), false, false);
}

#[test]
fn normalisations_agree_with_differences() {
    for (what, from_scratch) in [("of the batch", true), ("running", false)] {
        let mut net = Net::new();
        net.then(norm("n", 4));
        net.then(Op::SoftPool { sharpness: 1.0 });
        agrees(
            &format!("normalisation, {what}"),
            &net.classify(4),
            from_scratch,
            false,
        );

        let mut net = Net::new();
        net.then(norm("n", 4));
        let from = net.then(Op::Relu6);
        net.then(conv("depth", (4, 4), 3, (1, Padding::Same), 4));
        net.then(norm("m", 4));
        net.then(Op::Relu);
        net.then(conv("point", (4, 4), 1, (1, Padding::Each(0)), 1));
        let main = net.then(norm("o", 4));
        // As at the start of a stage of a ResNet: both sides of the sum are normalised.
        net.add(conv("side", (4, 4), 1, (1, Padding::Each(0)), 1), &[from]);
        let side = net.then(norm("p", 4));
        net.add(Op::Add, &[main, side]);
        let joined = net.then(Op::Relu);
        net.then(conv("last", (4, 4), 1, (1, Padding::Each(0)), 1));
        let main = net.then(norm("q", 4));
        // And as behind it: the other side is what came in, without an activation after the sum.
        net.add(Op::Add, &[main, joined]);
        net.then(Op::SoftPool { sharpness: 1.0 });
        agrees(
            &format!("residual blocks, {what}"),
            &net.classify(4),
            from_scratch,
            true,
        );
    }
}

/// Mean and variance (divided by N and by N - 1) of the second channel of a map `[rows, 2]`.
fn moments(values: &[f64]) -> (f64, f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, squares / n, squares / (n - 1.0))
}

#[test]
fn a_batch_is_normalised_and_remembered_as_in_pytorch() {
    // A pointwise convolution of one channel: the normalisation sees weight x pixel + bias.
    let mut net = Net {
        nodes: Net::new().nodes[..1].to_vec(),
    };
    net.then(conv("point", (1, 2), 1, (1, Padding::Each(0)), 1));
    net.then(norm("n", 2));
    let graph = net.pool_and_classify(2);
    let mut weights = stirred(&graph);
    // Far from zero, where a variance by the difference of large numbers would lose its digits.
    weights.insert("point.bias", Array::new(vec![2], vec![-3.0, 500.0]));
    let batch = batch(5);
    let slope = f64::from(weights.get("point.weight").unwrap().data[1]);
    let seen: Vec<f64> = batch
        .pixels
        .iter()
        .map(|p| f64::from((f64::from(*p) * slope + 500.0) as f32))
        .collect();
    let (mean, _, unbiased) = moments(&seen);
    let before = |name: &str| f64::from(weights.get(name).unwrap().data[1]);
    let expected = [
        (
            "n.running_mean",
            0.9 * before("n.running_mean") + 0.1 * mean,
        ),
        (
            "n.running_var",
            0.9 * before("n.running_var") + 0.1 * unbiased,
        ),
    ];
    let mut outcomes = Vec::new();
    for lanes in [1, 2, 3, 8] {
        let network = Native::new(&graph, &weights).unwrap();
        let mut parameters = network.parameters.clone();
        let mut gradients = vec![0.0; parameters.len()];
        let mut learner = NativeLearner::from_scratch(network, lanes);
        let outcome = learner
            .gradients(&mut parameters, &batch, &losses(), 0, 1, &mut gradients)
            .unwrap();
        let after = learner.network().weights(&parameters);
        for (name, expected) in &expected {
            let found = f64::from(after.get(name).unwrap().data[1]);
            assert!(
                (found - expected).abs() < 1e-5 * expected.abs(),
                "{name} with {lanes} lanes: {found}, not {expected}"
            );
        }
        outcomes.push((outcome.class, gradients));
    }
    // However many threads share the batch, it is normalised as a whole.
    for (loss, gradients) in &outcomes[1..] {
        assert!((loss - outcomes[0].0).abs() < 1e-5);
        for (a, b) in gradients.iter().zip(&outcomes[0].1) {
            assert!((a - b).abs() < 1e-4 * (1.0 + a.abs()), "{a} {b}");
        }
    }
}

#[test]
fn frozen_stages_keep_their_statistics() {
    let mut net = Net::new();
    net.then(norm("n", 4));
    net.then(Op::Relu);
    let second = net.then(conv("c", (4, 4), 1, (1, Padding::Each(0)), 1));
    net.then(norm("m", 4));
    let mut graph = net.pool_and_classify(4);
    graph.stages = vec![0, second];
    let network = Native::new(&graph, &stirred(&graph)).unwrap();
    let before = network.parameters.clone();
    let mut after = before.clone();
    let mut gradients = vec![0.0; before.len()];
    let mut learner = NativeLearner::from_scratch(network, 2);
    learner
        .gradients(&mut after, &batch(4), &losses(), 1, 1, &mut gradients)
        .unwrap();
    for s in learner.segments() {
        let same = before[s.range()] == after[s.range()];
        let moves = !s.trained && s.stage == 1;
        assert_eq!(same, !moves, "{}", s.name);
        let still = gradients[s.range()].iter().all(|g| *g == 0.0);
        // A bias before a normalisation is taken out again: its gradient is rounding alone.
        if s.name != "c.bias" {
            assert_eq!(still, s.stage == 0 || !s.trained, "{}", s.name);
        }
    }
}
