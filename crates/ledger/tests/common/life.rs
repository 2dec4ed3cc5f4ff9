//! A deployment with its people, on whatever client serves the chain.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, keccak256};
use ledger::contracts::{Consents, Records, Registry};
use ledger::event_index::{self as index, MemoryIndex};
use ledger::relayer::{self, Inclusion, MemoryOutbox, Until};
use ledger::testing::key;
use ledger::typed::{self, AdmitStaff, Commit, Grant, SetInstitution};
use ledger::{
    Call, Chain, Deployment, Endpoint, Error, FeePolicy, Finality, Indexer, Relayer, Role, Signer,
    Status, SystemClock, WalletKey, deploy,
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
            Signer::address(&registrar),
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

    pub(crate) fn set_institution(&self, status: Status, nonce: u64, signer: &WalletKey) -> Call {
        let act = SetInstitution {
            institution: address(&self.hospital),
            status: status.number(),
            nonce,
            deadline: self.far,
        };
        let signature = typed::sign(&act, &self.at().registry_domain(), signer).unwrap();
        Call::new(
            self.at().registry,
            &Registry::setInstitutionCall {
                act,
                registrarSignature: signature,
            },
        )
    }

    pub(crate) fn admit_staff(&self, staff: &WalletKey, role: Role, nonce: u64) -> Call {
        let act = AdmitStaff {
            staff: address(staff),
            institution: address(&self.hospital),
            role: role.number(),
            nonce,
            deadline: self.far,
        };
        let domain = self.at().registry_domain();
        let call = Registry::admitStaffCall {
            institutionSignature: typed::sign(&act, &domain, &self.hospital).unwrap(),
            staffSignature: typed::sign(&act, &domain, staff).unwrap(),
            act,
        };
        Call::new(self.at().registry, &call)
    }

    pub(crate) fn commit_act(
        &self,
        controller: &WalletKey,
        version: u64,
        before: B256,
        to: B256,
    ) -> Commit {
        Commit {
            controller: address(controller),
            version,
            previous: before,
            commitment: to,
            institution: address(&self.hospital),
            deadline: self.far,
        }
    }

    pub(crate) fn commit(
        &self,
        controller: &WalletKey,
        version: u64,
        before: B256,
        to: B256,
    ) -> Call {
        let act = self.commit_act(controller, version, before, to);
        let domain = self.at().records_domain();
        let call = Records::commitCall {
            institutionSignature: typed::sign(&act, &domain, &self.hospital).unwrap(),
            controllerSignature: typed::sign(&act, &domain, controller).unwrap(),
            act,
        };
        Call::new(self.at().records, &call)
    }

    pub(crate) fn grant(&self, controller: &WalletKey, id: B256) -> Call {
        let act = Grant {
            controller: address(controller),
            id,
            expiry: self.far,
        };
        let call = Consents::grantCall {
            controllerSignature: typed::sign(&act, &self.at().consents_domain(), controller)
                .unwrap(),
            act,
        };
        Call::new(self.at().consents, &call)
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
    Signer::address(key)
}

pub(crate) fn word(text: &str) -> B256 {
    keccak256(text)
}
