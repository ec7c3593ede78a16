//! The one database: instances and the entities above them, deliveries and their jobs, errands, the worklist and what
//! was performed of it, remotes, routes, transforms and what they renamed, tokens, webhooks, the audit trail with the
//! events that stand in it, and the members: nodes that share it.
//!
//! Lives here: every line of SQL, the single writer with its group commit, the readers, the migrations. Never
//! here: blobs, sockets, what a route means.
//!
//! Invariant: what belongs together is written in one transaction, and a caller is answered only after its
//! commit. On SQLite an ordinary commit is not synced to disk, since a replay of the spool writes it again;
//! [`Catalog::sync`] and every change that no replay can restore are. On PostgreSQL every commit is: a crash of its server
//! is none of the node's, and no replay would come after it.

pub mod acceptance;
mod aliases;
mod audit;
mod copying;
mod delete;
pub mod delivery;
mod engine;
pub mod errand;
pub mod error;
mod events;
mod hold;
mod incidents;
mod incoming;
mod insert;
mod instances;
mod link;
mod members;
mod moving;
mod people;
mod performed;
mod quota;
mod receipts;
mod record;
mod records;
mod regions;
mod remotes;
mod removed;
mod retention;
mod routes;
mod search;
mod sheets;
mod sight;
mod snapshot;
mod store_move;
mod tokens;
mod transforms;
mod verification;
mod way_back;
mod webhooks;
mod worklist;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use causeway_core::Clock;

pub use aliases::{Aliases, CameBack, DueBack, OriginalStudy};
pub use audit::AuditRow;
pub use copying::{Moved, Step, Sum};
pub use engine::{Commit, Failure, Server, ServerError};
pub use error::Error;
pub use events::{Event, Events, Subject};
pub use hold::{Hold, Removing};
pub use insert::{Inserted, OnConflict};
pub use link::{Held, InviteRecord, Redeemed};
pub use members::{Introduction, Member, MemberSecret};
pub use moving::{check_empty, move_to_server};
pub use performed::{
    Meaning, NewPerformedStep, PerformedChange, PerformedFilter, PerformedStep, ScheduledReference, Written,
};
pub use quota::Quota;
pub use receipts::{Owed, ReceiptCount, ReceiptReport};
pub use removed::{BroughtBack, RemovedObject, RemovedStudy};
pub use retention::{Judged, JudgedStudy, RetentionRule, Retired, Standing};
pub use routes::{Alike, Ask, Completeness, DEFAULT_WAIT_SECONDS, Place, Priors, Role, RouteRecord, Then};
pub use search::Answers;
pub use sheets::{KeptSheet, NewSheet};
pub use snapshot::{KnownObject, Origin, Snapshot, SpooledBy, settle_all, take_out};
pub use store_move::{MoveCounts, MoveState, MoveStep, Route as StoreRoute, StoreMove, ToldObject};
pub use tokens::TokenRecord;
pub use transforms::ProjectSecret;
pub use verification::{
    Fate, Finding, FindingCount, FindingKind, Fresh, MAX_FINDINGS, MAX_VERIFICATIONS, Mends, NewFinding,
    RowToVerify, Verification, VerificationPhase, VerificationState, VerificationStep,
};
pub use way_back::WayBack;
pub use webhooks::{Since, Webhook, WebhookRecord};
pub use worklist::{Entries, Kept, Likeness, MAX_LIKENESSES, Swept, WorklistItem, WorklistQuery};

use engine::Engine;

/// The catalog. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Catalog {
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    /// The number of this member; 0 before it joined.
    spool: Arc<AtomicI64>,
}

impl Catalog {
    /// Opens the database file, making it or bringing it up to date where needed.
    ///
    /// # Errors
    /// When the file cannot be opened, is no catalog, or was written by a newer version.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let engine = Arc::new(Engine::open(path).await?);
        Ok(Self { engine, clock, spool: Arc::default() })
    }

    /// Opens the database on a server of PostgreSQL, making its tables or bringing them up to date where needed.
    ///
    /// # Errors
    /// When the server cannot be reached, or its tables are not for this version.
    pub async fn connect(server: Server, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let engine = Arc::new(Engine::connect(server).await?);
        Ok(Self { engine, clock, spool: Arc::default() })
    }

    /// Returns when everything that was committed before is safely on disk.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn sync(&self) -> Result<(), Error> {
        self.engine.sync().await
    }

    /// Asks the database for nothing, and so whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ask(&self) -> Result<(), Error> {
        self.engine.read(|connection| Ok(connection.prepare_cached("SELECT 1")?.exists([]).map(drop)?)).await
    }

    /// Has `ask` say of each commit from now on what becomes of it: for tests of what is built upon the catalog. The first to
    /// be named stays.
    pub fn watch_commits(&self, ask: impl Fn() -> Commit + Send + Sync + 'static) {
        self.engine.witness().name(Box::new(ask));
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}
