//! Many uploads, one copy of the models: a queue that holds a bounded number of bytes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::{Options, Outcome, first_that_knows};
use crate::model::LoadedModel;
use crate::{Error, Refused};

/// What the queue may hold.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Uploads that wait, at most.
    pub jobs: usize,
    /// Bytes of all uploads that wait or are being read, at most.
    pub bytes: usize,
}

impl Default for Bounds {
    /// 256 uploads, 128 MiB.
    fn default() -> Self {
        Self {
            jobs: 256,
            bytes: 128 << 20,
        }
    }
}

/// An upload that waits for its reading.
#[derive(Debug)]
pub struct Ticket(Receiver<Result<Outcome, Error>>);

impl Ticket {
    /// Wait for the reading (blocks: call it where blocking is allowed).
    ///
    /// # Errors
    /// As [`predict`](super::predict); also when the queue was dropped before the upload's turn came.
    pub fn wait(self) -> Result<Outcome, Error> {
        self.0.recv().unwrap_or_else(|_| {
            Err(Error::Input(
                "the reader stopped before this image's turn".into(),
            ))
        })
    }
}

struct Job {
    name: String,
    bytes: Vec<u8>,
    options: Options,
    answer: SyncSender<Result<Outcome, Error>>,
    held: Held,
}

/// Bytes that count against the bound until this is dropped.
struct Held {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Held {
    fn take(bytes: usize, all: &Arc<AtomicUsize>, bound: usize) -> Option<Self> {
        let more = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= bound);
        all.fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .ok()?;
        Some(Self {
            bytes,
            all: Arc::clone(all),
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// One worker thread that owns the turn-taking for the models; the network itself uses all cores.
pub struct Queue {
    sender: Option<SyncSender<Job>>,
    held: Arc<AtomicUsize>,
    bounds: Bounds,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl Queue {
    /// Start the worker. It shares the models with whoever else holds them; the first that knows an
    /// image answers.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(models: Arc<[LoadedModel]>, bounds: Bounds) -> Result<Self, Error> {
        Self::with(bounds, move |name, bytes, options| {
            first_that_knows(models.iter(), name, bytes, options).map(|(outcome, _)| outcome)
        })
    }

    fn with(
        bounds: Bounds,
        read: impl Fn(&str, &[u8], &Options) -> Result<Outcome, Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let (sender, jobs) = sync_channel::<Job>(bounds.jobs);
        let work = move || {
            for job in jobs {
                let outcome = read(&job.name, &job.bytes, &job.options);
                drop((job.bytes, job.held));
                // Who asked may have gone away meanwhile.
                let _ = job.answer.send(outcome);
            }
        };
        let worker = std::thread::Builder::new()
            .name("reader".into())
            .spawn(work)
            .map_err(|e| Error::Input(format!("no thread for the reader: {e}")))?;
        Ok(Self {
            sender: Some(sender),
            held: Arc::default(),
            bounds,
            worker: Mutex::new(Some(worker)),
        })
    }

    /// Bytes that wait or are being read.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    /// Take an upload in; never blocks.
    ///
    /// # Errors
    /// [`Refused`], so that the caller can say "try again" instead of running out of memory.
    pub fn submit(&self, name: &str, bytes: Vec<u8>, options: Options) -> Result<Ticket, Refused> {
        if bytes.len() > self.bounds.bytes {
            return Err(Refused::TooLarge);
        }
        let sender = self.sender.as_ref().ok_or(Refused::Stopped)?;
        let held = Held::take(bytes.len(), &self.held, self.bounds.bytes).ok_or(Refused::Busy)?;
        let (answer, ticket) = sync_channel(1);
        let job = Job {
            name: name.to_owned(),
            bytes,
            options,
            answer,
            held,
        };
        match sender.try_send(job) {
            Ok(()) => Ok(Ticket(ticket)),
            Err(TrySendError::Full(_)) => Err(Refused::Busy),
            Err(TrySendError::Disconnected(_)) => Err(Refused::Stopped),
        }
    }
}

impl Drop for Queue {
    /// Finish what was taken in, then end the worker.
    fn drop(&mut self) {
        self.sender = None;
        if let Ok(mut worker) = self.worker.lock()
            && let Some(worker) = worker.take()
        {
            // A worker that panicked has answered nobody since; there is nothing left to do for it.
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("held", &self.held())
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// A hundred uploads of 30 "MB" against a bound of four: the bytes held never exceed it, those
    /// turned away are told so, and all that were taken in are answered.
    #[test]
    fn uploads_do_not_add_up() {
        let (open, gate) = channel::<()>();
        let gate = Mutex::new(gate);
        let read = move |_: &str, _: &[u8], _: &Options| -> Result<Outcome, Error> {
            gate.lock().ok().and_then(|g| g.recv().ok());
            Err(Error::Input("read".into()))
        };
        let bounds = Bounds {
            jobs: 100,
            bytes: 120_000,
        };
        let queue = Queue::with(bounds, read).unwrap();
        let (mut tickets, mut busy) = (Vec::new(), 0);
        for _ in 0..100 {
            match queue.submit("x", vec![0; 30_000], Options::default()) {
                Ok(ticket) => tickets.push(ticket),
                Err(refused) => {
                    assert_eq!(refused, Refused::Busy);
                    busy += 1;
                }
            }
            assert!(queue.held() <= bounds.bytes);
        }
        assert_eq!((tickets.len(), busy), (4, 96));
        (0..4).for_each(|_| open.send(()).unwrap());
        for ticket in tickets {
            assert_eq!(ticket.wait().unwrap_err().to_string(), "read");
        }
        assert_eq!(queue.held(), 0);
        assert_eq!(
            queue
                .submit("x", vec![0; 120_001], Options::default())
                .unwrap_err(),
            Refused::TooLarge
        );
    }
}
