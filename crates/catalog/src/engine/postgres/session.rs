//! One session with the server: what was prepared in it, and what was sent without waiting for an answer. It is driven by
//! the thread that asks, so that a round trip needs no handover between threads.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::TryStreamExt;
use quick_cache::unsync::Cache;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Error, Row, Statement};

use super::failure::Refusal;
use super::text::translated;
use super::values::Given;

/// Prepared statements kept of each kind.
const STATEMENTS_KEPT: usize = 256;
/// How long a session that is left is given to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// What is wanted of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is run as it is.
    Plain,
    /// It inserts a row, whose key is wanted.
    Insert,
}

/// What was sent without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// What begins or ends a part of a transaction: when it fails, all of the transaction does.
    Control,
    /// A statement: when it fails, whoever sent it does.
    Statement,
}

struct Sent {
    sort: Sort,
    answer: Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>,
}

/// Answers that are still to come.
pub(super) struct Outstanding(Vec<Sent>);

impl Outstanding {
    /// Takes all answers; the first that is a failure is told.
    pub(super) async fn all(self) -> Result<(), (Sort, Refusal)> {
        let mut all = Ok(());
        for sent in self.0 {
            let answer = sent.answer.await;
            all = all.and(answer.map_err(|refusal| (sent.sort, refusal)));
        }
        all
    }
}

/// A session that is up.
pub(super) struct Session {
    client: Arc<Client>,
    driver: JoinHandle<Result<(), Error>>,
    statements: RefCell<[Cache<String, Statement>; 2]>,
    sent: RefCell<Vec<Sent>>,
}

impl Session {
    /// Takes over a client and what drives it, which is a task of the thread's own runtime.
    pub(super) fn new(client: Client, driver: JoinHandle<Result<(), Error>>) -> Self {
        let cache = || Cache::new(STATEMENTS_KEPT);
        Self {
            client: Arc::new(client),
            driver,
            statements: RefCell::new([cache(), cache()]),
            sent: RefCell::default(),
        }
    }

    /// Whether it is known to be over.
    pub(super) fn is_over(&self) -> bool {
        self.client.is_closed()
    }

    /// How many answers are outstanding.
    pub(super) fn owed(&self) -> usize {
        self.sent.borrow().len()
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// What was sent and not answered yet.
    pub(super) fn outstanding(&self) -> Outstanding {
        Outstanding(self.sent.take())
    }

    /// Sends statements without values, and waits for nothing.
    pub(super) fn send(&self, sql: &'static str) {
        let client = Arc::clone(&self.client);
        self.post(Sort::Control, Box::pin(async move { Ok(client.batch_execute(sql).await?) }));
    }

    /// Sends a statement that was prepared, and waits for nothing.
    pub(super) fn send_statement(&self, statement: Statement, given: Vec<Given>) {
        let client = Arc::clone(&self.client);
        self.post(
            Sort::Statement,
            Box::pin(async move {
                check_count(&statement, &given)?;
                client.execute_raw(&statement, given).await?;
                Ok(())
            }),
        );
    }

    /// Sends a statement that was prepared, whose rows are there when its answer was waited for.
    pub(super) fn pose(&self, statement: Statement, given: Vec<Given>) -> oneshot::Receiver<Vec<Row>> {
        let client = Arc::clone(&self.client);
        let (rows, taken) = oneshot::channel();
        self.post(
            Sort::Statement,
            Box::pin(async move {
                check_count(&statement, &given)?;
                let answer = client.query_raw(&statement, given).await?;
                // Whoever asked may have found that it needs them no more.
                let _ = rows.send(answer.try_collect().await?);
                Ok(())
            }),
        );
        taken
    }

    fn post(&self, sort: Sort, mut answer: Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>) {
        // The first look hands the message over to what drives the session; its answer is looked for later.
        match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Pending => self.sent.borrow_mut().push(Sent { sort, answer }),
            std::task::Poll::Ready(Ok(())) => {}
            std::task::Poll::Ready(Err(refusal)) => {
                let answer = Box::pin(std::future::ready(Err(refusal)));
                self.sent.borrow_mut().push(Sent { sort, answer });
            }
        }
    }

    /// Runs statements without values.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Refusal> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// The statement that was prepared of this text before, if it was.
    pub(super) fn known(&self, sql: &str, kind: Kind) -> Option<Statement> {
        let statements = self.statements.borrow();
        let [plain, inserts] = &*statements;
        let cache = if kind == Kind::Plain { plain } else { inserts };
        cache.get(sql).cloned()
    }

    /// The statement of this text, prepared.
    pub(super) async fn prepared(&self, sql: &str, kind: Kind) -> Result<Statement, Refusal> {
        if let Some(statement) = self.known(sql, kind) {
            return Ok(statement);
        }
        let mut text = translated(sql);
        if kind == Kind::Insert {
            text.push_str(" RETURNING id");
        }
        let statement = self.client.prepare(&text).await?;
        let mut statements = self.statements.borrow_mut();
        let [plain, inserts] = &mut *statements;
        let cache = if kind == Kind::Plain { plain } else { inserts };
        cache.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Runs a statement for all its rows.
    pub(super) async fn query(&self, sql: &str, kind: Kind, given: &[Given]) -> Result<Vec<Row>, Refusal> {
        let statement = self.prepared(sql, kind).await?;
        self.rows(&statement, given).await
    }

    /// Runs a prepared statement for all its rows.
    pub(super) async fn rows(&self, statement: &Statement, given: &[Given]) -> Result<Vec<Row>, Refusal> {
        check_count(statement, given)?;
        let given: Vec<_> = given.iter().map(|value| value as _).collect();
        Ok(self.client.query(statement, &given).await?)
    }

    /// Runs a statement for the number of rows that it wrote.
    pub(super) async fn execute(&self, sql: &str, given: &[Given]) -> Result<u64, Refusal> {
        let statement = self.prepared(sql, Kind::Plain).await?;
        check_count(&statement, given)?;
        Ok(self.client.execute_raw(&statement, given).await?)
    }

    /// Leaves: says goodbye to a server that still listens.
    pub(super) fn leave(self, runtime: &Runtime) {
        let Self { client, mut driver, sent, statements } = self;
        drop((sent, statements, client));
        runtime.block_on(async {
            if timeout(GOODBYE, &mut driver).await.is_err() {
                driver.abort();
            }
        });
    }

    /// Leaves at once, without a word.
    pub(super) fn abandon(self, runtime: &Runtime) {
        self.driver.abort();
        drop(self);
        // So that what drives it is gone, and the socket with it.
        runtime.block_on(tokio::task::yield_now());
    }
}

fn check_count(statement: &Statement, given: &[Given]) -> Result<(), Refusal> {
    let wanted = statement.params().len();
    if given.len() == wanted { Ok(()) } else { Err(Refusal::count(given.len(), wanted)) }
}
