//! `stele consent`: ask for access, grant it, open what was granted, revoke.

use std::path::PathBuf;

use alloy_primitives::{Address, B256};
use clap::Subcommand;
use client::session::Session;
use record::grant::{NewGrant, NewRequest};
use record::{GrantDocument, Purpose, Recipient, RequestDocument};
use serde::Serialize;

use super::Failure;
use super::person::{PersonArgs, refused};
use super::registry::acted;

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
    /// Ask a patient for access
    #[command(after_help = "Example:
  stele consent request --key okafor.key --home 0xA1… --patient 0x5e… --part image \\
      --purpose TREAT --days 7 --reason 'Second opinion'")]
    Request(Box<AskArgs>),
    /// Requests that wait for an answer, or that were made
    Requests {
        #[command(flatten)]
        person: PersonArgs,
    },
    /// Grant parts of a record to a person
    #[command(after_help = "Example:
  stele consent grant --key maria.key --record 0x71… --to 0xB2… --part image --purpose TREAT --days 7")]
    Grant(Box<GrantArgs>),
    /// Grants given and received
    List {
        #[command(flatten)]
        person: PersonArgs,
    },
    /// Open what was granted and write the parts to a folder
    #[command(after_help = "Example:\n  stele consent open --key okafor.key 0x9c… --out folder/")]
    Open {
        #[command(flatten)]
        person: PersonArgs,
        /// The grant
        grant: B256,
        /// Folder for the opened parts
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Revoke a grant
    #[command(after_help = "Example:\n  stele consent revoke --key maria.key 0x9c…")]
    Revoke {
        #[command(flatten)]
        person: PersonArgs,
        /// The grant
        grant: B256,
    },
}

#[derive(Debug, clap::Args)]
struct AskArgs {
    #[command(flatten)]
    person: PersonArgs,
    #[command(flatten)]
    terms: Terms,
    /// The patient's hospital
    #[arg(long, value_name = "WALLET")]
    home: Address,
    /// The patient, as enrolled there
    #[arg(long, value_name = "COMMITMENT")]
    patient: B256,
    /// Why, in words that only the patient reads
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Debug, clap::Args)]
struct GrantArgs {
    #[command(flatten)]
    person: PersonArgs,
    #[command(flatten)]
    terms: Terms,
    /// The record's controller, as `stele record list` shows it
    #[arg(long, value_name = "CONTROLLER")]
    record: Address,
    /// Who gets access
    #[arg(long, value_name = "WALLET", required_unless_present = "request")]
    to: Option<Address>,
    /// The request that this answers
    #[arg(long, value_name = "REQUEST")]
    request: Option<B256>,
}

/// What is asked for or given.
#[derive(Debug, clap::Args)]
struct Terms {
    /// Part, for example image or document; may be repeated
    #[arg(long = "part", required = true, value_name = "NAME")]
    parts: Vec<String>,
    /// HL7 purpose of use, for example TREAT, ETREAT, HPAYMT, HRESCH, PATRQT
    #[arg(long, default_value = "TREAT", value_parser = purpose)]
    purpose: Purpose,
    /// For how many days
    #[arg(long, default_value_t = 7)]
    days: u32,
}

fn purpose(text: &str) -> Result<Purpose, String> {
    let known = || {
        Purpose::ALL
            .iter()
            .map(|p| p.code())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let found = Purpose::ALL.iter().find(|purpose| purpose.code() == text);
    found
        .copied()
        .ok_or_else(|| format!("`{text}` is none of {}", known()))
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    crate::runtime()?.block_on(work(args))
}

async fn work(args: Args) -> Result<(), Failure> {
    let json = args.json;
    match args.command {
        Command::Request(ask) => asked(json, *ask).await,
        Command::Requests { person } => {
            let requests = person.session().await?.requests().await.map_err(refused)?;
            let lines: Result<Vec<RequestLine>, Failure> =
                requests.iter().map(RequestLine::of).collect();
            super::print(json, &lines?, |lines| {
                let rows: Vec<String> = lines.iter().map(RequestLine::told).collect();
                if rows.is_empty() {
                    "no requests".into()
                } else {
                    rows.join("\n")
                }
            })
        }
        Command::Grant(grant) => granted(json, *grant).await,
        Command::List { person } => {
            let grants = person.session().await?.grants().await.map_err(refused)?;
            let lines: Result<Vec<GrantLine>, Failure> = grants.iter().map(GrantLine::of).collect();
            super::print(json, &lines?, |lines| {
                let rows: Vec<String> = lines.iter().map(GrantLine::told).collect();
                if rows.is_empty() {
                    "no grants".into()
                } else {
                    rows.join("\n")
                }
            })
        }
        Command::Open { person, grant, out } => open(json, &person, grant, out).await,
        Command::Revoke { person, grant } => {
            let session = person.session().await?;
            let view = session.revoke(grant).await.map_err(refused)?;
            let act = view
                .revocation
                .ok_or_else(|| Failure::work("nothing was sent"))?;
            acted(json, &session, session.act(act).await.map_err(refused)?).await
        }
    }
}

async fn asked(json: bool, ask: AskArgs) -> Result<(), Failure> {
    let session = ask.person.session().await?;
    let now = node::now();
    let me = session.keys().address();
    let new = NewRequest {
        requester: me,
        recipient: Recipient::Person(me),
        patient: ask.patient,
        commitment: None,
        parts: ask.terms.parts,
        purpose: ask.terms.purpose,
        reason: ask.reason,
        from: now,
        until: now + u64::from(ask.terms.days) * 86_400,
    };
    let (request, act) = session.ask(ask.home, new).await.map_err(refused)?;
    session
        .settle(act, super::registry::SETTLE)
        .await
        .map_err(refused)?;
    super::print(json, &request, |request| format!("asked: {}", request.id))
}

async fn granted(json: bool, grant: GrantArgs) -> Result<(), Failure> {
    let session = grant.person.session().await?;
    let to = match (grant.to, grant.request) {
        (Some(to), _) => to,
        (None, Some(request)) => requester(&session, request).await?,
        (None, None) => return Err(Failure::usage("name a recipient with --to or --request")),
    };
    let now = node::now();
    let new = NewGrant {
        recipient: Recipient::Person(to),
        controller: grant.record,
        // The client fills in the current version's.
        commitment: B256::ZERO,
        parts: grant.terms.parts,
        purpose: grant.terms.purpose,
        from: now,
        until: now + u64::from(grant.terms.days) * 86_400,
        request: grant.request,
    };
    let view = session.grant(new).await.map_err(refused)?;
    if let Some(act) = view.act {
        session
            .settle(act, super::registry::SETTLE)
            .await
            .map_err(refused)?;
    }
    super::print(json, &GrantLine::of(&view)?, GrantLine::told)
}

async fn requester(session: &Session, request: B256) -> Result<Address, Failure> {
    let requests = session.requests().await.map_err(refused)?;
    let found = requests.into_iter().find(|known| known.id == request);
    found.map(|found| found.requester).ok_or_else(|| {
        Failure::usage(format!("there is no request {request}"))
            .hint("`stele consent requests` lists them")
    })
}

#[derive(Serialize)]
struct Opened {
    grant: B256,
    author: Address,
    parts: Vec<PathBuf>,
    hidden: u64,
}

async fn open(json: bool, person: &PersonArgs, grant: B256, out: PathBuf) -> Result<(), Failure> {
    let session = person.session().await?;
    let opened = session.open(grant).await.map_err(refused)?;
    std::fs::create_dir_all(&out).map_err(Failure::usage)?;
    let mut parts = Vec::new();
    for part in &opened.disclosure.parts {
        let plain = session
            .read_granted(grant, &opened, &part.part.name)
            .await
            .map_err(refused)?;
        parts.push(super::record::write_part(&out, &part.part, &plain)?);
    }
    let header = &opened.disclosure.header;
    let hidden = header.parts - u64::try_from(parts.len()).unwrap_or(0);
    let report = Opened {
        grant,
        author: header.author,
        parts,
        hidden,
    };
    super::print(json, &report, |report| {
        let names: Vec<String> = report
            .parts
            .iter()
            .map(|p| p.display().to_string())
            .collect();
        format!(
            "opened and verified: {}\nsigned by {}; {} parts stay hidden",
            names.join(", "),
            report.author,
            report.hidden
        )
    })
}

#[derive(Serialize)]
struct RequestLine {
    request: B256,
    requester: Address,
    parts: Vec<String>,
    purpose: &'static str,
    reason: String,
    until: u64,
    answer: Option<B256>,
}

impl RequestLine {
    fn of(request: &custody::model::request::Request) -> Result<Self, Failure> {
        let document: RequestDocument = request.message.document().map_err(Failure::work)?;
        Ok(Self {
            request: request.id,
            requester: request.requester,
            parts: document.parts,
            purpose: document.purpose.code(),
            reason: document.reason,
            until: document.until,
            answer: request.answer,
        })
    }

    fn told(&self) -> String {
        let state = if self.answer.is_some() {
            "answered"
        } else {
            "open"
        };
        format!(
            "{}  {state}\n  {} asks for {} ({}) until {}: {}",
            self.request,
            self.requester,
            self.parts.join(", "),
            self.purpose,
            super::date(self.until),
            self.reason
        )
    }
}

#[derive(Serialize)]
struct GrantLine {
    grant: B256,
    controller: Address,
    recipient: String,
    parts: Vec<String>,
    purpose: &'static str,
    until: u64,
    stage: &'static str,
}

impl GrantLine {
    fn of(view: &api::consent::GrantView) -> Result<Self, Failure> {
        let document = GrantDocument::decode(&view.document).map_err(Failure::work)?;
        let recipient = match document.recipient {
            Recipient::Person(wallet) => wallet.to_string(),
            Recipient::Role { institution, role } => format!("{} of {institution}", role.name()),
        };
        Ok(Self {
            grant: view.grant,
            controller: document.controller,
            recipient,
            parts: document.parts,
            purpose: document.purpose.code(),
            until: document.until,
            stage: view.stage.name(),
        })
    }

    fn told(&self) -> String {
        format!(
            "{}  {}\n  {} to {} ({}) until {}",
            self.grant,
            self.stage,
            self.parts.join(", "),
            self.recipient,
            self.purpose,
            super::date(self.until)
        )
    }
}
