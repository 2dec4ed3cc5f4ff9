//! `stele record`: upload, approve, list, read, export, verify, erase.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use clap::Subcommand;
use custody::approve::VersionView;
use custody::upload::NewUpload;
use custody::verify::{ChainWitness, Verdict, verify};
use node::client::{self, Session};
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
    #[command(
        after_help = "Example:\n  stele record approve --key maria.key --label 'My wrist' 0x3b…"
    )]
    Approve {
        #[command(flatten)]
        person: PersonArgs,
        /// The version, as `stele record pending` shows it
        record: B256,
        /// The patient's own words for it
        #[arg(long, default_value = "")]
        label: String,
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
                let rows: Vec<String> = pending.iter().map(told).collect();
                if rows.is_empty() {
                    "nothing waits".into()
                } else {
                    rows.join("\n")
                }
            })
        }
        Command::Approve {
            person,
            record,
            label,
        } => {
            let session = person.session().await?;
            let view = waiting(&session, record).await?;
            let opened = session.open_version(&view).await.map_err(refused)?;
            let approved = session
                .approve(&view, &opened, &label)
                .await
                .map_err(refused)?;
            if let Some(act) = approved.act {
                session.settle(act, SETTLE).await.map_err(refused)?;
            }
            super::print(json, &approved, |view| format!("approved\n{}", told(view)))
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
            let lines = person.session().await?.records().await.map_err(refused)?;
            super::print(json, &lines, |lines| {
                let rows: Vec<String> = lines
                    .iter()
                    .map(|line| {
                        let erased = if line.erased { "  erased" } else { "" };
                        let added = super::date(line.added_at);
                        format!(
                            "{}  v{}  {added}  {}{erased}",
                            line.controller, line.versions, line.label
                        )
                    })
                    .collect();
                if rows.is_empty() {
                    "the record is empty".into()
                } else {
                    rows.join("\n")
                }
            })
        }
        Command::Open {
            person,
            controller,
            out,
        } => {
            let session = person.session().await?;
            let (view, parts) = session.whole(controller).await.map_err(refused)?;
            let opened = session.open_version(&view).await.map_err(refused)?;
            std::fs::create_dir_all(&out).map_err(Failure::usage)?;
            let mut written = Vec::new();
            for (name, plain) in parts {
                let part = opened.manifest.part(&name).map_err(Failure::work)?;
                written.push(write_part(&out, part, &plain)?);
            }
            super::print(json, &written, |written| {
                let names: Vec<String> = written.iter().map(|p| p.display().to_string()).collect();
                format!("opened and verified: {}", names.join(", "))
            })
        }
        Command::Export {
            person,
            controller,
            parts,
            out,
        } => {
            let session = person.session().await?;
            let bundle = session.export(controller, &parts).await.map_err(refused)?;
            std::fs::write(&out, bundle.encode()).map_err(|error| {
                Failure::usage(format!("cannot write {}: {error}", out.display()))
            })?;
            super::print(json, &out, |out| {
                format!(
                    "{} is written; anyone can check it with\n  stele record verify {} --rpc URL",
                    out.display(),
                    out.display()
                )
            })
        }
        Command::Verify {
            file,
            rpc,
            from_block,
        } => verified(json, &file, &rpc, from_block).await,
        Command::Erase {
            person,
            controller,
            yes,
        } => {
            if !yes {
                return Err(Failure::usage("erasing is for good")
                    .hint("say --yes; export the record first if it may be needed"));
            }
            let session = person.session().await?;
            let erasure = session.erase(controller).await.map_err(refused)?;
            acted(
                json,
                &session,
                session.act(erasure.act).await.map_err(refused)?,
            )
            .await
        }
    }
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
        file: client::file(&upload.modality, &upload.body_part, bytes),
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
