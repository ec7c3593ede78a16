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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Server};

    const KEEP: &str = "INSERT INTO tombstone (uid, deleted_at) VALUES (?1, 0)";

    /// An engine on each database that there is, and what its file is in.
    async fn engines() -> Vec<(Engine, tempfile::TempDir)> {
        let folder = || tempfile::tempdir().unwrap();
        let of_file = folder();
        let mut all = vec![(Engine::open(&of_file.path().join("catalog.db")).await.unwrap(), of_file)];
        if let Some(database) = causeway_testkit::database::Database::fresh().unwrap() {
            let server = Server::parse(&database.url()).unwrap();
            all.push((Engine::connect(server).await.unwrap(), folder()));
        }
        all
    }

    fn keep(connection: &Connection, uid: &str) -> Result<(), Error> {
        Ok(connection.prepare_cached(KEEP)?.send([uid])?)
    }

    async fn kept(engine: &Engine) -> Vec<String> {
        let all = engine.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT uid FROM tombstone ORDER BY uid")?;
            Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        });
        all.await.unwrap()
    }

    #[tokio::test]
    async fn of_a_job_that_fails_nothing_stays_whether_it_is_alone_or_not() {
        for (engine, _folder) in engines().await {
            let write = |uid: &'static str, fails: bool| {
                engine.write(Durability::Synced, move |connection| {
                    keep(connection, uid)?;
                    if fails { Err(Error::Closed) } else { Ok(()) }
                })
            };
            assert!(write("1.1", true).await.is_err());
            assert!(write("1.2", false).await.is_ok());
            let many = tokio::join!(write("1.3", false), write("1.4", true), write("1.5", false));
            assert!(many.0.is_ok() && many.1.is_err() && many.2.is_ok());
            assert_eq!(kept(&engine).await, ["1.2", "1.3", "1.5"]);
        }
    }

    #[tokio::test]
    async fn what_a_job_has_sent_in_vain_fails_no_other() {
        for (engine, _folder) in engines().await {
            let write =
                |uid: &'static str| engine.write(Durability::Synced, move |connection| keep(connection, uid));
            let gives_up = || {
                engine.write(Durability::Synced, |connection| {
                    keep(connection, "1.1")?;
                    Err::<(), _>(Error::Closed)
                })
            };
            write("1.1").await.unwrap();
            assert!(gives_up().await.is_err());
            write("1.2").await.unwrap();
            let many = tokio::join!(write("1.3"), gives_up(), write("1.1"), write("1.4"));
            assert!(many.0.is_ok() && many.1.is_err() && many.2.is_err() && many.3.is_ok());
            assert_eq!(kept(&engine).await, ["1.1", "1.2", "1.3", "1.4"]);
        }
    }
}
