//! Documents that move by themselves: one job for each lifecycle.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use custody::model::error::Result;
use custody::uses::acts::carry::Acts;
use custody::uses::consent::grant::GrantDeliveries;
use custody::uses::consent::link::LinkExpiry;
use custody::uses::consent::request::RequestDeliveries;
use custody::uses::journal::copies::PageCopies;
use custody::uses::journal::foreign_log::EntryDeliveries;
use custody::uses::lifecycle::{Rounds, Runner};
use custody::uses::people::appointments::slot_expiry;
use custody::uses::people::mail::Mails;
use custody::uses::people::notices::notice_expiry;
use custody::uses::records::approve::Commits;
use custody::uses::records::erase::Erasures;
use custody::uses::records::upload::{DraftExpiry, SignedUploads};

use super::Job;
use crate::app::App;

/// Rest between two looks at acts under way, and at what waits for them.
const PULSE: Duration = Duration::from_millis(200);
/// Rest between two looks at acts when none is under way, though some may wait for a low fee or an
/// own transaction.
const IDLE: Duration = Duration::from_secs(2);
/// Rest between two rounds of what goes to other nodes, or leaves by mail.
const DELIVERY: Duration = Duration::from_secs(1);
/// Rest between two rounds of deleting what is over.
const TIDY: Duration = Duration::from_secs(60);

/// The jobs, one for each lifecycle.
pub(super) fn jobs(app: &App) -> Vec<Box<dyn Job>> {
    let mails = Mails {
        postman: app.postman(),
        keep: app.config().mail.demo_inbox,
    };
    let mut jobs: Vec<Box<dyn Job>> = vec![
        Box::new(Carrying::default()),
        paced(PULSE, Runner::new(Commits)),
        paced(DELIVERY, Runner::new(Erasures)),
        paced(DELIVERY, Runner::new(SignedUploads)),
        paced(DELIVERY, Runner::new(GrantDeliveries)),
        paced(DELIVERY, Runner::new(RequestDeliveries)),
        paced(DELIVERY, Runner::new(EntryDeliveries)),
        paced(DELIVERY, Runner::new(PageCopies::default())),
        paced(DELIVERY, Runner::new(mails)),
        paced(TIDY, Runner::new(DraftExpiry)),
        paced(TIDY, Runner::new(LinkExpiry)),
        paced(TIDY, slot_expiry()),
    ];
    let others = notice_expiry().into_iter().chain(crate::session::expiry());
    jobs.extend(others.map(|rounds| -> Box<dyn Job> { Box::new(Paced { rounds, rest: TIDY }) }));
    jobs
}

fn paced(rest: Duration, rounds: impl Rounds + 'static) -> Box<dyn Job> {
    let rounds = Box::new(rounds);
    Box::new(Paced { rounds, rest })
}

/// A lifecycle whose rounds follow each other after the same rest.
struct Paced {
    rounds: Box<dyn Rounds>,
    rest: Duration,
}

#[async_trait]
impl Job for Paced {
    fn name(&self) -> &'static str {
        self.rounds.name()
    }

    fn rest(&self) -> Duration {
        self.rest
    }

    async fn run(&self, app: &App) -> Result<()> {
        let counts = self.rounds.round(app.hospital()).await?;
        app.metrics().documents(self.rounds.name(), &counts);
        Ok(())
    }
}

/// Acts: looked at more often while one is under way, and at once when one was handed in.
struct Carrying {
    runner: Runner<Acts>,
    moving: AtomicBool,
}

impl Default for Carrying {
    fn default() -> Self {
        Self {
            runner: Runner::new(Acts::default()),
            moving: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl Job for Carrying {
    fn name(&self) -> &'static str {
        self.runner.name()
    }

    fn rest(&self) -> Duration {
        if self.moving.load(Ordering::Relaxed) {
            PULSE
        } else {
            IDLE
        }
    }

    async fn woken(&self, app: &App) {
        app.hospital().errands.notified().await;
    }

    async fn run(&self, app: &App) -> Result<()> {
        let counts = self.runner.round(app.hospital()).await?;
        let moving = counts.waiting + counts.failed;
        self.moving.store(moving > 0, Ordering::Relaxed);
        let count = |acts: u64| i64::try_from(acts).unwrap_or(i64::MAX);
        app.metrics().errands.set(count(counts.open()));
        app.metrics().resting.set(count(counts.resting));
        app.metrics().documents(self.runner.name(), &counts);
        Ok(())
    }
}
