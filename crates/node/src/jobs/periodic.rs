//! What is done from time to time, whatever the documents say.

use std::time::Duration;

use async_trait::async_trait;
use custody::model::error::Result;

use super::Job;
use super::blocks::guard;
use crate::app::App;

/// Rest between two looks at the journal and the own key.
const TIDY: Duration = Duration::from_secs(60);

/// The jobs that the configuration asks for.
pub(super) fn jobs(app: &App) -> Vec<Box<dyn Job>> {
    let config = app.config();
    let mut jobs: Vec<Box<dyn Job>> = vec![Box::new(Snapshot), Box::new(OwnKey)];
    if config.anchor_every_s > 0 {
        jobs.push(Box::new(Anchor(Duration::from_secs(config.anchor_every_s))));
    }
    if config.challenge_every_s > 0 {
        let rest = Duration::from_secs(config.challenge_every_s);
        jobs.push(Box::new(Challenges(rest)));
    }
    jobs
}

/// A snapshot of the journal, once enough pages have gathered.
struct Snapshot;

#[async_trait]
impl Job for Snapshot {
    fn name(&self) -> &'static str {
        "snapshot"
    }

    fn rest(&self) -> Duration {
        TIDY
    }

    async fn run(&self, app: &App) -> Result<()> {
        let journal = &app.hospital().store;
        if journal.wants_snapshot().await? {
            journal.snapshot().await?;
        }
        Ok(())
    }
}

/// The institution's own key, stated and anchored.
struct OwnKey;

#[async_trait]
impl Job for OwnKey {
    fn name(&self) -> &'static str {
        "own_key"
    }

    fn rest(&self) -> Duration {
        TIDY
    }

    async fn run(&self, app: &App) -> Result<()> {
        app.hospital().state_own_key().await
    }
}

/// A checkpoint of the log, anchored.
struct Anchor(Duration);

#[async_trait]
impl Job for Anchor {
    fn name(&self) -> &'static str {
        "anchor"
    }

    fn rest(&self) -> Duration {
        self.0
    }

    async fn run(&self, app: &App) -> Result<()> {
        app.hospital().anchor().await.map(|_| ())
    }
}

/// Challenges to those who keep copies, and repairs.
struct Challenges(Duration);

#[async_trait]
impl Job for Challenges {
    fn name(&self) -> &'static str {
        "challenges"
    }

    fn rest(&self) -> Duration {
        self.0
    }

    async fn run(&self, app: &App) -> Result<()> {
        guard(app).await
    }
}
