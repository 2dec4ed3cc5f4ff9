//! What a hospital's management, its auditor, an applicant and the registrar see.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;

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

    for who in [&here.keys, &auditor] {
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

    let notices = seen(here, &auditor, "/api/v1/hospital/intrusions").await;
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
    assert_eq!(refusals["who"], json!(elsewhere.address()));
    assert_eq!(refusals["subject"], json!(patient));
    assert_eq!(of("off_hours")["name"], "management doctor");
    assert_eq!(of("unknown_device")["who"], json!(doctor.address()));

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

    // A block that is altered, found and mended is told.
    let cid = version.parts[1].parse().unwrap();
    let stored = here.node().hospital().vault.get_file(&cid);
    let mut bytes = vault::collect(stored, 1 << 20).await.unwrap();
    let file = file_with(&here.dir.path().join("blocks"), &bytes).expect("the block's file");
    bytes[100] ^= 1;
    std::fs::write(file, bytes).unwrap();
    here.node().guard().await.unwrap();
    let health = seen(here, &here.keys, "/api/v1/hospital/health").await;
    let events = health["events"].as_array().unwrap();
    for mended in [true, false] {
        let about = |e: &&Value| e["text"].as_str().unwrap().contains(&version.parts[1]);
        let found = events.iter().filter(about).any(|e| e["mended"] == mended);
        assert!(found, "{mended}: {health}");
    }

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

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_applies_and_the_registrar_decides() {
    let Some(world) = World::new("applications", 1).await else {
        return;
    };
    world.admit_hospitals().await;
    let here = &world.places[0];
    let (applicant, stranger) = (ring("applying hospital"), ring("applying stranger"));
    let base64 = |bytes: &[u8]| {
        use base64::Engine as _;

        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let png = hex::decode(PNG).unwrap();
    let form = |name: &str, bytes: &[u8]| {
        json!({
            "institution": applicant.address(), "name": name, "url": "https://hospital.example",
            "documents": [{"name": "licence.png", "content": base64(bytes)}]
        })
    };
    let send = |who: &Arc<KeyRing>, form: Value| {
        let who = who.clone();
        async move { ask(here, &who, Method::POST, "/api/v1/applications", Some(form)).await }
    };
    // What is not allowed.
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
    for wrong in [
        form("Hospital", svg),
        form("", &png),
        form("Hospital\u{7}", &png),
        form("Hospital", &[]),
    ] {
        let (status, body) = send(&applicant, wrong).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    let (status, _) = send(&stranger, form("Not its own", &png)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut large = png.clone();
    large.resize((5 << 20) + 1, 0);
    let (status, _) = send(&applicant, form("Hospital", &large)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);

    let (status, sent) = send(&applicant, form("St. Elsewhere", &png)).await;
    assert_eq!(status, StatusCode::OK, "{sent}");
    assert_eq!(
        (&sent["stage"], &sent["active"]),
        (&json!("open"), &json!(false))
    );
    let (status, _) = send(&applicant, form("Again", &png)).await;
    assert_eq!(status, StatusCode::CONFLICT);

    // The registrar sees it, the applicant sees it, others do not.
    let path = "/api/v1/applications";
    assert_eq!(
        seen(here, &world.registrar, path)
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        seen(here, &applicant, path).await.as_array().unwrap().len(),
        1
    );
    assert_eq!(seen(here, &stranger, path).await, json!([]));
    let id = sent["id"].as_str().unwrap();
    let document = format!("{path}/{id}/documents/0");
    let (status, _) = ask(here, &stranger, Method::GET, &document, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let token = here.sign_in(&world.registrar).await;
    let response = reqwest::Client::new()
        .get(format!("{}{document}", here.url()))
        .bearer_auth(token.token())
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(response.headers()["content-disposition"], "attachment");
    assert_eq!(response.headers()["content-security-policy"], "sandbox");
    assert_eq!(response.bytes().await.unwrap(), png);

    // A refusal says why; a decision is made once; a refused hospital may apply again.
    let by = &world.registrar;
    let decide = |body: Value, id: String| async move {
        let path = format!("/api/v1/applications/{id}/decision");
        ask(here, by, Method::POST, &path, Some(body)).await
    };
    let (status, _) = decide(json!({"admit": false}), id.to_owned()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let no = json!({"admit": false, "reason": "the licence has expired"});
    let (status, refused) = decide(no, id.to_owned()).await;
    assert_eq!(
        (status, &refused["stage"]),
        (StatusCode::OK, &json!("refused"))
    );
    let (status, _) = decide(json!({"admit": true}), id.to_owned()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = ask(here, by, Method::GET, &document, None).await;
    assert_eq!(
        status,
        StatusCode::NOT_FOUND,
        "documents go with the decision"
    );
    assert_eq!(refused["documents"][0]["name"], "licence.png");
    let own = seen(here, &applicant, path).await;
    let decision = json!({"admit": false, "reason": "the licence has expired"});
    assert_eq!(own[0]["decision"], decision);

    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let (status, second) = send(&applicant, form("St. Elsewhere", &png)).await;
    assert_eq!(status, StatusCode::OK, "{second}");
    let registrar = here.sign_in(&world.registrar).await;
    let act = registrar
        .set_institution(applicant.address(), true)
        .await
        .unwrap();
    registrar.settle(act.act, WAIT).await.unwrap();
    let id = second["id"].as_str().unwrap().to_owned();
    let (_, admitted) = decide(json!({"admit": true}), id).await;
    assert_eq!(
        (&admitted["stage"], &admitted["active"]),
        (&json!("admitted"), &json!(true))
    );
}
