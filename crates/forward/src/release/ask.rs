//! Looking at a study: what is here of it, what a manifest names, what a remote says there is.

use std::collections::BTreeSet;

use causeway_archive::RetrieveError;
use causeway_catalog::Ask;
use causeway_core::{Principal, Remote, RemoteName, Selection, Uid};
use causeway_dataset::manifest::KEY_OBJECT_SELECTION;
use jiff::Timestamp;
use tokio::sync::watch;

use super::evidence::{Basis, Known, Verdict, judge, quiet};
use crate::visit::survey::{self, Stopping, Wanted};
use crate::worker::Inner;

/// Key object selections of a study that are read, at most.
const MAX_SELECTIONS: usize = 16;

/// What was found out.
#[derive(Debug)]
pub(super) struct Asked {
    here: BTreeSet<Uid>,
    known: Vec<Known>,
    /// Why the remote said nothing.
    pub(super) unanswered: Option<String>,
}

impl Asked {
    /// Nothing, since what is here could not be read.
    pub(super) fn unreadable(why: &str) -> Self {
        Self { here: BTreeSet::new(), known: Vec::new(), unanswered: Some(why.to_owned()) }
    }

    /// What is decided of a delivery; `because` says why nobody told anything, when nobody did.
    pub(super) fn judge(
        &self,
        waited_out: Option<u64>,
        because: impl FnOnce() -> String,
        now: Timestamp,
    ) -> Verdict {
        if self.known.is_empty() {
            return Verdict::Go(quiet(&self.here, &because(), now));
        }
        judge(&self.here, &self.known, waited_out, now)
    }
}

impl Inner {
    /// The remote that a route asks what there is of a study, where one is to be and can be. `origin`: who sent the
    /// study's first instance.
    pub(crate) fn whom_to_ask(&self, route: &RemoteName, origin: Option<&RemoteName>) -> Option<Remote> {
        let routes = self.router.routes();
        let name = match &routes.find(route)?.record.completeness.ask {
            Ask::Nobody => return None,
            Ask::Sender => origin?,
            Ask::Remote(name) => name,
        };
        self.archive.remote(name).filter(Remote::can_be_asked)
    }
}

/// Looks at a study, or a series of it.
pub(super) async fn look(
    inner: &Inner,
    study: Uid,
    series: Option<Uid>,
    whom: Option<&Remote>,
    stopped: watch::Receiver<bool>,
) -> Result<Asked, RetrieveError> {
    let selection = match &series {
        Some(series) => Selection::series(study.clone(), series.clone()),
        None => Selection::study(study.clone()),
    };
    let mut known = Vec::new();
    let instances = inner.archive.look_up(&Principal::local(), &selection).await?;
    let selections = instances.iter().filter(|instance| instance.sop_class.as_str() == KEY_OBJECT_SELECTION);
    for document in selections.take(MAX_SELECTIONS) {
        match inner.archive.manifest(document).await {
            Ok(Some(manifest)) => {
                let own = manifest.references.into_iter().filter(|(of, _, _)| *of == study);
                let instances = own.map(|(_, _, instance)| instance).collect();
                known.push(Known { basis: Basis::Manifest, instances });
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a key object selection could not be read as a manifest"),
        }
    }
    let mut unanswered = None;
    if let Some(remote) = whom {
        let wanted = Wanted { study, series, instance: None };
        match survey::ask(inner, remote, &wanted, &mut Stopping(stopped)).await {
            Ok(listed) => {
                let basis = Basis::Remote(remote.name.clone());
                known.push(Known { basis, instances: listed.into_keys().collect() });
            }
            Err(words) => unanswered = Some(words),
        }
    }
    let here = instances.into_iter().map(|instance| instance.ids.instance).collect();
    Ok(Asked { here, known, unanswered })
}
