//! The training loop.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::input::Augment;
use crate::model::weights::{Array, Precision, Weights};
use crate::rng::Rng;

use super::batch::Loader;
use super::learner::{Learner, Losses, Outcome};
use super::loss::{ClassLoss, softmax};
use super::optim::{self, AdamW, Schedule};

/// Everything that decides a training run's result, besides the data and the first weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the training images.
    pub epochs: usize,
    /// Most images of one class in an epoch, drawn anew for each; 0 is all. Smaller classes are
    /// repeated up to [`Self::repeat`] times to reach it.
    pub per_class: usize,
    /// Most times that an image may stand in one epoch.
    pub repeat: usize,
    /// Images per step.
    pub batch: usize,
    /// Peak learning rate of the head.
    pub rate: f32,
    /// Learning rate of the rest, as a share of the head's.
    pub backbone: f32,
    /// Factor of the learning rate from each stage to the one before it.
    pub stage_decay: f32,
    /// Stages below this one are frozen.
    pub first_stage: usize,
    /// Epochs at the start in which only the head learns.
    pub head_epochs: usize,
    /// Weight decay.
    pub weight_decay: f32,
    /// Epochs of warm-up (may be a fraction).
    pub warmup: f32,
    /// Last learning rate as a share of the peak.
    pub floor: f32,
    /// Largest norm of the gradients.
    pub clip: f32,
    /// Decay of the averaged weights; 0 evaluates and keeps the last weights.
    pub ema: f32,
    /// Class loss.
    pub loss: ClassLoss,
    /// Weight of the evidence map's loss.
    pub evidence: f32,
    /// Stop after this many validations without a better one; 0 never stops early.
    pub patience: usize,
    /// Validate after every so many epochs.
    pub validate_every: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Augmentation.
    pub augment: Augment,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            per_class: 0,
            repeat: 1,
            batch: 16,
            rate: 2e-3,
            backbone: 0.25,
            stage_decay: 0.85,
            first_stage: 0,
            head_epochs: 0,
            weight_decay: 0.02,
            warmup: 0.5,
            floor: 0.01,
            clip: 5.0,
            ema: 0.995,
            loss: ClassLoss::default(),
            evidence: 0.0,
            patience: 0,
            validate_every: 1,
            seed: 1,
            augment: Augment::default(),
            checkpoint_every: 50,
        }
    }
}

/// Where a run stands, once per step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Progress {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Step in all, from 1.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Class loss of this step.
    pub loss: f32,
    /// Evidence loss of this step.
    pub evidence: f32,
    /// Share of this step's images that were right.
    pub accuracy: f32,
    /// Norm of the gradients before clipping.
    pub norm: f32,
    /// Learning rate of the head.
    pub rate: f32,
    /// Images per second since the run was started or gone on with.
    pub images_per_second: f32,
    /// Seconds to go at that rate.
    pub seconds_left: f32,
}

/// Figures of one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Mean class loss in training.
    pub train_loss: f32,
    /// Accuracy in training.
    pub train_accuracy: f32,
    /// Mean cross-entropy on the validation images.
    pub val_loss: f32,
    /// Accuracy on them.
    pub val_accuracy: f32,
    /// Area under the ROC curve: of the last class against the rest for two classes, the mean over
    /// classes for more.
    pub val_auroc: f32,
    /// Share of validation images with boxes whose strongest evidence lies in one; NaN is null.
    pub val_peak_in_box: Option<f32>,
    /// Seconds since the start of the run.
    pub seconds: f32,
}

/// A training run.
pub struct Fit<'a, L: Learner> {
    /// The network.
    pub learner: L,
    /// Configuration.
    pub config: TrainConfig,
    /// Training images.
    pub train: Loader<'a>,
    /// Validation images.
    pub val: Loader<'a>,
    /// Folder for checkpoints and metrics.
    pub folder: PathBuf,
    parameters: Vec<f32>,
    ema: Vec<f32>,
    best: Vec<f32>,
    optimiser: AdamW,
    state: State,
    by_class: Vec<Vec<usize>>,
}

/// What a checkpoint holds besides the vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    step: usize,
    epoch_loss: f64,
    epoch_right: usize,
    epoch_seen: usize,
    /// `None` before the first validation (JSON has no infinity).
    best_score: Option<f32>,
    since_best: usize,
    history: Vec<Validation>,
    config: TrainConfig,
}

impl<'a, L: Learner> Fit<'a, L> {
    /// A run from first weights.
    ///
    /// # Errors
    /// When there is nothing to train on, or a label is none of the classes.
    pub fn new(
        learner: L,
        parameters: Vec<f32>,
        config: TrainConfig,
        train: Loader<'a>,
        val: Loader<'a>,
        folder: &Path,
    ) -> Result<Self, Error> {
        if train.samples.is_empty() || val.samples.is_empty() {
            return Err(Error::Training(
                "the training and the validation split both need images".into(),
            ));
        }
        if config.batch == 0 || config.epochs == 0 {
            return Err(Error::Training(
                "epochs and batch must be at least 1".into(),
            ));
        }
        std::fs::create_dir_all(folder).map_err(|e| Error::file(folder, e))?;
        let optimiser = AdamW::new(parameters.len(), config.weight_decay);
        let state = State {
            step: 0,
            epoch_loss: 0.0,
            epoch_right: 0,
            epoch_seen: 0,
            best_score: None,
            since_best: 0,
            history: Vec::new(),
            config: config.clone(),
        };
        let (ema, best) = (parameters.clone(), parameters.clone());
        let mut by_class = vec![Vec::new(); train.classes.len()];
        for i in 0..train.samples.len() {
            by_class[train.label(i)?].push(i);
        }
        let first = val.label(0)?;
        if (0..val.samples.len()).all(|i| val.label(i).is_ok_and(|l| l == first)) {
            return Err(Error::Training(format!(
                "every validation image is {:?}: a model cannot be judged on one class; put images of each class into the validation split",
                val.classes[first]
            )));
        }
        Ok(Self {
            by_class,
            learner,
            config,
            train,
            val,
            folder: folder.to_owned(),
            parameters,
            ema,
            best,
            optimiser,
            state,
        })
    }

    /// Steps of one epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.by_class
            .iter()
            .map(|c| self.drawn(c.len()))
            .sum::<usize>()
            .div_ceil(self.config.batch)
    }

    /// Images of a class of `n` in one epoch.
    fn drawn(&self, n: usize) -> usize {
        if self.config.per_class == 0 {
            n
        } else {
            self.config.per_class.min(n * self.config.repeat.max(1))
        }
    }

    /// Figures of the epochs so far.
    pub fn history(&self) -> &[Validation] {
        &self.state.history
    }

    /// The weights that did best on the validation images.
    pub fn best(&self) -> &[f32] {
        &self.best
    }

    /// The weights that would be validated now: the average, or the last.
    pub fn current(&self) -> &[f32] {
        if self.config.ema > 0.0 {
            &self.ema
        } else {
            &self.parameters
        }
    }

    fn checkpoint_path(&self) -> PathBuf {
        self.folder.join("checkpoint.safetensors")
    }

    /// Goes on from the checkpoint in the run folder, if there is one.
    ///
    /// # Errors
    /// When the checkpoint is damaged or belongs to another configuration.
    pub fn resume(&mut self) -> Result<bool, Error> {
        let path = self.checkpoint_path();
        if !path.is_file() {
            return Ok(false);
        }
        let weights = Weights::open(&path)?;
        let vector = |name: &str| -> Result<Vec<f32>, Error> {
            let data = weights.get(name)?.data.clone();
            if data.len() != self.parameters.len() {
                return Err(Error::Training(format!(
                    "{} belongs to another network",
                    path.display()
                )));
            }
            Ok(data)
        };
        let json = weights
            .get("state")?
            .data
            .iter()
            .map(|&b| b as u8)
            .collect::<Vec<_>>();
        let state: State = serde_json::from_slice(&json).map_err(|e| Error::json(&path, e))?;
        if state.config != self.config {
            return Err(Error::Training(format!(
                "{} was made with another configuration: use the same, or another run folder",
                path.display()
            )));
        }
        let (parameters, ema, best) = (vector("parameters")?, vector("ema")?, vector("best")?);
        let (first, second) = (vector("first")?, vector("second")?);
        self.optimiser = AdamW {
            first,
            second,
            steps: state.step as u64,
            decay: self.config.weight_decay,
        };
        (self.parameters, self.ema, self.best, self.state) = (parameters, ema, best, state);
        Ok(true)
    }

    /// Writes a checkpoint from which [`Self::resume`] goes on as if nothing had happened.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn checkpoint(&self) -> Result<(), Error> {
        let mut weights = Weights::default();
        let vectors: [(&str, &Vec<f32>); 5] = [
            ("parameters", &self.parameters),
            ("ema", &self.ema),
            ("best", &self.best),
            ("first", &self.optimiser.first),
            ("second", &self.optimiser.second),
        ];
        for (name, v) in vectors {
            weights.insert(name, Array::new(vec![v.len()], v.clone()));
        }
        let path = self.checkpoint_path();
        let json = serde_json::to_vec(&self.state).map_err(|e| Error::json(&path, e))?;
        let bytes: Vec<f32> = json.iter().map(|&b| f32::from(b)).collect();
        weights.insert("state", Array::new(vec![bytes.len()], bytes));
        weights.save(&path, Precision::F32)
    }

    /// Trains to the end (or until `stop` says so after a step, or patience is lost), calling
    /// `seen` after every step and `validated` after every validation.
    ///
    /// # Errors
    /// When an image cannot be read, the loss is no longer a number, or a file cannot be written.
    pub fn run(
        &mut self,
        mut seen: impl FnMut(&Progress) -> bool,
        mut validated: impl FnMut(&Validation),
    ) -> Result<(), Error> {
        let per_epoch = self.steps_per_epoch();
        let total = per_epoch * self.config.epochs;
        let start = Instant::now();
        let mut images = 0;
        while self.state.step < total {
            let (epoch, within) = (self.state.step / per_epoch, self.state.step % per_epoch);
            let order = self.order(epoch);
            let end = ((within + 1) * self.config.batch).min(order.len());
            let indices = &order[within * self.config.batch..end];
            let (outcome, norm, rate) = self.step(epoch, indices, total)?;
            images += indices.len();
            self.state.epoch_loss += f64::from(outcome.class) * indices.len() as f64;
            self.state.epoch_right += outcome.right;
            self.state.epoch_seen += indices.len();
            self.state.step += 1;
            let speed = images as f32 / start.elapsed().as_secs_f32();
            let left = (total - self.state.step) * self.config.batch;
            let go_on = seen(&Progress {
                epoch,
                step: self.state.step,
                steps: total,
                loss: outcome.class,
                evidence: outcome.evidence,
                accuracy: outcome.right as f32 / indices.len() as f32,
                norm,
                rate,
                images_per_second: speed,
                seconds_left: left as f32 / speed,
            });
            if within + 1 == per_epoch {
                let lost = self.end_epoch(epoch, start, &mut validated)?;
                self.checkpoint()?;
                if lost {
                    return Ok(());
                }
            } else if self
                .state
                .step
                .is_multiple_of(self.config.checkpoint_every.max(1))
            {
                self.checkpoint()?;
            }
            if !go_on {
                return self.checkpoint();
            }
        }
        Ok(())
    }

    /// The images of an epoch in their order: a function of seed and epoch alone.
    fn order(&self, epoch: usize) -> Vec<usize> {
        let mut rng = Rng::at(self.config.seed, epoch as u64, 1);
        let mut order = Vec::new();
        for class in &self.by_class {
            let wanted = self.drawn(class.len());
            let start = order.len();
            while order.len() < start + wanted {
                let mut round = class.clone();
                rng.shuffle(&mut round);
                round.truncate(start + wanted - order.len());
                order.extend(round);
            }
        }
        rng.shuffle(&mut order);
        order
    }

    fn step(
        &mut self,
        epoch: usize,
        indices: &[usize],
        total: usize,
    ) -> Result<(Outcome, f32, f32), Error> {
        let config = &self.config;
        // The step is in the seed, so that a repeated image is changed in another way each time.
        let stream = (epoch as u64) << 32 | self.state.step as u64;
        let batch = self
            .train
            .batch(indices, &config.augment, config.seed, stream)?;
        let last = self.learner.stages() - 1;
        let first_stage = if epoch < config.head_epochs {
            last
        } else {
            config.first_stage
        };
        let losses = Losses {
            class: config.loss.clone(),
            evidence: config.evidence,
        };
        let mut gradients = vec![0.0; self.parameters.len()];
        let seed = Rng::at(config.seed, 2, self.state.step as u64).next();
        let outcome = self.learner.gradients(
            &mut self.parameters,
            &batch,
            &losses,
            first_stage,
            seed,
            &mut gradients,
        )?;
        if !outcome.class.is_finite() {
            return Err(Error::Training(format!(
                "the loss is no longer a number at step {}: lower the learning rate",
                self.state.step
            )));
        }
        let norm = optim::clip(&mut gradients, config.clip);
        let schedule = Schedule {
            peak: config.rate,
            warmup: (config.warmup * (total / config.epochs) as f32) as usize,
            total,
            floor: config.floor,
        };
        let rate = schedule.at(self.state.step);
        let share = |stage: usize| {
            if stage < first_stage {
                0.0
            } else if stage == last {
                1.0
            } else {
                config.backbone * config.stage_decay.powi((last - 1 - stage) as i32)
            }
        };
        self.optimiser.step(
            &mut self.parameters,
            &gradients,
            self.learner.segments(),
            |s| rate * share(s.stage),
        );
        optim::average(
            &mut self.ema,
            &self.parameters,
            config.ema,
            self.state.step as u64,
        );
        Ok((outcome, norm, rate))
    }

    /// Validates, keeps the best weights; true when patience is lost.
    fn end_epoch(
        &mut self,
        epoch: usize,
        start: Instant,
        validated: &mut impl FnMut(&Validation),
    ) -> Result<bool, Error> {
        let seen = self.state.epoch_seen.max(1);
        let train = (
            self.state.epoch_loss / seen as f64,
            self.state.epoch_right as f32 / seen as f32,
        );
        (
            self.state.epoch_loss,
            self.state.epoch_right,
            self.state.epoch_seen,
        ) = (0.0, 0, 0);
        let due = (epoch + 1).is_multiple_of(self.config.validate_every.max(1))
            || epoch + 1 == self.config.epochs;
        if !due {
            return Ok(false);
        }
        let current = self.current().to_vec();
        let mut figures = validate(&mut self.learner, &current, &self.val, self.config.batch)?;
        figures.epoch = epoch;
        figures.train_loss = train.0 as f32;
        figures.train_accuracy = train.1;
        figures.seconds = start.elapsed().as_secs_f32();
        let score = figures.val_auroc + 0.1 * figures.val_peak_in_box.unwrap_or(0.0);
        if self.state.best_score.is_none_or(|best| score > best) {
            (self.state.best_score, self.state.since_best) = (Some(score), 0);
            self.best = current;
        } else {
            self.state.since_best += 1;
        }
        validated(&figures);
        self.state.history.push(figures);
        Ok(self.config.patience > 0 && self.state.since_best >= self.config.patience)
    }
}

/// Runs the validation images and computes their figures.
///
/// # Errors
/// When an image cannot be read.
pub fn validate<L: Learner>(
    learner: &mut L,
    parameters: &[f32],
    val: &Loader<'_>,
    batch: usize,
) -> Result<Validation, Error> {
    let indices: Vec<usize> = (0..val.samples.len()).collect();
    let (mut probabilities, mut labels) = (Vec::new(), Vec::new());
    let (mut loss, mut right, mut hits, mut marked) = (0.0f64, 0, 0, 0);
    for chunk in indices.chunks(batch) {
        let batch = val.batch(chunk, &Augment::none(), 0, 0)?;
        let answer = learner.answers(parameters, &batch)?;
        let classes = answer.logits.len() / batch.len();
        for (i, (logits, target)) in answer
            .logits
            .chunks_exact(classes)
            .zip(&batch.targets)
            .enumerate()
        {
            let p = softmax(logits);
            loss -= f64::from(p[target.label].max(1e-12).ln());
            right += usize::from((0..classes).all(|c| p[c] <= p[target.label]));
            let boxes = target.boxes.as_deref().unwrap_or(&[]);
            if let (Some((maps, h, w)), false) = (&answer.evidence, boxes.is_empty()) {
                marked += 1;
                let map = &maps[i * h * w..][..h * w];
                let top = (0..map.len())
                    .max_by(|&a, &b| map[a].total_cmp(&map[b]))
                    .unwrap_or(0);
                let (x, y) = ((top % w) as f32 + 0.5, (top / w) as f32 + 0.5);
                let (x, y) = (x / *w as f32, y / *h as f32);
                hits += usize::from(
                    boxes
                        .iter()
                        .any(|b| x >= b[0] && x <= b[2] && y >= b[1] && y <= b[3]),
                );
            }
            probabilities.push(p);
            labels.push(target.label);
        }
    }
    let n = labels.len().max(1);
    Ok(Validation {
        epoch: 0,
        train_loss: 0.0,
        train_accuracy: 0.0,
        val_loss: (loss / n as f64) as f32,
        val_accuracy: right as f32 / n as f32,
        val_auroc: mean_auroc(&probabilities, &labels),
        val_peak_in_box: (marked > 0).then(|| hits as f32 / marked as f32),
        seconds: 0.0,
    })
}

/// Area under the ROC curve: of the second class for two, the mean of one against the rest for
/// more.
fn mean_auroc(probabilities: &[Vec<f32>], labels: &[usize]) -> f32 {
    let classes = probabilities.first().map_or(0, Vec::len);
    let of = |class: usize| {
        let scores: Vec<f32> = probabilities.iter().map(|p| p[class]).collect();
        let truth: Vec<bool> = labels.iter().map(|&l| l == class).collect();
        auroc(&scores, &truth)
    };
    if classes == 2 {
        return of(1);
    }
    let all: Vec<f32> = (0..classes).map(of).filter(|a| a.is_finite()).collect();
    all.iter().sum::<f32>() / all.len().max(1) as f32
}

/// Area under the ROC curve by ranks, ties counted half; NaN without both kinds.
pub fn auroc(scores: &[f32], positive: &[bool]) -> f32 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut rank_sum, mut i) = (0.0f64, 0);
    while i < order.len() {
        let mut j = i;
        while j < order.len() && scores[order[j]] == scores[order[i]] {
            j += 1;
        }
        let rank = (i + j + 1) as f64 / 2.0;
        rank_sum += rank * order[i..j].iter().filter(|&&k| positive[k]).count() as f64;
        i = j;
    }
    let p = positive.iter().filter(|&&x| x).count() as f64;
    let q = positive.len() as f64 - p;
    if p == 0.0 || q == 0.0 {
        return f32::NAN;
    }
    ((rank_sum - p * (p + 1.0) / 2.0) / (p * q)) as f32
}
