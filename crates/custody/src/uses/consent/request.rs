//! Requests: somebody elsewhere asks a patient for access.
//!
//! ```text
//! made ──requester signs; own node carries it to the chain and brings it to the patient's node──►
//! open (the patient sees it in full; the chain knows its salted id) ──a grant names it──► answered
//! ```

use acts::{Act, SignedAct};
use alloy_primitives::B256;
use api::consent::RequestMessage;
use api::log::Deed;
use async_trait::async_trait;
use record::RequestDocument;

use crate::model::act::Errand;
use crate::model::caller::Caller;
use crate::model::document::{Batch, Held, Kind, Query, hex_id};
use crate::model::error::{Error, Result};
use crate::model::inbox::Inbox;
use crate::model::log_entry::Entry;
use crate::model::notice::News;
use crate::model::request::Request;
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;
use crate::uses::lifecycle::{Lifecycle, Step};
use crate::uses::signature::check_signature;

/// The act that a request announces, with the requester's signature.
fn signed(message: &RequestMessage, document: &RequestDocument) -> SignedAct {
    let act = Act::Request {
        id: document.id(),
        requester: document.requester,
        deadline: message.deadline,
    };
    SignedAct {
        act,
        signatures: vec![message.signature.clone()],
    }
}

/// Requests that still have to be brought to the patients' nodes.
#[derive(Debug, Default)]
pub struct RequestDeliveries;

#[async_trait]
impl Lifecycle for RequestDeliveries {
    type Document = Request;

    fn name(&self) -> &'static str {
        "request_deliveries"
    }

    fn due(&self, _now: u64) -> Query {
        Query::of(Kind::Request).due_by(u64::MAX)
    }

    fn target(&self, request: &Request) -> Option<String> {
        Some(hex::encode(request.message.home))
    }

    async fn step(&self, hospital: &Hospital, mut held: Held<Request>) -> Result<Step> {
        let message = &held.document.message;
        hospital.peers.send_request(message.home, message).await?;
        held.document.owed = false;
        let mut batch = Batch::new();
        batch.replace(&held)?;
        hospital.store.write(&batch).await?;
        Ok(Step::Moved)
    }
}

impl Hospital {
    /// Take a request from somebody of any institution.
    ///
    /// # Errors
    /// If it is not the caller's, not signed, or the contract would refuse it.
    pub async fn request(&self, by: &Caller, message: RequestMessage) -> Result<Request> {
        let document = message.document()?;
        if document.requester != by.wallet {
            return Err(Error::invalid("requester", "ask in your own name only"));
        }
        if let Some(known) = self.store.load::<Request>(&hex_id(document.id())).await? {
            return Ok(known.document);
        }
        if message.home != self.address() && !self.peers.knows(message.home) {
            return Err(Error::invalid(
                "home",
                "no node of this institution is known here",
            ));
        }
        let signed = signed(&message, &document);
        self.chain.check(&signed).await?;
        let errand = Errand::new(signed, self.deployment(), self.now());
        let mut batch = Batch::new();
        self.enlist(&mut batch, &errand).await?;
        let request = self
            .file_request(batch, message, document, Deed::Request)
            .await?;
        self.errands.notify_one();
        Ok(request)
    }

    async fn file_request(
        &self,
        mut batch: Batch,
        message: RequestMessage,
        document: RequestDocument,
        deed: Deed,
    ) -> Result<Request> {
        let owed = message.home != self.address();
        let request = Request {
            id: document.id(),
            patient: document.patient,
            requester: document.requester,
            message,
            received_at: self.now(),
            answer: None,
            owed,
        };
        batch.create(&request)?;
        let (owner, about, id) = (hex::encode(request.requester), Kind::Request, request.id);
        batch.put(&Inbox { owner, about, id })?;
        let news = News::new("request", format!("/requests/{id}"))
            .with("request", id)
            .with("requester", request.requester);
        self.tell_patient(&mut batch, Some(request.patient), news)
            .await?;
        let entry = Entry::new(deed, self.now(), request.requester).patient(request.patient);
        self.write(batch, entry.detail(hex_id(request.id))).await?;
        Ok(request)
    }

    /// Take a request that another institution's node brings.
    ///
    /// # Errors
    /// If it is for another institution, of no patient here, or not signed by active staff.
    pub async fn receive_request(&self, message: RequestMessage) -> Result<()> {
        let document = message.document()?;
        if message.home != self.address() {
            return Err(Error::invalid("home", "it is for another institution"));
        }
        if self
            .store
            .load::<Request>(&hex_id(document.id()))
            .await?
            .is_some()
        {
            return Ok(());
        }
        self.patient(document.patient).await?;
        let digest = signed(&message, &document).act.digest(self.deployment());
        let (signer, signature) = (document.requester, &message.signature);
        check_signature(self.chain.as_ref(), "request", signer, digest, signature).await?;
        if self.staff(document.requester).await?.is_none() {
            return Err(Error::Forbidden(
                "the requester is no active staff".to_owned(),
            ));
        }
        self.file_request(Batch::new(), message, document, Deed::Request)
            .await?;
        Ok(())
    }

    /// The requests that wait for a patient, or that a requester made.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn requests(&self, caller: &Caller) -> Result<Vec<Request>> {
        let mut found = Vec::new();
        if let Some(patient) = caller.patient {
            let query = Query::of(Kind::Request).owner(hex_id(patient));
            found.extend(
                self.store
                    .readable::<Request>(query)
                    .await?
                    .into_iter()
                    .map(|h| h.document),
            );
        }
        for id in self
            .inbox(&hex::encode(caller.wallet), Kind::Request)
            .await?
        {
            if !found.iter().any(|r| r.id == id)
                && let Some(held) = self.store.load::<Request>(&hex_id(id)).await?
            {
                found.push(held.document);
            }
        }
        Ok(found)
    }

    pub(crate) async fn inbox(&self, owner: &str, about: Kind) -> Result<Vec<B256>> {
        let query = Query::of(Kind::Inbox).owner(owner).state(about.name());
        let held = self.store.readable::<Inbox>(query).await?;
        Ok(held.into_iter().map(|h| h.document.id).collect())
    }

    pub(crate) async fn answer_request(
        &self,
        batch: &mut Batch,
        request: Option<B256>,
        grant: B256,
    ) -> Result<()> {
        let Some(request) = request else {
            return Ok(());
        };
        let Some(held) = self.store.load::<Request>(&hex_id(request)).await? else {
            return Ok(());
        };
        let news = News::new("request_answered", format!("/requests/{request}"))
            .with("request", request)
            .with("grant", grant);
        self.tell_person(batch, held.document.requester, news)
            .await?;
        let document = Request {
            answer: Some(grant),
            ..held.document
        };
        batch.replace(&Held {
            document,
            version: held.version,
        })?;
        Ok(())
    }
}
