//! Times the engines: `speed ARCH [--size N] [--batch N] [--engine native|burn|onnxruntime]`, and
//! beside that `--train` (a step from fresh weights, or with `--fixed` of fine-tuning), or `--image
//! FILE` (from the file to the verdict) with or without `--heatmap`.
//!
//! Prints one JSON line, as `bench/reader/pytorch.py` does, so that both can stand in one table.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use reader::model::engine::{self, EngineChoice};
use reader::model::native::Native;
use reader::model::weights::Precision;
use reader::model::{Arch, Graph, LoadedModel, ModelJson, Weights, arch, store};
use reader::predict;
use reader::rng::Rng;
use reader::train::learner::Losses;
use reader::train::loss::ClassLoss;
use reader::train::{Batch, Learner, NativeLearner, Target};

fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|l| l.starts_with("VmHWM"))
        .unwrap_or("");
    line.split_whitespace()
        .nth(1)
        .and_then(|v| v.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

/// The fastest of some rounds, in seconds: the least disturbed by other programs.
fn fastest(
    rounds: usize,
    mut round: impl FnMut() -> Result<(), reader::Error>,
) -> Result<f64, reader::Error> {
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        round()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// Times a prediction as `stele reader predict` makes it, with a folder of fresh weights.
fn predict(
    arch_: Arch,
    size: usize,
    choice: EngineChoice,
    file: &Path,
    (rounds, heatmap): (usize, bool),
) -> Result<f64, Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("stele-speed-{}", std::process::id()));
    // In a process of its own, since making the weights takes memory that a prediction does not.
    if std::env::args().any(|a| a == "--make") {
        let graph = arch_.graph(2);
        let (folded, weights) = graph.fold(&arch::initialise(&graph, 1))?;
        let (_, weights) = folded.greyscale(&weights)?;
        let mut card: ModelJson = serde_json::from_value(serde_json::json!({
            "format": 1, "name": "speed", "version": "0", "task": "speed", "arch": arch_, "evidence": false,
            "size": size, "norm": { "mean": 0.5, "std": 0.5 }, "classes": ["without", "with"], "positive": 1,
            "temperature": 1.0, "bias": [0.0, 0.0], "threshold": 0.5, "doubt": 0.0, "flip_tta": false,
            "ood": null, "weights": { "file": "", "sha256": "" },
        }))?;
        store::save(file, &mut card, &weights, Precision::F32)?;
        return Ok(f64::INFINITY);
    }
    let made = std::process::Command::new(std::env::current_exe()?)
        .args([
            arch_.name(),
            "--size",
            &size.to_string(),
            "--make",
            "--image",
        ])
        .arg(&folder)
        .stdout(std::process::Stdio::null())
        .status()?;
    if !made.success() {
        return Err("the weights could not be made".into());
    }
    let model = LoadedModel::open(&folder, choice)?;
    let options = predict::Options {
        heatmap,
        ..predict::Options::default()
    };
    let seconds = fastest(rounds + 1, || {
        predict::predict_file(&model, file, &options).map(drop)
    });
    std::fs::remove_dir_all(&folder)?;
    Ok(seconds?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        args.iter()
            .position(|a| a == name)
            .and_then(|i| args.get(i + 1))
    };
    let arch_ = Arch::parse(args.first().ok_or("name a network")?)?;
    let size = value("--size").map_or(Ok(arch_.native_size()), |v| v.parse())?;
    let n = value("--batch").map_or(Ok(1), |v| v.parse::<usize>())?;
    let rounds = value("--rounds").map_or(Ok(5), |v| v.parse())?;
    let choice = EngineChoice::parse(value("--engine").map_or("native", String::as_str))?;
    let training = args.iter().any(|a| a == "--train");
    let mut rng = Rng::new(1);
    let pixels: Vec<f32> = (0..n * size * size).map(|_| rng.normal()).collect();
    let image = value("--image").map(Path::new);
    let heatmap = args.iter().any(|a| a == "--heatmap");
    let fixed = args.iter().any(|a| a == "--fixed");
    let (what, seconds) = if let Some(file) = image {
        let what = if heatmap {
            "file to verdict and heatmap"
        } else {
            "file to verdict"
        };
        (what, predict(arch_, size, choice, file, (rounds, heatmap))?)
    } else if training {
        let what = if fixed {
            "fine-tuning step"
        } else {
            "training step"
        };
        (what, train(arch_, size, choice, pixels, (rounds, fixed))?)
    } else {
        ("network", run(arch_, size, choice, &pixels, rounds)?)
    };
    let line = serde_json::json!({
        "who": format!("stele {choice:?}").to_lowercase(),
        "network": arch_.name(),
        "what": what,
        "size": size,
        "batch": n,
        "ms": seconds * 1e3,
        "images_per_second": n as f64 / seconds,
        "peak_mb": peak_megabytes(),
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// The network for one channel with fresh weights, folded or not.
fn network(arch_: Arch, folded: bool) -> Result<(Graph, Weights), reader::Error> {
    let graph = arch_.graph(2);
    let weights = arch::initialise(&graph, 1);
    let (graph, weights) = if folded {
        graph.fold(&weights)?
    } else {
        (graph, weights)
    };
    graph.greyscale(&weights)
}

/// Times a network alone, forward.
fn run(
    arch_: Arch,
    size: usize,
    choice: EngineChoice,
    pixels: &[f32],
    rounds: usize,
) -> Result<f64, Box<dyn Error>> {
    let n = pixels.len() / (size * size);
    let (graph, weights) = network(arch_, true)?;
    let engine = engine::make(choice, &graph, &weights, size)?;
    drop(weights);
    Ok(fastest(rounds + 1, || {
        engine.run(pixels, n, size).map(drop)
    })?)
}

/// Times a training step, without the optimiser.
fn train(
    arch_: Arch,
    size: usize,
    choice: EngineChoice,
    pixels: Vec<f32>,
    (rounds, fixed): (usize, bool),
) -> Result<f64, Box<dyn Error>> {
    let n = pixels.len() / (size * size);
    let (graph, weights) = network(arch_, fixed)?;
    let targets = (0..n)
        .map(|i| Target {
            label: i % 2,
            boxes: None,
        })
        .collect();
    let batch = Batch {
        size,
        pixels,
        targets,
    };
    let losses = Losses {
        class: ClassLoss::default(),
        evidence: 0.0,
    };
    let (mut learner, mut parameters): (Box<dyn Learner>, _) = if choice == EngineChoice::Burn {
        on_burn(graph, &weights)?
    } else {
        let network = Native::new(&graph, &weights)?;
        let parameters = network.parameters.clone();
        let learner = if fixed {
            NativeLearner::new(network, 2, 2)
        } else {
            NativeLearner::from_scratch(network, 2)
        };
        (Box::new(learner), parameters)
    };
    let mut gradients = vec![0.0; parameters.len()];
    Ok(fastest(rounds, || {
        learner
            .gradients(&mut parameters, &batch, &losses, 0, 1, &mut gradients)
            .map(drop)
    })?)
}

#[cfg(feature = "burn")]
fn on_burn(graph: Graph, weights: &Weights) -> Result<(Box<dyn Learner>, Vec<f32>), reader::Error> {
    use reader::model::burn_net::{BurnNet, device};
    let live = graph.normalises();
    let network = BurnNet::new(graph, device());
    let parameters = network.layout(weights)?;
    let learner = reader::train::BurnLearner::new(network, live);
    Ok((Box::new(learner), parameters))
}

#[cfg(not(feature = "burn"))]
fn on_burn(graph: Graph, weights: &Weights) -> Result<(Box<dyn Learner>, Vec<f32>), reader::Error> {
    // It fails, and says how to build the program with burn.
    engine::make(EngineChoice::Burn, &graph, weights, 0)?;
    Err(reader::Error::Training("burn cannot train here".into()))
}
