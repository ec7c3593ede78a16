//! Having a remote give what it has: by C-GET on our association, by C-MOVE to ourselves, or by WADO-RS; and a look into our own
//! archive for what came, since only that is proof.

mod classes;
mod outlook;

use std::collections::BTreeSet;

use causeway_archive::{Archive, IngestError};
use causeway_core::transfer_syntax::Layout;
use causeway_core::{
    Attributes, Identifiers, Level, Permission, Principal, Remote, RemoteName, Selection, Status, Tag, Uid,
    Vr,
};
use causeway_dimse::Error;
use causeway_dimse::message::Progress;
use causeway_dimse::scu::{Retrieved, Wish};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::moved::move_here;
use super::pull::{Pulled, Taking, pull};
use super::survey::{self, Listed, Stopped, Wanted};
use super::wado::{self, Giver};
use super::{QuestionError, Told, Visit, VisitError, words};
use crate::worker::{Forwarder, Inner};
use classes::sop_classes;
use outlook::Outlook;

/// How a remote is to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum With {
    /// By C-GET where it serves that, else by C-MOVE.
    #[default]
    Any,
    /// By C-GET.
    Get,
    /// By C-MOVE to our AE title.
    Move,
}

/// How it gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// By C-GET.
    Get,
    /// By C-MOVE.
    Move,
    /// By WADO-RS.
    Web,
}

/// What is wanted: a study, a series of it, or an instance of that.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieval {
    /// Study Instance UID.
    pub study: Uid,
    /// Series Instance UID.
    #[serde(default)]
    pub series: Option<Uid>,
    /// SOP Instance UID; only with a series.
    #[serde(default)]
    pub instance: Option<Uid>,
    /// By which way.
    #[serde(default)]
    pub with: With,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Instances that the remote lists; none where it lists nothing.
    pub listed: Option<u64>,
    /// Sub-operations to come, as the remote says.
    pub remaining: Option<u16>,
    /// Done, as it says.
    pub completed: Option<u16>,
    /// Failed, as it says.
    pub failed: Option<u16>,
    /// Done with a warning, as it says.
    pub warning: Option<u16>,
    /// Taken in here on the association of a C-GET.
    pub kept: u64,
    /// Come by C-GET and not taken.
    pub refused: u64,
}

/// What is heard of a retrieval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RetrieveLine {
    /// Something worth knowing.
    Note(String),
    /// How far it is.
    Progress(Counts),
    /// The last line.
    End(Box<RetrieveEnd>),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetrieveEnd {
    /// Whether everything came and is here.
    pub is_well: bool,
    /// How it went, in words.
    pub words: String,
    /// By which way; none when nothing was asked for.
    pub way: Option<Way>,
    /// The final status, where there was one.
    pub status: Option<Told>,
    /// The last counts.
    pub counts: Counts,
    /// Instances of what was wanted that are here, whenever they came.
    pub here: u64,
    /// Those that the remote says failed (Failed SOP Instance UID List), at most 1,000.
    pub failed: Vec<Uid>,
    /// Those that it lists and that are not here, at most 1,000.
    pub missing: Vec<Uid>,
}

impl Forwarder {
    /// Has the remote of this name give what `retrieval` names. `port`: where our DIMSE door listens, for what the
    /// remote's administrator is told.
    ///
    /// # Errors
    /// When the caller is no administrator, there is no such remote, an instance is named without its series, or too many
    /// visits are under way. What goes wrong at the remote is told at the end of the visit.
    pub fn retrieve(
        &self,
        principal: &Principal,
        name: &RemoteName,
        retrieval: Retrieval,
        port: u16,
    ) -> Result<Visit<RetrieveLine>, VisitError> {
        let remote = self.remote_for(principal, name)?;
        if retrieval.instance.is_some() && retrieval.series.is_none() {
            return Err(QuestionError::NoSeries.into());
        }
        // What an administrator has fetched is stored in the administrator's name.
        let keeper = Principal {
            permissions: [Permission::Store, Permission::Retrieve].into_iter().collect(),
            ..principal.clone()
        };
        let inner = self.inner.clone();
        self.set_out(|lines| async move {
            let mut telling = Telling { lines, counts: Counts::default() };
            let listed = inner.list(&remote, &retrieval, &mut telling).await;
            let end = inner.fetch(&remote, &keeper, (&retrieval, listed), port, &mut telling).await;
            let _ = telling.lines.send(RetrieveLine::End(Box::new(end))).await;
        })
    }
}

impl Inner {
    /// Has a remote give a whole study, of which it lists this, for the node itself; in words when not all of it is here
    /// then.
    pub(crate) async fn fetch_study(
        &self,
        remote: &Remote,
        study: Uid,
        listed: Listed,
    ) -> Result<(), String> {
        let retrieval = Retrieval { study, series: None, instance: None, with: With::Any };
        let keeper = Principal {
            permissions: [Permission::Store, Permission::Retrieve].into_iter().collect(),
            ..Principal::local()
        };
        let (lines, mut heard) = mpsc::channel(1);
        let mut telling = Telling { lines, counts: Counts::default() };
        let fetching = self.fetch(remote, &keeper, (&retrieval, Some(listed)), 0, &mut telling);
        // Nobody listens to how far it is; the channel stays open, since closing it stops the retrieval.
        let listening = async { while heard.recv().await.is_some() {} };
        let end = tokio::select! {
            end = fetching => end,
            () = listening => return Err("it was given up".to_owned()),
        };
        if end.is_well { Ok(()) } else { Err(end.words) }
    }
}

impl Inner {
    /// Has a remote give one instance again, for the node itself: how it went, in words. What becomes of it is seen by
    /// whoever wanted it.
    pub(crate) async fn fetch_instance(&self, remote: &Remote, ids: &Identifiers) -> String {
        let Identifiers { study, series, instance } = ids.clone();
        let retrieval = Retrieval { study, series: Some(series), instance: Some(instance), with: With::Any };
        let keeper = Principal {
            permissions: [Permission::Store, Permission::Retrieve].into_iter().collect(),
            ..Principal::local()
        };
        let (lines, mut heard) = mpsc::channel(1);
        let mut telling = Telling { lines, counts: Counts::default() };
        let fetching = async {
            let listed = self.list(remote, &retrieval, &mut telling).await;
            if listed.as_ref().is_some_and(|listed| listed.is_empty()) {
                return "it does not have it any more".to_owned();
            }
            self.fetch(remote, &keeper, (&retrieval, listed), 0, &mut telling).await.words
        };
        let listening = async { while heard.recv().await.is_some() {} };
        tokio::select! {
            words = fetching => words,
            () = listening => "it was given up".to_owned(),
        }
    }
}

impl Retrieval {
    fn wanted(&self) -> Wanted {
        Wanted { study: self.study.clone(), series: self.series.clone(), instance: self.instance.clone() }
    }

    fn selection(&self) -> Selection {
        Selection {
            studies: vec![self.study.clone()],
            series: self.series.iter().cloned().collect(),
            instances: self.instance.iter().cloned().collect(),
            patient_id: None,
        }
    }

    /// Where it is below the base URL of DICOMweb (PS3.18 §10.4.1).
    fn path(&self) -> String {
        let Self { study, series, instance, .. } = self;
        let series = series.as_ref().map(|series| format!("/series/{series}")).unwrap_or_default();
        let instance = instance.as_ref().map(|instance| format!("/instances/{instance}")).unwrap_or_default();
        format!("studies/{study}{series}{instance}")
    }

    /// The identifier of a C-MOVE or a C-GET (PS3.4 §C.4.2.1.4.1): unique keys only.
    fn keys(&self) -> Attributes {
        let level = match (&self.series, &self.instance) {
            (Some(_), Some(_)) => Level::Instance,
            (Some(_), None) => Level::Series,
            (None, _) => Level::Study,
        };
        let mut keys = Attributes::new();
        keys.put_text(Tag::QUERY_RETRIEVE_LEVEL, Vr::CS, level.as_str());
        keys.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, self.study.as_str());
        if let Some(series) = &self.series {
            keys.put_text(Tag::SERIES_INSTANCE_UID, Vr::UI, series.as_str());
            if let Some(instance) = &self.instance {
                keys.put_text(Tag::SOP_INSTANCE_UID, Vr::UI, instance.as_str());
            }
        }
        keys
    }
}

/// Tells how far it is, to whoever still listens.
pub(super) struct Telling {
    lines: mpsc::Sender<RetrieveLine>,
    counts: Counts,
}

impl Telling {
    /// Counts that nobody has room for are superseded by the next.
    fn tell(&self) {
        let _ = self.lines.try_send(RetrieveLine::Progress(self.counts));
    }

    async fn note(&self, words: String) {
        let _ = self.lines.send(RetrieveLine::Note(words)).await;
    }

    pub(super) fn heard(&mut self, progress: &Progress) {
        let Progress { remaining, completed, failed, warning } = *progress;
        self.counts = Counts { remaining, completed, failed, warning, ..self.counts };
        self.tell();
    }

    pub(super) fn kept(&mut self) {
        self.counts.kept += 1;
        self.tell();
    }

    /// An instance that came over the web was not taken here; which is not known before it is read.
    pub(super) fn unkept(&mut self, error: &IngestError) {
        self.counts.refused += 1;
        let _ = self.lines.try_send(RetrieveLine::Note(format!("an instance was not taken here: {error}")));
        self.tell();
    }

    pub(super) fn refused(&mut self, instance: &Uid, error: &IngestError) {
        self.counts.refused += 1;
        let _ = self.lines.try_send(RetrieveLine::Note(format!("{instance} was not taken here: {error}")));
        self.tell();
    }

    pub(super) fn wish(&self) -> Wish {
        if self.lines.is_closed() { Wish::Cancel } else { Wish::More }
    }

    pub(super) async fn closed(&self) {
        self.lines.closed().await;
    }
}

impl Stopped for Telling {
    async fn stopped(&mut self) {
        self.closed().await;
    }
}

/// The last answer to a C-MOVE or a C-GET, and how its identifier is laid out.
pub(super) struct Final {
    pub(super) retrieved: Retrieved,
    pub(super) layout: Layout,
}

impl Final {
    /// Whether the remote says that it does not know the operation, though it agreed to the context.
    fn is_unserved(&self) -> bool {
        [Status::SOP_CLASS_NOT_SUPPORTED, Status::UNRECOGNIZED_OPERATION].contains(&self.retrieved.status)
    }
}

/// The answer to a retrieval, and by which way it was asked for; or in words why there is none.
type Answer = Result<(Way, Final), (Option<Way>, String)>;

impl Inner {
    async fn fetch(
        &self,
        remote: &Remote,
        keeper: &Principal,
        (retrieval, listed): (&Retrieval, Option<Listed>),
        port: u16,
        telling: &mut Telling,
    ) -> RetrieveEnd {
        if let (None, Some(address)) = (remote.dimse_peer(), &remote.dicomweb) {
            let patience = self.patience();
            let giver =
                Giver { archive: &self.archive, principal: keeper, remote: &remote.name, address, patience };
            let taken = wado::take(giver, &retrieval.path(), telling).await;
            let here = here(&self.archive, keeper, retrieval).await;
            let outlook = Outlook { listed: listed.as_ref(), here, counts: telling.counts };
            return match taken {
                Ok(()) => outlook.taken(),
                Err(words) => outlook.broken(Some(Way::Web), words),
            };
        }
        let answer = match telling.wish() {
            Wish::More => self.ask_for(remote, keeper, retrieval, listed.as_ref(), telling).await,
            Wish::Cancel => Err((None, "nobody waits for it any more".to_owned())),
        };
        let here = here(&self.archive, keeper, retrieval).await;
        let outlook = Outlook { listed: listed.as_ref(), here, counts: telling.counts };
        match answer {
            Ok((way, last)) => {
                let remedy = (last.retrieved.status == Status::MOVE_DESTINATION_UNKNOWN)
                    .then(|| words::unknown_destination(&self.caller.ae_title, port))
                    .or_else(|| {
                        let may_not = way == Way::Move && !remote.allow.allow(Permission::Store);
                        may_not.then(|| format!("remote '{}' may not store here: allow it", remote.name))
                    });
                outlook.end(way, &last, remedy)
            }
            Err((way, words)) => outlook.broken(way, words),
        }
    }

    /// What the remote lists, where it does.
    async fn list(&self, remote: &Remote, retrieval: &Retrieval, telling: &mut Telling) -> Option<Listed> {
        match survey::ask(self, remote, &retrieval.wanted(), telling).await {
            Ok(listed) => {
                telling.counts.listed = Some(listed.len() as u64);
                telling.tell();
                Some(listed)
            }
            Err(words) => {
                let note =
                    format!("what it has is not listed ({words}); what comes is held against its own counts");
                telling.note(note).await;
                None
            }
        }
    }

    async fn ask_for(
        &self,
        remote: &Remote,
        keeper: &Principal,
        retrieval: &Retrieval,
        listed: Option<&Listed>,
        telling: &mut Telling,
    ) -> Answer {
        let call = self.call(remote).map_err(|words| (None, words))?;
        let keys = retrieval.keys();
        if retrieval.with != With::Move {
            let taking = Taking { archive: &self.archive, principal: keeper, remote: &remote.name };
            let broken = |error: Error| (Some(Way::Get), error.to_string());
            let pulled = pull(taking, &call, &keys, &sop_classes(listed), telling).await.map_err(broken)?;
            match pulled {
                Pulled::Answered(last) if retrieval.with == With::Any && last.is_unserved() => {
                    telling.note("it does not give by C-GET after all; it is asked to move".to_owned()).await;
                }
                Pulled::Answered(last) => return Ok((Way::Get, last)),
                Pulled::NotServed if retrieval.with == With::Get => {
                    return Err((None, "it does not give by C-GET; try it with a C-MOVE".to_owned()));
                }
                Pulled::NotServed => {
                    telling.note("it does not give by C-GET; it is asked to move".to_owned()).await
                }
            }
        }
        let moved = move_here(&call, &self.caller.ae_title, &keys, telling).await;
        Ok((Way::Move, moved.map_err(|error| (Some(Way::Move), error.to_string()))?))
    }
}

/// What is here of what was wanted; none when it cannot be said.
async fn here(archive: &Archive, keeper: &Principal, retrieval: &Retrieval) -> Option<BTreeSet<Uid>> {
    match archive.look_up(keeper, &retrieval.selection()).await {
        Ok(found) => Some(found.into_iter().map(|found| found.ids.instance).collect()),
        Err(error) => {
            tracing::warn!(%error, "what was retrieved cannot be looked up");
            None
        }
    }
}
