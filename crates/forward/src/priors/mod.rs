//! Priors: earlier studies of a patient that a route sends along with one. What is not here is fetched from whoever is
//! asked what there is.
//!
//! Lives here: finding them, which of them (`choose`), fetching them. Never here: how a remote is asked or gives
//! (`visit`), sending.
//!
//! Invariant: what is fetched for a route is sent by that route alone, to where the study went, once: no route is asked of
//! it while it comes in, so that it brings no earlier studies of its own.

mod choose;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use causeway_catalog::delivery::{PriorStudy, Sought};
use causeway_catalog::{Alike, Priors};
use causeway_core::{Attributes, Element, PatientKey, Principal, Remote, Selection, Tag, Uid, Vr};
use tokio::sync::watch;

use self::choose::choose;
use crate::visit::survey::{self, Stopping, Wanted};
use crate::worker::{AFTER_FAILURE, Inner};

/// How long the hub sleeps at most.
const LONGEST_NAP: Duration = Duration::from_secs(5);
/// How long it waits at least, however often it is nudged.
const SHORTEST_NAP: Duration = Duration::from_millis(100);
/// Deliveries that are read in one go.
const MAX_TOGETHER: u32 = 32;
/// Studies of one patient that a remote is heard of, at most.
const MAX_STUDIES: usize = 200;
/// Series of one study that it is heard of, at most.
const MAX_SERIES: usize = 200;

/// Finds deliveries that want earlier studies, one after another.
pub(crate) struct Hub {
    inner: Arc<Inner>,
    nudges: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
}

impl Hub {
    pub(crate) fn new(inner: &Arc<Inner>, stopped: watch::Receiver<bool>) -> Self {
        Self { inner: Arc::clone(inner), nudges: inner.router.nudges(), stopped }
    }

    pub(crate) async fn run(&mut self) {
        loop {
            let nap = match self.round().await {
                Ok(()) => LONGEST_NAP,
                Err(error) => {
                    tracing::warn!(%error, "earlier studies could not be looked for; it is tried again");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                _ = self.nudges.changed() => tokio::time::sleep(SHORTEST_NAP).await,
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    async fn round(&self) -> Result<(), causeway_catalog::Error> {
        for sought in self.inner.catalog.priors_sought(MAX_TOGETHER).await? {
            let routes = self.inner.router.routes();
            let route = routes.find(&sought.route);
            let rule = route.and_then(|route| route.record.priors.clone());
            let (studies, words) = match rule {
                Some(rule) => self.find(&sought, &rule).await?,
                None => (Vec::new(), "its route sends none along any more".to_owned()),
            };
            self.inner.catalog.send_along(&sought, studies, words).await?;
            causeway_archive::Dispatcher::nudge(&*self.inner.router);
        }
        Ok(())
    }

    /// The studies that go along, all of them here, and what is to be said of them.
    async fn find(
        &self,
        sought: &Sought,
        rule: &Priors,
    ) -> Result<(Vec<Uid>, String), causeway_catalog::Error> {
        if sought.patient.id.is_empty() {
            return Ok((Vec::new(), "the patient has no ID to look for".to_owned()));
        }
        let here = self.inner.catalog.studies_of(sought.patient.clone()).await?;
        let mut known = here.clone();
        let remote = self.inner.whom_to_ask(&sought.route, sought.origin.as_ref());
        let mut notes = Vec::new();
        if let Some(remote) = &remote {
            match self.history(remote, &sought.patient, rule).await {
                // What is told of a study that is here in part is the better word.
                Ok(told) => known = told.into_iter().chain(known).collect(),
                Err(words) => notes.push(format!("{} could not be asked: {words}", remote.name)),
            }
        }
        let mut studies = Vec::new();
        for study in choose(&sought.study, known, rule) {
            let fetched = match &remote {
                Some(remote) => self.fetch(remote, &study).await,
                None => Ok(()),
            };
            let is_here = here.iter().any(|it| it.study == study) || fetched.is_ok();
            if let Err(words) = fetched {
                notes.push(format!("{study} did not come whole: {words}"));
            }
            if is_here {
                studies.push(study);
            }
        }
        notes.insert(0, format!("{} sent along", studies.len()));
        Ok((studies, notes.join("; ")))
    }

    /// Fetches a study, unless all that the remote lists of it is here.
    async fn fetch(&self, remote: &Remote, study: &Uid) -> Result<(), String> {
        let wanted = Wanted { study: study.clone(), series: None, instance: None };
        let listed = survey::ask(&self.inner, remote, &wanted, &mut Stopping(self.stopped.clone())).await?;
        let selection = Selection::study(study.clone());
        let here = self.inner.archive.look_up(&Principal::local(), &selection).await;
        let here: BTreeSet<Uid> =
            here.map_err(|error| error.to_string())?.into_iter().map(|it| it.ids.instance).collect();
        if listed.keys().all(|instance| here.contains(instance)) {
            return Ok(());
        }
        let _unrouted = self.inner.router.leave_alone(study.clone(), remote.name.clone());
        self.inner.fetch_study(remote, study.clone(), listed).await
    }

    /// The studies of a patient that a remote has.
    async fn history(
        &self,
        remote: &Remote,
        patient: &PatientKey,
        rule: &Priors,
    ) -> Result<Vec<PriorStudy>, String> {
        let mut stopping = Stopping(self.stopped.clone());
        let mut keys = Attributes::new();
        keys.put_text(Tag::PATIENT_ID, Vr::LO, &patient.id);
        for (tag, vr) in [
            (Tag::ISSUER_OF_PATIENT_ID, Vr::LO),
            (Tag::STUDY_DATE, Vr::DA),
            (Tag::MODALITIES_IN_STUDY, Vr::CS),
            (Tag::STUDY_INSTANCE_UID, Vr::UI),
        ] {
            keys.put(tag, Element::empty(vr));
        }
        let found = survey::matches(&self.inner, remote, None, keys, MAX_STUDIES, &mut stopping).await?;
        let mut studies = Vec::new();
        for one in found.iter().filter(|one| is_of(patient, one)) {
            let Some(study) = one.first(Tag::STUDY_INSTANCE_UID).and_then(|uid| Uid::parse(uid).ok()) else {
                continue;
            };
            let modalities =
                one.get(Tag::MODALITIES_IN_STUDY).map(Element::values).unwrap_or_default().to_vec();
            let date = one.first(Tag::STUDY_DATE).unwrap_or_default().to_owned();
            let body_parts = if rule.same.contains(&Alike::BodyPart) {
                self.body_parts(remote, &study, &mut stopping).await?
            } else {
                Vec::new()
            };
            studies.push(PriorStudy { study, date, modalities, body_parts });
        }
        Ok(studies)
    }

    /// The body parts that the series of a study name.
    async fn body_parts(
        &self,
        remote: &Remote,
        study: &Uid,
        stopping: &mut Stopping,
    ) -> Result<Vec<String>, String> {
        let mut keys = Attributes::new();
        keys.put(Tag::BODY_PART_EXAMINED, Element::empty(Vr::CS));
        let series = survey::matches(&self.inner, remote, Some(study), keys, MAX_SERIES, stopping).await?;
        let named: BTreeSet<String> = series
            .iter()
            .filter_map(|series| series.first(Tag::BODY_PART_EXAMINED))
            .map(|part| part.trim().to_ascii_uppercase())
            .collect();
        Ok(named.into_iter().collect())
    }
}

/// Whether a match is of this patient: some servers take less than the whole ID, and one ID may be another's elsewhere.
fn is_of(patient: &PatientKey, found: &Attributes) -> bool {
    let text = |tag| found.first(tag).map(str::trim).unwrap_or_default();
    let (id, issuer) = (text(Tag::PATIENT_ID), text(Tag::ISSUER_OF_PATIENT_ID));
    id == patient.id && (issuer.is_empty() || patient.issuer.is_empty() || issuer == patient.issuer)
}
