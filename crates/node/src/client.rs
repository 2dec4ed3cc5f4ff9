//! The typed client: what a person's own machine does with a node.
//!
//! Everything secret happens here, on the caller's side: opening, signing, sealing to recipients.
//! What a node says is checked against signatures, CIDs and commitments before it is used.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes};
use bytes::Bytes as Body;
use clinical::PatientDemographics;
use custody::act::{Act, Deployment, Progress, SignedAct};
use custody::admit::{Invitation, KeySubmission, Person, state_key};
use custody::appointment::{
    self, AppointmentChange, AppointmentView, NewAppointment, NewSlot, Slot,
};
use custody::approve::{self, OpenedVersion, VersionView};
use custody::carry::{LONGEST_WAIT, Payer, Wish};
use custody::enrol::{NewPatient, PatientCard};
use custody::erase::{EraseOrder, Erasure};
use custody::export::{self, Evidence, ProvenEntry};
use custody::grant::{self, GrantSubmission, GrantView, Shared};
use custody::keys::{KeyRing, personal_digest};
use custody::letter::{self, LetterKind, LetterView};
use custody::link::{GuestLink, LinkCode, LinkView, NewLink};
use custody::mail::Mail;
use custody::notice::NoticeView;
use custody::open::{self, OpenedGrant, Served};
use custody::profile::{ProfileView, StaffView};
use custody::request::{Request, RequestMessage};
use custody::revoke::{RevokeMessage, RevokeOrder};
use custody::upload::sealed::{self, Corrected, PlainPart, SealedUpload, UploadKeys};
use custody::upload::{self, DraftView, NewUpload};
use record::grant::{NewGrant, NewRequest};
use record::{PatientIndex, ProofBundle, Recipient, Role, SealedIndex};
use reqwest::{Method, Response, StatusCode};
use seal::SealingPublic;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::api::{
    ActView, AnchorView, Challenge, DirectoryView, IndexForm, IndexView, NodeCard, PatientView,
    SentForm, SignIn, Signature, SignedIn, WithdrawForm,
};
use crate::http::error::ErrorBody;
use crate::reading::{ReadingView, Task};

/// How long a signature that a client makes may still be carried to the chain, seconds.
const DEADLINE: u64 = 1800;
/// The same for acts that wait for a low fee, from then on, or for a wallet that may be slow.
const OWN_DEADLINE: u64 = 86_400;
/// Largest body that a client reads into memory.
const LARGEST_BODY: usize = 1 << 30;
/// How long one exchange may take; uploads of large files over slow lines need minutes.
const EXCHANGE: Duration = Duration::from_secs(600);

/// Why a node did not do what was asked, or was not believed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The node answered with an error.
    #[error("{} ({}, HTTP {})", .body.message, .body.error, .status.as_u16())]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// What it said.
        body: ErrorBody,
    },
    /// No answer, or not one that can be read.
    #[error("the node at {url} cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        reason: String,
    },
    /// The answer does not hold: a signature, digest or seal is wrong.
    #[error("what the node sent does not hold: {0}")]
    Wrong(#[from] custody::Error),
    /// The chain refused an act.
    #[error("the chain refused {name}: {reason}")]
    NotTaken {
        /// The act.
        name: String,
        /// Why.
        reason: String,
    },
    /// An act was not included in time. It is not lost: the node goes on.
    #[error("{name} is not on chain yet after {seconds} s; the node goes on carrying it")]
    Slow {
        /// The act.
        name: String,
        /// How long was waited.
        seconds: u64,
    },
}

impl ClientError {
    /// What to do next, where the node or the kind of failure says it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Refused { body, .. } => Some(&body.hint),
            Self::Unreachable { .. } => Some("check the address and that `stele node` runs there"),
            Self::Slow { .. } => Some("ask again later; nothing has to be signed anew"),
            Self::Wrong(_) | Self::NotTaken { .. } => None,
        }
    }

    /// The HTTP status, if the node answered with an error.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// The stable code of the error, if the node answered with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { body, .. } => Some(&body.error),
            _ => None,
        }
    }
}

type Result<T, E = ClientError> = std::result::Result<T, E>;

/// A node, for whoever has not signed in.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
}

/// A node, for somebody who has signed in.
pub struct Session {
    client: Client,
    token: Zeroizing<String>,
    keys: Arc<KeyRing>,
    card: NodeCard,
    /// Who the node says that the caller is.
    pub who: crate::api::Who,
}

/// A record version in the patient's index.
#[derive(Clone, Debug, Serialize)]
pub struct RecordLine {
    /// Its number in the patient's index.
    pub index: u64,
    /// Its controller on chain.
    pub controller: Address,
    /// Commitment of the latest version.
    pub commitment: B256,
    /// CID of the latest sealed manifest.
    pub manifest: String,
    /// The patient's own words for it.
    pub label: String,
    /// Versions.
    pub versions: usize,
    /// When it was added, unix seconds.
    pub added_at: u64,
    /// Whether it was erased.
    pub erased: bool,
}

impl Client {
    /// A node at an address.
    ///
    /// # Errors
    /// If the address is none.
    pub fn new(url: &str) -> Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        let wrong = |reason: String| ClientError::Unreachable {
            url: url.clone(),
            reason,
        };
        let parsed = reqwest::Url::parse(&url).map_err(|e| wrong(e.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(wrong(
                "the address begins with neither http:// nor https://".into(),
            ));
        }
        let http = reqwest::Client::builder()
            .timeout(EXCHANGE)
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| wrong(e.to_string()))?;
        Ok(Self { http, url })
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it says about itself.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn card(&self) -> Result<NodeCard> {
        self.read(self.request(Method::GET, "/api/v1/node")).await
    }

    /// Whether it is ready to serve.
    ///
    /// # Errors
    /// If it is not, with what is missing.
    pub async fn ready(&self) -> Result<()> {
        self.send(self.request(Method::GET, "/readyz"))
            .await
            .map(|_| ())
    }

    /// The last signed checkpoint of its log, in C2SP note format.
    ///
    /// # Errors
    /// If there is none.
    pub async fn checkpoint(&self) -> Result<String> {
        let response = self
            .send(self.request(Method::GET, "/api/v1/log/checkpoint"))
            .await?;
        response.text().await.map_err(|e| self.lost(&e))
    }

    /// Have a code for a link sent to its guest.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn send_code(&self, link: B256) -> Result<()> {
        let path = format!("/api/v1/links/{link}/code");
        let request = self.request(Method::POST, &path);
        self.send(request.json(&serde_json::json!({})))
            .await
            .map(|_| ())
    }

    /// The mails that a node for demonstrations shows.
    ///
    /// # Errors
    /// If it shows none.
    pub async fn mails(&self) -> Result<Vec<Mail>> {
        self.read(self.request(Method::GET, "/api/v1/mails")).await
    }

    /// Sign in with EIP-4361.
    ///
    /// # Errors
    /// If the node refuses, or asks for a signature that names another node.
    pub async fn sign_in(&self, keys: Arc<KeyRing>) -> Result<Session> {
        let card = self.card().await?;
        let challenge: Challenge = self
            .read(self.request(Method::POST, "/api/v1/session/nonce"))
            .await?;
        let message = self.sign_in_message(&challenge, keys.address())?;
        let signature = keys.wallet().sign(personal_digest(message.as_bytes()));
        let body = SignIn {
            message,
            signature: Bytes::copy_from_slice(&signature),
        };
        let session: SignedIn = self
            .read(self.request(Method::POST, "/api/v1/session").json(&body))
            .await?;
        let token = Zeroizing::new(session.token);
        Ok(Session {
            client: self.clone(),
            token,
            keys,
            card,
            who: session.who,
        })
    }

    /// The message of EIP-4361. The domain is this client's own idea of whom it talks to, so that
    /// a node cannot have a message signed that another node would take.
    fn sign_in_message(&self, challenge: &Challenge, wallet: Address) -> Result<String> {
        let wrong = |reason: &str| ClientError::Unreachable {
            url: self.url.clone(),
            reason: reason.to_owned(),
        };
        let url = reqwest::Url::parse(&self.url).map_err(|e| wrong(&e.to_string()))?;
        let host = url
            .host_str()
            .ok_or_else(|| wrong("its address has no host"))?;
        let domain = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        if challenge.domain != domain {
            return Err(wrong(&format!(
                "it calls itself {}, which is not {domain}; use its public address",
                challenge.domain
            )));
        }
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
        if ![
            &challenge.nonce,
            &challenge.uri,
            &challenge.issued_at,
            &challenge.expires_at,
        ]
        .into_iter()
        .all(|text| plain(text))
        {
            return Err(wrong("its challenge is malformed"));
        }
        Ok(format!(
            "{domain} wants you to sign in with your Ethereum account:\n{}\n\nSign in to Stele.\n\n\
             URI: {}\nVersion: 1\nChain ID: {}\nNonce: {}\nIssued At: {}\nExpiration Time: {}",
            wallet.to_checksum(None),
            challenge.uri,
            challenge.chain_id,
            challenge.nonce,
            challenge.issued_at,
            challenge.expires_at,
        ))
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|e| self.lost(&e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = self.body(response).await?;
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| ErrorBody {
            error: "http".into(),
            message: String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned(),
            hint: "check that this is the address of a Stele node".into(),
        });
        Err(ClientError::Refused { status, body })
    }

    async fn read<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T> {
        let response = self.send(request).await?;
        let bytes = self.body(response).await?;
        serde_json::from_slice(&bytes).map_err(|e| ClientError::Unreachable {
            url: self.url.clone(),
            reason: format!("its answer cannot be read: {e}"),
        })
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.lost(&e))? {
            if bytes.len() + chunk.len() > LARGEST_BODY {
                let reason = "its answer is larger than any part".to_owned();
                return Err(ClientError::Unreachable {
                    url: self.url.clone(),
                    reason,
                });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn lost(&self, error: &reqwest::Error) -> ClientError {
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            reason = inner.to_string();
            source = inner.source();
        }
        ClientError::Unreachable {
            url: self.url.clone(),
            reason,
        }
    }
}

/// Until when a signature for an act that is carried like this may be used.
fn deadline_for(wish: Wish) -> u64 {
    match wish {
        Wish {
            when: Some(when), ..
        } => when.until.min(now() + LONGEST_WAIT) + OWN_DEADLINE,
        Wish {
            payer: Payer::Own, ..
        } => now() + OWN_DEADLINE,
        Wish { .. } => now() + DEADLINE,
    }
}

/// Now, unix seconds.
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| d.as_secs())
}

impl Session {
    /// The node's card.
    #[must_use]
    pub fn card(&self) -> &NodeCard {
        &self.card
    }

    /// The caller's keys.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// The session's token, for requests that this client does not make.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    fn at(&self) -> &Deployment {
        &self.card.deployment
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, path)
            .bearer_auth(self.token.as_str())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.client.read(self.request(Method::GET, path)).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.client
            .read(self.request(Method::POST, path).json(body))
            .await
    }

    async fn bytes(&self, path: &str) -> Result<Vec<u8>> {
        let response = self.client.send(self.request(Method::GET, path)).await?;
        self.client.body(response).await
    }

    /// End the session.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn sign_out(self) -> Result<()> {
        self.client
            .send(self.request(Method::DELETE, "/api/v1/session"))
            .await
            .map(|_| ())
    }

    // ---- acts ----

    /// How far an act is.
    ///
    /// # Errors
    /// If the node does not know it.
    pub async fn act(&self, id: B256) -> Result<ActView> {
        self.get(&format!("/api/v1/acts/{id}")).await
    }

    /// Wait until an act is in a block.
    ///
    /// # Errors
    /// If the chain refuses it, or it takes longer than `within`.
    pub async fn settle(&self, id: B256, within: Duration) -> Result<ActView> {
        let start = tokio::time::Instant::now();
        loop {
            let view = self.act(id).await?;
            match view.progress {
                Progress::Included | Progress::Final => return Ok(view),
                Progress::Failed => {
                    let reason = view.error.unwrap_or_else(|| "no reason given".into());
                    return Err(ClientError::NotTaken {
                        name: view.name,
                        reason,
                    });
                }
                Progress::Withdrawn => {
                    let reason = "it was taken back".into();
                    return Err(ClientError::NotTaken {
                        name: view.name,
                        reason,
                    });
                }
                Progress::Waiting | Progress::OwnWallet | Progress::Pending => {}
            }
            if start.elapsed() > within {
                return Err(ClientError::Slow {
                    name: view.name,
                    seconds: within.as_secs(),
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Have the hospital carry an act now that waits for a low fee or for an own wallet.
    ///
    /// # Errors
    /// If the caller did not hand it in.
    pub async fn send_now(&self, id: B256) -> Result<ActView> {
        let nothing = serde_json::json!({});
        self.post(&format!("/api/v1/acts/{id}/send-now"), &nothing)
            .await
    }

    /// Name the transaction with which an own wallet carries an act.
    ///
    /// # Errors
    /// If the chain does not know it yet, it makes another call, or the hospital carries the act.
    pub async fn sent(&self, id: B256, tx: B256) -> Result<ActView> {
        self.post(&format!("/api/v1/acts/{id}/sent"), &SentForm { tx })
            .await
    }

    /// Take an approval back that is not on its way yet, and its version out of the index.
    ///
    /// # Errors
    /// If it is on its way, or no approval of the caller's.
    pub async fn withdraw(&self, version: &VersionView) -> Result<ActView> {
        let id = version.act.ok_or(custody::Error::NotFound("act"))?;
        let before = self.sealed_index().await?;
        let mut index = self.opened_index(before.as_ref())?;
        approve::take_back(&mut index, version.commitment);
        let sealed = approve::seal_index(&self.keys, self.at(), &index, before.as_ref())?;
        let form = WithdrawForm {
            index: Some(sealed.encode().into()),
        };
        self.post(&format!("/api/v1/acts/{id}/withdraw"), &form)
            .await
    }

    // ---- registry ----

    /// What directory and chain know of a wallet.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn directory(&self, wallet: Address) -> Result<DirectoryView> {
        self.get(&format!("/api/v1/directory/{wallet}")).await
    }

    /// Admit or reinstate an institution, or suspend it: the registrar's act.
    ///
    /// # Errors
    /// If the node or the contract refuses.
    pub async fn set_institution(&self, institution: Address, active: bool) -> Result<ActView> {
        let nonce = self.directory(institution).await?.institution_nonce;
        let (status, deadline) = (status(active), now() + DEADLINE);
        let act = Act::SetInstitution {
            institution,
            status,
            nonce,
            deadline,
        };
        self.post("/api/v1/registry/institutions", &self.signed(act))
            .await
    }

    /// Invite a person to the institution's staff: the institution's half of the act.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn invite(&self, staff: Address, role: Role) -> Result<Invitation> {
        let nonce = self.directory(staff).await?.staff_nonce;
        let offer = Invitation::offer(&self.keys, self.at(), staff, role, nonce, now() + DEADLINE);
        self.post("/api/v1/registry/staff", &offer).await
    }

    /// Accept the invitation of this node's institution: the person's half.
    ///
    /// # Errors
    /// If there is none, or it names another person or institution.
    pub async fn accept_invitation(&self) -> Result<ActView> {
        let offer: Invitation = self.get("/api/v1/registry/invitation").await?;
        if offer.staff != self.keys.address() || offer.institution != self.card.institution {
            return Err(custody::Error::invalid("invitation", "it is for somebody else").into());
        }
        let signature = offer.act().sign(self.at(), self.keys.wallet());
        self.post("/api/v1/registry/invitation", &Signature { signature })
            .await
    }

    /// Change a person's role, suspend or reinstate: the institution's act.
    ///
    /// # Errors
    /// If the node or the contract refuses.
    pub async fn set_staff(&self, staff: Address, role: Role, active: bool) -> Result<ActView> {
        let nonce = self.directory(staff).await?.staff_nonce;
        let act = Act::SetStaff {
            staff,
            institution: self.keys.address(),
            role: role.number(),
            status: status(active),
            nonce,
            deadline: now() + DEADLINE,
        };
        self.post(
            &format!("/api/v1/registry/staff/{staff}"),
            &self.signed(act),
        )
        .await
    }

    /// State the caller's sealing key: to the directory, and salted to the chain for staff and
    /// institutions.
    ///
    /// # Errors
    /// If the node or the contract refuses.
    pub async fn state_key(&self, name: &str) -> Result<Option<ActView>> {
        let me = self.directory(self.keys.address()).await?;
        let on_chain = me.active_institution || me.staff.is_some_and(|s| s.active);
        let anchor = on_chain.then(|| (me.key_version + 1, now() + DEADLINE));
        let body: KeySubmission = state_key(&self.keys, self.at(), name, now(), anchor)?;
        self.post("/api/v1/keys", &body).await
    }

    fn signed(&self, act: Act) -> SignedAct {
        let signatures = vec![act.sign(self.at(), self.keys.wallet())];
        SignedAct { act, signatures }
    }

    // ---- patients ----

    /// The card that a patient hands to this node's hospital to be enrolled.
    ///
    /// # Errors
    /// If the keys cannot be stated.
    pub fn patient_card(&self) -> Result<PatientCard> {
        Ok(PatientCard::of(
            &self.keys,
            self.at(),
            self.card.institution,
            now(),
        )?)
    }

    /// Enrol a patient: the hospital's or its staff's job.
    ///
    /// # Errors
    /// If the card does not hold.
    pub async fn enrol(
        &self,
        demographics: PatientDemographics,
        card: PatientCard,
    ) -> Result<PatientView> {
        self.post("/api/v1/patients", &NewPatient { demographics, card })
            .await
    }

    /// The hospital's patients.
    ///
    /// # Errors
    /// If the caller is not of its staff.
    pub async fn patients(&self) -> Result<Vec<PatientView>> {
        self.get("/api/v1/patients").await
    }

    // ---- making records ----

    /// Upload; what comes back has to be signed with [`Session::sign_upload`].
    ///
    /// # Errors
    /// If the file is not taken. The same key may be used again to try again.
    pub async fn upload(&self, new: &NewUpload, key: &str) -> Result<DraftView> {
        let mut form = reqwest::multipart::Form::new()
            .text("patient", new.patient.to_string())
            .text("title", new.title.clone())
            .text("report", new.report.clone());
        if let Some(corrects) = new.corrects {
            form = form.text("corrects", corrects.to_string());
        }
        let file = &new.file;
        form = form
            .text("modality", file.modality.clone())
            .text("body_part", file.body_part.clone());
        let length = file.bytes.len() as u64;
        let part = reqwest::multipart::Part::stream_with_length(file.bytes.clone(), length)
            .file_name("file");
        form = form.part("file", part);
        let request = self
            .request(Method::POST, "/api/v1/uploads")
            .header("idempotency-key", key);
        self.client.read(request.multipart(form)).await
    }

    /// Have a radiograph read by the node; nothing of it is kept there.
    ///
    /// # Errors
    /// If the caller may not, the node has no reader or is busy, or it is no radiograph.
    pub async fn reading(&self, task: Task, image: Bytes) -> Result<ReadingView> {
        let request = self
            .request(Method::POST, "/api/v1/readings")
            .query(&[("task", task)])
            .body(image.to_vec());
        self.client.read(request).await
    }

    /// Seal and sign a record for a patient of this hospital, on this machine.
    ///
    /// # Errors
    /// If the patient is not known, a key statement does not hold or a part is not allowed.
    pub async fn seal_upload(
        &self,
        patient: B256,
        corrects: Option<&VersionView>,
        parts: &[PlainPart],
    ) -> Result<SealedUpload> {
        let path = format!("/api/v1/patients/{patient}/keys");
        let to: UploadKeys = self.get(&path).await?;
        if to.institution.wallet != self.card.institution {
            let reason = "the node named another institution than its own";
            return Err(custody::Error::invalid("institution", reason).into());
        }
        let corrects = corrects.map(|v| Corrected {
            record: v.record,
            version: v.version,
            commitment: v.commitment,
        });
        let (keys, at) = (&self.keys, self.at());
        Ok(sealed::seal_upload(
            keys,
            at,
            &to,
            patient,
            corrects,
            parts,
            now(),
        )?)
    }

    /// Send a sealed upload; what comes back has to be signed with [`Session::sign_upload`], which
    /// gives the same signature again. The same key may be used again to go on after a failure.
    ///
    /// # Errors
    /// If the node finds that something does not hold.
    pub async fn upload_sealed(&self, upload: &SealedUpload, key: &str) -> Result<DraftView> {
        let draft = serde_json::to_string(&upload.draft)
            .map_err(|e| custody::Error::Internal(e.to_string()))?;
        let file =
            |bytes: &Vec<u8>| reqwest::multipart::Part::bytes(bytes.clone()).file_name("sealed");
        let mut form = reqwest::multipart::Form::new()
            .text("draft", draft)
            .part("manifest", file(&upload.manifest));
        for part in &upload.parts {
            form = form.part("part", file(part));
        }
        let request = self
            .request(Method::POST, "/api/v1/uploads/sealed")
            .header("idempotency-key", key);
        self.client.read(request.multipart(form)).await
    }

    /// Upload and sign in one go; returns when a quorum of institutions holds the record. Going on
    /// after a failure, of whatever kind, is to call it again with the same key.
    ///
    /// # Errors
    /// If the file is not taken, the key stands for another upload, or no quorum could be reached.
    pub async fn send(&self, new: &NewUpload, key: &str) -> Result<VersionView> {
        match self.upload(new, key).await {
            Ok(draft) => self.sign_upload(&draft, new.patient).await,
            Err(error) if error.code() == Some("wrong_state") => {
                // Signed before: only the acknowledgement may be missing.
                let card = self.card();
                let record = upload::record_id(card.institution, self.keys.address(), key);
                let path = format!("/api/v1/uploads/{record}/signature");
                let signature = Bytes::new();
                self.post(&path, &Signature { signature }).await
            }
            Err(error) => Err(error),
        }
    }

    /// Sign an upload. Returns when it is acknowledged: a quorum of institutions holds it.
    ///
    /// # Errors
    /// If the draft is not what was uploaded, or no quorum could be reached; signing again goes on.
    pub async fn sign_upload(&self, draft: &DraftView, patient: B256) -> Result<VersionView> {
        let signature = upload::sign_draft(&self.keys, self.at(), draft, patient)?;
        self.post(
            &format!("/api/v1/uploads/{}/signature", draft.record),
            &Signature { signature },
        )
        .await
    }

    /// The caller's uploads that wait for the caller's signature.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn drafts(&self) -> Result<Vec<DraftView>> {
        self.get("/api/v1/uploads").await
    }

    /// The versions that the caller made, with the reasons of refusals.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn authored(&self) -> Result<Vec<VersionView>> {
        self.get("/api/v1/authored").await
    }

    // ---- the patient's inbox and record ----

    /// Versions that wait for the patient.
    ///
    /// # Errors
    /// If the caller is no patient here.
    pub async fn pending(&self) -> Result<Vec<VersionView>> {
        self.get("/api/v1/pending").await
    }

    /// The patient's versions at this hospital, in any stage.
    ///
    /// # Errors
    /// If the caller is no patient here.
    pub async fn versions(&self) -> Result<Vec<VersionView>> {
        self.get("/api/v1/records").await
    }

    /// Open a version of the caller's own record and check all of it.
    ///
    /// # Errors
    /// If anything does not hold.
    pub async fn open_version(&self, view: &VersionView) -> Result<OpenedVersion> {
        let secrets = approve::open_envelope(&self.keys, self.at(), view)?;
        let sealed = self.sealed_of(view.record, &view.manifest).await?;
        Ok(approve::open_version(self.at(), secrets, &sealed, view)?)
    }

    /// Read a part of the caller's own record.
    ///
    /// # Errors
    /// If there is no such part or its bytes are others than were signed.
    pub async fn read_part(
        &self,
        view: &VersionView,
        opened: &OpenedVersion,
        name: &str,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let part = opened.manifest.part(name).map_err(custody::Error::from)?;
        let sealed = self.sealed_of(view.record, &part.cid.to_string()).await?;
        Ok(opened.open_part(name, &sealed)?)
    }

    /// The sealed bytes of a blob of the caller's own record.
    ///
    /// # Errors
    /// If it is not of that record.
    pub async fn sealed_of(&self, record: B256, cid: &str) -> Result<Vec<u8>> {
        self.bytes(&format!("/api/v1/records/{record}/sealed/{cid}"))
            .await
    }

    /// Approve a version; the node carries the commit.
    ///
    /// # Errors
    /// If it is not pending any more, or the index does not follow.
    pub async fn approve(
        &self,
        view: &VersionView,
        opened: &OpenedVersion,
        label: &str,
    ) -> Result<VersionView> {
        self.approve_with(view, opened, label, Wish::default())
            .await
    }

    /// The same, carried as the patient wishes: when it is cheap, or by an own wallet.
    ///
    /// # Errors
    /// Those of [`Session::approve`], and if the wish cannot be fulfilled.
    pub async fn approve_with(
        &self,
        view: &VersionView,
        opened: &OpenedVersion,
        label: &str,
        wish: Wish,
    ) -> Result<VersionView> {
        let before = self.sealed_index().await?;
        let mut index = self.opened_index(before.as_ref())?;
        let mut approval = approve::approve(
            &self.keys,
            self.at(),
            opened,
            &mut index,
            before.as_ref(),
            label,
            now(),
            deadline_for(wish),
        )?;
        approval.wish = wish;
        self.post(
            &format!("/api/v1/pending/{}/approve", view.record),
            &approval,
        )
        .await
    }

    /// Refuse a version, with a reason for its author alone.
    ///
    /// # Errors
    /// If it is not pending any more.
    pub async fn refuse(&self, view: &VersionView, reason: &str) -> Result<VersionView> {
        let author = self.person(view.author).await?.sealing_public(self.at())?;
        let note = approve::refuse(self.at(), view, &author, reason)?;
        self.post(&format!("/api/v1/pending/{}/refuse", view.record), &note)
            .await
    }

    /// The patient's index, opened and checked.
    ///
    /// # Errors
    /// If it was altered.
    pub async fn index(&self) -> Result<PatientIndex> {
        let sealed = self.sealed_index().await?;
        self.opened_index(sealed.as_ref())
    }

    /// Change the patient's index by itself.
    ///
    /// # Errors
    /// If it was changed by another client meanwhile.
    pub async fn change_index(&self, change: impl FnOnce(&mut PatientIndex)) -> Result<()> {
        let before = self.sealed_index().await?;
        let mut index = self.opened_index(before.as_ref())?;
        change(&mut index);
        let sealed = approve::seal_index(&self.keys, self.at(), &index, before.as_ref())?;
        let index = sealed.encode().into();
        let request = self.request(Method::PUT, "/api/v1/index");
        let _: IndexView = self.client.read(request.json(&IndexForm { index })).await?;
        Ok(())
    }

    /// The lines of the patient's index.
    ///
    /// # Errors
    /// If it was altered.
    pub async fn records(&self) -> Result<Vec<RecordLine>> {
        let index = self.index().await?;
        Ok(index.records.values().map(line).collect())
    }

    async fn sealed_index(&self) -> Result<Option<SealedIndex>> {
        let view: IndexView = self.get("/api/v1/index").await?;
        let decode = |sealed: Bytes| SealedIndex::decode(&sealed).map_err(custody::Error::from);
        Ok(view.sealed.map(decode).transpose()?)
    }

    fn opened_index(&self, sealed: Option<&SealedIndex>) -> Result<PatientIndex> {
        let Some(sealed) = sealed else {
            return Ok(PatientIndex::default());
        };
        Ok(approve::open_index(&self.keys, self.at(), sealed)?)
    }

    async fn person(&self, wallet: Address) -> Result<Person> {
        let view = self.directory(wallet).await?;
        let person = view.person.ok_or(custody::Error::NotFound("person"))?;
        let salted = custody::chain::KeyFacts {
            digest: view.key_digest,
            version: view.key_version,
        };
        // A key that was anchored must be the one that is used; people without an anchor (patients,
        // guests) are known by their signature alone.
        if view.key_version > 0 && !person.is_current(salted)? {
            return Err(
                custody::Error::invalid("key", "it is not the one anchored on chain").into(),
            );
        }
        Ok(person)
    }

    /// The version of the caller's record that a controller stands for now.
    async fn current(&self, controller: Address) -> Result<VersionView> {
        let versions = self.versions().await?;
        versions
            .into_iter()
            .filter(|v| v.controller == Some(controller))
            .max_by_key(|v| v.version)
            .ok_or_else(|| custody::Error::NotFound("record").into())
    }

    // ---- consent ----

    /// Ask a patient for access. Returns the request's id and the act that announces it.
    ///
    /// # Errors
    /// If a field is not allowed or the node refuses.
    pub async fn ask(&self, home: Address, new: NewRequest) -> Result<(Request, B256)> {
        let message = RequestMessage::new(&self.keys, self.at(), home, new, now() + DEADLINE)?;
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
    async fn recipients(&self, recipient: &Recipient) -> Result<Vec<(Address, SealingPublic)>> {
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
                    return Err(custody::Error::NotFound("holder of this role").into());
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
        let number = entry.ok_or(custody::Error::NotFound("record"))?.index;
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
            grant::give(&self.keys, self.at(), &shared, new, recipients, home)?;
        index.grants.insert(document.id(), document);
        let sealed = approve::seal_index(&self.keys, self.at(), &index, before.as_ref())?;
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
            .ok_or(custody::Error::NotFound("grant"))?;
        let entry = index.by_controller(&document.controller);
        let number = entry.ok_or(custody::Error::NotFound("record"))?.index;
        let message = RevokeMessage::new(&self.keys.controller(number), self.at(), grant);
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
            return Err(custody::Error::invalid("grant", "the node served another one").into());
        }
        Ok(open::open(&self.keys, self.at(), &served)?)
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

    // ---- links ----

    /// Make a link to a grant to a guest.
    ///
    /// # Errors
    /// If the grant is not the caller's.
    pub async fn make_link(&self, new: &NewLink) -> Result<LinkView> {
        self.post("/api/v1/links", new).await
    }

    /// The links that the caller made.
    ///
    /// # Errors
    /// If the caller is no patient here.
    pub async fn links(&self) -> Result<Vec<LinkView>> {
        self.get("/api/v1/links").await
    }

    /// Take a link back.
    ///
    /// # Errors
    /// If it is not the caller's.
    pub async fn revoke_link(&self, link: B256) -> Result<LinkView> {
        let nothing = serde_json::json!({});
        self.post(&format!("/api/v1/links/{link}/revoke"), &nothing)
            .await
    }

    /// Enter the code from the mail: the guest's side.
    ///
    /// # Errors
    /// If it is another code, or the link serves no more.
    pub async fn confirm_link(&self, link: B256, code: &str) -> Result<GuestLink> {
        let code = code.to_owned();
        self.post(&format!("/api/v1/links/{link}/confirm"), &LinkCode { code })
            .await
    }

    // ---- people ----

    /// The active staff of an institution, with one role or any.
    ///
    /// # Errors
    /// If no node of that institution is known or answers.
    pub async fn staff_of(
        &self,
        institution: Address,
        role: Option<Role>,
    ) -> Result<Vec<StaffView>> {
        let mut path = format!("/api/v1/staff?institution={institution}");
        if let Some(role) = role {
            path.push_str(&format!("&role={role}"));
        }
        self.get(&path).await
    }

    /// Set the caller's profile.
    ///
    /// # Errors
    /// If a field is not allowed.
    pub async fn set_profile(&self, set: &ProfileView) -> Result<ProfileView> {
        let request = self.request(Method::PUT, "/api/v1/profile").json(set);
        self.client.read(request).await
    }

    /// What there is to know since a notice, or from the beginning; waits for it, 25 s at most.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn notices(&self, since: &str, wait: u64) -> Result<Vec<NoticeView>> {
        self.get(&format!("/api/v1/notifications?since={since}&wait={wait}"))
            .await
    }

    /// Remember how far the caller has read.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn notices_seen(&self, up_to: &str) -> Result<()> {
        let body = serde_json::json!({ "up_to": up_to });
        let _: serde_json::Value = self.post("/api/v1/notifications/seen", &body).await?;
        Ok(())
    }

    /// Write a letter to somebody whose key is known.
    ///
    /// # Errors
    /// If the reader is not known, or the node does not take letters for them.
    pub async fn write(
        &self,
        to: Address,
        kind: LetterKind,
        thread: Option<B256>,
        text: &str,
        grants: Vec<B256>,
    ) -> Result<LetterView> {
        let public = self.person(to).await?.sealing_public(self.at())?;
        let reader = (to, &public);
        let (keys, at) = (&self.keys, self.at());
        let letter = letter::write(keys, at, reader, kind, thread, text.as_bytes(), grants)?;
        self.post("/api/v1/letters", &letter).await
    }

    /// The caller's letters, of one conversation or all.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn letters(&self, thread: Option<B256>) -> Result<Vec<LetterView>> {
        let query = thread.map_or_else(String::new, |t| format!("?thread={t}"));
        self.get(&format!("/api/v1/letters{query}")).await
    }

    /// Read a letter, and tell its writer so.
    ///
    /// # Errors
    /// If it was sealed to another key.
    pub async fn read_letter(&self, view: &LetterView) -> Result<Zeroizing<Vec<u8>>> {
        let plain = letter::read(&self.keys, self.at(), view)?;
        if view.to == self.keys.address() {
            let path = format!("/api/v1/letters/{}/seen", view.id);
            let _: LetterView = self.post(&path, &serde_json::json!({})).await?;
        }
        Ok(plain)
    }

    /// A doctor's times.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn slots(&self, doctor: Address) -> Result<Vec<Slot>> {
        self.get(&format!("/api/v1/slots?doctor={doctor}")).await
    }

    /// Offer times: a doctor's side.
    ///
    /// # Errors
    /// If one is in the past or overlaps with another.
    pub async fn offer_slots(&self, new: &[NewSlot]) -> Result<Vec<Slot>> {
        self.post("/api/v1/slots", &new).await
    }

    /// Take back a time that nobody has taken.
    ///
    /// # Errors
    /// If somebody has.
    pub async fn withdraw_slot(&self, slot: B256) -> Result<()> {
        let path = format!("/api/v1/slots/{slot}");
        let request = self.request(Method::DELETE, &path);
        self.client.send(request).await.map(|_| ())
    }

    /// Ask for an appointment, with a reason that only the doctor reads.
    ///
    /// # Errors
    /// If the time is taken.
    pub async fn ask_appointment(&self, slot: &Slot, reason: &str) -> Result<AppointmentView> {
        let public = self.person(slot.doctor).await?.sealing_public(self.at())?;
        let sealed = letter::write(
            &self.keys,
            self.at(),
            (slot.doctor, &public),
            LetterKind::Question,
            Some(slot.slot),
            reason.as_bytes(),
            Vec::new(),
        )?;
        let new = NewAppointment {
            id: sealed.id,
            slot: slot.slot,
            reason: sealed.sealed,
            reason_own: sealed.sealed_own,
        };
        self.post("/api/v1/appointments", &new).await
    }

    /// The caller's appointments.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn appointments(&self) -> Result<Vec<AppointmentView>> {
        self.get("/api/v1/appointments").await
    }

    /// Accept, decline, move or cancel an appointment.
    ///
    /// # Errors
    /// If its state does not allow this.
    pub async fn change_appointment(
        &self,
        id: B256,
        change: &AppointmentChange,
    ) -> Result<AppointmentView> {
        self.post(&format!("/api/v1/appointments/{id}"), change)
            .await
    }

    /// The reason of an appointment.
    ///
    /// # Errors
    /// If it was sealed to another key.
    pub fn appointment_reason(&self, view: &AppointmentView) -> Result<Zeroizing<Vec<u8>>> {
        Ok(appointment::reason(&self.keys, self.at(), view)?)
    }

    // ---- proofs ----

    /// The proof bundle of the current version of a record, showing only `parts`.
    ///
    /// # Errors
    /// If the evidence does not hold.
    pub async fn export(&self, controller: Address, parts: &[String]) -> Result<ProofBundle> {
        let view = self.current(controller).await?;
        let opened = self.open_version(&view).await?;
        let evidence: Evidence = self
            .get(&format!("/api/v1/records/{}/evidence", view.record))
            .await?;
        Ok(export::bundle(
            self.at(),
            &opened,
            controller,
            &evidence,
            parts,
        )?)
    }

    /// The current version of a record with all its parts, opened: for an export.
    ///
    /// # Errors
    /// If anything does not hold.
    pub async fn whole(
        &self,
        controller: Address,
    ) -> Result<(VersionView, Vec<(String, Zeroizing<Vec<u8>>)>)> {
        let view = self.current(controller).await?;
        let opened = self.open_version(&view).await?;
        let mut parts = Vec::new();
        for part in &opened.manifest.parts {
            let plain = self.read_part(&view, &opened, &part.name).await?;
            parts.push((part.name.clone(), plain));
        }
        Ok((view, parts))
    }

    /// Erase a record: its keys and copies go, and its index entry says so.
    ///
    /// # Errors
    /// If it is not the caller's.
    pub async fn erase(&self, controller: Address) -> Result<Erasure> {
        let view = self.current(controller).await?;
        let before = self.sealed_index().await?;
        let mut index = self.opened_index(before.as_ref())?;
        let entry = index.by_controller(&controller);
        let number = entry.ok_or(custody::Error::NotFound("record"))?.index;
        index.erase(number);
        let sealed = approve::seal_index(&self.keys, self.at(), &index, before.as_ref())?;
        let key = self.keys.controller(number);
        let order = EraseOrder::new(&key, self.at(), now() + DEADLINE, sealed.encode().into());
        self.post(&format!("/api/v1/records/{}/erase", view.record), &order)
            .await
    }

    /// Everything that was done with the caller's records here, each entry proven against a signed
    /// checkpoint.
    ///
    /// # Errors
    /// If a proof does not hold.
    pub async fn trail(&self) -> Result<Vec<(ProvenEntry, custody::touch::Entry)>> {
        let entries: Vec<ProvenEntry> = self.get("/api/v1/trail").await?;
        entries
            .into_iter()
            .map(|proven| {
                let entry = if proven.size > 0 {
                    proven.verify()?
                } else {
                    // Too new for a checkpoint: shown, not proven.
                    custody::touch::Entry::decode(&proven.entry)?
                };
                Ok((proven, entry))
            })
            .collect()
    }

    /// Make a checkpoint of the node's log now and have it anchored.
    ///
    /// # Errors
    /// If the caller may not.
    pub async fn anchor(&self) -> Result<AnchorView> {
        self.client
            .read(self.request(Method::POST, "/api/v1/log/anchor"))
            .await
    }
}

/// The number under which the Registry knows a status.
fn status(active: bool) -> u8 {
    if active { 1 } else { 2 }
}

fn line(entry: &record::IndexEntry) -> RecordLine {
    let latest = entry.versions.last();
    RecordLine {
        index: entry.index,
        controller: entry.controller,
        commitment: latest.map_or(B256::ZERO, |v| v.commitment),
        manifest: latest.map_or_else(String::new, |v| v.manifest.to_string()),
        label: entry.label.clone(),
        versions: entry.versions.len(),
        added_at: entry.added_at,
        erased: entry.erased,
    }
}

/// An upload's file. A PNG or JPEG says neither modality nor body part by itself; a DICOM file
/// does, and both may be empty for it.
#[must_use]
pub fn file(modality: &str, body_part: &str, bytes: impl Into<Body>) -> upload::UploadFile {
    upload::UploadFile {
        modality: modality.to_owned(),
        body_part: body_part.to_owned(),
        bytes: bytes.into(),
    }
}
