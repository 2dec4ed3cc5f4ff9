//! Tells the story: a line per step for people while it happens, one JSON document for programs
//! at the end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::cmd::Failure;

/// What one step did.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Step {
    /// Name in the demo's vocabulary: `admit`, `upload`, …
    pub(crate) step: &'static str,
    /// Whether it did what it should.
    pub(crate) ok: bool,
    /// How long it took, milliseconds.
    pub(crate) ms: u64,
    /// Gas used on chain, the sum of its transactions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gas: Option<u64>,
    /// The (last) transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tx: Option<String>,
    /// What was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cid: Option<String>,
    /// What stands on chain for the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commitment: Option<String>,
    /// The grant it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grant: Option<String>,
    /// What a model read in the radiograph.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) reading: Option<Reading>,
    /// In words: what happened, or why it failed.
    pub(crate) note: String,
}

/// What a model read in the radiograph.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reading {
    /// The class; nothing if the model abstained.
    pub(crate) verdict: Option<String>,
    /// Calibrated probability of the finding, 0 to 1.
    pub(crate) probability: Option<f32>,
    /// SHA-256 of the model's weights.
    pub(crate) model_sha256: String,
    /// Where the heatmap lies, a PNG; nothing if the model drew none.
    pub(crate) heatmap: Option<PathBuf>,
}

/// What a step reports when it worked.
#[derive(Default)]
pub(crate) struct Done {
    note: String,
    gas: Option<u64>,
    tx: Option<String>,
    cid: Option<String>,
    commitment: Option<String>,
    grant: Option<String>,
    reading: Option<Reading>,
}

impl Done {
    /// In words.
    pub(crate) fn new(note: impl Into<String>) -> Self {
        Self {
            note: note.into(),
            ..Self::default()
        }
    }

    /// A transaction's hash and gas; several add up.
    pub(crate) fn tx(mut self, hash: impl ToString, gas: u64) -> Self {
        self.tx = Some(hash.to_string());
        self.gas = Some(self.gas.unwrap_or(0) + gas);
        self
    }

    /// What was stored.
    pub(crate) fn cid(mut self, cid: impl ToString) -> Self {
        self.cid = Some(cid.to_string());
        self
    }

    /// What stands on chain.
    pub(crate) fn commitment(mut self, commitment: impl ToString) -> Self {
        self.commitment = Some(commitment.to_string());
        self
    }

    /// What a model read.
    pub(crate) fn reading(mut self, reading: Reading) -> Self {
        self.reading = Some(reading);
        self
    }

    /// The grant it is about.
    pub(crate) fn grant(mut self, grant: impl ToString) -> Self {
        self.grant = Some(grant.to_string());
        self
    }
}

/// Narrates steps and remembers them.
pub(crate) struct Teller {
    quiet: bool,
    steps: Vec<Step>,
}

impl Teller {
    /// Narrate to standard error, or be quiet and only remember.
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            steps: Vec::new(),
        }
    }

    /// A heading between steps.
    pub(crate) fn chapter(&self, text: &str) {
        if !self.quiet {
            eprintln!("\n{text}");
        }
    }

    /// Run one step: say what it does, wait with a spinner, say what came of it.
    pub(crate) async fn step<T>(
        &mut self,
        name: &'static str,
        saying: &str,
        work: impl Future<Output = Result<(T, Done), Failure>>,
    ) -> Result<T, Failure> {
        let spinner = self.spinner(saying);
        let start = Instant::now();
        let outcome = work.await;
        let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        spinner.finish_and_clear();
        let (result, step) = match outcome {
            Ok((value, done)) => {
                let Done {
                    note,
                    gas,
                    tx,
                    cid,
                    commitment,
                    grant,
                    reading,
                } = done;
                (
                    Ok(value),
                    Step {
                        step: name,
                        ok: true,
                        ms,
                        gas,
                        tx,
                        cid,
                        commitment,
                        grant,
                        reading,
                        note,
                    },
                )
            }
            Err(failure) => {
                let note = failure.to_string();
                (
                    Err(failure),
                    Step {
                        step: name,
                        ms,
                        note,
                        ..Step::default()
                    },
                )
            }
        };
        self.told(&step);
        self.steps.push(step);
        result
    }

    /// What happened, in order.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn spinner(&self, saying: &str) -> ProgressBar {
        if self.quiet {
            return ProgressBar::hidden();
        }
        let spinner = ProgressBar::new_spinner().with_message(saying.to_owned());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {elapsed:>4}") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(120));
        spinner
    }

    fn told(&self, step: &Step) {
        if self.quiet {
            return;
        }
        let mark = if step.ok { "ok    " } else { "FAILED" };
        eprintln!("  {mark} {:<11} {}", step.step, step.note);
    }
}

/// The table at the end: step, CID or commitment, gas, time.
pub(crate) fn table(steps: &[Step]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["step", "CID, commitment or grant", "gas", "ms"]);
    for step in steps {
        let what = step
            .cid
            .as_ref()
            .or(step.commitment.as_ref())
            .or(step.grant.as_ref());
        table.add_row([
            step.step.to_owned(),
            what.map_or_else(String::new, |what| shorten(what)),
            step.gas.map_or_else(String::new, grouped),
            grouped(step.ms),
        ]);
    }
    for column in [2, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// Long ids by their ends.
fn shorten(text: &str) -> String {
    if text.len() <= 24 {
        return text.to_owned();
    }
    format!("{}…{}", &text[..12], &text[text.len() - 8..])
}

/// 1234567 as 1,234,567.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }

    #[tokio::test]
    async fn a_failed_step_is_remembered_with_its_reason() {
        let mut teller = Teller::new(true);
        let work = async { Err::<((), Done), _>(Failure::work("the node refused")) };
        assert!(teller.step("open", "Opening", work).await.is_err());
        assert_eq!(teller.steps().len(), 1);
        assert!(!teller.steps()[0].ok);
        assert_eq!(teller.steps()[0].note, "the node refused");
    }
}
