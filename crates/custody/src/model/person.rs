//! Person.

use acts::Deployment;
use alloy_primitives::{Address, B256, Bytes};
use api::people::PersonView;
use record::KeyStatement;
use seal::SealingPublic;
use serde::{Deserialize, Serialize};

use crate::model::chain_facts::KeyFacts;
use crate::model::document::{Document, Kind};
use crate::model::error::{Error, Result};

/// A directory entry: who a wallet is, and to which key to seal for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The wallet.
    pub wallet: Address,
    /// The name under which the institution knows it.
    pub name: String,
    /// The key statement, DAG-CBOR.
    pub statement: Bytes,
    /// The salt of the statement's digest on chain.
    pub salt: B256,
}

impl Document for Person {
    const KIND: Kind = Kind::Person;
    fn id(&self) -> String {
        hex::encode(self.wallet)
    }
}

impl Person {
    /// The sealing key, if the wallet signed the statement.
    ///
    /// # Errors
    /// If the statement is malformed, of another wallet or not signed by it.
    pub fn sealing_public(&self, at: &Deployment) -> Result<SealingPublic> {
        stated_key(self.wallet, &self.statement, at)
    }

    /// Whether the statement is the one that the chain names now.
    ///
    /// # Errors
    /// If the statement is malformed.
    pub fn is_current(&self, facts: KeyFacts) -> Result<bool> {
        let statement = KeyStatement::decode(&self.statement)?;
        Ok(facts.digest == statement.salted_digest(&self.salt))
    }
}

impl From<Person> for PersonView {
    fn from(document: Person) -> Self {
        Self {
            wallet: document.wallet,
            name: document.name,
            statement: document.statement,
            salt: document.salt,
        }
    }
}

impl From<PersonView> for Person {
    fn from(document: PersonView) -> Self {
        Self {
            wallet: document.wallet,
            name: document.name,
            statement: document.statement,
            salt: document.salt,
        }
    }
}

/// The sealing key of a directory entry that arrived, if its wallet signed the statement.
///
/// # Errors
/// As [`Person::sealing_public`].
pub fn sealing_public(person: &PersonView, at: &Deployment) -> Result<SealingPublic> {
    stated_key(person.wallet, &person.statement, at)
}

fn stated_key(wallet: Address, statement: &[u8], at: &Deployment) -> Result<SealingPublic> {
    let statement = KeyStatement::decode(statement)?;
    if statement.wallet != wallet {
        return Err(Error::invalid("statement", "it is of another wallet"));
    }
    statement.verify(&at.registry())?.by_key()?;
    Ok(SealingPublic::from_bytes(&statement.sealing_public)?)
}
