//! Requests, grants, opening, revoking.

use acts::Act;
use alloy_primitives::{Address, B256};
use api::acts::{Payer, Wish};
use api::consent::{GrantSubmission, GrantView, RevokeOrder, Served};
use custody::model::request::Request;
use record::Recipient;
use record::grant::{NewGrant, NewRequest};
use reqwest::Method;
use seal::SealingPublic;
use zeroize::Zeroizing;

use super::{DEADLINE, Result, Session, now};
use crate::person::grant::Shared;
use crate::person::open::OpenedGrant;

impl Session {
    /// Ask a patient for access. Returns the request's id and the act that announces it.
    ///
    /// # Errors
    /// If a field is not allowed or the node refuses.
    pub async fn ask(&self, home: Address, new: NewRequest) -> Result<(Request, B256)> {
        let message =
            crate::person::request::ask(&self.keys, self.at(), home, new, now() + DEADLINE)?;
        let request: Request = self.post("/api/v1/requests", &message).await?;
        let (id, requester) = (request.id, self.keys.address());
        let act = Act::Request {
            id,
            requester,
            deadline: message.deadline,
        };
        Ok((request, act.digest(self.at())))
    }

    /// Requests that the caller made or has to answer.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn requests(&self) -> Result<Vec<Request>> {
        self.get("/api/v1/requests").await
    }

    /// Grant parts of the current version of a record to a person, or to all who hold a role.
    ///
    /// # Errors
    /// If the record, a part or the recipient's key does not exist.
    pub async fn grant(&self, new: NewGrant) -> Result<GrantView> {
        self.grant_with(new, Wish::default()).await
    }

    /// The same, carried as the patient wishes. Until it is on chain nobody is served.
    ///
    /// # Errors
    /// Those of [`Session::grant`], and if the wish cannot be fulfilled.
    pub async fn grant_with(&self, new: NewGrant, wish: Wish) -> Result<GrantView> {
        let recipients = self.recipients(&new.recipient).await?;
        self.grant_to(new, &recipients, wish).await
    }

    /// Everybody whom a grant is for now, with the keys to which to seal for them. Who takes up a
    /// role later is given a new grant.
    pub(crate) async fn recipients(
        &self,
        recipient: &Recipient,
    ) -> Result<Vec<(Address, SealingPublic)>> {
        match recipient {
            Recipient::Person(wallet) => {
                let person = self.person(*wallet).await?;
                Ok(vec![(*wallet, person.sealing_public(self.at())?)])
            }
            Recipient::Role { institution, role } => {
                let holders = self.staff_of(*institution, Some(*role)).await?;
                let mut found = Vec::with_capacity(holders.len());
                for holder in holders {
                    // The key is the one anchored on chain, whatever the list says.
                    let person = self.person(holder.wallet).await?;
                    found.push((holder.wallet, person.sealing_public(self.at())?));
                }
                if found.is_empty() {
                    return Err(
                        custody::model::error::Error::NotFound("holder of this role").into(),
                    );
                }
                Ok(found)
            }
        }
    }

    /// The same for recipients whose keys the caller knows already, such as a guest's that the
    /// caller has just made.
    ///
    /// # Errors
    /// If the record or a part does not exist, or a key is unusable.
    pub async fn grant_to(
        &self,
        new: NewGrant,
        recipients: &[(Address, SealingPublic)],
        wish: Wish,
    ) -> Result<GrantView> {
        let view = self.current(new.controller).await?;
        let opened = self.open_version(&view).await?;
        let before = self.sealed_index().await?;
        let mut index = self.opened_index(before.as_ref())?;
        let entry = index.by_controller(&new.controller);
        let number = entry
            .ok_or(custody::model::error::Error::NotFound("record"))?
            .index;
        let shared = Shared {
            index: number,
            secrets: &opened.secrets,
            manifest: &opened.manifest,
        };
        let new = NewGrant {
            commitment: opened.commitment,
            ..new
        };
        let home = self.card.institution;
        let (document, message) =
            crate::person::grant::give(&self.keys, self.at(), &shared, new, recipients, home)?;
        index.grants.insert(document.id(), document);
        let sealed =
            crate::person::approval::seal_index(&self.keys, self.at(), &index, before.as_ref())?;
        let index = Some(sealed.encode().into());
        let submission = GrantSubmission {
            message,
            index,
            wish,
        };
        self.post("/api/v1/grants", &submission).await
    }

    /// Grants that the caller gave or was given.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn grants(&self) -> Result<Vec<GrantView>> {
        self.get("/api/v1/grants").await
    }

    /// Revoke a grant that the caller gave.
    ///
    /// # Errors
    /// If it is not the caller's.
    pub async fn revoke(&self, grant: B256) -> Result<GrantView> {
        self.revoke_paid_by(grant, Payer::Hospital).await
    }

    /// The same, with a say in who pays for the transaction.
    ///
    /// # Errors
    /// If it is not the caller's.
    pub async fn revoke_paid_by(&self, grant: B256, payer: Payer) -> Result<GrantView> {
        let index = self.index().await?;
        let document = index
            .grants
            .get(&grant)
            .ok_or(custody::model::error::Error::NotFound("grant"))?;
        let entry = index.by_controller(&document.controller);
        let number = entry
            .ok_or(custody::model::error::Error::NotFound("record"))?
            .index;
        let message =
            crate::person::revocation::revoke(&self.keys.controller(number), self.at(), grant);
        let body = RevokeOrder { message, payer };
        self.post(&format!("/api/v1/grants/{grant}/revoke"), &body)
            .await
    }

    /// Open a grant that the caller was given, and check all of it.
    ///
    /// # Errors
    /// If it is not live, not the caller's, or anything does not hold.
    pub async fn open(&self, grant: B256) -> Result<OpenedGrant> {
        let path = format!("/api/v1/grants/{grant}/open");
        let served: Served = self.client.read(self.request(Method::POST, &path)).await?;
        if served.grant != grant {
            return Err(custody::model::error::Error::invalid(
                "grant",
                "the node served another one",
            )
            .into());
        }
        Ok(crate::person::open::open(&self.keys, self.at(), &served)?)
    }

    /// Read a part that was granted.
    ///
    /// # Errors
    /// If it was not granted, is not live any more, or its bytes are others than were signed.
    pub async fn read_granted(
        &self,
        grant: B256,
        opened: &OpenedGrant,
        name: &str,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let sealed = self
            .sealed_granted(grant, &opened.part(name)?.cid.to_string())
            .await?;
        Ok(opened.open_part(name, &sealed)?)
    }

    /// The sealed bytes of a granted part.
    ///
    /// # Errors
    /// If it was not granted or is not live any more.
    pub async fn sealed_granted(&self, grant: B256, cid: &str) -> Result<Vec<u8>> {
        self.bytes(&format!("/api/v1/grants/{grant}/sealed/{cid}"))
            .await
    }
}
