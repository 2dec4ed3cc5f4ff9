//! For tests of this crate and of those above it: a chain of their own with the contracts on it.

use std::sync::Arc;
use std::time::Duration;

use acts::WalletKey;
use alloy_primitives::{Address, B256, U256, keccak256};
use serde_json::json;

use crate::anvil::{self, Anvil};
use crate::clock::SystemClock;
use crate::deployment::{self, Deployment};
use crate::error::{Error, Result};
use crate::finality::Finality;
use crate::reads::Chain;
use crate::relayer::{self, MemoryOutbox, Relayer};
use crate::rpc::{Endpoint, Rpc};
use crate::tx::FeePolicy;

/// A key for tests: the same for the same name.
pub fn key(name: &str) -> WalletKey {
    // Any hash is a key but for chances of 2^-128.
    #[allow(clippy::expect_used)]
    WalletKey::from_bytes(keccak256(name).as_slice()).expect("a hash below the group's order")
}

/// A chain with the contracts on it; ends when dropped.
#[derive(Debug)]
pub struct TestChain {
    /// The process.
    pub anvil: Anvil,
    /// A client of it.
    pub rpc: Arc<Rpc>,
    /// Where the contracts stand.
    pub deployment: Deployment,
    /// The registrar's key.
    pub registrar: WalletKey,
}

impl TestChain {
    /// Starts Anvil on a free port and deploys the contracts.
    ///
    /// # Errors
    /// [`Error::Program`] if Anvil is not there; whatever a deployment can fail with.
    pub async fn start() -> Result<Self> {
        Self::start_with(&anvil::Options::default()).await
    }

    /// The same, Anvil being started in a particular way. An existing state file must not have
    /// been used before: the contracts are deployed anew.
    ///
    /// # Errors
    /// As [`TestChain::start`].
    pub async fn start_with(options: &anvil::Options) -> Result<Self> {
        let anvil = Anvil::start(options)?;
        let rpc = Arc::new(Rpc::connect(&anvil.url())?);
        let (deployer, registrar) = (key("deployer"), key("registrar"));
        fund(rpc.as_ref(), deployer.address()).await?;
        let deployment = deployment::deploy(
            rpc.as_ref(),
            &deployer,
            registrar.address(),
            &FeePolicy::default(),
        )
        .await?;
        Ok(Self {
            anvil,
            rpc,
            deployment,
            registrar,
        })
    }

    /// Starts, or prints why it cannot and returns `None`, so that a test that needs it can end.
    pub async fn start_or_skip(test: &str) -> Option<Self> {
        match Self::start().await {
            Ok(chain) => Some(chain),
            Err(Error::Program(reason)) => {
                #[allow(clippy::print_stderr)]
                {
                    eprintln!("SKIPPED {test}: {reason}");
                }
                None
            }
            #[allow(clippy::panic)]
            Err(other) => panic!("{test}: {other}"),
        }
    }

    /// Typed reads.
    ///
    /// # Errors
    /// As [`Chain::connect`].
    pub async fn chain(&self) -> Result<Chain> {
        Chain::connect(self.rpc.clone(), self.deployment.clone()).await
    }

    /// A funded account's relayer over an outbox in memory, working in the background until the
    /// runtime ends.
    ///
    /// # Errors
    /// As [`fund`].
    pub async fn relayer(&self, name: &str) -> Result<Relayer> {
        let signer = key(name);
        fund(self.rpc.as_ref(), signer.address()).await?;
        let relayer = Relayer::new(
            self.rpc.clone(),
            Arc::new(MemoryOutbox::default()),
            Arc::new(signer),
            Arc::new(SystemClock),
            relayer::Settings {
                finality: Finality::Depth { blocks: 2 },
                poll: Duration::from_millis(20),
                ..relayer::Settings::new(self.deployment.chain_id)
            },
        );
        let working = relayer.clone();
        tokio::spawn(async move { working.run().await });
        Ok(relayer)
    }

    /// Time of the newest block, in Unix seconds.
    ///
    /// # Errors
    /// The endpoint's failure.
    pub async fn now(&self) -> Result<u64> {
        Ok(self.chain().await?.head().await?.timestamp)
    }
}

/// Gives an account 1000 ether on Anvil.
///
/// # Errors
/// The endpoint's failure, as for all below.
pub async fn fund(endpoint: &dyn Endpoint, account: Address) -> Result<()> {
    let wei = U256::from(10).pow(U256::from(21));
    endpoint
        .other("anvil_setBalance", json!([account, wei]))
        .await
        .map(drop)
}

/// Makes empty blocks on Anvil.
///
/// # Errors
/// The endpoint's failure.
pub async fn mine(endpoint: &dyn Endpoint, blocks: u64) -> Result<()> {
    endpoint
        .other("anvil_mine", json!([U256::from(blocks)]))
        .await
        .map(drop)
}

/// Remembers the state of Anvil's chain; [`revert`] goes back to it.
///
/// # Errors
/// The endpoint's failure.
pub async fn snapshot(endpoint: &dyn Endpoint) -> Result<B256> {
    let id = endpoint.other("evm_snapshot", json!([])).await?;
    let id: U256 = serde_json::from_value(id).map_err(Error::store)?;
    Ok(id.into())
}

/// Takes back all blocks since a [`snapshot`].
///
/// # Errors
/// The endpoint's failure.
pub async fn revert(endpoint: &dyn Endpoint, snapshot: B256) -> Result<()> {
    let id: U256 = snapshot.into();
    endpoint.other("evm_revert", json!([id])).await.map(drop)
}
