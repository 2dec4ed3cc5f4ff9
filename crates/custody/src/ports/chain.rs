//! The chain as the use cases see it: facts at this moment, and a way to have acts carried there.

use acts::{Deployment, SignedAct};
use alloy_primitives::{Address, B256, Bytes};
use async_trait::async_trait;

use crate::model::chain_facts::{
    Carried, GrantFacts, InstitutionFacts, KeyFacts, RecordFacts, StaffFacts,
};
use crate::model::error::ChainError;

/// The chain.
#[async_trait]
pub trait Chain: Send + Sync {
    /// Where the contracts are.
    fn deployment(&self) -> &Deployment;
    /// The registrar.
    async fn registrar(&self) -> Result<Address, ChainError>;
    /// An institution.
    async fn institution(&self, institution: Address) -> Result<InstitutionFacts, ChainError>;
    /// A person; nothing if the Registry has never heard of the wallet.
    async fn staff(&self, wallet: Address) -> Result<Option<StaffFacts>, ChainError>;
    /// A key statement.
    async fn key(&self, wallet: Address) -> Result<KeyFacts, ChainError>;
    /// Whether a patient is enrolled at an institution.
    async fn enrolled(&self, institution: Address, patient: B256) -> Result<bool, ChainError>;
    /// Where a record stands.
    async fn record(&self, controller: Address) -> Result<RecordFacts, ChainError>;
    /// Where a grant stands. Implementations ask at the latest block, every time.
    async fn grant(&self, controller: Address, id: B256) -> Result<GrantFacts, ChainError>;
    /// Size of an institution's last checkpoint on chain.
    async fn anchored(&self, institution: Address) -> Result<u64, ChainError>;
    /// Whether a contract wallet confirms a signature (ERC-1271); no for an address without code.
    async fn wallet_says_yes(
        &self,
        wallet: Address,
        digest: B256,
        signature: &Bytes,
    ) -> Result<bool, ChainError>;
    /// What a unit of gas burns in the newest block, wei.
    async fn base_fee(&self) -> Result<u128, ChainError>;
    /// Gas that this call would use now.
    async fn estimate(&self, act: &SignedAct) -> Result<u64, ChainError>;
    /// The call that a transaction makes; nothing if the chain does not know it.
    async fn call_in(&self, tx: B256) -> Result<Option<(Address, Bytes)>, ChainError>;
    /// How far somebody's transaction is; pending as well if the chain does not know it.
    async fn follow(&self, tx: B256) -> Result<Carried, ChainError>;
    /// Whether the contract would take the act now.
    async fn check(&self, act: &SignedAct) -> Result<(), ChainError>;
    /// Have an act carried to the chain. Submitting the same act again changes nothing.
    async fn submit(&self, id: B256, act: &SignedAct) -> Result<(), ChainError>;
    /// How far a submitted act is; nothing if it was never submitted.
    async fn carried(&self, id: B256) -> Result<Option<Carried>, ChainError>;
}
