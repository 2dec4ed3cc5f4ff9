//! What a hospital's management, its auditor, an applicant and the registrar see.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;

use alloy_primitives::B256;
use common::{PNG, Place, WAIT, World, approve, file_with, grant_of, picture, ring, until, upload};
use custody::model::keys::KeyRing;
use record::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// One request of a person; status and body.
async fn ask(
    place: &Place,
    who: &Arc<KeyRing>,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let session = place.sign_in(who).await;
    let mut request = reqwest::Client::new()
        .request(method, format!("{}{path}", place.url()))
        .bearer_auth(session.token());
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}

async fn seen(place: &Place, who: &Arc<KeyRing>, path: &str) -> Value {
    let (status, body) = ask(place, who, Method::GET, path, None).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_sees_what_it_holds_and_what_was_unusual() {
    let Some(world) = World::with("management", 2, |config| {
        // The whole day is the night: whatever is opened is opened at an unusual hour.
        (config.watch.day_from, config.watch.day_until) = (0, 0);
    })
    .await
    else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "management doctor", Role::Doctor).await;
    let auditor = world.hire(0, "management auditor", Role::Auditor).await;
    let elsewhere = world.hire(1, "management elsewhere", Role::Doctor).await;
    let (patient_keys, patient) = world.enrol(0, "Managed").await;
    let here = &world.places[0];
    let author = here.sign_in(&doctor).await;
    upload(&author, &picture(patient), "one").await;
    let owner = here.sign_in(&patient_keys).await;
    let version = approve(&owner).await;
    let given = owner
        .grant(grant_of(&version, doctor.address(), &["image"]))
        .await
        .unwrap();
    owner.settle(given.act.unwrap(), WAIT).await.unwrap();
    author.open(given.grant).await.unwrap();
    let outsider = here.sign_in(&elsewhere).await;
    for _ in 0..3 {
        assert!(outsider.open(given.grant).await.is_err());
    }
    // A second device of the doctor.
    let other = reqwest::Client::builder().user_agent("Another browser");
    sign_in_with(other.build().unwrap(), here, &doctor).await;

    records_and_health_are_shown(here, &auditor).await;
    the_unusual_is_noticed(here, &auditor, &doctor, &elsewhere, patient).await;
    figures_count_what_was_done(here).await;
    a_mended_block_is_told(here, &version.parts[1]).await;

    // What is erased has nothing left to check.
    let owner = here.sign_in(&patient_keys).await;
    let erased = owner.erase(version.controller.unwrap()).await.unwrap();
    owner.settle(erased.act, WAIT).await.unwrap();
    until("the record is erased", || async {
        let page = seen(here, &here.keys, "/api/v1/hospital/records").await;
        let record = &page["records"][0];
        record["signature"] == "erased" && record["on_chain"] == "erased"
    })
    .await;
}

async fn records_and_health_are_shown(here: &Place, auditor: &Arc<KeyRing>) {
    for who in [&here.keys, auditor] {
        let page = seen(here, who, "/api/v1/hospital/records").await;
        let record = &page["records"][0];
        assert_eq!(record["signature"], "holds", "{record}");
        assert_eq!(record["signature_verified"], true);
        assert_eq!(record["on_chain"], "current", "{record}");
        assert_eq!(record["stage"], "committed");
        assert_eq!(record["author_name"], "management doctor");
        assert_eq!(record["replicas"][0]["state"], "held", "{record}");
        assert!(record["size"].as_u64().unwrap() > 0);
        assert_eq!(page["next"], Value::Null);
    }
    let health = seen(here, &here.keys, "/api/v1/hospital/health").await;
    assert_eq!(
        (&health["copies"], &health["lacking"]),
        (&json!(2), &json!(0))
    );
    assert!(health["blobs"].as_u64().unwrap() >= 3, "{health}");
    assert_eq!(health["holders"].as_array().unwrap().len(), 1);
    assert_eq!(health["acts_failed"], 0);
    assert_eq!(health["log_anchored"], 0);
}

/// The outsider was refused, the doctor came at an unusual hour and with another device.
async fn the_unusual_is_noticed(
    here: &Place,
    auditor: &Arc<KeyRing>,
    doctor: &KeyRing,
    outsider: &KeyRing,
    patient: B256,
) {
    let notices = seen(here, auditor, "/api/v1/hospital/intrusions").await;
    let of = |kind: &str| {
        let all = notices.as_array().unwrap();
        let found = all.iter().find(|notice| notice["kind"] == kind);
        found.unwrap_or_else(|| panic!("{kind}: {notices}")).clone()
    };
    let refusals = of("refusals");
    assert_eq!(
        (&refusals["level"], &refusals["count"]),
        (&json!("warn"), &json!(3))
    );
    assert_eq!(refusals["who"], json!(outsider.address()));
    assert_eq!(refusals["subject"], json!(patient));
    assert_eq!(of("off_hours")["name"], "management doctor");
    assert_eq!(of("unknown_device")["who"], json!(doctor.address()));
}

async fn figures_count_what_was_done(here: &Place) {
    let figures = seen(here, &here.keys, "/api/v1/hospital/figures?days=7").await;
    let days = figures["days"].as_array().unwrap();
    assert_eq!(days.len(), 7);
    let sum = |name: &str| -> u64 { days.iter().map(|d| d[name].as_u64().unwrap()).sum() };
    assert_eq!((sum("uploads"), sum("opens"), sum("refusals")), (1, 1, 3));
    assert!(sum("gas") > 200_000, "{figures}");
    assert_eq!(figures["doctors"][0]["name"], "management doctor");
    assert_eq!(
        (&figures["patients"], &figures["records"]["committed"]),
        (&json!(1), &json!(1))
    );
}

/// A block that is altered, found and mended is told.
async fn a_mended_block_is_told(here: &Place, part: &str) {
    let cid = part.parse().unwrap();
    let stored = here.node().hospital().vault.get_file(&cid);
    let mut bytes = vault::collect(stored, 1 << 20).await.unwrap();
    let file = file_with(&here.dir.path().join("blocks"), &bytes).expect("the block's file");
    bytes[100] ^= 1;
    std::fs::write(file, bytes).unwrap();
    here.node().guard().await.unwrap();
    let health = seen(here, &here.keys, "/api/v1/hospital/health").await;
    let events = health["events"].as_array().unwrap();
    for mended in [true, false] {
        let about = |e: &&Value| e["text"].as_str().unwrap().contains(part);
        let found = events.iter().filter(about).any(|e| e["mended"] == mended);
        assert!(found, "{mended}: {health}");
    }
}

/// Sign in with a client of one's own.
async fn sign_in_with(http: reqwest::Client, place: &Place, keys: &Arc<KeyRing>) {
    let challenge = http
        .post(format!("{}/api/v1/session/nonce", place.url()))
        .send()
        .await
        .unwrap();
    let c: Value = challenge.json().await.unwrap();
    let text = |name: &str| c[name].as_str().unwrap();
    let message = format!(
        "{} wants you to sign in with your Ethereum account:\n{}\n\n\nURI: {}\nVersion: 1\n\
         Chain ID: {}\nNonce: {}\nIssued At: {}\nExpiration Time: {}",
        text("domain"),
        keys.address().to_checksum(None),
        text("uri"),
        c["chain_id"],
        text("nonce"),
        text("issued_at"),
        text("expires_at")
    );
    let digest = custody::model::keys::personal_digest(message.as_bytes());
    let signature = format!("0x{}", hex::encode(keys.wallet().sign(digest)));
    let answer = http
        .post(format!("{}/api/v1/session", place.url()))
        .json(&json!({"message": message, "signature": signature}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.text().await);
}

const APPLICATIONS: &str = "/api/v1/applications";

fn document_of(application: &str) -> String {
    format!("{APPLICATIONS}/{application}/documents/0")
}

fn form(applicant: &KeyRing, name: &str, bytes: &[u8]) -> Value {
    use base64::Engine as _;

    let content = base64::engine::general_purpose::STANDARD.encode(bytes);
    json!({
        "institution": applicant.address(), "name": name, "url": "https://hospital.example",
        "documents": [{"name": "licence.png", "content": content}]
    })
}

async fn apply(place: &Place, who: &Arc<KeyRing>, form: Value) -> (StatusCode, Value) {
    ask(place, who, Method::POST, APPLICATIONS, Some(form)).await
}

async fn decide(
    place: &Place,
    who: &Arc<KeyRing>,
    id: &str,
    decision: Value,
) -> (StatusCode, Value) {
    let path = format!("{APPLICATIONS}/{id}/decision");
    ask(place, who, Method::POST, &path, Some(decision)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_applies_and_the_registrar_decides() {
    let Some(world) = World::new("applications", 1).await else {
        return;
    };
    world.admit_hospitals().await;
    let here = &world.places[0];
    let (applicant, stranger) = (ring("applying hospital"), ring("applying stranger"));
    let png = hex::decode(PNG).unwrap();
    what_is_not_allowed_is_refused(here, &applicant, &stranger, &png).await;

    let (status, sent) = apply(here, &applicant, form(&applicant, "St. Elsewhere", &png)).await;
    assert_eq!(status, StatusCode::OK, "{sent}");
    assert_eq!(
        (&sent["stage"], &sent["active"]),
        (&json!("open"), &json!(false))
    );
    let (status, _) = apply(here, &applicant, form(&applicant, "Again", &png)).await;
    assert_eq!(status, StatusCode::CONFLICT);

    let id = sent["id"].as_str().unwrap();
    the_registrar_and_the_applicant_see_it(here, &world.registrar, &applicant, &stranger, id).await;
    the_registrar_downloads_the_document(here, &world.registrar, id, &png).await;
    a_refusal_says_why_and_is_final(here, &world.registrar, &applicant, id).await;

    // A refused hospital may apply again.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let (status, second) = apply(here, &applicant, form(&applicant, "St. Elsewhere", &png)).await;
    assert_eq!(status, StatusCode::OK, "{second}");
    let registrar = here.sign_in(&world.registrar).await;
    let act = registrar
        .set_institution(applicant.address(), true)
        .await
        .unwrap();
    registrar.settle(act.act, WAIT).await.unwrap();
    let id = second["id"].as_str().unwrap();
    let (_, admitted) = decide(here, &world.registrar, id, json!({"admit": true})).await;
    assert_eq!(
        (&admitted["stage"], &admitted["active"]),
        (&json!("admitted"), &json!(true))
    );
}

async fn what_is_not_allowed_is_refused(
    here: &Place,
    applicant: &Arc<KeyRing>,
    stranger: &Arc<KeyRing>,
    png: &[u8],
) {
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
    for wrong in [
        form(applicant, "Hospital", svg),
        form(applicant, "", png),
        form(applicant, "Hospital\u{7}", png),
        form(applicant, "Hospital", &[]),
    ] {
        let (status, body) = apply(here, applicant, wrong).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    let (status, _) = apply(here, stranger, form(applicant, "Not its own", png)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut large = png.to_vec();
    large.resize((5 << 20) + 1, 0);
    let (status, _) = apply(here, applicant, form(applicant, "Hospital", &large)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

/// The registrar sees it, the applicant sees it, others do not.
async fn the_registrar_and_the_applicant_see_it(
    here: &Place,
    registrar: &Arc<KeyRing>,
    applicant: &Arc<KeyRing>,
    stranger: &Arc<KeyRing>,
    id: &str,
) {
    assert_eq!(
        seen(here, registrar, APPLICATIONS)
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        seen(here, applicant, APPLICATIONS)
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(seen(here, stranger, APPLICATIONS).await, json!([]));
    let document = document_of(id);
    let (status, _) = ask(here, stranger, Method::GET, &document, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

async fn the_registrar_downloads_the_document(
    here: &Place,
    registrar: &Arc<KeyRing>,
    id: &str,
    png: &[u8],
) {
    let document = document_of(id);
    let token = here.sign_in(registrar).await;
    let response = reqwest::Client::new()
        .get(format!("{}{document}", here.url()))
        .bearer_auth(token.token())
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(response.headers()["content-disposition"], "attachment");
    assert_eq!(response.headers()["content-security-policy"], "sandbox");
    assert_eq!(response.bytes().await.unwrap(), *png);
}

/// A refusal says why; a decision is made once.
async fn a_refusal_says_why_and_is_final(
    here: &Place,
    registrar: &Arc<KeyRing>,
    applicant: &Arc<KeyRing>,
    id: &str,
) {
    let (status, _) = decide(here, registrar, id, json!({"admit": false})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let no = json!({"admit": false, "reason": "the licence has expired"});
    let (status, refused) = decide(here, registrar, id, no).await;
    assert_eq!(
        (status, &refused["stage"]),
        (StatusCode::OK, &json!("refused"))
    );
    let (status, _) = decide(here, registrar, id, json!({"admit": true})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = ask(here, registrar, Method::GET, &document_of(id), None).await;
    assert_eq!(
        status,
        StatusCode::NOT_FOUND,
        "documents go with the decision"
    );
    assert_eq!(refused["documents"][0]["name"], "licence.png");
    let own = seen(here, applicant, APPLICATIONS).await;
    let decision = json!({"admit": false, "reason": "the licence has expired"});
    assert_eq!(own[0]["decision"], decision);
}
