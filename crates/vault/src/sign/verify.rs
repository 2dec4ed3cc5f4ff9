//! Verifying signed requests from their headers: signature, time, audience, and that none is used
//! twice. The body is checked afterwards, while it is read.

use std::sync::Arc;

use sfv::{Dictionary, InnerList, ListEntry, Parser};

use super::error::SignatureError;
use super::{
    CONTENT_DIGEST, COVERED, Caller, Clock, LABEL, MAX_LIFETIME, MemoryReplays, ReplayStore,
    Request, SIGNATURE, SIGNATURE_INPUT, TAG, Verifier, field_value, serialise_params, wallet,
};

/// Longest nonce and key id accepted, in bytes.
const MAX_TEXT: usize = 256;

/// Verifies requests with a [`Verifier`] and accepts none twice.
pub struct RequestVerifier {
    verifier: Arc<dyn Verifier>,
    clock: Clock,
    authorities: Vec<String>,
    replays: Arc<dyn ReplayStore>,
}

/// A signature's fields, parsed.
struct Parsed {
    covered: Vec<String>,
    params: String,
    created: u64,
    expires: u64,
    nonce: String,
    key_id: String,
    signature: Vec<u8>,
}

impl RequestVerifier {
    /// Accepts what `verifier` accepts, addressed to one of `authorities` (host and port as peers
    /// write them; any, if the list is empty). What was used is remembered in memory:
    /// [`Self::remembering`] changes that.
    #[must_use]
    pub fn new(verifier: Arc<dyn Verifier>, clock: Clock, authorities: Vec<String>) -> Self {
        let authorities = authorities.iter().map(|a| a.to_ascii_lowercase()).collect();
        Self {
            verifier,
            clock,
            authorities,
            replays: Arc::new(MemoryReplays::default()),
        }
    }

    /// Remembers in `replays` which nonces were used.
    #[must_use]
    pub fn remembering(self, replays: Arc<dyn ReplayStore>) -> Self {
        Self { replays, ..self }
    }

    /// The verifier, for the signatures of receipts.
    #[must_use]
    pub fn verifier(&self) -> &Arc<dyn Verifier> {
        &self.verifier
    }

    /// Verifies a request's headers and uses up its nonce. Whoever calls this has read nothing of
    /// the body, and reads it through [`Caller::body`] afterwards.
    ///
    /// # Errors
    /// [`SignatureError`]; nothing is remembered of a request that is refused.
    pub async fn verify(&self, request: &Request<'_>) -> Result<Caller, SignatureError> {
        let parsed = parse(request)?;
        let now = (self.clock)();
        check_time(&parsed, now)?;
        let authority = request.authority.to_ascii_lowercase();
        if !self.authorities.is_empty() && !self.authorities.contains(&authority) {
            return Err(SignatureError::Audience(authority));
        }
        let base = request.base(&parsed.covered, &parsed.params);
        let base = base.ok_or(SignatureError::Malformed(
            "a covered component is not in the request",
        ))?;
        let digest = signed_digest(request, &parsed.covered)?;
        self.verifier
            .verify(&parsed.key_id, base.as_bytes(), &parsed.signature)
            .await
            .map_err(SignatureError::Refused)?;
        // One key is one caller, however it is spelled.
        let key_id = wallet::canonical(&parsed.key_id);
        self.replays
            .note(&key_id, &parsed.nonce, parsed.expires, now)
            .await?;
        Ok(Caller { key_id, digest })
    }
}

fn check_time(parsed: &Parsed, now: u64) -> Result<(), SignatureError> {
    if parsed.expires < parsed.created || parsed.expires - parsed.created > MAX_LIFETIME {
        return Err(SignatureError::Time("it is meant to last too long"));
    }
    if parsed.created > now.saturating_add(MAX_LIFETIME) {
        return Err(SignatureError::Time("it was created in the future"));
    }
    if parsed.expires < now {
        return Err(SignatureError::Time("it has expired"));
    }
    Ok(())
}

fn dictionary(request: &Request<'_>, name: &str) -> Result<Dictionary, SignatureError> {
    let value = field_value(request.headers, name).ok_or(SignatureError::Missing)?;
    let parsed = Parser::new(&value).parse::<Dictionary>();
    parsed.map_err(|_| SignatureError::Malformed("not a structured field"))
}

fn parse(request: &Request<'_>) -> Result<Parsed, SignatureError> {
    let inputs = dictionary(request, SIGNATURE_INPUT.as_str())?;
    let signatures = dictionary(request, SIGNATURE.as_str())?;
    let Some(ListEntry::InnerList(input)) = inputs.get(LABEL) else {
        return Err(SignatureError::Missing);
    };
    let Some(ListEntry::Item(signature)) = signatures.get(LABEL) else {
        return Err(SignatureError::Missing);
    };
    let signature = signature.bare_item.as_byte_sequence();
    let signature = signature.ok_or(SignatureError::Malformed(
        "the signature is not a byte sequence",
    ))?;
    if text(input, "tag")? != TAG {
        return Err(SignatureError::Malformed("the tag is for another purpose"));
    }
    let covered = covered(input)?;
    let params = serialise_params(&covered, &input.params);
    Ok(Parsed {
        params: params.ok_or(SignatureError::Malformed(
            "the parameters cannot be written back",
        ))?,
        covered,
        created: time(input, "created")?,
        expires: time(input, "expires")?,
        nonce: text(input, "nonce")?,
        key_id: text(input, "keyid")?,
        signature: signature.to_vec(),
    })
}

/// The covered components: plain names, each once, all that the profile wants among them.
fn covered(input: &InnerList) -> Result<Vec<String>, SignatureError> {
    let mut covered = Vec::new();
    for item in &input.items {
        let name = item
            .bare_item
            .as_string()
            .ok_or(SignatureError::Malformed("a component is not a string"))?;
        if !item.params.is_empty() || covered.iter().any(|known: &String| known == name.as_str()) {
            return Err(SignatureError::Malformed(
                "a component is repeated or has parameters",
            ));
        }
        covered.push(name.as_str().to_owned());
    }
    if COVERED
        .iter()
        .any(|&needed| !covered.iter().any(|name| name == needed))
    {
        return Err(SignatureError::Malformed(
            "method, authority, path and query must all be covered",
        ));
    }
    Ok(covered)
}

fn text(input: &InnerList, name: &str) -> Result<String, SignatureError> {
    let value = input.params.get(name).and_then(|item| item.as_string());
    let value = value
        .ok_or(SignatureError::Malformed(
            "tag, nonce and keyid must be strings",
        ))?
        .as_str();
    if value.is_empty() || value.len() > MAX_TEXT {
        return Err(SignatureError::Malformed(
            "a parameter is empty or too long",
        ));
    }
    Ok(value.to_owned())
}

fn time(input: &InnerList, name: &str) -> Result<u64, SignatureError> {
    let value = input.params.get(name).and_then(|item| item.as_integer());
    let value = value.and_then(|value| u64::try_from(i64::from(value)).ok());
    value.ok_or(SignatureError::Malformed(
        "created and expires must be times",
    ))
}

/// The sha-256 of a covered Content-Digest field. A field that is there must be covered.
fn signed_digest(
    request: &Request<'_>,
    names: &[String],
) -> Result<Option<[u8; 32]>, SignatureError> {
    if !request.headers.contains_key(CONTENT_DIGEST) {
        return Ok(None);
    }
    if !names.iter().any(|name| name == CONTENT_DIGEST.as_str()) {
        return Err(SignatureError::Malformed(
            "Content-Digest is present but not covered",
        ));
    }
    let fields = dictionary(request, CONTENT_DIGEST.as_str())?;
    let Some(ListEntry::Item(item)) = fields.get("sha-256") else {
        return Err(SignatureError::Malformed("Content-Digest has no sha-256"));
    };
    let digest = item
        .bare_item
        .as_byte_sequence()
        .and_then(|bytes| bytes.try_into().ok());
    digest
        .map(Some)
        .ok_or(SignatureError::Malformed("Content-Digest is not a sha-256"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use http::{HeaderMap, HeaderValue, Method, Uri};
    use k256::ecdsa::SigningKey;

    use super::*;
    use crate::sign::wallet::{KnownWallets, WalletSigner};
    use crate::sign::{FileReplays, content_digest, sign_request};

    struct World {
        signer: WalletSigner,
        requests: RequestVerifier,
        now: Arc<AtomicU64>,
    }

    fn world() -> World {
        let signer = WalletSigner::new(SigningKey::from_slice(&[7; 32]).unwrap());
        let now = Arc::new(AtomicU64::new(1_000_000));
        let shared = now.clone();
        let known = KnownWallets::new([signer.address()]);
        let clock: Clock = Arc::new(move || shared.load(Ordering::Relaxed));
        World {
            requests: RequestVerifier::new(Arc::new(known), clock, vec!["b.example".into()]),
            signer,
            now,
        }
    }

    struct Signed {
        method: Method,
        authority: String,
        uri: Uri,
        headers: HeaderMap,
    }

    impl Signed {
        fn view(&self) -> Request<'_> {
            Request {
                method: &self.method,
                authority: &self.authority,
                uri: &self.uri,
                headers: &self.headers,
            }
        }
    }

    /// Signs with a wallet under another spelling of its address.
    struct Spelled<'a>(&'a WalletSigner, String);

    impl crate::sign::Signer for Spelled<'_> {
        fn key_id(&self) -> String {
            self.1.clone()
        }

        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
            self.0.sign(message)
        }
    }

    fn signed(world: &World, nonce: u8) -> Signed {
        signed_by(world, &world.signer, nonce)
    }

    fn signed_by(world: &World, signer: &dyn crate::sign::Signer, nonce: u8) -> Signed {
        let mut out = Signed {
            method: Method::GET,
            authority: "b.example".into(),
            uri: "/ipfs/bafkqaaa?format=raw".parse().unwrap(),
            headers: HeaderMap::new(),
        };
        out.headers.insert(
            "content-digest",
            HeaderValue::from_str(&content_digest(b"body")).unwrap(),
        );
        let now = world.now.load(Ordering::Relaxed);
        let fields = sign_request(&out.view(), signer, now, [nonce; 16]).unwrap();
        out.headers.extend(fields);
        out
    }

    #[tokio::test]
    async fn a_signed_request_passes_once() {
        let world = world();
        let request = signed(&world, 1);
        let caller = world.requests.verify(&request.view()).await.unwrap();
        assert_eq!(caller.key_id, crate::sign::Signer::key_id(&world.signer));
        assert_eq!(
            world.requests.verify(&request.view()).await,
            Err(SignatureError::Replayed)
        );
        assert!(
            world
                .requests
                .verify(&signed(&world, 2).view())
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn one_wallet_is_one_caller_however_its_address_is_spelled() {
        let world = world();
        let address = world.signer.address();
        let mut seen = std::collections::BTreeSet::new();
        for (nonce, key_id) in [
            (1, format!("{address:#x}")),
            (2, address.to_checksum(None)),
            (3, format!("{address:#x}")[2..].to_uppercase()),
        ] {
            let spelled = Spelled(&world.signer, key_id);
            let request = signed_by(&world, &spelled, nonce);
            let caller = world.requests.verify(&request.view()).await.unwrap();
            seen.insert(caller.key_id);
        }
        assert_eq!(seen, [format!("{address:#x}")].into());
    }

    #[tokio::test]
    async fn a_restart_does_not_let_a_request_in_twice() {
        let dir = tempfile::tempdir().unwrap();
        let world = world();
        let request = signed(&world, 1);
        let restarted = || {
            let replays = FileReplays::open(dir.path().join("replays"), 1_000_000).unwrap();
            let known = Arc::new(KnownWallets::new([world.signer.address()]));
            RequestVerifier::new(known, Arc::new(|| 1_000_000), Vec::new())
                .remembering(Arc::new(replays))
        };
        assert!(restarted().verify(&request.view()).await.is_ok());
        assert_eq!(
            restarted().verify(&request.view()).await,
            Err(SignatureError::Replayed)
        );
    }

    #[tokio::test]
    async fn any_change_is_noticed() {
        let world = world();
        let changes: [fn(&mut Signed); 4] = [
            |r| r.method = Method::DELETE,
            |r| r.uri = "/ipfs/bafkqaaa?format=car".parse().unwrap(),
            |r| r.uri = "/ipfs/bafkqaab?format=raw".parse().unwrap(),
            |r| {
                r.headers.insert(
                    "content-digest",
                    HeaderValue::from_str(&content_digest(b"evil")).unwrap(),
                );
            },
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut request = signed(&world, at as u8);
            change(&mut request);
            let answer = world.requests.verify(&request.view()).await;
            assert!(
                matches!(answer, Err(SignatureError::Refused(_))),
                "change {at}: {answer:?}"
            );
        }
        let mut elsewhere = signed(&world, 9);
        elsewhere.authority = "c.example".into();
        assert!(matches!(
            world.requests.verify(&elsewhere.view()).await,
            Err(SignatureError::Audience(_))
        ));
    }

    #[tokio::test]
    async fn time_is_checked_on_both_sides() {
        let world = world();
        let request = signed(&world, 1);
        for (now, expected) in [
            (1_000_301, "it has expired"),
            (999_699, "it was created in the future"),
        ] {
            world.now.store(now, Ordering::Relaxed);
            assert_eq!(
                world.requests.verify(&request.view()).await,
                Err(SignatureError::Time(expected))
            );
        }
        world.now.store(1_000_300, Ordering::Relaxed);
        assert!(world.requests.verify(&request.view()).await.is_ok());
    }

    #[tokio::test]
    async fn unknown_keys_and_unsigned_requests_are_refused() {
        let mut world = world();
        let mut request = signed(&world, 1);
        request.headers.remove("signature");
        assert_eq!(
            world.requests.verify(&request.view()).await,
            Err(SignatureError::Missing)
        );
        world.signer = WalletSigner::new(SigningKey::from_slice(&[8; 32]).unwrap());
        let stranger = signed(&world, 2);
        assert!(matches!(
            world.requests.verify(&stranger.view()).await,
            Err(SignatureError::Refused(_))
        ));
    }

    #[tokio::test]
    async fn an_uncovered_digest_is_refused() {
        let world = world();
        let mut request = signed(&world, 1);
        request.headers.remove("content-digest");
        request.headers.remove("signature");
        request.headers.remove("signature-input");
        let fields = sign_request(&request.view(), &world.signer, 1_000_000, [3; 16]).unwrap();
        request.headers.extend(fields);
        request
            .headers
            .insert("content-digest", HeaderValue::from_static("sha-256=:AA==:"));
        assert!(matches!(
            world.requests.verify(&request.view()).await,
            Err(SignatureError::Malformed(_))
        ));
    }
}
