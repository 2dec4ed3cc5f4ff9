//! What a hospital remembers between two requests: small documents, written in atomic batches.
//!
//! Every use case is a state machine whose states are documents. A [`Batch`] either happens as a
//! whole or not at all, and each of its writes says what it expects to find, so that two requests
//! that race are told apart instead of overwriting each other. Nothing more is asked of a database,
//! which is why one layer serves SQLite, PostgreSQL and the in-memory twin of the tests.

use alloy_primitives::B256;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::error::StoreError;

/// What a document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person or institution with a sealing key: the directory.
    Person,
    /// An institution's offer that waits for a person's signature.
    Invitation,
    /// A patient of this hospital, with demographics.
    Patient,
    /// An upload that its author has not signed yet.
    Draft,
    /// A record version made at this hospital, from pending to erased.
    Record,
    /// The newest sealed index of a patient.
    Index,
    /// A request for access.
    Request,
    /// A grant with its envelopes.
    Grant,
    /// An erasure, under way or done.
    Erasure,
    /// Whom a request or grant concerns besides its owner.
    Inbox,
    /// A log entry in the clear.
    Touch,
    /// The log's stored leaves and tiles.
    Log,
    /// A signed act on its way to the chain.
    Errand,
    /// The transactions of the relayer.
    Outbox,
    /// What the index of chain events holds.
    Chain,
    /// What this node keeps for other institutions, and what they keep for it.
    Replica,
    /// An answer already given to an idempotency key.
    Answer,
    /// A sign-in challenge that is still open.
    Nonce,
    /// A signed-in session.
    Session,
    /// A hospital's application to be admitted.
    Application,
    /// The bytes of a credential document of an application.
    Credential,
    /// A device that somebody has signed in from.
    Device,
    /// The head of the journal.
    Journal,
    /// A guest's way to one grant.
    Link,
    /// Codes sent for a link, and who has entered one.
    Pass,
    /// A sealed letter in one person's mailbox.
    Letter,
    /// A time at which a doctor can be seen.
    Slot,
    /// An appointment.
    Appointment,
    /// What a person has set for themselves at this hospital.
    Profile,
    /// A mail on its way.
    Mail,
    /// Something that a person should know.
    Notice,
    /// An entry of another institution's log about a patient of this one.
    Abroad,
    /// How far a person has read the notices, and when a mail told of one last.
    Seen,
    /// A page of another institution's journal.
    Spare,
}

impl Kind {
    /// Every kind, in a fixed order.
    pub const ALL: [Self; 34] = [
        Self::Person,
        Self::Invitation,
        Self::Patient,
        Self::Draft,
        Self::Record,
        Self::Index,
        Self::Request,
        Self::Grant,
        Self::Erasure,
        Self::Inbox,
        Self::Touch,
        Self::Log,
        Self::Errand,
        Self::Outbox,
        Self::Chain,
        Self::Replica,
        Self::Answer,
        Self::Nonce,
        Self::Session,
        Self::Application,
        Self::Credential,
        Self::Device,
        Self::Journal,
        Self::Link,
        Self::Pass,
        Self::Letter,
        Self::Slot,
        Self::Appointment,
        Self::Profile,
        Self::Mail,
        Self::Notice,
        Self::Abroad,
        Self::Seen,
        Self::Spare,
    ];

    /// The name used in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Invitation => "invitation",
            Self::Patient => "patient",
            Self::Draft => "draft",
            Self::Record => "record",
            Self::Index => "index",
            Self::Request => "request",
            Self::Grant => "grant",
            Self::Erasure => "erasure",
            Self::Inbox => "inbox",
            Self::Touch => "touch",
            Self::Log => "log",
            Self::Errand => "errand",
            Self::Outbox => "outbox",
            Self::Chain => "chain",
            Self::Replica => "replica",
            Self::Answer => "answer",
            Self::Nonce => "nonce",
            Self::Session => "session",
            Self::Application => "application",
            Self::Credential => "credential",
            Self::Device => "device",
            Self::Journal => "journal",
            Self::Link => "link",
            Self::Pass => "pass",
            Self::Letter => "letter",
            Self::Slot => "slot",
            Self::Appointment => "appointment",
            Self::Profile => "profile",
            Self::Mail => "mail",
            Self::Notice => "notice",
            Self::Abroad => "abroad",
            Self::Seen => "seen",
            Self::Spare => "spare",
        }
    }

    /// Whether a document of this kind must survive the loss of the database, and is therefore
    /// written to the journal in the vault as well. The others can be had again: from the chain,
    /// by signing in or applying once more; or, like notices and mails, they only tell of what is
    /// kept; or, like pages of other journals, they are found in the vault.
    #[must_use]
    pub fn durable(self) -> bool {
        !matches!(
            self,
            Self::Outbox
                | Self::Credential
                | Self::Chain
                | Self::Nonce
                | Self::Session
                | Self::Device
                | Self::Journal
                | Self::Pass
                | Self::Mail
                | Self::Notice
                | Self::Seen
                | Self::Spare
        )
    }
}

/// One document as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What it is about.
    pub kind: Kind,
    /// Its id among its kind.
    pub id: String,
    /// Whom it belongs to: an address, a patient, or empty.
    pub owner: String,
    /// The state of its state machine, or empty.
    pub state: String,
    /// When a job has to look at it next, unix seconds; 0 never.
    pub due_at: u64,
    /// Counts its changes from 1.
    pub version: u64,
    /// The document itself, DAG-CBOR.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

/// Which documents are meant, ordered by id. A query says nothing about how many are read: whoever
/// reads a part says so where it is read.
#[derive(Clone, Debug)]
pub struct Query {
    /// The kind to list.
    pub kind: Kind,
    /// Only those of this owner.
    pub owner: Option<String>,
    /// Only those in this state.
    pub state: Option<String>,
    /// Only those that are due at or before this time (and have a due time).
    pub due_by: Option<u64>,
    /// Only those whose id is greater.
    pub after: Option<String>,
}

impl Query {
    /// All documents of a kind.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            owner: None,
            state: None,
            due_by: None,
            after: None,
        }
    }

    /// Only those of `owner`.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Only those in `state`.
    #[must_use]
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(state.into());
        self
    }

    /// Only those due by `now`.
    #[must_use]
    pub fn due_by(mut self, now: u64) -> Self {
        self.due_by = Some(now);
        self
    }

    /// Only those after `id`.
    #[must_use]
    pub fn after(mut self, id: impl Into<String>) -> Self {
        self.after = Some(id.into());
        self
    }

    pub(crate) fn admits(&self, row: &Row) -> bool {
        row.kind == self.kind
            && self.owner.as_ref().is_none_or(|o| *o == row.owner)
            && self.state.as_ref().is_none_or(|s| *s == row.state)
            && self
                .due_by
                .is_none_or(|d| row.due_at != 0 && row.due_at <= d)
            && self.after.as_ref().is_none_or(|a| row.id > *a)
    }
}

/// What a write expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expect {
    /// Nothing: the document is new.
    Absent,
    /// This version.
    Version(u64),
    /// Whatever is there.
    Any,
}

/// One write of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Write {
    /// Put a document. The store sets the version: 1, or one more than what was there.
    Put {
        /// The document; its `version` is ignored.
        row: Row,
        /// What must be there before.
        expect: Expect,
    },
    /// Delete a document; it is no error if it is not there.
    Delete {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: String,
    },
}

impl Write {
    /// The kind of the document that is written.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Put { row, .. } => row.kind,
            Self::Delete { kind, .. } => *kind,
        }
    }
}

/// Writes that happen together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch(pub Vec<Write>);

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Add a document that must not exist yet.
    ///
    /// # Errors
    /// If the document cannot be encoded.
    pub fn create<D: Document>(&mut self, document: &D) -> Result<(), StoreError> {
        self.0.push(Write::Put {
            row: encode(document)?,
            expect: Expect::Absent,
        });
        Ok(())
    }

    /// Replace the version that was read.
    ///
    /// # Errors
    /// If the document cannot be encoded.
    pub fn replace<D: Document>(&mut self, held: &Held<D>) -> Result<(), StoreError> {
        let expect = Expect::Version(held.version);
        self.0.push(Write::Put {
            row: encode(&held.document)?,
            expect,
        });
        Ok(())
    }

    /// Put a document whatever was there before.
    ///
    /// # Errors
    /// If the document cannot be encoded.
    pub fn put<D: Document>(&mut self, document: &D) -> Result<(), StoreError> {
        self.0.push(Write::Put {
            row: encode(document)?,
            expect: Expect::Any,
        });
        Ok(())
    }

    /// Delete a document.
    pub fn delete<D: Document>(&mut self, id: impl Into<String>) {
        self.0.push(Write::Delete {
            kind: D::KIND,
            id: id.into(),
        });
    }
}

/// A type that is kept as a document.
pub trait Document: Serialize + DeserializeOwned + Send + Sync {
    /// Its kind.
    const KIND: Kind;
    /// Its id among its kind.
    fn id(&self) -> String;
    /// Whom it belongs to.
    fn owner(&self) -> String {
        String::new()
    }
    /// The state of its state machine.
    fn state(&self) -> String {
        String::new()
    }
    /// When a job has to look at it next; 0 never.
    fn due_at(&self) -> u64 {
        0
    }
}

/// A document together with the version that was read.
#[derive(Clone, Debug)]
pub struct Held<D> {
    /// The version in the store.
    pub version: u64,
    /// The document.
    pub document: D,
}

pub(crate) fn encode<D: Document>(document: &D) -> Result<Row, StoreError> {
    let body = serde_ipld_dagcbor::to_vec(document).map_err(|e| StoreError::Corrupt {
        kind: D::KIND.name(),
        reason: e.to_string(),
    })?;
    Ok(Row {
        kind: D::KIND,
        id: document.id(),
        owner: document.owner(),
        state: document.state(),
        due_at: document.due_at(),
        version: 0,
        body,
    })
}

/// Read a row as `D`.
///
/// # Errors
/// If the body is no `D`.
pub fn decode<D: Document>(row: Row) -> Result<Held<D>, StoreError> {
    let document = serde_ipld_dagcbor::from_slice(&row.body).map_err(|e| StoreError::Corrupt {
        kind: D::KIND.name(),
        reason: e.to_string(),
    })?;
    Ok(Held {
        version: row.version,
        document,
    })
}

/// Check one write against what is there.
///
/// # Errors
/// [`StoreError::Conflict`] if the expectation does not hold.
pub fn check(expect: Expect, found: Option<u64>, row: &Row) -> Result<(), StoreError> {
    let holds = match expect {
        Expect::Any => true,
        Expect::Absent => found.is_none(),
        Expect::Version(v) => found == Some(v),
    };
    if holds {
        Ok(())
    } else {
        Err(StoreError::Conflict {
            kind: row.kind.name(),
            id: row.id.clone(),
        })
    }
}

/// The id of something as the store writes it.
pub(crate) fn hex_id(id: B256) -> String {
    hex::encode(id)
}
