//! The heart: what the node does with instances, whichever door asked.
//!
//! Lives here: one file per use-case (ingest, search, retrieve, metadata, frames, bulk data, pictures, documents, videos, delete, settle,
//! replay, commitment, passing, the passage to a remote and the way back; worklist and what was performed of it) and the two questions every use-case asks first
//! (`access` with `identity` and `places`, `remotes`); how fast bytes go out to a remote, whichever door sends (`throttle`). Never here: HTTP, PDUs, SQL.
//!
//! Invariant: an instance is acknowledged only when its bytes are durable in the spool and its row is committed;
//! whatever is acknowledged can be found, read back and is delivered, also after a crash at any moment.

pub mod access;
pub mod backup;
pub mod bulk;
pub mod commitment;
mod counters;
mod decoded;
pub mod delete;
pub mod dispatch;
pub mod document;
pub mod error;
pub mod frames;
pub mod identity;
pub mod incidents;
pub mod ingest;
pub mod keeping;
mod kept;
pub mod link;
mod manifest;
pub mod members;
pub mod metadata;
pub mod moving;
pub mod passage;
pub mod passing;
pub mod performed;
mod pieces;
mod places;
pub mod presentation;
pub mod rebuild;
mod relaying;
pub mod remotes;
pub mod removed;
pub mod rendered;
pub mod replay;
pub mod retrieve;
mod returning;
pub mod room;
pub mod search;
pub mod settle;
mod throttle;
pub mod tokens;
pub mod transforms;
pub mod trying;
pub mod verify;
pub mod video;
pub mod worklist;

use std::sync::Arc;

use bytes::Bytes;
use causeway_catalog::Catalog;
use causeway_core::{Clock, ObjectKey};
use causeway_dataset::frames::Chart;
use causeway_dataset::render::Views;
use causeway_store::Store;
use kept::Kept;

pub use bulk::{BulkData, BulkValue, BulkWalk, Listed};
pub use causeway_catalog::{
    Answers, Entries, Error as CatalogError, Fate, Finding, FindingCount, FindingKind, Hold, InviteRecord,
    Mends, PerformedFilter, PerformedStep, Quota, RemovedStudy, RetentionRule, Standing, StoreMove, Swept,
    Verification, VerificationState, WayBack, WorklistItem, WorklistQuery, errand,
};
pub use causeway_store::{
    Aside, AsideReader, Blob, Disk, DiskState, Elsewhere, Error as StoreError, Scratch, Space,
};
pub use counters::{Counted, Present};
pub use dispatch::Dispatcher;
pub use document::DocumentError;
pub use error::{
    AccessError, CommitmentError, DeleteError, IngestError, MoveError, RetrieveError, SearchError,
};
pub use frames::Frames;
pub use identity::oidc::{self, BearerError};
pub use identity::{Identified, Offered};
pub use ingest::{Accepted, Announced, Body, BodyError, Outcome, Received};
pub use keeping::{HoldError, Preview, Previewed, RetentionError};
pub use passage::Passage;
pub use passing::{Passed, Passing, PassingError};
pub use performed::PerformedError;
pub use removed::{NotRestored, Restored};
pub use rendered::{Pictures, RenderedError, State};
pub use retrieve::{Object, Wanted};
pub use throttle::Throttle;
pub use transforms::TransformError;
pub use trying::{MAX_TRIED_BYTES, Tried};
pub use worklist::WorklistError;

/// What happens to a second instance of the same SOP Instance UID with other bytes (`[ingest] duplicate`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicate {
    /// The first is kept, the second refused with a reason.
    #[default]
    KeepFirst,
    /// The second takes the first one's place.
    Replace,
}

/// When the sender is told Success (`[ingest] acknowledge`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acknowledge {
    /// When the instance is durable in the spool and its row is committed.
    #[default]
    Spool,
    /// When it is in the object store too.
    Store,
}

/// How the archive behaves.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// What happens to a second instance of the same UID.
    pub duplicate: Duplicate,
    /// When the sender is told Success.
    pub acknowledge: Acknowledge,
    /// The node's own AE title, written into File Meta Information as the receiver.
    pub ae_title: Option<causeway_core::AeTitle>,
    /// Whose tokens are believed.
    pub identity: identity::Config,
    /// The identity provider whose bearer tokens are believed over the web, if any.
    pub provider: Option<oidc::Provider>,
    /// What the node says of itself to those that share its catalog.
    pub introducing: members::Introducing,
    /// Who calls those, if anyone does.
    pub fellows: Option<Arc<dyn members::Fellows>>,
    /// The zone of dates and times of which a data set says none (`[node] timezone`); none: UTC.
    pub zone: Option<jiff::tz::TimeZone>,
    /// How long the bytes of what is removed stay (`[keep] grace`).
    pub grace: causeway_core::keeping::Age,
}

/// The archive. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Archive {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    dispatcher: Arc<dyn Dispatcher>,
    remotes: remotes::Directory,
    throttles: throttle::Throttles,
    transforms: transforms::Shelf,
    returning: returning::Returning,
    tokens: tokens::Keyring,
    node: causeway_core::NodeId,
    members: members::Members,
    links: link::LinkKeys,
    leftovers: link::Leftovers,
    beginnings: link::beginnings::Beginnings,
    hatch: link::hatch::Hatch,
    examiner: identity::Examiner,
    attempts: identity::attempts::Attempts,
    places: Arc<places::Places>,
    settling: settle::Settling,
    turns: ingest::turns::Turns,
    doubts: ingest::doubts::Doubts,
    commitments: commitment::Bell,
    verifying: verify::Verifying,
    moving: moving::Moving,
    keeping: keeping::Keeping,
    uses: keeping::Uses,
    quotas: keeping::Quotas,
    preparing: metadata::Waiting,
    answers: Kept<metadata::Key, metadata::Answer>,
    charts: Kept<ObjectKey, Arc<Chart>>,
    views: Kept<ObjectKey, Views>,
    pictures: Kept<rendered::Key, Bytes>,
    counters: counters::Counters,
    incidents: incidents::Book,
    decoders: decoded::Decoders,
    config: Config,
}

impl Archive {
    /// Puts the archive together. Nothing runs yet: call [`Archive::replay`], then [`Archive::settle_until`].
    ///
    /// # Errors
    /// When the remotes or tokens cannot be read from the catalog.
    pub async fn open(
        store: Store,
        catalog: Catalog,
        clock: Arc<dyn Clock>,
        dispatcher: Arc<dyn Dispatcher>,
        config: Config,
    ) -> Result<Self, causeway_catalog::Error> {
        let remotes = remotes::Directory::load(&catalog).await?;
        let transforms = transforms::Shelf::load(&catalog).await?;
        let tokens = tokens::Keyring::load(&catalog).await?;
        let node = catalog.node_id(causeway_core::NodeId::of(rand::random())).await?;
        let members = members::Members::join(&catalog, store.spool_id(), config.introducing.clone()).await?;
        let links = link::LinkKeys::load(&catalog).await?;
        let examiner = identity::Examiner::new(config.identity.clone(), Arc::clone(&clock));
        let settling = settle::Settling::default();
        let commitments = commitment::Bell::default();
        let counters = counters::Counters::default();
        let throttles = throttle::Throttles::new(Arc::clone(&clock));
        let hatch = link::hatch::Hatch::new(Arc::clone(&clock), Arc::clone(&dispatcher));
        let inner = Inner {
            store,
            catalog,
            clock,
            dispatcher,
            remotes,
            throttles,
            transforms,
            returning: returning::Returning::default(),
            tokens,
            node,
            members,
            links,
            leftovers: link::Leftovers::default(),
            beginnings: link::beginnings::Beginnings::default(),
            hatch,
            examiner,
            attempts: identity::attempts::Attempts::default(),
            places: Arc::default(),
            settling,
            turns: ingest::turns::Turns::default(),
            doubts: ingest::doubts::Doubts::default(),
            commitments,
            verifying: verify::Verifying::default(),
            moving: moving::Moving::default(),
            keeping: keeping::Keeping::default(),
            uses: keeping::Uses::default(),
            quotas: keeping::Quotas::default(),
            preparing: metadata::Waiting::default(),
            answers: Kept::new(metadata::MAX_ANSWERS_BYTES),
            charts: Kept::new(frames::MAX_CHARTS_BYTES),
            views: Kept::new(rendered::MAX_VIEWS_BYTES),
            pictures: Kept::new(rendered::MAX_PICTURES_BYTES),
            counters,
            incidents: incidents::Book::default(),
            decoders: decoded::Decoders::default(),
            config,
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}
