//! Endpoints that stall, babble, flood or lie: each is told apart and believed in nothing.
// Helpers of tests fail like tests do.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use async_trait::async_trait;
use ledger::contracts::{Consents, Log as LogContract, Registry};
use ledger::event_index::{self as index, MemoryIndex};
use ledger::logs::{Blocks, Filter, Log as RpcLog};
use ledger::relayer::{self, MemoryOutbox, Status};
use ledger::rpc::{At, Block, Limits, Receipt, Request, Sent};
use ledger::testing::key;
use ledger::{
    Call, Chain, Deployment, Endpoint, Error, Finality, FinalityTracker, Indexer, MAX_HEAD_AGE,
    Relayer, Result, Rpc,
};

/// Answers every connection with these bytes, or with nothing at all for ever.
fn serve(answer: Option<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            match &answer {
                Some(bytes) => {
                    let _ = stream.write_all(bytes);
                }
                None => kept.push(stream),
            }
        }
    });
    url
}

fn http(status: &str, body: &str) -> Option<Vec<u8>> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    Some(head.into_bytes())
}

fn rpc(url: &str) -> Rpc {
    let limits = Limits {
        timeout: Duration::from_millis(300),
        answer: 1000,
        tries: 1,
    };
    Rpc::new(url, limits).unwrap()
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    let stalled = rpc(&serve(None)).chain_id().await.unwrap_err();
    assert!(
        matches!(stalled, Error::Unreachable { .. }) && stalled.is_transient(),
        "{stalled}"
    );

    let closed = rpc("http://127.0.0.1:1").chain_id().await.unwrap_err();
    assert!(matches!(closed, Error::Unreachable { .. }), "{closed}");

    let page = serve(http("502 Bad Gateway", "<html>"));
    let page = rpc(&page).chain_id().await.unwrap_err();
    assert!(page.to_string().contains("502"), "{page}");

    let flood = serve(http("200 OK", &"1".repeat(2000)));
    let flood = rpc(&flood).chain_id().await.unwrap_err();
    assert!(matches!(flood, Error::Untrustworthy(_)), "{flood}");

    let words = serve(http(
        "200 OK",
        r#"{"jsonrpc":"2.0","id":1,"result":"soon"}"#,
    ));
    let words = rpc(&words).chain_id().await.unwrap_err();
    assert!(matches!(words, Error::Untrustworthy(_)), "{words}");

    let other = serve(http(
        "200 OK",
        r#"{"jsonrpc":"2.0","id":77,"result":"0x1"}"#,
    ));
    let other = rpc(&other).chain_id().await.unwrap_err();
    assert!(other.to_string().contains("another request"), "{other}");

    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"rate limit"}}"#;
    let error = rpc(&serve(http("429 Too Many Requests", error)))
        .chain_id()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Rpc { code: -32005, .. }), "{error}");

    let fine = serve(http(
        "200 OK",
        r#"{"jsonrpc":"2.0","id":1,"result":"0x7a69"}"#,
    ));
    assert_eq!(rpc(&fine).chain_id().await.unwrap(), 31337);
}

/// How an endpoint lies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    None,
    ChainId,
    /// A receipt whose block is not the chain's.
    ReceiptBlock,
    /// A receipt of a transaction that is not in its block.
    ReceiptTransaction,
    /// A log of another block than was asked for.
    LogBlock,
    /// A log that the contract cannot emit.
    LogContent,
    /// Blocks that do not follow each other.
    Parents,
    /// The state, where a witness tells the truth.
    State,
    /// No answer to a call, ever.
    Stalls,
    /// An error in place of the `finalized` block.
    Finalized(i64),
}

struct Liar(Lie);

/// Selector of ERC-1271's `isValidSignature(bytes32,bytes)`, and the magic value that says yes.
const IS_VALID_SIGNATURE: [u8; 4] = [0x16, 0x26, 0xba, 0x7e];

fn block(number: u64, transactions: Vec<B256>) -> Block {
    let hash = |number: u64| keccak256(number.to_be_bytes());
    Block {
        number,
        hash: hash(number),
        parent_hash: hash(number.wrapping_sub(1)),
        timestamp: number,
        base_fee_per_gas: Some(1_000_000_000),
        gas_limit: 30_000_000,
        transactions,
    }
}

const HEAD: u64 = 5;

fn deployment() -> Deployment {
    Deployment {
        chain_id: 7,
        registry: Address::repeat_byte(1),
        records: Address::repeat_byte(2),
        consents: Address::repeat_byte(3),
        log: Address::repeat_byte(4),
        block: 1,
    }
}

#[async_trait]
impl Endpoint for Liar {
    async fn chain_id(&self) -> Result<u64> {
        Ok(if self.0 == Lie::ChainId { 8 } else { 7 })
    }

    async fn block(&self, at: At) -> Result<Option<Block>> {
        let number = match at {
            At::Number(number) => number,
            _ => HEAD,
        };
        if let (At::Finalized, Lie::Finalized(code)) = (at, self.0) {
            return Err(Error::Rpc {
                method: "eth_getBlockByNumber".into(),
                code,
                message: "too many requests".into(),
            });
        }
        let mut block = block(number, vec![B256::repeat_byte(0xee)]);
        if self.0 == Lie::Parents && number == HEAD {
            block.parent_hash = B256::ZERO;
        }
        Ok((number <= HEAD).then_some(block))
    }

    async fn nonce(&self, _: Address, _: At) -> Result<u64> {
        Ok(0)
    }

    async fn balance(&self, _: Address) -> Result<U256> {
        Ok(U256::MAX)
    }

    async fn code(&self, _: Address) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    async fn tip(&self) -> Result<u128> {
        Ok(1)
    }

    async fn estimate(&self, _: &Request, _: At) -> Result<u64> {
        Ok(21_000)
    }

    async fn call(&self, request: &Request, _: At) -> Result<Bytes> {
        if self.0 == Lie::Stalls {
            std::future::pending::<()>().await;
        }
        let selector: [u8; 4] = request.data[..4].try_into().unwrap();
        let words = match selector {
            Registry::staffCall::SELECTOR => 4,
            Registry::institutionCall::SELECTOR
            | Registry::keyStatementCall::SELECTOR
            | Consents::grantOfCall::SELECTOR
            | LogContract::latestCall::SELECTOR => 2,
            _ => 1,
        };
        let lies = self.0 == Lie::State;
        if selector == IS_VALID_SIGNATURE {
            let magic = if lies { selector } else { [0; 4] };
            return Ok(B256::right_padding_from(&magic).to_vec().into());
        }
        let word = match (lies, selector) {
            (true, LogContract::latestCall::SELECTOR) => B256::ZERO,
            (true, _) => B256::with_last_byte(1),
            (false, LogContract::latestCall::SELECTOR) => {
                // The root's first 26 bytes, from the left.
                return Ok([B256::with_last_byte(1), B256::repeat_byte(0)]
                    .concat()
                    .into());
            }
            (false, _) => B256::ZERO,
        };
        Ok(word.to_vec().repeat(words).into())
    }

    async fn send_raw(&self, _: &Bytes) -> Result<Sent> {
        Ok(Sent::Accepted)
    }

    async fn knows(&self, _: B256) -> Result<bool> {
        Ok(true)
    }

    async fn receipt(&self, transaction: B256) -> Result<Option<Receipt>> {
        let told = block(3, Vec::new());
        let block_hash = match self.0 {
            Lie::ReceiptBlock => B256::repeat_byte(9),
            _ => told.hash,
        };
        Ok(Some(Receipt {
            transaction_hash: transaction,
            block_number: 3,
            block_hash,
            status: 1,
            gas_used: 21_000,
            effective_gas_price: None,
            contract_address: None,
            logs: Vec::new(),
        }))
    }

    async fn input(&self, _: B256) -> Result<Option<(Address, Bytes)>> {
        Ok(None)
    }

    async fn logs(&self, filter: &Filter) -> Result<Vec<RpcLog>> {
        let asked = match filter.blocks {
            Blocks::Hash { block_hash } => Some(block_hash),
            Blocks::Range { .. } => None,
        };
        let number = (1..=HEAD)
            .find(|n| Some(block(*n, vec![]).hash) == asked)
            .unwrap_or(2);
        let mut data = Registry::PatientEnrolled {
            institution: Address::ZERO,
            patient: B256::ZERO,
        }
        .encode_log_data();
        if self.0 == Lie::LogContent {
            data.set_topics_unchecked(vec![B256::ZERO]);
        }
        let told = if self.0 == Lie::LogBlock {
            number + 1
        } else {
            number
        };
        Ok(vec![RpcLog {
            inner: alloy_primitives::Log {
                address: deployment().registry,
                data,
            },
            block_hash: Some(block(told, vec![]).hash),
            block_number: Some(told),
            transaction_hash: Some(B256::repeat_byte(0xee)),
            log_index: Some(0),
            removed: false,
        }])
    }

    async fn other(&self, _: &str, _: serde_json::Value) -> Result<serde_json::Value> {
        Ok(serde_json::Value::Null)
    }
}

fn relayer(lie: Lie) -> Relayer {
    Relayer::new(
        Arc::new(Liar(lie)),
        Arc::new(MemoryOutbox::default()),
        Arc::new(key("relayer")),
        Arc::new(|| 1_000),
        relayer::Settings {
            finality: Finality::Depth { blocks: 0 },
            ..relayer::Settings::new(7)
        },
    )
}

#[tokio::test]
async fn receipts_are_believed_only_with_their_block() {
    let call = Call {
        to: Address::ZERO,
        data: Bytes::new(),
        value: U256::ZERO,
    };
    for lie in [Lie::ReceiptBlock, Lie::ReceiptTransaction] {
        let relayer = relayer(lie);
        relayer.submit("act", call.clone()).await.unwrap();
        relayer.work().await.unwrap();
        relayer.work().await.unwrap();
        let status = relayer.status("act").await.unwrap().unwrap();
        assert!(
            matches!(status, Status::Pending { .. }),
            "{lie:?}: {status:?}"
        );
    }
    let relayer = relayer(Lie::ChainId);
    relayer.submit("act", call).await.unwrap();
    let error = relayer.work().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::WrongChain {
                expected: 7,
                found: 8
            }
        ),
        "{error}"
    );
    let Some(Status::Pending {
        transaction: None, ..
    }) = relayer.status("act").await.unwrap()
    else {
        panic!("nothing is signed for a wrong chain");
    };
}

async fn chain(lie: Lie) -> Chain {
    // The liar has no code to check; the reads are what is tested here.
    Chain::unchecked(Arc::new(Liar(lie)), deployment())
}

#[tokio::test]
async fn logs_are_believed_only_with_their_block() {
    let index = |chain| {
        let settings = index::Settings::default();
        Indexer::new(chain, Arc::new(MemoryIndex::default()), settings)
    };
    let good = index(chain(Lie::None).await).catch_up().await.unwrap();
    assert_eq!(good.events.len(), HEAD as usize);
    for lie in [Lie::LogBlock, Lie::LogContent, Lie::Parents] {
        let error = index(chain(lie).await).catch_up().await.unwrap_err();
        assert!(matches!(error, Error::Untrustworthy(_)), "{lie:?}: {error}");
    }
}

#[tokio::test]
async fn a_witness_stops_an_endpoint_from_widening_access() {
    let account = key("doctor").address();
    let alone = chain(Lie::State).await;
    assert!(
        alone.is_active_staff(account).await.unwrap(),
        "alone, it is believed"
    );
    let watched = alone.with_unchecked_witnesses(vec![Arc::new(Liar(Lie::None))]);
    let error = watched.is_active_staff(account).await.unwrap_err();
    assert!(matches!(error, Error::Untrustworthy(_)), "{error}");
}

/// Whether every kind of read is refused, by what is asked.
async fn refused_reads(chain: &Chain) -> Vec<(&'static str, bool)> {
    let (account, id) = (key("doctor").address(), B256::repeat_byte(7));
    let signed = chain.is_signed_by(account, id, b"no key's").await;
    vec![
        ("registrar", chain.registrar().await.is_err()),
        ("institution", chain.institution(account).await.is_err()),
        ("staff", chain.staff(account).await.is_err()),
        (
            "active institution",
            chain.is_active_institution(account).await.is_err(),
        ),
        (
            "active staff",
            chain.is_active_staff(account).await.is_err(),
        ),
        ("key statement", chain.key_statement(account).await.is_err()),
        ("enrolment", chain.enrolled(account, id).await.is_err()),
        (
            "commitment",
            chain.current_commitment(account).await.is_err(),
        ),
        ("version", chain.version(account).await.is_err()),
        ("grant", chain.grant_of(account, id).await.is_err()),
        ("live", chain.is_live(account, id).await.is_err()),
        ("checkpoint", chain.checkpoint_of(account).await.is_err()),
        ("contract's signature", !matches!(signed, Ok(true))),
    ]
}

#[tokio::test]
async fn no_read_rests_on_one_endpoint() {
    let alone = refused_reads(&chain(Lie::State).await).await;
    let believed = alone.iter().filter(|(_, refused)| !refused).count();
    assert_eq!(believed, alone.len(), "alone, it is believed: {alone:?}");
    // Whichever of the two lies.
    for (first, second) in [(Lie::State, Lie::None), (Lie::None, Lie::State)] {
        let watched = chain(first)
            .await
            .with_patience(Duration::from_millis(300))
            .with_unchecked_witnesses(vec![Arc::new(Liar(second))]);
        for (read, refused) in refused_reads(&watched).await {
            assert!(refused, "{read}: {first:?} with {second:?}");
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_stalls_refuses_and_does_not_hang() {
    let stalled = chain(Lie::None)
        .await
        .with_patience(Duration::from_millis(100))
        .with_unchecked_witnesses(vec![Arc::new(Liar(Lie::Stalls))]);
    let error = stalled.registrar().await.unwrap_err();
    assert!(
        matches!(error, Error::Unreachable { .. }) && error.is_transient(),
        "{error}"
    );
}

#[tokio::test]
async fn a_head_that_is_too_old_decides_nothing() {
    // The liar's newest block is of second 5.
    let at = |now: u64| Arc::new(move || now);
    let new_enough = chain(Lie::None)
        .await
        .with_max_head_age(Some(MAX_HEAD_AGE), at(HEAD + MAX_HEAD_AGE));
    new_enough.registrar().await.unwrap();
    let old = chain(Lie::None)
        .await
        .with_max_head_age(Some(MAX_HEAD_AGE), at(HEAD + MAX_HEAD_AGE + 1));
    for (read, refused) in refused_reads(&old).await {
        assert!(refused, "{read}");
    }
    let error = old.check_head_age().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::StaleHead {
                age: 121,
                limit: 120
            }
        ),
        "{error}"
    );
    old.with_max_head_age(None, at(u64::MAX))
        .registrar()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_finalized_block_that_cannot_be_told_makes_nothing_final() {
    let head = |number| block(number, vec![]);
    let rule = Finality::Tag { or_depth: 2 };
    let (fine, busy) = (Liar(Lie::None), Liar(Lie::Finalized(-32005)));
    let tracker = FinalityTracker::new(rule);
    assert_eq!(tracker.height(&busy, &head(20)).await.unwrap(), None);
    assert_eq!(tracker.height(&fine, &head(20)).await.unwrap(), Some(HEAD));
    let none = Liar(Lie::Finalized(-32601));
    for endpoint in [&busy, &none] {
        let told = tracker.height(endpoint, &head(30)).await.unwrap();
        assert_eq!(told, Some(HEAD), "no deeper than what was told");
    }
    assert_eq!(tracker.height(&fine, &head(3)).await.unwrap(), Some(3));
    // Only where there is no such block at all is a block final by its depth.
    let tracker = FinalityTracker::new(rule);
    assert_eq!(tracker.height(&none, &head(20)).await.unwrap(), Some(18));
}
