//! PostgreSQL: the only folder that names its library, tokio-postgres. Each thread of the engine has one connection and
//! drives it itself; together they are the pool, so that none is needed beside them.
//!
//! Every commit waits for the disk, whatever is asked: a server that loses its last commits in a crash which the node
//! outlives would lose what no replay brings back. Group commit makes it cheap.
//!
//! Invariant: one node writes at a time. Each transaction that writes begins by taking a lock that all nodes know, so
//! what it reads stays true until its end. A lost connection is an error to whoever waits for the transaction under way,
//! and to nobody else: the next one begins on a new connection.

mod calling;
mod encryption;
mod failure;
mod migrations;
mod server;
mod session;
mod statement;
mod text;
mod values;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::Statement as Prepared;

use super::failure::Failure;
use crate::error::Error;
pub(super) use failure::Refusal;
use server::Role;
pub use server::{Server, ServerError};
use session::{Kind, Session, Sort};
pub(crate) use statement::{Asked, Row, Rows, Statement, value};

/// How long a server may be silent that was asked something; it ends what takes so long by itself before.
const SILENCE: Duration = Duration::from_secs(330);
/// Time between two looks whether a read is still waited for.
const LOOK: Duration = Duration::from_millis(100);
/// How long a word that a read is not waited for may take to arrive.
const WORD: Duration = Duration::from_secs(2);
/// Answers that may be outstanding before they are waited for.
const MAX_OWED: usize = 256;
/// Begins a transaction that writes, alone of all nodes.
const BEGIN: &str = "BEGIN; SELECT pg_advisory_xact_lock(1667331443, 1)";
/// Begins one that only reads and sees the same all along.
const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How it stands with the transaction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    /// There is none: each statement stands for itself.
    None,
    /// One that reads is to begin with its first statement.
    Wanted,
    /// It is under way.
    Open,
    /// It is under way and cannot be committed.
    Broken,
}

/// A connection to a server, which is called when it is needed.
pub(crate) struct Connection {
    role: Role,
    runtime: Runtime,
    session: RefCell<Option<Session>>,
    server: Server,
    /// How long an answer may take.
    patience: Cell<Duration>,
    transaction: Cell<Transaction>,
    /// What a broken transaction was broken by.
    broken_by: RefCell<Option<Refusal>>,
    is_abandoned: RefCell<Option<Box<dyn FnMut() -> bool + Send>>>,
}

impl Connection {
    /// The one that writes: makes the tables or brings them up to date.
    pub(super) fn to_write(server: &Server) -> Result<super::Connection, Error> {
        let connection = Self::new(server, Role::Writer)?;
        migrations::migrate(&connection)?;
        Ok(super::Connection::Postgres(Box::new(connection)))
    }

    /// One that only reads, and calls the server with its first read.
    pub(super) fn to_read(server: &Server) -> Result<super::Connection, Error> {
        Ok(super::Connection::Postgres(Box::new(Self::new(server, Role::Reader)?)))
    }

    /// One that reads what is there beside whatever nodes have it: its tables must be as this program makes them.
    pub(super) fn to_copy(server: &Server) -> Result<super::Connection, Error> {
        let connection = Self::new(server, Role::Reader)?;
        migrations::check_version(&connection)?;
        // What was read of a large table is written and held against it before the next one is asked for.
        connection.execute_batch("SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0")?;
        Ok(super::Connection::Postgres(Box::new(connection)))
    }

    fn new(server: &Server, role: Role) -> Result<Self, Error> {
        Ok(Self {
            role,
            runtime: Builder::new_current_thread().enable_all().build()?,
            session: RefCell::new(None),
            server: server.clone(),
            patience: Cell::new(SILENCE),
            transaction: Cell::new(Transaction::None),
            broken_by: RefCell::new(None),
            is_abandoned: RefCell::new(None),
        })
    }

    pub(super) fn prepare(&self, sql: &str) -> Statement<'_> {
        Statement::new(self, sql)
    }

    pub(super) fn execute_batch(&self, sql: &str) -> Result<(), Failure> {
        self.ask(async |session| session.batch(sql).await)
    }

    /// Begins a transaction that writes. What the server did while nobody asked is made up for by calling it anew.
    pub(super) fn begin(&self) -> Result<(), Failure> {
        self.transaction.set(Transaction::None);
        let begun = match self.ask_once(async |session| session.batch(BEGIN).await) {
            Err(refusal) if refusal.is_lost() => self.ask_once(async |session| session.batch(BEGIN).await),
            other => other,
        };
        match begun {
            Ok(()) => self.transaction.set(Transaction::Open),
            // Its lock was not to be had.
            Err(_) => self.send("ROLLBACK"),
        }
        Ok(begun?)
    }

    /// Runs a statement that begins or ends a transaction or a part of one; waits for its end alone.
    pub(super) fn control(&self, sql: &'static str) -> Result<(), Failure> {
        match sql {
            "COMMIT" if self.transaction.get() == Transaction::Broken => {
                Err(self.broken_by.take().map_or(Failure::Transaction, Failure::Postgres))
            }
            "COMMIT" => {
                let committed = self.ask_once(async |session| session.batch(sql).await);
                self.transaction.set(Transaction::None);
                Ok(committed?)
            }
            "ROLLBACK" => {
                self.send(sql);
                self.transaction.set(Transaction::None);
                Ok(())
            }
            _ => {
                self.send(sql);
                Ok(())
            }
        }
    }

    /// Waits for the answers to what was sent and not waited for.
    pub(super) fn flush(&self) -> Result<(), Failure> {
        if self.session.borrow().as_ref().is_none_or(|session| session.owed() == 0) {
            return Ok(());
        }
        self.ask(async |_| Ok(()))
    }

    /// Has reads end early while `is_abandoned` says so.
    pub(super) fn interrupt_when(&self, is_abandoned: impl FnMut() -> bool + Send + 'static) {
        self.is_abandoned.replace(Some(Box::new(is_abandoned)));
    }

    /// Begins a transaction that only reads, with its first statement.
    pub(super) fn snapshot(&self) -> Snapshot<'_> {
        self.transaction.set(Transaction::Wanted);
        Snapshot(self)
    }

    /// Sends what needs no answer now. Without a session there is nothing that it could be about.
    fn send(&self, sql: &'static str) {
        if let Some(session) = &*self.session.borrow() {
            session.send(sql);
        }
    }

    /// Takes the answers to what was sent without waiting, where there are many.
    fn limit_owed(&self) -> Result<(), Failure> {
        let is_much = self.session.borrow().as_ref().is_some_and(|session| session.owed() >= MAX_OWED);
        if is_much { self.flush() } else { Ok(()) }
    }

    /// Hands a prepared statement to what `send` does with it, which waits for nothing. Only to prepare it is waited.
    fn post<T>(
        &self,
        sql: &str,
        kind: Kind,
        send: impl FnOnce(&Session, Prepared) -> T,
    ) -> Result<T, Failure> {
        self.limit_owed()?;
        let known = self.session.borrow().as_ref().and_then(|session| session.known(sql, kind));
        let statement = match known {
            Some(statement) => statement,
            None => self.ask(async |session| session.prepared(sql, kind).await)?,
        };
        match &*self.session.borrow() {
            Some(session) => Ok(send(session, statement)),
            None => Err(Refusal::lost("the connection to PostgreSQL was lost").into()),
        }
    }

    /// Asks the server; once more where the connection was lost and nothing hangs on it.
    fn ask<T>(&self, question: impl AsyncFn(&Session) -> Result<T, Refusal>) -> Result<T, Failure> {
        let answer = self.ask_once(&question);
        match answer {
            Err(refusal) if refusal.is_lost() && self.may_ask_again() => Ok(self.ask_once(&question)?),
            answer => Ok(answer?),
        }
    }

    /// Whether a read may be made again on a new connection.
    fn may_ask_again(&self) -> bool {
        let nothing_was_read = matches!(self.transaction.get(), Transaction::None | Transaction::Wanted);
        self.role == Role::Reader && nothing_was_read && !self.is_abandoned()
    }

    fn ask_once<T>(&self, question: impl AsyncFn(&Session) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let answer = self.connect().and_then(|()| self.answer(question));
        if answer.as_ref().err().is_some_and(Refusal::is_lost)
            && let Some(session) = self.session.take()
        {
            session.abandon(&self.runtime);
        }
        answer
    }

    /// Sees to it that there is a session, but within a transaction, which ended with the one it began in.
    fn connect(&self) -> Result<(), Refusal> {
        if self.session.borrow().as_ref().is_some_and(|session| !session.is_over()) {
            return Ok(());
        }
        if matches!(self.transaction.get(), Transaction::Open | Transaction::Broken) {
            return Err(Refusal::lost("the connection to PostgreSQL was lost"));
        }
        if let Some(session) = self.session.take() {
            session.abandon(&self.runtime);
        }
        let session = calling::call(&self.server, self.role, &self.runtime)?;
        self.session.replace(Some(session));
        Ok(())
    }

    fn answer<T>(&self, question: impl AsyncFn(&Session) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let slot = self.session.borrow();
        let Some(session) = &*slot else { return Err(Refusal::lost("there is no connection to PostgreSQL")) };
        if self.transaction.get() == Transaction::Wanted {
            session.send(BEGIN_SNAPSHOT);
        }
        let outstanding = session.outstanding();
        let (before, answer) = self.runtime.block_on(
            self.waited_for(session, async { tokio::join!(biased; outstanding.all(), question(session)) }),
        )?;
        // Whatever was answered, the transaction was begun.
        if self.transaction.get() == Transaction::Wanted && !session.is_over() {
            self.transaction.set(Transaction::Open);
        }
        if let Err((sort, refusal)) = before {
            if sort == Sort::Control && self.transaction.get() == Transaction::Open {
                self.transaction.set(Transaction::Broken);
                self.broken_by.replace(Some(refusal.clone()));
            }
            return Err(refusal);
        }
        answer
    }

    /// What comes of `work`, unless nobody waits for it any more, or nothing comes of it.
    async fn waited_for<T>(&self, session: &Session, work: impl Future<Output = T>) -> Result<T, Refusal> {
        let mut work = pin!(work);
        let began = Instant::now();
        loop {
            if let Ok(done) = timeout(LOOK, &mut work).await {
                return Ok(done);
            }
            let why = if self.is_abandoned() {
                "nobody waits for it any more"
            } else if began.elapsed() >= self.patience.get() {
                "PostgreSQL does not answer"
            } else {
                continue;
            };
            // A word that comes too late would end what is asked next: this session is not used again.
            let _ = timeout(WORD, self.server.cancel(session.client().cancel_token())).await;
            return Err(Refusal::lost(why));
        }
    }

    fn is_abandoned(&self) -> bool {
        self.is_abandoned.borrow_mut().as_mut().is_some_and(|is_abandoned| is_abandoned())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.leave(&self.runtime);
        }
    }
}

/// A transaction that only reads, until it goes.
pub(crate) struct Snapshot<'c>(&'c Connection);

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if self.0.transaction.replace(Transaction::None) == Transaction::Open {
            self.0.send("COMMIT");
            // So that it is on its way: the server would keep for it what it sees until the next question.
            self.0.runtime.block_on(tokio::task::yield_now());
        }
    }
}
