//! `stele registry`: deploy the contracts; admit hospitals, staff and patients.

use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy_primitives::Address;
use api::acts::ActView;
use api::people::DirectoryView;
use api::people::PatientCard;
use clap::Subcommand;
use clinical::{PatientDemographics, Sex};
use ledger::{FeePolicy, Rpc};
use record::Role;
use serde::Serialize;

use super::Failure;
use super::person::{KeyArgs, PersonArgs, refused};

/// How long a command waits for its act.
pub(crate) const SETTLE: Duration = Duration::from_secs(180);

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
    /// Deploy the contracts; the key pays, and its owner becomes the registrar unless one is named
    #[command(after_help = "Example:
  stele registry deploy --rpc http://127.0.0.1:8545 --key registrar.key --out stele-deployment.json")]
    Deploy {
        #[command(flatten)]
        key: KeyArgs,
        /// Ethereum endpoint
        #[arg(long, value_name = "URL")]
        rpc: String,
        /// The registrar's wallet
        #[arg(long, value_name = "WALLET")]
        registrar: Option<Address>,
        /// Where to write the addresses
        #[arg(long, default_value = ledger::FILE_NAME, value_name = "FILE")]
        out: PathBuf,
    },
    /// Admit or reinstate a hospital: the registrar's act
    #[command(after_help = "Example:\n  stele registry admit --key registrar.key 0xA1…")]
    Admit {
        #[command(flatten)]
        person: PersonArgs,
        /// The hospital's wallet
        hospital: Address,
    },
    /// Suspend a hospital: the registrar's act
    #[command(after_help = "Example:\n  stele registry suspend --key registrar.key 0xA1…")]
    Suspend {
        #[command(flatten)]
        person: PersonArgs,
        /// The hospital's wallet
        hospital: Address,
    },
    /// Invite somebody to the hospital's staff, with the hospital's key
    #[command(
        after_help = "Example:\n  stele registry invite --key hospital.key --role doctor 0xB2…"
    )]
    Invite {
        #[command(flatten)]
        person: PersonArgs,
        /// Role: doctor, technician, nurse, pharmacist, insurer, researcher, auditor
        #[arg(long, value_parser = role)]
        role: Role,
        /// The person's wallet
        staff: Address,
    },
    /// Accept the invitation of a node's hospital and publish the own sealing key
    #[command(after_help = "Example:\n  stele registry accept --key rao.key --name 'Dr Asha Rao'")]
    Accept {
        #[command(flatten)]
        person: PersonArgs,
        /// The name that colleagues see
        #[arg(long)]
        name: String,
    },
    /// Change the role of staff, suspend or reinstate, with the hospital's key
    #[command(
        after_help = "Example:\n  stele registry staff --key hospital.key --role nurse 0xB2…"
    )]
    Staff {
        #[command(flatten)]
        person: PersonArgs,
        /// The person's wallet
        staff: Address,
        /// Role
        #[arg(long, value_parser = role)]
        role: Role,
        /// Suspend instead of keeping active
        #[arg(long)]
        suspend: bool,
    },
    /// Write the card that a patient hands to a hospital to be enrolled
    Card {
        #[command(flatten)]
        person: PersonArgs,
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Enrol a patient from their card: the hospital's or its staff's job
    #[command(after_help = "Example:
  stele registry enrol --key rao.key --card maria.card --id S-1001 --family Papadaki \\
      --given Maria --birth-date 1968-04-11 --sex female")]
    Enrol(Box<Enrol>),
    /// What directory and chain know of a wallet
    #[command(after_help = "Example:\n  stele registry show --key rao.key 0xB2…")]
    Show {
        #[command(flatten)]
        person: PersonArgs,
        /// The wallet
        wallet: Address,
    },
}

#[derive(Debug, clap::Args)]
struct Enrol {
    #[command(flatten)]
    person: PersonArgs,
    /// The patient's card
    #[arg(long, value_name = "FILE")]
    card: PathBuf,
    /// Identifier at this hospital, as in DICOM files
    #[arg(long)]
    id: String,
    /// Namespace of the identifier
    #[arg(long, default_value = "urn:stele:patients")]
    id_system: String,
    /// Family name
    #[arg(long)]
    family: String,
    /// Given name; may be repeated
    #[arg(long, required = true)]
    given: Vec<String>,
    /// YYYY-MM-DD
    #[arg(long)]
    birth_date: String,
    /// female, male, other or unknown
    #[arg(long, value_parser = sex)]
    sex: Sex,
}

fn role(text: &str) -> Result<Role, String> {
    let found = Role::ALL.into_iter().find(|role| role.name() == text);
    found.ok_or_else(|| format!("`{text}` is no role"))
}

fn sex(text: &str) -> Result<Sex, String> {
    let all = [Sex::Female, Sex::Male, Sex::Other, Sex::Unknown];
    all.into_iter()
        .find(|sex| sex.code() == text)
        .ok_or_else(|| format!("`{text}` is none of them"))
}

/// Run the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    crate::runtime()?.block_on(work(args))
}

async fn work(args: Args) -> Result<(), Failure> {
    let json = args.json;
    match args.command {
        Command::Deploy {
            key,
            rpc,
            registrar,
            out,
        } => deploy(json, &key, &rpc, registrar, &out).await,
        Command::Admit { person, hospital } => set(json, &person, hospital, true).await,
        Command::Suspend { person, hospital } => set(json, &person, hospital, false).await,
        Command::Invite {
            person,
            role,
            staff,
        } => {
            let session = person.session().await?;
            let offer = session.invite(staff, role).await.map_err(refused)?;
            super::print(json, &offer, |offer| {
                format!(
                    "{} is invited as {}; they accept with `stele registry accept`",
                    offer.staff,
                    offer.role.name()
                )
            })
        }
        Command::Accept { person, name } => accepted(json, &person, &name).await,
        Command::Staff {
            person,
            staff,
            role,
            suspend,
        } => {
            let session = person.session().await?;
            let act = session
                .set_staff(staff, role, !suspend)
                .await
                .map_err(refused)?;
            acted(json, &session, act).await
        }
        Command::Card { person, out } => {
            let card = person.session().await?.patient_card().map_err(refused)?;
            let text = serde_json::to_vec_pretty(&card).map_err(Failure::work)?;
            std::fs::write(&out, text).map_err(|error| {
                Failure::usage(format!("cannot write {}: {error}", out.display()))
            })?;
            super::print(json, &card, |_| {
                format!("{} is written; hand it to the hospital", out.display())
            })
        }
        Command::Enrol(enrol) => enrolled(json, *enrol).await,
        Command::Show { person, wallet } => {
            let session = person.session().await?;
            let view = session.directory(wallet).await.map_err(refused)?;
            super::print(json, &view, |view| shown(wallet, view))
        }
    }
}

async fn accepted(json: bool, person: &PersonArgs, name: &str) -> Result<(), Failure> {
    let session = person.session().await?;
    let act = session.accept_invitation().await.map_err(refused)?;
    let admitted = session.settle(act.act, SETTLE).await.map_err(refused)?;
    let key = match session.state_key(name).await.map_err(refused)? {
        Some(act) => Some(session.settle(act.act, SETTLE).await.map_err(refused)?),
        None => None,
    };
    let acts: Vec<ActView> = std::iter::once(admitted).chain(key).collect();
    super::print(json, &acts, |acts| {
        acts.iter().map(told).collect::<Vec<_>>().join("\n")
    })
}

/// What the directory knows of a wallet.
fn shown(wallet: Address, view: &DirectoryView) -> String {
    let staff = view.staff.as_ref().map_or_else(
        || "no institution's staff".to_owned(),
        |staff| {
            let role = staff.role.map_or("unknown role", Role::name);
            let active = if staff.active { "active" } else { "suspended" };
            format!("{active} {role} of {}", staff.institution)
        },
    );
    let name = view
        .person
        .as_ref()
        .map_or("(no key published)", |p| p.name.as_str());
    let hospital = if view.active_institution {
        "active institution\n"
    } else {
        ""
    };
    format!("{wallet} {name}\n{hospital}{staff}")
}

#[derive(Serialize)]
struct Deployed {
    file: PathBuf,
    registrar: Address,
    #[serde(flatten)]
    deployment: ledger::Deployment,
}

async fn deploy(
    json: bool,
    key: &KeyArgs,
    rpc: &str,
    registrar: Option<Address>,
    out: &Path,
) -> Result<(), Failure> {
    if out.exists() {
        return Err(
            Failure::usage(format!("{} exists already", out.display())).hint(
                "contracts are immutable and stand side by side: choose another file with --out",
            ),
        );
    }
    let ring = key.ring()?;
    let registrar = registrar.unwrap_or_else(|| ring.address());
    let rpc = Rpc::connect(rpc).map_err(Failure::work)?;
    let deployment = ledger::deploy(&rpc, ring.wallet(), registrar, &FeePolicy::default())
        .await
        .map_err(|error| {
            Failure::work(error).hint(format!("{} pays: does it have ether?", ring.address()))
        })?;
    deployment.save(out).map_err(Failure::work)?;
    let deployed = Deployed {
        file: out.to_path_buf(),
        registrar,
        deployment,
    };
    super::print(json, &deployed, |deployed| {
        let mut text = format!(
            "{} is written; registrar {}",
            deployed.file.display(),
            registrar
        );
        for (name, address) in deployed.deployment.contracts() {
            text.push_str(&format!("\n  {name:<9} {address}"));
        }
        text
    })
}

async fn set(
    json: bool,
    person: &PersonArgs,
    hospital: Address,
    active: bool,
) -> Result<(), Failure> {
    let session = person.session().await?;
    let act = session
        .set_institution(hospital, active)
        .await
        .map_err(refused)?;
    acted(json, &session, act).await
}

async fn enrolled(json: bool, enrol: Enrol) -> Result<(), Failure> {
    let text = std::fs::read(&enrol.card).map_err(|error| {
        Failure::usage(format!(
            "cannot read the card {}: {error}",
            enrol.card.display()
        ))
    })?;
    let card: PatientCard = serde_json::from_slice(&text).map_err(|error| {
        Failure::usage(format!(
            "{} is no patient's card: {error}",
            enrol.card.display()
        ))
        .hint("the patient makes one with `stele registry card`")
    })?;
    let demographics = PatientDemographics {
        id: enrol.id,
        id_system: enrol.id_system,
        family: enrol.family,
        given: enrol.given,
        birth_date: enrol.birth_date,
        sex: enrol.sex,
    };
    let session = enrol.person.session().await?;
    let patient = session.enrol(demographics, card).await.map_err(refused)?;
    session.settle(patient.act, SETTLE).await.map_err(refused)?;
    super::print(json, &patient, |patient| {
        format!("enrolled as {}", patient.patient)
    })
}

/// Wait for an act and show it.
pub(crate) async fn acted(
    json: bool,
    session: &client::session::Session,
    act: ActView,
) -> Result<(), Failure> {
    let settled = session.settle(act.act, SETTLE).await.map_err(refused)?;
    super::print(json, &settled, told)
}

/// An act in words.
pub(crate) fn told(act: &ActView) -> String {
    let gas = act
        .gas
        .map_or_else(String::new, |gas| format!(", {gas} gas"));
    let tx = act.tx.map_or_else(String::new, |tx| format!(" in {tx}"));
    format!("{}: {:?}{tx}{gas}", act.name, act.progress)
}
