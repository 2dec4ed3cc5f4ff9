//! What the web app needs of its node beside the use cases: real nodes, a real chain.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::path::Path;

use common::{WAIT, World, ring, until};
use ledger::anvil::Options;
use ledger::rpc::{At, Endpoint as _};
use ledger::testing::TestChain;
use node::config::FeesConfig;
use node::{Config, Node, now};
use record::Role;
use reqwest::StatusCode;
use serde_json::{Value, json};

const DAY: u64 = 86_400;

async fn post(url: String, body: &Value) -> (StatusCode, Value) {
    let request = reqwest::Client::new().post(url).json(body);
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_can_be_read_through_the_node_and_not_written() {
    let Some(world) = World::new("chain proxy", 1).await else {
        return;
    };
    world.admit_hospitals().await;
    let at = &world.chain.deployment;
    let url = format!("{}/api/v1/chain", world.places[0].url());
    let ask = |method: &'static str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let url = url.clone();
        async move {
            let (status, answer) = post(url, &body).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            assert_eq!(answer["id"], 7);
            answer
        }
    };
    let id = ask("eth_chainId", json!([])).await;
    assert_eq!(id["result"], format!("{:#x}", at.chain_id));
    // The registrar, asked of the contract itself: `registrar()`.
    let call = json!([{"to": at.registry, "data": "0x2b20e397"}, "latest"]);
    let registrar = ask("eth_call", call).await;
    let word = registrar["result"].as_str().unwrap();
    let expected = world.registrar.address().to_string().to_lowercase();
    assert!(word.ends_with(&expected[2..]), "{registrar}");
    let filter = json!([{"address": at.registry, "fromBlock": "0x0", "toBlock": "latest"}]);
    let events = ask("eth_getLogs", filter).await;
    let events = events["result"].as_array().unwrap().clone();
    assert!(!events.is_empty());
    let receipt = ask(
        "eth_getTransactionReceipt",
        json!([events[0]["transactionHash"]]),
    )
    .await;
    assert_eq!(receipt["result"]["status"], "0x1");
    let fees = ask("eth_feeHistory", json!(["0x2", "latest", [50]])).await;
    assert_eq!(
        fees["result"]["gasUsedRatio"].as_array().unwrap().len(),
        2,
        "{fees}"
    );
    let code = ask("eth_getCode", json!([at.registry, "latest"])).await;
    assert!(code["result"].as_str().unwrap().len() > 1000);
    for method in ["eth_sendRawTransaction", "anvil_reset", "eth_sign"] {
        let refused = ask(method, json!(["0x00"])).await;
        assert_eq!(refused["error"]["code"], -32601, "{refused}");
    }
    let (status, body) = post(url.clone(), &json!([{"method": "eth_chainId"}])).await;
    assert_eq!(
        (status, &body["error"]),
        (StatusCode::BAD_REQUEST, &json!("unreadable"))
    );
}

async fn get(url: &str) -> Value {
    let response = reqwest::get(url).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{url}");
    response.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn play_money_is_not_forecast_and_costs_are_what_acts_cost() {
    let Some(world) = World::with("costs", 1, |config| {
        config.fees.ether_price = 3000;
    })
    .await
    else {
        return;
    };
    let here = &world.places[0];
    let forecast = get(&format!("{}/api/forecast", here.url())).await;
    assert_eq!(forecast["state"], "flat", "{forecast}");
    assert_eq!(forecast["advice"]["do"], "flat");
    assert!(forecast["now"]["base_fee_wei"].as_u64().is_some());
    let costs = get(&format!("{}/api/v1/costs", here.url())).await;
    let fiat = json!({"currency": "EUR", "per_ether": 3000});
    assert_eq!(costs["fiat"], fiat);
    assert_eq!(costs["l1_data_fee_wei"], Value::Null);
    // What is said and what a real transaction used.
    world.admit_hospitals().await;
    let person = ring("costs person");
    let institution = here.sign_in(&here.keys).await;
    institution
        .invite(person.address(), Role::Doctor)
        .await
        .unwrap();
    let person = here.sign_in(&person).await;
    let act = person.accept_invitation().await.unwrap();
    let carried = person.settle(act.act, WAIT).await.unwrap();
    let said = costs["gas"]["admit_staff"].as_u64().unwrap();
    let used = carried.gas.unwrap();
    assert!(said.abs_diff(used) * 10 < said, "said {said}, used {used}");
}

/// A chain with an id of no developers' chain, a block every hour for `days` days up to now, and
/// fees that are twice as high on every other day.
async fn chain_with_fees(test: &str, days: u64) -> Option<TestChain> {
    let begin = (now() / DAY - days) * DAY;
    let options = Options {
        chain_id: 560_048,
        extra: vec!["--timestamp".into(), begin.to_string()],
        ..Options::default()
    };
    let chain = match TestChain::start_with(&options).await {
        Ok(chain) => chain,
        Err(ledger::Error::Program(reason)) => {
            eprintln!("SKIPPED {test}: {reason}");
            return None;
        }
        Err(other) => panic!("{other}"),
    };
    for day in 0..days {
        let fee = 10_000_000_000_u64 * (1 + day % 2);
        let call = |method: &'static str, params: Value| chain.rpc.other(method, params);
        call(
            "anvil_setNextBlockBaseFeePerGas",
            json!([format!("{fee:#x}")]),
        )
        .await
        .unwrap();
        call("anvil_mine", json!(["0x18", "0xe10"])).await.unwrap();
    }
    Some(chain)
}

/// The hours of the chain's first `days` days, as `stele forecast fetch` writes them: Anvil answers
/// `eth_feeHistory` for its last 2,048 blocks only.
async fn fetched_elsewhere(chain: &TestChain, days: u64, folder: &Path) {
    let mut table = String::from(
        "hour,chain_id,last_block,blocks,base_fee_wei,priority_10_wei,priority_50_wei,\
         priority_90_wei,gas_used_ratio\n",
    );
    let block = |number: u64| async move {
        let block = chain.rpc.block(At::Number(number)).await.unwrap();
        block.unwrap()
    };
    let first = block(0).await.timestamp / 3600;
    let (mut number, mut begun) = (1, 1);
    let mut hour = first;
    while hour < first + days * 24 {
        let next = block(number).await;
        if next.timestamp / 3600 > hour {
            let last = block(number - 1).await;
            let (at, fee) = (hour_as_text(hour * 3600), last.base_fee_per_gas.unwrap());
            let blocks = number - begun;
            let id = chain.deployment.chain_id;
            table += &format!("{at},{id},{},{blocks},{fee},0,0,0,0\n", number - 1);
            (hour, begun) = (next.timestamp / 3600, number);
        }
        number += 1;
    }
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("fees.hours.csv"), table).unwrap();
}

fn hour_as_text(at: u64) -> String {
    let at = jiff::Timestamp::from_second(i64::try_from(at).unwrap()).unwrap();
    at.strftime("%Y-%m-%dT%H:00:00Z").to_string()
}

/// A rollup's node: a model of its own, and an oracle that wants a thousand wei for each byte.
async fn rollups_node(chain: &TestChain, dir: &Path) -> Config {
    let deployment = dir.join(ledger::FILE_NAME);
    chain.deployment.save(&deployment).unwrap();
    let model = dir.join("model.json");
    let trained = forecast::trained::Trained::shipped().unwrap();
    std::fs::write(&model, trained.to_json().unwrap()).unwrap();
    let oracle = json!([ledger::l1_fee::GAS_PRICE_ORACLE, "0x366103e8025f5260205ff3"]);
    chain.rpc.other("anvil_setCode", oracle).await.unwrap();
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: dir.join("data"),
        rpc: chain.anvil.url(),
        deployment,
        replicas: 1,
        quorum: 1,
        anchor_every_s: 0,
        challenge_every_s: 0,
        fees: FeesConfig {
            refresh_s: 1,
            model,
            ..FeesConfig::default()
        },
        ..Config::default()
    }
}

/// Days with a band around each price, and what the rollup charges for acts; the forecast.
async fn a_week_is_forecast(node: &Node) -> Value {
    let forecast = get(&format!("{}/api/forecast", node.url())).await;
    let days = forecast["days"].as_array().unwrap();
    assert_eq!(days.len(), 7);
    for day in days {
        let wei = |name: &str| day[name].as_f64().unwrap();
        assert!(wei("low_wei") < wei("price_wei") && wei("price_wei") < wei("high_wei"));
        assert!((1e8..1e11).contains(&wei("price_wei")), "{day}");
    }
    assert!(forecast["age_s"].as_u64().unwrap() < 60, "{forecast}");
    let costs = get(&format!("{}/api/v1/costs", node.url())).await;
    let l1 = |act: &str| costs["l1_data_fee_wei"][act].as_u64().unwrap();
    assert!(
        l1("commit") > 500_000 && l1("commit") > l1("revoke"),
        "{costs}"
    );
    forecast
}

async fn the_last_good_forecast_is_called_stale(node: &Node) {
    let url = format!("{}/api/forecast", node.url());
    until("the forecast is stale", || {
        let url = url.clone();
        async move { get(&url).await["state"] == "stale" }
    })
    .await;
    let stale = get(&url).await;
    assert_eq!(stale["days"].as_array().unwrap().len(), 7);
    let reason = stale["reason"].as_str().unwrap();
    assert!(reason.contains("does not answer"), "{reason}");
    assert!(!reason.contains("127.0.0.1"), "{reason}");
    assert!(stale["age_s"].as_u64().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_kept_current_and_the_last_good_forecast_outlives_the_endpoint() {
    let Some(chain) = chain_with_fees("fee history", 130).await else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let config = rollups_node(&chain, dir.path()).await;
    let keys = ring("fee history hospital");
    if let Ok(filter) = std::env::var("STELE_TEST_LOG") {
        node::init_logging(&filter);
    }
    fetched_elsewhere(&chain, 60, &config.data_dir.join("fees")).await;
    let node = Node::start(config.clone(), keys.clone()).await.unwrap();
    let url = format!("{}/api/forecast", node.url());
    let state = |state: &'static str| {
        let url = url.clone();
        move || {
            let url = url.clone();
            async move { get(&url).await["state"] == state }
        }
    };
    until("there is a forecast", state("current")).await;
    let forecast = a_week_is_forecast(&node).await;
    let known = forecast["as_of"].as_str().unwrap().to_owned();
    // Another day on the chain is another day in the history, without anybody asking.
    chain
        .rpc
        .other("anvil_mine", json!(["0x30", "0xe10"]))
        .await
        .unwrap();
    until("the history grew", || {
        let (url, known) = (url.clone(), known.clone());
        async move { get(&url).await["as_of"].as_str().unwrap() > known.as_str() }
    })
    .await;
    node.stop().await.unwrap();

    // What was learned is there at once after a restart, and stays when the endpoint goes away.
    let node = Node::start(config, keys).await.unwrap();
    let url = format!("{}/api/forecast", node.url());
    let kept = get(&url).await;
    assert_eq!(kept["days"].as_array().unwrap().len(), 7, "{kept}");
    drop(chain);
    the_last_good_forecast_is_called_stale(&node).await;
    node.stop().await.unwrap();
}
