//! The other institutions' nodes over HTTP, each request signed (RFC 9421).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, hex};
use api::consent::{GrantMessage, RequestMessage, RevokeMessage};
use api::log::{ProofQuery, ProvenEntry};
use api::peers::{ErasureMessage, ForgetPages, SpareView};
use api::people::StaffView;
use async_trait::async_trait;
use custody::model::error::{Error, Result};
use custody::model::person::Person;
use custody::ports::peers::Peers;
use custody::uses::journal::copies::PAGE_BYTES;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use vault::sign::{Clock, Request, Signer, content_digest, sign_request};

/// How long another node may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// The same where a person waits for it.
const BRIEFLY: Duration = Duration::from_secs(3);
/// The same for whole pages of a journal.
const PATIENCE_FOR_PAGES: Duration = Duration::from_secs(120);
/// Where pages are kept.
const PAGES: &str = "/peer/v1/pages";
/// The largest answer that is read, bytes.
const ANSWER: usize = 1 << 20;

/// The nodes of the configuration.
pub(crate) struct HttpPeers {
    http: reqwest::Client,
    signer: Arc<dyn Signer>,
    clock: Clock,
    urls: BTreeMap<Address, Url>,
}

impl HttpPeers {
    pub(crate) fn new(
        peers: &[crate::config::Peer],
        signer: Arc<dyn Signer>,
        clock: Clock,
    ) -> std::result::Result<Self, String> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| e.to_string())?;
        let url = |peer: &crate::config::Peer| {
            let url = Url::parse(&peer.url).map_err(|e| format!("{}: {e}", peer.url))?;
            Ok::<_, String>((peer.address, url))
        };
        let urls = peers
            .iter()
            .map(url)
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self {
            http,
            signer,
            clock,
            urls,
        })
    }

    async fn ask(
        &self,
        institution: Address,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<(StatusCode, Vec<u8>)> {
        let json = "application/json";
        let body = body.map(|body| (json, bytes::Bytes::from(body)));
        self.exchange(institution, method, path, body, ANSWER).await
    }

    /// One signed request, and an answer of at most `limit` bytes.
    async fn exchange(
        &self,
        institution: Address,
        method: Method,
        path: &str,
        body: Option<(&'static str, bytes::Bytes)>,
        limit: usize,
    ) -> Result<(StatusCode, Vec<u8>)> {
        let failed = |reason: String| Error::Peer {
            institution,
            reason,
        };
        let base = self.urls.get(&institution).ok_or(Error::NotFound("peer"))?;
        let url = base.join(path).map_err(|e| failed(e.to_string()))?;
        let mut headers = HeaderMap::new();
        if let Some((kind, body)) = &body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            let digest = HeaderValue::from_str(&content_digest(body));
            headers.insert("content-digest", digest.map_err(|e| failed(e.to_string()))?);
        }
        let mut nonce = [0u8; 16];
        getrandom::fill(&mut nonce).map_err(|e| failed(e.to_string()))?;
        let host = url.host_str().unwrap_or_default();
        let authority = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let uri = axum::http::Uri::try_from(url.as_str()).map_err(|e| failed(e.to_string()))?;
        let request = Request {
            method: &method,
            authority: &authority,
            uri: &uri,
            headers: &headers,
        };
        let signed = sign_request(&request, self.signer.as_ref(), (self.clock)(), nonce);
        for (name, value) in signed.map_err(failed)? {
            headers.insert(name, value);
        }
        let mut request = self.http.request(method, url).headers(headers);
        if let Some((_, body)) = body {
            request = request.body(body);
        }
        if limit > ANSWER || path.starts_with(PAGES) {
            request = request.timeout(PATIENCE_FOR_PAGES);
        }
        let mut response = request
            .send()
            .await
            .map_err(|e| failed(e.without_url().to_string()))?;
        let status = response.status();
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| failed(e.to_string()))? {
            if answer.len() + chunk.len() > limit {
                return Err(failed("its answer is too large".to_owned()));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok((status, answer))
    }

    /// The answer to something about pages, if it went well.
    async fn about_pages(
        &self,
        institution: Address,
        method: Method,
        path: &str,
        body: Option<(&'static str, bytes::Bytes)>,
    ) -> Result<Vec<u8>> {
        let path = format!("{PAGES}{path}");
        let limit = usize::try_from(PAGE_BYTES).unwrap_or(usize::MAX);
        let (status, answer) = self
            .exchange(institution, method, &path, body, limit)
            .await?;
        if status.is_success() {
            return Ok(answer);
        }
        let answer = String::from_utf8_lossy(&answer[..answer.len().min(300)]).into_owned();
        Err(Error::Peer {
            institution,
            reason: format!("{status}: {answer}"),
        })
    }

    async fn tell(&self, to: Address, path: &str, message: &(impl Serialize + Sync)) -> Result<()> {
        let body = serde_json::to_vec(message).map_err(|e| Error::Internal(e.to_string()))?;
        let (status, answer) = self.ask(to, Method::POST, path, Some(body)).await?;
        if status.is_success() {
            return Ok(());
        }
        let answer = String::from_utf8_lossy(&answer[..answer.len().min(300)]).into_owned();
        let (institution, reason) = (to, format!("{status}: {answer}"));
        // Asked too often is no word about this message.
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            return Err(Error::PeerRefuses {
                institution,
                reason,
            });
        }
        Err(Error::Peer {
            institution,
            reason,
        })
    }
}

#[async_trait]
impl Peers for HttpPeers {
    async fn person(&self, wallet: Address) -> Result<Option<Person>> {
        for institution in self.urls.keys().copied() {
            let path = format!("/peer/v1/directory/0x{}", hex::encode(wallet));
            match self.ask(institution, Method::GET, &path, None).await {
                Ok((status, answer)) if status.is_success() => {
                    let person = serde_json::from_slice(&answer);
                    if let Ok(person) = person {
                        return Ok(Some(person));
                    }
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "a peer could not be asked for a key"),
            }
        }
        Ok(None)
    }

    async fn staff(&self, institution: Address) -> Result<Vec<StaffView>> {
        let (status, answer) = self
            .ask(institution, Method::GET, "/peer/v1/staff", None)
            .await?;
        let failed = |reason: String| Error::Peer {
            institution,
            reason,
        };
        if !status.is_success() {
            return Err(failed(status.to_string()));
        }
        serde_json::from_slice(&answer).map_err(|e| failed(e.to_string()))
    }

    async fn send_touch(&self, to: Address, entry: &ProvenEntry) -> Result<()> {
        let body = serde_json::to_vec(entry).map_err(|e| Error::Internal(e.to_string()))?;
        let path = "/peer/v1/touches";
        let (status, _) = self.ask(to, Method::POST, path, Some(body)).await?;
        // What it does not know or take today, it will not take tomorrow either.
        let never = matches!(
            status,
            StatusCode::NOT_FOUND
                | StatusCode::UNPROCESSABLE_ENTITY
                | StatusCode::PAYLOAD_TOO_LARGE
        );
        if status.is_success() || never {
            return Ok(());
        }
        Err(Error::Peer {
            institution: to,
            reason: status.to_string(),
        })
    }

    async fn proofs(&self, institution: Address, leaves: &[u64]) -> Result<Vec<ProvenEntry>> {
        let failed = |reason: String| Error::Peer {
            institution,
            reason,
        };
        let leaves = leaves.to_vec();
        let body = serde_json::to_vec(&ProofQuery { leaves });
        let body = body.map_err(|e| Error::Internal(e.to_string()))?;
        let asked = self.ask(institution, Method::POST, "/peer/v1/proofs", Some(body));
        // A patient waits for the answer: a slow peer is asked again next time.
        let (status, answer) = tokio::time::timeout(BRIEFLY, asked)
            .await
            .map_err(|_| failed("it does not answer".to_owned()))??;
        if !status.is_success() {
            return Err(failed(status.to_string()));
        }
        serde_json::from_slice(&answer).map_err(|e| failed(e.to_string()))
    }

    async fn send_request(&self, to: Address, message: &RequestMessage) -> Result<()> {
        self.tell(to, "/peer/v1/requests", message).await
    }

    async fn send_grant(&self, to: Address, message: &GrantMessage) -> Result<()> {
        self.tell(to, "/peer/v1/grants", message).await
    }

    async fn send_revocation(&self, to: Address, message: &RevokeMessage) -> Result<()> {
        self.tell(to, "/peer/v1/revocations", message).await
    }

    async fn send_erasure(&self, to: Address, controller: Address) -> Result<()> {
        self.tell(to, "/peer/v1/erasures", &ErasureMessage { controller })
            .await
    }

    async fn keep_page(&self, at: Address, cid: &str, page: bytes::Bytes) -> Result<()> {
        let body = Some(("application/octet-stream", page));
        let path = format!("/{cid}");
        self.about_pages(at, Method::PUT, &path, body)
            .await
            .map(|_| ())
    }

    async fn kept_pages(&self, at: Address) -> Result<Vec<SpareView>> {
        let answer = self.about_pages(at, Method::GET, "", None).await?;
        serde_json::from_slice(&answer).map_err(|e| Error::Peer {
            institution: at,
            reason: e.to_string(),
        })
    }

    async fn kept_page(&self, at: Address, cid: &str) -> Result<bytes::Bytes> {
        let path = format!("/{cid}");
        let answer = self.about_pages(at, Method::GET, &path, None).await?;
        Ok(answer.into())
    }

    async fn forget_pages(&self, at: Address, forget: &ForgetPages) -> Result<()> {
        let body = serde_json::to_vec(forget).map_err(|e| Error::Internal(e.to_string()))?;
        let body = Some(("application/json", bytes::Bytes::from(body)));
        self.about_pages(at, Method::POST, "", body)
            .await
            .map(|_| ())
    }

    fn all(&self) -> Vec<Address> {
        self.urls.keys().copied().collect()
    }

    fn knows(&self, institution: Address) -> bool {
        self.urls.contains_key(&institution)
    }
}
