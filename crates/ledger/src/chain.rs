//! What stands on chain now: typed reads of the four contracts.

use std::sync::Arc;
use std::time::Duration;

use acts::Role;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use alloy_sol_types::SolCall;
use serde::{Deserialize, Serialize};

use crate::contracts::{Consents, Log, Records, Registry};
use crate::deployment::Deployment;
use crate::error::{Error, Result};
use crate::rpc::{At, Endpoint, Request};

/// What `Records.current` says of an erased record.
pub const ERASED: B256 = B256::repeat_byte(0xff);

/// Standing of an institution or a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Never admitted.
    Unknown,
    /// Admitted.
    Active,
    /// Admitted once, suspended now.
    Suspended,
}

impl Status {
    /// From the contract's number.
    ///
    /// # Errors
    /// [`Error::Untrustworthy`] for a number that the contract cannot hold.
    pub fn from_number(number: u8) -> Result<Self> {
        match number {
            0 => Ok(Self::Unknown),
            1 => Ok(Self::Active),
            2 => Ok(Self::Suspended),
            other => Err(Error::Untrustworthy(format!(
                "it told an unknown status, {other}"
            ))),
        }
    }

    /// The contract's number.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// An institution as the registry has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Institution {
    /// Standing.
    pub status: Status,
    /// Nonce of the next act on it.
    pub nonce: u64,
}

/// A person as the registry has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staff {
    /// Where the person works; zero if unknown.
    pub institution: Address,
    /// As what; `None` if unknown.
    pub role: Option<Role>,
    /// Own standing; [`Chain::is_active_staff`] counts the institution's too.
    pub status: Status,
    /// Nonce of the next act on the person.
    pub nonce: u64,
}

/// The anchor of a wallet's key statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAnchor {
    /// Salted digest of the statement; zero for none or a withdrawn one.
    pub digest: B256,
    /// How many the wallet has published.
    pub version: u64,
}

/// A grant as the chain has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantState {
    /// Last second it is live, in Unix time; 0 if it was never granted.
    pub expiry: u64,
    /// Whether it was revoked, before or after it was granted.
    pub revoked: bool,
}

impl GrantState {
    /// Whether it is granted, not revoked and not expired at `now` (Unix seconds).
    pub fn is_live_at(&self, now: u64) -> bool {
        !self.revoked && self.expiry != 0 && now <= self.expiry
    }
}

/// The last anchored checkpoint of an institution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchoredCheckpoint {
    /// Entries in the log; 0 if none was anchored.
    pub size: u64,
    /// First 26 bytes of the root; the event `Anchored` has all 32.
    pub root_prefix: FixedBytes<26>,
}

impl AnchoredCheckpoint {
    /// Whether this checkpoint has that root, as far as the state keeps it (2^208 work to fool).
    pub fn has_root(&self, root: &B256) -> bool {
        self.root_prefix.as_slice() == &root[..26]
    }
}

/// Reads the contracts of one deployment, always at the newest block.
///
/// With witnesses, reads that decide on access are put to each of them too, and the answers must
/// agree: one endpoint that lies or lags can then refuse service but not widen access.
#[derive(Clone)]
pub struct Chain {
    endpoint: Arc<dyn Endpoint>,
    witnesses: Vec<Arc<dyn Endpoint>>,
    deployment: Deployment,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain")
            .field("deployment", &self.deployment)
            .field("witnesses", &self.witnesses.len())
            .finish_non_exhaustive()
    }
}

impl Chain {
    /// Connects to a deployment and checks that it is there ([`Deployment::check`]).
    ///
    /// # Errors
    /// As [`Deployment::check`].
    pub async fn connect(endpoint: Arc<dyn Endpoint>, deployment: Deployment) -> Result<Self> {
        deployment.check(endpoint.as_ref()).await?;
        Ok(Self {
            endpoint,
            witnesses: Vec::new(),
            deployment,
        })
    }

    /// Adds endpoints that must agree on what decides about access. Each is checked first.
    ///
    /// # Errors
    /// As [`Deployment::check`].
    pub async fn with_witnesses(mut self, witnesses: Vec<Arc<dyn Endpoint>>) -> Result<Self> {
        for witness in &witnesses {
            self.deployment.check(witness.as_ref()).await?;
        }
        self.witnesses = witnesses;
        Ok(self)
    }

    /// A chain that is taken as it is, for tests of what happens when it lies.
    #[cfg(feature = "testing")]
    pub fn unchecked(endpoint: Arc<dyn Endpoint>, deployment: Deployment) -> Self {
        Self {
            endpoint,
            witnesses: Vec::new(),
            deployment,
        }
    }

    /// Adds witnesses that are taken as they are, for tests.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn with_unchecked_witnesses(mut self, witnesses: Vec<Arc<dyn Endpoint>>) -> Self {
        self.witnesses = witnesses;
        self
    }

    /// Where the contracts stand.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The endpoint that is asked first.
    pub fn endpoint(&self) -> &Arc<dyn Endpoint> {
        &self.endpoint
    }

    /// The newest block's number and time.
    ///
    /// # Errors
    /// The endpoint's failure.
    pub async fn head(&self) -> Result<crate::rpc::Block> {
        let head = self.endpoint.block(At::Latest).await?;
        head.ok_or_else(|| Error::Untrustworthy("it has no latest block".into()))
    }

    /// The registrar, who admits institutions.
    ///
    /// # Errors
    /// The endpoint's failure, as for all reads below.
    pub async fn registrar(&self) -> Result<Address> {
        self.read(self.deployment.registry, &Registry::registrarCall {})
            .await
    }

    /// An institution.
    ///
    /// # Errors
    /// The endpoint's failure.
    pub async fn institution(&self, account: Address) -> Result<Institution> {
        let call = Registry::institutionCall { account };
        let answer = self.read(self.deployment.registry, &call).await?;
        Ok(Institution {
            status: Status::from_number(answer.status)?,
            nonce: answer.nonce,
        })
    }

    /// A person.
    ///
    /// # Errors
    /// The endpoint's failure.
    pub async fn staff(&self, account: Address) -> Result<Staff> {
        let call = Registry::staffCall { account };
        let answer = self.read(self.deployment.registry, &call).await?;
        Ok(Staff {
            institution: answer.institution_,
            role: Role::from_number(answer.role),
            status: Status::from_number(answer.status)?,
            nonce: answer.nonce,
        })
    }

    /// Whether the institution is admitted and not suspended. Asked of all witnesses.
    ///
    /// # Errors
    /// The endpoint's failure; [`Error::Untrustworthy`] if witnesses disagree.
    pub async fn is_active_institution(&self, account: Address) -> Result<bool> {
        let call = Registry::isActiveInstitutionCall { account };
        self.read_agreed(self.deployment.registry, &call).await
    }

    /// Whether neither the person nor the person's institution is suspended or unknown. Asked of
    /// all witnesses.
    ///
    /// # Errors
    /// The endpoint's failure; [`Error::Untrustworthy`] if witnesses disagree.
    pub async fn is_active_staff(&self, account: Address) -> Result<bool> {
        let call = Registry::isActiveStaffCall { account };
        self.read_agreed(self.deployment.registry, &call).await
    }

    /// The anchor of a wallet's key statement. Asked of all witnesses.
    ///
    /// # Errors
    /// The endpoint's failure; [`Error::Untrustworthy`] if witnesses disagree.
    pub async fn key_statement(&self, wallet: Address) -> Result<KeyAnchor> {
        let call = Registry::keyStatementCall { wallet };
        let answer = self.read_agreed(self.deployment.registry, &call).await?;
        Ok(KeyAnchor {
            digest: answer.digest,
            version: answer.version,
        })
    }

    /// Whether the institution has enrolled this salted commitment.
    ///
    /// # Errors
    /// The endpoint's failure.
    pub async fn enrolled(&self, institution: Address, patient: B256) -> Result<bool> {
        let call = Registry::enrolledCall {
            institution,
            patient,
        };
        self.read(self.deployment.registry, &call).await
    }

    /// The current commitment of a record: zero for none, [`ERASED`] after its erasure. Asked of
    /// all witnesses.
    ///
    /// # Errors
    /// The endpoint's failure; [`Error::Untrustworthy`] if witnesses disagree.
    pub async fn current_commitment(&self, controller: Address) -> Result<B256> {
        let call = Records::currentCall { controller };
        self.read_agreed(self.deployment.records, &call).await
    }

    /// The version that a record stands at, from 1; 0 if it has none or was erased.
    ///
    /// # Errors
    /// The endpoint's failure.
    pub async fn version(&self, controller: Address) -> Result<u64> {
        self.read(
            self.deployment.records,
            &Records::versionCall { controller },
        )
        .await
    }

    /// A grant. Asked of all witnesses.
    ///
    /// # Errors
    /// The endpoint's failure; [`Error::Untrustworthy`] if witnesses disagree.
    pub async fn grant_of(&self, controller: Address, id: B256) -> Result<GrantState> {
        let call = Consents::grantOfCall { controller, id };
        let answer = self.read_agreed(self.deployment.consents, &call).await?;
        Ok(GrantState {
            expiry: answer.expiry,
            revoked: answer.revoked,
        })
    }

    /// Whether a grant is live by the chain's own clock, the time of its newest block.
    ///
    /// # Errors
    /// The endpoint's failure; [`Error::Untrustworthy`] if witnesses disagree.
    pub async fn is_live(&self, controller: Address, id: B256) -> Result<bool> {
        let call = Consents::isLiveCall { controller, id };
        self.read_agreed(self.deployment.consents, &call).await
    }

    /// The last anchored checkpoint of an institution. Asked of all witnesses.
    ///
    /// # Errors
    /// The endpoint's failure; [`Error::Untrustworthy`] if witnesses disagree.
    pub async fn checkpoint_of(&self, institution: Address) -> Result<AnchoredCheckpoint> {
        let call = Log::latestCall { institution };
        let answer = self.read_agreed(self.deployment.log, &call).await?;
        Ok(AnchoredCheckpoint {
            size: answer.size,
            root_prefix: answer.rootPrefix,
        })
    }

    /// Whether `account` signed `digest`, as a key or as a contract (ERC-1271).
    ///
    /// # Errors
    /// The endpoint's failure.
    pub async fn is_signed_by(
        &self,
        account: Address,
        digest: B256,
        signature: &[u8],
    ) -> Result<bool> {
        if acts::recover(&digest, signature) == Ok(account) {
            return Ok(true);
        }
        if self.endpoint.code(account).await?.is_empty() {
            return Ok(false);
        }
        let call = IERC1271::isValidSignatureCall {
            hash: digest,
            signature: Bytes::copy_from_slice(signature),
        };
        match self.read(account, &call).await {
            Ok(magic) => Ok(magic == IERC1271::isValidSignatureCall::SELECTOR),
            Err(Error::Refused(_) | Error::Untrustworthy(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    async fn read<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return> {
        let answer = self
            .ask(self.endpoint.as_ref(), to, call.abi_encode().into())
            .await?;
        decode::<C>(&answer)
    }

    /// Reads at every endpoint and takes the answer if it is the same. A witness may be a block
    /// behind, so a difference counts only if it lasts.
    async fn read_agreed<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return> {
        let data = Bytes::from(call.abi_encode());
        for patience in [50, 250, 1000, 3000, 0] {
            let answer = self.ask(self.endpoint.as_ref(), to, data.clone()).await?;
            let mut agreed = true;
            for witness in &self.witnesses {
                agreed &= self.ask(witness.as_ref(), to, data.clone()).await? == answer;
            }
            if agreed {
                return decode::<C>(&answer);
            }
            tokio::time::sleep(Duration::from_millis(patience)).await;
        }
        Err(Error::Untrustworthy(
            "a witness sees another state of the chain".into(),
        ))
    }

    async fn ask(&self, endpoint: &dyn Endpoint, to: Address, data: Bytes) -> Result<Bytes> {
        let request = Request {
            from: Address::ZERO,
            to: Some(to),
            data,
            value: U256::ZERO,
        };
        endpoint.call(&request, At::Latest).await
    }
}

fn decode<C: SolCall>(answer: &[u8]) -> Result<C::Return> {
    C::abi_decode_returns_validate(answer)
        .map_err(|_| Error::Untrustworthy("its answer is none that the contract can give".into()))
}

alloy_sol_types::sol! {
    /// Signatures of contracts.
    interface IERC1271 {
        function isValidSignature(bytes32 hash, bytes signature) external view returns (bytes4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_live_up_to_their_last_second() {
        let granted = GrantState {
            expiry: 100,
            revoked: false,
        };
        assert!(granted.is_live_at(100) && !granted.is_live_at(101));
        assert!(
            !GrantState {
                revoked: true,
                ..granted
            }
            .is_live_at(1)
        );
        assert!(
            !GrantState {
                expiry: 0,
                revoked: false
            }
            .is_live_at(0)
        );
    }
}
