//! Figures that deserve belief: intervals by group, subgroups apart, refusals counted.

mod cross;
pub mod metrics;
pub mod plots;
pub mod report;

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::data::{BoxF, Manifest, Sample};
use crate::input::{self, Image};
use crate::model::{Heatmap, LoadedModel, ModelJson};
use metrics::{Counts, Interval, Ranking};

/// Bars of the reliability diagram and of the calibration error.
pub const BINS: usize = 10;
/// Resamples of the bootstrap.
const RESAMPLES: usize = 1_000;
/// Images decoded at a time.
const CHUNK: usize = 32;
/// Values of a column beyond which it is no subgrouping.
const MAX_VALUES: usize = 16;

/// A figure of a ranking, of all images or of a resample of them.
type Figure<'a> = &'a dyn Fn(&Ranking, Option<&[u32]>) -> Option<f64>;

/// How to evaluate.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only images of this split, where the manifest has splits.
    pub split: Option<String>,
    /// Whether heatmaps are computed and scored against the boxes.
    pub heatmaps: bool,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            split: None,
            heatmaps: true,
            seed: 1,
        }
    }
}

/// What a model said about one image of a data set.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// Where the file is.
    #[serde(skip)]
    pub path: PathBuf,
    /// Path as the manifest writes it.
    pub name: String,
    /// Label in the manifest.
    pub label: String,
    /// The label's class, `None` where the model does not know it.
    pub class: Option<usize>,
    /// Patient or other group.
    pub group: String,
    /// The manifest's other columns.
    pub attributes: BTreeMap<String, String>,
    /// Calibrated probabilities by class.
    pub probabilities: Vec<f64>,
    /// The network's outputs.
    pub logits: Vec<f64>,
    /// Why the image would not be read, `None` where it would.
    pub refused: Option<String>,
    /// Whether the model is in doubt between verdicts.
    pub doubtful: bool,
    /// Whether the heatmap's peak lies in a marked box, and the share of heat inside the boxes.
    pub heat: Option<(bool, f64)>,
}

/// An evaluation: what was said image by image, and the figures.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Image by image, in the manifest's order.
    pub answers: Vec<Answer>,
    /// Files that could not be decoded, with the reason.
    pub unreadable: Vec<(String, String)>,
    /// The figures, under the names that `stele reader evaluate --json` prints.
    pub figures: Value,
}

/// Run a model over a manifest. `progress(done, all)` is called now and then.
///
/// Every image of a known label counts in the figures, also those that the model would refuse:
/// refusing what is hard must not make a figure better.
///
/// # Errors
/// When no image of a known label can be read, or the engine fails.
pub fn evaluate(
    model: &LoadedModel,
    manifest: &Manifest,
    options: &Options,
    mut progress: impl FnMut(usize, usize),
) -> Result<Evaluation, Error> {
    let wanted = |s: &&Sample| options.split.is_none() || s.split == options.split;
    let samples: Vec<&Sample> = manifest.samples.iter().filter(wanted).collect();
    let (mut answers, mut unreadable) = (Vec::with_capacity(samples.len()), Vec::new());
    for chunk in samples.chunks(CHUNK) {
        progress(answers.len() + unreadable.len(), samples.len());
        let decoded: Vec<_> = chunk.par_iter().map(|s| input::open(&s.path)).collect();
        let mut readable = Vec::with_capacity(chunk.len());
        for (sample, decoded) in chunk.iter().zip(decoded) {
            match decoded {
                Ok(decoded) => readable.push((*sample, decoded)),
                Err(e) => unreadable.push((sample.name.clone(), e.to_string())),
            }
        }
        let images: Vec<&Image> = readable.iter().map(|(_, d)| &d.image).collect();
        for ((sample, decoded), reading) in readable.iter().zip(model.read_batch(&images)?) {
            let class = model.card.classes.iter().position(|c| *c == sample.label);
            let quality = input::quality(decoded);
            let refused = crate::predict::refusal(&model.card, decoded, &quality, &reading);
            let heat = match (class, options.heatmaps && !sample.boxes.is_empty()) {
                (Some(class), true) => Some(heat_in_boxes(
                    &model.heatmap(&decoded.image, class)?,
                    &sample.boxes,
                )),
                _ => None,
            };
            answers.push(Answer {
                path: sample.path.clone(),
                name: sample.name.clone(),
                label: sample.label.clone(),
                class,
                group: sample.group.clone(),
                attributes: sample.attributes.clone(),
                probabilities: reading
                    .probabilities
                    .iter()
                    .map(|p| f64::from(*p))
                    .collect(),
                logits: reading.logits.iter().map(|p| f64::from(*p)).collect(),
                refused,
                doubtful: crate::predict::in_doubt(&model.card, &reading.probabilities),
                heat,
            });
        }
    }
    progress(samples.len(), samples.len());
    let mut figures = figures(&model.card, &answers, options.seed)?;
    figures.insert("model_sha256".into(), json!(model.sha256()));
    figures.insert("engine".into(), json!(model.engine()));
    figures.insert("unreadable".into(), json!(unreadable.len()));
    figures.insert("split".into(), json!(options.split));
    Ok(Evaluation {
        answers,
        unreadable,
        figures: Value::Object(figures),
    })
}

/// Whether the peak lies in a box, and the share of all heat that lies in the boxes, on a grid over
/// the picture that is finer than any heatmap.
fn heat_in_boxes(map: &Heatmap, boxes: &[BoxF]) -> (bool, f64) {
    const GRID: usize = 96;
    let inside = |point: (f32, f32)| boxes.iter().any(|b| b.contains(point));
    let (mut all, mut within) = (0.0f64, 0.0f64);
    for i in 0..GRID * GRID {
        let point = (
            ((i % GRID) as f32 + 0.5) / GRID as f32,
            ((i / GRID) as f32 + 0.5) / GRID as f32,
        );
        let heat = f64::from(map.at(point.0, point.1));
        all += heat;
        if inside(point) {
            within += heat;
        }
    }
    (
        inside(map.peak()),
        if all > 0.0 { within / all } else { 0.0 },
    )
}

/// The figures of a set of answers.
///
/// # Errors
/// When no answer has a label that the model knows.
pub fn figures(
    card: &ModelJson,
    answers: &[Answer],
    seed: u64,
) -> Result<Map<String, Value>, Error> {
    let known = Known::of(answers);
    if known.labels.is_empty() {
        let names: Vec<&str> = answers.iter().take(3).map(|a| a.label.as_str()).collect();
        return Err(Error::Data(format!(
            "no image has a label that the model knows ({}); the labels are {}",
            card.classes.join(", "),
            names.join(", ")
        )));
    }
    let mut out = Map::new();
    let mut set = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    set("task", json!(card.task));
    set("classes", json!(card.classes));
    set("n", json!(known.labels.len()));
    set(
        "n_groups",
        json!(known.groups.iter().max().map_or(0, |g| g + 1)),
    );
    set("n_by_class", json!(known.by_class(card)));
    for (name, value) in known.ranked(card, seed) {
        set(&name, value);
    }
    let matrix = metrics::confusion(&known.labels, &known.verdicts(card), card.classes.len());
    let counts = Counts::of(&matrix, card.positive);
    set("accuracy", json!(counts.accuracy));
    set("precision", json!(counts.precision));
    set("recall", json!(counts.recall));
    set("f1", json!(counts.f1));
    set(
        "confusion",
        json!({ "classes": card.classes, "truth_by_verdict": matrix }),
    );
    set("threshold", json!(card.positive.map(|_| card.threshold)));
    set(
        "loss",
        json!(metrics::cross_entropy(&known.probabilities, &known.labels)),
    );
    let bins = known.reliability();
    set("ece", json!(metrics::expected_calibration_error(&bins)));
    set("reliability", json!(bins));
    set("temperature", json!(card.temperature));
    set(
        "best_temperature",
        json!(metrics::temperature(&known.logits, &known.labels)),
    );
    set(
        "cross_fitted",
        json!(cross::cross_fitted(&known, card, seed)),
    );
    refusals(answers, &mut set);
    heat(answers, seed, &mut set);
    set("subgroups", Value::Object(subgroups(card, answers)));
    Ok(out)
}

/// The answers of known labels, in columns.
struct Known {
    labels: Vec<usize>,
    probabilities: Vec<Vec<f64>>,
    logits: Vec<Vec<f64>>,
    groups: Vec<usize>,
}

impl Known {
    fn of<'a>(answers: impl IntoIterator<Item = &'a Answer>) -> Self {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut known = Self {
            labels: Vec::new(),
            probabilities: Vec::new(),
            logits: Vec::new(),
            groups: Vec::new(),
        };
        for (answer, class) in answers.into_iter().filter_map(|a| a.class.map(|c| (a, c))) {
            let next = numbers.len();
            known
                .groups
                .push(*numbers.entry(&answer.group).or_insert(next));
            known.labels.push(class);
            known.probabilities.push(answer.probabilities.clone());
            known.logits.push(answer.logits.clone());
        }
        known
    }

    fn by_class(&self, card: &ModelJson) -> BTreeMap<String, usize> {
        let count = |c: usize| self.labels.iter().filter(|l| **l == c).count();
        card.classes
            .iter()
            .enumerate()
            .map(|(c, name)| (name.clone(), count(c)))
            .collect()
    }

    /// The class that the operating point, or else the largest probability, decides for.
    fn verdicts(&self, card: &ModelJson) -> Vec<usize> {
        self.probabilities
            .iter()
            .map(|p| crate::predict::decide(card, &p.iter().map(|v| *v as f32).collect::<Vec<_>>()))
            .collect()
    }

    /// Whether the most likely class came true as often as its probability says.
    fn reliability(&self) -> Vec<metrics::Bin> {
        metrics::reliability_of(&self.probabilities, &self.labels, BINS)
    }

    fn one_against_rest(&self, class: usize) -> Ranking {
        let scores: Vec<f64> = self.probabilities.iter().map(|p| p[class]).collect();
        let truth: Vec<bool> = self.labels.iter().map(|l| *l == class).collect();
        Ranking::new(&scores, &truth)
    }

    /// The figures that rest on the order of the scores: of the positive class, or the mean of each
    /// class against the rest.
    fn ranked(&self, card: &ModelJson, seed: u64) -> Vec<(String, Value)> {
        let classes: Vec<usize> = card
            .positive
            .map_or_else(|| (0..card.classes.len()).collect(), |p| vec![p]);
        let rankings: Vec<Ranking> = classes.iter().map(|c| self.one_against_rest(*c)).collect();
        let mean = |figure: &dyn Fn(&Ranking) -> Option<f64>| {
            let values: Vec<f64> = rankings.iter().filter_map(figure).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let interval = |figure: Figure<'_>| -> Interval {
            metrics::bootstrap(&self.groups, RESAMPLES, seed, |w| {
                mean(&|r| figure(r, Some(w)))
            })
        };
        let auroc = mean(&|r| r.auroc(None));
        let mut out = vec![
            ("auroc".to_owned(), json!(auroc)),
            ("auroc_ci".to_owned(), json!(interval(&Ranking::auroc))),
            (
                "average_precision".to_owned(),
                json!(mean(&|r| r.average_precision(None))),
            ),
            (
                "average_precision_ci".to_owned(),
                json!(interval(&Ranking::average_precision)),
            ),
        ];
        for share in [85, 95] {
            let at = f64::from(share) / 100.0;
            out.push((
                format!("sensitivity_at_specificity_{share}"),
                json!(mean(&|r| r.sensitivity_at(at, None))),
            ));
            out.push((
                format!("sensitivity_at_specificity_{share}_ci"),
                json!(interval(&|r, w| r.sensitivity_at(at, w))),
            ));
            out.push((
                format!("specificity_at_sensitivity_{share}"),
                json!(mean(&|r| r.specificity_at(at, None))),
            ));
        }
        if card.classes.len() > 2 {
            out.push(("macro_auroc".to_owned(), json!(auroc)));
            out.push(("pairs".to_owned(), json!(self.pairs(card))));
        }
        out
    }

    /// AUROC of each pair of classes among the images of these two, by the share that the second has
    /// of their common probability.
    fn pairs(&self, card: &ModelJson) -> BTreeMap<String, Option<f64>> {
        let mut out = BTreeMap::new();
        for a in 0..card.classes.len() {
            for b in a + 1..card.classes.len() {
                let chosen: Vec<usize> = (0..self.labels.len())
                    .filter(|i| self.labels[*i] == a || self.labels[*i] == b)
                    .collect();
                let score = |i: usize| {
                    self.probabilities[i][b]
                        / (self.probabilities[i][a] + self.probabilities[i][b]).max(1e-30)
                };
                let scores: Vec<f64> = chosen.iter().map(|i| score(*i)).collect();
                let truth: Vec<bool> = chosen.iter().map(|i| self.labels[*i] == b).collect();
                let name = format!("{}|{}", card.classes[a], card.classes[b]);
                out.insert(name, Ranking::new(&scores, &truth).auroc(None));
            }
        }
        out
    }
}

/// Shares of images that the model declines to read.
fn refusals(answers: &[Answer], set: &mut impl FnMut(&str, Value)) {
    let share = |of: Vec<&Answer>, is: &dyn Fn(&Answer) -> bool| {
        (!of.is_empty()).then(|| of.iter().filter(|a| is(a)).count() as f64 / of.len() as f64)
    };
    let known = || {
        answers
            .iter()
            .filter(|a| a.class.is_some())
            .collect::<Vec<_>>()
    };
    let other = || {
        answers
            .iter()
            .filter(|a| a.class.is_none())
            .collect::<Vec<_>>()
    };
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in known().iter().filter_map(|a| a.refused.as_deref()) {
        *reasons.entry(reason).or_default() += 1;
    }
    set("refused", json!(share(known(), &|a| a.refused.is_some())));
    set("refused_reasons", json!(reasons));
    set(
        "in_doubt",
        json!(share(known(), &|a| a.refused.is_none() && a.doubtful)),
    );
    set("n_other", json!(other().len()));
    set(
        "refused_other",
        json!(share(other(), &|a| a.refused.is_some())),
    );
}

/// How well heatmaps meet the marked boxes.
fn heat(answers: &[Answer], seed: u64, set: &mut impl FnMut(&str, Value)) {
    let scored: Vec<(&Answer, bool, f64)> = answers
        .iter()
        .filter_map(|a| a.heat.map(|(p, s)| (a, p, s)))
        .collect();
    let n = scored.len();
    let share = |hits: usize| (n > 0).then(|| hits as f64 / n as f64);
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let groups: Vec<usize> = scored
        .iter()
        .map(|(a, ..)| {
            let next = numbers.len();
            *numbers.entry(&a.group).or_insert(next)
        })
        .collect();
    let interval = metrics::bootstrap(&groups, if n > 0 { RESAMPLES } else { 0 }, seed, |w| {
        let total: u32 = w.iter().sum();
        let hits: u32 = scored
            .iter()
            .zip(w)
            .filter(|((_, hit, _), _)| *hit)
            .map(|(_, w)| w)
            .sum();
        (total > 0).then(|| f64::from(hits) / f64::from(total))
    });
    set("heatmap_n", json!(n));
    set(
        "heatmap_peak_in_box",
        json!(share(scored.iter().filter(|(_, hit, _)| *hit).count())),
    );
    set("heatmap_peak_in_box_ci", json!(interval));
    set(
        "heatmap_heat_in_box",
        json!((n > 0).then(|| scored.iter().map(|(.., s)| s).sum::<f64>() / n as f64)),
    );
}

/// The figures of each value of each column that divides the images into a few kinds.
fn subgroups(card: &ModelJson, answers: &[Answer]) -> Map<String, Value> {
    let mut columns: BTreeMap<&str, BTreeMap<String, Vec<&Answer>>> = BTreeMap::new();
    for answer in answers.iter().filter(|a| a.class.is_some()) {
        for (column, value) in &answer.attributes {
            if let Some(value) = kind(column, value) {
                columns
                    .entry(column)
                    .or_default()
                    .entry(value)
                    .or_default()
                    .push(answer);
            }
        }
    }
    let mut out = Map::new();
    for (column, values) in columns {
        if values.len() > MAX_VALUES || values.len() < 2 {
            continue;
        }
        let table: Map<String, Value> = values
            .into_iter()
            .map(|(v, of)| (v, subgroup(card, &of)))
            .collect();
        out.insert(column.to_owned(), Value::Object(table));
    }
    out
}

/// The value of a column for subgrouping; ages go into four ranges.
fn kind(column: &str, value: &str) -> Option<String> {
    let value = value.trim();
    if matches!(column, "split" | "url") || value.is_empty() {
        return None;
    }
    if column != "age" {
        return Some(value.to_owned());
    }
    let years: f64 = value.parse().ok()?;
    let range = match years {
        y if y < 18.0 => "under 18",
        y if y < 40.0 => "18 to 39",
        y if y < 65.0 => "40 to 64",
        _ => "65 and over",
    };
    Some(range.to_owned())
}

fn subgroup(card: &ModelJson, answers: &[&Answer]) -> Value {
    let known = Known::of(answers.iter().copied());
    let matrix = metrics::confusion(&known.labels, &known.verdicts(card), card.classes.len());
    let refused =
        answers.iter().filter(|a| a.refused.is_some()).count() as f64 / answers.len().max(1) as f64;
    let ece = metrics::expected_calibration_error(&known.reliability());
    let mut out = json!({
        "n": known.labels.len(),
        "n_by_class": known.by_class(card),
        "accuracy": Counts::of(&matrix, card.positive).accuracy,
        "refused": refused,
        "ece": ece,
    });
    if let Some(positive) = card.positive {
        let ranking = known.one_against_rest(positive);
        let negatives: u32 = matrix
            .iter()
            .enumerate()
            .filter(|(c, _)| *c != positive)
            .flat_map(|(_, row)| row)
            .sum();
        let false_alarms: u32 = (0..matrix.len())
            .filter(|c| *c != positive)
            .map(|c| matrix[c][positive])
            .sum();
        let positives: u32 = matrix[positive].iter().sum();
        let share = |n: u32, of: u32| (of > 0).then(|| f64::from(n) / f64::from(of));
        out["auroc"] = json!(ranking.auroc(None));
        out["average_precision"] = json!(ranking.average_precision(None));
        out["sensitivity"] = json!(share(matrix[positive][positive], positives));
        out["specificity"] = json!(share(negatives - false_alarms, negatives));
    } else {
        let each: Vec<f64> = (0..card.classes.len())
            .filter_map(|c| known.one_against_rest(c).auroc(None))
            .collect();
        out["auroc"] =
            json!((!each.is_empty()).then(|| each.iter().sum::<f64>() / each.len() as f64));
        out["pairs"] = json!(known.pairs(card));
    }
    out
}

/// A table of several evaluations side by side: one row each, one column per figure.
#[must_use]
pub fn compare(runs: &[(String, Value)]) -> (Vec<String>, Vec<Vec<String>>) {
    const COLUMNS: [(&str, &str); 11] = [
        ("auroc", "AUROC"),
        ("auroc_ci", "95 % interval"),
        ("average_precision", "AP"),
        ("accuracy", "accuracy"),
        ("precision", "precision"),
        ("recall", "recall"),
        ("f1", "F1"),
        ("loss", "loss"),
        ("sensitivity_at_specificity_85", "sens. @ spec. 85 %"),
        ("ece", "ECE"),
        ("heatmap_peak_in_box", "peak in box"),
    ];
    let header = std::iter::once("model".to_owned())
        .chain(COLUMNS.iter().map(|c| c.1.to_owned()))
        .collect();
    let cell = |value: &Value| match value {
        Value::Number(n) => format!("{:.3}", n.as_f64().unwrap_or(f64::NAN)),
        Value::Array(a) if a.len() == 2 => {
            let of = |i: usize| a[i].as_f64().unwrap_or(f64::NAN);
            format!("{:.3} to {:.3}", of(0), of(1))
        }
        _ => "-".to_owned(),
    };
    let rows = runs
        .iter()
        .map(|(name, figures)| {
            std::iter::once(name.clone())
                .chain(COLUMNS.iter().map(|c| cell(&figures[c.0])))
                .collect()
        })
        .collect();
    (header, rows)
}
