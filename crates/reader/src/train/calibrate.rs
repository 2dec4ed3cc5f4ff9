//! From logits to probabilities that can be believed, and to an operating point.

use super::loss::softmax;

/// A calibration: logits are divided by `temperature`, then `bias` is added.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Divisor.
    pub temperature: f32,
    /// One addend per class; their sum is zero.
    pub bias: Vec<f32>,
}

/// Fits temperature and bias to held-out logits by their likelihood.
///
/// The bias undoes what class weights and balanced sampling did to the prior; it is shrunk a little
/// towards none, which matters only for classes with a handful of images.
pub fn calibrate(logits: &[Vec<f32>], labels: &[usize]) -> Calibration {
    let classes = logits.first().map_or(0, Vec::len);
    let n = labels.len().max(1) as f64;
    let (mut scale, mut bias) = (1.0f64, vec![0.0f64; classes]);
    // Adam on a convex function of a few numbers.
    let mut m = vec![0.0f64; classes + 1];
    let mut v = vec![0.0f64; classes + 1];
    for step in 1..=2000 {
        let mut g = vec![0.0f64; classes + 1];
        for (row, &label) in logits.iter().zip(labels) {
            let z: Vec<f32> = row
                .iter()
                .zip(&bias)
                .map(|(l, b)| (f64::from(*l) * scale + b) as f32)
                .collect();
            for (c, p) in softmax(&z).into_iter().enumerate() {
                let d = f64::from(p) - f64::from(u8::from(c == label));
                g[c] += d / n;
                g[classes] += d * f64::from(row[c]) / n;
            }
        }
        for (c, b) in bias.iter().enumerate() {
            g[c] += 1e-3 * b;
        }
        let t = step as f64;
        for (i, gradient) in g.iter().enumerate() {
            m[i] = 0.9 * m[i] + 0.1 * gradient;
            v[i] = 0.999 * v[i] + 0.001 * gradient * gradient;
            let rate = 0.02 * (1.0 - t / 2000.0);
            let move_by = rate * (m[i] / (1.0 - 0.9f64.powf(t)))
                / ((v[i] / (1.0 - 0.999f64.powf(t))).sqrt() + 1e-10);
            if i < classes {
                bias[i] -= move_by
            } else {
                scale = (scale - move_by).max(0.02)
            }
        }
    }
    let mean = bias.iter().sum::<f64>() / classes.max(1) as f64;
    Calibration {
        temperature: (1.0 / scale) as f32,
        bias: bias.iter().map(|b| (b - mean) as f32).collect(),
    }
}

/// The lowest threshold whose specificity is at least `specificity`: `score >= threshold` is then
/// positive.
pub fn threshold_at_specificity(scores: &[f32], positive: &[bool], specificity: f32) -> f32 {
    let mut negatives: Vec<f32> = scores
        .iter()
        .zip(positive)
        .filter(|(_, p)| !**p)
        .map(|(s, _)| *s)
        .collect();
    negatives.sort_by(f32::total_cmp);
    if negatives.is_empty() {
        return 0.5;
    }
    let keep = ((negatives.len() as f32 * specificity).ceil() as usize).clamp(1, negatives.len());
    // Just above the last negative that must stay negative.
    let below = negatives[keep - 1];
    match negatives.get(keep) {
        Some(above) => (below + above) / 2.0,
        None => below + (1.0 - below) * 0.01,
    }
}

/// The value below which a share of the values lies.
pub fn quantile(values: &[f32], share: f32) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = ((sorted.len() as f32 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(f32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_known_distortion_is_undone() {
        let mut rng = Rng::new(4);
        let (mut logits, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..4000 {
            let z = rng.normal() * 2.0;
            let p = 1.0 / (1.0 + (-z).exp());
            labels.push(usize::from(rng.unit() < p));
            // What a network might say: three times too sure, and moved by 1.5.
            logits.push(vec![0.0, 3.0 * z + 1.5]);
        }
        let c = calibrate(&logits, &labels);
        assert!((c.temperature - 3.0).abs() < 0.4, "{c:?}");
        assert!((c.bias[1] - c.bias[0] + 0.5).abs() < 0.15, "{c:?}");
    }

    #[test]
    fn the_threshold_has_the_specificity_asked_for() {
        let scores: Vec<f32> = (0..100).map(|i| i as f32 / 100.0).collect();
        let positive: Vec<bool> = (0..100).map(|i| i % 5 == 0).collect();
        let t = threshold_at_specificity(&scores, &positive, 0.85);
        let right = scores
            .iter()
            .zip(&positive)
            .filter(|(s, p)| !**p && **s < t)
            .count();
        assert_eq!(right, 68);
    }
}
