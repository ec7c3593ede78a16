//! What a remote says it has of something: SOP Instance UIDs and SOP classes. It tells which contexts a C-GET needs,
//! what must be here when a retrieval is done, and whether a study that came is complete.

mod dimse;
mod web;

use std::collections::BTreeMap;

use causeway_core::{Attributes, Element, Level, Remote, Tag, Uid, Vr};
use tokio::sync::watch;

use crate::worker::Inner;

/// Most instances that are remembered.
const MAX_INSTANCES: usize = 200_000;

/// Instances with their SOP classes, where told.
pub(crate) type Listed = BTreeMap<Uid, Option<Uid>>;

/// A study, a series of it, or an instance of that.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wanted {
    /// Study Instance UID.
    pub(crate) study: Uid,
    /// Series Instance UID.
    pub(crate) series: Option<Uid>,
    /// SOP Instance UID; only with a series.
    pub(crate) instance: Option<Uid>,
}

/// Tells when nobody wants to know any more.
pub(crate) trait Stopped {
    fn stopped(&mut self) -> impl Future<Output = ()> + Send;
}

/// The node stops: nobody waits for the answer any more.
pub(crate) struct Stopping(pub(crate) watch::Receiver<bool>);

impl Stopped for Stopping {
    async fn stopped(&mut self) {
        // It is over either way.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}

/// Asks a remote by whichever way it can be asked: C-FIND, else QIDO-RS; in words why it is not known.
pub(crate) async fn ask(
    inner: &Inner,
    remote: &Remote,
    wanted: &Wanted,
    stopped: &mut (impl Stopped + Send),
) -> Result<Listed, String> {
    if remote.dimse_peer().is_some() {
        return dimse::survey(&inner.call(remote)?, wanted, stopped).await;
    }
    match &remote.dicomweb {
        Some(address) => tokio::select! {
            listed = web::survey(address, inner.patience(), wanted) => listed,
            () = stopped.stopped() => Err("nobody waits for it".to_owned()),
        },
        None => Err(super::find::unasked(remote)),
    }
}

/// The studies of a remote that match `keys`, or the series of `study` that do; of each match what is asked for, at most
/// `most`. In words why it is not known.
pub(crate) async fn matches(
    inner: &Inner,
    remote: &Remote,
    study: Option<&Uid>,
    mut keys: Attributes,
    most: usize,
    stopped: &mut (impl Stopped + Send),
) -> Result<Vec<Attributes>, String> {
    if remote.dimse_peer().is_some() {
        let level = if study.is_some() { Level::Series } else { Level::Study };
        keys.put_text(Tag::QUERY_RETRIEVE_LEVEL, Vr::CS, level.as_str());
        keys.put(level.unique_key(), Element::empty(Vr::UI));
        if let Some(study) = study {
            keys.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, study.as_str());
        }
        return dimse::matches(&inner.call(remote)?, &keys, most, stopped).await;
    }
    let Some(address) = &remote.dicomweb else { return Err(super::find::unasked(remote)) };
    let place = match study {
        Some(study) => (Level::Series, format!("studies/{study}/series")),
        None => (Level::Study, "studies".to_owned()),
    };
    tokio::select! {
        found = web::matches(address, inner.patience(), place, &keys, most) => found,
        () = stopped.stopped() => Err("nobody waits for it".to_owned()),
    }
}
