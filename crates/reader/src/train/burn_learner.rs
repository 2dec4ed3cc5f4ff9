//! Training by burn, for GPUs.

use burn::tensor::{Tensor, TensorData};

use super::batch::Batch;
use super::learner::{Learner, Losses, Outcome, output_gradients};
use crate::error::Error;
use crate::model::burn_net::{BurnNet, Phase, Weight, values};
use crate::model::native::{Answer, Segment};

/// Training by the burn engine, in small parts of a batch so that memory stays bounded.
#[derive(Debug)]
pub struct BurnLearner {
    network: BurnNet,
    stages: usize,
    /// Whether normalisations use (and learn) the statistics of the batch: training from scratch.
    live_statistics: bool,
}

impl BurnLearner {
    /// A learner. Networks that start from fresh weights need `live_statistics`.
    pub fn new(network: BurnNet, live_statistics: bool) -> Self {
        let stages = network
            .segments()
            .iter()
            .map(|s| s.stage)
            .max()
            .unwrap_or(0)
            + 1;
        Self {
            network,
            stages,
            live_statistics,
        }
    }

    /// The network.
    pub fn network(&self) -> &BurnNet {
        &self.network
    }

    fn pixels(&self, batch: &Batch) -> Vec<f32> {
        let channels = self.network.graph().channels();
        batch
            .pixels
            .iter()
            .flat_map(|&p| std::iter::repeat_n(p, channels))
            .collect()
    }
}

impl Learner for BurnLearner {
    fn segments(&self) -> &[Segment] {
        self.network.segments()
    }

    fn stages(&self) -> usize {
        self.stages
    }

    fn gradients(
        &mut self,
        parameters: &mut [f32],
        batch: &Batch,
        losses: &Losses,
        first_stage: usize,
        seed: u64,
        gradients: &mut [f32],
    ) -> Result<Outcome, Error> {
        self.network.device().seed(seed);
        let weights = self.network.tensors(parameters, true, first_stage);
        let x = self
            .network
            .input(&self.pixels(batch), batch.len(), batch.size, true)?;
        let phase = if self.live_statistics {
            Phase::Training
        } else {
            Phase::FixedStatistics
        };
        let out = self.network.forward(&weights, x, phase)?;
        let evidence = match &out.evidence {
            Some(e) => {
                let [_, _, h, w] = e.dims();
                Some((values(e.clone().inner())?, h, w))
            }
            None => None,
        };
        let answer = Answer {
            logits: values(out.logits.clone().inner())?,
            pooled: Vec::new(),
            evidence,
            features: (Vec::new(), 0, 0, 0),
        };
        let mut outcome = Outcome::default();
        let (d_logits, d_evidence) =
            output_gradients(&answer, &batch.targets, losses, batch.len(), &mut outcome);
        // The loss's gradients are known; a product with them carries them back into the network.
        let device = self.network.device().clone().autodiff();
        let shape = out.logits.dims();
        let mut total =
            (out.logits * Tensor::<2>::from_data(TensorData::new(d_logits, shape), &device)).sum();
        if let (Some(map), Some(d)) = (out.evidence, d_evidence) {
            let shape = map.dims();
            total =
                total + (map * Tensor::<4>::from_data(TensorData::new(d, shape), &device)).sum();
        }
        let mut found = total.backward();
        for (segment, weight) in self.network.segments().iter().zip(&weights) {
            let gradient = match weight {
                Weight::One(t) => t.grad_remove(&mut found).map(values).transpose()?,
                Weight::Two(t) => t.grad_remove(&mut found).map(values).transpose()?,
                Weight::Four(t) => t.grad_remove(&mut found).map(values).transpose()?,
            };
            if let Some(g) = gradient {
                crate::model::kernels::add_to(&mut gradients[segment.range()], &g);
            }
        }
        for (name, statistic) in out.statistics {
            if let Some(s) = self
                .network
                .segments()
                .iter()
                .find(|s| s.name == name && s.stage >= first_stage)
            {
                parameters[s.range()].copy_from_slice(&values(statistic.inner())?);
            }
        }
        Ok(outcome)
    }

    fn answers(&mut self, parameters: &[f32], batch: &Batch) -> Result<Answer, Error> {
        self.network
            .infer(parameters, &self.pixels(batch), batch.len(), batch.size)
    }
}
