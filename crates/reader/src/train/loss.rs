//! Losses and their gradients with respect to a network's outputs.

/// Numerically safe softmax of one row.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp: Vec<f32> = logits.iter().map(|l| (l - top).exp()).collect();
    let sum: f32 = exp.iter().sum();
    exp.into_iter().map(|e| e / sum).collect()
}

/// How the class loss is computed.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassLoss {
    /// Share of the target spread over all classes.
    pub label_smoothing: f32,
    /// Focusing exponent (Lin et al. 2017); 0 is cross-entropy.
    pub focal: f32,
    /// Weight of each class; empty is 1 for all.
    pub class_weights: Vec<f32>,
}

impl Default for ClassLoss {
    fn default() -> Self {
        Self {
            label_smoothing: 0.0,
            focal: 0.0,
            class_weights: Vec::new(),
        }
    }
}

impl ClassLoss {
    /// Loss of one image and its gradient with respect to the logits.
    pub fn of(&self, logits: &[f32], label: usize) -> (f32, Vec<f32>) {
        let k = logits.len() as f32;
        let p = softmax(logits);
        let weight = self.class_weights.get(label).copied().unwrap_or(1.0);
        let target = |c: usize| {
            self.label_smoothing / k
                + if c == label {
                    1.0 - self.label_smoothing
                } else {
                    0.0
                }
        };
        let log = |c: usize| p[c].max(1e-12).ln();
        let entropy: f32 = -(0..p.len()).map(|c| target(c) * log(c)).sum::<f32>();
        let mut gradient: Vec<f32> = (0..p.len()).map(|c| p[c] - target(c)).collect();
        let mut loss = entropy;
        if self.focal > 0.0 {
            // loss = (1 - p_y)^g * entropy; the product rule with d p_y / d z_c = p_y (1[c = y] - p_c).
            let rest = (1.0 - p[label]).max(1e-6);
            let scale = rest.powf(self.focal);
            let slope = -self.focal * rest.powf(self.focal - 1.0) * entropy * p[label];
            for (c, g) in gradient.iter_mut().enumerate() {
                *g = *g * scale + slope * (f32::from(u8::from(c == label)) - p[c]);
            }
            loss *= scale;
        }
        gradient.iter_mut().for_each(|g| *g *= weight);
        (loss * weight, gradient)
    }
}

/// Places that count as much as this many marked places, in the evidence loss.
const EVIDENCE_SCALE: f32 = 4.0;

/// Focal loss of an evidence map against the marked places (1 marked, 0 not, NaN do not care),
/// with its gradient. Few places are marked, so the loss looks mostly at those that are wrong.
pub fn evidence(map: &[f32], target: &[f32]) -> (f32, Vec<f32>) {
    let mut loss = 0.0;
    let gradient = map
        .iter()
        .zip(target)
        .map(|(&z, &t)| {
            if t.is_nan() {
                return 0.0;
            }
            let p = (1.0 / (1.0 + (-z).exp())).clamp(1e-6, 1.0 - 1e-6);
            let (value, slope) = if t > 0.5 {
                let q = 1.0 - p;
                (-q * q * p.ln(), q * q * (2.0 * p * p.ln() - q))
            } else {
                let l = (1.0 - p).ln();
                (-p * p * l, p * p * (p - 2.0 * (1.0 - p) * l))
            };
            loss += value / EVIDENCE_SCALE;
            slope / EVIDENCE_SCALE
        })
        .collect();
    (loss, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees(value: impl Fn(&[f32]) -> f32, gradient: &[f32], at: &[f32]) {
        for i in 0..at.len() {
            let (mut up, mut down) = (at.to_vec(), at.to_vec());
            up[i] += 1e-2;
            down[i] -= 1e-2;
            let slope = (value(&up) - value(&down)) / 2e-2;
            assert!(
                (slope - gradient[i]).abs() < 2e-3,
                "{slope} {}",
                gradient[i]
            );
        }
    }

    #[test]
    fn class_gradients_agree_with_differences() {
        for focal in [0.0, 2.0] {
            let loss = ClassLoss {
                label_smoothing: 0.1,
                focal,
                class_weights: vec![1.0, 2.0, 3.0],
            };
            let at = [0.3, -0.7, 1.1];
            agrees(|z| loss.of(z, 1).0, &loss.of(&at, 1).1, &at);
        }
    }

    #[test]
    fn evidence_gradients_agree_with_differences() {
        let (at, target) = ([0.3, -0.7, 1.1, 0.2], [1.0, 0.0, 0.0, f32::NAN]);
        agrees(|z| evidence(z, &target).0, &evidence(&at, &target).1, &at);
    }
}
