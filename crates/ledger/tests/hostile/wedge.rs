//! Nobody stops the relayer, on a real chain: signatures of hundreds of kilobytes, contract
//! wallets that burn gas, and transactions that an earlier version signed over the limits.

use acts::{Act, SignedAct};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use ledger::anvil::Options;
use ledger::eip1559::Transaction;
use ledger::relayer::{
    Attempt, ERC1271_GAS, Item, MAX_TRANSACTION_GAS, OutboxStore, State, Status,
};
use ledger::testing::{fund, key, mine};
use ledger::{Call, Endpoint, Error, Fees};
use serde_json::json;

use super::super::common::life::{address, word};
use super::super::{Anvilled, manual, manual_as, start};

/// A chain that enforces EIP-7825, as the main network does.
fn osaka() -> Options {
    Options {
        extra: ["--hardfork", "osaka", "--enable-tx-gas-limit"]
            .map(str::to_owned)
            .to_vec(),
        ..Options::default()
    }
}

/// A contract wallet that says yes to everything after it has burnt so much gas.
async fn wallet(it: &Anvilled, burns: u32) -> Address {
    let account = Address::left_padding_from(&burns.to_be_bytes());
    let code = [
        // GAS PUSH4 burns SWAP1 SUB: the gas at which to stop.
        &[0x5a, 0x63][..],
        &burns.to_be_bytes(),
        &[0x90, 0x03],
        // JUMPDEST DUP1 GAS SGT PUSH1 8 JUMPI: until then.
        &[0x5b, 0x80, 0x5a, 0x13, 0x60, 0x08, 0x57],
        // PUSH4 magic PUSH1 224 SHL PUSH0 MSTORE PUSH1 32 PUSH0 RETURN.
        &[
            0x63, 0x16, 0x26, 0xba, 0x7e, 0x60, 0xe0, 0x1b, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3,
        ],
    ]
    .concat();
    let params = json!([account, Bytes::from(code)]);
    it.rpc.other("anvil_setCode", params).await.unwrap();
    account
}

fn grant_by(it: &Anvilled, controller: Address, signature: Bytes) -> Call {
    let act = Act::Grant {
        controller,
        id: word("grant"),
        expiry: it.net.far,
    };
    let signatures = vec![signature];
    SignedAct { act, signatures }
        .call(&it.net.at().into())
        .into()
}

/// An act of the same lane.
fn honest(it: &Anvilled) -> Call {
    it.net.grant(&key("honest"), word("honest"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_200_kilobytes_is_not_taken_in() {
    let Some(it) = start("a_signature_of_200_kilobytes", &osaka()).await else {
        return;
    };
    let (relayer, _, _) = manual(&it);
    let agreeable = wallet(&it, 0).await;
    let call = grant_by(&it, agreeable, vec![0xff; 200_000].into());
    // The contract would take it: no check of its own stops it.
    let request = ledger::rpc::Request::question(call.to, call.data.clone());
    it.rpc
        .call(&request, ledger::rpc::At::Latest)
        .await
        .unwrap();
    let error = relayer.submit("huge", call).await.unwrap_err();
    assert!(
        matches!(error, Error::CallTooLarge { act: "Grant", .. }),
        "{error}"
    );
    assert!(
        !it.net
            .chain
            .is_signed_by(agreeable, word("x"), &vec![0xff; 200_000])
            .await
            .unwrap(),
        "nor is it a signature for signing in"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_burns_gas_pays_itself_and_holds_up_nobody() {
    let Some(it) = start("a_wallet_that_burns_gas", &osaka()).await else {
        return;
    };
    let (relayer, store, _) = manual(&it);
    // Estimated at some 15 million, with the margin over the most that a transaction may have.
    let hungry = wallet(&it, 15_000_000).await;
    let call = grant_by(&it, hungry, Bytes::new());
    let request = ledger::rpc::Request::question(call.to, call.data.clone());
    let estimate = it
        .rpc
        .estimate(&request, ledger::rpc::At::Pending)
        .await
        .unwrap();
    assert!(estimate + estimate / 5 > MAX_TRANSACTION_GAS, "{estimate}");

    relayer.submit("hungry", call).await.unwrap();
    relayer.submit("honest", honest(&it)).await.unwrap();
    relayer.work().await.unwrap();
    let item = store.get("hungry").await.unwrap().unwrap();
    let State::Refused(refusal) = &item.state else {
        panic!("{item:?}");
    };
    assert_eq!(refusal.error, "GasCeiling");
    assert!(refusal.meaning.contains("account of its own"), "{refusal}");
    assert!(item.attempts.is_empty(), "nothing was spent on it");
    let status = relayer.status("honest").await.unwrap().unwrap();
    assert!(matches!(status, Status::Included(_)), "{status:?}");

    // Within the allowance a contract wallet is paid for.
    let modest = wallet(&it, 60_000).await;
    relayer
        .submit("modest", grant_by(&it, modest, Bytes::new()))
        .await
        .unwrap();
    relayer.work().await.unwrap();
    let status = relayer.status("modest").await.unwrap().unwrap();
    let included = status.inclusion().unwrap();
    assert_eq!(included.refusal, None);
    assert!(included.gas_used > 60_000 && included.gas_used < 75_000 + ERC1271_GAS);
    assert!(it.net.chain.is_live(modest, word("grant")).await.unwrap());
}

/// An item as a version without ceilings signed it.
fn signed_over_the_limit(it: &Anvilled, call: Call, nonce: u64) -> Item {
    let fees = Fees {
        max_fee: 10_000_000_000,
        tip: 1_000_000,
    };
    let signer = key("relayer");
    let transaction = Transaction {
        chain_id: it.net.at().chain_id,
        nonce,
        tip: fees.tip,
        max_fee: fees.max_fee,
        gas_limit: 18_000_000,
        to: Some(call.to),
        value: U256::ZERO,
        data: call.data.clone(),
    };
    let signature = acts::Signer::sign_digest(&signer, &transaction.digest()).unwrap();
    let raw = transaction.signed(&signature);
    let attempt = Attempt {
        hash: keccak256(&raw),
        raw,
        fees,
        signed_at: 1_000_000,
        empty: false,
    };
    Item {
        state: State::Signed,
        nonce: Some(nonce),
        attempts: vec![attempt],
        ..Item::new("hungry", address(&signer), call, 1_000_000)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relayer_that_was_stuck_mends_itself() {
    let Some(it) = start("a_relayer_that_was_stuck", &osaka()).await else {
        return;
    };
    let (relayer, store, time) = manual(&it);
    let hungry = wallet(&it, 15_000_000).await;
    let stuck = signed_over_the_limit(&it, grant_by(&it, hungry, Bytes::new()), 0);
    let refused = it.rpc.send_raw(&stuck.attempts[0].raw).await.unwrap();
    assert!(
        matches!(refused, ledger::rpc::Sent::Refused(_)),
        "{refused:?}"
    );
    store.insert(&stuck).await.unwrap();
    relayer.submit("honest", honest(&it)).await.unwrap();
    let health = relayer.health().await.unwrap();
    assert_eq!((health.queued, health.in_flight), (1, 1));
    time.fetch_add(400, std::sync::atomic::Ordering::SeqCst);
    assert!(
        relayer
            .health()
            .await
            .unwrap()
            .stuck
            .unwrap()
            .contains("hungry")
    );

    relayer.work().await.unwrap();
    relayer.work().await.unwrap();
    let status = relayer.status("honest").await.unwrap().unwrap();
    assert!(matches!(status, Status::Included(_)), "{status:?}");
    mine(it.rpc.as_ref(), 3).await.unwrap();
    assert_eq!(relayer.work().await.unwrap(), 0);
    let status = relayer.status("hungry").await.unwrap().unwrap();
    assert_eq!(status.refusal().unwrap().error, "NotTaken");
    assert_eq!(relayer.health().await.unwrap().stuck, None);
}

/// A revocation is estimated on a state in which its grant stands, and then comes first after all:
/// it takes the more expensive path.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_overtakes_its_grant_has_gas_enough() {
    let Some(it) = start("a_revocation_that_overtakes", &osaka()).await else {
        return;
    };
    fund(it.rpc.as_ref(), address(&key("second")))
        .await
        .unwrap();
    let (relayer, _, _) = manual_as(&it, "second");
    let controller = key("controller 1");
    it.rpc
        .other("evm_setAutomine", json!([false]))
        .await
        .unwrap();
    let grant = it.net.grant(&controller, word("g"));
    it.net.relayer.submit("grant", grant).await.unwrap();
    let waiting = waiting_hash(&it, "grant").await;

    let act = Act::Revoke {
        controller: address(&controller),
        id: word("g"),
    };
    let call = it.net.signed(act, &[&controller]);
    relayer.submit("revoke", call).await.unwrap();
    relayer.work().await.unwrap();
    it.rpc
        .other("anvil_dropTransaction", json!([waiting]))
        .await
        .unwrap();
    mine(it.rpc.as_ref(), 1).await.unwrap();
    relayer.work().await.unwrap();
    let status = relayer.status("revoke").await.unwrap().unwrap();
    let included = status.inclusion().unwrap();
    assert_eq!(included.refusal, None, "{included:?}");
    assert!(
        included.gas_used > 50_000,
        "the path that the estimate did not see"
    );
}

/// Hash of an act's transaction once the pool has it.
async fn waiting_hash(it: &Anvilled, name: &str) -> B256 {
    for _ in 0..200 {
        let status = it.net.relayer.status(name).await.unwrap();
        if let Some(Status::Pending {
            transaction: Some(hash),
            ..
        }) = status
            && it.rpc.knows(hash).await.unwrap()
        {
            return hash;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{name} was never sent");
}
