//! Requests between institutions' nodes: signed by RFC 9421 (HTTP Message Signatures), bodies
//! bound by RFC 9530 (Content-Digest).
//!
//! The profile: one signature labelled `stele` with `tag="stele-vault"`, covering `@method`,
//! `@authority`, `@path` and `@query`, and `content-digest` where the request has one; parameters
//! `created`, `expires` (at most [`MAX_LIFETIME`] later), `nonce` (accepted once) and `keyid`. The
//! algorithm follows from the key, so `alg` is left out (RFC 9421, 3.3.7). A CAR body has no
//! digest: its root is in the path, and every block of it is checked against the root.
//!
//! [`RequestVerifier`] knows a caller from the headers alone, before a byte of the body is read;
//! [`Caller::body`] checks the body while it is read, under a [`crate::budget::ByteBudget`].

mod caller;
mod error;
mod label;
mod replay;
mod verify;
pub mod wallet;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method, Uri};
use sfv::{BareItem, InnerList, Item, Key, KeyRef, ListSerializer, Parameters, StringRef};
use sha2::{Digest, Sha256};

use label::{LABEL, TAG};

pub use caller::Caller;
pub use error::SignatureError;
pub use replay::{FileReplays, MemoryReplays, ReplayStore};
pub use verify::RequestVerifier;

/// Longest time between `created` and `expires`, and the clock difference allowed, in seconds.
pub const MAX_LIFETIME: u64 = 300;
/// What every signature covers.
const COVERED: [&str; 4] = ["@method", "@authority", "@path", "@query"];
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

/// Unix time in seconds, handed in so that tests can set it.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    })
}

/// Signs for one institution.
pub trait Signer: Send + Sync {
    /// Who signs: the `keyid` of requests and the holder named in receipts.
    fn key_id(&self) -> String;

    /// Signs a message of any length.
    ///
    /// # Errors
    /// A sentence that says why the key cannot sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String>;
}

/// Decides whose signatures count.
#[async_trait]
pub trait Verifier: Send + Sync {
    /// Checks that `signature` over `message` is by `key_id`, and that `key_id` may ask at all.
    ///
    /// # Errors
    /// A sentence that says why not.
    async fn verify(&self, key_id: &str, message: &[u8], signature: &[u8]) -> Result<(), String>;
}

/// The parts of a request that a signature covers.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// Host and port as in the Host field.
    pub authority: &'a str,
    /// Path and query.
    pub uri: &'a Uri,
    /// The header fields.
    pub headers: &'a HeaderMap,
}

impl Request<'_> {
    /// The value of a covered component, RFC 9421 sections 2.1 and 2.2; None if there is none.
    fn component(&self, name: &str) -> Option<String> {
        match name {
            "@method" => Some(self.method.as_str().to_owned()),
            "@authority" => Some(self.authority.to_ascii_lowercase()),
            "@path" => Some(self.uri.path().to_owned()),
            "@query" => Some(format!("?{}", self.uri.query().unwrap_or_default())),
            derived if derived.starts_with('@') => None,
            field => field_value(self.headers, field),
        }
    }

    /// The signature base of RFC 9421 section 2.5.
    fn base(&self, covered: &[String], params: &str) -> Option<String> {
        let mut base = String::new();
        for name in covered {
            base.push_str(&format!("\"{name}\": {}\n", self.component(name)?));
        }
        base.push_str(&format!("\"@signature-params\": {params}"));
        Some(base)
    }
}

/// A field's values, trimmed and joined as RFC 9421 section 2.1 says.
fn field_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Option<Vec<&str>> = headers
        .get_all(name)
        .iter()
        .map(|v| v.to_str().ok().map(str::trim))
        .collect();
    values
        .filter(|values| !values.is_empty())
        .map(|values| values.join(", "))
}

/// The Content-Digest field of a body: `sha-256=:…:`.
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

/// Serialises the covered components and their parameters as one inner list.
fn serialise_params(covered: &[String], params: &Parameters) -> Option<String> {
    let items = covered
        .iter()
        .map(|name| Some(Item::new(sfv::String::from_string(name.clone()).ok()?)));
    let list = InnerList::with_params(items.collect::<Option<Vec<_>>>()?, params.clone());
    let mut serializer = ListSerializer::new();
    serializer.members([&sfv::ListEntry::InnerList(list)]);
    serializer.finish()
}

fn key(name: &str) -> Option<Key> {
    KeyRef::from_str(name).ok().map(ToOwned::to_owned)
}

fn text(value: &str) -> Option<BareItem> {
    StringRef::from_str(value)
        .ok()
        .map(|s| BareItem::String(s.to_owned()))
}

fn number(value: u64) -> Option<BareItem> {
    let value = i64::try_from(value).ok()?;
    sfv::Integer::try_from(value).ok().map(BareItem::Integer)
}

fn parameters(created: u64, nonce: &str, key_id: &str) -> Option<Parameters> {
    let mut params = Parameters::new();
    params.insert(key("created")?, number(created)?);
    params.insert(key("expires")?, number(created.checked_add(MAX_LIFETIME)?)?);
    params.insert(key("nonce")?, text(nonce)?);
    params.insert(key("keyid")?, text(key_id)?);
    params.insert(key("tag")?, text(TAG)?);
    Some(params)
}

/// The fields that sign a request: `Signature-Input` and `Signature`. `nonce` should be 16 random
/// bytes.
///
/// # Errors
/// The signer's sentence, or that a covered value cannot be expressed.
pub fn sign_request(
    request: &Request<'_>,
    signer: &dyn Signer,
    now: u64,
    nonce: [u8; 16],
) -> Result<[(HeaderName, HeaderValue); 2], String> {
    let mut covered: Vec<String> = COVERED.iter().map(|&name| name.to_owned()).collect();
    if request.headers.contains_key(CONTENT_DIGEST) {
        covered.push(CONTENT_DIGEST.as_str().to_owned());
    }
    let inexpressible = || "the request holds a value that cannot be signed".to_owned();
    let nonce = STANDARD.encode(nonce);
    let params = parameters(now, &nonce, &signer.key_id()).ok_or_else(inexpressible)?;
    let params = serialise_params(&covered, &params).ok_or_else(inexpressible)?;
    let base = request.base(&covered, &params).ok_or_else(inexpressible)?;
    let signature = signer.sign(base.as_bytes())?;
    let input = HeaderValue::from_str(&format!("{LABEL}={params}")).map_err(|e| e.to_string())?;
    let value = HeaderValue::from_str(&format!("{LABEL}=:{}:", STANDARD.encode(signature)));
    Ok([
        (SIGNATURE_INPUT, input),
        (SIGNATURE, value.map_err(|e| e.to_string())?),
    ])
}
