use api::notices::MailState;
use api::people::ProfileView;
use client::session::Session;
use custody::model::document::{Kind, Query};
use custody::ports::store::Documents;
use record::Role;

use crate::common::{World, picture, until, upload};
use crate::smtp::Smtp;

async fn wants_mail(session: &Session, name: &str, email: &str) {
    let set = ProfileView {
        name: name.into(),
        email: email.into(),
        mail: true,
        ..ProfileView::default()
    };
    session.set_profile(&set).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn news_leave_by_smtp_once_however_often_the_server_is_busy_and_say_nothing() {
    // Busy twice, then it takes what comes.
    let server = Smtp::start(&["451 busy", "451 still busy"]).await;
    let smtp = format!("smtp://{}", server.address);
    let with_mail = |config: &mut node::Config| {
        config.mail.smtp = smtp.clone();
        config.mail.from = "Hospital 0 <noreply@example.org>".into();
    };
    let Some(world) = World::with("mail", 1, with_mail).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "mail doctor", Role::Doctor).await;
    let (keys, commitment) = world.enrol(0, "Mail Patient").await;
    let home = &world.places[0];
    let patient = home.sign_in(&keys).await;
    wants_mail(&patient, "Ada <b>Bo</b>", "ada@example.org").await;
    let author = home.sign_in(&doctor).await;
    upload(&author, &picture(commitment), "one").await;
    upload(&author, &picture(commitment), "two").await;

    until("the server was busy twice and has the mail", async || {
        // What is not due yet by the clock is made due: the rest doubles from fifteen seconds.
        make_due(home.node().hospital()).await;
        !server.arrived().is_empty()
    })
    .await;
    let arrived = server.arrived();
    assert_eq!(
        (server.refused(), arrived.len()),
        (2, 1),
        "one mail for both"
    );
    let mail = &arrived[0];
    assert!(mail.from.contains("<noreply@example.org>"));
    assert!(mail.to.contains("<ada@example.org>"));
    assert!(mail.data.contains("multipart/alternative"));
    assert!(mail.data.contains("text/plain") && mail.data.contains("text/html"));
    assert!(
        mail.data.contains("&lt;b&gt;Bo"),
        "a name is no markup: {}",
        mail.data
    );
    for word in ["Mail Patient", "ID-", "fracture", "chest", "1970", "story"] {
        assert!(!mail.data.contains(word), "{word} is in the mail");
    }
    until("it is forgotten once it is sent", async || {
        home.node().hospital().mails().await.unwrap().is_empty()
    })
    .await;
    assert_eq!(home.client().mails().await.unwrap_err().status(), Some(404));
}

/// Have every mail that waits tried again now.
async fn make_due(hospital: &custody::uses::hospital::Hospital) {
    let waiting = Query::of(Kind::Mail).state("queued");
    for mut held in hospital
        .store
        .readable::<custody::model::mail::Mail>(waiting)
        .await
        .unwrap()
    {
        held.document.due_at = 1;
        let mut batch = custody::model::document::Batch::new();
        batch.replace(&held).unwrap();
        // The node may have just sent it.
        let _ = hospital.store.write(&batch).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_for_good_is_given_up() {
    let server = Smtp::start(&["550 no such person"]).await;
    let smtp = format!("smtp://{}", server.address);
    let with_mail = |config: &mut node::Config| {
        config.mail.smtp = smtp.clone();
        config.mail.from = "noreply@example.org".into();
    };
    let Some(world) = World::with("mailno", 1, with_mail).await else {
        return;
    };
    world.admit_hospitals().await;
    let doctor = world.hire(0, "mailno doctor", Role::Doctor).await;
    let (keys, commitment) = world.enrol(0, "Mailno Patient").await;
    let home = &world.places[0];
    wants_mail(&home.sign_in(&keys).await, "", "gone@example.org").await;
    upload(&home.sign_in(&doctor).await, &picture(commitment), "one").await;
    until("it is given up", async || {
        let mails = home.node().hospital().mails().await.unwrap();
        mails.iter().any(|m| m.state == MailState::Failed)
    })
    .await;
    assert_eq!((server.refused(), server.arrived().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_cannot_be_is_named_at_the_start() {
    let wrong = |config: &mut node::Config| config.mail.smtp = "smtp://".into();
    let Some(mut world) = World::new("mailset", 1).await else {
        return;
    };
    let place = &mut world.places[0];
    place.stop().await;
    wrong(&mut place.config);
    let started = node::Node::start(place.config.clone(), place.keys.clone()).await;
    assert!(started.err().unwrap().to_string().contains("mail."));
}
