//! `stele reader evaluate`, `compare` and `verify`.

use std::path::{Path, PathBuf};

use reader::data::Manifest;
use reader::evaluate;
use reader::evaluate::{Evaluation, Options, report};
use reader::model::{ModelJson, store};
use serde_json::{Value, json};

use super::super::{Failure, print};
use super::{EngineArg, bar, make_folder, table, write};

/// Arguments of `stele reader evaluate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stele reader evaluate --model fracture --data fracatlas/manifest.csv --split val\n  \
    stele reader evaluate --model runs/resnet50 --data chest/ --json --out report/"
)]
pub(super) struct Args {
    /// A shipped model (fracture, chest) or a run folder
    #[arg(long)]
    model: String,
    /// A manifest (columns path, label, group; other columns become subgroups; a boxes.csv beside it
    /// scores the heatmaps), a folder with one, or a folder of class folders
    #[arg(long)]
    data: PathBuf,
    /// Only images of this split
    #[arg(long)]
    split: Option<String>,
    /// Write the figures, the plots and the sheet of mistakes into this folder
    #[arg(long)]
    out: Option<PathBuf>,
    /// Leave the heatmaps out
    #[arg(long)]
    no_heatmaps: bool,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArg,
}

/// Arguments of `stele reader compare`.
#[derive(Debug, clap::Args)]
pub(super) struct CompareArgs {
    /// Folders that hold an evaluation.json (run folders, or what `evaluate --out` wrote), or such files
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `stele reader verify`.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// A shipped model (fracture, chest) or a model folder
    model: String,
    /// The data that its published figures came from
    #[arg(long)]
    data: Option<PathBuf>,
    /// The split that they came from
    #[arg(long)]
    split: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArg,
}

/// `stele reader evaluate`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let model = args.engine.open(&args.model)?;
    let options = Options {
        split: args.split.clone(),
        heatmaps: !args.no_heatmaps,
        seed: args.seed,
    };
    let evaluation = measure(&model, &args.data, &options)?;
    for (name, reason) in evaluation.unreadable.iter().take(5) {
        eprintln!("not read: {name}: {reason}");
    }
    if let Some(out) = &args.out {
        make_folder(out)?;
        report::write(out, &model, &args.data, &evaluation).map_err(Failure::work)?;
    }
    print(args.json, &evaluation.figures, text)
}

fn measure(
    model: &reader::model::LoadedModel,
    data: &Path,
    options: &Options,
) -> Result<Evaluation, Failure> {
    let manifest = Manifest::open(data).map_err(|e| {
        Failure::usage(e)
            .hint("give a CSV with the columns path, label and group, or a folder of class folders")
    })?;
    let bar = bar(manifest.samples.len(), "evaluating");
    let evaluation = evaluate::evaluate(model, &manifest, options, |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    evaluation.map_err(Failure::work)
}

/// The figures that are shown with their intervals, and what people call them.
const FIGURES: [(&str, &str); 17] = [
    ("auroc", "AUROC"),
    ("average_precision", "average precision"),
    ("accuracy", "accuracy"),
    ("precision", "precision"),
    ("recall", "recall (sensitivity)"),
    ("f1", "F1"),
    ("loss", "cross-entropy"),
    (
        "sensitivity_at_specificity_85",
        "sensitivity at 85 % specificity",
    ),
    (
        "sensitivity_at_specificity_95",
        "sensitivity at 95 % specificity",
    ),
    (
        "specificity_at_sensitivity_85",
        "specificity at 85 % sensitivity",
    ),
    (
        "specificity_at_sensitivity_95",
        "specificity at 95 % sensitivity",
    ),
    ("ece", "calibration error (ECE)"),
    ("heatmap_peak_in_box", "heatmap peak in a box"),
    ("heatmap_heat_in_box", "share of heat in the boxes"),
    ("refused", "refused"),
    ("refused_other", "others refused"),
    ("in_doubt", "in doubt"),
];

/// A figure, or a dash where it was not measured.
fn figure(value: &Value) -> String {
    value
        .as_f64()
        .map_or_else(|| "-".to_owned(), |n| format!("{n:.4}"))
}

/// The figures for people.
fn text(figures: &Value) -> String {
    let mut out = String::new();
    let mut main = table(["figure", "value", "95 % interval"]);
    for (name, words) in FIGURES {
        let interval = figures[format!("{name}_ci")]
            .as_array()
            .filter(|a| a.len() == 2);
        let interval = interval.map_or_else(String::new, |a| {
            format!("{} to {}", figure(&a[0]), figure(&a[1]))
        });
        main.add_row([words.to_owned(), figure(&figures[name]), interval]);
    }
    out += &format!(
        "{} images, {} groups\n{main}\n",
        figures["n"], figures["n_groups"]
    );
    out += &cross_fitted(&figures["cross_fitted"]);
    if let Some(pairs) = figures["pairs"].as_object() {
        let mut pair_table = table(["pair", "AUROC"]);
        pairs.iter().for_each(|(name, v)| {
            pair_table.add_row([name.clone(), figure(v)]);
        });
        out += &format!("{pair_table}\n");
    }
    out + &by_subgroup(&figures["subgroups"])
}

/// The figures of each subgroup; nothing where there are none.
fn by_subgroup(subgroups: &Value) -> String {
    let mut groups = table([
        "subgroup",
        "value",
        "n",
        "AUROC",
        "sensitivity",
        "specificity",
        "accuracy",
    ]);
    for (column, values) in subgroups.as_object().into_iter().flatten() {
        for (value, f) in values.as_object().into_iter().flatten() {
            let cells = ["auroc", "sensitivity", "specificity", "accuracy"].map(|n| figure(&f[n]));
            let [a, s, p, c] = cells;
            groups.add_row([
                column.clone(),
                value.clone(),
                f["n"].to_string(),
                a,
                s,
                p,
                c,
            ]);
        }
    }
    if groups.row_count() > 0 {
        format!("{groups}\n")
    } else {
        String::new()
    }
}

/// How the calibration does on groups that did not choose it; nothing where that was not measured.
fn cross_fitted(figures: &Value) -> String {
    let show = |name: &str| figure(&figures[name]);
    if !figures.is_object() {
        return String::new();
    }
    format!(
        "calibrated and cut by other groups ({} folds): ECE {}, cross-entropy {}, sensitivity {}, specificity {}\n",
        figures["folds"],
        show("ece"),
        show("loss"),
        show("sensitivity"),
        show("specificity")
    )
}

/// `stele reader compare`.
pub(super) fn compare(args: &CompareArgs) -> Result<(), Failure> {
    let runs: Vec<(String, Value)> = args
        .runs
        .iter()
        .map(|p| read_figures(p))
        .collect::<Result<_, _>>()?;
    let (header, rows) = evaluate::compare(&runs);
    let value: Value = runs
        .iter()
        .map(|(name, figures)| json!({ "model": name, "figures": figures }))
        .collect();
    print(args.json, &value, |_| {
        let mut out = table(header);
        rows.into_iter().for_each(|row| {
            out.add_row(row);
        });
        out.to_string()
    })
}

fn read_figures(path: &Path) -> Result<(String, Value), Failure> {
    let file = if path.is_dir() {
        path.join("evaluation.json")
    } else {
        path.to_owned()
    };
    let bytes = std::fs::read(&file).map_err(|e| {
        Failure::usage(format!("{}: {e}", file.display()))
            .hint("write one with: stele reader evaluate --model MODEL --data DATA --out FOLDER")
    })?;
    let figures: Value = serde_json::from_slice(&bytes)
        .map_err(|e| Failure::usage(format!("{}: {e}", file.display())))?;
    let folder = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(path)
    };
    let name = folder.file_name().map_or_else(
        || folder.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    );
    Ok((name, figures))
}

/// `stele reader verify`.
pub(super) fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let folder = store::find(&args.model).map_err(Failure::usage)?;
    let card = ModelJson::open(&folder).map_err(Failure::work)?;
    // Opening recomputes the digest of the weights and loads them.
    let model = args.engine.open(&args.model)?;
    let mut result = json!({
        "model": card.name, "version": card.version, "task": card.task, "folder": folder,
        "model_sha256": model.sha256(), "digest": "ok",
    });
    if let Some(data) = &args.data {
        let published = read_figures(&folder)?.1;
        let split = args
            .split
            .clone()
            .or_else(|| published["split"].as_str().map(str::to_owned));
        let options = Options {
            split,
            ..Options::default()
        };
        let evaluation = measure(&model, data, &options)?;
        let differences = differences(&published, &evaluation.figures);
        result["figures"] = json!(if differences.is_empty() {
            "ok"
        } else {
            "different"
        });
        result["differences"] = json!(differences);
    }
    print(args.json, &result, |r| {
        let figures = match r["figures"].as_str() {
            None => "not checked (give --data)".to_owned(),
            Some("ok") => "as published".to_owned(),
            Some(_) => format!("different: {}", r["differences"]),
        };
        format!(
            "{} {}\nweights  SHA-256 {}, as described\nfigures  {figures}",
            card.name,
            card.version,
            model.sha256()
        )
    })?;
    if result["figures"] == "different" {
        return Err(Failure::work(
            "the figures are not those that were published",
        ));
    }
    Ok(())
}

/// Figures that differ by more than another engine's rounding explains.
fn differences(published: &Value, found: &Value) -> Vec<Value> {
    const NAMES: [&str; 8] = [
        "n",
        "auroc",
        "average_precision",
        "accuracy",
        "f1",
        "loss",
        "ece",
        "sensitivity_at_specificity_85",
    ];
    let differ = |name: &&str| match (published[*name].as_f64(), found[*name].as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() > 0.005,
        (a, b) => a != b,
    };
    NAMES
        .iter()
        .filter(|n| differ(n))
        .map(|n| json!({ "figure": n, "published": published[*n], "found": found[*n] }))
        .collect()
}

/// What the train command calls when a run has ended.
pub(super) fn report_run(
    folder: &Path,
    data: &[PathBuf],
    engine: &EngineArg,
) -> Result<Value, Failure> {
    let model = engine.open(&folder.display().to_string())?;
    let mut figures = Value::Null;
    for (i, data) in data.iter().enumerate() {
        let split = Some("val".to_owned());
        let manifest = Manifest::open(data).map_err(Failure::usage)?;
        let has_split = manifest.samples.iter().any(|s| s.split == split);
        let options = Options {
            split: split.filter(|_| has_split),
            ..Options::default()
        };
        let evaluation = measure(&model, data, &options)?;
        let target = if i == 0 {
            folder.to_owned()
        } else {
            folder.join(format!("data{}", i + 1))
        };
        make_folder(&target)?;
        report::write(&target, &model, data, &evaluation).map_err(Failure::work)?;
        if i == 0 {
            figures = evaluation.figures;
        }
    }
    if let Some(curves) = report::curves(folder).map_err(Failure::work)? {
        for (name, bytes) in curves {
            write(&folder.join(name), &bytes)?;
        }
    }
    Ok(figures)
}
