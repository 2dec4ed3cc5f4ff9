//! Export.

use acts::Deployment;
use alloy_primitives::{Address, Bytes};
use api::log::ProvenEntry;
use api::records::Evidence;
use custody::model::error::Result;
use record::proof::NewProof;
use record::{Disclosure, GrantDocument, ProofBundle, TxRef};

use crate::person::approval::OpenedVersion;

/// Make the proof bundle of a version: the patient's side. With `parts`, only these are shown.
///
/// # Errors
/// If the evidence does not hold.
pub fn bundle(
    at: &Deployment,
    opened: &OpenedVersion,
    controller: Address,
    evidence: &Evidence,
    parts: &[String],
) -> Result<ProofBundle> {
    let secrets = &opened.secrets;
    let disclosure = Disclosure::of(&opened.manifest, parts, secrets.salt, secrets.manifest)?;
    let decode = |bytes: &Bytes| GrantDocument::decode(bytes);
    let grants: Result<Vec<GrantDocument>, _> = evidence.grants.iter().map(decode).collect();
    let proven = evidence.log.iter().filter(|e| e.size > 0);
    let bundle = ProofBundle::new(NewProof {
        chain_id: at.chain_id,
        contracts: at.contracts,
        controller,
        disclosure,
        grants: grants?,
        log: proven.map(ProvenEntry::proof).collect(),
        transactions: evidence
            .transactions
            .iter()
            .map(|t| TxRef {
                what: t.what.clone(),
                hash: t.hash,
            })
            .collect(),
    })?;
    bundle.verify()?;
    Ok(bundle)
}
