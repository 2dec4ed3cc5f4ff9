use std::sync::Arc;

use alloy_primitives::B256;
use api::links::{LinkView, NewLink};
use api::log::Deed;
use client::session::{Client, ClientError, Session};
use custody::model::keys::KeyRing;
use custody::uses::consent::link::LinkExpiry;
use custody::uses::lifecycle::Runner;
use node::now;
use record::Role;

use crate::common::{PNG, Place, WAIT, World, approve, grant_of, picture, ring, until, upload};

fn code(result: Result<impl Sized, ClientError>) -> (u16, String) {
    let error = result.err().unwrap();
    let code = error.code().unwrap_or_default().to_owned();
    (error.status().unwrap_or(0), code)
}

fn refused(code: &str) -> (u16, String) {
    (403, code.to_owned())
}

/// A patient with one record, and a guest whose keys the patient made.
struct Scene {
    world: World,
    patient: Session,
    guest: Arc<KeyRing>,
    grant: B256,
}

async fn scene(test: &str) -> Option<Scene> {
    let demo = |config: &mut node::Config| config.mail.demo_inbox = true;
    let world = World::with(test, 1, demo).await?;
    world.admit_hospitals().await;
    let doctor = world.hire(0, &format!("{test} doctor"), Role::Doctor).await;
    let (keys, commitment) = world.enrol(0, &format!("{test} patient")).await;
    let home = &world.places[0];
    let author = home.sign_in(&doctor).await;
    upload(&author, &picture(commitment), "one").await;
    let patient = home.sign_in(&keys).await;
    let version = approve(&patient).await;
    // The guest has an account nowhere; the key is used as the patient's browser would.
    let guest = ring(&format!("{test} guest"));
    let new = grant_of(&version, guest.address(), &["image"]);
    let to = [(guest.address(), guest.sealing_public())];
    let view = patient
        .grant_to(new, &to, Default::default())
        .await
        .unwrap();
    patient.settle(view.act.unwrap(), WAIT).await.unwrap();
    Some(Scene {
        world,
        patient,
        guest,
        grant: view.grant,
    })
}

impl Scene {
    fn home(&self) -> &Place {
        &self.world.places[0]
    }

    async fn link(&self, views: u32, expires_at: u64) -> Result<LinkView, ClientError> {
        let email = "guest@example.org".to_owned();
        let grant = self.grant;
        let new = NewLink {
            grant,
            email,
            views,
            expires_at,
        };
        self.patient.make_link(&new).await
    }
}

/// The newest code that the node mailed.
async fn mailed_code(client: &Client, mails: usize) -> String {
    let found = client.mails().await.unwrap();
    assert_eq!(found.len(), mails, "{found:?}");
    let words = found[0].text.split_whitespace();
    let mut codes = words.filter(|w| w.len() == 6 && w.bytes().all(|b| b.is_ascii_digit()));
    codes.next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_opens_with_the_link_and_a_code_as_often_as_allowed() {
    let Some(scene) = scene("link").await else {
        return;
    };
    let (home, grant) = (scene.home(), scene.grant);
    let client = home.client();
    let link = scene.link(2, now() + 600).await.unwrap();
    assert_eq!(
        scene.link(2, link.expires_at).await.unwrap(),
        link,
        "one link for a grant"
    );
    let other = scene.link(9, now() + 60).await;
    assert_eq!(code(other), (409, "wrong_state".to_owned()));
    assert_eq!(
        scene.patient.links().await.unwrap(),
        std::slice::from_ref(&link)
    );

    // Without a code nothing is served, and a link that is not there looks like any other.
    let guest = home.sign_in(&scene.guest).await;
    assert_eq!(code(guest.open(grant).await), refused("not_confirmed"));
    client.send_code(B256::repeat_byte(7)).await.unwrap();
    assert!(client.mails().await.unwrap().is_empty());
    let spent = guest.confirm_link(link.link, "000000").await;
    assert_eq!(code(spent), refused("code_spent"), "none was sent");

    client.send_code(link.link).await.unwrap();
    client.send_code(link.link).await.unwrap();
    let right = mailed_code(&client, 1).await;
    let wrong = if right == "123456" {
        "654321"
    } else {
        "123456"
    };
    let attempt = guest.confirm_link(link.link, wrong).await;
    assert_eq!(code(attempt), refused("code_wrong"));
    // The code is the guest's alone.
    let stranger = home.sign_in(&ring("link stranger")).await;
    let attempt = stranger.confirm_link(link.link, &right).await;
    assert_eq!(code(attempt).0, 404);
    let confirmed = guest.confirm_link(link.link, &right).await.unwrap();
    assert_eq!((confirmed.grant, confirmed.views_left), (grant, 2));
    let again = guest.confirm_link(link.link, &right).await;
    assert_eq!(code(again), refused("code_spent"), "a code serves once");

    // Parts come after an open, not before; the same view serves all of them.
    let cid = {
        let opened = guest.open(grant).await.unwrap();
        let image = guest.read_granted(grant, &opened, "image").await.unwrap();
        assert_eq!(hex::encode(&*image), PNG);
        guest.read_granted(grant, &opened, "image").await.unwrap();
        opened.part("image").unwrap().cid.to_string()
    };
    // Another session of the same guest is another browser: it needs a code of its own.
    let other = home.sign_in(&scene.guest).await;
    assert_eq!(code(other.open(grant).await), refused("not_confirmed"));
    let part = other.sealed_granted(grant, &cid).await;
    assert_eq!(code(part), refused("not_confirmed"));

    guest.open(grant).await.unwrap();
    assert_eq!(code(guest.open(grant).await), refused("views_used_up"));
    let seen = scene.patient.links().await.unwrap().remove(0);
    assert_eq!((seen.views, seen.used), (2, 2));
    assert!(seen.last_view.is_some());
    let attempt = guest.confirm_link(link.link, &right).await;
    assert_eq!(code(attempt), refused("views_used_up"));

    // All of it is in the patient's trail, refusals too, and among the notices.
    let trail = scene.patient.trail().await.unwrap();
    let deeds = |deed| trail.iter().filter(|(_, entry)| entry.deed == deed).count();
    // Four opens and parts, and four codes: none sent, wrong, used, and too late.
    assert_eq!((deeds(Deed::Open), deeds(Deed::Refused)), (2, 8));
    let notices = scene.patient.notices("", 0).await.unwrap();
    let of = |kind: &str| notices.iter().filter(|n| n.kind == kind).count();
    // Several refusals for one reason are one notice: there were four reasons.
    assert_eq!((of("opened"), of("link_viewed"), of("refused")), (2, 2, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_ends_with_its_time_its_code_its_patient_or_its_grant() {
    let Some(scene) = scene("linkend").await else {
        return;
    };
    let (home, grant) = (scene.home(), scene.grant);
    let client = home.client();
    let invalid = (422, "invalid".to_owned());
    assert_eq!(code(scene.link(0, now() + 60).await), invalid, "no views");
    assert_eq!(
        code(scene.link(1, now() - 60).await),
        invalid,
        "over already"
    );
    assert_eq!(
        code(scene.link(1, now() + 999_999).await),
        invalid,
        "beyond the grant"
    );
    let elsewhere = NewLink {
        grant: B256::repeat_byte(1),
        email: "guest@example.org".into(),
        views: 1,
        expires_at: now() + 60,
    };
    assert_eq!(code(scene.patient.make_link(&elsewhere).await).0, 404);
    let nobody = NewLink {
        grant,
        email: "guest@example.org\r\nBcc: all@example.org".into(),
        ..elsewhere
    };
    assert_eq!(code(scene.patient.make_link(&nobody).await), invalid);

    let link = scene.link(5, now() + 3).await.unwrap();
    let guest = home.sign_in(&scene.guest).await;
    client.send_code(link.link).await.unwrap();
    let right = mailed_code(&client, 1).await;
    let wrong = if right == "123456" {
        "654321"
    } else {
        "123456"
    };
    for left in [true, true, true, true, false] {
        let expected = if left { "code_wrong" } else { "code_spent" };
        let attempt = guest.confirm_link(link.link, wrong).await;
        assert_eq!(code(attempt), refused(expected));
    }
    let attempt = guest.confirm_link(link.link, &right).await;
    assert_eq!(
        code(attempt),
        refused("code_spent"),
        "five attempts are all"
    );
    until("the link is over", async || now() > link.expires_at).await;
    let attempt = guest.confirm_link(link.link, &right).await;
    assert_eq!(code(attempt), refused("expired"));
    assert_eq!(code(guest.open(grant).await), refused("expired"));

    let over = Runner::new(LinkExpiry);
    over.round(home.node().hospital()).await.unwrap();
    let over = scene.patient.links().await.unwrap().remove(0);
    assert!(
        over.email.is_empty(),
        "the address is forgotten once the link is over"
    );
    let revoked = scene.patient.revoke_link(link.link).await.unwrap();
    assert!(revoked.revoked && revoked.email.is_empty());
    assert_eq!(code(guest.open(grant).await), refused("revoked"));
    let other = scene.world.enrol(0, "linkend other").await.0;
    let other = home.sign_in(&other).await;
    assert_eq!(code(other.revoke_link(link.link).await).0, 404);
    assert!(other.links().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_the_grant_ends_the_link_while_the_guest_looks() {
    let Some(scene) = scene("linkgrant").await else {
        return;
    };
    let (home, grant) = (scene.home(), scene.grant);
    let link = scene.link(5, now() + 600).await.unwrap();
    let guest = home.sign_in(&scene.guest).await;
    home.client().send_code(link.link).await.unwrap();
    let right = mailed_code(&home.client(), 1).await;
    guest.confirm_link(link.link, &right).await.unwrap();
    let opened = guest.open(grant).await.unwrap();
    scene.patient.revoke(grant).await.unwrap();
    let part = guest.read_granted(grant, &opened, "image").await;
    assert_eq!(code(part), refused("revoked"));
    assert_eq!(code(guest.open(grant).await), refused("revoked"));
    assert_eq!(scene.patient.links().await.unwrap()[0].used, 1);
    let late = NewLink {
        grant,
        email: "guest@example.org".into(),
        views: 1,
        expires_at: now() + 60,
    };
    let late = scene.patient.make_link(&late).await;
    assert_eq!(code(late), (409, "wrong_state".to_owned()));
}
