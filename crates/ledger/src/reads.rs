//! What stands on chain now: typed reads of the four contracts, each agreed on by all endpoints.

use std::sync::Arc;
use std::time::Duration;

use acts::Role;
use alloy_primitives::{Address, B256, Bytes, FixedBytes};
use alloy_sol_types::SolCall;
use serde::{Deserialize, Serialize};

use crate::agreement::{Agreement, DEVELOPMENT_CHAINS, MAX_HEAD_AGE};
use crate::clock::{Clock, SystemClock};
use crate::contracts::{Consents, Log, Records, Registry};
use crate::deployment::Deployment;
use crate::error::{Error, Result};
use crate::relayer::MAX_SIGNATURE;
use crate::rpc::{At, Endpoint, Request};

/// Gas within which a contract wallet has to answer whether a signature is its own. Nobody pays
/// for the question; this bounds the endpoint's work.
const QUESTION_GAS: u64 = 1_000_000;

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
/// Every read is put to the endpoint and to each witness, and the answers must agree: one endpoint
/// that lies or lags can then refuse service but not widen access. An endpoint whose newest block
/// is older than [`MAX_HEAD_AGE`] refuses as well, except on [`DEVELOPMENT_CHAINS`], which make
/// blocks on demand; [`Chain::with_max_head_age`] sets another limit.
#[derive(Clone)]
pub struct Chain {
    agreement: Agreement,
    deployment: Deployment,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain")
            .field("deployment", &self.deployment)
            .field("endpoints", &self.agreement.endpoints().len())
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
        let on_demand = DEVELOPMENT_CHAINS.contains(&deployment.chain_id);
        let chain = Self {
            agreement: Agreement::of(vec![endpoint]),
            deployment,
        };
        let limit = (!on_demand).then_some(MAX_HEAD_AGE);
        Ok(chain.with_max_head_age(limit, Arc::new(SystemClock)))
    }

    /// Adds endpoints that must agree. Each is checked first.
    ///
    /// # Errors
    /// As [`Deployment::check`].
    pub async fn with_witnesses(mut self, witnesses: Vec<Arc<dyn Endpoint>>) -> Result<Self> {
        for witness in &witnesses {
            self.deployment.check(witness.as_ref()).await?;
        }
        self.agreement.add(witnesses);
        Ok(self)
    }

    /// Refuses to read from endpoints whose newest block is older than so many seconds by
    /// `clock`; `None` for chains that make blocks on demand.
    #[must_use]
    pub fn with_max_head_age(mut self, seconds: Option<u64>, clock: Arc<dyn Clock>) -> Self {
        self.agreement.limit_head_age(seconds, clock);
        self
    }

    /// Waits so long for an agreed answer, instead of 20 seconds.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.agreement.limit_wait(patience);
        self
    }

    /// A chain that is taken as it is, for tests of what happens when it lies.
    #[cfg(feature = "testing")]
    pub fn unchecked(endpoint: Arc<dyn Endpoint>, deployment: Deployment) -> Self {
        Self {
            agreement: Agreement::of(vec![endpoint]),
            deployment,
        }
    }

    /// Adds witnesses that are taken as they are, for tests.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn with_unchecked_witnesses(mut self, witnesses: Vec<Arc<dyn Endpoint>>) -> Self {
        self.agreement.add(witnesses);
        self
    }

    /// Where the contracts stand.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The endpoint that is asked for what can be checked, such as blocks and their events.
    pub fn endpoint(&self) -> &Arc<dyn Endpoint> {
        &self.agreement.endpoints()[0]
    }

    /// The endpoints that must agree with it.
    pub fn witnesses(&self) -> &[Arc<dyn Endpoint>] {
        &self.agreement.endpoints()[1..]
    }

    /// Checks that every endpoint answers and has a block that is new enough.
    ///
    /// # Errors
    /// [`Error::StaleHead`], or an endpoint's failure.
    pub async fn check_head_age(&self) -> Result<()> {
        self.agreement.check_head_age().await
    }

    /// The newest block's number and time, as the first endpoint tells it.
    ///
    /// # Errors
    /// The endpoint's failure.
    pub async fn head(&self) -> Result<crate::rpc::Block> {
        let head = self.endpoint().block(At::Latest).await?;
        head.ok_or_else(|| Error::Untrustworthy("it has no latest block".into()))
    }

    /// The registrar, who admits institutions.
    ///
    /// # Errors
    /// As for all reads below: an endpoint's failure, [`Error::StaleHead`] if one is behind,
    /// [`Error::Untrustworthy`] if they disagree.
    pub async fn registrar(&self) -> Result<Address> {
        self.read(self.deployment.registry, &Registry::registrarCall {})
            .await
    }

    /// An institution.
    ///
    /// # Errors
    /// As [`Chain::registrar`].
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
    /// As [`Chain::registrar`].
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

    /// Whether the institution is admitted and not suspended.
    ///
    /// # Errors
    /// As [`Chain::registrar`].
    pub async fn is_active_institution(&self, account: Address) -> Result<bool> {
        let call = Registry::isActiveInstitutionCall { account };
        self.read(self.deployment.registry, &call).await
    }

    /// Whether neither the person nor the person's institution is suspended or unknown.
    ///
    /// # Errors
    /// As [`Chain::registrar`].
    pub async fn is_active_staff(&self, account: Address) -> Result<bool> {
        let call = Registry::isActiveStaffCall { account };
        self.read(self.deployment.registry, &call).await
    }

    /// The anchor of a wallet's key statement.
    ///
    /// # Errors
    /// As [`Chain::registrar`].
    pub async fn key_statement(&self, wallet: Address) -> Result<KeyAnchor> {
        let call = Registry::keyStatementCall { wallet };
        let answer = self.read(self.deployment.registry, &call).await?;
        Ok(KeyAnchor {
            digest: answer.digest,
            version: answer.version,
        })
    }

    /// Whether the institution has enrolled this salted commitment.
    ///
    /// # Errors
    /// As [`Chain::registrar`].
    pub async fn enrolled(&self, institution: Address, patient: B256) -> Result<bool> {
        let call = Registry::enrolledCall {
            institution,
            patient,
        };
        self.read(self.deployment.registry, &call).await
    }

    /// The current commitment of a record: zero for none, [`ERASED`] after its erasure.
    ///
    /// # Errors
    /// As [`Chain::registrar`].
    pub async fn current_commitment(&self, controller: Address) -> Result<B256> {
        let call = Records::currentCall { controller };
        self.read(self.deployment.records, &call).await
    }

    /// The version that a record stands at, from 1; 0 if it has none or was erased.
    ///
    /// # Errors
    /// As [`Chain::registrar`].
    pub async fn version(&self, controller: Address) -> Result<u64> {
        self.read(
            self.deployment.records,
            &Records::versionCall { controller },
        )
        .await
    }

    /// A grant.
    ///
    /// # Errors
    /// As [`Chain::registrar`].
    pub async fn grant_of(&self, controller: Address, id: B256) -> Result<GrantState> {
        let call = Consents::grantOfCall { controller, id };
        let answer = self.read(self.deployment.consents, &call).await?;
        Ok(GrantState {
            expiry: answer.expiry,
            revoked: answer.revoked,
        })
    }

    /// Whether a grant is live by the chain's own clock, the time of its newest block, and its
    /// record not erased: `Consents` does not know of erasures, so `Records` is asked as well.
    ///
    /// # Errors
    /// As [`Chain::registrar`].
    pub async fn is_live(&self, controller: Address, id: B256) -> Result<bool> {
        let call = Consents::isLiveCall { controller, id };
        Ok(self.read(self.deployment.consents, &call).await?
            && self.current_commitment(controller).await? != ERASED)
    }

    /// The last anchored checkpoint of an institution.
    ///
    /// # Errors
    /// As [`Chain::registrar`].
    pub async fn checkpoint_of(&self, institution: Address) -> Result<AnchoredCheckpoint> {
        let call = Log::latestCall { institution };
        let answer = self.read(self.deployment.log, &call).await?;
        Ok(AnchoredCheckpoint {
            size: answer.size,
            root_prefix: answer.rootPrefix,
        })
    }

    /// Whether `account` signed `digest`, as a key or as a contract (ERC-1271). A signature of
    /// more than [`MAX_SIGNATURE`] bytes is none.
    ///
    /// # Errors
    /// As [`Chain::registrar`].
    pub async fn is_signed_by(
        &self,
        account: Address,
        digest: B256,
        signature: &[u8],
    ) -> Result<bool> {
        if signature.len() > MAX_SIGNATURE {
            return Ok(false);
        }
        if acts::recover(&digest, signature) == Ok(account) {
            return Ok(true);
        }
        let call = IERC1271::isValidSignatureCall {
            hash: digest,
            signature: Bytes::copy_from_slice(signature),
        };
        let question = Request::question(account, call.abi_encode()).within(QUESTION_GAS);
        let answer = self.agreement.call(question).await;
        // An account without code answers nothing, which is not the magic value.
        match answer.and_then(|answer| decode::<IERC1271::isValidSignatureCall>(&answer)) {
            Ok(magic) => Ok(magic == IERC1271::isValidSignatureCall::SELECTOR),
            Err(Error::Refused(_) | Error::Untrustworthy(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    async fn read<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return> {
        let question = Request::question(to, call.abi_encode());
        decode::<C>(&self.agreement.call(question).await?)
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
