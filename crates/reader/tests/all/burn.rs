//! The native engine's gradients are burn's.

use reader::model::burn_net::{BurnNet, device};
use reader::model::native::Native;
use reader::model::{Arch, Graph, Weights};
use reader::rng::Rng;
use reader::train::learner::Losses;
use reader::train::loss::ClassLoss;
use reader::train::{Batch, BurnLearner, Learner, NativeLearner, Target};

use super::gradients::stirred;

/// Trains one step on both; the gradients (and the running statistics, which burn moves too) must
/// agree within a share of the largest of their kind. From scratch, dozens of normalisations of four
/// small images one after the other make much of rounding (PyTorch's single precision is 4e-3 from its
/// double precision there, see `reference/training.json`).
fn both_agree(name: &str, graph: &Graph, weights: &Weights, size: usize, from_scratch: bool) {
    let mut rng = Rng::new(5);
    let n = 4;
    let batch = Batch {
        size,
        pixels: (0..n * size * size).map(|_| rng.normal()).collect(),
        targets: (0..n)
            .map(|i| Target {
                label: i % 2,
                boxes: Some(if i == 0 {
                    vec![[0.2, 0.2, 0.7, 0.6]]
                } else {
                    vec![]
                }),
            })
            .collect(),
    };
    let losses = Losses {
        class: ClassLoss {
            label_smoothing: 0.05,
            ..ClassLoss::default()
        },
        evidence: 0.7,
    };
    let native = Native::new(graph, weights).unwrap();
    let mut ours = native.parameters.clone();
    let mut learner = if from_scratch {
        NativeLearner::from_scratch(native, 2)
    } else {
        NativeLearner::new(native, 2, 1)
    };
    let mut gradients = vec![0.0; ours.len()];
    let outcome = learner
        .gradients(&mut ours, &batch, &losses, 0, 1, &mut gradients)
        .unwrap();
    let burn = BurnNet::new(graph.clone(), device());
    let mut theirs = burn.layout(weights).unwrap();
    let mut other = BurnLearner::new(burn, from_scratch);
    let mut found = vec![0.0; theirs.len()];
    let outcome_burn = other
        .gradients(&mut theirs, &batch, &losses, 0, 1, &mut found)
        .unwrap();
    assert!(
        (outcome.class - outcome_burn.class).abs() < 1e-3 * outcome.class,
        "{outcome:?} {outcome_burn:?}"
    );
    let native = learner.network();
    let pairs = [
        (native.weights(&gradients), other.network().weights(&found)),
        (native.weights(&ours), other.network().weights(&theirs)),
    ];
    let allowed = if from_scratch { 2e-2 } else { 1e-3 };
    let mut worst = 0.0f32;
    for (ours, theirs) in pairs {
        for (name, array) in ours.iter() {
            let theirs = &theirs.get(name).unwrap().data;
            let largest = theirs.iter().fold(1e-4f32, |a, v| a.max(v.abs()));
            for (a, b) in array.data.iter().zip(theirs) {
                worst = worst.max((a - b).abs() / largest);
                assert!((a - b).abs() < allowed * largest, "{name}: {a} {b}");
            }
        }
    }
    println!("{name}: largest difference {worst:.1e}");
}

/// Dropout draws other zeros in burn: without it the engines can be compared.
fn without_dropout(mut graph: Graph) -> Graph {
    for node in &mut graph.nodes {
        if let reader::model::graph::Op::Dropout { rate } = &mut node.op {
            *rate = 0.0;
        }
    }
    graph
}

#[test]
fn gradients_agree_with_burn() {
    for (arch, size) in [(Arch::ResNet50, 64), (Arch::Lite0, 64)] {
        let graph = without_dropout(arch.graph(2)).grey();
        let weights = stirred(&graph);
        both_agree(
            &format!("{} from scratch", arch.name()),
            &graph,
            &weights,
            size,
            true,
        );
        let (folded, weights) = graph.fold(&weights).unwrap();
        both_agree(
            &format!("{} fine-tuned", arch.name()),
            &folded,
            &weights,
            size,
            false,
        );
    }
    let graph = without_dropout(Arch::Lite0.graph_with_evidence(2).unwrap()).grey();
    let (folded, weights) = graph.fold(&stirred(&graph)).unwrap();
    both_agree("with an evidence map", &folded, &weights, 64, false);
}
