//! Questions to the chain that a browser may ask through its node.
//!
//! A page of ours may talk to its own node only, so the node passes on what a client needs to check
//! claims by itself: reading methods about our contracts, one question at a time. What is passed on
//! is written anew from what was understood, never copied, so that nothing unforeseen gets through.

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use api::chain::{Problem, Question};
use serde::Deserialize;
use serde_json::{Value, json};

/// Blocks whose events may be asked for at once.
pub(crate) const MAX_SPAN: u64 = 10_000;

/// Blocks whose fees may be asked for at once.
const MAX_FEES: u64 = 1024;

/// Percentiles of the priority fee in one answer.
const MAX_PERCENTILES: usize = 5;

/// Alternatives for one topic of an event.
const MAX_TOPICS: usize = 16;

/// Data of a call, bytes.
const MAX_CALL: usize = 16 << 10;

/// A question that was understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Understood {
    pub(crate) method: &'static str,
    pub(crate) params: Value,
    /// The blocks whose events are wanted, where the question says them.
    pub(crate) span: Option<Span>,
}

/// From where to where events are wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    from: Block,
    to: Block,
}

impl Span {
    /// How many blocks that is on a chain that ends at `head`.
    pub(crate) fn blocks(self, head: u64) -> u64 {
        let to = self.to.number(head).min(head);
        to.saturating_sub(self.from.number(head)).saturating_add(1)
    }
}

/// A block as JSON-RPC names it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Block {
    Tag(&'static str),
    Number(u64),
}

impl Block {
    fn number(self, head: u64) -> u64 {
        match self {
            Self::Tag("earliest") => 0,
            Self::Tag(_) => head,
            Self::Number(number) => number,
        }
    }

    fn json(self) -> Value {
        match self {
            Self::Tag(tag) => tag.into(),
            Self::Number(number) => format!("{number:#x}").into(),
        }
    }
}

fn block(value: Option<&Value>) -> Result<Block, Problem> {
    let wrong = || Problem::params("a block is a tag or a number in hex, such as \"latest\"");
    let text = match value {
        None | Some(Value::Null) => return Ok(Block::Tag("latest")),
        Some(value) => value.as_str().ok_or_else(wrong)?,
    };
    for tag in ["latest", "safe", "finalized", "earliest"] {
        if text == tag {
            return Ok(Block::Tag(tag));
        }
    }
    quantity(text).map(Block::Number).ok_or_else(wrong)
}

fn quantity(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x")?;
    u64::from_str_radix(digits, 16).ok()
}

fn read<T: serde::de::DeserializeOwned>(value: Option<&Value>, what: &str) -> Result<T, Problem> {
    let value = value.cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|e| Problem::params(format!("{what}: {e}")))
}

/// Understand a question about `ours`, the contracts of the deployment.
pub(crate) fn understand(question: &Question, ours: &[Address]) -> Result<Understood, Problem> {
    let none = Vec::new();
    let params = match &question.params {
        Value::Null => &none,
        Value::Array(params) => params,
        _ => return Err(Problem::params("params is a list")),
    };
    let (first, second) = (params.first(), params.get(1));
    let mut span = None;
    let (method, params) = match question.method.as_str() {
        "eth_chainId" => ("eth_chainId", json!([])),
        "eth_blockNumber" => ("eth_blockNumber", json!([])),
        "eth_call" => (
            "eth_call",
            json!([call(first, ours)?, block(second)?.json()]),
        ),
        "eth_getLogs" => {
            let (filter, wanted) = events(first, ours)?;
            span = wanted;
            ("eth_getLogs", json!([filter]))
        }
        // Whole transactions are nobody's business here and make answers long.
        "eth_getBlockByNumber" => ("eth_getBlockByNumber", json!([block(first)?.json(), false])),
        "eth_getTransactionReceipt" => {
            let hash: B256 = read(first, "a transaction's hash")?;
            ("eth_getTransactionReceipt", json!([hash]))
        }
        "eth_getCode" => {
            let address: Address = read(first, "an address")?;
            ("eth_getCode", json!([address, block(second)?.json()]))
        }
        "eth_feeHistory" => ("eth_feeHistory", fees(first, second, params.get(2))?),
        other => return Err(Problem::method(other)),
    };
    Ok(Understood {
        method,
        params,
        span,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallObject {
    to: Address,
    #[serde(default, alias = "input")]
    data: Bytes,
    #[serde(default)]
    from: Option<Address>,
}

fn call(value: Option<&Value>, ours: &[Address]) -> Result<Value, Problem> {
    let call: CallObject = read(value, "a call")?;
    if !ours.contains(&call.to) {
        return Err(Problem::params(
            "calls are passed on to the contracts of this deployment only",
        ));
    }
    if call.data.len() > MAX_CALL {
        return Err(Problem::params(format!(
            "a call's data has at most {MAX_CALL} bytes"
        )));
    }
    let mut passed = json!({"to": call.to, "data": call.data});
    if let Some(from) = call.from {
        passed["from"] = json!(from);
    }
    Ok(passed)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterObject {
    address: OneOrMore<Address>,
    #[serde(default)]
    topics: Vec<Option<OneOrMore<B256>>>,
    #[serde(default)]
    from_block: Value,
    #[serde(default)]
    to_block: Value,
    #[serde(default)]
    block_hash: Option<B256>,
}

fn events(value: Option<&Value>, ours: &[Address]) -> Result<(Value, Option<Span>), Problem> {
    let filter: FilterObject = read(value, "a filter")?;
    let addresses = match filter.address {
        OneOrMore::One(address) => vec![address],
        OneOrMore::More(addresses) => addresses,
    };
    let strange = addresses.iter().any(|address| !ours.contains(address));
    if addresses.is_empty() || addresses.len() > ours.len() || strange {
        return Err(Problem::params(
            "events are passed on of the contracts of this deployment only: name them as `address`",
        ));
    }
    let mut topics = Vec::new();
    for topic in &filter.topics {
        topics.push(match topic {
            None => Value::Null,
            Some(OneOrMore::One(topic)) => json!(topic),
            Some(OneOrMore::More(any)) if any.len() <= MAX_TOPICS => json!(any),
            Some(OneOrMore::More(_)) => {
                return Err(Problem::params(format!(
                    "at most {MAX_TOPICS} alternatives for a topic"
                )));
            }
        });
    }
    if topics.len() > 4 {
        return Err(Problem::params("an event has at most four topics"));
    }
    let mut passed = json!({"address": addresses, "topics": topics});
    if let Some(hash) = filter.block_hash {
        passed["blockHash"] = json!(hash);
        return Ok((passed, None));
    }
    let (from, to) = (
        block(Some(&filter.from_block))?,
        block(Some(&filter.to_block))?,
    );
    passed["fromBlock"] = from.json();
    passed["toBlock"] = to.json();
    Ok((passed, Some(Span { from, to })))
}

fn fees(
    blocks: Option<&Value>,
    newest: Option<&Value>,
    percentiles: Option<&Value>,
) -> Result<Value, Problem> {
    let count = match blocks {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => quantity(text),
        _ => None,
    };
    let count = count.filter(|count| (1..=MAX_FEES).contains(count));
    let count = count.ok_or_else(|| {
        Problem::params(format!("the number of blocks is between 1 and {MAX_FEES}"))
    })?;
    let percentiles: Option<Vec<f64>> = read(percentiles, "percentiles")?;
    let percentiles = percentiles.unwrap_or_default();
    let good = |p: &f64| (0.0..=100.0).contains(p);
    if percentiles.len() > MAX_PERCENTILES || !percentiles.iter().all(good) {
        return Err(Problem::params(format!(
            "at most {MAX_PERCENTILES} percentiles between 0 and 100"
        )));
    }
    Ok(json!([
        U64::from(count),
        block(newest)?.json(),
        percentiles
    ]))
}

/// The number of a block as the chain says it.
pub(crate) fn number_of(answer: &Value) -> Option<u64> {
    let number: U256 = serde_json::from_value(answer.clone()).ok()?;
    number.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Address = Address::repeat_byte(7);

    fn ask(method: &str, params: Value) -> Result<Understood, Problem> {
        let question = Question {
            id: 1.into(),
            method: method.to_owned(),
            params,
        };
        understand(&question, &[OURS])
    }

    #[test]
    fn only_listed_methods_are_passed_on() {
        for method in [
            "eth_sendRawTransaction",
            "eth_sendTransaction",
            "eth_accounts",
            "eth_getBalance",
            "anvil_setBalance",
            "debug_traceCall",
            "evm_mine",
            "ETH_CALL",
            "",
        ] {
            assert_eq!(ask(method, json!([])).unwrap_err().code, -32601, "{method}");
        }
        assert!(ask("eth_chainId", json!([])).is_ok());
    }

    #[test]
    fn calls_and_events_are_those_of_our_contracts() {
        let other = Address::repeat_byte(8);
        let call = |to: Address| json!([{"to": to, "data": "0x12", "gas": "0xffffff"}, "latest"]);
        let passed = ask("eth_call", call(OURS)).unwrap().params;
        assert_eq!(passed, json!([{"to": OURS, "data": "0x12"}, "latest"]));
        assert_eq!(ask("eth_call", call(other)).unwrap_err().code, -32602);
        let long = json!([{"to": OURS, "data": format!("0x{}", "00".repeat(MAX_CALL + 1))}]);
        assert_eq!(ask("eth_call", long).unwrap_err().code, -32602);
        // A state override would be a third parameter: it is not passed on.
        let overridden = json!([{"to": OURS}, "latest", {"0x00": {"code": "0x"}}]);
        let passed = ask("eth_call", overridden).unwrap().params;
        assert_eq!(passed.as_array().unwrap().len(), 2);
        for address in [json!(other), json!([OURS, other]), json!([]), Value::Null] {
            let asked = ask("eth_getLogs", json!([{"address": address}]));
            assert_eq!(asked.unwrap_err().code, -32602);
        }
    }

    #[test]
    fn the_span_of_events_is_counted() {
        let span = |from: &str, to: Value| {
            let filter = json!([{"address": OURS, "fromBlock": from, "toBlock": to}]);
            ask("eth_getLogs", filter).unwrap().span.unwrap()
        };
        assert_eq!(span("0x5", "0x9".into()).blocks(100), 5);
        assert_eq!(span("0x5", "latest".into()).blocks(100), 96);
        assert_eq!(span("0x5", "0xffffffffffffffff".into()).blocks(100), 96);
        assert_eq!(span("earliest", Value::Null).blocks(100), 101);
        assert_eq!(span("latest", "latest".into()).blocks(100), 1);
        assert_eq!(span("0x9", "0x5".into()).blocks(100), 1);
    }

    #[test]
    fn wrong_parameters_are_refused() {
        for (method, params) in [
            ("eth_getBlockByNumber", json!([{"blockHash": "0x1"}])),
            ("eth_getBlockByNumber", json!(["newest"])),
            ("eth_getTransactionReceipt", json!(["0x12"])),
            ("eth_getCode", json!(["0x12"])),
            ("eth_feeHistory", json!([5000, "latest", []])),
            ("eth_feeHistory", json!([5, "latest", [101]])),
            ("eth_feeHistory", json!([5, "latest", [1, 2, 3, 4, 5, 6]])),
            ("eth_call", json!({"to": OURS})),
            ("eth_call", json!([])),
        ] {
            let asked = ask(method, params.clone());
            assert_eq!(asked.unwrap_err().code, -32602, "{method} {params}");
        }
        let block = ask("eth_getBlockByNumber", json!(["0x10", true])).unwrap();
        assert_eq!(block.params, json!(["0x10", false]));
    }
}
