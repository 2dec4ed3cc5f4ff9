//! What goes wrong, and what the node says and keeps.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use alloy_primitives::{B256, Bytes};
use api::log::Deed;
use api::records::VersionView;
use api::session::{Challenge, SignIn, SignedIn};
use client::session::Session;
use common::{WAIT, World, approve, file_with, grant_of, picture, ring, until, upload};
use custody::model::document::{Kind, Query};
use custody::model::keys::KeyRing;
use custody::model::log_entry::{Entry, Touch};
use custody::ports::store::Store;
use ledger::testing::TestChain;
use node::{Node, NodeError};
use record::Role;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

/// A hospital with a doctor, a specialist elsewhere and a patient; one record, one live grant.
struct Scene {
    world: World,
    doctor: Session,
    specialist: Session,
    patient: Session,
    commitment: B256,
    version: VersionView,
    grant: B256,
}

async fn scene(test: &str) -> Option<Scene> {
    let world = World::with(test, 3, |config| config.limits.rpc_s = 2).await?;
    world.admit_hospitals().await;
    let doctor = world.hire(0, &format!("{test} doctor"), Role::Doctor).await;
    let specialist = world
        .hire(1, &format!("{test} specialist"), Role::Doctor)
        .await;
    let (patient, commitment) = world.enrol(0, &format!("{test} Patient")).await;
    let home = &world.places[0];
    let (doctor, patient) = (home.sign_in(&doctor).await, home.sign_in(&patient).await);
    upload(&doctor, &picture(commitment), "first").await;
    let version = approve(&patient).await;
    let new = grant_of(&version, specialist.address(), &["image"]);
    let grant = patient.grant(new).await.unwrap();
    patient.settle(grant.act.unwrap(), WAIT).await.unwrap();
    let specialist = home.sign_in(&specialist).await;
    specialist.open(grant.grant).await.unwrap();
    let grant = grant.grant;
    Some(Scene {
        world,
        doctor,
        specialist,
        patient,
        commitment,
        version,
        grant,
    })
}

async fn deeds(node: &Node) -> Vec<Entry> {
    let rows = node
        .hospital()
        .store
        .list(&Query::of(Kind::Touch), u32::MAX)
        .await
        .unwrap();
    let touch = |row| {
        custody::model::document::decode::<Touch>(row)
            .unwrap()
            .document
    };
    rows.into_iter()
        .map(|row| Entry::decode(&touch(row).entry).unwrap())
        .collect()
}

// ---- signing in ----

async fn challenge(http: &reqwest::Client, url: &str) -> Challenge {
    let answer = http
        .post(format!("{url}/api/v1/session/nonce"))
        .send()
        .await
        .unwrap();
    answer.json().await.unwrap()
}

fn message(challenge: &Challenge, wallet: &str, change: impl Fn(String) -> String) -> String {
    change(format!(
        "{} wants you to sign in with your Ethereum account:\n{wallet}\n\nSign in.\n\n\
         URI: {}\nVersion: 1\nChain ID: {}\nNonce: {}\nIssued At: {}\nExpiration Time: {}",
        challenge.domain,
        challenge.uri,
        challenge.chain_id,
        challenge.nonce,
        challenge.issued_at,
        challenge.expires_at
    ))
}

async fn try_it(
    http: &reqwest::Client,
    url: &str,
    text: String,
    signer: &KeyRing,
) -> (StatusCode, Value) {
    let digest = custody::model::keys::personal_digest(text.as_bytes());
    let signature = Bytes::copy_from_slice(&signer.wallet().sign(digest));
    let body = SignIn {
        message: text,
        signature,
    };
    let answer = http
        .post(format!("{url}/api/v1/session"))
        .json(&body)
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json::<Value>().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_good_once_here_now_and_for_its_wallet_alone() {
    let Some(world) = World::new("sign-in", 1).await else {
        return;
    };
    let url = world.places[0].url();
    let http = reqwest::Client::new();
    let keys = ring("sign-in guest");
    let wallet = keys.address().to_checksum(None);

    let first = challenge(&http, url).await;
    let good = message(&first, &wallet, |m| m);
    let (status, body) = try_it(&http, url, good.clone(), &keys).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let session: SignedIn = serde_json::from_value(body).unwrap();
    let (status, body) = try_it(&http, url, good, &keys).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(
        body["message"].as_str().unwrap().contains("used before"),
        "{body}"
    );

    a_changed_message_is_refused(&http, url, &keys).await;
    let fresh = challenge(&http, url).await;
    let (status, body) = try_it(
        &http,
        url,
        message(&fresh, &wallet, |m| m),
        &ring("a thief"),
    )
    .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(
        body["message"].as_str().unwrap().contains("not signed by"),
        "{body}"
    );

    a_session_serves_until_it_is_ended(&http, url, &session.token).await;
}

async fn a_changed_message_is_refused(http: &reqwest::Client, url: &str, keys: &KeyRing) {
    let wallet = keys.address().to_checksum(None);
    type Change = (&'static str, fn(String) -> String);
    let changes: [Change; 6] = [
        ("another domain", |m| {
            m.replacen("127.0.0.1", "evil.example", 1)
        }),
        ("another chain", |m| {
            m.replace("Chain ID: 31337", "Chain ID: 1")
        }),
        ("is not known", |m| {
            let at = m.find("Nonce: ").unwrap() + 7;
            format!("{}{}{}", &m[..at], "0".repeat(64), &m[at + 64..])
        }),
        ("expired", |m| {
            let at = m.find("Expiration Time: ").unwrap() + 17;
            format!("{}2001-01-01T00:00:00Z", &m[..at])
        }),
        ("does not say when", |m| {
            m[..m.find("\nExpiration Time").unwrap()].to_owned()
        }),
        ("no sign-in message", |m| {
            m.replace("wants you", "orders you")
        }),
    ];
    for (why, change) in changes {
        let fresh = challenge(http, url).await;
        let (status, body) = try_it(http, url, message(&fresh, &wallet, change), keys).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{why}: {body}");
        assert!(
            body["message"].as_str().unwrap().contains(why),
            "{why}: {body}"
        );
    }
}

/// As a bearer token, and as a cookie as well.
async fn a_session_serves_until_it_is_ended(http: &reqwest::Client, url: &str, token: &str) {
    let who = format!("{url}/api/v1/session");
    let cookie = format!("other=1; stele_session={token}");
    let answer = http
        .get(&who)
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    http.delete(&who).bearer_auth(token).send().await.unwrap();
    let answer = http.get(&who).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

// ---- uploads ----

#[tokio::test(flavor = "multi_thread")]
async fn bad_uploads_get_clear_answers_and_leave_nothing() {
    let change = |config: &mut node::Config| config.limits.upload_bytes = 100_000;
    let Some(world) = World::with("bad uploads", 1, change).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "bad uploads doctor", Role::Doctor).await;
    let (_, commitment) = world.enrol(0, "Uploads Patient").await;
    let home = &world.places[0];
    let doctor = home.sign_in(&doctor).await;
    let blobs = async || home.node().hospital().vault.stat().await.unwrap();

    let whole = hex::decode(common::PNG).unwrap();
    for (bytes, status, code) in [
        (Vec::new(), 422, "bad_file"),
        (b"not an image at all".to_vec(), 422, "bad_file"),
        (whole[..50].to_vec(), 422, "bad_file"),
        (vec![0; 100_001], 413, "too_large"),
    ] {
        let mut new = picture(commitment);
        new.file.bytes = bytes.into();
        let refused = doctor.upload(&new, "bad").await.unwrap_err();
        assert_eq!(
            (refused.status(), refused.code()),
            (Some(status), Some(code)),
            "{refused}"
        );
        assert!(refused.hint().is_some());
    }
    let refused = doctor
        .upload(&picture(B256::ZERO), "bad")
        .await
        .unwrap_err();
    assert_eq!(
        (refused.status(), refused.code()),
        (Some(404), Some("not_found"))
    );

    // Cut off in the middle.
    let before = blobs().await;
    let address = home.config.listen;
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/uploads HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         idempotency-key: cut\r\ncontent-type: multipart/form-data; boundary=B\r\n\
         content-length: 90000\r\n\r\n--B\r\ncontent-disposition: form-data; name=\"patient\"\r\n\r\n{commitment}\r\n\
         --B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n",
        doctor.token()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&whole).await.unwrap();
    drop(stream);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(blobs().await, before);
    assert!(
        home.node()
            .hospital()
            .drafts_of(doctor.keys().address())
            .await
            .unwrap()
            .is_empty()
    );

    // A wrong signature, then the right one.
    let draft = doctor.upload(&picture(commitment), "good").await.unwrap();
    let http = reqwest::Client::new();
    let url = format!("{}/api/v1/uploads/{}/signature", home.url(), draft.record);
    let body = serde_json::json!({ "signature": format!("0x{}", "11".repeat(65)) });
    let answer = http
        .post(&url)
        .bearer_auth(doctor.token())
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["error"], "wrong_signature");
    doctor.sign_upload(&draft, commitment).await.unwrap();
}

// ---- the chain ----

fn signal(pid: u32, name: &str) {
    let done = std::process::Command::new("kill")
        .args([name, &pid.to_string()])
        .status();
    assert!(done.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_stalls_refuses_access_and_loses_nothing() {
    let Some(scene) = scene("stall").await else {
        return;
    };
    let pid = scene.world.chain.anvil.id();
    signal(pid, "-STOP");
    let refused = scene.specialist.open(scene.grant).await.err().unwrap();
    assert_eq!(refused.status(), Some(503), "{refused}");
    let ready = scene.world.places[0].client().ready().await.unwrap_err();
    assert_eq!(
        (ready.status(), ready.code()),
        (Some(503), Some("not_ready"))
    );
    signal(pid, "-CONT");
    scene.specialist.open(scene.grant).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_lies_is_found_out_by_its_witness() {
    let Some(mut scene) = scene("lie").await else {
        return;
    };
    // A second chain with the same contracts at the same addresses, and nothing in them.
    let other = TestChain::start().await.unwrap();
    assert_eq!(
        other.deployment.registry,
        scene.world.chain.deployment.registry
    );
    let home = &mut scene.world.places[0];
    home.stop().await;
    home.config.rpc_witnesses = vec![other.anvil.url()];
    home.start().await;
    let refused = scene.specialist.open(scene.grant).await.err().unwrap();
    assert_eq!(refused.status(), Some(503), "{refused}");
    home.stop().await;
    home.config.rpc_witnesses = vec![scene.world.chain.anvil.url()];
    home.start().await;
    scene.specialist.open(scene.grant).await.unwrap();
}

// ---- nodes and disks ----

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_nodes_die_and_records_are_still_served() {
    let Some(mut scene) = scene("two die").await else {
        return;
    };
    scene.world.places[1].stop().await;
    scene.world.places[2].stop().await;
    let opened = scene.specialist.open(scene.grant).await.unwrap();
    let image = scene
        .specialist
        .read_granted(scene.grant, &opened, "image")
        .await
        .unwrap();
    assert_eq!(hex::encode(&image), common::PNG);
    // Nothing new is acknowledged without a quorum, and nothing of it is lost.
    let draft = scene
        .doctor
        .upload(&picture(scene.commitment), "alone")
        .await
        .unwrap();
    let refused = scene
        .doctor
        .sign_upload(&draft, scene.commitment)
        .await
        .unwrap_err();
    assert_eq!(
        (refused.status(), refused.code()),
        (Some(503), Some("no_quorum"))
    );
    assert!(scene.patient.pending().await.unwrap().is_empty());
    scene.world.places[1].start().await;
    until("the upload is acknowledged after all", async || {
        !scene.patient.pending().await.unwrap().is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_database_is_rebuilt_from_chain_log_and_blocks() {
    let Some(mut scene) = scene("rebuild").await else {
        return;
    };
    upload(&scene.doctor, &picture(scene.commitment), "waiting").await;
    let home = &mut scene.world.places[0];
    let institution = home.sign_in(&home.keys).await;
    let anchor = institution.anchor().await.unwrap();
    institution
        .settle(anchor.act.unwrap().act, WAIT)
        .await
        .unwrap();
    home.stop().await;
    for file in std::fs::read_dir(home.dir.path()).unwrap() {
        let file = file.unwrap().path();
        if file
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("node.db")
        {
            std::fs::remove_file(file).unwrap();
        }
    }
    let refused = Node::start(home.config.clone(), home.keys.clone())
        .await
        .err()
        .unwrap();
    assert!(matches!(refused, NodeError::NeedsRebuild), "{refused}");
    let report = node::rebuild(home.config.clone(), home.keys.clone(), false)
        .await
        .unwrap();
    assert!(
        report.pages > 0 && report.log_entries > anchor.size,
        "{report:?}"
    );
    let again = node::rebuild(home.config.clone(), home.keys.clone(), false)
        .await
        .unwrap_err();
    assert!(matches!(again, NodeError::NotEmpty), "{again}");
    home.start().await;

    let home = &scene.world.places[0];
    let specialist = ring("rebuild specialist");
    let specialist = home.sign_in(&specialist).await;
    specialist.open(scene.grant).await.unwrap();
    let patient = home.sign_in(&ring("rebuild Patient")).await;
    assert_eq!(patient.records().await.unwrap().len(), 1);
    approve(&patient).await;
    let revoked = patient.revoke(scene.grant).await.unwrap();
    patient
        .settle(revoked.revocation.unwrap(), WAIT)
        .await
        .unwrap();
    assert!(
        deeds(home.node())
            .await
            .iter()
            .any(|e| e.deed == Deed::Rebuild)
    );
    let trail = patient.trail().await.unwrap();
    assert!(
        trail.iter().any(|(_, e)| e.deed == Deed::Enrol),
        "the old entries are there"
    );
}

/// The pages that others keep of `home`'s journal, once each of them has all and no older ones.
async fn spread(home: &common::Place, others: &[common::Place]) -> Vec<String> {
    until("the others keep the journal's pages", async || {
        let journal = Query::of(Kind::Journal);
        let rows = home
            .node()
            .hospital()
            .store
            .list(&journal, u32::MAX)
            .await
            .unwrap();
        let lacking = rows.iter().any(|row| row.due_at > 0);
        let gone = rows.iter().any(|row| row.id.starts_with("gone"));
        let here = rows.iter().filter(|row| row.id.starts_with('0')).count();
        let mut settled = !lacking && !gone;
        for other in others {
            settled &= kept_at(other, home).await.len() == here;
        }
        settled
    })
    .await;
    kept_at(&others[0], home).await
}

async fn kept_at(other: &common::Place, home: &common::Place) -> Vec<String> {
    let kept = other.node().hospital().spare_pages(home.address()).await;
    kept.unwrap().into_iter().map(|page| page.cid).collect()
}

fn empty(dir: &std::path::Path) {
    std::fs::remove_dir_all(dir).unwrap();
    std::fs::create_dir(dir).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_its_database_and_its_blocks_is_rebuilt_from_the_others() {
    let Some(mut scene) = scene("lost").await else {
        return;
    };
    upload(&scene.doctor, &picture(scene.commitment), "waiting").await;
    let (home, others) = scene.world.places.split_at_mut(1);
    let home = &mut home[0];
    // Older pages are deleted at the others too, once they keep what took their place.
    let before = spread(home, others).await;
    home.node().hospital().store.snapshot().await.unwrap();
    let institution = home.sign_in(&home.keys).await;
    let anchor = institution.anchor().await.unwrap().act.unwrap();
    institution.settle(anchor.act, WAIT).await.unwrap();
    let pages = spread(home, others).await;
    assert!(pages.len() < before.len(), "{} pages", pages.len());
    assert!(pages.iter().all(|page| !before.contains(page)));

    // Who keeps them gives them to nobody else, also not as blocks.
    let (keeper, third) = (others[0].node().hospital(), others[1].address());
    for page in &pages {
        assert!(keeper.spare_page(third, page).await.is_err());
        assert!(!keeper.vault.has(&page.parse().unwrap()).await.unwrap());
        keeper.spare_page(home.address(), page).await.unwrap();
    }
    assert!(keeper.spare_pages(third).await.unwrap().len() != pages.len());
    let stranger = keeper.keep_page(ring("no peer").address(), &pages[0], "x".into());
    assert!(matches!(
        stranger.await,
        Err(custody::model::error::Error::Forbidden(_))
    ));
    let other_bytes = keeper.keep_page(home.address(), &pages[0], "x".into());
    assert!(other_bytes.await.is_err(), "not what the CID says");

    home.stop().await;
    empty(home.dir.path());
    let refused = Node::start(home.config.clone(), home.keys.clone()).await;
    let refused = refused.err().unwrap();
    assert!(matches!(refused, NodeError::NeedsPeers), "{refused}");
    let report = node::rebuild(home.config.clone(), home.keys.clone(), true)
        .await
        .unwrap();
    assert_eq!(report.fetched, pages.len() as u64, "{report:?}");
    assert_eq!((report.lost_pages, report.lost_blobs), (0, 0));
    home.start().await;

    // All is there again: the grant is served, the record is read, what waits is approved.
    let specialist = home.sign_in(&ring("lost specialist")).await;
    let opened = specialist.open(scene.grant).await.unwrap();
    specialist
        .read_granted(scene.grant, &opened, "image")
        .await
        .unwrap();
    let patient = home.sign_in(&ring("lost Patient")).await;
    let opened = patient.open_version(&scene.version).await.unwrap();
    patient
        .read_part(&scene.version, &opened, "document")
        .await
        .unwrap();
    approve(&patient).await;
    let trail = patient.trail().await.unwrap();
    assert!(trail.iter().any(|(_, e)| e.deed == Deed::Enrol));

    // A keeper that lost its database finds in its blocks what it keeps for others.
    spread(home, others).await;
    home.stop().await;
    let kept = kept_at(&others[0], home).await;
    others[0].stop().await;
    for file in std::fs::read_dir(others[0].dir.path()).unwrap() {
        let file = file.unwrap().path();
        if file.to_string_lossy().contains("node.db") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let (config, keys) = (others[0].config.clone(), others[0].keys.clone());
    node::rebuild(config, keys, false).await.unwrap();
    others[0].start().await;
    assert_eq!(kept_at(&others[0], home).await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_is_found_named_and_repaired() {
    let Some(scene) = scene("flip").await else {
        return;
    };
    let home = &scene.world.places[0];
    let cid = scene.version.parts[1].parse().unwrap();
    let hospital = home.node().hospital();
    let sound = vault::collect(hospital.vault.get_file(&cid), 1 << 20)
        .await
        .unwrap();
    let file = file_with(&home.dir.path().join("blocks"), &sound).expect("the block's file");
    let mut bytes = sound.clone();
    bytes[100] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    home.node().guard().await.unwrap();
    let named = deeds(home.node()).await;
    let names = |deed| {
        let cid = scene.version.parts[1].clone();
        named
            .iter()
            .any(|e: &Entry| e.deed == deed && e.detail.as_ref().is_some_and(|d| d.contains(&cid)))
    };
    assert!(names(Deed::Damage) && names(Deed::Repair), "{named:#?}");
    let again = vault::collect(hospital.vault.get_file(&cid), 1 << 20)
        .await
        .unwrap();
    assert_eq!(again, sound);
}

// ---- limits ----

#[tokio::test(flavor = "multi_thread")]
async fn limits_on_size_and_rate_are_kept() {
    let change = |config: &mut node::Config| {
        config.limits.json_bytes = 1000;
        config.limits.requests_per_minute = 5;
    };
    let Some(world) = World::with("limits", 1, change).await else {
        return;
    };
    let url = world.places[0].url();
    let http = reqwest::Client::new();
    let body = serde_json::json!({ "message": "x".repeat(2000), "signature": "0x" });
    let answer = http
        .post(format!("{url}/api/v1/session"))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let mut last = answer;
    for _ in 0..6 {
        last = http.get(format!("{url}/api/v1/node")).send().await.unwrap();
    }
    assert_eq!(last.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(last.headers().contains_key("retry-after"));
    assert!(last.headers().contains_key("x-request-id"));
    assert_eq!(last.headers()["x-content-type-options"], "nosniff");
    let policy = last.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_count_and_name_nobody() {
    let Some(scene) = scene("metrics").await else {
        return;
    };
    let url = scene.world.places[0].url();
    let text = reqwest::get(format!("{url}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(text.contains("stele_http_requests_total"), "{text}");
    assert!(text.contains("/api/v1/grants/{grant}/open"), "{text}");
    let grant = hex::encode(scene.grant);
    let wallet = hex::encode(scene.patient.keys().address());
    assert!(!text.contains(&grant) && !text.to_lowercase().contains(&wallet));
    let trail = scene.patient.trail().await.unwrap();
    assert!(
        trail.iter().all(|(proven, _)| proven.size == 0),
        "no checkpoint was made"
    );
}
