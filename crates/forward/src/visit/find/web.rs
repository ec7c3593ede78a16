//! A question put by QIDO-RS (PS3.18 §10.6): the same keys as an identifier of C-FIND has, as a path and a query. Pure
//! but for [`search`].

use std::fmt::Write as _;

use causeway_core::{Attributes, Element, Level, Tag, Uid, Value, Vr};
use tokio::sync::mpsc;

use super::question::Asked;
use super::{FindEnd, FindLine};
use crate::dicomweb::DicomWeb;
use crate::failure::Failure;
use crate::qido::{self, Page, Search, Turn};

/// Where a question goes, and with what.
#[derive(Debug, PartialEq)]
struct Put {
    /// Below the base URL.
    path: String,
    query: Vec<(String, String)>,
    /// The study that the path names.
    study: Option<Uid>,
}

/// One search; in words what kept it from being put or answered at all.
pub(super) async fn search(
    web: &DicomWeb,
    asked: &Asked,
    lines: &mpsc::Sender<FindLine>,
) -> Result<FindEnd, String> {
    let Put { path, query, study } = put(asked)?;
    let query = query.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let limit = asked.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    // One more than is wanted shows that there are more.
    let mut search = Search::new(web, path, query, asked.level.unique_key(), limit.saturating_add(1));
    let mut telling = Telling { lines, asked, limit, told: 0, unreadable: 0, has_more: false, warning: None };
    loop {
        let turn = tokio::select! {
            turn = search.turn() => turn,
            () = lines.closed() => return Ok(telling.end(true, "nobody waits for it any more".to_owned())),
        };
        let page = match turn {
            Ok(Turn::Page(page)) => page,
            Ok(Turn::End) => break,
            Ok(Turn::Missing) => match nothing_there(web, study.as_ref()).await {
                Ok(()) => break,
                Err(words) => return Ok(telling.end(false, words)),
            },
            Err(failure) => return Ok(telling.end(false, failure.words)),
        };
        telling.tell(page).await;
        if telling.has_more {
            let words = format!("there is more than {}, it was not asked further", telling.told);
            return Ok(telling.end(true, words));
        }
    }
    Ok(telling.end(true, "it says that this was all".to_owned()))
}

/// Whether 404 means that there is nothing: only of a study, and only where others are told of.
async fn nothing_there(web: &DicomWeb, study: Option<&Uid>) -> Result<(), String> {
    const NOT_SERVED: &str = "HTTP 404 to a question: it does not serve QIDO-RS there; check the URL";
    let Some(study) = study else { return Err(NOT_SERVED.to_owned()) };
    match qido::is_served(web, study).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(NOT_SERVED.to_owned()),
        Err(Failure { words, .. }) => Err(words),
    }
}

/// Tells matches page by page.
struct Telling<'a> {
    lines: &'a mpsc::Sender<FindLine>,
    asked: &'a Asked,
    limit: usize,
    told: usize,
    unreadable: usize,
    has_more: bool,
    warning: Option<String>,
}

impl Telling<'_> {
    async fn tell(&mut self, page: Page) {
        self.unreadable += page.unreadable;
        self.warning = page.warning.or(self.warning.take());
        for mut found in page.matches {
            if self.told >= self.limit {
                self.has_more = true;
                return;
            }
            // Servers tell more than they are asked for (PS3.18 §10.6.3.3).
            found.retain(|tag| self.asked.identifier.contains(tag));
            if self.lines.send(FindLine::Match(Box::new(found))).await.is_err() {
                return;
            }
            self.told += 1;
        }
    }

    fn end(&self, is_well: bool, words: String) -> FindEnd {
        let mut sentences = vec![words];
        if self.unreadable > 0 {
            sentences.push(format!("{} of its matches could not be read", self.unreadable));
        }
        sentences.extend(self.warning.as_ref().map(|warning| format!("it warns: {warning}")));
        FindEnd {
            is_well: is_well && self.unreadable == 0,
            words: sentences.join("; "),
            has_remarks: sentences.len() > 1,
            status: None,
            matches: self.told as u64,
            has_more: self.has_more,
        }
    }
}

/// The question as it is put.
fn put(asked: &Asked) -> Result<Put, String> {
    let named = |level: Level| match asked.identifier.get(level.unique_key()).map(Element::values) {
        Some([one]) => Uid::parse(one).ok(),
        _ => None,
    };
    let (study, series) = (named(Level::Study), named(Level::Series));
    let (path, within) = match (asked.level, &study, &series) {
        (Level::Patient, ..) => {
            let words = "QIDO-RS has no patients: ask for studies, by PatientID or PatientName";
            return Err(words.to_owned());
        }
        (Level::Study, ..) => ("studies".to_owned(), [None, None]),
        (Level::Series, Some(study), _) => (format!("studies/{study}/series"), [Some(Level::Study), None]),
        (Level::Series, None, _) => ("series".to_owned(), [None, None]),
        (Level::Instance, Some(study), Some(series)) => {
            (format!("studies/{study}/series/{series}/instances"), [Some(Level::Study), Some(Level::Series)])
        }
        (Level::Instance, Some(study), None) => {
            (format!("studies/{study}/instances"), [Some(Level::Study), None])
        }
        (Level::Instance, None, _) => ("instances".to_owned(), [None, None]),
    };
    let in_path: Vec<Tag> = within.into_iter().flatten().map(Level::unique_key).collect();
    let mut query = Vec::new();
    ask_about(&asked.identifier, "", &in_path, &mut query);
    if asked.is_fuzzy() {
        query.push(("fuzzymatching".to_owned(), "true".to_owned()));
    }
    let study = study.filter(|_| in_path.contains(&Level::Study.unique_key()));
    Ok(Put { path, query, study })
}

/// One parameter for each attribute, those in sequences by their path (PS3.18 §8.3.4.1). What the path names is told
/// without being asked for.
fn ask_about(attributes: &Attributes, within: &str, in_path: &[Tag], query: &mut Vec<(String, String)>) {
    for (tag, element) in attributes.iter().filter(|(tag, _)| *tag != Tag::QUERY_RETRIEVE_LEVEL) {
        let mut name = within.to_owned();
        let _ = write!(name, "{}", tag.to_hex());
        match &element.value {
            Value::Items(items) if !items.is_empty() => {
                for item in items {
                    ask_about(item, &format!("{name}."), &[], query);
                }
            }
            _ if element.is_empty() || in_path.contains(&tag) => {
                query.push(("includefield".to_owned(), name))
            }
            Value::Text(values) => {
                let separator = if element.vr == Vr::UI { "," } else { "\\" };
                query.push((name, values.join(separator)));
            }
            Value::Items(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visit::{Question, Root, Scope};

    fn asked(level: Scope, keys: &[(&str, &str)]) -> Put {
        let keys = keys.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        put(&Question { level, keys, ..Question::default() }.read().unwrap()).unwrap()
    }

    fn has(put: &Put, name: &str, value: &str) -> bool {
        put.query.contains(&(name.to_owned(), value.to_owned()))
    }

    #[test]
    fn what_is_named_once_is_the_path_and_the_rest_is_matched_or_told() {
        let study =
            asked(Scope::Study, &[("PatientID", "P1"), ("StudyInstanceUID", "1.2\\1.3"), ("Rows", "")]);
        assert_eq!((study.path.as_str(), study.study.clone()), ("studies", None));
        assert!(has(&study, "00100020", "P1") && has(&study, "0020000D", "1.2,1.3"));
        assert!(has(&study, "includefield", "00280010") && has(&study, "includefield", "00080061"));
        assert!(!study.query.iter().any(|(name, value)| name == "00080052" || value == "00080052"));
        let series = asked(Scope::Series, &[("StudyInstanceUID", "1.2"), ("Modality", "CT\\MR")]);
        assert_eq!((series.path.as_str(), series.study), ("studies/1.2/series", Uid::parse("1.2").ok()));
        assert!(series.query.contains(&("00080060".to_owned(), "CT\\MR".to_owned())));
        assert_eq!(asked(Scope::Series, &[]).path, "series");
        let both = [("StudyInstanceUID", "1.2"), ("SeriesInstanceUID", "1.3")];
        assert_eq!(asked(Scope::Image, &both).path, "studies/1.2/series/1.3/instances");
        assert_eq!(asked(Scope::Image, &both[..1]).path, "studies/1.2/instances");
        let without = asked(Scope::Image, &both[1..]);
        assert_eq!(without.path, "instances");
        assert!(has(&without, "0020000E", "1.3"));
    }

    #[test]
    fn what_is_no_uid_is_never_part_of_a_path() {
        for value in ["1.2/../../admin", "*", "1.2?x=y"] {
            let series = asked(Scope::Series, &[("StudyInstanceUID", value)]);
            assert_eq!(series.path, "series", "{value}");
            assert!(has(&series, "0020000D", value));
        }
    }

    #[test]
    fn attributes_in_sequences_are_named_by_their_path() {
        let keys = [("RequestAttributesSequence.AccessionNumber", "A1"), ("ReferencedStudySequence", "")];
        let series = asked(Scope::Series, &keys);
        assert!(has(&series, "00400275.00080050", "A1") && has(&series, "includefield", "00081110"));
    }

    #[test]
    fn patients_are_not_asked_for_and_fuzzy_names_are() {
        let question = Question { level: Scope::Patient, root: Root::Patient, ..Question::default() };
        assert!(put(&question.read().unwrap()).unwrap_err().contains("ask for studies"));
        let question = Question { fuzzy: true, ..Question::default() };
        assert!(has(&put(&question.read().unwrap()).unwrap(), "fuzzymatching", "true"));
    }
}
