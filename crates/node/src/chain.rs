//! The chain of the use cases, over `ledger`: facts at the latest block, acts through the relayer.

use std::sync::Arc;

use acts::{Deployment, SignedAct};
use alloy_primitives::{Address, B256, Bytes, U256};
use api::acts::Progress;
use async_trait::async_trait;
use custody::model::chain_facts::{
    Carried, GrantFacts, InstitutionFacts, KeyFacts, RecordFacts, StaffFacts,
};
use custody::model::error::ChainError;
use custody::ports::chain::Chain;
use ledger::l1_fee::{PostedAct, l1_data_fee};
use ledger::relayer::{Allowance, Relayer, Status};
use ledger::rpc::{At, Endpoint, Receipt, Request};
use ledger::{Finality, FinalityTracker};

/// The chain of one deployment.
pub struct LedgerChain {
    chain: ledger::Chain,
    relayer: Relayer,
    deployment: Deployment,
    finality: FinalityTracker,
}

impl LedgerChain {
    /// The chain behind `chain`, with `relayer` to carry acts and `finality` for those that others
    /// carry.
    #[must_use]
    pub fn new(chain: ledger::Chain, relayer: Relayer, finality: Finality) -> Self {
        let deployment = chain.deployment().into();
        Self {
            chain,
            relayer,
            deployment,
            finality: FinalityTracker::new(finality),
        }
    }

    /// The relayer that carries acts.
    #[must_use]
    pub fn relayer(&self) -> &Relayer {
        &self.relayer
    }

    fn request(&self, act: &SignedAct) -> Request {
        let call = act.call(&self.deployment);
        Request {
            from: self.relayer.sender(),
            to: Some(call.to),
            data: call.data,
            value: U256::ZERO,
            gas: None,
        }
    }

    /// The receipt of a transaction, if its block bears it out.
    async fn receipt(&self, tx: B256) -> ledger::Result<Option<Receipt>> {
        let endpoint = self.chain.endpoint();
        let Some(receipt) = endpoint.receipt(tx).await? else {
            return Ok(None);
        };
        let block = endpoint.block(At::Number(receipt.block_number)).await?;
        let borne_out = |block: &ledger::rpc::Block| {
            block.hash == receipt.block_hash && block.transactions.contains(&tx)
        };
        Ok(block.filter(borne_out).map(|_| receipt))
    }

    async fn is_final(&self, block: u64) -> ledger::Result<bool> {
        let head = self.chain.head().await?;
        let endpoint = self.chain.endpoint();
        let last = self.finality.height(endpoint.as_ref(), &head).await?;
        Ok(last >= Some(block))
    }

    /// The block in which the contracts were deployed.
    pub(crate) fn first_block(&self) -> u64 {
        self.chain.deployment().block
    }

    /// Whether the endpoints answer and keep up.
    ///
    /// # Errors
    /// If one does not.
    pub async fn ready(&self) -> Result<(), ChainError> {
        self.chain.check_head_age().await.map_err(silent)
    }

    /// What a unit of gas costs at this moment.
    ///
    /// # Errors
    /// If the endpoint does not answer, or has no block.
    pub(crate) async fn price(&self) -> ledger::Result<api::fees::Price> {
        let endpoint = self.chain.endpoint();
        let head = self.chain.head().await?;
        let tip = endpoint.tip().await?;
        let fits = |wei: u128| u64::try_from(wei).unwrap_or(u64::MAX);
        Ok(api::fees::Price {
            at: crate::now(),
            block: head.number,
            base_fee_wei: fits(head.base_fee_per_gas.unwrap_or_default()),
            priority_fee_wei: fits(tip),
        })
    }

    /// What the chain charges now for putting acts' bytes on its L1, if it is a rollup that does.
    ///
    /// # Errors
    /// If the endpoint does not answer.
    pub(crate) async fn l1_data_fees(&self) -> ledger::Result<Option<api::fees::L1DataFees>> {
        let endpoint = self.chain.endpoint();
        let fee = async |act: PostedAct| {
            let wei = l1_data_fee(endpoint.as_ref(), act.bytes()).await?;
            Ok::<_, ledger::Error>(wei.map(|wei| u64::try_from(wei).unwrap_or(u64::MAX)))
        };
        let Some(commit) = fee(PostedAct::Commit).await? else {
            return Ok(None);
        };
        Ok(Some(api::fees::L1DataFees {
            commit,
            grant: fee(PostedAct::Grant).await?.unwrap_or_default(),
            revoke: fee(PostedAct::Revoke).await?.unwrap_or_default(),
            request: fee(PostedAct::Request).await?.unwrap_or_default(),
        }))
    }

    /// Ask the endpoint something that changes nothing.
    ///
    /// # Errors
    /// If it does not answer, or refuses.
    pub(crate) async fn read(
        &self,
        method: &str,
        params: serde_json::Value,
    ) -> ledger::Result<serde_json::Value> {
        self.chain.endpoint().other(method, params).await
    }
}

fn silent(error: ledger::Error) -> ChainError {
    match error {
        ledger::Error::Refused(refusal) => ChainError::Refused(refusal.to_string()),
        error @ ledger::Error::CallTooLarge { .. } => ChainError::Refused(error.to_string()),
        other => ChainError::Silent(other.to_string()),
    }
}

#[async_trait]
impl Chain for LedgerChain {
    fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    async fn registrar(&self) -> Result<Address, ChainError> {
        self.chain.registrar().await.map_err(silent)
    }

    async fn institution(&self, institution: Address) -> Result<InstitutionFacts, ChainError> {
        let facts = self.chain.institution(institution).await.map_err(silent)?;
        let active = facts.status == ledger::Status::Active;
        Ok(InstitutionFacts {
            active,
            nonce: facts.nonce,
        })
    }

    async fn staff(&self, wallet: Address) -> Result<Option<StaffFacts>, ChainError> {
        let facts = self.chain.staff(wallet).await.map_err(silent)?;
        if facts.status == ledger::Status::Unknown {
            return Ok(None);
        }
        Ok(Some(StaffFacts {
            institution: facts.institution,
            role: facts.role,
            active: self.chain.is_active_staff(wallet).await.map_err(silent)?,
            nonce: facts.nonce,
        }))
    }

    async fn key(&self, wallet: Address) -> Result<KeyFacts, ChainError> {
        let anchor = self.chain.key_statement(wallet).await.map_err(silent)?;
        Ok(KeyFacts {
            digest: anchor.digest,
            version: anchor.version,
        })
    }

    async fn enrolled(&self, institution: Address, patient: B256) -> Result<bool, ChainError> {
        self.chain
            .enrolled(institution, patient)
            .await
            .map_err(silent)
    }

    async fn record(&self, controller: Address) -> Result<RecordFacts, ChainError> {
        let commitment = self
            .chain
            .current_commitment(controller)
            .await
            .map_err(silent)?;
        if commitment.is_zero() {
            return Ok(RecordFacts::None);
        }
        if commitment == ledger::ERASED {
            return Ok(RecordFacts::Erased);
        }
        let version = self.chain.version(controller).await.map_err(silent)?;
        Ok(RecordFacts::At {
            version,
            commitment,
        })
    }

    async fn grant(&self, controller: Address, id: B256) -> Result<GrantFacts, ChainError> {
        let state = self.chain.grant_of(controller, id).await.map_err(silent)?;
        // The contract's own answer is by the time of its newest block; on a chain that makes
        // blocks on demand that time stands still, so the clock here has to agree.
        let live = self.chain.is_live(controller, id).await.map_err(silent)?
            && state.is_live_at(crate::now());
        Ok(GrantFacts {
            expiry: state.expiry,
            revoked: state.revoked,
            live,
        })
    }

    async fn anchored(&self, institution: Address) -> Result<u64, ChainError> {
        Ok(self
            .chain
            .checkpoint_of(institution)
            .await
            .map_err(silent)?
            .size)
    }

    async fn wallet_says_yes(
        &self,
        wallet: Address,
        digest: B256,
        signature: &Bytes,
    ) -> Result<bool, ChainError> {
        self.chain
            .is_signed_by(wallet, digest, signature)
            .await
            .map_err(silent)
    }

    async fn base_fee(&self) -> Result<u128, ChainError> {
        let head = self.chain.head().await.map_err(silent)?;
        let none = || ChainError::Silent("its newest block has no base fee".to_owned());
        head.base_fee_per_gas.ok_or_else(none)
    }

    async fn estimate(&self, act: &SignedAct) -> Result<u64, ChainError> {
        let (endpoint, request) = (self.chain.endpoint(), self.request(act));
        endpoint
            .estimate(&request, At::Latest)
            .await
            .map_err(silent)
    }

    async fn call_in(&self, tx: B256) -> Result<Option<(Address, Bytes)>, ChainError> {
        self.chain.endpoint().input(tx).await.map_err(silent)
    }

    async fn follow(&self, tx: B256) -> Result<Carried, ChainError> {
        let mut carried = Carried {
            progress: Progress::Pending,
            tx: Some(tx),
            gas: None,
            block: None,
            error: None,
        };
        let Some(receipt) = self.receipt(tx).await.map_err(silent)? else {
            return Ok(carried);
        };
        carried.gas = Some(receipt.gas_used);
        carried.block = Some(receipt.block_number);
        carried.progress = if receipt.status != 1 {
            Progress::Failed
        } else if self.is_final(receipt.block_number).await.map_err(silent)? {
            Progress::Final
        } else {
            Progress::Included
        };
        Ok(carried)
    }

    async fn check(&self, act: &SignedAct) -> Result<(), ChainError> {
        let call = act.call(&self.deployment).into();
        Allowance::of(&call).check_bytes(&call).map_err(silent)?;
        let (endpoint, request) = (self.chain.endpoint(), self.request(act));
        let answer = endpoint.call(&request, At::Latest).await;
        answer.map(|_| ()).map_err(silent)
    }

    async fn submit(&self, id: B256, act: &SignedAct) -> Result<(), ChainError> {
        let call = act.call(&self.deployment).into();
        let key = hex::encode(id);
        let status = self.relayer.submit(&key, call).await.map_err(silent)?;
        // Handed in again, it is tried again. Only what is over for good is.
        if status.refusal().is_some() {
            self.relayer.retry(&key).await.map_err(silent)?;
        }
        Ok(())
    }

    async fn carried(&self, id: B256) -> Result<Option<Carried>, ChainError> {
        let status = self
            .relayer
            .status(&hex::encode(id))
            .await
            .map_err(silent)?;
        Ok(status.map(|status| carried(&status)))
    }
}

fn carried(status: &Status) -> Carried {
    let refusal = status.refusal().map(ToString::to_string);
    let progress = match (status, &refusal) {
        (_, Some(_)) => Progress::Failed,
        (Status::Pending { .. }, _) => Progress::Pending,
        (Status::Included(_), _) => Progress::Included,
        (Status::Final(_), _) => Progress::Final,
        (Status::Refused(_), _) => Progress::Failed,
    };
    let inclusion = status.inclusion();
    let pending = match status {
        Status::Pending { transaction, .. } => *transaction,
        _ => None,
    };
    Carried {
        progress,
        tx: inclusion.map(|i| i.transaction).or(pending),
        gas: inclusion.map(|i| i.gas_used),
        block: inclusion.map(|i| i.block),
        error: refusal,
    }
}

/// Connect to the deployment in `file` over `rpc`, with the witnesses that must agree.
///
/// # Errors
/// If an endpoint does not answer, serves another chain, or the contracts are not there.
pub async fn connect(
    config: &crate::Config,
    file: ledger::Deployment,
) -> ledger::Result<ledger::Chain> {
    let limits = || ledger::rpc::Limits {
        timeout: std::time::Duration::from_secs(config.limits.rpc_s),
        ..ledger::rpc::Limits::default()
    };
    let endpoint: Arc<dyn Endpoint> = Arc::new(ledger::Rpc::new(&config.rpc, limits())?);
    let mut witnesses: Vec<Arc<dyn Endpoint>> = Vec::new();
    for url in &config.rpc_witnesses {
        witnesses.push(Arc::new(ledger::Rpc::new(url, limits())?));
    }
    let limit = config.limits.head_age(file.chain_id);
    let chain = ledger::Chain::connect(endpoint, file).await?;
    let chain = chain.with_witnesses(witnesses).await?;
    Ok(chain.with_max_head_age(limit, Arc::new(ledger::SystemClock)))
}
