//! What a rollup charges for bytes on L1, asked of a real node: with an oracle, and without.
#![allow(clippy::unwrap_used, reason = "a test")]

use alloy_primitives::U256;
use ledger::Endpoint as _;
use ledger::anvil::Options;
use ledger::l1_fee::{GAS_PRICE_ORACLE, PostedAct, l1_data_fee};
use ledger::testing::TestChain;
use serde_json::json;

/// Answers with the length of what it was called with, times 1,000: `CALLDATASIZE PUSH2 0x03e8 MUL
/// PUSH0 MSTORE PUSH1 0x20 PUSH0 RETURN`.
const BY_LENGTH: &str = "0x366103e8025f5260205ff3";
/// Reverts: `PUSH0 PUSH0 REVERT`.
const REVERTS: &str = "0x5f5ffd";

#[tokio::test]
async fn bytes_cost_what_the_oracle_says_and_nothing_without_one() {
    let chain = match TestChain::start_with(&Options::default()).await {
        Ok(chain) => chain,
        Err(ledger::Error::Program(reason)) => {
            eprintln!("SKIPPED bytes_cost_what_the_oracle_says_and_nothing_without_one: {reason}");
            return;
        }
        Err(other) => panic!("{other}"),
    };
    let fee = async |act: PostedAct| l1_data_fee(chain.rpc.as_ref(), act.bytes()).await.unwrap();
    assert_eq!(fee(PostedAct::Commit).await, None);

    let place = async |code: &str| {
        let params = json!([GAS_PRICE_ORACLE, code]);
        chain.rpc.other("anvil_setCode", params).await.unwrap();
    };
    place(BY_LENGTH).await;
    let (commit, revoke) = (fee(PostedAct::Commit).await, fee(PostedAct::Revoke).await);
    // Selector, offset, length, and the bytes filled up to words.
    let padded = PostedAct::Commit.bytes().div_ceil(32) * 32 + 4 + 64;
    assert_eq!(commit, Some(U256::from(padded * 1_000)));
    assert!(commit > revoke);

    place(REVERTS).await;
    assert_eq!(fee(PostedAct::Grant).await, None);
}
