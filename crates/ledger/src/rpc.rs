//! A careful JSON-RPC client: every call has a time limit and a size limit, and what an endpoint
//! says is checked where it can be.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::contracts::Refusal;
use crate::error::{Error, Result};
use crate::logs::{Filter, Log};

/// Which block a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The newest block.
    Latest,
    /// The newest block and what waits to be included after it.
    Pending,
    /// The newest block that the consensus will not take back.
    Finalized,
    /// The block of this height.
    Number(u64),
}

impl At {
    fn param(self) -> Value {
        match self {
            Self::Latest => "latest".into(),
            Self::Pending => "pending".into(),
            Self::Finalized => "finalized".into(),
            Self::Number(number) => format!("{number:#x}").into(),
        }
    }
}

/// What we read of a block.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    /// Height.
    #[serde(with = "quantity")]
    pub number: u64,
    /// Hash of the header.
    pub hash: B256,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Unix seconds.
    #[serde(with = "quantity")]
    pub timestamp: u64,
    /// Wei per unit of gas that is burnt (EIP-1559); `None` on chains older than London.
    #[serde(default, with = "optional_quantity")]
    pub base_fee_per_gas: Option<u128>,
    /// Gas that fits into a block.
    #[serde(with = "quantity")]
    pub gas_limit: u64,
    /// Hashes of the transactions, in order.
    #[serde(default)]
    pub transactions: Vec<B256>,
}

/// What we read of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The transaction.
    pub transaction_hash: B256,
    /// Height of its block.
    #[serde(with = "quantity")]
    pub block_number: u64,
    /// Hash of its block.
    pub block_hash: B256,
    /// 1 if it succeeded, 0 if it was reverted.
    #[serde(with = "quantity")]
    pub status: u64,
    /// Gas used by this transaction.
    #[serde(with = "quantity")]
    pub gas_used: u64,
    /// Wei paid per unit of gas.
    #[serde(default, with = "optional_quantity")]
    pub effective_gas_price: Option<u128>,
    /// Address of the contract that it created.
    #[serde(default)]
    pub contract_address: Option<Address>,
    /// What it logged.
    #[serde(default)]
    pub logs: Vec<Log>,
}

/// A call to a contract, or a contract's creation (`to` is `None`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Who calls.
    pub from: Address,
    /// Who is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Address>,
    /// ABI-encoded arguments.
    pub data: Bytes,
    /// Wei that go with the call.
    #[serde(skip_serializing_if = "U256::is_zero")]
    pub value: U256,
}

/// What became of a raw transaction that was handed to the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It was taken, or had been taken before.
    Accepted,
    /// A transaction of this nonce is included already, ours or another.
    NonceTooLow,
    /// Another one of this nonce waits and pays too much to be replaced by this one.
    Underpriced,
    /// Refused for another reason, in the endpoint's words.
    Refused(String),
}

/// What the crate asks of an Ethereum endpoint. [`Rpc`] is the real one; tests put one in its
/// place that stalls, lies, forgets and reorganises.
#[async_trait]
pub trait Endpoint: Send + Sync {
    /// The chain's id (EIP-155).
    async fn chain_id(&self) -> Result<u64>;
    /// A block, or `None` if the chain has none there (yet).
    async fn block(&self, at: At) -> Result<Option<Block>>;
    /// How many transactions the account has sent up to there: its next nonce.
    async fn nonce(&self, account: Address, at: At) -> Result<u64>;
    /// The account's wei.
    async fn balance(&self, account: Address) -> Result<U256>;
    /// The code at an address; empty for none.
    async fn code(&self, address: Address) -> Result<Bytes>;
    /// Wei per unit of gas that recent blocks tipped their makers: the median of the last ten.
    async fn tip(&self) -> Result<u128>;
    /// Gas that a call would need. [`Error::Refused`] if it would be reverted.
    async fn estimate(&self, request: &Request, at: At) -> Result<u64>;
    /// Result of a call. [`Error::Refused`] if it is reverted.
    async fn call(&self, request: &Request, at: At) -> Result<Bytes>;
    /// Hands over a signed transaction.
    async fn send_raw(&self, raw: &Bytes) -> Result<Sent>;
    /// Whether the endpoint knows the transaction, waiting or included.
    async fn knows(&self, transaction: B256) -> Result<bool>;
    /// The receipt of an included transaction.
    async fn receipt(&self, transaction: B256) -> Result<Option<Receipt>>;
    /// The input of a transaction, `None` if unknown.
    async fn input(&self, transaction: B256) -> Result<Option<(Address, Bytes)>>;
    /// Events.
    async fn logs(&self, filter: &Filter) -> Result<Vec<Log>>;
    /// Any other method: what developers' chains offer beyond the common ones.
    async fn other(&self, method: &str, params: Value) -> Result<Value>;
}

/// Limits of an [`Rpc`].
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Largest answer in bytes.
    pub answer: usize,
    /// How often a call that got no answer is tried in all.
    pub tries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            answer: 64 << 20,
            tries: 2,
        }
    }
}

/// An Ethereum JSON-RPC endpoint over HTTP or HTTPS.
pub struct Rpc {
    client: reqwest::Client,
    url: reqwest::Url,
    limits: Limits,
    next_id: AtomicU64,
}

impl fmt::Debug for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold an access token.
        f.debug_struct("Rpc")
            .field("url", &self.shown_url())
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer {
    id: Value,
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
}

enum Reply {
    Result(Value),
    Failure(Failure),
}

impl Rpc {
    /// A client for the endpoint at `url` (`http://` or `https://`). Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Malformed`] if `url` is no such URL.
    pub fn new(url: &str, limits: Limits) -> Result<Self> {
        let url: reqwest::Url = url
            .parse()
            .map_err(|e| Error::malformed("endpoint URL", format!("{url:?}: {e}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::malformed(
                "endpoint URL",
                "it must begin with http:// or https://",
            ));
        }
        let client = reqwest::Client::builder()
            .timeout(limits.timeout)
            .connect_timeout(limits.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| Error::malformed("endpoint URL", e.to_string()))?;
        Ok(Self {
            client,
            url,
            limits,
            next_id: AtomicU64::new(1),
        })
    }

    /// A client with the default limits.
    ///
    /// # Errors
    /// As [`Rpc::new`].
    pub fn connect(url: &str) -> Result<Self> {
        Self::new(url, Limits::default())
    }

    /// Scheme, host and port alone: paths and user names often are access tokens.
    fn shown_url(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn unreachable(&self, method: &str, reason: impl fmt::Display) -> Error {
        Error::Unreachable {
            url: self.shown_url(),
            method: method.into(),
            reason: reason.to_string(),
        }
    }

    async fn exchange(&self, method: &str, params: &Value) -> Result<Reply> {
        let mut tries_left = self.limits.tries.max(1);
        loop {
            tries_left -= 1;
            match self.exchange_once(method, params).await {
                Err(Error::Unreachable { .. }) if tries_left > 0 => {}
                other => return other,
            }
        }
    }

    async fn exchange_once(&self, method: &str, params: &Value) -> Result<Reply> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let mut response = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .map_err(|e| self.unreachable(method, root_cause(&e)))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|e| self.unreachable(method, root_cause(&e)))?
        {
            if bytes.len() + chunk.len() > self.limits.answer {
                return Err(Error::Untrustworthy(format!(
                    "its answer to {method} is longer than {} bytes",
                    self.limits.answer
                )));
            }
            bytes.extend_from_slice(&chunk);
        }
        // Some endpoints send JSON-RPC errors with HTTP error codes; proxies send pages.
        let Ok(answer) = serde_json::from_slice::<Answer>(&bytes) else {
            return Err(
                self.unreachable(method, format!("HTTP {status} without a JSON-RPC answer"))
            );
        };
        if let Some(failure) = answer.error {
            return Ok(Reply::Failure(failure));
        }
        if answer.id != json!(id) {
            return Err(Error::Untrustworthy(format!(
                "it answered {method} to another request"
            )));
        }
        Ok(Reply::Result(answer.result.unwrap_or(Value::Null)))
    }

    /// One JSON-RPC call with a typed result.
    async fn ask<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T> {
        match self.exchange(method, &params).await? {
            Reply::Result(value) => serde_json::from_value(value).map_err(|e| {
                Error::Untrustworthy(format!("its answer to {method} makes no sense: {e}"))
            }),
            Reply::Failure(failure) => Err(refusal(method, &failure)),
        }
    }
}

/// The innermost error: what a person can act on.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Tells a contract's refusal from an endpoint's. Code 3 is what execution reverts with in every
/// client; the revert data says which error.
fn refusal(method: &str, failure: &Failure) -> Error {
    let reverted = failure.code == 3 || failure.message.contains("revert");
    if reverted {
        let data = revert_data(&failure.data).unwrap_or_default();
        return Error::Refused(Refusal::decode(&data));
    }
    Error::Rpc {
        method: method.into(),
        code: failure.code,
        message: failure.message.chars().take(300).collect(),
    }
}

fn revert_data(data: &Value) -> Option<Vec<u8>> {
    let text = data.as_str().or_else(|| data.get("data")?.as_str())?;
    hex::decode(text).ok()
}

/// Sorts the words in which clients (geth, Nethermind, Besu, Erigon, reth, Anvil) refuse a raw
/// transaction; JSON-RPC has no codes for them.
fn sort_refusal(message: &str) -> Sent {
    let lower = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&[
        "already known",
        "known transaction",
        "already imported",
        "alreadyknown",
    ]) {
        Sent::Accepted
    } else if has(&[
        "nonce too low",
        "nonce is too low",
        "oldnonce",
        "invalid nonce",
    ]) {
        Sent::NonceTooLow
    } else if has(&["underpriced", "feetoolow", "fee too low", "replacement"]) {
        Sent::Underpriced
    } else {
        Sent::Refused(message.chars().take(300).collect())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    #[serde(default)]
    reward: Option<Vec<Vec<U256>>>,
}

#[async_trait]
impl Endpoint for Rpc {
    async fn chain_id(&self) -> Result<u64> {
        Ok(self
            .ask::<U256>("eth_chainId", json!([]))
            .await?
            .saturating_to())
    }

    async fn block(&self, at: At) -> Result<Option<Block>> {
        let answer: Result<Option<Block>> = self
            .ask("eth_getBlockByNumber", json!([at.param(), false]))
            .await;
        match answer {
            // How clients say that nothing is final yet.
            Err(Error::Rpc { message, .. })
                if at == At::Finalized && message.contains("not found") =>
            {
                Ok(None)
            }
            Ok(Some(block)) if matches!(at, At::Number(number) if number != block.number) => Err(
                Error::Untrustworthy(format!("asked for {at:?} it sent block {}", block.number)),
            ),
            other => other,
        }
    }

    async fn nonce(&self, account: Address, at: At) -> Result<u64> {
        let nonce: U256 = self
            .ask("eth_getTransactionCount", json!([account, at.param()]))
            .await?;
        Ok(nonce.saturating_to())
    }

    async fn balance(&self, account: Address) -> Result<U256> {
        self.ask("eth_getBalance", json!([account, "latest"])).await
    }

    async fn code(&self, address: Address) -> Result<Bytes> {
        self.ask("eth_getCode", json!([address, "latest"])).await
    }

    async fn tip(&self) -> Result<u128> {
        let history: FeeHistory = self
            .ask("eth_feeHistory", json!(["0xa", "latest", [50.0]]))
            .await?;
        let mut tips: Vec<u128> = history
            .reward
            .unwrap_or_default()
            .iter()
            .filter_map(|block| block.first())
            .map(|tip| tip.saturating_to())
            .collect();
        tips.sort_unstable();
        Ok(tips.get(tips.len() / 2).copied().unwrap_or(0))
    }

    async fn estimate(&self, request: &Request, at: At) -> Result<u64> {
        let gas: U256 = self
            .ask("eth_estimateGas", json!([request, at.param()]))
            .await?;
        Ok(gas.saturating_to())
    }

    async fn call(&self, request: &Request, at: At) -> Result<Bytes> {
        self.ask("eth_call", json!([request, at.param()])).await
    }

    async fn send_raw(&self, raw: &Bytes) -> Result<Sent> {
        match self
            .exchange("eth_sendRawTransaction", &json!([raw]))
            .await?
        {
            Reply::Failure(failure) => Ok(sort_refusal(&failure.message)),
            Reply::Result(value) => {
                let told: B256 = serde_json::from_value(value).unwrap_or_default();
                if told != keccak256(raw) {
                    return Err(Error::Untrustworthy(
                        "it acknowledged another transaction than it was sent".into(),
                    ));
                }
                Ok(Sent::Accepted)
            }
        }
    }

    async fn knows(&self, transaction: B256) -> Result<bool> {
        let found: Value = self
            .ask("eth_getTransactionByHash", json!([transaction]))
            .await?;
        Ok(!found.is_null())
    }

    async fn receipt(&self, transaction: B256) -> Result<Option<Receipt>> {
        let receipt: Option<Receipt> = self
            .ask("eth_getTransactionReceipt", json!([transaction]))
            .await?;
        if receipt
            .as_ref()
            .is_some_and(|r| r.transaction_hash != transaction)
        {
            return Err(Error::Untrustworthy(
                "it sent the receipt of another transaction".into(),
            ));
        }
        Ok(receipt)
    }

    async fn input(&self, transaction: B256) -> Result<Option<(Address, Bytes)>> {
        #[derive(Deserialize)]
        struct Transaction {
            to: Option<Address>,
            input: Bytes,
        }
        let found: Option<Transaction> = self
            .ask("eth_getTransactionByHash", json!([transaction]))
            .await?;
        Ok(found.map(|t| (t.to.unwrap_or_default(), t.input)))
    }

    async fn logs(&self, filter: &Filter) -> Result<Vec<Log>> {
        self.ask("eth_getLogs", json!([filter])).await
    }

    async fn other(&self, method: &str, params: Value) -> Result<Value> {
        self.ask(method, params).await
    }
}

/// Numbers in JSON-RPC are hexadecimal strings. Larger ones than fit are an error.
mod quantity {
    use alloy_primitives::U256;
    use serde::{Deserialize, Deserializer, de::Error};

    pub(super) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<U256>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let value = U256::deserialize(deserializer)?;
        T::try_from(value).map_err(|_| D::Error::custom("number out of range"))
    }
}

mod optional_quantity {
    use alloy_primitives::U256;
    use serde::{Deserialize, Deserializer, de::Error};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u128>, D::Error> {
        Option::<U256>::deserialize(deserializer)?
            .map(|value| u128::try_from(value).map_err(|_| D::Error::custom("number out of range")))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_raw_transactions_are_sorted() {
        for words in [
            "already known",
            "ALREADY_EXISTS: already known",
            "transaction already imported",
        ] {
            assert_eq!(sort_refusal(words), Sent::Accepted, "{words}");
        }
        for words in [
            "nonce too low: next nonce 4, tx nonce 2",
            "Nonce is too low",
            "OldNonce",
        ] {
            assert_eq!(sort_refusal(words), Sent::NonceTooLow, "{words}");
        }
        for words in ["replacement transaction underpriced", "FeeTooLow"] {
            assert_eq!(sort_refusal(words), Sent::Underpriced, "{words}");
        }
        let words = "insufficient funds for gas * price + value";
        assert_eq!(sort_refusal(words), Sent::Refused(words.into()));
    }

    #[test]
    fn access_tokens_are_not_shown() {
        let rpc = Rpc::connect("https://user:secret@rpc.example/v3/token").unwrap();
        let shown = format!("{rpc:?} {}", rpc.unreachable("eth_call", "closed"));
        assert!(
            !shown.contains("secret") && !shown.contains("token"),
            "{shown}"
        );
        assert!(shown.contains("rpc.example"));
    }

    #[test]
    fn odd_urls_are_refused() {
        for url in ["", "localhost:8545", "ws://localhost", "file:///etc/passwd"] {
            assert!(
                matches!(Rpc::connect(url), Err(Error::Malformed { .. })),
                "{url}"
            );
        }
    }
}
