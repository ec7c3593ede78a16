//! The writer: one thread, one connection, many callers. Whoever asks while a commit is under way shares the next
//! one; a savepoint around each keeps one caller's failure from another's work.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, oneshot};

use super::{Durability, connect, migrations};
use crate::error::Error;

/// Callers that may wait for the writer; one more waits at its caller.
const MAX_WAITING: usize = 4096;
/// Most callers that share one commit.
const MAX_BATCH: usize = 512;
/// Length of the log at which it is moved into the file when the writer has a quiet moment, in bytes.
const CHECKPOINT_BYTES: u64 = 16 * 1024 * 1024;
/// Length at which it is moved whether the moment is quiet or not.
const CHECKPOINT_AT_LAST_BYTES: u64 = 256 * 1024 * 1024;

/// What a job leaves behind: whether its changes stay, and whom to tell once the commit is done.
struct Ran {
    keep: bool,
    answer: Answer,
}

type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Ran + Send>;

struct Write {
    durability: Durability,
    job: Job,
}

/// The writer's face.
pub(crate) struct Writer {
    writes: Sender<Write>,
    places: Arc<Semaphore>,
}

impl Writer {
    pub(crate) fn start(path: &Path) -> Result<Self, Error> {
        let mut connection =
            connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // A log that was moved into the file starts anew with its first bytes, not at the length it once had.
        connection.pragma_update(None, "journal_size_limit", 0)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrations::migrate(&mut connection)?;
        let (writes, receiver) = channel();
        let mut log = path.to_owned().into_os_string();
        log.push("-wal");
        let thread = WriterThread { connection, log: log.into(), durability: Durability::Synced };
        thread::Builder::new().name("catalog-write".to_owned()).spawn(move || thread.run(&receiver))?;
        Ok(Self { writes, places: Arc::new(Semaphore::new(MAX_WAITING)) })
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        durability: Durability,
        job: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _place = self.places.acquire().await.map_err(|_| Error::Closed)?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = job(connection);
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
    log: PathBuf,
    durability: Durability,
}

impl WriterThread {
    fn run(mut self, receiver: &Receiver<Write>) {
        while let Ok(first) = receiver.recv() {
            let mut batch = vec![first];
            batch.extend(receiver.try_iter().take(MAX_BATCH - 1));
            let is_full = batch.len() == MAX_BATCH;
            self.commit(batch);
            self.checkpoint(is_full);
        }
        // The last connection to close moves the log into the file by itself.
    }

    /// One transaction for all of `batch`, then every answer.
    fn commit(&mut self, batch: Vec<Write>) {
        let synced = batch.iter().any(|write| write.durability == Durability::Synced);
        let wanted = if synced { Durability::Synced } else { Durability::Replayable };
        let mut answers = Vec::with_capacity(batch.len());
        let committed = self.transact(wanted, batch, &mut answers);
        for answer in answers {
            answer(committed.as_ref().copied().map_err(copy));
        }
    }

    fn transact(
        &mut self,
        wanted: Durability,
        batch: Vec<Write>,
        answers: &mut Vec<Answer>,
    ) -> rusqlite::Result<()> {
        self.set_durability(wanted)?;
        self.execute("BEGIN IMMEDIATE")?;
        for write in batch {
            if let Err(error) = self.savepoint(write.job, answers) {
                let _ = self.execute("ROLLBACK");
                return Err(error);
            }
        }
        self.execute("COMMIT").inspect_err(|_| {
            let _ = self.execute("ROLLBACK");
        })
    }

    fn savepoint(&self, job: Job, answers: &mut Vec<Answer>) -> rusqlite::Result<()> {
        self.execute("SAVEPOINT one")?;
        let ran = job(&self.connection);
        answers.push(ran.answer);
        if !ran.keep {
            self.execute("ROLLBACK TO one")?;
        }
        self.execute("RELEASE one")
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn set_durability(&mut self, wanted: Durability) -> rusqlite::Result<()> {
        if self.durability != wanted {
            let level = if wanted == Durability::Synced { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", level)?;
            self.durability = wanted;
        }
        Ok(())
    }

    /// Moves the log into the file, outside of anyone's commit. Waits for no reader: what one still looks at is
    /// moved the next time.
    fn checkpoint(&self, is_busy: bool) {
        let bytes = std::fs::metadata(&self.log).map(|log| log.len()).unwrap_or_default();
        let limit = if is_busy { CHECKPOINT_AT_LAST_BYTES } else { CHECKPOINT_BYTES };
        if bytes < limit {
            return;
        }
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "the catalog's log could not be moved into its file; it is tried again");
        }
    }
}

/// The same failure for one more caller.
fn copy(error: &rusqlite::Error) -> Error {
    match error {
        rusqlite::Error::SqliteFailure(failure, words) => {
            Error::Database(rusqlite::Error::SqliteFailure(*failure, words.clone()))
        }
        _ => Error::Corrupt("the transaction failed"),
    }
}
