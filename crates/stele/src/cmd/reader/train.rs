//! `stele reader train`.

use std::path::PathBuf;

use indicatif::ProgressBar;
use reader::model::{Arch, EngineChoice};
use reader::train::{Observer, Progress, RunConfig, Validation};

use super::super::Failure;
use super::{EngineArg, bar, evaluate};

/// Arguments of `stele reader train`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  stele reader train --data fracatlas/manifest.csv --task fracture --model efficientnet-lite0 \\\n    --init efficientnet_lite0.pth --epochs 8 --out runs/fracture"
)]
pub(super) struct Args {
    /// A manifest (columns path, label, group, split) or a folder of class folders, with or without
    /// train, val and test above them; may be given more than once
    #[arg(long, required = true)]
    data: Vec<PathBuf>,
    /// Data of another kind, for the gate that refuses it
    #[arg(long)]
    others: Vec<PathBuf>,
    /// fracture, chest, or another word
    #[arg(long)]
    task: String,
    /// resnet50, vgg16, efficientnet-lite0, efficientnet-lite1 or efficientnet-lite2
    #[arg(long, default_value = "efficientnet-lite0")]
    model: String,
    /// Passes over the training images
    #[arg(long)]
    epochs: Option<usize>,
    /// Side of the input square, a multiple of 32; the network's own without it
    #[arg(long)]
    size: Option<usize>,
    /// Images per step
    #[arg(long)]
    batch: Option<usize>,
    /// Peak learning rate of the head
    #[arg(long)]
    rate: Option<f32>,
    /// Stages of the network that stay frozen, from the input
    #[arg(long)]
    freeze: Option<usize>,
    /// Stop after this many validations without a better one
    #[arg(long)]
    patience: Option<usize>,
    /// First weights to fine-tune: a safetensors file or a PyTorch state dict; without them the
    /// network is trained from fresh weights
    #[arg(long)]
    init: Option<PathBuf>,
    /// Seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// Only images whose column redistributable is 1
    #[arg(long)]
    redistributable_only: bool,
    /// A run's config.json to start from; the other arguments come on top
    #[arg(long)]
    config: Option<PathBuf>,
    /// Run folder
    #[arg(long, default_value = "runs/latest")]
    out: PathBuf,
    /// Go on from the checkpoint in the run folder
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    engine: EngineArg,
}

impl Args {
    fn config(&self) -> Result<RunConfig, Failure> {
        let mut config = match &self.config {
            None => RunConfig::default(),
            Some(path) => {
                let failed =
                    |e: &dyn std::fmt::Display| Failure::usage(format!("{}: {e}", path.display()));
                let bytes = std::fs::read(path).map_err(|e| failed(&e))?;
                serde_json::from_slice(&bytes).map_err(|e| failed(&e))?
            }
        };
        config.data.clone_from(&self.data);
        config.others.clone_from(&self.others);
        config.task.clone_from(&self.task);
        config.arch = Arch::parse(&self.model).map_err(Failure::usage)?;
        config.redistributable_only |= self.redistributable_only;
        config.init = self.init.clone().or(config.init);
        if self.engine.choice()? == EngineChoice::Burn {
            config.engine = EngineChoice::Burn;
        }
        config.size = self.size.unwrap_or(config.size);
        if config.size % 32 != 0 {
            return Err(Failure::usage("--size must be a multiple of 32"));
        }
        let train = &mut config.train;
        train.epochs = self.epochs.unwrap_or(train.epochs);
        train.batch = self.batch.unwrap_or(train.batch);
        train.rate = self.rate.unwrap_or(train.rate);
        train.first_stage = self.freeze.unwrap_or(train.first_stage);
        train.patience = self.patience.unwrap_or(train.patience);
        train.seed = self.seed.unwrap_or(train.seed);
        Ok(config)
    }
}

/// `stele reader train`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = args.config()?;
    let mut terminal = Terminal {
        bar: bar(0, "starting"),
    };
    let summary = reader::train::run(&config, &args.out, args.resume, &mut terminal);
    terminal.bar.finish_and_clear();
    let summary = summary.map_err(Failure::work)?;
    if !summary.finished {
        println!("stopped; go on with the same command and --resume");
        return Ok(());
    }
    let figures = evaluate::report_run(&args.out, &args.data, &args.engine)?;
    let of = |name: &str| {
        figures[name]
            .as_f64()
            .map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"))
    };
    println!(
        "{}: AUROC {}, accuracy {}, ECE {} on the validation images\nweights SHA-256 {}",
        args.out.display(),
        of("auroc"),
        of("accuracy"),
        of("ece"),
        summary.sha256
    );
    Ok(())
}

/// Live figures in the terminal.
struct Terminal {
    bar: ProgressBar,
}

impl Observer for Terminal {
    fn note(&mut self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    fn step(&mut self, p: &Progress) -> bool {
        self.bar.set_length(p.steps as u64);
        self.bar.set_position(p.step as u64);
        self.bar.set_message(format!(
            "epoch {} loss {:.4} accuracy {:.3} {:.1} images/s, {} left",
            p.epoch + 1,
            p.loss,
            p.accuracy,
            p.images_per_second,
            minutes(p.seconds_left)
        ));
        true
    }

    fn epoch(&mut self, v: &Validation) {
        let line = format!(
            "epoch {:>3}  loss {:.4} / {:.4}  accuracy {:.4} / {:.4}  AUROC {:.4}{}  (training / validation)",
            v.epoch + 1,
            v.train_loss,
            v.val_loss,
            v.train_accuracy,
            v.val_accuracy,
            v.val_auroc,
            v.val_peak_in_box
                .map_or_else(String::new, |p| format!("  peak in box {p:.3}")),
        );
        self.bar.suspend(|| eprintln!("{line}"));
    }
}

fn minutes(seconds: f32) -> String {
    let s = seconds.max(0.0) as u64;
    format!("{}:{:02}", s / 60, s % 60)
}
