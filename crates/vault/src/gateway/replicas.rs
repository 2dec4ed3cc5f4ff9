//! Taking, proving and deleting replicas for other institutions.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use cid::Cid;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Gateway, authenticate, failed, refused};
use crate::file::ByteStream;
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
    (StatusCode::BAD_REQUEST, format!("{text:?} is not a CID\n")).into_response()
}

async fn caller(gateway: &Gateway, head: &Parts) -> Result<Caller, Box<Response>> {
    authenticate(gateway, head)
        .await
        .map_err(|refusal| Box::new(refused(&refusal)))
}

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
    let body = body
        .into_data_stream()
        .map_err(|e| Error::Input(e.to_string()));
    let body = impatient(body.boxed());
    let receipt = gateway.holder.store(&root, &caller.key_id, body).await;
    reply(receipt.and_then(|receipt| receipt.to_bytes()))
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
    let Ok(body) = to_bytes(body, MAX_CHALLENGE).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "the challenge is too long\n").into_response();
    };
    if let Err(refusal) = caller.check_body(&body) {
        return refused(&refusal);
    }
    let answer = match Challenge::from_bytes(&body) {
        Ok(challenge) => gateway.holder.answer(&challenge).await,
        Err(error) => Err(error),
    };
    reply(answer.and_then(|answer| answer.to_bytes()))
}
