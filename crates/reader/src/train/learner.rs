//! What the training loop needs of a network: gradients of a batch, and answers.

use crate::error::Error;
use crate::model::native::reduce::{Group, Rank};
use crate::model::native::{Answer, Mode, Native, Segment, Statistics, Until, Workspace};

use super::batch::{Batch, evidence_target};
use super::loss::{self, ClassLoss};

/// The loss of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Losses {
    /// Which loss.
    pub class: ClassLoss,
    /// Weight of the evidence map's loss.
    pub evidence: f32,
}

/// What a batch gave.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outcome {
    /// Mean class loss.
    pub class: f32,
    /// Mean evidence loss.
    pub evidence: f32,
    /// Images whose largest logit is their label's.
    pub right: usize,
}

/// A network that can learn.
pub trait Learner {
    /// The parts of the parameter vector.
    fn segments(&self) -> &[Segment];

    /// Number of stages.
    fn stages(&self) -> usize;

    /// Adds the gradients of the mean loss over a batch to `gradients`; stages below `first_stage`
    /// are frozen. Running statistics among the parameters move, where they are learnt.
    ///
    /// # Errors
    /// When the batch does not fit the network.
    fn gradients(
        &mut self,
        parameters: &mut [f32],
        batch: &Batch,
        losses: &Losses,
        first_stage: usize,
        seed: u64,
        gradients: &mut [f32],
    ) -> Result<Outcome, Error>;

    /// Runs a batch.
    ///
    /// # Errors
    /// When the batch does not fit the network.
    fn answers(&mut self, parameters: &[f32], batch: &Batch) -> Result<Answer, Error>;
}

/// Training by the native engine: each lane (a thread) works on its own share of a batch, so that the
/// sum of gradients does not depend on which thread was faster.
#[derive(Debug)]
pub struct NativeLearner {
    network: Native,
    stages: usize,
    lanes: Vec<Lane>,
    /// Images that a lane runs at a time; none: its whole share, with the statistics of the batch.
    chunk: Option<usize>,
}

#[derive(Debug, Default)]
struct Lane {
    workspace: Workspace,
    gradients: Vec<f32>,
    outcome: Outcome,
}

/// What the lanes of a batch have in common.
#[derive(Clone, Copy)]
struct Shared<'a> {
    network: &'a Native,
    parameters: &'a [f32],
    batch: &'a Batch,
    losses: &'a Losses,
    first_stage: usize,
    seed: u64,
    chunk: Option<usize>,
}

impl NativeLearner {
    /// A learner whose normalisations, if the network has any, keep their running statistics:
    /// fine-tuning. The result depends on the number of lanes (in the last bits), so that number is
    /// part of the configuration and not that of processors.
    pub fn new(network: Native, lanes: usize, chunk: usize) -> Self {
        Self::with(network, lanes, Some(chunk.max(1)))
    }

    /// A learner whose normalisations use, and learn, the statistics of the batch: training from
    /// fresh weights. Every value of the batch is in memory at once.
    pub fn from_scratch(network: Native, lanes: usize) -> Self {
        Self::with(network, lanes, None)
    }

    fn with(network: Native, lanes: usize, chunk: Option<usize>) -> Self {
        let stages = network
            .segments()
            .iter()
            .map(|s| s.stage)
            .max()
            .unwrap_or(0)
            + 1;
        let lanes = (0..lanes.max(1)).map(|_| Lane::default()).collect();
        Self {
            network,
            stages,
            lanes,
            chunk,
        }
    }

    /// The network.
    pub fn network(&self) -> &Native {
        &self.network
    }
}

impl Learner for NativeLearner {
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
        if batch.is_empty() {
            return Err(Error::Training("an empty batch".into()));
        }
        let share = batch.len().div_ceil(self.lanes.len());
        let lanes = &mut self.lanes[..batch.len().div_ceil(share)];
        let group = Group::new(lanes.len());
        let shared = Shared {
            network: &self.network,
            parameters,
            batch,
            losses,
            first_stage,
            seed,
            chunk: self.chunk,
        };
        let results: Vec<Result<(), Error>> = std::thread::scope(|scope| {
            let running: Vec<_> = lanes
                .iter_mut()
                .enumerate()
                .map(|(i, lane)| {
                    let range = i * share..((i + 1) * share).min(batch.len());
                    let rank = group.rank(i);
                    scope.spawn(move || rank.work(|| lane.work(shared, range, rank)))
                })
                .collect();
            running
                .into_iter()
                .map(|r| {
                    r.join()
                        .unwrap_or_else(|_| Err(Error::Training("a training thread died".into())))
                })
                .collect()
        });
        results.into_iter().collect::<Result<Vec<()>, Error>>()?;
        let mut outcome = Outcome::default();
        for lane in lanes.iter() {
            crate::model::kernels::add_to(gradients, &lane.gradients);
            outcome.class += lane.outcome.class;
            outcome.evidence += lane.outcome.evidence;
            outcome.right += lane.outcome.right;
        }
        self.network
            .learn_statistics(parameters, &self.lanes[0].workspace);
        Ok(outcome)
    }

    fn answers(&mut self, parameters: &[f32], batch: &Batch) -> Result<Answer, Error> {
        let share = batch.len().div_ceil(self.lanes.len()).max(1);
        let area = batch.size * batch.size;
        let network = &self.network;
        let parts: Vec<Result<Answer, Error>> = std::thread::scope(|scope| {
            let running: Vec<_> = self
                .lanes
                .iter_mut()
                .zip(batch.pixels.chunks(share * area))
                .map(|(lane, pixels)| {
                    scope.spawn(move || {
                        network.forward(
                            parameters,
                            pixels,
                            pixels.len() / area,
                            batch.size,
                            Mode::INFER,
                            &mut lane.workspace,
                        )
                    })
                })
                .collect();
            running
                .into_iter()
                .map(|r| {
                    r.join()
                        .unwrap_or_else(|_| Err(Error::Training("a thread died".into())))
                })
                .collect()
        });
        let mut parts = parts.into_iter();
        let mut all = parts
            .next()
            .unwrap_or_else(|| Err(Error::Training("an empty batch".into())))?;
        for part in parts {
            let part = part?;
            all.logits.extend(part.logits);
            all.pooled.extend(part.pooled);
            all.features.0.extend(part.features.0);
            if let (Some(a), Some(b)) = (&mut all.evidence, part.evidence) {
                a.0.extend(b.0);
            }
        }
        Ok(all)
    }
}

impl Lane {
    /// Works on the images of `range`.
    fn work(
        &mut self,
        shared: Shared<'_>,
        range: std::ops::Range<usize>,
        rank: Rank<'_>,
    ) -> Result<(), Error> {
        let Shared {
            network,
            parameters,
            batch,
            ..
        } = shared;
        self.gradients.clear();
        self.gradients.resize(parameters.len(), 0.0);
        self.outcome = Outcome::default();
        let area = batch.size * batch.size;
        let chunk = shared.chunk.unwrap_or(range.len());
        let mut start = range.start;
        while start < range.end {
            let n = chunk.min(range.end - start);
            let mode = Mode {
                keep: true,
                dropout: Some(shared.seed ^ start as u64),
                parallel: false,
                until: Until::Stage(shared.first_stage),
                statistics: match shared.chunk {
                    None => Statistics::Batch(rank),
                    Some(_) => Statistics::Running,
                },
            };
            let pixels = &batch.pixels[start * area..][..n * area];
            let answer =
                network.forward(parameters, pixels, n, batch.size, mode, &mut self.workspace)?;
            let targets = &batch.targets[start..start + n];
            let (d_logits, d_evidence) = output_gradients(
                &answer,
                targets,
                shared.losses,
                batch.len(),
                &mut self.outcome,
            );
            network.backward(
                parameters,
                &d_logits,
                d_evidence.as_deref(),
                mode,
                &mut self.gradients,
                &mut self.workspace,
            )?;
            start += n;
        }
        Ok(())
    }
}

/// Gradients of the mean loss with respect to the logits and the evidence map.
pub(crate) fn output_gradients(
    answer: &Answer,
    targets: &[super::Target],
    losses: &Losses,
    batch: usize,
    outcome: &mut Outcome,
) -> (Vec<f32>, Option<Vec<f32>>) {
    let classes = answer.logits.len() / targets.len();
    let scale = 1.0 / batch as f32;
    let mut d_logits = Vec::with_capacity(answer.logits.len());
    for (logits, target) in answer.logits.chunks_exact(classes).zip(targets) {
        let (value, gradient) = losses.class.of(logits, target.label);
        outcome.class += value * scale;
        let best = (0..classes).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
        outcome.right += usize::from(best == Some(target.label));
        d_logits.extend(gradient.iter().map(|g| g * scale));
    }
    let d_evidence = answer
        .evidence
        .as_ref()
        .filter(|_| losses.evidence > 0.0)
        .map(|(map, h, w)| {
            let mut all = Vec::with_capacity(map.len());
            for (map, target) in map.chunks_exact(h * w).zip(targets) {
                let Some(boxes) = &target.boxes else {
                    all.resize(all.len() + h * w, 0.0);
                    continue;
                };
                let (value, gradient) = loss::evidence(map, &evidence_target(boxes, *h, *w));
                outcome.evidence += value * scale;
                all.extend(gradient.iter().map(|g| g * scale * losses.evidence));
            }
            all
        });
    (d_logits, d_evidence)
}
