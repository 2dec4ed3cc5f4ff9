//! Our figures against scikit-learn's (`figures/make.py` made the reference).

use reader::evaluate::metrics::{Counts, Ranking, confusion, cross_entropy};
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("figures/reference.json")).unwrap()
}

fn same(name: &str, ours: f64, theirs: &Value) {
    let theirs = theirs.as_f64().unwrap();
    assert!(
        (ours - theirs).abs() < 1e-9,
        "{name}: {ours} instead of {theirs}"
    );
}

#[test]
fn two_classes_agree_with_scikit_learn() {
    for case in reference()["two"].as_array().unwrap() {
        let scores: Vec<f64> = serde_json::from_value(case["score"].clone()).unwrap();
        let truth: Vec<bool> = serde_json::from_value(case["truth"].clone()).unwrap();
        let ranking = Ranking::new(&scores, &truth);
        same("auroc", ranking.auroc(None).unwrap(), &case["auroc"]);
        same(
            "average precision",
            ranking.average_precision(None).unwrap(),
            &case["average_precision"],
        );
        same(
            "sensitivity at 85",
            ranking.sensitivity_at(0.85, None).unwrap(),
            &case["sensitivity_at_85"],
        );
        same(
            "sensitivity at 95",
            ranking.sensitivity_at(0.95, None).unwrap(),
            &case["sensitivity_at_95"],
        );
        same(
            "specificity at 85",
            ranking.specificity_at(0.85, None).unwrap(),
            &case["specificity_at_85"],
        );
        let labels: Vec<usize> = truth.iter().map(|t| usize::from(*t)).collect();
        let said: Vec<usize> = scores.iter().map(|s| usize::from(*s >= 0.5)).collect();
        let counts = Counts::of(&confusion(&labels, &said, 2), Some(1));
        same("accuracy", counts.accuracy, &case["accuracy"]);
        same("precision", counts.precision, &case["precision"]);
        same("recall", counts.recall, &case["recall"]);
        same("f1", counts.f1, &case["f1"]);
        let rows: Vec<Vec<f64>> = scores.iter().map(|s| vec![1.0 - s, *s]).collect();
        same("loss", cross_entropy(&rows, &labels), &case["loss"]);
    }
}

#[test]
fn several_classes_agree_with_scikit_learn() {
    let many = &reference()["many"];
    let labels: Vec<usize> = serde_json::from_value(many["labels"].clone()).unwrap();
    let rows: Vec<Vec<f64>> = serde_json::from_value(many["probabilities"].clone()).unwrap();
    let best = |p: &[f64]| (0..3).max_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap();
    let said: Vec<usize> = rows.iter().map(|p| best(p)).collect();
    let matrix = confusion(&labels, &said, 3);
    assert_eq!(serde_json::to_value(&matrix).unwrap(), many["confusion"]);
    let counts = Counts::of(&matrix, None);
    same("accuracy", counts.accuracy, &many["accuracy"]);
    same("precision", counts.precision, &many["precision"]);
    same("recall", counts.recall, &many["recall"]);
    same("f1", counts.f1, &many["f1"]);
    same("loss", cross_entropy(&rows, &labels), &many["loss"]);
    let one = |class: usize| {
        let scores: Vec<f64> = rows.iter().map(|p| p[class]).collect();
        let truth: Vec<bool> = labels.iter().map(|l| *l == class).collect();
        Ranking::new(&scores, &truth).auroc(None).unwrap()
    };
    same(
        "macro auroc",
        (0..3).map(one).sum::<f64>() / 3.0,
        &many["macro_auroc"],
    );
}
