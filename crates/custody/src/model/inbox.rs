//! Inbox.

use alloy_primitives::B256;
use record::Recipient;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind};

/// The inbox of whoever a grant is for.
pub(crate) fn inbox_of(recipient: &Recipient) -> String {
    match recipient {
        Recipient::Person(wallet) => hex::encode(wallet),
        Recipient::Role { institution, role } => {
            format!("{}/{}", hex::encode(institution), role.name())
        }
    }
}

/// Whom a request or grant concerns besides its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inbox {
    /// The wallet, or the role at an institution.
    pub(crate) owner: String,
    /// What it is about: a request or a grant.
    pub(crate) about: Kind,
    /// Its id.
    pub(crate) id: B256,
}

impl Document for Inbox {
    const KIND: Kind = Kind::Inbox;
    fn id(&self) -> String {
        format!(
            "{}/{}/{}",
            self.owner,
            self.about.name(),
            hex::encode(self.id)
        )
    }
    fn owner(&self) -> String {
        self.owner.clone()
    }
    fn state(&self) -> String {
        self.about.name().to_owned()
    }
}
