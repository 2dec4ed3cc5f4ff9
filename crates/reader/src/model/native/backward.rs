//! The backward pass.

use super::workspace::{Value, Workspace};
use super::{Kind, Mode, Native, Step, Until, conv, norm, pool, reshape};
use crate::error::Error;
use crate::model::kernels;

impl Native {
    /// Adds the gradients of the weights to `gradients`, given the gradients of the loss with
    /// respect to the logits `[N, classes]` and, where there is one, to the evidence map `[N, h, w]`,
    /// for the last [`Self::forward`] with `keep`, once. Frozen stages get none.
    ///
    /// # Errors
    /// When another thread of the batch has failed.
    pub fn backward(
        &self,
        parameters: &[f32],
        d_logits: &[f32],
        d_evidence: Option<&[f32]>,
        mode: Mode<'_>,
        gradients: &mut [f32],
        ws: &mut Workspace,
    ) -> Result<(), Error> {
        let mut grads = vec![Vec::new(); self.steps.len()];
        grads[self.at.logits] = d_logits.to_vec();
        if let (Some(e), Some(d)) = (self.at.evidence, d_evidence) {
            grads[e] = d.to_vec();
        }
        let mut pass = Pass {
            network: self,
            parameters,
            mode,
            first: self.first(mode.until),
            gradients: Some(gradients),
            grads,
            ws,
        };
        pass.run()
    }

    /// Gradient of the sum of `d_logits` times the logits with respect to the last spatial
    /// features, `[N, h, w, c]`, for the last [`Self::forward`] with `keep` and
    /// [`Until::Features`], once.
    ///
    /// # Errors
    /// When another thread of the batch has failed.
    pub fn feature_gradient(
        &self,
        parameters: &[f32],
        d_logits: &[f32],
        ws: &mut Workspace,
    ) -> Result<Vec<f32>, Error> {
        let mut grads = vec![Vec::new(); self.steps.len()];
        grads[self.at.logits] = d_logits.to_vec();
        let mode = Mode {
            until: Until::Features,
            ..Mode::INFER
        };
        let mut pass = Pass {
            network: self,
            parameters,
            mode,
            first: self.first(mode.until),
            gradients: None,
            grads,
            ws,
        };
        pass.run()?;
        Ok(std::mem::take(&mut pass.grads[self.at.features]))
    }
}

/// One backward pass.
struct Pass<'a> {
    network: &'a Native,
    parameters: &'a [f32],
    mode: Mode<'a>,
    /// The first step that is gone back through.
    first: usize,
    /// Where the weights' gradients are added, if they are wanted.
    gradients: Option<&'a mut [f32]>,
    /// The gradient of each step's result, as far as it is known.
    grads: Vec<Vec<f32>>,
    ws: &'a mut Workspace,
}

impl Pass<'_> {
    fn run(&mut self) -> Result<(), Error> {
        for i in (self.first..self.network.steps.len()).rev() {
            let dy = std::mem::take(&mut self.grads[i]);
            if dy.is_empty() {
                continue;
            }
            let step = &self.network.steps[i];
            let Some(&from) = step.inputs.first() else {
                self.ws.give(dy);
                continue;
            };
            let x = std::mem::take(&mut self.ws.values[from]);
            let y = std::mem::take(&mut self.ws.values[i]);
            let done = self.step(i, from, &x, &y, dy);
            self.ws.values[from] = x;
            // Nothing before this step reads its result.
            self.ws.give(y.data);
            done?;
        }
        Ok(())
    }

    /// Whether anything needs the gradient of a step's result.
    fn wants(&self, j: usize) -> bool {
        let features = self.gradients.is_none() && j == self.network.at.features;
        features || (j >= self.first && !matches!(self.network.steps[j].kind, Kind::Input))
    }

    /// Adds to the gradient of a step's result.
    fn accumulate(&mut self, j: usize, value: Vec<f32>) {
        if !self.wants(j) {
            self.ws.give(value);
        } else if self.grads[j].is_empty() {
            self.grads[j] = value;
        } else {
            kernels::add_to(&mut self.grads[j], &value);
            self.ws.give(value);
        }
    }

    /// Goes back through step `i`, which made `y` of `x`, the result of step `from`.
    fn step(
        &mut self,
        i: usize,
        from: usize,
        x: &Value,
        y: &Value,
        mut dy: Vec<f32>,
    ) -> Result<(), Error> {
        let step = &self.network.steps[i];
        if let Kind::BatchNorm { .. } = step.kind {
            return self.norm(i, from, x, y, dy);
        }
        kernels::activation_gradient(&mut dy, &y.data, step.act);
        let dx = match step.kind {
            Kind::Pointwise | Kind::Linear | Kind::Depthwise | Kind::Dense => {
                self.convolution(step, from, x, &dy);
                self.ws.give(dy);
                return Ok(());
            }
            // They hand the gradient on as it is.
            Kind::Activation | Kind::Input | Kind::BatchNorm { .. } => dy,
            Kind::Add => {
                if self.wants(step.inputs[1]) {
                    let copy = self.ws.copy(&dy);
                    self.accumulate(step.inputs[1], copy);
                }
                dy
            }
            Kind::Dropout(_) => {
                if !self.ws.masks[i].is_empty() {
                    reshape::multiply(&mut dy, &self.ws.masks[i]);
                }
                dy
            }
            _ => {
                let dx = self.reshaped(step, x, y, &dy);
                self.ws.give(dy);
                dx
            }
        };
        self.accumulate(from, dx);
        Ok(())
    }

    /// The gradient of what a step without weights reads, where shapes differ.
    fn reshaped(&mut self, step: &Step, x: &Value, y: &Value, dy: &[f32]) -> Vec<f32> {
        match step.kind {
            Kind::GlobalPool => pool::global_gradient(x, dy, self.ws),
            Kind::SoftPool(r) => pool::soft_gradient(r, x, y, dy, self.ws),
            Kind::MaxPool => pool::max_pool_gradient(step, x, y, dy, self.ws),
            Kind::Adaptive(side) => pool::adaptive_gradient(side, x, dy, self.ws),
            Kind::Upsample2 => reshape::upsample2_gradient(x, dy, self.ws),
            Kind::Concat => {
                let (first, second) = reshape::concat_gradient(x.c, y.c, dy, self.ws);
                self.accumulate(step.inputs[1], second);
                first
            }
            _ => reshape::flatten_gradient(x, dy, self.ws),
        }
    }

    /// Gradients of a convolution or a linear layer.
    fn convolution(&mut self, step: &Step, from: usize, x: &Value, dy: &[f32]) {
        let wanted = self.wants(from);
        let segments = &self.network.segments;
        let kernel = segments[step.weight].range();
        let mut d_weight = None;
        if let Some(all) = self.gradients.as_deref_mut() {
            // The bias lies right behind its weight.
            let (before, behind) = all.split_at_mut(kernel.end);
            if step.biased {
                let bias = segments[step.weight + 1].len();
                kernels::column_sums(&mut behind[..bias], dy);
            }
            d_weight = Some(&mut before[kernel.start..]);
        }
        let back = conv::Back {
            step,
            weight: &self.parameters[kernel],
            x,
            dy,
        };
        match step.kind {
            Kind::Pointwise | Kind::Linear => {
                let sum = wanted.then(|| std::mem::take(&mut self.grads[from]));
                let dx = conv::pointwise_gradient(back, d_weight, sum, self.ws);
                self.grads[from] = dx.unwrap_or_default();
            }
            Kind::Depthwise => {
                if let Some(dx) = conv::depthwise_gradient(back, d_weight, wanted, self.ws) {
                    self.accumulate(from, dx);
                }
            }
            _ => {
                if let Some(dx) = conv::dense_gradient(back, d_weight, wanted, self.ws) {
                    self.accumulate(from, dx);
                }
            }
        }
    }

    /// Gradients of a normalisation.
    fn norm(
        &mut self,
        i: usize,
        from: usize,
        x: &Value,
        y: &Value,
        mut dy: Vec<f32>,
    ) -> Result<(), Error> {
        let network = self.network;
        let step = &network.steps[i];
        let applied = self.ws.norms[i]
            .take()
            .ok_or_else(|| Error::Network("a backward pass without its forward pass".into()))?;
        let second = step.inputs.get(1).copied();
        let side = second.is_some_and(|j| self.wants(j));
        let segments = &network.segments;
        let d_weights = self.gradients.as_deref_mut().map(|all| {
            let (gamma, beta) = (segments[step.weight].range(), &segments[step.weight + 1]);
            // Beta lies right behind gamma.
            let (before, behind) = all.split_at_mut(gamma.end);
            (&mut before[gamma.start..], &mut behind[..beta.len()])
        });
        let back = norm::Back {
            step,
            weights: network.norm_weights(step, self.parameters),
            applied: &applied,
            x,
            y,
            rank: network.rank_of(i, self.mode.statistics, self.mode.until),
        };
        let side = norm::backward(back, &mut dy, d_weights, side, self.ws)?;
        // For the running statistics.
        self.ws.norms[i] = Some(applied);
        if let (Some(j), Some(d)) = (second, side) {
            self.accumulate(j, d);
        }
        self.accumulate(from, dy);
        Ok(())
    }
}
