//! Figures of a classifier, each by its textbook definition (checked against scikit-learn).

use serde::Serialize;

use crate::rng::Rng;

/// Scores and truths sorted once, so that resampled figures cost one pass each.
pub struct Ranking {
    /// Indices by falling score; equal scores stand in one run.
    order: Vec<usize>,
    /// Whether the next in `order` has another score.
    ends: Vec<bool>,
    truth: Vec<bool>,
    scores: Vec<f64>,
}

/// A point of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Score from which an image counts as positive.
    pub threshold: f64,
    /// Share of negatives that count as positive.
    pub false_positive_rate: f64,
    /// Share of positives found (sensitivity, recall).
    pub true_positive_rate: f64,
    /// Share of those counted as positive that are.
    pub precision: f64,
}

impl Ranking {
    /// From scores (larger is more positive) and truths of the same length.
    #[must_use]
    pub fn new(scores: &[f64], truth: &[bool]) -> Self {
        let mut order: Vec<usize> = (0..scores.len().min(truth.len())).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let ends = (0..order.len())
            .map(|i| {
                order
                    .get(i + 1)
                    .is_none_or(|next| scores[*next] != scores[order[i]])
            })
            .collect();
        Self {
            order,
            ends,
            truth: truth.to_vec(),
            scores: scores.to_vec(),
        }
    }

    /// Walk down the ranking: `step(threshold, true positives, false positives)` after each run of
    /// equal scores, every image counted `weights[i]` times. Returns the totals.
    fn walk(&self, weights: Option<&[u32]>, mut step: impl FnMut(f64, f64, f64)) -> (f64, f64) {
        let (mut positives, mut negatives) = (0.0, 0.0);
        for (i, end) in self.order.iter().zip(&self.ends) {
            let weight = weights.map_or(1.0, |w| f64::from(w[*i]));
            if self.truth[*i] {
                positives += weight;
            } else {
                negatives += weight;
            }
            if *end {
                step(self.scores[*i], positives, negatives);
            }
        }
        (positives, negatives)
    }

    /// Area under the ROC curve (trapezoids, so that ties count half); `None` with one class only.
    #[must_use]
    pub fn auroc(&self, weights: Option<&[u32]>) -> Option<f64> {
        let (mut area, mut tp, mut fp) = (0.0, 0.0, 0.0);
        let (positives, negatives) = self.walk(weights, |_, t, f| {
            area += (f - fp) * (t + tp) / 2.0;
            (tp, fp) = (t, f);
        });
        (positives > 0.0 && negatives > 0.0).then(|| area / (positives * negatives))
    }

    /// Average precision: the sum of precisions weighted by the gain in recall, without interpolation.
    #[must_use]
    pub fn average_precision(&self, weights: Option<&[u32]>) -> Option<f64> {
        let (mut sum, mut tp) = (0.0, 0.0);
        let (positives, _) = self.walk(weights, |_, t, f| {
            if t > tp {
                sum += (t - tp) * t / (t + f);
            }
            tp = t;
        });
        (positives > 0.0).then(|| sum / positives)
    }

    /// The largest sensitivity at a specificity of at least `specificity`.
    #[must_use]
    pub fn sensitivity_at(&self, specificity: f64, weights: Option<&[u32]>) -> Option<f64> {
        let mut steps = Vec::new();
        let (positives, negatives) = self.walk(weights, |_, t, f| steps.push((t, f)));
        if positives == 0.0 || negatives == 0.0 {
            return None;
        }
        let allowed = (1.0 - specificity) * negatives + 1e-9;
        let best = steps
            .iter()
            .filter(|(_, f)| *f <= allowed)
            .map(|(t, _)| *t)
            .fold(0.0, f64::max);
        Some(best / positives)
    }

    /// The largest specificity at a sensitivity of at least `sensitivity`.
    #[must_use]
    pub fn specificity_at(&self, sensitivity: f64, weights: Option<&[u32]>) -> Option<f64> {
        let mut steps = Vec::new();
        let (positives, negatives) = self.walk(weights, |_, t, f| steps.push((t, f)));
        if positives == 0.0 || negatives == 0.0 {
            return None;
        }
        let wanted = sensitivity * positives - 1e-9;
        let least = steps
            .iter()
            .filter(|(t, _)| *t >= wanted)
            .map(|(_, f)| *f)
            .fold(f64::INFINITY, f64::min);
        Some(1.0 - least / negatives)
    }

    /// The curve from the strictest threshold to the laxest.
    #[must_use]
    pub fn curve(&self) -> Vec<Point> {
        let mut steps = Vec::new();
        let (positives, negatives) = self.walk(None, |s, t, f| steps.push((s, t, f)));
        let share = |n: f64, of: f64| if of > 0.0 { n / of } else { 0.0 };
        steps
            .into_iter()
            .map(|(threshold, t, f)| Point {
                threshold,
                false_positive_rate: share(f, negatives),
                true_positive_rate: share(t, positives),
                precision: share(t, t + f),
            })
            .collect()
    }
}

/// Cross-entropy: the mean of -ln p of the true class.
#[must_use]
pub fn cross_entropy(probabilities: &[Vec<f64>], labels: &[usize]) -> f64 {
    let sum: f64 = probabilities
        .iter()
        .zip(labels)
        .map(|(p, l)| -p[*l].max(1e-15).ln())
        .sum();
    sum / labels.len().max(1) as f64
}

/// `matrix[truth][said]`.
#[must_use]
pub fn confusion(labels: &[usize], said: &[usize], classes: usize) -> Vec<Vec<u32>> {
    let mut matrix = vec![vec![0; classes]; classes];
    for (truth, said) in labels.iter().zip(said) {
        matrix[*truth][*said] += 1;
    }
    matrix
}

/// Accuracy, precision, recall and F1 out of a confusion matrix.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Counts {
    /// (TP + TN) / all.
    pub accuracy: f64,
    /// TP / (TP + FP); the mean over classes where there is no positive one.
    pub precision: f64,
    /// TP / (TP + FN); the mean over classes where there is no positive one.
    pub recall: f64,
    /// 2 precision recall / (precision + recall); the mean over classes likewise.
    pub f1: f64,
}

impl Counts {
    /// For the class `positive`, or the mean over the classes that occur. A class that nothing was
    /// called has a precision of 0.
    #[must_use]
    pub fn of(matrix: &[Vec<u32>], positive: Option<usize>) -> Self {
        let total: u32 = matrix.iter().flatten().sum();
        let right: u32 = (0..matrix.len()).map(|i| matrix[i][i]).sum();
        let share = |n: f64, of: f64| if of > 0.0 { n / of } else { 0.0 };
        let one = |class: usize| {
            let hit = f64::from(matrix[class][class]);
            let said: u32 = matrix.iter().map(|row| row[class]).sum();
            let truth: u32 = matrix[class].iter().sum();
            let (p, r) = (share(hit, f64::from(said)), share(hit, f64::from(truth)));
            (p, r, share(2.0 * p * r, p + r))
        };
        let occurs =
            |c: &usize| matrix[*c].iter().sum::<u32>() > 0 || matrix.iter().any(|row| row[*c] > 0);
        let classes: Vec<usize> =
            positive.map_or_else(|| (0..matrix.len()).filter(occurs).collect(), |p| vec![p]);
        let mean = |f: &dyn Fn(usize) -> f64| {
            classes.iter().map(|c| f(*c)).sum::<f64>() / classes.len().max(1) as f64
        };
        Self {
            accuracy: share(f64::from(right), f64::from(total)),
            precision: mean(&|c| one(c).0),
            recall: mean(&|c| one(c).1),
            f1: mean(&|c| one(c).2),
        }
    }
}

/// One bar of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Images in it.
    pub n: usize,
    /// Mean of what the model said.
    pub said: f64,
    /// Share that came true.
    pub came: f64,
}

/// Bins of equal width over 0..=1.
#[must_use]
pub fn reliability(said: &[f64], came: &[bool], bins: usize) -> Vec<Bin> {
    let mut sums = vec![(0usize, 0.0, 0usize); bins];
    for (p, c) in said.iter().zip(came) {
        let bin = &mut sums[((p * bins as f64) as usize).min(bins - 1)];
        bin.0 += 1;
        bin.1 += p;
        bin.2 += usize::from(*c);
    }
    sums.into_iter()
        .map(|(n, p, c)| Bin {
            n,
            said: p / n.max(1) as f64,
            came: c as f64 / n.max(1) as f64,
        })
        .collect()
}

/// Bins of whether the likeliest class came true as often as its probability says.
#[must_use]
pub fn reliability_of(probabilities: &[Vec<f64>], labels: &[usize], bins: usize) -> Vec<Bin> {
    let likeliest = |p: &Vec<f64>| {
        (0..p.len())
            .max_by(|a, b| p[*a].total_cmp(&p[*b]))
            .unwrap_or(0)
    };
    let best: Vec<usize> = probabilities.iter().map(likeliest).collect();
    let said: Vec<f64> = best.iter().zip(probabilities).map(|(c, p)| p[*c]).collect();
    let came: Vec<bool> = best.iter().zip(labels).map(|(c, l)| c == l).collect();
    reliability(&said, &came, bins)
}

/// Expected calibration error (Guo et al., ICML 2017): the mean gap of the bins, weighted by images.
#[must_use]
pub fn expected_calibration_error(bins: &[Bin]) -> f64 {
    let n: usize = bins.iter().map(|b| b.n).sum();
    bins.iter()
        .map(|b| b.n as f64 * (b.said - b.came).abs())
        .sum::<f64>()
        / n.max(1) as f64
}

/// A 95 % interval, or `None` when the figure does not exist in most resamples.
pub type Interval = Option<[f64; 2]>;

/// Percentile bootstrap that draws whole groups with replacement, since images of one patient are
/// not independent. `figure` gets how many times each image was drawn.
pub fn bootstrap(
    groups: &[usize],
    times: usize,
    seed: u64,
    figure: impl Fn(&[u32]) -> Option<f64>,
) -> Interval {
    let count = groups.iter().max().map_or(0, |g| g + 1);
    let mut rng = Rng::new(seed);
    let mut drawn = vec![0u32; count];
    let mut weights = vec![0u32; groups.len()];
    let mut values: Vec<f64> = (0..times)
        .filter_map(|_| {
            drawn.fill(0);
            (0..count).for_each(|_| drawn[rng.below(count)] += 1);
            weights
                .iter_mut()
                .zip(groups)
                .for_each(|(w, g)| *w = drawn[*g]);
            figure(&weights)
        })
        .collect();
    if values.len() * 2 < times || values.is_empty() {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Some([at(0.025), at(0.975)])
}

/// The temperature that minimises the cross-entropy of `softmax(logits / T)`, by golden section on
/// ln T between 1/20 and 20 (the loss is convex in 1/T).
#[must_use]
pub fn temperature(logits: &[Vec<f64>], labels: &[usize]) -> f64 {
    let loss = |ln_t: f64| {
        let scale = (-ln_t).exp();
        let sum: f64 = logits
            .iter()
            .zip(labels)
            .map(|(row, label)| {
                let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = row.iter().map(|z| ((z - top) * scale).exp()).sum();
                total.ln() - (row[*label] - top) * scale
            })
            .sum();
        sum
    };
    let ratio = (5.0f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (-(20.0f64.ln()), 20.0f64.ln());
    for _ in 0..60 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if loss(a) < loss(b) {
            high = b;
        } else {
            low = a;
        }
    }
    f64::midpoint(low, high).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use proptest::prelude::*;

    #[test]
    fn a_perfect_a_worthless_and_a_reversed_ranking() {
        let truth = [true, true, false, false];
        assert_eq!(
            Ranking::new(&[0.9, 0.8, 0.2, 0.1], &truth).auroc(None),
            Some(1.0)
        );
        assert_eq!(Ranking::new(&[0.5; 4], &truth).auroc(None), Some(0.5));
        assert_eq!(
            Ranking::new(&[0.1, 0.2, 0.8, 0.9], &truth).auroc(None),
            Some(0.0)
        );
        assert_eq!(Ranking::new(&[0.5; 2], &[true; 2]).auroc(None), None);
    }

    #[test]
    fn weights_are_repetitions() {
        let (scores, truth) = ([0.9, 0.6, 0.6, 0.3, 0.2], [true, false, true, true, false]);
        let weights = [2, 1, 3, 0, 2];
        let repeated: Vec<usize> = (0..5).flat_map(|i| vec![i; weights[i] as usize]).collect();
        let s: Vec<f64> = repeated.iter().map(|i| scores[*i]).collect();
        let t: Vec<bool> = repeated.iter().map(|i| truth[*i]).collect();
        let (a, b) = (Ranking::new(&scores, &truth), Ranking::new(&s, &t));
        assert_eq!(a.auroc(Some(&weights)), b.auroc(None));
        assert_eq!(
            a.average_precision(Some(&weights)),
            b.average_precision(None)
        );
        assert_eq!(
            a.sensitivity_at(0.85, Some(&weights)),
            b.sensitivity_at(0.85, None)
        );
    }

    #[test]
    fn bootstrap_over_one_group_has_no_width_and_over_many_has() {
        let scores: Vec<f64> = (0..60).map(|i| f64::from((i * 37) % 60) / 60.0).collect();
        let truth: Vec<bool> = (0..60).map(|i| (i * 37) % 60 > 20 + (i % 20)).collect();
        let ranking = Ranking::new(&scores, &truth);
        let one = bootstrap(&[0; 60], 200, 1, |w| ranking.auroc(Some(w))).unwrap();
        assert_eq!(one[0], one[1]);
        let groups: Vec<usize> = (0..60).collect();
        let many = bootstrap(&groups, 200, 1, |w| ranking.auroc(Some(w))).unwrap();
        let whole = ranking.auroc(None).unwrap();
        assert!(many[0] < whole && whole < many[1], "{many:?} {whole}");
    }

    #[test]
    fn the_temperature_that_scaled_the_logits_is_found() {
        let mut rng = Rng::new(5);
        let mut logits = Vec::new();
        let mut labels = Vec::new();
        for _ in 0..20_000 {
            let z = f64::from(rng.normal()) * 2.0;
            labels.push(usize::from(
                f64::from(rng.unit()) < 1.0 / (1.0 + (-z).exp()),
            ));
            logits.push(vec![0.0, z * 3.0]);
        }
        let t = temperature(&logits, &labels);
        assert!((t - 3.0).abs() < 0.15, "{t}");
    }

    proptest! {
        #[test]
        fn auroc_is_the_share_of_pairs_in_order(pairs in proptest::collection::vec((0u8..8, any::<bool>()), 2..40)) {
            let scores: Vec<f64> = pairs.iter().map(|p| f64::from(p.0)).collect();
            let truth: Vec<bool> = pairs.iter().map(|p| p.1).collect();
            let (mut sum, mut n) = (0.0, 0.0);
            for i in 0..scores.len() {
                for j in 0..scores.len() {
                    if truth[i] && !truth[j] {
                        n += 1.0;
                        sum += if scores[i] > scores[j] { 1.0 } else if scores[i] == scores[j] { 0.5 } else { 0.0 };
                    }
                }
            }
            match Ranking::new(&scores, &truth).auroc(None) {
                Some(a) => prop_assert!((a - sum / n).abs() < 1e-12),
                None => prop_assert!(n == 0.0),
            }
        }
    }
}
