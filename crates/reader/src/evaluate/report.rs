//! The files of an evaluation: figures, predictions, plots, the worst mistakes, a card.

use std::fmt::Write as _;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::TextStyle;
use rayon::prelude::*;
use serde_json::Value;

use super::metrics::Ranking;
use super::plots::{Plot, fonts};
use super::{Answer, Evaluation, Known, metrics};
use crate::Error;
use crate::input;
use crate::model::{LoadedModel, ModelJson};
use crate::predict::{decide, overlay, png_rgb};

/// Mistakes on the sheet.
const MISTAKES: usize = 20;
const COLUMNS: usize = 5;
/// Side of a picture on the sheet and height of its caption, pixels.
const TILE: usize = 240;
const CAPTION: usize = 40;

/// Write `evaluation.json`, `predictions.csv`, the plots (SVG and PNG), `mistakes.png` and `card.md`
/// into a folder that exists.
///
/// # Errors
/// When a file cannot be written or the engine fails.
pub fn write(
    folder: &Path,
    model: &LoadedModel,
    data: &Path,
    evaluation: &Evaluation,
) -> Result<(), Error> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|e| Error::file(&path, e))
    };
    let json =
        serde_json::to_vec_pretty(&evaluation.figures).map_err(|e| Error::json(folder, e))?;
    put("evaluation.json", &json)?;
    put(
        "predictions.csv",
        &predictions(&model.card, &evaluation.answers)?,
    )?;
    for (name, plot) in plots(&model.card, evaluation) {
        put(&format!("{name}.svg"), &plot.svg()?)?;
        put(&format!("{name}.png"), &plot.png()?)?;
    }
    if let Some(sheet) = mistakes(model, &evaluation.answers)? {
        put("mistakes.png", &sheet)?;
    }
    put("card.md", card(model, data, evaluation).as_bytes())
}

/// Image by image, for other tools.
fn predictions(card: &ModelJson, answers: &[Answer]) -> Result<Vec<u8>, Error> {
    let failed = |e: csv::Error| Error::Data(format!("the predictions cannot be written: {e}"));
    let mut out = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["path", "label", "group", "verdict", "refused", "in_doubt"];
    header.extend(card.classes.iter().map(String::as_str));
    out.write_record(&header).map_err(failed)?;
    for a in answers {
        let verdict = &card.classes[decide(card, &single(&a.probabilities))];
        let refused = a.refused.as_deref().unwrap_or("");
        let doubtful = if a.doubtful { "1" } else { "0" };
        let mut row: Vec<String> = [&a.name, &a.label, &a.group, verdict]
            .map(Clone::clone)
            .to_vec();
        row.extend([refused.to_owned(), doubtful.to_owned()]);
        row.extend(a.probabilities.iter().map(|p| format!("{p:.6}")));
        out.write_record(&row).map_err(failed)?;
    }
    out.into_inner()
        .map_err(|e| Error::Data(format!("the predictions cannot be written: {e}")))
}

fn single(probabilities: &[f64]) -> Vec<f32> {
    probabilities.iter().map(|p| *p as f32).collect()
}

fn plots(card: &ModelJson, evaluation: &Evaluation) -> Vec<(&'static str, Plot)> {
    let known = Known::of(&evaluation.answers);
    let classes: Vec<usize> = card
        .positive
        .map_or_else(|| (0..card.classes.len()).collect(), |p| vec![p]);
    let curves = |what: &str, area: fn(&Ranking, Option<&[u32]>) -> Option<f64>| -> Vec<_> {
        let line = |c: &usize| {
            let ranking = known.one_against_rest(*c);
            let area =
                area(&ranking, None).map_or_else(String::new, |a| format!(", {what} {a:.3}"));
            (format!("{}{area}", card.classes[*c]), ranking.curve())
        };
        classes.iter().map(line).collect()
    };
    let counts = metrics::confusion(&known.labels, &known.verdicts(card), card.classes.len());
    let bins = known.reliability();
    let ece = metrics::expected_calibration_error(&bins);
    vec![
        ("roc", Plot::roc(&curves("AUROC", Ranking::auroc))),
        (
            "precision-recall",
            Plot::precision_recall(&curves("AP", Ranking::average_precision)),
        ),
        (
            "reliability",
            Plot::Reliability {
                title: format!("Reliability (ECE {ece:.3})"),
                bins,
            },
        ),
        (
            "confusion",
            Plot::Matrix {
                title: "Confusion matrix".into(),
                classes: card.classes.clone(),
                counts,
            },
        ),
    ]
}

/// Names and contents of files.
pub type Files = Vec<(String, Vec<u8>)>;

/// Loss and accuracy over the epochs, out of a run folder's `metrics.jsonl`: file names and bytes;
/// `None` where there is no such file.
///
/// # Errors
/// When the file is damaged.
pub fn curves(folder: &Path) -> Result<Option<Files>, Error> {
    let path = folder.join("metrics.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(None);
    };
    let rows: Vec<Value> = text
        .lines()
        .filter(|l| !l.trim().is_empty())
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .map_err(|e| Error::json(&path, e))?;
    let column = |name: &str| -> Vec<(f64, f64)> {
        rows.iter()
            .filter_map(|r| Some((r["epoch"].as_f64()? + 1.0, r[name].as_f64()?)))
            .collect()
    };
    let mut out = Vec::new();
    for (name, what) in [("loss", "Loss"), ("accuracy", "Accuracy")] {
        let series = vec![
            ("training".to_owned(), column(&format!("train_{name}"))),
            ("validation".to_owned(), column(&format!("val_{name}"))),
        ];
        let points = || series.iter().flat_map(|s| &s.1);
        let last = points().map(|p| p.0).fold(2.0, f64::max);
        let top = points().map(|p| p.1).fold(0.0, f64::max);
        let plot = Plot::Lines {
            title: format!("{what} over the epochs"),
            axes: ("epoch".into(), name.to_owned()),
            x: (1.0, last),
            y: (
                0.0,
                if name == "accuracy" {
                    1.0
                } else {
                    (top * 1.1).max(1e-3)
                },
            ),
            series,
            diagonal: false,
            legend: if name == "accuracy" {
                SeriesLabelPosition::LowerRight
            } else {
                SeriesLabelPosition::UpperRight
            },
        };
        out.push((format!("{name}.svg"), plot.svg()?));
        out.push((format!("{name}.png"), plot.png()?));
    }
    Ok(Some(out))
}

/// The mistakes that the model was surest of, with their heatmaps.
fn mistakes(model: &LoadedModel, answers: &[Answer]) -> Result<Option<Vec<u8>>, Error> {
    let card = &model.card;
    let mut wrong: Vec<(&Answer, usize, usize)> = answers
        .iter()
        .filter_map(|a| {
            a.class
                .map(|truth| (a, truth, decide(card, &single(&a.probabilities))))
        })
        .filter(|(_, truth, said)| truth != said)
        .collect();
    wrong.sort_by(|a, b| a.0.probabilities[a.1].total_cmp(&b.0.probabilities[b.1]));
    wrong.truncate(MISTAKES);
    if wrong.is_empty() {
        return Ok(None);
    }
    let tiles: Vec<Result<_, Error>> = wrong
        .par_iter()
        .map(|(a, _, said)| {
            let image = input::open(&a.path)?.image;
            let map = model.heatmap(&image, card.positive.unwrap_or(*said))?;
            // Small pictures are enlarged, so that all tiles look alike.
            let frame = input::letterbox_frame(image.width, image.height, TILE);
            Ok(overlay(
                &input::resized(&image, frame.width, frame.height),
                &map,
                TILE,
            ))
        })
        .collect();
    let (columns, rows) = (COLUMNS.min(wrong.len()), wrong.len().div_ceil(COLUMNS));
    let (width, height) = (columns * (TILE + 8) + 8, rows * (TILE + CAPTION + 8) + 8);
    let mut rgb = vec![255u8; 3 * width * height];
    let mut captions = Vec::new();
    for (i, (tile, (answer, truth, said))) in tiles.into_iter().zip(&wrong).enumerate() {
        let (pixels, w, h) = tile?;
        let (x, y) = (
            8 + (i % COLUMNS) * (TILE + 8),
            8 + (i / COLUMNS) * (TILE + CAPTION + 8),
        );
        let (left, top) = (x + (TILE - w) / 2, y + (TILE - h) / 2);
        for (row, line) in pixels.chunks_exact(3 * w).enumerate() {
            let start = 3 * ((top + row) * width + left);
            rgb[start..start + 3 * w].copy_from_slice(line);
        }
        let said = format!("{}, was {}", card.classes[*said], card.classes[*truth]);
        let truth = format!(
            "p {:.3} for the truth; {}",
            answer.probabilities[*truth],
            short(&answer.name)
        );
        captions.push((x as i32, (y + TILE + 3) as i32, [said, truth]));
    }
    fonts()?;
    {
        let area =
            BitMapBackend::with_buffer(&mut rgb, (width as u32, height as u32)).into_drawing_area();
        for (x, y, lines) in &captions {
            for (i, line) in lines.iter().enumerate() {
                let style = TextStyle::from(("sans-serif", 13)).color(&BLACK);
                area.draw_text(line, &style, (*x, y + 17 * i as i32))
                    .map_err(|e| Error::Data(format!("the sheet cannot be drawn: {e}")))?;
            }
        }
    }
    png_rgb(&rgb, width, height).map(Some)
}

/// The end of a path, short enough for a caption.
fn short(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let letters: Vec<char> = file.chars().collect();
    letters[letters.len().saturating_sub(16)..].iter().collect()
}

/// A card in Markdown: what the model is and what these figures say.
fn card(model: &LoadedModel, data: &Path, evaluation: &Evaluation) -> String {
    let (card, f) = (&model.card, &evaluation.figures);
    let mut out = format!(
        "# {} {}\n\nDecision support, **not a medical device**.\n\n| | |\n| --- | --- |\n| task | {} |\n| classes | {} |\n\
         | weights | SHA-256 `{}` |\n| input | {} x {} pixels, greyscale, letterboxed |\n| evaluated on | `{}`{} |\n\
         | images, groups | {}, {} |\n\n## Figures\n| figure | value | 95 % interval by group |\n| --- | --- | --- |\n",
        card.name,
        card.version,
        card.task,
        card.classes.join(", "),
        model.sha256(),
        card.size,
        card.size,
        data.file_name().map_or_else(
            || data.display().to_string(),
            |n| n.to_string_lossy().into_owned()
        ),
        f["split"]
            .as_str()
            .map_or_else(String::new, |s| format!(", split `{s}`")),
        f["n"],
        f["n_groups"],
    );
    let number = |v: &Value| {
        v.as_f64()
            .map_or_else(|| "-".to_owned(), |n| format!("{n:.3}"))
    };
    for name in [
        "auroc",
        "average_precision",
        "accuracy",
        "precision",
        "recall",
        "f1",
        "loss",
        "sensitivity_at_specificity_85",
        "sensitivity_at_specificity_95",
        "ece",
        "heatmap_peak_in_box",
        "heatmap_heat_in_box",
        "refused",
        "in_doubt",
    ] {
        let ci = f[format!("{name}_ci")].as_array().filter(|a| a.len() == 2);
        let ci = ci.map_or_else(String::new, |a| {
            format!("{} to {}", number(&a[0]), number(&a[1]))
        });
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| {} | {} | {ci} |",
            name.replace('_', " "),
            number(&f[name])
        );
    }
    for (pair, value) in f["pairs"].as_object().into_iter().flatten() {
        let _ = writeln!(
            out,
            "| AUROC {} | {} | |",
            pair.replace('|', " against "),
            number(value)
        );
    }
    out += "\n## Subgroups\n| column | value | n | AUROC | accuracy | refused |\n| --- | --- | --- | --- | --- | --- |\n";
    for (column, values) in f["subgroups"].as_object().into_iter().flatten() {
        for (value, s) in values.as_object().into_iter().flatten() {
            let _ = writeln!(
                out,
                "| {column} | {value} | {} | {} | {} | {} |",
                s["n"],
                number(&s["auroc"]),
                number(&s["accuracy"]),
                number(&s["refused"])
            );
        }
    }
    out
}
