//! Admission: the registrar admits institutions, institutions admit their staff, and everyone
//! states to which key to seal.
//!
//! ```text
//! institution   unknown ──registrar signs──► active ◄──registrar signs──► suspended
//! staff         invited ──institution signed; the person signs too──► active ◄─institution─► suspended
//! key           stated ──the wallet signs; a salted digest on chain──► published ──a newer one──► replaced
//! ```
//!
//! Every act is signed by the one it binds and carried by the node's relayer. Acts that the
//! contract would refuse are refused here, before they cost anything.

use acts::{Act, SignedAct};
use alloy_primitives::{Address, Bytes};
use api::acts::Progress;
use api::people::KeySubmission;
use record::KeyStatement;

use crate::model::act::Errand;
use crate::model::document::Batch;
use crate::model::error::{Error, Result};
use crate::model::invitation::Invitation;
use crate::model::person::Person;
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;
use crate::uses::people::key_statement::{check_name, state_key};
use crate::uses::signature::check_signature;

impl Hospital {
    /// Carry an act of the registrar about an institution.
    ///
    /// # Errors
    /// If it is another act or the contract would refuse it.
    pub async fn set_institution(&self, signed: SignedAct) -> Result<Errand> {
        if !matches!(signed.act, Act::SetInstitution { .. }) {
            return Err(Error::invalid("act", "only set_institution is taken here"));
        }
        self.carry(signed).await
    }

    /// Carry an act of this institution about a person of its staff.
    ///
    /// # Errors
    /// If it is another act, of another institution, or the contract would refuse it.
    pub async fn set_staff(&self, wallet: Address, signed: SignedAct) -> Result<Errand> {
        match signed.act {
            Act::SetStaff {
                staff, institution, ..
            } if staff == wallet && institution == self.address() => {}
            _ => {
                return Err(Error::invalid(
                    "act",
                    "only set_staff for this person is taken here",
                ));
            }
        }
        self.carry(signed).await
    }

    /// Check an act against the contract and have it carried. What is on its way already is not
    /// checked again: the contract would refuse the second of two.
    pub(crate) async fn carry(&self, signed: SignedAct) -> Result<Errand> {
        let id = signed.act.digest(self.deployment());
        match self.errand(id).await {
            Ok(errand) if errand.progress != Progress::Failed => return Ok(errand),
            Ok(_) | Err(Error::NotFound(_)) => {}
            Err(other) => return Err(other),
        }
        self.chain.check(&signed).await?;
        self.dispatch(signed).await
    }

    /// Keep an offer until the person takes it.
    ///
    /// # Errors
    /// If it is not this institution's or not signed by it.
    pub async fn invite(&self, offer: Invitation) -> Result<Invitation> {
        if offer.institution != self.address() {
            return Err(Error::invalid(
                "institution",
                "only this node's institution invites here",
            ));
        }
        let digest = offer.act().digest(self.deployment());
        let (signer, signature) = (offer.institution, &offer.signature);
        check_signature(self.chain.as_ref(), "invitation", signer, digest, signature).await?;
        let mut batch = Batch::new();
        batch.put(&offer)?;
        self.store.write(&batch).await?;
        Ok(offer)
    }

    /// The offer that waits for this wallet.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn invitation(&self, wallet: Address) -> Result<Invitation> {
        let held = self.store.load::<Invitation>(&hex::encode(wallet)).await?;
        held.map(|h| h.document)
            .ok_or(Error::NotFound("invitation"))
    }

    /// Take the offer: the person's signature completes the act.
    ///
    /// # Errors
    /// If there is no offer or the contract would refuse the act.
    pub async fn accept_invitation(&self, wallet: Address, signature: Bytes) -> Result<Errand> {
        let offer = self.invitation(wallet).await?;
        let signatures = vec![offer.signature.clone(), signature];
        self.carry(SignedAct {
            act: offer.act(),
            signatures,
        })
        .await
    }

    /// Take a key statement into the directory and anchor it on chain.
    ///
    /// # Errors
    /// If the statement is not signed by the wallet, or the contract would refuse its anchor.
    pub async fn publish_key(
        &self,
        wallet: Address,
        submission: KeySubmission,
    ) -> Result<Option<Errand>> {
        let KeySubmission { person, anchor } = submission;
        let person = Person::from(person);
        check_name(&person.name)?;
        if person.wallet != wallet {
            return Err(Error::invalid("wallet", "state your own key only"));
        }
        person.sealing_public(self.deployment())?;
        let mut batch = Batch::new();
        batch.put(&person)?;
        let Some(anchor) = anchor else {
            self.store.write(&batch).await?;
            return Ok(None);
        };
        let digest = KeyStatement::decode(&person.statement)?.salted_digest(&person.salt);
        let (version, deadline) = (anchor.version, anchor.deadline);
        let act = Act::PublishKey {
            wallet,
            digest,
            version,
            deadline,
        };
        let signed = SignedAct {
            act,
            signatures: vec![anchor.signature],
        };
        self.chain.check(&signed).await?;
        let errand = Errand::new(signed, self.deployment(), self.now());
        self.enlist(&mut batch, &errand).await?;
        self.store.write(&batch).await?;
        self.errands.notify_one();
        Ok(Some(errand))
    }

    /// The directory entry of a wallet, from here or from a peer. A peer's answer is kept only if
    /// the wallet signed it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nobody knows the wallet.
    pub async fn person(&self, wallet: Address) -> Result<Person> {
        if let Some(person) = self.person_here(wallet).await? {
            return Ok(person);
        }
        let person = self
            .peers
            .person(wallet)
            .await?
            .ok_or(Error::NotFound("person"))?;
        if person.wallet != wallet {
            return Err(Error::NotFound("person"));
        }
        person.sealing_public(self.deployment())?;
        Ok(person)
    }

    /// The directory entry of a wallet that this node keeps.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn person_here(&self, wallet: Address) -> Result<Option<Person>> {
        Ok(self
            .store
            .load::<Person>(&hex::encode(wallet))
            .await?
            .map(|h| h.document))
    }

    /// State this institution's own key, if it is not the one stated already. The anchor follows
    /// once the institution is admitted.
    ///
    /// # Errors
    /// If the database or the chain does not answer.
    pub async fn state_own_key(&self) -> Result<()> {
        let at = *self.deployment();
        let known = self.person_here(self.address()).await?;
        let person = match known {
            Some(person)
                if person.sealing_public(&at)?.to_bytes()
                    == self.keys.sealing_public().to_bytes() =>
            {
                person
            }
            _ => {
                let stated = state_key(&self.keys, &at, &self.settings.name, self.now(), None)?;
                let person = Person::from(stated.person);
                let mut batch = Batch::new();
                batch.put(&person)?;
                self.store.write(&batch).await?;
                person
            }
        };
        let facts = self.chain.key(self.address()).await?;
        if person.is_current(facts)? || !self.chain.institution(self.address()).await?.active {
            return Ok(());
        }
        let digest = KeyStatement::decode(&person.statement)?.salted_digest(&person.salt);
        let (wallet, version) = (self.address(), facts.version + 1);
        // A fixed deadline per version keeps the act the same when this runs again.
        let deadline = u64::MAX;
        let act = Act::PublishKey {
            wallet,
            digest,
            version,
            deadline,
        };
        self.carry(self.sign(act)).await?;
        Ok(())
    }
}
