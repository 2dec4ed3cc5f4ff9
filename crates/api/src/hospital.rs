//! What the management of a hospital and its auditor see.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::records::Stage;

/// Whether a version is signed by whom it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// Checked now: the author's signature holds.
    Holds,
    /// Checked now: it does not.
    Fails,
    /// The version is erased: there is nothing left to check.
    Erased,
    /// It cannot be checked at the moment.
    Unknown,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CopyState {
    /// The institution signed for every part.
    Held,
    /// It signed for some of them.
    Partial,
    /// It signed that it deleted them.
    Deleted,
}

/// A copy of a record at an institution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CopyView {
    /// The institution.
    pub institution: String,
    /// When it last signed for a part, unix seconds.
    pub ok_at: u64,
    /// How far the copy is.
    pub state: CopyState,
}

/// What the chain says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnChain {
    /// Its patient has not approved it (yet), or refused it.
    Not,
    /// This version is the current one.
    Current,
    /// A later version is the current one.
    Corrected,
    /// The commit is on its way.
    Underway,
    /// Erased by its patient.
    Erased,
    /// The chain does not answer.
    Unknown,
}

/// A record as the hospital holds it: sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldRecord {
    /// Its id.
    #[schema(value_type = String)]
    pub record: B256,
    /// The version's number, from 1.
    pub version: u64,
    /// The id of its first version.
    #[schema(value_type = String)]
    pub series: B256,
    /// The patient's commitment.
    #[schema(value_type = String)]
    pub patient: B256,
    /// Who made it.
    #[schema(value_type = String)]
    pub author: Address,
    /// Their name, if the directory here has it.
    pub author_name: Option<String>,
    /// When, unix seconds.
    pub created_at: u64,
    /// How far it is.
    pub stage: Stage,
    /// The sealed manifest's CID.
    pub cid: String,
    /// The number of sealed parts.
    pub parts: usize,
    /// Bytes of the parts before sealing; nothing if the manifest cannot be read.
    pub size: Option<u64>,
    /// Whether the author's signature holds, checked now.
    pub signature: Signed,
    /// The same as yes or no; nothing if there is nothing to check, or it cannot be checked now.
    pub signature_verified: Option<bool>,
    /// What the chain says.
    pub on_chain: OnChain,
    /// Copies at other institutions.
    pub replicas: Vec<CopyView>,
}

/// A page of records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldRecords {
    /// The records, by id.
    pub records: Vec<HeldRecord>,
    /// Give this as `after` for the next page; nothing if this is the last one.
    #[schema(value_type = Option<String>)]
    pub next: Option<B256>,
}

/// Copies that one institution holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HolderView {
    /// The institution.
    pub institution: String,
    /// Blobs that it signed for.
    pub holds: u64,
    /// When it last signed, unix seconds.
    pub last_at: u64,
}

/// Something that was found wrong with a stored block, or mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockEvent {
    /// When, unix seconds.
    pub at: u64,
    /// Whether it was mended; otherwise it was found.
    pub mended: bool,
    /// What and where.
    pub text: String,
}

/// How it stands with copies, acts and the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// Copies of each blob that there should be, this hospital's included.
    pub copies: usize,
    /// Copies that must be there before an upload is acknowledged.
    pub quorum: usize,
    /// Blobs that are to be copied.
    pub blobs: u64,
    /// Of those, how many have fewer copies than there should be.
    pub lacking: u64,
    /// The copies by institution.
    pub holders: Vec<HolderView>,
    /// Blocks in this hospital's store.
    pub blocks: u64,
    /// Their size.
    pub bytes: u64,
    /// What was found wrong or mended in the last thirty days, newest first.
    pub events: Vec<BlockEvent>,
    /// Acts that are written down and not sent yet.
    pub acts_waiting: u64,
    /// Acts that are sent and not final yet.
    pub acts_pending: u64,
    /// Acts that the chain refused in the last thirty days.
    pub acts_failed: u64,
    /// Entries in the log.
    pub log_size: u64,
    /// Entries that the chain's checkpoint covers; nothing if the chain does not answer.
    pub log_anchored: Option<u64>,
}

/// One day of figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayFigures {
    /// The day, for example `2025-03-01`, UTC.
    pub date: String,
    /// Versions uploaded.
    pub uploads: u64,
    /// Grants opened.
    pub opens: u64,
    /// Opens refused.
    pub refusals: u64,
    /// Gas that this hospital's transactions used.
    pub gas: u64,
}

/// A doctor and their patients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoctorFigures {
    /// The doctor's wallet.
    #[schema(value_type = String)]
    pub doctor: Address,
    /// Their name, if the directory here has it.
    pub name: Option<String>,
    /// Patients for whom they made records.
    pub patients: u64,
    /// Record versions that they made.
    pub records: u64,
}

/// Figures of a hospital.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FiguresView {
    /// Day by day, oldest first; days on which nothing happened are there as well.
    pub days: Vec<DayFigures>,
    /// Patients by doctor, most first.
    pub doctors: Vec<DoctorFigures>,
    /// Patients enrolled here.
    pub patients: u64,
    /// Record versions made here, by how far they are.
    pub records: BTreeMap<String, u64>,
}

/// How loud a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For the record.
    Info,
    /// Worth a question.
    Warn,
    /// Worth a question now.
    Alert,
}

/// What was unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Opens that were refused.
    Refusals,
    /// Opens at hours when the hospital is usually quiet.
    OffHours,
    /// Many records opened in a short time.
    Bulk,
    /// A sign-in from a device that this person has not used here before.
    UnknownDevice,
}

/// One notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// When it was last so, unix seconds.
    pub at: u64,
    /// How loud it is.
    pub level: Level,
    /// What was unusual.
    pub kind: NoticeKind,
    /// Whose wallet.
    #[schema(value_type = String)]
    pub who: Address,
    /// Their name, if the directory here has it.
    pub name: Option<String>,
    /// The patient, by commitment, if it is about one alone.
    #[schema(value_type = Option<String>)]
    pub subject: Option<B256>,
    /// How often.
    pub count: u64,
    /// In words.
    pub text: String,
}
