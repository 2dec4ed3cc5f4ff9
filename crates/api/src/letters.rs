//! Sealed letters between two people.

use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LetterKind {
    /// A patient asks a doctor for an opinion.
    Consultation,
    /// An answer.
    Answer,
    /// A question.
    Question,
    /// An invitation to come.
    Invitation,
    /// Advice.
    Advice,
    /// News of a prescription.
    Prescription,
}

impl LetterKind {
    /// The name used in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Consultation => "consultation",
            Self::Answer => "answer",
            Self::Question => "question",
            Self::Invitation => "invitation",
            Self::Advice => "advice",
            Self::Prescription => "prescription",
        }
    }
}

/// A letter as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLetter {
    /// Its id, random; sent again with the same id it is the same letter.
    #[schema(value_type = String)]
    pub id: B256,
    /// The conversation that it belongs to; random for a new one.
    #[schema(value_type = String)]
    pub thread: B256,
    /// The reader.
    #[schema(value_type = String)]
    pub to: Address,
    /// What it is.
    pub kind: LetterKind,
    /// The letter, sealed to the reader.
    #[schema(value_type = String)]
    pub sealed: Bytes,
    /// The letter, sealed to the writer.
    #[schema(value_type = String)]
    pub sealed_own: Bytes,
    /// Grants that go with it.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub grants: Vec<B256>,
}

/// A letter as one of the two sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LetterView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: B256,
    /// The conversation.
    #[schema(value_type = String)]
    pub thread: B256,
    /// The writer.
    #[schema(value_type = String)]
    pub from: Address,
    /// The reader.
    #[schema(value_type = String)]
    pub to: Address,
    /// What it is.
    pub kind: LetterKind,
    /// When it came, unix seconds.
    pub at: u64,
    /// How long it is, sealed, bytes.
    pub size: u64,
    /// The letter, sealed to the one who asks.
    #[schema(value_type = String)]
    pub sealed: Bytes,
    /// Grants that go with it.
    #[schema(value_type = Vec<String>)]
    pub grants: Vec<B256>,
    /// When the reader saw it, unix seconds.
    pub seen_at: Option<u64>,
}
