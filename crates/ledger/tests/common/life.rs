//! A deployment with its people, on whatever client serves the chain.

use std::sync::Arc;
use std::time::Duration;

use acts::{Act, Role, SignedAct, WalletKey};
use alloy_primitives::{Address, B256, keccak256};
use ledger::event_index::{self as index, MemoryIndex};
use ledger::relayer::{self, Inclusion, MemoryOutbox, Until};
use ledger::testing::key;
use ledger::{
    Call, Chain, Deployment, Endpoint, Error, FeePolicy, Finality, Indexer, Relayer, Status,
    SystemClock, deploy,
};

pub(crate) const WAIT: Duration = Duration::from_secs(60);

/// A chain with contracts, an indexer and a relayer.
pub(crate) struct Net {
    pub(crate) chain: Chain,
    pub(crate) relayer: Relayer,
    pub(crate) registrar: WalletKey,
    pub(crate) hospital: WalletKey,
    pub(crate) doctor: WalletKey,
    pub(crate) far: u64,
}

impl Net {
    /// Deploys; `key("relayer")` and `key("deployer")` must have ether.
    pub(crate) async fn deploy(endpoint: Arc<dyn Endpoint>) -> Self {
        let registrar = key("registrar");
        let deployment = deploy(
            endpoint.as_ref(),
            &key("deployer"),
            registrar.address(),
            &FeePolicy::default(),
        )
        .await
        .unwrap();
        let chain = Chain::connect(endpoint.clone(), deployment).await.unwrap();
        let relayer = relayer(endpoint, &chain, "relayer");
        let far = chain.head().await.unwrap().timestamp + 86_400;
        let (hospital, doctor) = (key("hospital"), key("doctor"));
        Self {
            chain,
            relayer,
            registrar,
            hospital,
            doctor,
            far,
        }
    }

    pub(crate) fn at(&self) -> &Deployment {
        self.chain.deployment()
    }

    pub(crate) async fn send(&self, name: &str, call: Call) -> Inclusion {
        self.relayer.submit(name, call).await.unwrap();
        self.relayer
            .settle(name, Until::Included, WAIT)
            .await
            .unwrap()
    }

    pub(crate) async fn refused(&self, name: &str, call: Call) -> String {
        self.relayer.submit(name, call).await.unwrap();
        match self.relayer.settle(name, Until::Included, WAIT).await {
            Err(Error::Refused(refusal)) => refusal.error,
            other => panic!("{name} should be refused: {other:?}"),
        }
    }

    /// The call of an act that these keys sign.
    pub(crate) fn signed(&self, act: Act, keys: &[&WalletKey]) -> Call {
        let at = self.at().into();
        let signatures = keys.iter().map(|key| act.sign(&at, key)).collect();
        SignedAct { act, signatures }.call(&at).into()
    }

    pub(crate) fn set_institution(&self, status: Status, nonce: u64, signer: &WalletKey) -> Call {
        let act = Act::SetInstitution {
            institution: address(&self.hospital),
            status: status.number(),
            nonce,
            deadline: self.far,
        };
        self.signed(act, &[signer])
    }

    pub(crate) fn admit_staff(&self, staff: &WalletKey, role: Role, nonce: u64) -> Call {
        let act = Act::AdmitStaff {
            staff: address(staff),
            institution: address(&self.hospital),
            role: role.number(),
            nonce,
            deadline: self.far,
        };
        self.signed(act, &[&self.hospital, staff])
    }

    pub(crate) fn commit(
        &self,
        controller: &WalletKey,
        version: u64,
        before: B256,
        to: B256,
    ) -> Call {
        let act = Act::Commit {
            controller: address(controller),
            version,
            previous: before,
            commitment: to,
            institution: address(&self.hospital),
            deadline: self.far,
        };
        self.signed(act, &[&self.hospital, controller])
    }

    pub(crate) fn grant(&self, controller: &WalletKey, id: B256) -> Call {
        let act = Act::Grant {
            controller: address(controller),
            id,
            expiry: self.far,
        };
        self.signed(act, &[controller])
    }

    pub(crate) fn indexer(&self, settings: index::Settings) -> Indexer {
        Indexer::new(
            self.chain.clone(),
            Arc::new(MemoryIndex::default()),
            settings,
        )
    }
}

pub(crate) fn relayer(endpoint: Arc<dyn Endpoint>, chain: &Chain, name: &str) -> Relayer {
    let relayer = Relayer::new(
        endpoint,
        Arc::new(MemoryOutbox::default()),
        Arc::new(key(name)),
        Arc::new(SystemClock),
        relayer::Settings {
            finality: Finality::Depth { blocks: 2 },
            poll: Duration::from_millis(20),
            ..relayer::Settings::new(chain.deployment().chain_id)
        },
    );
    let working = relayer.clone();
    tokio::spawn(async move { working.run().await });
    relayer
}

pub(crate) fn address(key: &WalletKey) -> Address {
    key.address()
}

pub(crate) fn word(text: &str) -> B256 {
    keccak256(text)
}
