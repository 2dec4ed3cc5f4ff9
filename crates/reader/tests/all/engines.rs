//! The engines agree with each other, and gradients agree with differences.

use reader::Error;
use reader::model::engine::{self, EngineChoice};
use reader::model::graph::{Conv, Graph, Node, Op, Padding};
use reader::model::native::{Mode, Native, Until, Workspace};
use reader::model::{Arch, Weights, arch};
use reader::rng::Rng;
use reader::train::learner::Losses;
use reader::train::loss::ClassLoss;
use reader::train::{Batch, Learner, NativeLearner, Target};

fn node(op: Op, inputs: &[usize]) -> Node {
    Node {
        op,
        inputs: inputs.to_vec(),
    }
}

/// A small network with every operation that is trained: strided and depthwise and dense
/// convolutions, an identity, an evidence map, the soft maximum, a head on both.
fn small() -> Graph {
    let conv = |name: &str, cin, cout, kernel, stride, pad, groups| {
        Op::Conv(Conv {
            name: name.into(),
            cin,
            cout,
            kernel,
            stride,
            pad,
            groups,
            bias: true,
        })
    };
    let nodes = vec![
        node(Op::Input { channels: 1 }, &[]),
        node(conv("stem", 1, 6, 3, 2, Padding::Same, 1), &[0]),
        node(Op::Relu6, &[1]),
        node(conv("depth", 6, 6, 5, 1, Padding::Same, 6), &[2]),
        node(Op::Relu6, &[3]),
        node(conv("point", 6, 6, 1, 1, Padding::Each(0), 1), &[4]),
        node(Op::Add, &[5, 2]),
        node(conv("down", 6, 6, 3, 2, Padding::Same, 6), &[6]),
        node(conv("wide", 6, 8, 1, 1, Padding::Each(0), 1), &[7]),
        node(Op::Relu, &[8]),
        node(Op::Upsample2, &[9]),
        node(conv("map", 8, 1, 3, 1, Padding::Each(1), 1), &[10]),
        node(Op::SoftPool { sharpness: 2.0 }, &[11]),
        node(Op::GlobalPool, &[9]),
        node(Op::Concat, &[13, 12]),
        node(
            Op::Linear {
                name: "head".into(),
                input: 9,
                output: 3,
            },
            &[14],
        ),
    ];
    Graph {
        nodes,
        logits: 15,
        features: 9,
        pooled: 13,
        evidence: Some(11),
        stages: vec![0],
    }
}

fn batch(size: usize, n: usize) -> Batch {
    let mut rng = Rng::new(5);
    let targets = (0..n)
        .map(|i| Target {
            label: i % 3,
            boxes: Some(if i == 0 {
                vec![[0.2, 0.2, 0.7, 0.6]]
            } else {
                vec![]
            }),
        })
        .collect();
    Batch {
        size,
        pixels: (0..n * size * size).map(|_| rng.normal()).collect(),
        targets,
    }
}

fn losses() -> Losses {
    Losses {
        class: ClassLoss {
            label_smoothing: 0.05,
            focal: 0.0,
            class_weights: vec![],
        },
        evidence: 0.7,
    }
}

#[test]
fn gradients_of_a_whole_network_agree_with_differences() {
    let graph = small();
    let weights = arch::initialise(&graph, 3);
    let native = Native::new(&graph, &weights).unwrap();
    let mut parameters = native.parameters.clone();
    let (batch, losses) = (batch(16, 4), losses());
    let mut learner = NativeLearner::new(native, 2, 1);
    let mut gradients = vec![0.0; parameters.len()];
    learner
        .gradients(&mut parameters, &batch, &losses, 0, 1, &mut gradients)
        .unwrap();
    let mut total = |p: &mut [f32]| {
        let mut unused = vec![0.0; p.len()];
        let o = learner
            .gradients(p, &batch, &losses, 0, 1, &mut unused)
            .unwrap();
        f64::from(o.class + losses.evidence * o.evidence)
    };
    let (mut checked, mut off) = (0, 0);
    for i in (0..parameters.len()).step_by(7) {
        let kept = parameters[i];
        let mut slope = |step: f32| {
            parameters[i] = kept + step;
            let up = total(&mut parameters);
            parameters[i] = kept - step;
            let down = total(&mut parameters);
            parameters[i] = kept;
            ((up - down) / f64::from(2.0 * step)) as f32
        };
        // A step across the corner of an activation is off by nature, and a shorter one then is not;
        // with both, corners must stay rare.
        let agrees = |slope: f32| (slope - gradients[i]).abs() < 2e-3 + 0.05 * slope.abs();
        checked += 1;
        off += usize::from(!agrees(slope(2e-3)) && !agrees(slope(4e-4)));
    }
    println!("{checked} gradients checked, {off} at corners");
    assert!(checked > 60 && off * 20 <= checked, "{off} of {checked}");
}

#[test]
fn a_frozen_stage_gets_no_gradient() {
    let mut graph = small();
    graph.stages = vec![0, 5];
    let native = Native::new(&graph, &arch::initialise(&graph, 3)).unwrap();
    let mut parameters = native.parameters.clone();
    let mut learner = NativeLearner::new(native, 1, 2);
    let mut gradients = vec![0.0; parameters.len()];
    learner
        .gradients(
            &mut parameters,
            &batch(16, 4),
            &losses(),
            1,
            1,
            &mut gradients,
        )
        .unwrap();
    for s in learner.segments() {
        let still = gradients[s.range()].iter().all(|g| *g == 0.0);
        assert_eq!(still, s.stage == 0, "{}", s.name);
    }
}

fn folded(arch_: Arch, evidence: bool) -> (Graph, Weights) {
    let graph = if evidence {
        arch_.graph_with_evidence(2).unwrap()
    } else {
        arch_.graph(2)
    };
    let weights = arch::initialise(&graph, 11);
    let (graph, weights) = graph.fold(&weights).unwrap();
    graph.greyscale(&weights).unwrap()
}

#[test]
fn every_engine_gives_the_same_answer() {
    let size = 96;
    for (arch_, evidence) in [(Arch::Lite0, true), (Arch::ResNet50, false)] {
        let (graph, weights) = folded(arch_, evidence);
        let pixels = batch(size, 2).pixels;
        let native = engine::make(EngineChoice::Native, &graph, &weights, size)
            .unwrap()
            .run(&pixels, 2, size)
            .unwrap();
        for choice in [EngineChoice::Burn, EngineChoice::OnnxRuntime] {
            let other = match engine::make(choice, &graph, &weights, size) {
                Ok(engine) => engine,
                Err(e) => {
                    println!("skipped: {e}");
                    assert!(
                        choice == EngineChoice::OnnxRuntime || !cfg!(feature = "burn"),
                        "{e}"
                    );
                    continue;
                }
            };
            let answer = other.run(&pixels, 2, size).unwrap();
            let scale = native.logits.iter().fold(1.0f32, |a, b| a.max(b.abs()));
            for (a, b) in native.logits.iter().zip(&answer.logits) {
                assert!(
                    (a - b).abs() < 1e-4 * scale,
                    "{} {}: {a} {b}",
                    arch_.name(),
                    other.name()
                );
            }
            assert_eq!(native.evidence.is_some(), answer.evidence.is_some());
            if let (Some(a), Some(b)) = (&native.evidence, &answer.evidence) {
                assert!(
                    a.0.iter().zip(&b.0).all(|(a, b)| (a - b).abs() < 1e-3),
                    "{}",
                    other.name()
                );
            }
            assert_eq!(
                native.features.1..native.features.3,
                answer.features.1..answer.features.3
            );
        }
    }
}

#[test]
fn the_head_alone_gives_the_gradient_of_the_whole() {
    for arch_ in [Arch::ResNet50, Arch::Lite0] {
        let (graph, weights) = folded(arch_, false);
        let whole = Native::new(&graph, &weights).unwrap();
        let head = Native::new(&graph.head().unwrap(), &weights).unwrap();
        let pixels = batch(64, 1).pixels;
        let mode = Mode {
            keep: true,
            until: Until::Features,
            ..Mode::INFER
        };
        let mut ws = Workspace::default();
        let answer = whole
            .forward(&whole.parameters, &pixels, 1, 64, mode, &mut ws)
            .unwrap();
        let a = whole
            .feature_gradient(&whole.parameters, &[0.0, 1.0], &mut ws)
            .unwrap();
        let mut ws = Workspace::default();
        let again = head
            .forward(
                &head.parameters,
                &answer.features.0,
                1,
                answer.features.1,
                mode,
                &mut ws,
            )
            .unwrap();
        let b = head
            .feature_gradient(&head.parameters, &[0.0, 1.0], &mut ws)
            .unwrap();
        assert_eq!(a, b);
        assert!(a.iter().any(|g| *g != 0.0));
        assert!(
            again
                .logits
                .iter()
                .zip(&answer.logits)
                .all(|(a, b)| (a - b).abs() < 1e-5)
        );
    }
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let (graph, mut weights) = folded(Arch::Lite0, false);
    let mut broken = weights.get("_fc.bias").unwrap().clone();
    broken.data[0] = f32::NAN;
    weights.insert("_fc.bias", broken);
    let error = Native::new(&graph, &weights).unwrap_err();
    assert!(
        matches!(error, Error::Weights(_)) && error.to_string().contains("_fc.bias"),
        "{error}"
    );
    let other = folded(Arch::ResNet50, false).1;
    assert!(
        Native::new(&graph, &other)
            .unwrap_err()
            .to_string()
            .contains("another network")
    );
    assert!(Weights::from_bytes(b"").is_err());
    assert!(Weights::from_bytes(b"\x89PNG\r\n\x1a\n0000000000000000").is_err());
}

#[test]
#[cfg(not(feature = "burn"))]
fn an_engine_that_is_not_compiled_in_names_its_feature() {
    let (graph, weights) = folded(Arch::Lite0, false);
    let error = engine::make(EngineChoice::Burn, &graph, &weights, 64)
        .err()
        .map(|e| e.to_string());
    assert!(
        error
            .as_ref()
            .is_some_and(|e| e.contains("--features burn")),
        "{error:?}"
    );
    let error = EngineChoice::parse("vulkan").unwrap_err().to_string();
    assert!(error.contains("--features vulkan"), "{error}");
    let listed = engine::engines();
    let burn = listed.iter().find(|e| e.name == "burn").unwrap();
    assert!(!burn.available && burn.detail.contains("--features burn"));
}
