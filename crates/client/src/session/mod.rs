//! A session at a node, by area: what a person's own machine does with it.
//!
//! Everything secret happens here, on the caller's side: opening, signing, sealing to recipients.
//! What a node says is checked against signatures, CIDs and commitments before it is used.

mod acts;
mod consent;
mod links;
mod patients;
mod people;
mod proofs;
mod record;
mod registry;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use ::acts::Deployment;
use alloy_primitives::{Address, B256, Bytes};
use api::acts::{LONGEST_WAIT, Payer, Wish};
use api::error::ErrorBody;
use api::node::NodeCard;
use api::notices::MailView;
use api::session::{Challenge, SignIn, SignedIn};
use bytes::Bytes as Body;
use custody::model::keys::{KeyRing, personal_digest};
use custody::model::upload::UploadFile;
use reqwest::{Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

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
    Wrong(#[from] custody::model::error::Error),
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
    pub who: api::session::Who,
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
    pub async fn mails(&self) -> Result<Vec<MailView>> {
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
    pub(crate) fn sign_in_message(&self, challenge: &Challenge, wallet: Address) -> Result<String> {
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

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response> {
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

    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T> {
        let response = self.send(request).await?;
        let bytes = self.body(response).await?;
        serde_json::from_slice(&bytes).map_err(|e| ClientError::Unreachable {
            url: self.url.clone(),
            reason: format!("its answer cannot be read: {e}"),
        })
    }

    pub(crate) async fn body(&self, mut response: Response) -> Result<Vec<u8>> {
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

    pub(crate) fn lost(&self, error: &reqwest::Error) -> ClientError {
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

/// The number under which the Registry knows a status.
fn status(active: bool) -> u8 {
    if active { 1 } else { 2 }
}

fn line(entry: &::record::IndexEntry) -> RecordLine {
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
pub fn file(modality: &str, body_part: &str, bytes: impl Into<Body>) -> UploadFile {
    UploadFile {
        modality: modality.to_owned(),
        body_part: body_part.to_owned(),
        bytes: bytes.into(),
    }
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

    pub(crate) fn at(&self) -> &Deployment {
        &self.card.deployment
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, path)
            .bearer_auth(self.token.as_str())
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.client.read(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        self.client
            .read(self.request(Method::POST, path).json(body))
            .await
    }

    pub(crate) async fn bytes(&self, path: &str) -> Result<Vec<u8>> {
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
}
