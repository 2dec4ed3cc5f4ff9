use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};
use api::appointments::{
    AppointmentAction, AppointmentChange, AppointmentState, AppointmentView, NewSlot,
};
use api::letters::{LetterKind, LetterView};
use api::notices::NoticeView;
use api::people::ProfileView;
use client::session::{ClientError, Session};
use custody::model::appointment::Slot;
use node::now;
use record::{Recipient, Role};

use crate::common::{PNG, Place, WAIT, World, approve, grant_of, picture, ring, until, upload};

fn code(result: Result<impl Sized, ClientError>) -> (u16, String) {
    let error = result.err().unwrap();
    let code = error.code().unwrap_or_default().to_owned();
    (error.status().unwrap_or(0), code)
}

fn last<'a>(notices: &'a [NoticeView], kind: &str) -> &'a NoticeView {
    let found = notices.iter().rev().find(|n| n.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {notices:?}"))
}

/// Patients and guests state their keys for those who write to them.
async fn with_key(session: Session) -> Session {
    session.state_key("").await.unwrap();
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_write_to_each_other_and_the_node_reads_nothing() {
    let Some(world) = World::new("letters", 1).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "letters doctor", Role::Doctor).await;
    let (keys, _) = world.enrol(0, "Letters Patient").await;
    let (other, _) = world.enrol(0, "Letters Other").await;
    let home = &world.places[0];
    let patient = with_key(home.sign_in(&keys).await).await;
    let other = with_key(home.sign_in(&other).await).await;
    let reader = home.sign_in(&doctor).await;
    let words = "Does the clavicle need a second look?";
    let sent = patient
        .write(
            doctor.address(),
            LetterKind::Consultation,
            None,
            words,
            vec![B256::repeat_byte(5)],
        )
        .await
        .unwrap();
    let received = reader.letters(Some(sent.thread)).await.unwrap();
    assert_eq!((received.len(), received[0].from), (1, keys.address()));
    assert_eq!(received[0].grants, [B256::repeat_byte(5)]);
    assert_eq!(
        *reader.read_letter(&received[0]).await.unwrap(),
        words.as_bytes()
    );
    let own = patient.letters(None).await.unwrap();
    assert!(own[0].seen_at.is_some(), "the writer sees that it was read");
    assert_eq!(
        *patient.read_letter(&own[0]).await.unwrap(),
        words.as_bytes()
    );
    let answer = reader
        .write(
            keys.address(),
            LetterKind::Advice,
            Some(sent.thread),
            "Come on Monday",
            vec![],
        )
        .await
        .unwrap();
    assert_eq!(answer.thread, sent.thread);
    let thread = patient.letters(Some(sent.thread)).await.unwrap();
    assert_eq!(thread.len(), 2);
    let notices = patient.notices("", 0).await.unwrap();
    assert_eq!(last(&notices, "letter").params["letter_kind"], "advice");

    a_letter_is_in_no_other_place(home, &patient, &other, &thread[1], answer.id).await;
    no_stranger_writes_or_is_written_to(home, &patient, doctor.address()).await;
    nothing_can_be_read_in_the_database(home).await;
}

/// A letter opens at its own place only, and is in nobody else's mailbox.
async fn a_letter_is_in_no_other_place(
    home: &Place,
    patient: &Session,
    other: &Session,
    letter: &LetterView,
    answer: B256,
) {
    let mut moved = letter.clone();
    moved.thread = B256::repeat_byte(9);
    assert!(patient.read_letter(&moved).await.is_err());
    assert!(other.letters(Some(letter.thread)).await.unwrap().is_empty());
    let seen = format!("{}/api/v1/letters/{}/seen", home.url(), answer);
    let http = reqwest::Client::new();
    let seen = http
        .post(seen)
        .bearer_auth(other.token())
        .send()
        .await
        .unwrap();
    assert_eq!(seen.status(), 404);
}

async fn no_stranger_writes_or_is_written_to(home: &Place, patient: &Session, doctor: Address) {
    let stranger = with_key(home.sign_in(&crate::common::ring("letters stranger")).await).await;
    let attempt = stranger
        .write(doctor, LetterKind::Question, None, "Hello", vec![])
        .await;
    assert_eq!(code(attempt), (403, "forbidden".into()));
    let attempt = patient
        .write(
            stranger.keys().address(),
            LetterKind::Question,
            None,
            "Hello",
            vec![],
        )
        .await;
    assert_eq!(code(attempt), (403, "forbidden".into()));
}

async fn nothing_can_be_read_in_the_database(home: &Place) {
    let store = &home.node().hospital().store;
    let rows = custody::model::document::Query::of(custody::model::document::Kind::Letter);
    for row in custody::ports::store::Store::list(store.as_ref(), &rows, u32::MAX)
        .await
        .unwrap()
    {
        let body = String::from_utf8_lossy(&row.body).into_owned();
        assert!(!body.contains("clavicle") && !body.contains("Monday"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_waits_is_told_at_once() {
    let Some(world) = World::new("notices", 1).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "notices doctor", Role::Doctor).await;
    let (keys, commitment) = world.enrol(0, "Notices Patient").await;
    let home = &world.places[0];
    let patient = home.sign_in(&keys).await;
    let author = home.sign_in(&doctor).await;
    assert!(patient.notices("", 0).await.unwrap().is_empty());
    let waiting = async {
        let found = patient.notices("", 25).await.unwrap();
        (found, Instant::now())
    };
    let made = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        upload(&author, &picture(commitment), "one").await;
        Instant::now()
    };
    let ((found, told), made) = tokio::join!(waiting, made);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].kind.as_str(), found[0].seen),
        ("record_pending", false)
    );
    let late = told.saturating_duration_since(made);
    assert!(
        late < Duration::from_secs(3),
        "told {late:?} after it was made"
    );

    patient.notices_seen(&found[0].id).await.unwrap();
    assert!(patient.notices("", 0).await.unwrap()[0].seen);
    assert!(patient.notices(&found[0].id, 0).await.unwrap().is_empty());
    approve(&patient).await;
    until(
        "the author knows, and the patient that it is on chain",
        async || {
            let author = author.notices("", 0).await.unwrap();
            let patient = patient.notices(&found[0].id, 0).await.unwrap();
            author.iter().any(|n| n.kind == "record_approved")
                && patient.iter().any(|n| n.kind == "act_final" && !n.seen)
        },
    )
    .await;
    assert_eq!(code(patient.notices("../x", 0).await).0, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_does_not_wait_for_news() {
    let Some(mut world) = World::new("notices stop", 1).await else {
        return;
    };
    let anyone = world.places[0]
        .sign_in(&crate::common::ring("anyone"))
        .await;
    let waiting = tokio::spawn(async move { anyone.notices("", 25).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    world.places[0].stop().await;
    assert!(start.elapsed() < Duration::from_secs(3));
    assert!(waiting.await.unwrap().unwrap().is_empty());
}

async fn offer(doctor: &Session, hours: &[u64]) -> Vec<Slot> {
    let slot = |hour: &u64| NewSlot {
        from: now() + hour * 3600,
        until: now() + hour * 3600 + 1800,
    };
    let new: Vec<NewSlot> = hours.iter().map(slot).collect();
    doctor.offer_slots(&new).await.unwrap()
}

fn change(action: AppointmentAction, slot: Option<B256>) -> AppointmentChange {
    AppointmentChange { action, slot }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_is_asked_for_moved_accepted_and_called_off() {
    let Some(world) = World::new("appointments", 1).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "appointments doctor", Role::Doctor).await;
    let (keys, _) = world.enrol(0, "Appointments Patient").await;
    let (rival, _) = world.enrol(0, "Appointments Rival").await;
    let home = &world.places[0];
    let doctor = home.sign_in(&doctor).await;
    let patient = home.sign_in(&keys).await;
    let rival = home.sign_in(&rival).await;
    let me = doctor.keys().address();
    let slots = offer(&doctor, &[24, 25, 26]).await;
    overlapping_and_past_times_are_refused(&doctor, &slots[0]).await;
    assert_eq!(patient.slots(me).await.unwrap().len(), 3);

    // Two want the same time: one gets it.
    let reason = "My wrist hurts when it rains";
    let (first, second) = tokio::join!(
        patient.ask_appointment(&slots[0], reason),
        rival.ask_appointment(&slots[0], "Me too"),
    );
    let (asked, by) = match (&first, &second) {
        (Ok(asked), Err(_)) => (asked.clone(), &patient),
        (Err(_), Ok(asked)) => (asked.clone(), &rival),
        both => panic!("one of two: {both:?}"),
    };
    let other = if first.is_ok() { &rival } else { &patient };
    assert_eq!(patient.slots(me).await.unwrap().len(), 2);
    assert_eq!(doctor.slots(me).await.unwrap().len(), 3);
    assert_eq!(code(doctor.withdraw_slot(slots[0].slot).await).0, 409);
    let seen = doctor.appointments().await.unwrap().remove(0);
    assert_eq!(seen.state, AppointmentState::Asked);
    let read = doctor.appointment_reason(&seen).unwrap();
    assert_eq!(read, by.appointment_reason(&asked).unwrap());

    moved_and_accepted(&doctor, by, other, &seen, &slots[1]).await;
    // The first time is free again, and can be taken back for good.
    assert_eq!(patient.slots(me).await.unwrap().len(), 2);
    doctor.withdraw_slot(slots[0].slot).await.unwrap();
    let gone = other.ask_appointment(&slots[0], "Too late").await;
    assert_eq!(code(gone).0, 404);
    called_off_once(&doctor, by, asked.id).await;
    assert_eq!(patient.slots(me).await.unwrap().len(), 2);
    // Only doctors offer times.
    let offered = patient
        .offer_slots(&[NewSlot {
            from: now() + 60,
            until: now() + 120,
        }])
        .await;
    assert_eq!(code(offered), (403, "forbidden".into()));
}

async fn overlapping_and_past_times_are_refused(doctor: &Session, offered: &Slot) {
    let overlap = [NewSlot {
        from: offered.from + 60,
        until: offered.until,
    }];
    assert_eq!(code(doctor.offer_slots(&overlap).await).0, 422);
    let past = [NewSlot {
        from: now() - 60,
        until: now() + 60,
    }];
    assert_eq!(code(doctor.offer_slots(&past).await).0, 422);
}

/// The doctor proposes a later time, with which the reason still opens; the patient accepts it.
async fn moved_and_accepted(
    doctor: &Session,
    by: &Session,
    other: &Session,
    asked: &AppointmentView,
    later: &Slot,
) {
    let id = asked.id;
    let read = doctor.appointment_reason(asked).unwrap();
    let wrong = by
        .change_appointment(id, &change(AppointmentAction::Accept, None))
        .await;
    assert_eq!(
        code(wrong),
        (409, "wrong_state".into()),
        "the doctor accepts"
    );
    let wrong = other
        .change_appointment(id, &change(AppointmentAction::Cancel, None))
        .await;
    assert_eq!(code(wrong).0, 404, "not theirs");
    let moved = doctor
        .change_appointment(id, &change(AppointmentAction::Move, Some(later.slot)))
        .await
        .unwrap();
    assert_eq!(
        (moved.state, moved.from),
        (AppointmentState::Proposed, later.from)
    );
    assert_eq!(
        doctor.appointment_reason(&moved).unwrap(),
        read,
        "it still opens"
    );
    let notices = by.notices("", 0).await.unwrap();
    assert_eq!(last(&notices, "appointment").params["state"], "proposed");
    let accepted = by
        .change_appointment(id, &change(AppointmentAction::Accept, None))
        .await
        .unwrap();
    assert_eq!(accepted.state, AppointmentState::Accepted);
}

async fn called_off_once(doctor: &Session, by: &Session, id: B256) {
    let off = doctor
        .change_appointment(id, &change(AppointmentAction::Cancel, None))
        .await
        .unwrap();
    assert_eq!(off.state, AppointmentState::Cancelled);
    let again = by
        .change_appointment(id, &change(AppointmentAction::Cancel, None))
        .await;
    assert_eq!(code(again).0, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_to_a_role_opens_for_all_who_hold_it_and_nobody_else() {
    let Some(world) = World::new("role", 2).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "role doctor", Role::Doctor).await;
    let one = world.hire(1, "role nurse one", Role::Nurse).await;
    let two = world.hire(1, "role nurse two", Role::Nurse).await;
    let colleague = world.hire(1, "role colleague", Role::Doctor).await;
    let (keys, commitment) = world.enrol(0, "Role Patient").await;
    let (home, there) = (&world.places[0], &world.places[1]);
    let patient = home.sign_in(&keys).await;
    let first = there.sign_in(&one).await;
    let set = ProfileView {
        name: "Nurse Okoro".into(),
        department: "Surgery".into(),
        ..ProfileView::default()
    };
    first.set_profile(&set).await.unwrap();

    // Who works there is asked of that hospital, and of the chain.
    let nurses = patient
        .staff_of(there.address(), Some(Role::Nurse))
        .await
        .unwrap();
    assert_eq!(nurses.len(), 2);
    let okoro = nurses.iter().find(|n| n.wallet == one.address()).unwrap();
    assert_eq!(
        (okoro.name.as_str(), okoro.department.as_str()),
        ("Nurse Okoro", "Surgery")
    );
    assert_eq!(
        patient.staff_of(there.address(), None).await.unwrap().len(),
        3
    );
    assert_eq!(
        patient.staff_of(home.address(), None).await.unwrap().len(),
        1
    );
    let nowhere = patient.staff_of(keys.address(), None).await;
    assert_eq!(code(nowhere).0, 404);

    upload(&home.sign_in(&doctor).await, &picture(commitment), "one").await;
    let version = approve(&patient).await;
    let mut new = grant_of(&version, one.address(), &["image"]);
    new.recipient = Recipient::Role {
        institution: there.address(),
        role: Role::Nurse,
    };
    let grant = patient.grant(new).await.unwrap();
    patient.settle(grant.act.unwrap(), WAIT).await.unwrap();
    let second = there.sign_in(&two).await;
    until("the grant reaches the other hospital", async || {
        let known = second.grants().await.unwrap();
        known.iter().any(|g| g.grant == grant.grant)
    })
    .await;
    for nurse in [&first, &second] {
        let opened = nurse.open(grant.grant).await.unwrap();
        let image = nurse.read_granted(grant.grant, &opened, "image").await;
        assert_eq!(hex::encode(&*image.unwrap()), PNG);
    }
    let colleague = there.sign_in(&colleague).await;
    let refused = colleague.open(grant.grant).await;
    assert_eq!(code(refused), (403, "other_recipient".into()));
    let nobody = grant_of(&version, one.address(), &["image"]);
    let mut nobody = nobody;
    nobody.recipient = Recipient::Role {
        institution: there.address(),
        role: Role::Pharmacist,
    };
    assert!(
        patient.grant(nobody).await.is_err(),
        "nobody holds that role"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_has_limits_and_templates_are_served() {
    let Some(world) = World::new("profile", 1).await else {
        return;
    };
    let anyone = world.places[0]
        .sign_in(&crate::common::ring("profile"))
        .await;
    for wrong in [
        ProfileView {
            name: "x".repeat(201),
            ..ProfileView::default()
        },
        ProfileView {
            name: "two\nlines".into(),
            ..ProfileView::default()
        },
        ProfileView {
            email: "no address".into(),
            ..ProfileView::default()
        },
        ProfileView {
            mail: true,
            ..ProfileView::default()
        },
    ] {
        assert_eq!(
            code(anyone.set_profile(&wrong).await),
            (422, "invalid".into())
        );
    }
    let url = format!("{}/api/v1/templates", world.places[0].url());
    let http = reqwest::Client::new();
    let answer = http
        .get(url)
        .bearer_auth(anyone.token())
        .send()
        .await
        .unwrap();
    let templates: Vec<serde_json::Value> = answer.json().await.unwrap();
    assert_eq!(templates.len(), 6);
    assert!(
        templates
            .iter()
            .all(|t| t["resourceType"] == "Questionnaire")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_staff_and_hospital_are_read_as_fhir_and_errors_are_outcomes() {
    let Some(world) = World::new("fhir", 1).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "fhir doctor", Role::Doctor).await;
    let home = &world.places[0];
    let session = home.sign_in(&doctor).await;
    let http = reqwest::Client::new();
    let get = async |path: &str, token: Option<&str>| {
        let request = http.get(format!("{}/fhir/{path}", home.url()));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/fhir+json");
        let status = answer.status().as_u16();
        (status, answer.json::<serde_json::Value>().await.unwrap())
    };
    let token = Some(session.token());
    let (status, capability) = get("metadata", None).await;
    assert_eq!((status, &capability["fhirVersion"]), (200, &"4.0.1".into()));
    let (_, found) = get("Questionnaire", token).await;
    assert_eq!(found["total"], 6);
    let (_, found) = get("Questionnaire?url=urn:stele:questionnaire:visit", token).await;
    assert_eq!(
        (&found["total"], &found["entry"][0]["resource"]["id"]),
        (&1.into(), &"visit".into())
    );
    let (_, visit) = get("Questionnaire/visit", token).await;
    assert_eq!(visit["resourceType"], "Questionnaire");
    let (_, staff) = get("PractitionerRole?role=doctor", token).await;
    let role = &staff["entry"][0]["resource"];
    assert_eq!(role["practitioner"]["display"], "fhir doctor");
    let id = role["id"].as_str().unwrap();
    assert_eq!(&get(&format!("PractitionerRole/{id}"), token).await.1, role);
    let organization = role["organization"]["reference"].as_str().unwrap();
    let (_, organization) = get(organization, token).await;
    assert_eq!(organization["name"], home.config.name.as_str());

    let code = |outcome: &serde_json::Value| {
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        outcome["issue"][0]["code"].as_str().unwrap().to_owned()
    };
    for (path, token, status, kind) in [
        ("Questionnaire", None, 401, "login"),
        ("Questionnaire/none", token, 404, "not-found"),
        ("PractitionerRole?role=wizard", token, 400, "invalid"),
        (
            "Organization/0x0000000000000000000000000000000000000001",
            token,
            404,
            "not-found",
        ),
    ] {
        let (found, outcome) = get(path, token).await;
        assert_eq!((found, code(&outcome)), (status, kind.to_owned()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_changes_the_sealed_index_alone_and_in_order() {
    let Some(world) = World::new("index", 2).await else {
        return;
    };
    world.admit_hospitals().await;
    let (keys, _) = world.enrol(0, "Index Patient").await;
    let home = &world.places[0];
    let patient = home.sign_in(&keys).await;
    patient.change_index(|_| ()).await.unwrap();
    let older = patient.index().await.unwrap();
    patient.change_index(|index| index.next = 5).await.unwrap();
    assert_eq!(patient.index().await.unwrap().next, 5);

    // Another client that knew neither: what it sends does not follow.
    let at = &home.node().hospital().deployment().to_owned();
    let stale = client::person::approval::seal_index(&keys, at, &older, None).unwrap();
    let put = |sealed: Vec<u8>| {
        let body = serde_json::json!({ "index": format!("0x{}", hex::encode(sealed)) });
        reqwest::Client::new()
            .put(format!("{}/api/v1/index", home.url()))
            .bearer_auth(patient.token())
            .json(&body)
            .send()
    };
    let refused = put(stale.encode()).await.unwrap();
    assert_eq!(refused.status(), 422);
    let body: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(body["error"], "invalid");
    // Nor is somebody else's taken.
    let other =
        client::person::approval::seal_index(&ring("index other"), at, &older, None).unwrap();
    assert_eq!(put(other.encode()).await.unwrap().status(), 422);
    assert_eq!(patient.index().await.unwrap().next, 5);
    let trail = patient.trail().await.unwrap();
    let changes = trail
        .iter()
        .filter(|(_, e)| e.deed == api::log::Deed::Index);
    assert_eq!(changes.count(), 2);
}
