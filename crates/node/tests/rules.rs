//! Every route for every role and for no role.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;

use common::{World, ring};
use custody::model::keys::KeyRing;
use node::http::rules::{RULES, Rule};
use record::Role;
use reqwest::{Method, StatusCode};

/// Who is tried on every route.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Nobody,
    Guest,
    Registrar,
    Institution,
    OtherInstitution,
    StaffHere(Role),
    StaffElsewhere(Role),
    SuspendedStaff,
    Patient,
}

/// What the table promises, said a second time in other words.
fn may(who: Who, rule: Rule) -> bool {
    match rule {
        Rule::Public => true,
        Rule::SignedIn => who != Who::Nobody,
        Rule::Registrar => who == Who::Registrar,
        Rule::Institution => who == Who::Institution,
        Rule::Staff(roles) => matches!(who, Who::StaffHere(role) if roles.contains(&role)),
        Rule::StaffOrInstitution(roles) => {
            who == Who::Institution || matches!(who, Who::StaffHere(role) if roles.contains(&role))
        }
        Rule::AnyStaff => matches!(who, Who::StaffHere(_) | Who::StaffElsewhere(_)),
        Rule::Patient => who == Who::Patient,
        Rule::Peer => false,
    }
}

fn address_of(path: &str) -> String {
    path.replace("{wallet}", "0x0000000000000000000000000000000000000001")
        .replace(
            "{cid}",
            "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
        )
        .replace("{*path}", "0/000")
        .replace("{number}", "0")
        .replace("{id}", &format!("0x{}", "11".repeat(32)))
        .replace("{record}", &format!("0x{}", "11".repeat(32)))
        .replace("{patient}", &format!("0x{}", "11".repeat(32)))
        .replace("{draft}", &format!("0x{}", "11".repeat(32)))
        .replace("{grant}", &format!("0x{}", "11".repeat(32)))
}

async fn refused(
    http: &reqwest::Client,
    url: &str,
    method: &Method,
    path: &str,
    token: Option<&str>,
) -> bool {
    let mut request = http.request(method.clone(), format!("{url}{}", address_of(path)));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if *method == Method::POST || *method == Method::PUT {
        request = request
            .header("content-type", "application/json")
            .body("{}");
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{method} {path}");
    let mut body: serde_json::Value = response.json().await.unwrap_or_default();
    if body["resourceType"] == "OperationOutcome" {
        // FHIR has words of its own for the same three things.
        let issue = &body["issue"][0];
        body = serde_json::json!({
            "error": issue["details"]["coding"][0]["code"],
            "message": issue["details"]["text"],
            "hint": issue["diagnostics"],
        });
    }
    if !status.is_success() {
        for field in ["error", "message", "hint"] {
            assert!(
                body[field].as_str().is_some_and(|t| !t.is_empty()),
                "{path}: {body}"
            );
        }
    }
    match body["error"].as_str() {
        Some("sign_in") => {
            assert_eq!(status, StatusCode::UNAUTHORIZED);
            true
        }
        Some("forbidden") => {
            assert_eq!(status, StatusCode::FORBIDDEN);
            true
        }
        Some("peer_signature") => {
            assert_eq!(status, StatusCode::UNAUTHORIZED);
            true
        }
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_admits_whom_its_rule_names_and_nobody_else() {
    let Some(world) = World::new("rules", 2).await else {
        return;
    };
    world.admit_hospitals().await;
    let here = &world.places[0];
    let mut callers: Vec<(Who, Option<Arc<KeyRing>>)> = vec![
        (Who::Nobody, None),
        (Who::Guest, Some(ring("rules guest"))),
        (Who::Registrar, Some(world.registrar.clone())),
        (Who::Institution, Some(here.keys.clone())),
        (Who::OtherInstitution, Some(world.places[1].keys.clone())),
    ];
    for role in Role::ALL {
        let keys = world.hire(0, &format!("rules {role}"), role).await;
        callers.push((Who::StaffHere(role), Some(keys)));
    }
    let keys = world.hire(1, "rules elsewhere", Role::Doctor).await;
    callers.push((Who::StaffElsewhere(Role::Doctor), Some(keys)));
    let (patient, _) = world.enrol(0, "Rules Patient").await;
    callers.push((Who::Patient, Some(patient)));
    let suspended = world.hire(0, "rules suspended", Role::Doctor).await;
    let institution = here.sign_in(&here.keys).await;
    let act = institution
        .set_staff(suspended.address(), Role::Doctor, false)
        .await
        .unwrap();
    institution.settle(act.act, common::WAIT).await.unwrap();
    callers.push((Who::SuspendedStaff, Some(suspended)));

    let http = reqwest::Client::new();
    for (who, keys) in &callers {
        for (method, path, rule) in RULES {
            // A session of its own each time: one of the routes ends it.
            let token = match keys {
                Some(keys) => Some(here.sign_in(keys).await.token().to_owned()),
                None => None,
            };
            let refused = refused(&http, here.url(), method, path, token.as_deref()).await;
            assert_eq!(refused, !may(*who, *rule), "{who:?} on {method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_table_does_not_exist() {
    let Some(world) = World::new("rules none", 1).await else {
        return;
    };
    let url = world.places[0].url();
    let http = reqwest::Client::new();
    let gone = http
        .get(format!("{url}/api/v1/everything"))
        .send()
        .await
        .unwrap();
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    let wrong = http.put(format!("{url}/api/v1/node")).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    // Blocks are for institutions only.
    let block = "/ipfs/bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy?format=raw";
    let block = http.get(format!("{url}{block}")).send().await.unwrap();
    assert_eq!(block.status(), StatusCode::UNAUTHORIZED);
}
