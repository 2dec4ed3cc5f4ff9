//! Person.

use acts::Deployment;
use alloy_primitives::Address;
use alloy_primitives::B256;
use alloy_primitives::Bytes;
use record::KeyStatement;
use seal::SealingPublic;
use serde::Deserialize;
use serde::Serialize;

use crate::model::document::Document;
use crate::model::document::Kind;
use crate::model::error::Error;
use crate::model::error::Result;
use crate::ports::chain::KeyFacts;
use crate::ports::store::Documents;

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
        let statement = KeyStatement::decode(&self.statement)?;
        if statement.wallet != self.wallet {
            return Err(Error::invalid("statement", "it is of another wallet"));
        }
        statement.verify(&at.registry())?.by_key()?;
        Ok(SealingPublic::from_bytes(&statement.sealing_public)?)
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
