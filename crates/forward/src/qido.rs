//! What a remote's DICOMweb side lists (QIDO-RS, PS3.18 §10.6): asked for page by page, and read with one patience
//! whoever asks. Never here: what a list is for.

use std::collections::BTreeSet;
use std::fmt;

use causeway_core::{Attributes, Tag, Uid};
use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::dicomweb::{Answer, DicomWeb, Found};
use crate::failure::{Failure, Kind};

/// Matches that are asked for at a time.
pub(crate) const PAGE_MATCHES: usize = 1000;
/// Longest answer to one question.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// Most matches of one answer: servers may pass over `limit`.
const MAX_ANSWER_MATCHES: usize = 200_000;
/// Most questions of one search: servers may give shorter pages than they are asked for.
const MAX_PAGES: usize = 2000;
/// Most instances that one question asks after by name: their UIDs have to fit a URL.
pub(crate) const MAX_NAMED: usize = 24;

/// One answer, read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Page {
    /// Its matches, in their order.
    pub(crate) matches: Vec<Attributes>,
    /// Matches that are no DICOM JSON object.
    pub(crate) unreadable: usize,
    /// What the far side warns of.
    pub(crate) warning: Option<String>,
}

/// A search, while it is asked.
pub(crate) struct Search<'a> {
    web: &'a DicomWeb,
    /// Below the base URL.
    path: String,
    query: Vec<(&'a str, String)>,
    /// What tells two matches apart.
    key: Tag,
    /// Most matches wanted of it.
    most: usize,
    /// Matches that were told, which is where the next page begins.
    offset: usize,
    pages: usize,
    /// Keys of the page before: one that passes over `offset` says the same again and again.
    before: BTreeSet<String>,
    is_over: bool,
}

/// What comes next in a search.
pub(crate) enum Turn {
    /// A page.
    Page(Page),
    /// Nothing: all is told.
    End,
    /// Nothing: there is no such resource (404). Of a study, some say so when they do not have it.
    Missing,
}

/// Whether the far side has some instances.
pub(crate) enum Presence {
    /// It lists these of those that were asked after.
    Lists(BTreeSet<Uid>),
    /// It does not answer such questions.
    Untold,
}

impl<'a> Search<'a> {
    /// Matches below `path`, told apart by `key`; at most `most` are wanted.
    pub(crate) fn new(
        web: &'a DicomWeb,
        path: String,
        query: Vec<(&'a str, String)>,
        key: Tag,
        most: usize,
    ) -> Self {
        let before = BTreeSet::new();
        Self { web, path, query, key, most, offset: 0, pages: 0, before, is_over: false }
    }

    /// The next page, without what the one before had already; none when all is told. Where there is no such resource
    /// there is nothing; [`Self::turn`] tells it apart.
    ///
    /// # Errors
    /// When it cannot be asked, its answer is no list, or there are too many pages.
    pub(crate) async fn next(&mut self) -> Result<Option<Page>, Failure> {
        Ok(match self.turn().await? {
            Turn::Page(page) => Some(page),
            Turn::End | Turn::Missing => None,
        })
    }

    /// As [`Self::next`].
    pub(crate) async fn turn(&mut self) -> Result<Turn, Failure> {
        if self.is_over || self.offset >= self.most {
            return Ok(Turn::End);
        }
        if self.pages >= MAX_PAGES {
            let words = format!("it takes more than {MAX_PAGES} questions to hear all that it lists");
            return Err(Failure::new(Kind::Unclear, words));
        }
        self.pages += 1;
        let limit = PAGE_MATCHES.min(self.most - self.offset);
        let mut query = self.query.clone();
        query.push(("limit", limit.to_string()));
        query.push(("offset", self.offset.to_string()));
        let found = match self.web.get(&self.path, &query, MAX_ANSWER_BYTES).await? {
            Answer::Found(found) => found,
            Answer::Nothing => {
                self.is_over = true;
                return Ok(Turn::End);
            }
            Answer::Missing => {
                self.is_over = true;
                return Ok(Turn::Missing);
            }
        };
        Ok(self.fresh(read(found)?).map_or(Turn::End, Turn::Page))
    }

    /// What of a page is new.
    fn fresh(&mut self, mut page: Page) -> Option<Page> {
        let count = page.matches.len() + page.unreadable;
        self.offset = self.offset.saturating_add(count);
        let key = |found: &Attributes| found.first(self.key).map(str::to_owned);
        let keys: BTreeSet<String> = page.matches.iter().filter_map(key).collect();
        let is_told = |found: &Attributes| key(found).is_some_and(|key| self.before.contains(&key));
        page.matches.retain(|found| !is_told(found));
        let is_new = keys.iter().any(|key| !self.before.contains(key));
        self.is_over = !is_new;
        self.before = keys;
        (!page.matches.is_empty() || page.unreadable > 0).then_some(page)
    }
}

/// Whether the far side serves QIDO-RS at all, which one that says 404 of a study may do nevertheless.
///
/// # Errors
/// When it cannot be asked, or answers otherwise.
pub(crate) async fn is_served(web: &DicomWeb, study: &Uid) -> Result<bool, Failure> {
    let query = [("StudyInstanceUID", study.to_string()), ("limit", "1".to_owned())];
    match web.get("studies", &query, MAX_ANSWER_BYTES).await {
        Ok(Answer::Found(_) | Answer::Nothing) => Ok(true),
        Ok(Answer::Missing) => Ok(false),
        Err(failure) if is_no_service(&failure) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Whether a failure says that there is no such service (405, 501).
pub(crate) fn is_no_service(failure: &Failure) -> bool {
    matches!(failure.status, Some(405 | 501))
}

/// Which of these instances of a study the far side lists, at most [`MAX_NAMED`] of them: UID list matching (PS3.4
/// §C.2.2.2.2, PS3.18 §8.3.4.1).
///
/// # Errors
/// When the line breaks, or something before the far side says that it is not there.
pub(crate) async fn which(web: &DicomWeb, study: &Uid, uids: &[Uid]) -> Result<Presence, Failure> {
    let named = uids.iter().take(MAX_NAMED).map(Uid::as_str).collect::<Vec<_>>().join(",");
    let path = format!("studies/{study}/instances");
    let answer = web.get(&path, &[("SOPInstanceUID", named)], MAX_ANSWER_BYTES).await;
    let page = match answer {
        Ok(Answer::Found(found)) => read(found),
        Ok(Answer::Nothing) => Ok(Page::default()),
        Ok(Answer::Missing) => return Ok(Presence::Untold),
        Err(failure) => Err(failure),
    };
    match page {
        Ok(page) => {
            let listed: BTreeSet<Uid> = page.instances().map(|(uid, _)| uid).collect();
            Ok(Presence::Lists(uids.iter().filter(|uid| listed.contains(*uid)).cloned().collect()))
        }
        // The line's doing, or a proxy's on it.
        Err(failure)
            if failure.kind == Kind::Transient && matches!(failure.status, None | Some(502 | 504)) =>
        {
            Err(failure)
        }
        Err(_) => Ok(Presence::Untold),
    }
}

impl Page {
    /// The instances that it tells of, with their SOP classes where told.
    pub(crate) fn instances(&self) -> impl Iterator<Item = (Uid, Option<Uid>)> {
        let uid = |found: &Attributes, tag| found.first(tag).and_then(|text| Uid::parse(text).ok());
        self.matches.iter().filter_map(move |found| {
            Some((uid(found, Tag::SOP_INSTANCE_UID)?, uid(found, Tag::SOP_CLASS_UID)))
        })
    }
}

/// Reads an answer: an array of objects, of which single ones may be unreadable.
fn read(found: Found) -> Result<Page, Failure> {
    let Matches { matches, unreadable } = serde_json::from_slice(&found.body).map_err(|error| {
        let words =
            if error.to_string().starts_with(TOO_MANY) { TOO_MANY } else { "its answer is no DICOM JSON" };
        Failure::new(Kind::Unclear, words)
    })?;
    Ok(Page { matches, unreadable, warning: found.warning })
}

/// Said of an answer with more matches than are read.
const TOO_MANY: &str = "its answer has more matches than are read at once";

/// An array of matches, bounded while it is read.
#[derive(Debug, Default)]
struct Matches {
    matches: Vec<Attributes>,
    unreadable: usize,
}

impl<'de> Deserialize<'de> for Matches {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;
        impl<'de> Visitor<'de> for Array {
            type Value = Matches;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of matches")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Matches, A::Error> {
                let mut read = Matches::default();
                while let Some(raw) = seq.next_element::<&RawValue>()? {
                    match Attributes::from_json(raw.get()) {
                        Ok(found) => read.matches.push(found),
                        Err(_) => read.unreadable += 1,
                    }
                    if read.matches.len() + read.unreadable > MAX_ANSWER_MATCHES {
                        return Err(A::Error::custom(TOO_MANY));
                    }
                }
                Ok(read)
            }
        }
        deserializer.deserialize_seq(Array)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use causeway_core::remote::DicomWebAddress;

    use super::*;
    use crate::sender::Patience;

    fn page(json: &str) -> Result<Page, String> {
        let found = Found { body: json.as_bytes().to_vec(), warning: None };
        read(found).map_err(|failure| failure.words)
    }

    fn listing(uids: std::ops::Range<usize>) -> String {
        let one = |n: usize| format!(r#"{{"00080018":{{"vr":"UI","Value":["1.2.{n}"]}}}}"#);
        format!("[{}]", uids.map(one).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn an_answer_is_a_list_and_single_matches_of_it_may_be_unreadable() {
        let read =
            page(r#"[{"00080018":{"vr":"UI","Value":["1.2.3"]}},7,{"00080018":{"vr":"XX"}},{}]"#).unwrap();
        assert_eq!((read.matches.len(), read.unreadable), (2, 2));
        assert_eq!(read.instances().map(|(uid, _)| uid.to_string()).collect::<Vec<_>>(), ["1.2.3"]);
        assert_eq!(page("[]"), Ok(Page::default()));
        for wrong in ["<html>", r#"{"error":"no"}"#, "", "[{}"] {
            assert_eq!(page(wrong), Err("its answer is no DICOM JSON".to_owned()), "{wrong}");
        }
    }

    #[test]
    fn an_answer_has_a_bounded_number_of_matches() {
        for (count, is_read) in
            [(MAX_ANSWER_MATCHES - 1, true), (MAX_ANSWER_MATCHES, true), (MAX_ANSWER_MATCHES + 1, false)]
        {
            let json = format!("[{}]", vec!["1"; count].join(","));
            assert_eq!(page(&json).is_ok(), is_read, "{count}");
        }
    }

    #[test]
    fn what_is_nested_without_end_is_unreadable_and_breaks_nothing() {
        let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(page(&deep).unwrap().unreadable, 1);
        assert!(page(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn one_that_passes_over_the_offset_is_asked_once_more_and_no_further() {
        let patience = Patience { connect: Duration::from_secs(1), response: Duration::from_secs(1) };
        let address = DicomWebAddress { url: "http://127.0.0.1:1".to_owned(), token_file: None };
        let web = DicomWeb::new(&address, patience).unwrap();
        let mut search = Search::new(&web, "instances".to_owned(), Vec::new(), Tag::SOP_INSTANCE_UID, 5000);
        assert_eq!(search.fresh(page(&listing(0..10)).unwrap()).unwrap().matches.len(), 10);
        assert!(!search.is_over && search.offset == 10);
        // One of them came while it was asked, and moved the others.
        assert_eq!(search.fresh(page(&listing(9..20)).unwrap()).unwrap().matches.len(), 10);
        assert!(!search.is_over);
        assert!(search.fresh(page(&listing(9..20)).unwrap()).is_none());
        assert!(search.is_over);
        let mut search = Search::new(&web, "instances".to_owned(), Vec::new(), Tag::SOP_INSTANCE_UID, 5000);
        assert_eq!(search.fresh(page("[{},{}]").unwrap()).unwrap().matches.len(), 2);
        assert!(search.is_over, "those that cannot be told apart may be the same again");
    }
}
