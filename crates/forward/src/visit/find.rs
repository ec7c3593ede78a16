//! Asking a remote what it has, each match told as it comes: C-FIND as SCU (PS3.4 §C.4.1.2), of one without a DIMSE
//! address QIDO-RS (`web`).

mod question;
mod web;

use causeway_core::status::Outcome;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Principal, Remote, RemoteName, Uid};
use causeway_dataset::identifier;
use causeway_dimse::negotiation::Extended;
use causeway_dimse::scu::{Call, Matches, Offers, Requestor, WantedContext, Wish, connect};
use causeway_dimse::{Context, Error};
use causeway_tls::Line;
use serde::Serialize;
use tokio::sync::mpsc;

pub use question::{MAX_KEYS, Question, QuestionError, Root, Scope};

use super::{Told, Visit, VisitError, words};
use crate::dicomweb::DicomWeb;
use crate::worker::{Forwarder, Inner};
use question::Asked;

/// What is heard of a search.
#[derive(Debug)]
pub enum FindLine {
    /// A match, as text is read in its own character set.
    Match(Box<Attributes>),
    /// The last line.
    End(FindEnd),
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindEnd {
    /// Whether the remote said that this was all, or was asked to stop because there was more than was wanted.
    pub is_well: bool,
    /// How it went, in words.
    pub words: String,
    /// Whether they say more than how it ended: what was left out, what it warns of.
    pub has_remarks: bool,
    /// The final status, where there was one.
    pub status: Option<Told>,
    /// Matches told.
    pub matches: u64,
    /// Whether there was more than was wanted.
    pub has_more: bool,
}

impl Forwarder {
    /// Asks the remote of this name; stops asking when there is more than is wanted, or nobody listens any more.
    ///
    /// # Errors
    /// When the caller is no administrator, there is no such remote, the question cannot be asked, or too many visits
    /// are under way. What goes wrong at the remote is told at the end of the visit.
    pub fn find(
        &self,
        principal: &Principal,
        name: &RemoteName,
        question: &Question,
    ) -> Result<Visit<FindLine>, VisitError> {
        let remote = self.remote_for(principal, name)?;
        let asked = question.read()?;
        let inner = self.inner.clone();
        self.set_out(|lines| async move {
            let end = inner.ask(&remote, &asked, &lines).await.unwrap_or_else(|words| FindEnd {
                is_well: false,
                words,
                has_remarks: false,
                status: None,
                matches: 0,
                has_more: false,
            });
            let _ = lines.send(FindLine::End(end)).await;
        })
    }
}

impl Inner {
    /// One search, by whichever way the remote can be asked; in words what kept it from being answered at all.
    async fn ask(
        &self,
        remote: &Remote,
        asked: &Asked,
        lines: &mpsc::Sender<FindLine>,
    ) -> Result<FindEnd, String> {
        if remote.dimse_peer().is_some() {
            return self.find_by_dimse(remote, asked, lines).await;
        }
        match &remote.dicomweb {
            Some(address) => {
                let web = DicomWeb::new(address, self.patience()).map_err(|failure| failure.words)?;
                web::search(&web, asked, lines).await
            }
            None => Err(unasked(remote)),
        }
    }

    async fn find_by_dimse(
        &self,
        remote: &Remote,
        asked: &Asked,
        lines: &mpsc::Sender<FindLine>,
    ) -> Result<FindEnd, String> {
        let extended = asked.extended.map(|information| Extended {
            sop_class: asked.model.clone(),
            information: information.to_vec(),
        });
        let offers = Offers { extended: extended.into_iter().collect(), ..Offers::default() };
        let call = Call { offers, ..self.call(remote)? };
        let (mut requestor, context) = open(&call, &asked.model).await.map_err(|error| error.to_string())?;
        let granted = requestor.extended_for(&asked.model).map(<[u8]>::to_vec).unwrap_or_default();
        let layout = Layout::of(&context.transfer_syntax);
        let mut keys = asked.identifier.clone();
        remote.quirks.tame(&mut keys);
        let identifier = identifier::encode(&keys, layout);
        let mut told = Telling { lines, layout, limit: asked.limit, told: 0, unreadable: 0, has_more: false };
        let answered = requestor.find_each(context.id, &asked.model, &identifier, &mut told).await;
        let Telling { told, unreadable, has_more, .. } = told;
        let answered = match answered {
            Ok(answered) => answered,
            Err(error) => {
                let words = error.to_string();
                return Ok(FindEnd {
                    is_well: false,
                    words,
                    has_remarks: false,
                    status: None,
                    matches: told,
                    has_more,
                });
            }
        };
        // All is answered; how it takes the goodbye does not matter.
        let _ = requestor.release().await;
        let mut sentences = if has_more {
            vec![format!("there is more than {told}, it was asked to stop")]
        } else {
            vec![words::sentence(answered.status, answered.comment.as_deref(), &answered.offending)]
        };
        if answered.has_left_keys_out {
            sentences.push("it did not look at every key (FF01H)".to_owned());
        }
        if unreadable > 0 {
            sentences.push(format!("{unreadable} of its matches could not be read"));
        }
        sentences.extend(asked.not_granted(&granted));
        let is_well = unreadable == 0 && (has_more || answered.status.outcome() == Outcome::Success);
        let status = Some(Told(answered.status));
        let has_remarks = sentences.len() > 1;
        Ok(FindEnd { is_well, words: sentences.join("; "), has_remarks, status, matches: told, has_more })
    }
}

/// Why a remote cannot be asked what it has, and what would change it.
pub(super) fn unasked(remote: &Remote) -> String {
    format!(
        "remote '{}' has no address at which it could be asked what it has: give it --host and --port, or --dicomweb \
         (a link is not asked)",
        remote.name
    )
}

/// Calls for one service, whose data sets are plain.
pub(super) async fn open(call: &Call, model: &Uid) -> Result<(Requestor<Line>, Context), Error> {
    let requestor = connect(&call.with_contexts(vec![WantedContext::plain(model.clone())])).await?;
    let context = requestor.accepted_for(model).next().cloned();
    let context = context.ok_or_else(|| Error::NotServed(model.clone()))?;
    Ok((requestor, context))
}

/// Tells matches as they come.
struct Telling<'a> {
    lines: &'a mpsc::Sender<FindLine>,
    layout: Layout,
    limit: Option<u64>,
    told: u64,
    unreadable: u64,
    has_more: bool,
}

impl Matches for Telling<'_> {
    async fn take(&mut self, bytes: Vec<u8>) -> Wish {
        if self.limit.is_some_and(|limit| self.told >= limit) {
            self.has_more = true;
            return Wish::Cancel;
        }
        let Ok(found) = identifier::decode(&bytes, self.layout) else {
            self.unreadable += 1;
            return Wish::More;
        };
        if self.lines.send(FindLine::Match(Box::new(found))).await.is_err() {
            return Wish::Cancel;
        }
        self.told += 1;
        Wish::More
    }

    async fn stopped(&mut self) {
        self.lines.closed().await;
    }
}
