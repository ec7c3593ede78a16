//! The writer: one thread, one connection, many callers. Whoever asks while a commit is under way shares the next
//! one; a savepoint around each keeps one caller's failure from another's work.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tokio::sync::{Semaphore, oneshot};

use super::commits::{Commit, Witness};
use super::failure::Failure;
use super::{Connection, Durability};
use crate::error::Error;

/// Callers that may wait for the writer; one more waits at its caller.
const MAX_WAITING: usize = 4096;
/// Most callers that share one commit.
const MAX_BATCH: usize = 512;

/// What a job leaves behind: whether its changes stay, and whom to tell once the commit is done.
struct Ran {
    keep: bool,
    answer: Answer,
}

type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;
/// Runs on the connection, or, without one, only says whom to tell.
type Job = Box<dyn FnOnce(Option<&Connection>) -> Ran + Send>;

struct Write {
    durability: Durability,
    job: Job,
}

/// The writer's face.
pub(crate) struct Writer {
    writes: Sender<Write>,
    places: Arc<Semaphore>,
    witness: Witness,
}

impl Writer {
    /// Starts the thread, which opens its connection itself.
    pub(crate) async fn start(
        open: impl FnOnce() -> Result<Connection, Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let (writes, receiver) = channel();
        let (opened, is_open) = oneshot::channel();
        let witness = Witness::default();
        let of_thread = witness.clone();
        thread::Builder::new().name("catalog-write".to_owned()).spawn(move || match open() {
            Ok(connection) => {
                drop(opened.send(Ok(())));
                WriterThread { connection, witness: of_thread }.run(&receiver);
            }
            Err(error) => drop(opened.send(Err(error))),
        })?;
        is_open.await.map_err(|_| Error::Closed)??;
        Ok(Self { writes, places: Arc::new(Semaphore::new(MAX_WAITING)), witness })
    }

    /// Who decides what becomes of commits.
    pub(crate) const fn witness(&self) -> &Witness {
        &self.witness
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        durability: Durability,
        job: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _place = self.places.acquire().await.map_err(|_| Error::Closed)?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let run = |connection: &Connection| {
                let done = job(connection);
                // What a job that failed left on its way is nobody else's.
                let flushed = connection.flush();
                let done = done?;
                flushed?;
                Ok(done)
            };
            let result = connection.map_or(Err(Error::Database(Failure::Transaction)), run);
            let keep = result.is_ok();
            let answer: Answer = Box::new(move |committed| drop(answer.send(committed.and(result))));
            Ran { keep, answer }
        });
        self.writes.send(Write { durability, job }).map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }
}

struct WriterThread {
    connection: Connection,
    witness: Witness,
}

impl WriterThread {
    fn run(self, receiver: &Receiver<Write>) {
        while let Ok(first) = receiver.recv() {
            let mut batch = vec![first];
            batch.extend(receiver.try_iter().take(MAX_BATCH - 1));
            let is_full = batch.len() == MAX_BATCH;
            self.commit(batch);
            self.connection.tidy_up(is_full);
        }
        // The last connection to close moves the log of a file into it by itself.
    }

    /// One transaction for all of `batch`, then every answer.
    fn commit(&self, batch: Vec<Write>) {
        let synced = batch.iter().any(|write| write.durability == Durability::Synced);
        let wanted = if synced { Durability::Synced } else { Durability::Replayable };
        let mut answers = Vec::with_capacity(batch.len());
        let committed = self.transact(wanted, batch, &mut answers);
        for answer in answers {
            answer(committed.as_ref().copied().map_err(|failure| Error::Database(failure.again())));
        }
    }

    fn transact(
        &self,
        wanted: Durability,
        batch: Vec<Write>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        if !self.run_jobs(wanted, batch, answers)? {
            return self.connection.control("ROLLBACK");
        }
        let fate = self.witness.fate();
        let committed = match fate {
            Commit::Undone => Err(Failure::Transaction),
            Commit::Done | Commit::Untold => self.connection.control("COMMIT"),
        };
        committed.inspect_err(|_| {
            let _ = self.connection.control("ROLLBACK");
        })?;
        if fate == Commit::Untold { Err(Failure::Transaction) } else { Ok(()) }
    }

    /// Begins a transaction and runs the jobs in it; says whether anything of it is to stay.
    fn run_jobs(
        &self,
        wanted: Durability,
        batch: Vec<Write>,
        answers: &mut Vec<Answer>,
    ) -> Result<bool, Failure> {
        let is_alone = batch.len() == 1;
        let mut going = self.connection.begin(wanted).map(|()| true);
        for write in batch {
            going = match going {
                Err(failure) => {
                    answers.push((write.job)(None).answer);
                    Err(failure)
                }
                // The transaction is its savepoint.
                Ok(_) if is_alone => {
                    let ran = (write.job)(Some(&self.connection));
                    answers.push(ran.answer);
                    Ok(ran.keep)
                }
                Ok(_) => self.savepoint(write.job, answers).map(|()| true).inspect_err(|_| {
                    let _ = self.connection.control("ROLLBACK");
                }),
            };
        }
        going
    }

    fn savepoint(&self, job: Job, answers: &mut Vec<Answer>) -> Result<(), Failure> {
        let begun = self.connection.control("SAVEPOINT one");
        let ran = job(begun.is_ok().then_some(&self.connection));
        answers.push(ran.answer);
        begun?;
        if !ran.keep {
            self.connection.control("ROLLBACK TO one")?;
        }
        self.connection.control("RELEASE one")
    }
}
