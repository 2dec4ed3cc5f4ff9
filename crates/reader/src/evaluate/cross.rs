//! What a calibration and an operating point are worth on images that did not choose them.

use serde_json::{Value, json};

use super::{BINS, Known, metrics};
use crate::model::ModelJson;
use crate::rng::Rng;
use crate::train::calibrate::{Calibration, calibrate, threshold_at_specificity};
use crate::train::loss::softmax;

/// Parts into which the groups are divided; each is judged by what the others chose.
const FOLDS: usize = 5;
/// Specificity at which the operating point is chosen, as in training.
const SPECIFICITY: f32 = 0.85;

/// Calibrates and chooses the operating point on four fifths of the groups and judges the rest, five
/// times over; `None` where four fifths do not hold every class.
pub(super) fn cross_fitted(known: &Known, card: &ModelJson, seed: u64) -> Option<Value> {
    let folds = folds(&known.groups, seed)?;
    let logits: Vec<Vec<f32>> = known
        .logits
        .iter()
        .map(|row| row.iter().map(|v| *v as f32).collect())
        .collect();
    let mut probabilities = vec![Vec::new(); logits.len()];
    let mut called = vec![false; logits.len()];
    for fold in 0..FOLDS {
        let (judged, chosen): (Vec<usize>, Vec<usize>) =
            (0..logits.len()).partition(|i| folds[*i] == fold);
        let labels: Vec<usize> = chosen.iter().map(|i| known.labels[*i]).collect();
        if (0..card.classes.len()).any(|c| !labels.contains(&c)) {
            return None;
        }
        let rows: Vec<Vec<f32>> = chosen.iter().map(|i| logits[*i].clone()).collect();
        let calibration = calibrate(&rows, &labels);
        let threshold = card.positive.map(|positive| {
            let scores: Vec<f32> = rows
                .iter()
                .map(|row| apply(&calibration, row)[positive])
                .collect();
            let truth: Vec<bool> = labels.iter().map(|l| *l == positive).collect();
            (
                positive,
                threshold_at_specificity(&scores, &truth, SPECIFICITY),
            )
        });
        for i in judged {
            let p = apply(&calibration, &logits[i]);
            called[i] = threshold.is_some_and(|(positive, t)| p[positive] >= t);
            probabilities[i] = p.into_iter().map(f64::from).collect();
        }
    }
    let found = |positive: usize, is: bool, said: bool| {
        let of: Vec<usize> = (0..called.len())
            .filter(|i| (known.labels[*i] == positive) == is)
            .collect();
        of.iter().filter(|i| called[**i] == said).count() as f64 / of.len().max(1) as f64
    };
    let bins = metrics::reliability_of(&probabilities, &known.labels, BINS);
    Some(json!({
        "folds": FOLDS,
        "ece": metrics::expected_calibration_error(&bins),
        "loss": metrics::cross_entropy(&probabilities, &known.labels),
        "sensitivity": card.positive.map(|p| found(p, true, true)),
        "specificity": card.positive.map(|p| found(p, false, false)),
    }))
}

/// The fold of each image, whole groups together; `None` with fewer groups than folds.
fn folds(groups: &[usize], seed: u64) -> Option<Vec<usize>> {
    let count = groups.iter().max().map_or(0, |g| g + 1);
    let mut order: Vec<usize> = (0..count).collect();
    Rng::new(seed).shuffle(&mut order);
    (count >= FOLDS).then(|| groups.iter().map(|g| order[*g] % FOLDS).collect())
}

fn apply(calibration: &Calibration, logits: &[f32]) -> Vec<f32> {
    let scaled: Vec<f32> = logits
        .iter()
        .zip(&calibration.bias)
        .map(|(l, b)| l / calibration.temperature + b)
        .collect();
    softmax(&scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images whose logits are `scale` times too sure, in groups of `size`.
    fn known(scale: f64, size: usize) -> Known {
        let mut rng = Rng::new(9);
        let mut known = Known {
            labels: Vec::new(),
            probabilities: Vec::new(),
            logits: Vec::new(),
            groups: Vec::new(),
        };
        for i in 0..600 {
            let z = f64::from(rng.normal()) * 2.0;
            let p = 1.0 / (1.0 + (-z).exp());
            known.labels.push(usize::from(f64::from(rng.unit()) < p));
            known.logits.push(vec![0.0, scale * z]);
            known.probabilities.push(vec![1.0 - p, p]);
            known.groups.push(i / size);
        }
        known
    }

    fn card() -> ModelJson {
        serde_json::from_value(crate::predict::tests::card_json()).unwrap()
    }

    #[test]
    fn too_sure_logits_are_calibrated_by_the_others() {
        let value = cross_fitted(&known(6.0, 10), &card(), 1).unwrap();
        let of = |name: &str| value[name].as_f64().unwrap();
        assert!(of("ece") < 0.06, "{value}");
        // The Bayes risk of this cloud is 0.43; six times too sure it would be above 1.
        assert!(of("loss") < 0.48, "{value}");
        assert!((0.78..0.92).contains(&of("specificity")), "{value}");
        assert!(of("sensitivity") > 0.55, "{value}");
    }

    #[test]
    fn groups_stay_whole_and_too_few_of_them_give_nothing() {
        let groups: Vec<usize> = (0..100).map(|i| i / 4).collect();
        let folds = folds(&groups, 3).unwrap();
        assert!(folds.chunks(4).all(|c| c.iter().all(|f| *f == c[0])));
        assert_eq!(
            (0..FOLDS)
                .map(|f| folds.iter().filter(|v| **v == f).count())
                .collect::<Vec<_>>(),
            [20; FOLDS]
        );
        assert_eq!(cross_fitted(&known(1.0, 300), &card(), 1), None);
    }
}
