//! What goes on in the background: a list of jobs, each in a loop of its own that ends when it is
//! told to, between two runs that are each whole. A job that fails is repeated; no other waits for it.

mod blocks;
mod documents;
mod periodic;

use std::time::Duration;

use async_trait::async_trait;
use custody::model::error::Result;
use ledger::Relayer;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use blocks::guard;

use crate::app::App;

/// Something that is done again and again.
#[async_trait]
trait Job: Send + Sync {
    /// Its name, for logs.
    fn name(&self) -> &'static str;

    /// Rest before the next run.
    fn rest(&self) -> Duration;

    /// Ends a rest early; never, unless the job says otherwise.
    async fn woken(&self, _app: &App) {
        std::future::pending().await
    }

    /// Do it once.
    ///
    /// # Errors
    /// If it has to be repeated.
    async fn run(&self, app: &App) -> Result<()>;
}

/// Start every job.
pub(crate) fn start(app: &App, relayer: Relayer, stop: &CancellationToken) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let token = stop.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = relayer.run() => {}
            () = token.cancelled() => {}
        }
    });
    tasks.spawn(crate::fee_history::keep_current(app.clone(), stop.clone()));
    let jobs = documents::jobs(app).into_iter().chain(periodic::jobs(app));
    for job in jobs {
        tasks.spawn(repeat(job, app.clone(), stop.clone()));
    }
    tasks
}

/// Run a job after every rest. A run is never cut off: the node waits for it when it stops.
async fn repeat(job: Box<dyn Job>, app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(job.rest()) => {}
            () = job.woken(&app) => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = job.run(&app).await {
            tracing::warn!(job = job.name(), %error, "a background job will be repeated");
        }
    }
}
