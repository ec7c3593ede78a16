//! Reader threads, each with its own connection. They never wait for the writer, nor it for them.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, oneshot};

use super::connect;
use crate::error::Error;

/// Threads that read.
const THREADS: usize = 4;
/// Reads that may wait for a thread; one more waits at its caller.
const MAX_WAITING: usize = 1024;

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The readers.
pub(crate) struct Readers {
    jobs: Sender<Job>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn start(path: &Path) -> Result<Self, Error> {
        let (jobs, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for index in 0..THREADS {
            let connection = open(path.to_owned())?;
            let receiver = Arc::clone(&receiver);
            thread::Builder::new()
                .name(format!("catalog-read-{index}"))
                .spawn(move || work(&connection, &receiver))?;
        }
        Ok(Self { jobs, places: Arc::new(Semaphore::new(THREADS + MAX_WAITING)) })
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _place = self.places.acquire().await.map_err(|_| Error::Closed)?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| drop(answer.send(job(connection))));
        self.jobs.send(job).map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }
}

fn open(path: PathBuf) -> Result<Connection, Error> {
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Takes one job after another until the catalog is gone. The lock is held only while waiting for a job.
fn work(connection: &Connection, receiver: &Mutex<Receiver<Job>>) {
    loop {
        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(connection),
            Err(_) => return,
        }
    }
}
