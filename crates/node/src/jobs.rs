//! What goes on in the background: each job is a loop that ends when it is told to, between two
//! steps that are each whole.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use api::log::Deed;
use custody::model::log_entry::Entry;
use custody::uses::acts::carry::Open;
use custody::uses::hospital::Hospital;
use ledger::Relayer;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Rest between two looks at acts under way.
const PULSE: Duration = Duration::from_millis(200);
/// Rest between two looks at acts when none is under way, though some may wait for a low fee or an
/// own transaction.
const IDLE: Duration = Duration::from_secs(2);
/// Rest between two attempts to bring something to another node.
const DELIVERY: Duration = Duration::from_secs(1);
/// Rest between two rounds of tidying up.
const TIDY: Duration = Duration::from_secs(60);
/// Blocks that are asked of each replica per round.
const SAMPLE: usize = 8;

/// Start every job.
pub(crate) fn start(app: &App, relayer: Relayer, stop: &CancellationToken) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    let token = stop.clone();
    jobs.spawn(async move {
        tokio::select! {
            () = relayer.run() => {}
            () = token.cancelled() => {}
        }
    });
    jobs.spawn(until(stop.clone(), errands(app.clone())));
    jobs.spawn(every(stop.clone(), DELIVERY, app.clone(), deliver));
    jobs.spawn(every(stop.clone(), DELIVERY, app.clone(), mails));
    jobs.spawn(every(stop.clone(), DELIVERY, app.clone(), pages));
    jobs.spawn(every(stop.clone(), TIDY, app.clone(), tidy));
    jobs.spawn(crate::fee_history::keep_current(app.clone(), stop.clone()));
    let anchor = app.config().anchor_every_s;
    if anchor > 0 {
        jobs.spawn(every(
            stop.clone(),
            Duration::from_secs(anchor),
            app.clone(),
            anchor_log,
        ));
    }
    let challenge = app.config().challenge_every_s;
    if challenge > 0 {
        jobs.spawn(every(
            stop.clone(),
            Duration::from_secs(challenge),
            app.clone(),
            guard,
        ));
    }
    jobs
}

async fn until(stop: CancellationToken, job: impl Future<Output = ()>) {
    tokio::select! {
        () = job => {}
        () = stop.cancelled() => {}
    }
}

/// Run `step` after every rest. A step is never cut off: the node waits for it when it stops.
async fn every<F, S>(stop: CancellationToken, rest: Duration, app: App, step: S)
where
    F: Future<Output = custody::model::error::Result<()>>,
    S: Fn(App) -> F,
{
    loop {
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = step(app.clone()).await {
            tracing::warn!(%error, "a background job will be repeated");
        }
    }
}

async fn errands(app: App) {
    let hospital = app.hospital();
    let mut open = Open::default();
    loop {
        let rest = if open.moving > 0 { PULSE } else { IDLE };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = hospital.errands.notified() => {}
        }
        match carry(hospital).await {
            Ok(left) => open = left,
            Err(error) => tracing::warn!(%error, "acts will be looked at again"),
        }
        let count = |acts: usize| i64::try_from(acts).unwrap_or(i64::MAX);
        app.metrics().errands.set(count(open.moving + open.resting));
        app.metrics().resting.set(count(open.resting));
    }
}

async fn carry(hospital: &Arc<Hospital>) -> custody::model::error::Result<Open> {
    let open = hospital.run_errands().await?;
    hospital.settle_commits().await?;
    hospital.settle_erasures().await?;
    Ok(open)
}

async fn deliver(app: App) -> custody::model::error::Result<()> {
    let hospital = app.hospital();
    hospital.settle_grants().await?;
    hospital.settle_requests().await?;
    hospital.settle_touches().await?;
    hospital.settle_uploads().await
}

async fn pages(app: App) -> custody::model::error::Result<()> {
    app.hospital().spread_pages().await
}

async fn mails(app: App) -> custody::model::error::Result<()> {
    let keep = app.config().mail.demo_inbox;
    app.hospital()
        .deliver_mails(app.postman(), keep)
        .await
        .map(|_| ())
}

async fn tidy(app: App) -> custody::model::error::Result<()> {
    let hospital = app.hospital();
    hospital.expire_drafts().await?;
    hospital.expire_links().await?;
    hospital.expire_slots().await?;
    hospital.expire_notices().await?;
    crate::session::expire(hospital.store.as_ref(), crate::now()).await?;
    if hospital.store.wants_snapshot().await? {
        hospital.store.snapshot().await?;
    }
    hospital.state_own_key().await
}

async fn anchor_log(app: App) -> custody::model::error::Result<()> {
    app.hospital().anchor().await.map(|_| ())
}

/// Look for lost and altered blocks, here and at the replicas, name them in the log, and restore
/// them from whoever has them.
pub(crate) async fn guard(app: App) -> custody::model::error::Result<()> {
    let hospital = app.hospital();
    let replicator = &hospital.replicator;
    let (verified, mut repairs) = replicator.repair_own().await?;
    let here = hospital.address();
    let entry = |deed: Deed, detail: String| Entry::new(deed, hospital.now(), here).detail(detail);
    for block in &verified.damaged {
        app.metrics().damaged.inc();
        tracing::error!(%block, "a stored block was altered");
        hospital
            .touch(entry(Deed::Damage, format!("{block} here")))
            .await?;
    }
    let findings = replicator
        .audit(&mut custody::ports::random::rng(), SAMPLE)
        .await?;
    for finding in &findings {
        app.metrics().damaged.inc();
        tracing::error!(
            finding = describe(finding),
            "a replica is not as it should be"
        );
        hospital
            .touch(entry(Deed::Damage, describe(finding)))
            .await?;
    }
    repairs.extend(
        replicator
            .repair(&mut custody::ports::random::rng(), &findings)
            .await?,
    );
    for repair in &repairs {
        app.metrics().repaired.inc();
        hospital
            .touch(entry(Deed::Repair, repair.to_string()))
            .await?;
    }
    replicator.heal().await?;
    Ok(())
}

fn describe(finding: &vault::replicate::Finding) -> String {
    let block = finding.block.unwrap_or(finding.root);
    format!(
        "{}: block {block} held by {}",
        finding.fault, finding.holder
    )
}
