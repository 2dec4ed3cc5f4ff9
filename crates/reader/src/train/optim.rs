//! AdamW (Loshchilov & Hutter 2019) over one flat vector, with a learning rate for each stage.

use serde::{Deserialize, Serialize};

use crate::model::native::Segment;

/// Learning-rate schedule: linear warm-up, then a cosine down to a floor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Peak learning rate.
    pub peak: f32,
    /// Steps of warm-up.
    pub warmup: usize,
    /// All steps.
    pub total: usize,
    /// Last learning rate as a share of the peak.
    pub floor: f32,
}

impl Schedule {
    /// Learning rate of a step.
    pub fn at(&self, step: usize) -> f32 {
        if step < self.warmup {
            return self.peak * (step + 1) as f32 / self.warmup as f32;
        }
        let span = self.total.saturating_sub(self.warmup).max(1) as f32;
        let part = ((step - self.warmup) as f32 / span).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f32::consts::PI * part).cos());
        self.peak * (self.floor + (1.0 - self.floor) * cosine)
    }
}

/// The optimiser's state.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW {
    /// First moments.
    pub first: Vec<f32>,
    /// Second moments.
    pub second: Vec<f32>,
    /// Steps taken.
    pub steps: u64,
    /// Weight decay.
    pub decay: f32,
}

impl AdamW {
    /// A fresh state for `len` parameters.
    pub fn new(len: usize, decay: f32) -> Self {
        Self {
            first: vec![0.0; len],
            second: vec![0.0; len],
            steps: 0,
            decay,
        }
    }

    /// One step. `rate` gives each segment's learning rate; zero leaves a segment as it is.
    pub fn step(
        &mut self,
        parameters: &mut [f32],
        gradients: &[f32],
        segments: &[Segment],
        rate: impl Fn(&Segment) -> f32,
    ) {
        const BETA: (f32, f32) = (0.9, 0.999);
        self.steps += 1;
        let t = self.steps.min(i32::MAX as u64) as i32;
        let (c1, c2) = (1.0 - BETA.0.powi(t), 1.0 - BETA.1.powi(t));
        for segment in segments {
            let lr = rate(segment);
            if lr == 0.0 || !segment.trained {
                continue;
            }
            let shrink = if segment.decays {
                1.0 - lr * self.decay
            } else {
                1.0
            };
            let r = segment.range();
            let state = self.first[r.clone()]
                .iter_mut()
                .zip(&mut self.second[r.clone()]);
            for ((p, g), (m, v)) in parameters[r.clone()]
                .iter_mut()
                .zip(&gradients[r])
                .zip(state)
            {
                *m = BETA.0 * *m + (1.0 - BETA.0) * g;
                *v = BETA.1 * *v + (1.0 - BETA.1) * g * g;
                *p = *p * shrink - lr * (*m / c1) / ((*v / c2).sqrt() + 1e-8);
            }
        }
    }
}

/// Scales gradients down to a largest norm; returns the norm before.
pub fn clip(gradients: &mut [f32], largest: f32) -> f32 {
    let norm = gradients
        .iter()
        .map(|g| f64::from(*g) * f64::from(*g))
        .sum::<f64>()
        .sqrt() as f32;
    if norm > largest {
        let scale = largest / norm;
        gradients.iter_mut().for_each(|g| *g *= scale);
    }
    norm
}

/// A running average of the weights, which evaluates better than the last step.
pub fn average(ema: &mut [f32], parameters: &[f32], decay: f32, step: u64) {
    let decay = decay.min((1.0 + step as f32) / (10.0 + step as f32));
    for (e, p) in ema.iter_mut().zip(parameters) {
        *e += (1.0 - decay) * (p - *e);
    }
}
