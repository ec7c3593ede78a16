//! Reader threads, each with its own connection. They never wait for the writer, nor it for them. A read that nobody
//! waits for any more is not begun, and one that is under way is interrupted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::{Semaphore, oneshot};

use super::Connection;
use crate::error::Error;

/// Threads that read.
const THREADS: usize = 4;
/// Reads that may wait for a thread; one more waits at its caller.
const MAX_WAITING: usize = 1024;

struct Job {
    run: Box<dyn FnOnce(&Connection) + Send>,
    abandoned: Abandoned,
}

/// The readers.
pub(crate) struct Readers {
    jobs: Sender<Job>,
    places: Arc<Semaphore>,
}

impl Readers {
    /// Starts the threads, each of which opens its connection itself.
    pub(crate) async fn start(
        open: impl Fn() -> Result<Connection, Error> + Clone + Send + 'static,
    ) -> Result<Self, Error> {
        let (jobs, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for index in 0..THREADS {
            let (open, receiver) = (open.clone(), Arc::clone(&receiver));
            let (opened, is_open) = oneshot::channel();
            thread::Builder::new().name(format!("catalog-read-{index}")).spawn(move || match open() {
                Ok(connection) => {
                    drop(opened.send(Ok(())));
                    work(connection, &receiver);
                }
                Err(error) => drop(opened.send(Err(error))),
            })?;
            is_open.await.map_err(|_| Error::Closed)??;
        }
        Ok(Self { jobs, places: Arc::new(Semaphore::new(THREADS + MAX_WAITING)) })
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _place = self.places.acquire().await.map_err(|_| Error::Closed)?;
        let (answer, answered) = oneshot::channel();
        let abandoned = Abandoned::default();
        let run = Box::new(move |connection: &Connection| drop(answer.send(job(connection))));
        let _waited_for = WaitedFor(Arc::clone(&abandoned));
        self.jobs.send(Job { run, abandoned }).map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }
}

/// Whether nobody waits for a read any more.
type Abandoned = Arc<AtomicBool>;

/// Somebody waits for a read.
struct WaitedFor(Abandoned);

impl Drop for WaitedFor {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Takes one job after another until the catalog is gone. The lock is held only while waiting for a job.
fn work(mut connection: Connection, receiver: &Mutex<Receiver<Job>>) {
    let present: Arc<Mutex<Abandoned>> = Arc::default();
    let looked_at = Arc::clone(&present);
    let is_abandoned = move || lock(&looked_at).load(Ordering::Relaxed);
    connection.interrupt_when(is_abandoned);
    loop {
        let job = lock(receiver).recv();
        let Ok(Job { run, abandoned }) = job else { return };
        if !abandoned.load(Ordering::Relaxed) {
            *lock(&present) = abandoned;
            run(&connection);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::{postgres, sqlite};
    use super::*;
    use causeway_testkit::database::Database;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    /// Counts far longer than any test lasts.
    const ENDLESS: &str =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

    fn endless(connection: &Connection) -> Result<i64, Error> {
        Ok(connection.prepare_cached(ENDLESS)?.query_row([], |row| row.get(0))?)
    }

    fn one(connection: &Connection) -> Result<i64, Error> {
        Ok(connection.prepare_cached("SELECT 1")?.query_row([], |row| row.get(0))?)
    }

    async fn on_sqlite() -> Readers {
        Readers::start(|| Ok(sqlite::in_memory())).await.unwrap()
    }

    async fn on_postgres() -> Option<Readers> {
        let database = Database::fresh().unwrap()?;
        let server = postgres::Server::parse(&database.url()).unwrap();
        Some(Readers::start(move || postgres::Connection::to_read(&server)).await.unwrap())
    }

    async fn leave_the_threads_to_others(readers: &Readers) {
        for _ in 0..3 {
            // As many as there are threads, and as many again that wait.
            let mut abandoned: Vec<_> = (0..2 * THREADS).map(|_| Box::pin(readers.run(endless))).collect();
            for read in &mut abandoned {
                assert!(read.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            drop(abandoned);
            assert_eq!(readers.run(one).await.unwrap(), 1);
        }
    }

    async fn leave_the_next_alone(readers: &Readers) {
        for _ in 0..200 {
            {
                let mut short = pin!(readers.run(|connection| {
                    let sql =
                        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                               SELECT count(*) FROM n";
                    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get::<i64>(0))?)
                }));
                let _ = short.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
            assert_eq!(readers.run(one).await.unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn reads_that_nobody_waits_for_leave_the_threads_to_others() {
        leave_the_threads_to_others(&on_sqlite().await).await;
        if let Some(readers) = on_postgres().await {
            leave_the_threads_to_others(&readers).await;
        }
    }

    #[tokio::test]
    async fn interrupting_one_read_leaves_the_next_alone() {
        leave_the_next_alone(&on_sqlite().await).await;
        if let Some(readers) = on_postgres().await {
            leave_the_next_alone(&readers).await;
        }
    }
}
