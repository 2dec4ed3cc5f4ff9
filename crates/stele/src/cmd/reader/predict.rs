//! `stele reader predict`.

use std::path::PathBuf;

use reader::input::Limits;
use reader::model::LoadedModel;
use reader::predict::{Options, export};
use reader::{input, predict};
use serde_json::json;

use super::super::Failure;
use super::{EngineArg, bar, make_folder, table, write};

/// Arguments of `stele reader predict`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stele reader predict --model fracture hand.dcm\n  \
    stele reader predict --json --out readings/ *.png\n\nExit status: 0 when every file was read or abstained from, 2 when one could not be decoded."
)]
pub(super) struct Args {
    /// Images: DICOM, PNG or JPEG
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A shipped model (fracture, chest) or a model folder; may be given more than once, then the
    /// one that knows the image answers
    #[arg(long, default_values_t = ["fracture".to_owned(), "chest".to_owned()])]
    model: Vec<String>,
    /// Folder for the heatmaps and the other outputs
    #[arg(long, default_value = ".")]
    out: PathBuf,
    /// Leave the heatmaps out
    #[arg(long)]
    no_heatmap: bool,
    /// Another operating point on the calibrated probability
    #[arg(long)]
    threshold: Option<f32>,
    /// Write a FHIR R4 Bundle beside each heatmap
    #[arg(long)]
    fhir: bool,
    /// Write the heatmap as a DICOM Secondary Capture too
    #[arg(long)]
    dicom: bool,
    /// Print a line of JSON per file
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArg,
}

/// `stele reader predict`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if args.threshold.is_some_and(|t| !(0.0..=1.0).contains(&t)) {
        return Err(Failure::usage(
            "the operating point must lie between 0 and 1",
        ));
    }
    let models: Vec<LoadedModel> = args
        .model
        .iter()
        .map(|m| args.engine.open(m))
        .collect::<Result<_, _>>()?;
    make_folder(&args.out)?;
    let progress = (args.files.len() > 1).then(|| bar(args.files.len(), "reading"));
    let mut rows = table(["file", "verdict", "probability", "why not", "heatmap"]);
    let mut failed = 0;
    for file in &args.files {
        match one(args, &models, file) {
            Ok(prediction) if args.json => println!("{}", json!(prediction)),
            Ok(p) => {
                for warning in &p.warnings {
                    eprintln!("{}: {warning}", p.file);
                }
                rows.add_row([
                    p.file,
                    p.verdict.unwrap_or_else(|| "none".into()),
                    p.probability
                        .map_or_else(|| "-".into(), |v| format!("{:.1} %", v * 100.0)),
                    p.abstained.unwrap_or_default(),
                    p.heatmap.unwrap_or_default(),
                ]);
            }
            Err(error) => {
                failed += 1;
                if args.json {
                    println!("{}", json!({ "file": file, "error": error.to_string() }));
                } else {
                    eprintln!("{}: {error}", file.display());
                }
            }
        }
        if let Some(bar) = &progress {
            bar.inc(1);
        }
    }
    if let Some(bar) = &progress {
        bar.finish_and_clear();
    }
    if !args.json {
        println!("{rows}\nDecision support, not a medical device.");
    }
    match failed {
        0 => Ok(()),
        n => Err(Failure::usage(format!(
            "{n} of {} files could not be read",
            args.files.len()
        ))),
    }
}

/// Read one file with the model that knows it best, and write what was asked for.
fn one(
    args: &Args,
    models: &[LoadedModel],
    file: &PathBuf,
) -> Result<predict::Prediction, reader::Error> {
    let options = Options {
        limits: Limits::default(),
        heatmap: !args.no_heatmap,
        threshold: args.threshold,
    };
    let bytes = input::read(file, &options.limits)?;
    let name = file.display().to_string();
    let (mut outcome, model) = predict::first_that_knows(models, &name, &bytes, &options)?;
    let stem = format!(
        "{}-{}",
        file.file_stem()
            .map_or("image".into(), |s| s.to_string_lossy()),
        &outcome.decoded.sha256[..8]
    );
    let mut picture = None;
    if let Some(map) = &outcome.heatmap {
        let (rgb, width, height) = predict::overlay(&outcome.decoded.image, map, 1024);
        let png = predict::png_rgb(&rgb, width, height)?;
        let path = args.out.join(format!("{stem}-heatmap.png"));
        save(&path, &png)?;
        outcome.prediction.heatmap = Some(path.display().to_string());
        if args.dicom {
            let dicom =
                export::secondary_capture(&bytes, &outcome.prediction, &rgb, width, height, now())?;
            save(&args.out.join(format!("{stem}-heatmap.dcm")), &dicom)?;
        }
        picture = Some(png);
    }
    if args.fhir {
        let bundle = export::fhir_bundle(
            &outcome.prediction,
            &model.card,
            &outcome.decoded,
            picture.as_deref(),
            now(),
        );
        let text = serde_json::to_vec_pretty(&bundle).map_err(|e| reader::Error::json(file, e))?;
        save(&args.out.join(format!("{stem}-report.fhir.json")), &text)?;
    }
    Ok(outcome.prediction)
}

fn save(path: &PathBuf, bytes: &[u8]) -> Result<(), reader::Error> {
    write(path, bytes).map_err(|e| reader::Error::Input(e.to_string()))
}

/// Seconds since 1970.
fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}
