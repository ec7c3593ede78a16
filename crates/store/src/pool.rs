//! Named threads for work that blocks, with a bounded queue: the async side waits for a place, never blocks. The
//! disk's work here, and whatever else would hold up an async thread elsewhere.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{Semaphore, oneshot};

use crate::error::Error;

type Job = Box<dyn FnOnce() + Send>;

/// A pool of threads. They end when it is dropped and their work is done.
pub struct Pool {
    jobs: Sender<Job>,
    places: Arc<Semaphore>,
}

impl Pool {
    /// Starts `threads` threads called `name`, with room for `queued` waiting jobs.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn new(name: &str, threads: usize, queued: usize) -> Result<Self, Error> {
        let (jobs, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for index in 0..threads {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new()
                .name(format!("{name}-{index}"))
                .spawn(move || work(&receiver))
                .map_err(|source| Error::Disk { operation: "starting a thread".to_owned(), source })?;
        }
        Ok(Self { jobs, places: Arc::new(Semaphore::new(threads + queued)) })
    }

    /// Runs `job` on one of the threads. When the caller goes away, the job runs all the same.
    ///
    /// # Errors
    /// When the job gave no answer, because it panicked.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        self.submit(move || drop(answer.send(job()))).await?;
        answered.await.map_err(|_| Error::Closed)
    }

    /// Runs `job` if there is a place for it now; whoever is given the answer need not wait for it to keep others
    /// going.
    pub(crate) fn try_run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<impl Future<Output = Result<T, Error>> + Send + 'static> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            drop(answer.send(job()));
            drop(place);
        });
        self.jobs.send(job).ok()?;
        Some(async move { answered.await.map_err(|_| Error::Closed) })
    }

    /// Hands `job` over; how it ends is the job's own to say.
    pub(crate) async fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Error::Closed)?;
        let job = Box::new(move || {
            job();
            drop(place);
        });
        self.jobs.send(job).map_err(|_| Error::Closed)
    }
}

/// Takes one job after another until the pool is gone. The lock is held only while waiting for a job.
fn work(receiver: &Mutex<Receiver<Job>>) {
    loop {
        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn jobs_run_and_answer() {
        let pool = Pool::new("test", 2, 1).unwrap();
        assert_eq!(pool.run(|| 6 * 7).await.unwrap(), 42);
    }

    #[tokio::test]
    async fn a_job_whose_caller_went_away_runs_all_the_same() {
        let pool = Pool::new("test", 1, 4).unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let call = pool.run(move || counted.fetch_add(1, Ordering::SeqCst));
        // Polled once, so that the job is handed over, then dropped.
        let _ = futures_util::FutureExt::now_or_never(call);
        pool.run(|| ()).await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_job_for_which_there_is_no_place_is_not_taken() {
        let pool = Pool::new("test", 1, 0).unwrap();
        let (release, gate) = channel::<()>();
        let first = pool.try_run(move || gate.recv().unwrap_or_default()).unwrap();
        assert!(pool.try_run(|| ()).is_none());
        release.send(()).unwrap();
        first.await.unwrap();
    }

    #[tokio::test]
    async fn a_full_queue_makes_the_next_caller_wait() {
        let pool = Pool::new("test", 1, 1).unwrap();
        let (release, gate) = channel::<()>();
        pool.submit(move || gate.recv().unwrap_or_default()).await.unwrap();
        pool.submit(|| ()).await.unwrap();
        assert!(futures_util::FutureExt::now_or_never(pool.submit(|| ())).is_none());
        release.send(()).unwrap();
        pool.submit(|| ()).await.unwrap();
    }
}
