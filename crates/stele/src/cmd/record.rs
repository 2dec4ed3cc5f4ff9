//! `stele record`: upload, approve, list, read, export, verify, erase; compare.

mod compare;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use api::acts::{ActView, Progress, Wish};
use api::records::VersionView;
use clap::Subcommand;
use client::session::{RecordLine, Session};
use client::verify::{ChainWitness, Verdict, verify};
use custody::model::upload::NewUpload;
use record::{Part, ProofBundle};
use serde::Serialize;

use super::Failure;
use super::person::{PersonArgs, refused};
use super::registry::{SETTLE, acted};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Upload a radiograph with its report and send it to the patient
    #[command(after_help = "Examples:
  stele record upload --key rao.key --patient 0x5e… --report 'No fracture.' wrist.dcm
  stele record upload --key rao.key --patient 0x5e… --report-file report.txt --body-part wrist wrist.png
  stele record upload --key rao.key --patient 0x5e… --corrects 0x3b… --report 'Corrected.' wrist.dcm")]
    Upload(Box<Upload>),
    /// What waits for the patient
    Pending {
        #[command(flatten)]
        person: PersonArgs,
    },
    /// Take a version into the own record
    #[command(after_help = "Examples:
  stele record approve --key maria.key --label 'My wrist' 0x3b…
  stele record approve --key maria.key --below-gwei 8 --within-hours 72 0x3b…
  stele record approve --key maria.key --own-wallet 0x3b…")]
    Approve {
        #[command(flatten)]
        person: PersonArgs,
        /// The version, as `stele record pending` shows it
        record: B256,
        /// The patient's own words for it
        #[arg(long, default_value = "")]
        label: String,
        #[command(flatten)]
        carried: Carried,
    },
    /// How far a signed act is; have it carried now, or name the own wallet's transaction
    #[command(after_help = "Examples:
  stele record act --key maria.key 0x9c…
  stele record act --key maria.key --send-now 0x9c…
  stele record act --key maria.key --sent 0x51… 0x9c…")]
    Act {
        #[command(flatten)]
        person: PersonArgs,
        /// The act, as the command that signed it showed it
        act: B256,
        /// Have the hospital carry it now
        #[arg(long, conflicts_with = "sent")]
        send_now: bool,
        /// The transaction with which an own wallet carries it
        #[arg(long, value_name = "TX")]
        sent: Option<B256>,
    },
    /// Refuse a version, with a reason for its author alone
    #[command(
        after_help = "Example:\n  stele record refuse --key maria.key --reason 'Not my wrist' 0x3b…"
    )]
    Refuse {
        #[command(flatten)]
        person: PersonArgs,
        /// The version
        record: B256,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// The own record
    List {
        #[command(flatten)]
        person: PersonArgs,
    },
    /// Open all parts of an own record and write them to a folder
    #[command(after_help = "Example:\n  stele record open --key maria.key 0x71… --out folder/")]
    Open {
        #[command(flatten)]
        person: PersonArgs,
        /// The record's controller, as `stele record list` shows it
        controller: Address,
        /// Folder for the parts
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Write a proof bundle that anyone can verify
    #[command(after_help = "Example:
  stele record export --key maria.key 0x71… --part image --out wrist.proof")]
    Export {
        #[command(flatten)]
        person: PersonArgs,
        /// The record's controller
        controller: Address,
        /// Part that the bundle shows; the others stay hidden; may be repeated
        #[arg(long = "part", value_name = "NAME")]
        parts: Vec<String>,
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Verify a proof bundle; needs an Ethereum endpoint and nothing else
    #[command(
        after_help = "Example:\n  stele record verify wrist.proof --rpc http://127.0.0.1:8545"
    )]
    Verify {
        /// The bundle
        file: PathBuf,
        /// Ethereum endpoint
        #[arg(long, value_name = "URL")]
        rpc: String,
        /// Read events from this block on, if it is known where the contracts begin
        #[arg(long, default_value_t = 0)]
        from_block: u64,
    },
    /// Compare the patient that an image names with the chosen one; needs no node
    #[command(after_help = "Examples:
  stele record compare --patient rao.json wrist.dcm
  stele record compare --patient patient-bundle.json --json wrist.dcm

Exit status: 0 same, 3 look (a person has to confirm), 4 different; 2 if a file cannot be read.")]
    Compare(compare::Args),
    /// Erase a record: its keys and copies go for good
    #[command(after_help = "Example:\n  stele record erase --key maria.key --yes 0x71…")]
    Erase {
        #[command(flatten)]
        person: PersonArgs,
        /// The record's controller
        controller: Address,
        /// Do it without asking
        #[arg(long)]
        yes: bool,
    },
}

/// How an approval gets to the chain; without a word now, and by the hospital.
#[derive(Debug, clap::Args)]
struct Carried {
    /// Wait until the base fee is this or less
    #[arg(long, value_name = "GWEI", conflicts_with = "own_wallet")]
    below_gwei: Option<f64>,
    /// Wait no longer than so many hours, a week at most
    #[arg(
        long,
        value_name = "HOURS",
        default_value_t = 24,
        requires = "below_gwei"
    )]
    within_hours: u16,
    /// Pay with a wallet of one's own: what it has to send is printed
    #[arg(long)]
    own_wallet: bool,
}

impl Carried {
    fn wish(&self) -> Result<Wish, Failure> {
        if self.own_wallet {
            return Ok(Wish::own());
        }
        let Some(gwei) = self.below_gwei else {
            return Ok(Wish::default());
        };
        if !(gwei > 0.0 && gwei < 1e6) {
            return Err(Failure::usage(
                "--below-gwei is a price between 0 and 1000000",
            ));
        }
        // Within the bounds above no digit before the point is lost.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let wei = (gwei * 1e9) as u64;
        Ok(Wish::cheap(
            wei,
            node::now() + u64::from(self.within_hours) * 3600,
        ))
    }
}

#[derive(Debug, clap::Args)]
struct Upload {
    #[command(flatten)]
    person: PersonArgs,
    /// DICOM, PNG or JPEG
    file: PathBuf,
    /// The patient, as enrolled
    #[arg(long, value_name = "COMMITMENT")]
    patient: B256,
    /// What it is, in a few words
    #[arg(long, default_value = "Radiograph")]
    title: String,
    /// The report
    #[arg(long, conflicts_with = "report_file", default_value = "")]
    report: String,
    /// File with the report
    #[arg(long, value_name = "FILE")]
    report_file: Option<PathBuf>,
    /// Modality of a PNG or JPEG (DICOM files say it themselves)
    #[arg(long, default_value = "DX")]
    modality: String,
    /// Body part of a PNG or JPEG
    #[arg(long, default_value = "")]
    body_part: String,
    /// The version that this one corrects
    #[arg(long, value_name = "VERSION")]
    corrects: Option<B256>,
    /// Trying again with the same key never makes a second record
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    crate::runtime()?.block_on(work(args))
}

async fn work(args: Args) -> Result<(), Failure> {
    let json = args.json;
    match args.command {
        Command::Upload(upload) => uploaded(json, *upload).await,
        Command::Pending { person } => {
            let pending = person.session().await?.pending().await.map_err(refused)?;
            super::print(json, &pending, |pending| {
                lines(pending, "nothing waits", told)
            })
        }
        Command::Approve {
            person,
            record,
            label,
            carried,
        } => approved(json, &person, record, &label, carried.wish()?).await,
        Command::Act {
            person,
            act,
            send_now,
            sent,
        } => {
            let session = person.session().await?;
            let act = match sent {
                Some(tx) => session.sent(act, tx).await,
                None if send_now => session.send_now(act).await,
                None => session.act(act).await,
            };
            super::print(json, &act.map_err(refused)?, carried_later)
        }
        Command::Refuse {
            person,
            record,
            reason,
        } => {
            let session = person.session().await?;
            let view = waiting(&session, record).await?;
            let view = session.refuse(&view, &reason).await.map_err(refused)?;
            super::print(json, &view, |view| format!("refused\n{}", told(view)))
        }
        Command::List { person } => {
            let records = person.session().await?.records().await.map_err(refused)?;
            super::print(json, &records, |records| {
                lines(records, "the record is empty", listed)
            })
        }
        Command::Open {
            person,
            controller,
            out,
        } => opened(json, &person, controller, &out).await,
        Command::Export {
            person,
            controller,
            parts,
            out,
        } => exported(json, &person, controller, &parts, &out).await,
        Command::Verify {
            file,
            rpc,
            from_block,
        } => verified(json, &file, &rpc, from_block).await,
        Command::Compare(args) => compare::run(json, &args),
        Command::Erase {
            person,
            controller,
            yes,
        } => erased(json, &person, controller, yes).await,
    }
}

/// One line for each, or what to say when there is none.
fn lines<T>(all: &[T], none: &str, line: impl Fn(&T) -> String) -> String {
    if all.is_empty() {
        return none.to_owned();
    }
    let lines: Vec<String> = all.iter().map(line).collect();
    lines.join("\n")
}

/// A record of the patient's own index in a line.
fn listed(record: &RecordLine) -> String {
    let erased = if record.erased { "  erased" } else { "" };
    format!(
        "{}  v{}  {}  {}{erased}",
        record.controller,
        record.versions,
        super::date(record.added_at),
        record.label
    )
}

async fn approved(
    json: bool,
    person: &PersonArgs,
    record: B256,
    label: &str,
    wish: Wish,
) -> Result<(), Failure> {
    let session = person.session().await?;
    let view = waiting(&session, record).await?;
    let opened = session.open_version(&view).await.map_err(refused)?;
    let approved = session
        .approve_with(&view, &opened, label, wish)
        .await
        .map_err(refused)?;
    if let Some(act) = approved.act {
        if wish != Wish::default() {
            let act = session.act(act).await.map_err(refused)?;
            return super::print(json, &act, carried_later);
        }
        session.settle(act, SETTLE).await.map_err(refused)?;
    }
    super::print(json, &approved, |view| format!("approved\n{}", told(view)))
}

async fn opened(
    json: bool,
    person: &PersonArgs,
    controller: Address,
    out: &Path,
) -> Result<(), Failure> {
    let session = person.session().await?;
    let (view, parts) = session.whole(controller).await.map_err(refused)?;
    let opened = session.open_version(&view).await.map_err(refused)?;
    std::fs::create_dir_all(out).map_err(Failure::usage)?;
    let mut written = Vec::new();
    for (name, plain) in parts {
        let part = opened.manifest.part(&name).map_err(Failure::work)?;
        written.push(write_part(out, part, &plain)?);
    }
    super::print(json, &written, |written| {
        let names: Vec<String> = written.iter().map(|p| p.display().to_string()).collect();
        format!("opened and verified: {}", names.join(", "))
    })
}

async fn exported(
    json: bool,
    person: &PersonArgs,
    controller: Address,
    parts: &[String],
    out: &PathBuf,
) -> Result<(), Failure> {
    let session = person.session().await?;
    let bundle = session.export(controller, parts).await.map_err(refused)?;
    std::fs::write(out, bundle.encode())
        .map_err(|error| Failure::usage(format!("cannot write {}: {error}", out.display())))?;
    super::print(json, out, |out| {
        format!(
            "{} is written; anyone can check it with\n  stele record verify {} --rpc URL",
            out.display(),
            out.display()
        )
    })
}

async fn erased(
    json: bool,
    person: &PersonArgs,
    controller: Address,
    yes: bool,
) -> Result<(), Failure> {
    if !yes {
        return Err(Failure::usage("erasing is for good")
            .hint("say --yes; export the record first if it may be needed"));
    }
    let session = person.session().await?;
    let erasure = session.erase(controller).await.map_err(refused)?;
    let act = session.act(erasure.act).await.map_err(refused)?;
    acted(json, &session, act).await
}

/// An act in words, with what it waits for.
fn carried_later(act: &ActView) -> String {
    let mut said = format!("{}\nact {}", super::registry::told(act), act.act);
    if let Some(when) = act.held {
        let gwei = when.max_fee_wei as f64 / 1e9;
        let until = super::date(when.until);
        said.push_str(&format!(
            "\nwaits for {gwei} gwei, until {until} at the latest"
        ));
    }
    if let (Some(own), Progress::OwnWallet) = (&act.own, act.progress) {
        said.push_str(&format!(
            "\nto be sent by any account on chain {} before {}, with about {} gas:\n  to    {}\n  data  {}\n\
             then `stele record act --sent TX {}`; otherwise the hospital carries it",
            own.chain_id,
            super::date(own.relay_at),
            own.gas,
            own.to,
            own.data,
            act.act
        ));
    }
    if let Some(error) = &act.error {
        said.push_str(&format!("\n{error}"));
    }
    said
}

async fn uploaded(json: bool, upload: Upload) -> Result<(), Failure> {
    let read = |path: &Path| {
        std::fs::read(path)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
    };
    let bytes = read(&upload.file)?;
    let report = match &upload.report_file {
        Some(path) => String::from_utf8(read(path)?)
            .map_err(|_| Failure::usage(format!("{} is not text", path.display())))?,
        None => upload.report,
    };
    let session = upload.person.session().await?;
    let key = upload.idempotency_key.unwrap_or_else(|| {
        let mut random = [0u8; 16];
        rand_core::Rng::fill_bytes(&mut crate::random::os(), &mut random);
        hex::encode(random)
    });
    let new = NewUpload {
        patient: upload.patient,
        title: upload.title,
        report,
        file: client::session::file(&upload.modality, &upload.body_part, bytes),
        corrects: upload.corrects,
    };
    let view = session.send(&new, &key).await.map_err(refused)?;
    super::print(json, &view, |view| {
        format!("sealed, stored and sent to the patient\n{}", told(view))
    })
}

async fn waiting(session: &Session, record: B256) -> Result<VersionView, Failure> {
    let pending = session.pending().await.map_err(refused)?;
    pending
        .into_iter()
        .find(|view| view.record == record)
        .ok_or_else(|| {
            Failure::usage(format!("{record} does not wait for you"))
                .hint("`stele record pending` lists what does")
        })
}

fn told(view: &VersionView) -> String {
    format!(
        "{}  {} v{}\n  by {} at {}\n  manifest {}",
        view.record,
        view.stage.name(),
        view.version,
        view.author,
        super::date(view.created_at),
        view.manifest
    )
}

/// Write an opened part to a folder. Its name comes from the record's author, so only its safe
/// characters are used.
pub(crate) fn write_part(folder: &Path, part: &Part, plain: &[u8]) -> Result<PathBuf, Failure> {
    let safe: String = part
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let ending = match part.media_type.as_str() {
        "application/dicom" => "dcm",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "application/pdf" => "pdf",
        "application/fhir+json" => "json",
        _ => "bin",
    };
    let path = folder.join(format!("{safe}.{ending}"));
    std::fs::write(&path, plain)
        .map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}

#[derive(Serialize)]
struct Verified {
    file: PathBuf,
    #[serde(flatten)]
    verdict: Verdict,
}

async fn verified(json: bool, file: &Path, rpc: &str, from_block: u64) -> Result<(), Failure> {
    let length = std::fs::metadata(file).map_or(0, |meta| meta.len());
    if length > 64 << 20 {
        return Err(Failure::usage(format!(
            "{} is too large for a proof",
            file.display()
        )));
    }
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    let bundle = ProofBundle::decode(&bytes)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    let deployment = ledger::Deployment {
        chain_id: bundle.chain_id,
        registry: bundle.contracts.registry,
        records: bundle.contracts.records,
        consents: bundle.contracts.consents,
        log: bundle.contracts.log,
        block: from_block,
    };
    let endpoint = Arc::new(ledger::Rpc::connect(rpc).map_err(Failure::work)?);
    let chain = ledger::Chain::connect(endpoint, deployment)
        .await
        .map_err(|error| {
            Failure::work(error)
                .hint("the bundle is for another chain, or the endpoint is another chain's")
        })?;
    let witness = ChainWitness::read(chain).await.map_err(Failure::work)?;
    let verdict = verify(&bundle, &witness).await.map_err(Failure::work)?;
    let holds = verdict.holds;
    let report = Verified {
        file: file.to_owned(),
        verdict,
    };
    super::print(json, &report, |report| {
        let mut text = format!(
            "{}\ncommitment {}\nparts shown: {}; hidden: {}; log entries included: {}",
            if report.verdict.holds {
                "VERIFIED"
            } else {
                "DOES NOT HOLD"
            },
            report.verdict.commitment,
            report.verdict.parts.join(", "),
            report.verdict.hidden,
            report.verdict.log_entries
        );
        for finding in &report.verdict.findings {
            let mark = if finding.holds { "yes" } else { "NO " };
            let note = finding
                .note
                .as_ref()
                .map_or_else(String::new, |note| format!(" ({note})"));
            text.push_str(&format!("\n  {mark} {}{note}", finding.fact));
        }
        text
    })?;
    if holds {
        Ok(())
    } else {
        Err(Failure::work("the proof does not hold"))
    }
}

#[cfg(test)]
mod tests {
    use api::acts::Payer;
    use clap::Parser;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        carried: Carried,
    }

    fn wish(line: &str) -> Option<Wish> {
        let words = ["approve"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).ok()?.carried.wish().ok()
    }

    #[test]
    fn an_approval_is_carried_as_the_patient_says() {
        assert_eq!(wish(""), Some(Wish::default()));
        assert_eq!(wish("--own-wallet").map(|w| w.payer), Some(Payer::Own));
        let before = node::now();
        let when = wish("--below-gwei 0.25 --within-hours 48").and_then(|w| w.when);
        let when = when.map(|w| (w.max_fee_wei, (w.until - before) / 3600));
        assert_eq!(when, Some((250_000_000, 48)));
        for wrong in [
            "--below-gwei 0",
            "--below-gwei NaN",
            "--below-gwei 1e9",
            "--within-hours 3",
            "--own-wallet --below-gwei 3",
        ] {
            assert_eq!(wish(wrong), None, "{wrong}");
        }
    }
}
