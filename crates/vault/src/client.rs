//! Fetching from other nodes by the Trustless Gateway protocol, and the peer over HTTP. Every
//! block is verified before it is used.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;
use http::{HeaderMap, HeaderValue, Method, Uri};
use reqwest::Url;

use crate::block::{self, Block, MAX_BLOCK};
use crate::car::{self, CarReader, Imported};
use crate::dag::DagLimits;
use crate::engine::Vault;
use crate::file::ByteStream;
use crate::gateway::{CAR_TYPE, RAW_TYPE};
use crate::replicate::{Answer, CBOR_TYPE, Challenge, Peer, Receipt};
use crate::sign::{self, Clock, Signer};
use crate::{Error, Result, http as wire};

const SERVICE: &str = "gateway";
/// Longest receipt or answer accepted, in bytes.
const MAX_STATEMENT: usize = 64 * 1024;

/// A client of one gateway: another institution's node, or any that speaks the protocol.
#[derive(Clone)]
pub struct GatewayClient {
    http: reqwest::Client,
    base: Url,
    signing: Option<(Arc<dyn Signer>, Clock)>,
}

impl GatewayClient {
    /// A client of the gateway at `url` (scheme, host and port) that signs nothing.
    ///
    /// # Errors
    /// [`Error::Remote`] when the address is not one.
    pub fn new(url: &str) -> Result<Self> {
        let bad = |why: String| Error::Remote {
            service: SERVICE,
            url: url.to_owned(),
            why,
        };
        let base = Url::parse(url).map_err(|e| bad(e.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad(
                "the address must be http:// or https:// and a host".into()
            ));
        }
        Ok(Self {
            http: wire::client(SERVICE)?,
            base,
            signing: None,
        })
    }

    /// Signs every request.
    #[must_use]
    pub fn signed_by(self, signer: Arc<dyn Signer>, clock: Clock) -> Self {
        Self {
            signing: Some((signer, clock)),
            ..self
        }
    }

    /// The gateway's address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    fn address(&self, path: &str, query: &str) -> Result<Url> {
        let bad = |e: String| Error::Remote {
            service: SERVICE,
            url: self.base.to_string(),
            why: e,
        };
        let mut url = self.base.join(path).map_err(|e| bad(e.to_string()))?;
        url.set_query((!query.is_empty()).then_some(query));
        Ok(url)
    }

    fn request(
        &self,
        method: Method,
        url: &Url,
        mut headers: HeaderMap,
    ) -> Result<reqwest::RequestBuilder> {
        if let Some((signer, clock)) = &self.signing {
            let uri: Uri = url
                .as_str()
                .parse()
                .map_err(|e: http::uri::InvalidUri| Error::Signing(e.to_string()))?;
            let authority = uri.authority().map(|a| a.as_str()).unwrap_or_default();
            let request = sign::Request {
                method: &method,
                authority,
                uri: &uri,
                headers: &headers,
            };
            let mut nonce = [0; 16];
            getrandom::fill(&mut nonce).map_err(|e| Error::Signing(e.to_string()))?;
            let fields = sign::sign_request(&request, signer.as_ref(), clock(), nonce)
                .map_err(Error::Signing)?;
            headers.extend(fields);
        }
        Ok(self.http.request(method, url.clone()).headers(headers))
    }

    async fn get(&self, cid: &Cid, accept: &'static str, query: &str) -> Result<reqwest::Response> {
        let url = self.address(&format!("/ipfs/{cid}"), query)?;
        let headers =
            HeaderMap::from_iter([(http::header::ACCEPT, HeaderValue::from_static(accept))]);
        let request = self.request(Method::GET, &url, headers)?;
        match wire::send(SERVICE, url.as_str(), request).await {
            Err(Error::Refused {
                status: 404 | 410, ..
            }) => Err(Error::NotFound(*cid)),
            other => other,
        }
    }

    /// Fetches one block.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Damaged`] when the gateway sent other bytes;
    /// [`Error::Remote`], [`Error::Refused`], [`Error::Limit`].
    pub async fn block(&self, cid: &Cid) -> Result<Block> {
        let cid = block::normalise(cid)?;
        let response = self.get(&cid, RAW_TYPE, "format=raw").await?;
        let data = wire::body(SERVICE, self.url(), response, MAX_BLOCK).await?;
        Block::verified(&cid, data)
    }

    /// Starts fetching the whole DAG of `root`, blocks in depth-first order.
    ///
    /// # Errors
    /// As [`Self::block`].
    pub async fn car(&self, root: &Cid) -> Result<CarReader> {
        let response = self.get(root, CAR_TYPE, "format=car&dag-scope=all").await?;
        Ok(CarReader::new(wire::stream(SERVICE, self.url(), response)))
    }

    /// Fetches the whole DAG of `root` into `vault` and pins it there.
    ///
    /// # Errors
    /// As [`Self::block`] and [`car::import`].
    pub async fn fetch(&self, root: &Cid, vault: &dyn Vault) -> Result<Imported> {
        car::import(vault, root, self.car(root).await?, DagLimits::default()).await
    }

    async fn statement(&self, method: Method, path: &str, body: Body) -> Result<Bytes> {
        let url = self.address(path, "")?;
        let mut headers = HeaderMap::new();
        if let Body::Bytes(bytes) = &body {
            headers.insert(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static(CBOR_TYPE),
            );
            let digest = HeaderValue::from_str(&sign::content_digest(bytes));
            headers.insert(
                "content-digest",
                digest.map_err(|e| Error::Signing(e.to_string()))?,
            );
        }
        let request = self.request(method, &url, headers)?;
        let request = match body {
            Body::Empty => request,
            Body::Bytes(bytes) => request.body(bytes),
            Body::Car(car) => request
                .header(http::header::CONTENT_TYPE, CAR_TYPE)
                .body(reqwest::Body::wrap_stream(car)),
        };
        let response = wire::send(SERVICE, url.as_str(), request).await?;
        wire::body(SERVICE, url.as_str(), response, MAX_STATEMENT).await
    }
}

enum Body {
    Empty,
    Bytes(Vec<u8>),
    Car(ByteStream),
}

/// Another institution's node over HTTP.
pub struct HttpPeer {
    client: GatewayClient,
    key_id: String,
}

impl HttpPeer {
    /// The node behind `client`, which must sign, whose statements are by `key_id`.
    #[must_use]
    pub fn new(client: GatewayClient, key_id: impl Into<String>) -> Self {
        Self {
            client,
            key_id: sign::wallet::canonical(&key_id.into()),
        }
    }
}

#[async_trait]
impl Peer for HttpPeer {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    async fn store(&self, root: &Cid, car: ByteStream) -> Result<Receipt> {
        let path = format!("/vault/v1/replicas/{root}");
        Receipt::from_bytes(
            &self
                .client
                .statement(Method::POST, &path, Body::Car(car))
                .await?,
        )
    }

    async fn block(&self, cid: &Cid) -> Result<Bytes> {
        Ok(self.client.block(cid).await?.into_data())
    }

    async fn challenge(&self, challenge: &Challenge) -> Result<Answer> {
        let body = Body::Bytes(challenge.to_bytes()?);
        Answer::from_bytes(
            &self
                .client
                .statement(Method::POST, "/vault/v1/challenges", body)
                .await?,
        )
    }

    async fn erase(&self, root: &Cid) -> Result<Receipt> {
        let path = format!("/vault/v1/replicas/{root}");
        Receipt::from_bytes(
            &self
                .client
                .statement(Method::DELETE, &path, Body::Empty)
                .await?,
        )
    }
}
