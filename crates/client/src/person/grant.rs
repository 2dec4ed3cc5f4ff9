//! Grant.

use acts::Deployment;
use alloy_primitives::Address;
use api::consent::{Envelope, GrantMessage, PartRef};
use custody::model::error::Result;
use custody::model::grant::act_of;
use custody::model::keys::KeyRing;
use custody::model::secrets::{Bound, VersionSecrets, seal_disclosure, seal_part_keys, secret};
use custody::ports::random::{random, rng};
use record::grant::NewGrant;
use record::{Disclosure, GrantDocument, Manifest, PartKeys};
use seal::SealingPublic;

/// What a patient grants from.
pub struct Shared<'a> {
    /// The record's number in the patient's index.
    pub index: u64,
    /// What opens the version.
    pub secrets: &'a VersionSecrets,
    /// The version's manifest.
    pub manifest: &'a Manifest,
}

/// Make a grant: the patient's side. `recipients` are all to whom envelopes go: the person, or
/// everybody who holds the role now.
///
/// # Errors
/// If a part does not exist, a key is unusable, or a field is not allowed.
pub fn give(
    keys: &KeyRing,
    at: &Deployment,
    shared: &Shared<'_>,
    new: NewGrant,
    recipients: &[(Address, SealingPublic)],
    home: Address,
) -> Result<(GrantDocument, GrantMessage)> {
    let document = GrantDocument::new(new, random())?;
    let controller = keys.controller(shared.index);
    let signature = act_of(&document).sign(at, &controller);
    let secrets = shared.secrets;
    let disclosure = Disclosure::of(
        shared.manifest,
        &document.parts,
        secrets.salt,
        secrets.manifest,
    )?;
    let record_key = secrets.record_key();
    let part_key = |name: &String| (name.clone(), secret(record_key.part(name).expose()));
    let part_keys = PartKeys::new(document.parts.iter().map(part_key).collect())?;
    let (plain_keys, plain_disclosure) = (part_keys.encode(), disclosure.encode());
    let seal = |(wallet, public): &(Address, SealingPublic)| -> Result<Envelope> {
        let bound = Bound::to_grantee(at, document.commitment, document.id(), *wallet);
        Ok(Envelope {
            recipient: *wallet,
            keys: seal_part_keys(public, &bound, &plain_keys, &mut rng())?,
            disclosure: seal_disclosure(public, &bound, &plain_disclosure, &mut rng())?,
        })
    };
    let parts = disclosure.parts.iter().map(|p| PartRef {
        name: p.part.name.clone(),
        cid: p.part.cid.to_string(),
    });
    let message = GrantMessage {
        chain_id: at.chain_id,
        consents: at.contracts.consents,
        home,
        document: document.encode().into(),
        signature,
        envelopes: recipients.iter().map(seal).collect::<Result<_>>()?,
        parts: parts.collect(),
    };
    Ok((document, message))
}
