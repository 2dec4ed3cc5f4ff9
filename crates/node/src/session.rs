//! Signing in with an Ethereum wallet (EIP-4361), and the sessions that follow.
//!
//! A challenge is good once and for five minutes; a session is an opaque random token of which the
//! database knows the hash alone. What a wallet may do is not written into the session: it is asked
//! of the chain for every request, so that a suspension takes effect at once.

use acts::{Deployment, recover};
use alloy_primitives::{Address, B256};
use api::session::{Challenge, SignIn};
use axum::http::StatusCode;
use custody::model::document::{Batch, Document, Kind};
use custody::model::error::StoreError;
use custody::ports::chain::Chain;
use custody::ports::store::{Documents, Store};
use custody::uses::lifecycle::{Expiry, Rounds, Runner};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::ApiError;
use crate::sign_in_message::{Malformed, SignInMessage};

/// How long a challenge is good, seconds.
pub(crate) const CHALLENGE_S: u64 = 300;
/// How far into the future a message may be issued: clocks differ.
const SKEW_S: u64 = 60;
/// The longest message, bytes.
const MESSAGE_BYTES: usize = 4096;

/// A new session.
pub(crate) struct Opened {
    /// The token.
    pub(crate) token: String,
    /// Until when it is good, unix seconds.
    pub(crate) expires_at: u64,
    /// The wallet that signed in.
    pub(crate) wallet: Address,
}

/// Unix seconds as a time; the last one that there is for those beyond it.
fn timestamp(at: u64) -> Timestamp {
    let at = i64::try_from(at).unwrap_or(i64::MAX);
    Timestamp::from_second(at).unwrap_or(Timestamp::MAX)
}

/// A time as RFC 3339 writes it, in UTC.
pub(crate) fn rfc3339(at: u64) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[derive(Debug, Serialize, Deserialize)]
struct Nonce {
    nonce: String,
    expires_at: u64,
    used: bool,
}

impl Document for Nonce {
    const KIND: Kind = Kind::Nonce;
    fn id(&self) -> String {
        self.nonce.clone()
    }
    fn due_at(&self) -> u64 {
        self.expires_at
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Session {
    id: B256,
    wallet: Address,
    expires_at: u64,
}

impl Document for Session {
    const KIND: Kind = Kind::Session;
    fn id(&self) -> String {
        hex::encode(self.id)
    }
    fn due_at(&self) -> u64 {
        self.expires_at
    }
}

/// Where this node is, as sign-in messages must say it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Host and port.
    pub(crate) domain: String,
    /// The whole address.
    pub(crate) uri: String,
}

impl Place {
    /// The place that a public URL names.
    #[must_use]
    pub(crate) fn of(url: &str) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let domain = rest.split('/').next().unwrap_or(rest).to_owned();
        Self {
            domain,
            uri: url.to_owned(),
        }
    }
}

fn random_hex() -> Result<String, ApiError> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|e| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        ApiError::new(
            status,
            "no_randomness",
            e.to_string(),
            "try again in a moment",
        )
    })?;
    Ok(hex::encode(bytes))
}

/// The id under which a session is stored: the token itself is nowhere.
pub(crate) fn session_id(token: &str) -> B256 {
    B256::from(<[u8; 32]>::from(Sha256::digest(token.as_bytes())))
}

fn unavailable(error: StoreError) -> ApiError {
    custody::model::error::Error::from(error).into()
}

/// Make a challenge.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn challenge(
    store: &dyn Store,
    place: &Place,
    at: &Deployment,
    now: u64,
) -> Result<Challenge, ApiError> {
    let nonce = random_hex()?;
    let expires_at = now + CHALLENGE_S;
    let mut batch = Batch::new();
    let document = Nonce {
        nonce: nonce.clone(),
        expires_at,
        used: false,
    };
    batch.create(&document).map_err(unavailable)?;
    store.apply(&batch).await.map_err(unavailable)?;
    Ok(Challenge {
        nonce,
        domain: place.domain.clone(),
        uri: place.uri.clone(),
        chain_id: at.chain_id,
        issued_at: rfc3339(now),
        expires_at: rfc3339(expires_at),
    })
}

fn refuse(why: &str) -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "sign_in_refused",
        why,
        "ask for a new challenge with POST /api/v1/session/nonce and sign it as it is",
    )
}

/// Check a signed message and open a session for `ttl` seconds.
///
/// # Errors
/// 401 with the reason if the message is not the challenge, was used before, has expired or is not
/// signed by the wallet that it names.
pub(crate) async fn sign_in(
    store: &dyn Store,
    chain: &dyn Chain,
    place: &Place,
    request: &SignIn,
    now: u64,
    ttl: u64,
) -> Result<Opened, ApiError> {
    if request.message.len() > MESSAGE_BYTES {
        return Err(ApiError::unreadable("the message is too long"));
    }
    let message: SignInMessage = request.message.parse().map_err(|Malformed(at)| {
        refuse(&format!("this is no sign-in message (EIP-4361): see {at}"))
    })?;
    check_message(&message, place, chain.deployment(), now)?;
    use_nonce(store, &message.nonce, now).await?;
    let wallet = message.address;
    let digest = custody::model::keys::personal_digest(request.message.as_bytes());
    if recover(&digest, &request.signature).ok() != Some(wallet) {
        let confirmed = chain
            .wallet_says_yes(wallet, digest, &request.signature)
            .await;
        if !confirmed.map_err(custody::model::error::Error::from)? {
            return Err(refuse(
                "the message is not signed by the wallet that it names",
            ));
        }
    }
    open_session(store, wallet, now, ttl).await
}

fn check_message(
    message: &SignInMessage,
    place: &Place,
    at: &Deployment,
    now: u64,
) -> Result<(), ApiError> {
    if message.domain != place.domain {
        return Err(refuse("the message is for another domain"));
    }
    if message.uri != place.uri {
        return Err(refuse("the message is for another address"));
    }
    if message.chain_id != at.chain_id {
        return Err(refuse("the message is for another chain"));
    }
    if message.expires_at.is_none() {
        return Err(refuse("the message does not say when it expires"));
    }
    if !message.valid_at(timestamp(now)) {
        return Err(refuse("the message has expired or is not valid yet"));
    }
    if message.issued_at > timestamp(now + SKEW_S) {
        return Err(refuse(
            "the message was issued in the future; check both clocks",
        ));
    }
    Ok(())
}

/// Use a nonce up. Of two requests with the same one, one loses the race for the document.
async fn use_nonce(store: &dyn Store, nonce: &str, now: u64) -> Result<(), ApiError> {
    let held = store.load::<Nonce>(nonce).await.map_err(unavailable)?;
    let Some(mut held) = held else {
        return Err(refuse("the nonce is not known"));
    };
    if held.document.used {
        return Err(refuse("the nonce was used before"));
    }
    if held.document.expires_at < now {
        return Err(refuse("the challenge has expired"));
    }
    held.document.used = true;
    let mut batch = Batch::new();
    batch.replace(&held).map_err(unavailable)?;
    match store.apply(&batch).await {
        Err(StoreError::Conflict { .. }) => Err(refuse("the nonce was used before")),
        other => other.map_err(unavailable),
    }
}

async fn open_session(
    store: &dyn Store,
    wallet: Address,
    now: u64,
    ttl: u64,
) -> Result<Opened, ApiError> {
    let token = random_hex()?;
    let expires_at = now + ttl;
    let mut batch = Batch::new();
    let session = Session {
        id: session_id(&token),
        wallet,
        expires_at,
    };
    batch.create(&session).map_err(unavailable)?;
    store.apply(&batch).await.map_err(unavailable)?;
    Ok(Opened {
        token,
        expires_at,
        wallet,
    })
}

/// The wallet of a session.
///
/// # Errors
/// 401 if there is no such session or it has expired.
pub(crate) async fn wallet_of(
    store: &dyn Store,
    token: &str,
    now: u64,
) -> Result<Address, ApiError> {
    let id = hex::encode(session_id(token));
    let held = store.load::<Session>(&id).await.map_err(unavailable)?;
    let held = held.filter(|h| h.document.expires_at > now);
    held.map(|h| h.document.wallet)
        .ok_or_else(|| ApiError::sign_in("the session has ended"))
}

/// End a session.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn sign_out(store: &dyn Store, token: &str) -> Result<(), ApiError> {
    let mut batch = Batch::new();
    batch.delete::<Session>(hex::encode(session_id(token)));
    store.apply(&batch).await.map_err(unavailable)
}

/// Challenges and sessions that have expired: they are deleted.
pub(crate) fn expiry() -> [Box<dyn Rounds>; 2] {
    [
        Box::new(Runner::new(Expiry::<Nonce>::new("challenge_expiry"))),
        Box::new(Runner::new(Expiry::<Session>::new("session_expiry"))),
    ]
}
