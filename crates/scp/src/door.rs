//! What every association finds behind the door.

use std::net::IpAddr;
use std::sync::Arc;

use causeway_archive::Archive;
use causeway_archive::access::Caller;
use causeway_core::{AeTitle, Door as Way, Envelope};
use causeway_tls::Tls;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use crate::config::Config;

/// Shared by all associations.
pub(crate) struct Door {
    pub(crate) archive: Archive,
    pub(crate) config: Config,
    pub(crate) ae_title: AeTitle,
    pub(crate) tls: Tls,
    /// Places for instances in memory beyond the one that each retrieval has.
    pub(crate) spare: Arc<Semaphore>,
}

/// Instances in memory, beyond one for each retrieval, of all retrievals together: at most 2 MiB each.
const SPARE_INSTANCES: usize = 32;

impl Door {
    pub(crate) fn new(archive: Archive, config: Config, ae_title: AeTitle, tls: Tls) -> Self {
        Self { archive, config, ae_title, tls, spare: Arc::new(Semaphore::new(SPARE_INSTANCES)) }
    }
}

/// Who is calling, for as long as the association lasts.
pub(crate) struct Visitor {
    pub(crate) caller: Caller,
    pub(crate) ae_title: AeTitle,
    pub(crate) address: IpAddr,
}

impl Visitor {
    /// How an instance of this caller came; the archive puts in when.
    pub(crate) fn envelope(&self) -> Envelope {
        Envelope {
            door: Way::Dimse,
            received_at: Timestamp::UNIX_EPOCH,
            calling_ae: Some(self.ae_title.clone()),
            remote: self.caller.remote.clone(),
            source_address: Some(self.address),
            came_back: None,
            via: causeway_core::Via::default(),
        }
    }
}
