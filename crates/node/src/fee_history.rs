//! The history of fees, kept current in the background.
//!
//! Hours, days and the last good forecast lie in `fees/` under the data directory, in the form that
//! `stele forecast fetch` writes: a history that was fetched on another machine can be put there.

use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use forecast::fetch;
use forecast::fetch::{Hours, MAX_RUN, Plan};
use forecast::history::History;
use forecast::outlook::outlook;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::fee_model::model;
use crate::fees::LAST;

const HOURS: &str = "fees.hours.csv";
const DAYS: &str = "fees.csv";
/// Rest after a failure: an endpoint that is silent is not asked all the time.
const RETRY: Duration = Duration::from_secs(60);

const SILENT: &str = "the Ethereum endpoint does not answer, or not truthfully";
const UNWRITTEN: &str = "the history of fees cannot be read or written; see the node's log";

/// Read what is missing, forecast, rest; until the node stops.
pub(crate) async fn keep_current(app: App, stop: CancellationToken) {
    if !app.fees().forecasts() {
        return;
    }
    let rest = Duration::from_secs(app.fees().config.refresh_s.max(1));
    loop {
        let (worker, token) = (app.clone(), stop.clone());
        let runtime = Handle::current();
        let round = tokio::task::spawn_blocking(move || bring_up_to_date(&worker, runtime, token));
        let good = round.await.unwrap_or(false);
        let rest = if good { rest } else { rest.min(RETRY) };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// What can go wrong in a round: with the chain, or with the files.
enum Trouble {
    Chain(forecast::Error),
    Files(String),
}

/// One round; whether it was good.
fn bring_up_to_date(app: &App, runtime: Handle, stop: CancellationToken) -> bool {
    let outcome = refresh(app, runtime, &stop);
    if stop.is_cancelled() {
        return true;
    }
    let problem = match outcome {
        Ok(()) => None,
        Err(Trouble::Chain(error)) => {
            tracing::warn!(%error, "the history of fees is not up to date");
            Some(SILENT)
        }
        Err(Trouble::Files(error)) => {
            tracing::error!(error, "the history of fees cannot be kept");
            Some(UNWRITTEN)
        }
    };
    app.fees().learn(|known| {
        known.problem = problem;
        known.reading = None;
    });
    problem.is_none()
}

fn refresh(app: &App, runtime: Handle, stop: &CancellationToken) -> Result<(), Trouble> {
    let fees = app.fees();
    let folder = &fees.folder;
    let files = |error: io::Error| Trouble::Files(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(files)?;
    let mut hours = match File::open(folder.join(HOURS)) {
        Ok(file) => Hours::read(file).map_err(|e| Trouble::Files(e.to_string()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Hours::default(),
        Err(error) => return Err(files(error)),
    };
    let mut rpc = |method: &'static str, params: Value| {
        let asked = app.chain().read(method, params);
        let answer = runtime.block_on(async {
            tokio::select! {
                answer = asked => answer.map_err(|error| error.to_string()),
                () = stop.cancelled() => Err("the node stops".to_owned()),
            }
        });
        answer.map_err(|problem| forecast::Error::Down { method, problem })
    };
    let plan = Plan {
        days: fees.config.history_days,
        run: MAX_RUN,
    };
    let fetched = fetch::fetch(
        &mut rpc,
        &mut hours,
        plan,
        |hours| write_hours(hours, folder).map_err(|problem| forecast::Error::Resume { problem }),
        |done, of| fees.learn(|known| known.reading = Some((done, of))),
    );
    // What came before an error is kept as well: the next round goes on from there.
    write_hours(&hours, folder).map_err(Trouble::Files)?;
    let made = forecast_from(app, &hours);
    fetched.map_err(Trouble::Chain)?;
    made
}

/// A forecast from the days that are full, if they are enough.
fn forecast_from(app: &App, hours: &Hours) -> Result<(), Trouble> {
    let fees = app.fees();
    let files = |error: forecast::Error| Trouble::Files(error.to_string());
    let mut table = Vec::new();
    hours.write_days(&mut table).map_err(files)?;
    let Ok((history, _)) = History::read_csv(&*table) else {
        // A table without a single day is not a history yet.
        fees.learn(|known| known.days = 0);
        return Ok(());
    };
    let trained = model(&fees.config.model).map_err(Trouble::Files)?;
    let made = match outlook(&history, &trained, crate::now()) {
        Ok(made) => Some(made),
        Err(forecast::Error::TooShort { .. }) => None,
        Err(error) => return Err(files(error)),
    };
    if let Some(made) = &made {
        let text = serde_json::to_vec(made).map_err(|e| Trouble::Files(e.to_string()))?;
        write_whole(&fees.folder.join(LAST), &text).map_err(Trouble::Files)?;
    }
    fees.learn(|known| {
        known.days = history.days().len();
        // The last good forecast stays until there is a better one.
        known.outlook = made.or_else(|| known.outlook.take());
    });
    Ok(())
}

fn write_hours(hours: &Hours, folder: &Path) -> Result<(), String> {
    let mut text = Vec::new();
    hours.write(&mut text).map_err(|e| e.to_string())?;
    write_whole(&folder.join(HOURS), &text)?;
    text.clear();
    hours.write_days(&mut text).map_err(|e| e.to_string())?;
    write_whole(&folder.join(DAYS), &text)
}

/// Write a file so that it is there whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let part = path.with_extension("part");
    let mut file = File::create(&part).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)
}
