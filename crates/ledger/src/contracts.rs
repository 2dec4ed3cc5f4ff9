//! Bindings of the four contracts, made at compile time from `contracts/abi`, and what their
//! errors mean.

use std::fmt;

use alloy_primitives::{Bytes, FixedBytes};
use alloy_sol_types::{Panic, Revert, SolError, SolInterface};

/// `Registry`: institutions, staff, key statements, enrolments.
pub mod registry {
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used)]
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Registry,
        "../../contracts/abi/Registry.json"
    );
}

/// `Records`: the current commitment of each record.
pub mod records {
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used)]
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Records,
        "../../contracts/abi/Records.json"
    );
}

/// `Consents`: requests, grants and revocations.
pub mod consents {
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used)]
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Consents,
        "../../contracts/abi/Consents.json"
    );
}

/// `Log`: anchored checkpoints.
pub mod log {
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used)]
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Log,
        "../../contracts/abi/Log.json"
    );
}

pub use consents::Consents;
pub use log::Log;
pub use records::Records;
pub use registry::Registry;

/// Why a contract refused: its custom error and what it means, or the bare bytes of one that is
/// not ours.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Refusal {
    /// Name of the custom error, such as `BadNonce`; `unknown` for one that is not ours.
    pub error: String,
    /// What it means and what to do.
    pub meaning: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the contract refused ({}): {}", self.error, self.meaning)
    }
}

/// Each custom error of the four contracts, once, with its meaning.
const MEANINGS: &[(&str, &str)] = &[
    (
        "NoRegistrar",
        "the registrar cannot be the zero address; name the registrar's address",
    ),
    (
        "NoRegistry",
        "there is no registry at that address; deploy the registry first",
    ),
    (
        "DeadlinePassed",
        "the signature's deadline has passed; sign the act again",
    ),
    (
        "BadSignature",
        "not signed by the one whose act it is; check the key, the chain id and the deployment",
    ),
    (
        "BadNonce",
        "another act on the same subject came first; read its nonce and sign again",
    ),
    (
        "UnknownRole",
        "there is no such role; roles run from 1 (doctor) to 7 (auditor)",
    ),
    (
        "BadStatus",
        "the subject cannot take that status now; it may have it already",
    ),
    (
        "NotActive",
        "the institution or the person is unknown or suspended; ask the registrar or the institution to admit it",
    ),
    (
        "NotItsStaff",
        "the person does not belong to this institution",
    ),
    (
        "AlreadyEnrolled",
        "this institution has enrolled this patient before; nothing is left to do",
    ),
    (
        "WrongInstitution",
        "the item names another institution than its batch; send it in a batch of its own institution",
    ),
    (
        "BadCommitment",
        "zero and the mark of an erased record are no commitments",
    ),
    (
        "StalePrevious",
        "the record has changed since the act was signed; read its current version and sign again",
    ),
    (
        "BadVersion",
        "the version is not the next one; read the current version and sign again",
    ),
    ("AlreadyErased", "the record was erased; nothing can follow"),
    (
        "NothingApplied",
        "no item of the batch could be applied; the items' own reasons tell why",
    ),
    (
        "AlreadyUsed",
        "this grant was made or revoked before; draw a new salt for a new grant",
    ),
    (
        "ExpiryPassed",
        "the grant would be born expired; choose a later expiry",
    ),
    (
        "AlreadyRevoked",
        "the grant was revoked before; nothing is left to do",
    ),
    (
        "NotGrowing",
        "a checkpoint of this size or a larger one is anchored already",
    ),
    ("TooLarge", "a log cannot have 2^48 entries or more"),
];

impl Refusal {
    /// Decodes what a reverted call returned.
    pub fn decode(data: &[u8]) -> Self {
        if let Some(name) = Self::name_of(data) {
            return Self::named(name);
        }
        if let Some(reason) = plain_reason(data) {
            return Self {
                error: "unknown".into(),
                meaning: reason,
            };
        }
        let meaning = if data.is_empty() {
            "no reason was given; the call may have run out of gas or gone to another contract"
                .into()
        } else {
            format!(
                "an error that is not one of these contracts: {}",
                Bytes::copy_from_slice(data)
            )
        };
        Self {
            error: "unknown".into(),
            meaning,
        }
    }

    /// Decodes the reason that a `Skipped` event carries.
    pub fn of_selector(selector: FixedBytes<4>) -> Self {
        Self::decode(selector.as_slice())
    }

    fn named(name: &str) -> Self {
        let meaning = MEANINGS
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("see the contract's interface", |(_, meaning)| meaning);
        Self {
            error: name.into(),
            meaning: meaning.into(),
        }
    }

    fn name_of(data: &[u8]) -> Option<&'static str> {
        let selector: [u8; 4] = data.get(..4)?.try_into().ok()?;
        registry::Registry::RegistryErrors::name_by_selector(selector)
            .or_else(|| records::Records::RecordsErrors::name_by_selector(selector))
            .or_else(|| consents::Consents::ConsentsErrors::name_by_selector(selector))
            .or_else(|| log::Log::LogErrors::name_by_selector(selector))
    }
}

/// The words of `revert("…")`, or of a failed assertion; contracts that are not ours use them.
fn plain_reason(data: &[u8]) -> Option<String> {
    let words = Revert::abi_decode(data).map(|revert| revert.reason).ok();
    words.or_else(|| Panic::abi_decode(data).map(|panic| panic.to_string()).ok())
}

/// Whether any contract has an error of this selector; `false` means another program answered.
pub fn is_ours(selector: [u8; 4]) -> bool {
    registry::Registry::RegistryErrors::valid_selector(selector)
        || records::Records::RecordsErrors::valid_selector(selector)
        || consents::Consents::ConsentsErrors::valid_selector(selector)
        || log::Log::LogErrors::valid_selector(selector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_every_contract_has_a_meaning() {
        let mut seen = 0;
        for json in [
            include_str!("../../../contracts/abi/Registry.json"),
            include_str!("../../../contracts/abi/Records.json"),
            include_str!("../../../contracts/abi/Consents.json"),
            include_str!("../../../contracts/abi/Log.json"),
        ] {
            let artifact: serde_json::Value = serde_json::from_str(json).unwrap();
            for item in artifact["abi"].as_array().unwrap() {
                let name = item["name"].as_str().unwrap_or_default();
                // OpenZeppelin's string helpers cannot fail for our short constant names.
                if item["type"] != "error" || matches!(name, "InvalidShortString" | "StringTooLong")
                {
                    continue;
                }
                assert!(
                    MEANINGS.iter().any(|(known, _)| *known == name),
                    "{name} has no meaning"
                );
                seen += 1;
            }
        }
        assert!(seen >= MEANINGS.len());
    }

    #[test]
    fn errors_are_named_and_strangers_are_shown_bare() {
        let refusal = Refusal::decode(&records::Records::StalePrevious::SELECTOR);
        assert_eq!(refusal.error, "StalePrevious");
        assert!(refusal.to_string().contains("sign again"));

        let text = Refusal::decode(&Revert::from("closed").abi_encode());
        assert!(text.meaning.contains("closed"));

        assert!(
            Refusal::decode(&[1, 2, 3, 4, 5])
                .meaning
                .contains("0x0102030405")
        );
        assert!(Refusal::decode(&[]).meaning.contains("no reason"));
    }
}
