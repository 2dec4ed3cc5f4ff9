//! Taking, proving and deleting replicas for other institutions.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use cid::Cid;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Gateway, authenticate, failed, refusal, refused};
use crate::file::{ByteStream, collect};
use crate::replicate::{CBOR_TYPE, Challenge, MAX_CHALLENGE};
use crate::sign::Caller;
use crate::{Error, Result};

fn cbor(bytes: Vec<u8>) -> Response {
    (
        StatusCode::OK,
        [(CONTENT_TYPE, CBOR_TYPE)],
        Body::from(bytes),
    )
        .into_response()
}

fn reply(result: Result<Vec<u8>>) -> Response {
    result.map_or_else(|error| failed(&error), cbor)
}

fn bad_cid(text: &str) -> Response {
    let message = format!("{text:?} is not a CID");
    let hint = "write the CID as it was given at the upload";
    refusal(StatusCode::BAD_REQUEST, "bad_cid", &message, hint)
}

async fn caller(gateway: &Gateway, head: &Parts) -> Result<Caller, Box<Response>> {
    authenticate(gateway, head)
        .await
        .map_err(|refusal| Box::new(refused(&refusal)))
}

/// What a stream of blocks takes in memory: a section, and the blocks that are being hashed.
const STREAM_BYTES: u64 = 4 << 20;
/// How long a sender may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// A stream that fails when its sender falls silent, so that nobody can hold a connection open.
fn impatient(input: ByteStream) -> ByteStream {
    stream::try_unfold(input, |mut input| async move {
        match tokio::time::timeout(SILENCE, input.try_next()).await {
            Ok(piece) => Ok(piece?.map(|piece| (piece, input))),
            Err(_) => Err(Error::Input("the sender fell silent".into())),
        }
    })
    .boxed()
}

/// `POST /vault/v1/replicas/{cid}`, body: a CAR stream of the DAG. Answers with a receipt.
pub(super) async fn store(
    State(gateway): State<Gateway>,
    Path(cid): Path<String>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let caller = match caller(&gateway, &head).await {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    let Ok(root) = cid.parse::<Cid>() else {
        return bad_cid(&cid);
    };
    let stored = async {
        let _room = gateway.budget.reserve(&caller.key_id, STREAM_BYTES).await?;
        let receipt = gateway.holder.store(&root, &caller.key_id, pieces(body));
        receipt.await?.to_bytes()
    };
    reply(stored.await)
}

/// A body as a stream that does not wait for ever.
fn pieces(body: Body) -> ByteStream {
    let body = body
        .into_data_stream()
        .map_err(|e| Error::Input(e.to_string()));
    impatient(body.boxed())
}

/// `DELETE /vault/v1/replicas/{cid}`. Answers with a signed statement of the deletion.
pub(super) async fn erase(
    State(gateway): State<Gateway>,
    Path(cid): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let caller = match caller(&gateway, &head).await {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    let Ok(root) = cid.parse::<Cid>() else {
        return bad_cid(&cid);
    };
    let receipt = gateway.holder.erase(&root, &caller.key_id).await;
    reply(receipt.and_then(|receipt| receipt.to_bytes()))
}

/// `POST /vault/v1/challenges`, body: a challenge. Answers with the proofs.
pub(super) async fn challenge(State(gateway): State<Gateway>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let caller = match caller(&gateway, &head).await {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    let answered = async {
        let room = gateway.budget.reserve(&caller.key_id, MAX_CHALLENGE as u64);
        let _room = room.await?;
        let body = collect(caller.body(pieces(body)), MAX_CHALLENGE).await?;
        let challenge = Challenge::from_bytes(&body)?;
        gateway.holder.answer(&challenge).await?.to_bytes()
    };
    reply(answered.await)
}
