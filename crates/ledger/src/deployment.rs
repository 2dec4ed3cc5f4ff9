//! Putting the contracts on a chain, and the file that tells where they are.

use std::path::Path;
use std::time::Duration;

use acts::Signer;
use alloy_primitives::{Address, Bytes, U256, hex};
use alloy_sol_types::{SolCall, SolConstructor};
use serde::{Deserialize, Serialize};

use crate::contracts::{Consents, Log, Records, Registry};
use crate::error::{Error, Result};
use crate::rpc::{At, Endpoint, Request};
use crate::tx::{self, Draft, FeePolicy};

/// Name that deployment files have by habit.
pub const FILE_NAME: &str = "stele-deployment.json";

/// Where one set of contracts stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// `Registry`.
    pub registry: Address,
    /// `Records`.
    pub records: Address,
    /// `Consents`.
    pub consents: Address,
    /// `Log`.
    pub log: Address,
    /// Block of the first of them: indexers begin here.
    pub block: u64,
}

/// The four contracts in the order in which they are deployed.
const NAMES: [&str; 4] = ["Registry", "Records", "Consents", "Log"];

impl Deployment {
    /// Reads a deployment file.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it cannot be read or says something else.
    pub fn load(path: &Path) -> Result<Self> {
        let fail = |reason: String| {
            Error::malformed("deployment file", format!("{}: {reason}", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
        serde_json::from_str(&text).map_err(|e| fail(e.to_string()))
    }

    /// Writes a deployment file: whole or not at all.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(Error::store)?;
        let beside = path.with_extension("json.new");
        std::fs::write(&beside, text + "\n").map_err(Error::store)?;
        std::fs::rename(&beside, path).map_err(Error::store)
    }

    /// The addresses with their contracts' names.
    pub fn contracts(&self) -> [(&'static str, Address); 4] {
        [
            (NAMES[0], self.registry),
            (NAMES[1], self.records),
            (NAMES[2], self.consents),
            (NAMES[3], self.log),
        ]
    }

    /// Checks that the endpoint serves this chain and that these contracts of this version stand
    /// there: same code but for what the constructors fill in, same registry behind all.
    ///
    /// # Errors
    /// [`Error::WrongChain`], [`Error::NoCode`], [`Error::WrongContract`], or the endpoint's.
    pub async fn check(&self, endpoint: &dyn Endpoint) -> Result<()> {
        let found = endpoint.chain_id().await?;
        if found != self.chain_id {
            return Err(Error::WrongChain {
                expected: self.chain_id,
                found,
            });
        }
        for ((contract, address), creation) in self.contracts().into_iter().zip(creation_codes()?) {
            let code = endpoint.code(address).await?;
            if code.is_empty() {
                return Err(Error::NoCode {
                    contract,
                    address,
                    chain_id: self.chain_id,
                });
            }
            if !is_code_of(&code, &creation) {
                let reason = "its code differs".into();
                return Err(Error::WrongContract {
                    contract,
                    address,
                    reason,
                });
            }
        }
        self.check_registry(endpoint).await
    }

    async fn check_registry(&self, endpoint: &dyn Endpoint) -> Result<()> {
        let data = Bytes::from(Records::registryCall {}.abi_encode());
        for (contract, address) in &self.contracts()[1..] {
            // The selector of `registry()` is the same in the three.
            let request = Request::question(*address, data.clone());
            let answer = endpoint.call(&request, At::Latest).await?;
            let behind = Records::registryCall::abi_decode_returns(&answer).ok();
            if behind != Some(self.registry) {
                return Err(Error::WrongContract {
                    contract,
                    address: *address,
                    reason: format!("it does not rest on the registry {}", self.registry),
                });
            }
        }
        Ok(())
    }
}

impl From<&Deployment> for acts::Deployment {
    fn from(file: &Deployment) -> Self {
        let contracts = acts::Contracts {
            registry: file.registry,
            records: file.records,
            consents: file.consents,
            log: file.log,
        };
        Self {
            chain_id: file.chain_id,
            contracts,
        }
    }
}

/// Creation code of each contract, without constructor arguments.
fn creation_codes() -> Result<[Bytes; 4]> {
    Ok([
        creation_code(include_str!("../../../contracts/abi/Registry.json"))?,
        creation_code(include_str!("../../../contracts/abi/Records.json"))?,
        creation_code(include_str!("../../../contracts/abi/Consents.json"))?,
        creation_code(include_str!("../../../contracts/abi/Log.json"))?,
    ])
}

fn creation_code(artifact: &str) -> Result<Bytes> {
    #[derive(Deserialize)]
    struct Artifact {
        bytecode: Bytecode,
    }
    #[derive(Deserialize)]
    struct Bytecode {
        object: String,
    }
    let fail = |reason: String| Error::corrupt("contract artifact", reason);
    let artifact: Artifact = serde_json::from_str(artifact).map_err(|e| fail(e.to_string()))?;
    hex::decode(artifact.bytecode.object)
        .map(Bytes::from)
        .map_err(|e| fail(e.to_string()))
}

/// Whether `code`, read from a chain, is what `creation` leaves there. The tail of the creation
/// code is the deployed code, with zeros where the constructor writes immutable values: the 32
/// bytes after a `PUSH32` (0x7f).
fn is_code_of(code: &[u8], creation: &[u8]) -> bool {
    let Some(start) = creation.len().checked_sub(code.len()) else {
        return false;
    };
    let template = &creation[start..];
    let mut at = 0;
    while at < code.len() {
        if code[at] == template[at] {
            at += 1;
            continue;
        }
        let Some(hole) = hole_around(template, at) else {
            return false;
        };
        at = hole;
    }
    true
}

/// The end of the hole for an immutable value that covers the byte at `at`, if there is one.
fn hole_around(template: &[u8], at: usize) -> Option<usize> {
    (at.saturating_sub(31)..=at).find_map(|start| {
        let end = start + 32;
        let hole = template.get(start..end)?;
        let pushed = start > 0 && template[start - 1] == 0x7f;
        (pushed && hole.iter().all(|byte| *byte == 0)).then_some(end)
    })
}

/// Puts the four contracts on the endpoint's chain and waits until they are included. `signer`
/// pays; it has no power over them afterwards. `registrar` admits institutions.
///
/// # Errors
/// [`Error::DeploymentFailed`], [`Error::FeeTooHigh`], [`Error::Refused`], or the endpoint's. What
/// was deployed by then stays, unused; run it again.
pub async fn deploy(
    endpoint: &dyn Endpoint,
    signer: &dyn Signer,
    registrar: Address,
    fees: &FeePolicy,
) -> Result<Deployment> {
    let chain_id = endpoint.chain_id().await?;
    let [registry_code, records_code, consents_code, log_code] = creation_codes()?;
    let mut deployer = Deployer {
        endpoint,
        signer,
        fees,
        chain_id,
    };
    let arguments = Registry::constructorCall {
        registrar_: registrar,
    }
    .abi_encode();
    let (registry, block) = deployer.create(NAMES[0], registry_code, arguments).await?;
    let arguments = Records::constructorCall {
        registry_: registry,
    }
    .abi_encode();
    let (records, _) = deployer.create(NAMES[1], records_code, arguments).await?;
    let arguments = Consents::constructorCall {
        registry_: registry,
    }
    .abi_encode();
    let (consents, _) = deployer.create(NAMES[2], consents_code, arguments).await?;
    let arguments = Log::constructorCall {
        registry_: registry,
    }
    .abi_encode();
    let (log, _) = deployer.create(NAMES[3], log_code, arguments).await?;
    let deployment = Deployment {
        chain_id,
        registry,
        records,
        consents,
        log,
        block,
    };
    deployment.check(endpoint).await?;
    Ok(deployment)
}

struct Deployer<'a> {
    endpoint: &'a dyn Endpoint,
    signer: &'a dyn Signer,
    fees: &'a FeePolicy,
    chain_id: u64,
}

impl Deployer<'_> {
    /// Deploys one contract; returns its address and block.
    async fn create(
        &mut self,
        contract: &'static str,
        code: Bytes,
        arguments: Vec<u8>,
    ) -> Result<(Address, u64)> {
        let data = Bytes::from([code.as_ref(), &arguments].concat());
        let from = self.signer.address();
        let request = Request {
            from,
            to: None,
            data: data.clone(),
            value: U256::ZERO,
            gas: None,
        };
        let gas = self.endpoint.estimate(&request, At::Latest).await?;
        let draft = Draft {
            chain_id: self.chain_id,
            nonce: self.endpoint.nonce(from, At::Pending).await?,
            to: None,
            data: &data,
            value: U256::ZERO,
            gas_limit: gas + gas / 5,
            fees: self.fees.estimate(self.endpoint).await?,
        };
        let (hash, raw) = tx::sign(&draft, self.signer)?;
        match self.endpoint.send_raw(&raw).await? {
            crate::rpc::Sent::Accepted => {}
            other => {
                return Err(Error::Rpc {
                    method: "eth_sendRawTransaction".into(),
                    code: 0,
                    message: format!("{contract} was not taken: {other:?}"),
                });
            }
        }
        let receipt = self.wait(hash).await?;
        let expected = from.create(draft.nonce);
        if receipt.status != 1 || receipt.contract_address != Some(expected) {
            return Err(Error::DeploymentFailed { contract, tx: hash });
        }
        Ok((expected, receipt.block_number))
    }

    async fn wait(&self, hash: alloy_primitives::B256) -> Result<crate::rpc::Receipt> {
        // Ten minutes: fifty blocks of the main network.
        for turn in 0..2400u32 {
            if let Some(receipt) = self.endpoint.receipt(hash).await? {
                return Ok(receipt);
            }
            tokio::time::sleep(Duration::from_millis(if turn < 20 { 25 } else { 250 })).await;
        }
        Err(Error::StillPending(format!("deployment in {hash}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_known_but_for_its_immutable_values() {
        let mut creation = vec![0x60, 0x80, 0x7f];
        creation.extend([0u8; 32]);
        creation.extend([0x7f, 0x01, 0x02]);
        let mut code = creation[1..].to_vec();
        assert!(is_code_of(&code, &creation));
        code[2..34].copy_from_slice(&[9; 32]);
        assert!(is_code_of(&code, &creation), "an immutable value");
        code[34] = 0;
        assert!(!is_code_of(&code, &creation), "an instruction");
        assert!(
            !is_code_of(&[0; 64], &creation),
            "longer than the creation code"
        );
    }

    #[test]
    fn files_round_trip_and_bad_ones_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let deployment = Deployment {
            chain_id: 31337,
            registry: Address::repeat_byte(1),
            records: Address::repeat_byte(2),
            consents: Address::repeat_byte(3),
            log: Address::repeat_byte(4),
            block: 5,
        };
        deployment.save(&path).unwrap();
        assert_eq!(Deployment::load(&path).unwrap(), deployment);
        std::fs::write(&path, "{}").unwrap();
        let error = Deployment::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("chain_id") && error.contains(FILE_NAME),
            "{error}"
        );
        assert!(Deployment::load(&folder.path().join("none")).is_err());
    }
}
