//! Reading the chain through the node.

use api::chain::{Problem, Question, Reply};
use api::error::ErrorBody;
use axum::Json;
use axum::extract::State;

use super::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::http::extract::Json as Body;
use crate::proxy::{MAX_SPAN, Understood, number_of, understand};

/// Pass a reading JSON-RPC question on to the node's Ethereum endpoint.
///
/// One question at a time, about the contracts of this deployment. What the endpoint or the node
/// refuses is a JSON-RPC error with status 200.
#[utoipa::path(post, path = "/api/v1/chain", tag = "node", request_body = Question, responses(
    (status = 200, body = Reply), (status = 400, body = ErrorBody), (status = 503, body = ErrorBody)
))]
pub(crate) async fn ask(State(app): State<App>, Body(question): Body<Question>) -> Answer<Reply> {
    let at = app.hospital().deployment().contracts;
    let ours = [at.registry, at.records, at.consents, at.log];
    let answer = match understand(&question, &ours) {
        Ok(understood) => pass_on(&app, understood).await?,
        Err(problem) => Err(problem),
    };
    let (result, error) = match answer {
        Ok(result) => (Some(result), None),
        Err(problem) => (None, Some(problem)),
    };
    Ok(Json(Reply {
        jsonrpc: "2.0",
        id: question.id,
        result,
        error,
    }))
}

async fn pass_on(
    app: &App,
    question: Understood,
) -> Result<Result<serde_json::Value, Problem>, ApiError> {
    if let Some(span) = question.span {
        let head = match read(app, "eth_blockNumber", serde_json::json!([])).await? {
            Ok(head) => number_of(&head).unwrap_or(u64::MAX),
            Err(problem) => return Ok(Err(problem)),
        };
        let blocks = span.blocks(head);
        if blocks > MAX_SPAN {
            return Ok(Err(Problem::span(blocks, MAX_SPAN)));
        }
    }
    read(app, question.method, question.params).await
}

async fn read(
    app: &App,
    method: &str,
    params: serde_json::Value,
) -> Result<Result<serde_json::Value, Problem>, ApiError> {
    match app.chain().read(method, params).await {
        Ok(result) => Ok(Ok(result)),
        Err(ledger::Error::Rpc { code, message, .. }) => Ok(Err(Problem { code, message })),
        Err(ledger::Error::Refused(refusal)) => Ok(Err(Problem {
            code: 3,
            message: format!("execution reverted: {refusal}"),
        })),
        Err(other) => Err(silent(other)),
    }
}

/// The endpoint did not answer.
pub(crate) fn silent(error: ledger::Error) -> ApiError {
    let silent = custody::model::error::ChainError::Silent(error.to_string());
    custody::model::error::Error::from(silent).into()
}
