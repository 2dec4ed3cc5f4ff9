//! A second opinion on a radiograph, made in memory and kept nowhere.
//!
//! The node knows no reader: a program that has one gives it as a [`ReadingEngine`]. Readings take
//! a processor for about a second, so they are made one after the other, a few wait, and whoever
//! comes after those is asked to come again.

use std::sync::Arc;

use api::readings::{Probability, ReadingView, Task};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// Readings that wait for the one under way.
const WAITING: usize = 4;

/// The largest image, bytes: a radiograph of 4,000 by 5,000 pixels and 16 bits has 40 MB.
pub(crate) const IMAGE_BYTES: u64 = 64 << 20;

/// What a reader found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The model's task.
    pub task: String,
    /// What ran the network.
    pub engine: String,
    /// The model's name and version.
    pub model: String,
    /// SHA-256 of its weights.
    pub model_sha256: String,
    /// SHA-256 of the file that was read.
    pub input_sha256: String,
    /// Calibrated probability of every class, in the model's order.
    pub probabilities: Vec<(String, f32)>,
    /// Probability of the finding, or of the most likely class.
    pub probability: Option<f32>,
    /// The operating point that the verdict rests on.
    pub threshold: Option<f32>,
    /// The class, or nothing if the model abstains.
    pub verdict: Option<String>,
    /// Why there is no verdict, in words.
    pub abstained: Option<String>,
    /// What a person should know beside the verdict.
    pub warnings: Vec<String>,
    /// The image with the places over it that the verdict rests on: a PNG.
    pub heatmap_png: Option<Vec<u8>>,
    /// How long it took.
    pub milliseconds: f64,
}

/// Why there is no reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReading {
    /// It is not an image that can be read.
    #[error("{0}")]
    NotAnImage(String),
    /// The image is too large.
    #[error("the image is larger than the reader takes in")]
    TooLarge,
    /// Too much waits already.
    #[error("the reader is busy")]
    Busy,
    /// The models are not there.
    #[error("{0}")]
    NoModel(String),
}

/// Something that reads radiographs.
pub trait ReadingEngine: Send + Sync {
    /// Read one image. Takes long and blocks.
    ///
    /// # Errors
    /// If the bytes are no radiograph that it can decode, or it has no model.
    fn read(&self, task: Task, image: Vec<u8>) -> Result<Finding, NoReading>;
}

impl From<Finding> for ReadingView {
    fn from(finding: Finding) -> Self {
        let size = finding.heatmap_png.as_deref().and_then(png_size);
        let (width, height) = size.unzip();
        let probabilities = finding.probabilities.into_iter();
        Self {
            certainty: certainty(finding.verdict.as_deref().and(finding.probability)).to_owned(),
            task: finding.task,
            engine: finding.engine,
            model: finding.model,
            model_sha256: finding.model_sha256,
            input_sha256: finding.input_sha256,
            probabilities: probabilities
                .map(|(label, p)| Probability { label, p })
                .collect(),
            probability: finding.probability,
            threshold: finding.threshold,
            verdict: finding.verdict,
            abstained: finding.abstained,
            warnings: finding.warnings,
            heatmap_png: finding.heatmap_png.map(|png| STANDARD.encode(png)),
            width,
            height,
            milliseconds: finding.milliseconds,
        }
    }
}

/// A probability in the words that radiologists use.
fn certainty(probability: Option<f32>) -> &'static str {
    match probability {
        None => "no verdict",
        Some(p) if p >= 0.9 => "very likely",
        Some(p) if p >= 0.7 => "likely",
        Some(p) if p > 0.3 => "uncertain",
        Some(p) if p > 0.1 => "unlikely",
        Some(_) => "very unlikely",
    }
}

/// Width and height of a PNG: the first two numbers of its first chunk.
fn png_size(png: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| -> Option<u32> {
        let bytes = png.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    Some((number(16)?, number(20)?))
}

/// The reader of a node, with its queue.
#[derive(Clone)]
pub(crate) struct Readings {
    engine: Option<Arc<dyn ReadingEngine>>,
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
}

/// A place in the queue.
pub(crate) struct Waiting {
    engine: Arc<dyn ReadingEngine>,
    turn: Arc<Semaphore>,
    place: OwnedSemaphorePermit,
}

impl Readings {
    pub(crate) fn new(engine: Option<Arc<dyn ReadingEngine>>) -> Self {
        Self {
            engine,
            places: Arc::new(Semaphore::new(1 + WAITING)),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Take a place in the queue, before the image is taken in.
    ///
    /// # Errors
    /// 501 without a reader, 503 if the queue is full.
    pub(crate) fn queue(&self) -> Result<Waiting, ApiError> {
        let Some(engine) = self.engine.clone() else {
            return Err(no_reader("this node was started without a reader"));
        };
        let place = self.places.clone().try_acquire_owned();
        Ok(Waiting {
            engine,
            turn: self.turn.clone(),
            place: place.map_err(|_| refused(NoReading::Busy))?,
        })
    }
}

impl Waiting {
    /// Wait for the turn, and read.
    ///
    /// # Errors
    /// If there is no reading.
    pub(crate) async fn read(self, task: Task, image: Vec<u8>) -> Result<ReadingView, ApiError> {
        let turn = self.turn.acquire_owned().await;
        let (engine, place) = (self.engine, self.place);
        // Place and turn go with the work: it goes on even if nobody waits for the answer any more.
        let work = tokio::task::spawn_blocking(move || {
            let finding = engine.read(task, image);
            drop((turn, place));
            finding
        });
        let finding = work.await.map_err(|error| {
            tracing::error!(%error, "a reading was broken off");
            let message = "the image could not be read";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            ApiError::new(
                status,
                "not_an_image",
                message,
                "export it again, and compare",
            )
        })?;
        finding.map(Into::into).map_err(refused)
    }
}

fn no_reader(why: &str) -> ApiError {
    ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        "no_reader",
        why,
        "use a `stele` built with the feature `reader`, and have its models where STELE_MODELS says",
    )
}

fn refused(why: NoReading) -> ApiError {
    let message = why.to_string();
    match why {
        NoReading::NotAnImage(_) => ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "not_an_image",
            message,
            "send a DICOM, PNG or JPEG file as it is, without a form around it",
        ),
        NoReading::TooLarge => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            message,
            "send an image of at most 64 MiB",
        ),
        NoReading::Busy => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "reader_busy",
            message,
            "wait as long as Retry-After says",
        )
        .retry_after(5),
        NoReading::NoModel(_) => no_reader(&message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Mutex, PoisonError};

    /// Begins when it is asked and ends when the test says so.
    struct Slow {
        begun: Mutex<Sender<()>>,
        go: Mutex<Receiver<()>>,
    }

    impl ReadingEngine for Slow {
        fn read(&self, _: Task, image: Vec<u8>) -> Result<Finding, NoReading> {
            let lock = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
            lock.send(()).unwrap();
            drop(lock);
            self.go.lock().unwrap().recv().unwrap();
            Err(NoReading::NotAnImage(format!("{} bytes", image.len())))
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_is_read_a_few_wait_and_the_rest_come_again() {
        let (begun, started) = channel();
        let (release, go) = channel();
        let slow = Slow {
            begun: Mutex::new(begun),
            go: Mutex::new(go),
        };
        let readings = Readings::new(Some(Arc::new(slow)));
        let jobs: Vec<_> = (0..=WAITING)
            .map(|size| {
                let place = readings.queue().unwrap();
                tokio::spawn(place.read(Task::Auto, vec![0; size]))
            })
            .collect();
        started.recv().unwrap();
        let refused = readings.queue().err().unwrap();
        assert_eq!(
            (refused.status.as_u16(), refused.retry_after),
            (503, Some(5))
        );
        // Only one has begun, however many wait.
        assert!(started.try_recv().is_err());
        for _ in 0..=WAITING {
            release.send(()).unwrap();
        }
        for job in jobs {
            assert_eq!(job.await.unwrap().unwrap_err().status.as_u16(), 422);
        }
        assert!(readings.queue().is_ok());
    }

    #[test]
    fn a_node_without_a_reader_says_so() {
        let error = Readings::new(None).queue().err().unwrap();
        assert_eq!(
            (error.status.as_u16(), error.body.error.as_str()),
            (501, "no_reader")
        );
    }

    #[test]
    fn an_abstention_has_no_certainty() {
        let mut finding = Finding {
            task: "chest".into(),
            engine: "native".into(),
            model: "m 1".into(),
            model_sha256: "00".into(),
            input_sha256: "11".into(),
            probabilities: vec![("normal".into(), 0.95)],
            probability: Some(0.95),
            threshold: None,
            verdict: None,
            abstained: Some("this is no radiograph".into()),
            warnings: Vec::new(),
            heatmap_png: None,
            milliseconds: 1.0,
        };
        let view = ReadingView::from(finding.clone());
        assert_eq!(view.certainty, "no verdict");
        assert_eq!(
            (view.model_sha256, view.input_sha256),
            ("00".into(), "11".into())
        );
        finding.verdict = Some("normal".into());
        assert_eq!(ReadingView::from(finding.clone()).certainty, "very likely");
        let mut png = vec![0; 24];
        png[19] = 7;
        png[23] = 9;
        finding.heatmap_png = Some(png);
        let view = ReadingView::from(finding);
        assert_eq!((view.width, view.height), (Some(7), Some(9)));
    }
}
