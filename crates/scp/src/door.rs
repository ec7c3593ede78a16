//! What every association finds behind the door.

use std::net::IpAddr;

use causeway_archive::Archive;
use causeway_archive::access::Caller;
use causeway_core::{AeTitle, Door as Way, Envelope};
use causeway_tls::Tls;
use jiff::Timestamp;

use crate::config::Config;

/// Shared by all associations.
pub(crate) struct Door {
    pub(crate) archive: Archive,
    pub(crate) config: Config,
    pub(crate) ae_title: AeTitle,
    pub(crate) tls: Tls,
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
        }
    }
}
