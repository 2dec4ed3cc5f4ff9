//! The forward pass.

use super::workspace::{Value, Workspace};
use super::{Answer, Kind, Mode, Native, conv, norm, pool, reshape};
use crate::error::Error;
use crate::model::kernels;
use crate::rng::Rng;

impl Native {
    /// Runs the network on `n` square images, `[n, size, size, channels]`, channels last (for one
    /// channel that is the plain image).
    ///
    /// # Errors
    /// When the input has the wrong length, or another thread of the batch has failed.
    pub fn forward(
        &self,
        parameters: &[f32],
        input: &[f32],
        n: usize,
        size: usize,
        mode: Mode<'_>,
        ws: &mut Workspace,
    ) -> Result<Answer, Error> {
        let channels = self.steps[0].channels.0;
        if input.len() != n * size * size * channels || n == 0 {
            return Err(Error::Network(format!(
                "{} values are not {n} images of {size} x {size} x {channels}",
                input.len()
            )));
        }
        ws.start(self.steps.len(), n);
        let first = self.first(mode.until);
        for (i, step) in self.steps.iter().enumerate() {
            ws.values[i] = if matches!(step.kind, Kind::Input) {
                Value {
                    data: ws.copy(input),
                    h: size,
                    w: size,
                    c: channels,
                }
            } else {
                self.run(i, parameters, mode, ws)?
            };
            for &j in &step.inputs {
                let needed = mode.keep && i >= first;
                if self.last_use[j] == i && !needed {
                    let freed = std::mem::take(&mut ws.values[j].data);
                    ws.give(freed);
                }
            }
        }
        let features = &ws.values[self.at.features];
        Ok(Answer {
            logits: ws.values[self.at.logits].data.clone(),
            pooled: ws.values[self.at.pooled].data.clone(),
            evidence: self.at.evidence.map(|e| {
                let v = &ws.values[e];
                (v.data.clone(), v.h, v.w)
            }),
            features: (features.data.clone(), features.h, features.w, features.c),
        })
    }

    /// Runs one step.
    fn run(
        &self,
        i: usize,
        parameters: &[f32],
        mode: Mode<'_>,
        ws: &mut Workspace,
    ) -> Result<Value, Error> {
        let step = &self.steps[i];
        let x = std::mem::take(&mut ws.values[step.inputs[0]]);
        let weights = self.weights_of(step, parameters);
        let value = match step.kind {
            Kind::Input => return Err(Error::Network("an input node inside the network".into())),
            Kind::Pointwise | Kind::Linear => conv::pointwise(step, &x, weights, mode.parallel, ws),
            Kind::Depthwise => conv::depthwise(step, &x, weights, mode.parallel, ws),
            Kind::Dense => conv::dense(step, &x, weights, mode.parallel, ws),
            Kind::BatchNorm { .. } => {
                let rank = self.rank_of(i, mode.statistics, mode.until);
                let y = ws.take(x.data.len());
                let side = step.inputs.get(1).map(|&j| &ws.values[j].data[..]);
                let weights = self.norm_weights(step, parameters);
                let (value, applied) = norm::forward(step, weights, &x, side, rank, y)?;
                ws.norms[i] = Some(applied);
                value
            }
            Kind::Add => {
                let mut y = ws.take(x.data.len());
                let other = if step.inputs[1] == step.inputs[0] {
                    &x.data
                } else {
                    &ws.values[step.inputs[1]].data
                };
                kernels::add(&mut y, &x.data, other, step.act);
                x.with(y)
            }
            Kind::Activation => {
                let mut y = ws.copy(&x.data);
                kernels::activate(&mut y, step.act);
                x.with(y)
            }
            Kind::MaxPool => pool::max_pool(step, &x, ws),
            Kind::Adaptive(side) => pool::adaptive(side, &x, ws),
            Kind::GlobalPool => pool::global(&x, ws),
            Kind::SoftPool(r) => pool::soft(r, &x, ws),
            Kind::Upsample2 => reshape::upsample2(&x, ws),
            Kind::Concat => {
                let y = ws.take(ws.n * (x.c + ws.values[step.inputs[1]].c));
                reshape::concat(&x, &ws.values[step.inputs[1]], y)
            }
            Kind::Flatten => reshape::flatten(&x, ws),
            Kind::Dropout(rate) => {
                let mut y = ws.copy(&x.data);
                if let Some(seed) = mode.dropout {
                    ws.masks[i] = reshape::dropout(&mut y, rate, Rng::at(seed, i as u64, 0));
                }
                x.with(y)
            }
        };
        ws.values[step.inputs[0]] = x;
        Ok(value)
    }
}
