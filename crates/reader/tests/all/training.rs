//! Training learns what is there to learn, nothing else, and is repeatable.

use std::path::{Path, PathBuf};

use reader::data::{Manifest, Sample, fingerprint, near_duplicates};
use reader::input::{Augment, Image, Norm};
use reader::model::graph::{Conv, Graph, Node, Op, Padding};
use reader::model::native::Native;
use reader::model::{EngineChoice, LoadedModel, arch};
use reader::rng::Rng;
use reader::train::{
    Fit, Loader, NativeLearner, Observer, Progress, RunConfig, TrainConfig, Validation,
};
use reader::{Error, train};

const SIDE: usize = 48;

/// A grey picture: noise, and for the second class a bright bar somewhere.
fn picture(rng: &mut Rng, bar: bool) -> Image {
    let mut pixels: Vec<f32> = (0..SIDE * SIDE)
        .map(|_| (0.3 + 0.08 * rng.normal()).clamp(0.0, 1.0))
        .collect();
    if bar {
        let (x, y) = (4 + rng.below(SIDE - 24), 4 + rng.below(SIDE - 10));
        for row in y..y + 4 {
            pixels[row * SIDE + x..row * SIDE + x + 16].fill(0.9);
        }
    }
    Image {
        width: SIDE,
        height: SIDE,
        pixels,
    }
}

fn write_png(path: &Path, image: &Image) {
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(
        std::io::BufWriter::new(file),
        image.width as u32,
        image.height as u32,
    );
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let bytes: Vec<u8> = image.pixels.iter().map(|v| (v * 255.0) as u8).collect();
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&bytes)
        .unwrap();
}

/// A data set of class folders under `train` and `val`.
fn data_set(root: &Path, seed: u64) {
    let mut rng = Rng::new(seed);
    for (split, count) in [("train", 60), ("val", 40)] {
        for (class, bar) in [("without", false), ("with", true)] {
            let folder = root.join(split).join(class);
            std::fs::create_dir_all(&folder).unwrap();
            for i in 0..count {
                write_png(&folder.join(format!("{i:03}.png")), &picture(&mut rng, bar));
            }
        }
    }
}

fn node(op: Op, inputs: &[usize]) -> Node {
    Node {
        op,
        inputs: inputs.to_vec(),
    }
}

fn small() -> Graph {
    let conv = |name: &str, cin, cout, kernel, stride, groups| {
        Op::Conv(Conv {
            name: name.into(),
            cin,
            cout,
            kernel,
            stride,
            pad: Padding::Same,
            groups,
            bias: true,
        })
    };
    let nodes = vec![
        node(Op::Input { channels: 1 }, &[]),
        node(conv("stem", 1, 12, 5, 2, 1), &[0]),
        node(Op::Relu6, &[1]),
        node(conv("depth", 12, 12, 3, 2, 12), &[2]),
        node(conv("point", 12, 24, 1, 1, 1), &[3]),
        node(Op::Relu6, &[4]),
        node(Op::SoftPool { sharpness: 2.0 }, &[5]),
        node(Op::Dropout { rate: 0.1 }, &[6]),
        node(
            Op::Linear {
                name: "head".into(),
                input: 24,
                output: 2,
            },
            &[7],
        ),
    ];
    Graph {
        nodes,
        logits: 8,
        features: 5,
        pooled: 6,
        evidence: None,
        stages: vec![0],
    }
}

/// The graph with a normalisation behind every convolution.
fn normalised(graph: &Graph) -> Graph {
    let mut nodes: Vec<Node> = Vec::new();
    let mut map = Vec::new();
    for node in &graph.nodes {
        let inputs = node.inputs.iter().map(|&i| map[i]).collect();
        nodes.push(Node {
            op: node.op.clone(),
            inputs,
        });
        if let Op::Conv(c) = &node.op {
            nodes.push(Node {
                op: Op::BatchNorm {
                    name: format!("{}.norm", c.name),
                    channels: c.cout,
                    eps: 1e-3,
                },
                inputs: vec![nodes.len() - 1],
            });
        }
        map.push(nodes.len() - 1);
    }
    Graph {
        nodes,
        logits: map[graph.logits],
        features: map[graph.features],
        pooled: map[graph.pooled],
        ..graph.clone()
    }
}

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 10,
        batch: 12,
        rate: 1e-2,
        backbone: 1.0,
        stage_decay: 1.0,
        ema: 0.9,
        seed: 7,
        augment: Augment {
            zoom: (0.9, 1.1),
            rotate: 5.0,
            ..Augment::none()
        },
        checkpoint_every: 3,
        ..TrainConfig::default()
    }
}

fn loader<'a>(samples: Vec<&'a Sample>) -> Loader<'a> {
    let classes = vec!["without".into(), "with".into()];
    Loader {
        samples,
        classes,
        size: SIDE,
        norm: Norm::default(),
        has_boxes: false,
    }
}

/// Trains a small network, from scratch if it has normalisations; `stop_at` ends the run after that
/// step.
fn fit(
    graph: &Graph,
    manifest: &Manifest,
    folder: &Path,
    resume: bool,
    stop_at: usize,
) -> (Vec<f32>, Vec<Validation>, Vec<f32>) {
    let network = Native::new(graph, &arch::initialise(graph, 7)).unwrap();
    let first = network.parameters.clone();
    let learner = if graph.normalises() {
        NativeLearner::from_scratch(network, 2)
    } else {
        NativeLearner::new(network, 2, 3)
    };
    let (train, val) = (
        loader(manifest.split("train")),
        loader(manifest.split("val")),
    );
    let mut fit = Fit::new(learner, first, config(), train, val, folder).unwrap();
    if resume {
        assert!(fit.resume().unwrap());
    }
    let mut losses = Vec::new();
    fit.run(
        |p| {
            losses.push(p.loss);
            p.step < stop_at
        },
        |_| {},
    )
    .unwrap();
    (fit.current().to_vec(), fit.history().to_vec(), losses)
}

/// What a training that works does here: halves its loss, and knows images that it never saw.
fn has_learnt(losses: &[f32], history: &[Validation]) -> bool {
    let mean = |l: &[f32]| l.iter().sum::<f32>() / l.len() as f32;
    let (early, late) = (mean(&losses[..10]), mean(&losses[losses.len() - 10..]));
    let last = history.last().unwrap();
    println!(
        "loss {early} to {late}, on other images {}, AUROC {}",
        last.val_loss, last.val_auroc
    );
    late < 0.5 * early && last.val_auroc > 0.95 && last.val_loss < 0.3
}

#[test]
fn it_learns_resumes_exactly_and_repeats_to_the_bit() {
    learns_resumes_and_repeats(&small());
}

#[test]
fn from_scratch_it_learns_resumes_exactly_and_repeats_to_the_bit() {
    learns_resumes_and_repeats(&normalised(&small()));
}

fn learns_resumes_and_repeats(graph: &Graph) {
    let dir = tempfile::tempdir().unwrap();
    data_set(&dir.path().join("data"), 1);
    let manifest = Manifest::open(&dir.path().join("data")).unwrap();
    let run = |name: &str, resume: bool, stop_at: usize| {
        fit(graph, &manifest, &dir.path().join(name), resume, stop_at)
    };
    let (weights, history, losses) = run("a", false, usize::MAX);
    assert!(has_learnt(&losses, &history));

    let same = |other: &[f32]| {
        let mut pairs = weights.iter().zip(other);
        pairs.all(|(a, b)| a.to_bits() == b.to_bits())
    };
    // The same seed gives the same weights, bit for bit.
    let (again, ..) = run("b", false, usize::MAX);
    assert!(same(&again));

    // Stopped in the middle of the first or of a later epoch and gone on with: the same weights too.
    for stop_at in [4, 37] {
        let name = format!("stopped at {stop_at}");
        run(&name, false, stop_at);
        let (resumed, history_resumed, _) = run(&name, true, usize::MAX);
        assert!(same(&resumed));
        assert_eq!(history.len(), history_resumed.len());
    }
}

#[test]
fn shuffled_labels_teach_nothing() {
    let dir = tempfile::tempdir().unwrap();
    data_set(&dir.path().join("data"), 2);
    let mut manifest = Manifest::open(&dir.path().join("data")).unwrap();
    let mut labels: Vec<String> = manifest.samples.iter().map(|s| s.label.clone()).collect();
    Rng::new(3).shuffle(&mut labels);
    for (s, label) in manifest.samples.iter_mut().zip(labels) {
        if s.split.as_deref() == Some("train") {
            s.label = label;
        }
    }
    let (_, history, losses) = fit(
        &small(),
        &manifest,
        &dir.path().join("run"),
        false,
        usize::MAX,
    );
    assert!(!has_learnt(&losses, &history));
    // Images of both kinds bear both labels now: nobody can be surer than a coin.
    assert!(history.last().unwrap().val_loss > 0.6);
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    data_set(&dir.path().join("data"), 4);
    let manifest = Manifest::open(&dir.path().join("data")).unwrap();
    let run = dir.path().join("run");
    fit(&small(), &manifest, &run, false, 3);
    let graph = small();
    let network = Native::new(&graph, &arch::initialise(&graph, 7)).unwrap();
    let first = network.parameters.clone();
    let other = TrainConfig {
        rate: 0.5,
        ..config()
    };
    let sides = (
        loader(manifest.split("train")),
        loader(manifest.split("val")),
    );
    let mut fit = Fit::new(
        NativeLearner::new(network, 2, 3),
        first,
        other,
        sides.0,
        sides.1,
        &run,
    )
    .unwrap();
    assert!(
        fit.resume()
            .unwrap_err()
            .to_string()
            .contains("another configuration")
    );
}

struct Quiet(Vec<String>);

impl Observer for Quiet {
    fn note(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
    fn step(&mut self, _: &Progress) -> bool {
        true
    }
    fn epoch(&mut self, _: &Validation) {}
}

fn manifest_file(root: &Path, leak: bool) -> PathBuf {
    let mut rows = String::from("path,label,group,split\n");
    let mut rng = Rng::new(8);
    for i in 0..40 {
        let name = format!("{i}.png");
        write_png(&root.join(&name), &picture(&mut rng, i % 2 == 1));
        let split = if i < 28 { "train" } else { "val" };
        let group = if leak && i == 39 { 0 } else { i };
        rows += &format!(
            "{name},{},p{group},{split}\n",
            if i % 2 == 1 { "with" } else { "without" }
        );
    }
    let path = root.join("manifest.csv");
    std::fs::write(&path, rows).unwrap();
    path
}

#[test]
fn a_group_on_both_sides_fails_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let data = vec![manifest_file(dir.path(), true)];
    let config = RunConfig {
        data,
        size: 64,
        ..RunConfig::default()
    };
    let error =
        train::run(&config, &dir.path().join("run"), false, &mut Quiet(vec![])).unwrap_err();
    assert!(matches!(error, Error::Leak { count: 1, .. }), "{error}");
    assert!(error.to_string().contains("p0"));
}

#[test]
fn a_run_folder_opens_as_a_model_and_a_changed_one_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let data = vec![manifest_file(dir.path(), false)];
    let run = dir.path().join("run");
    let config = RunConfig {
        data,
        size: 64,
        classes: vec!["without".into(), "with".into()],
        train: TrainConfig {
            epochs: 1,
            batch: 8,
            ..TrainConfig::default()
        },
        ..RunConfig::default()
    };
    let summary = train::run(&config, &run, false, &mut Quiet(vec![])).unwrap();
    assert!(summary.finished && summary.history.len() == 1);
    for file in [
        "weights.safetensors",
        "model.json",
        "config.json",
        "metrics.csv",
        "metrics.jsonl",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let model = LoadedModel::open(&run, EngineChoice::Native).unwrap();
    let image = picture(&mut Rng::new(1), true);
    let reading = model.read(&image).unwrap();
    assert!((reading.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    let map = model.heatmap(&image, 1).unwrap();
    assert!(map.values.iter().all(|v| (0.0..=1.0).contains(v)));

    let path = run.join("weights.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = LoadedModel::open(&run, EngineChoice::Native).unwrap_err();
    assert!(
        matches!(error, Error::Digest { .. })
            && error.to_string().contains("fetch the model again")
    );
    std::fs::write(run.join("model.json"), b"{}").unwrap();
    assert!(matches!(
        LoadedModel::open(&run, EngineChoice::Native),
        Err(Error::Json { .. })
    ));
}

#[test]
#[cfg(not(feature = "burn"))]
fn a_run_on_an_engine_that_is_not_compiled_in_names_the_feature() {
    let dir = tempfile::tempdir().unwrap();
    let config = RunConfig {
        data: vec![manifest_file(dir.path(), false)],
        size: 64,
        engine: EngineChoice::Burn,
        ..RunConfig::default()
    };
    let error =
        train::run(&config, &dir.path().join("run"), false, &mut Quiet(vec![])).unwrap_err();
    assert!(error.to_string().contains("--features burn"), "{error}");
}

#[test]
fn near_duplicates_are_found_and_others_are_not() {
    let mut rng = Rng::new(6);
    let mut images: Vec<Image> = train::synthetic::others(30, 3)
        .into_iter()
        .filter(|i| i.pixels.iter().any(|p| *p != i.pixels[0]))
        .collect();
    // Discs over a gradient: a picture with large structure, as radiographs have.
    let copy: Vec<f32> = images[3]
        .pixels
        .iter()
        .map(|v| (v * 0.97 + 0.004 * rng.normal()).clamp(0.0, 1.0))
        .collect();
    images.push(Image {
        pixels: copy,
        ..images[3].clone()
    });
    let prints: Vec<_> = images.iter().map(fingerprint).collect();
    let found = near_duplicates(&prints);
    assert!(
        found
            .iter()
            .any(|d| d.first == 3 && d.second == images.len() - 1),
        "{found:?}"
    );
    assert!(found.len() <= 2, "{found:?}");
}
