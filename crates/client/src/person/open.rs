//! Open.

use acts::Deployment;
use api::consent::Served;
use custody::model::cid::check_cid;
use custody::model::error::{Error, Refusal, Result};
use custody::model::keys::KeyRing;
use custody::model::secrets::{Bound, open_disclosure, open_part_keys};
use record::{Disclosure, GrantDocument, PartKeys, Secret32};
use zeroize::Zeroizing;

/// What was opened: part keys and the proof that the parts belong to the committed record.
pub struct OpenedGrant {
    /// The grant's document.
    pub document: GrantDocument,
    /// The proven parts.
    pub disclosure: Disclosure,
    pub(crate) keys: PartKeys,
}

/// Open what was served: the recipient's side. Checks the document against its id, the disclosure
/// against the commitment in the document, and the author's signature.
///
/// # Errors
/// If anything does not hold.
pub fn open(keys: &KeyRing, at: &Deployment, served: &Served) -> Result<OpenedGrant> {
    let document = GrantDocument::decode(&served.document)?;
    if document.id() != served.grant {
        return Err(Error::invalid(
            "document",
            "it is not the one that the grant's id names",
        ));
    }
    let bound = Bound::to_grantee(at, document.commitment, served.grant, keys.address());
    let part_keys = open_part_keys(keys.sealing(), &bound, &served.envelope.keys)?;
    let disclosure = open_disclosure(keys.sealing(), &bound, &served.envelope.disclosure)?;
    let disclosure = Disclosure::decode(&disclosure)?;
    disclosure
        .verify(document.commitment, &at.records())?
        .author
        .by_key()?;
    Ok(OpenedGrant {
        document,
        disclosure,
        keys: PartKeys::decode(&part_keys)?,
    })
}

impl OpenedGrant {
    /// The sealed bytes' CID of the part `name`.
    ///
    /// # Errors
    /// If the part was not granted.
    pub fn part(&self, name: &str) -> Result<&record::Part> {
        let shown = self.disclosure.parts.iter().find(|p| p.part.name == name);
        shown
            .map(|p| &p.part)
            .ok_or(Error::Refused(Refusal::OtherPart))
    }

    /// The key of the part `name`.
    ///
    /// # Errors
    /// If the part was not granted.
    pub fn key(&self, name: &str) -> Result<&Secret32> {
        Ok(self.keys.get(name)?)
    }

    /// Open the sealed bytes of the part `name`.
    ///
    /// # Errors
    /// If they are not those that the author signed.
    pub fn open_part(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let part = self.part(name)?;
        check_cid(&part.cid, sealed)?;
        let key = seal::PartKey::from_bytes(self.key(name)?.expose());
        Ok(seal::file::open(sealed, &key)?)
    }
}
