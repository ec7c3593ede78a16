//! What a retrieval came to: the remote's word, its list, and what is here. Only the last is proof. Pure.

use std::collections::BTreeSet;

use causeway_core::status::Outcome;
use causeway_core::{Element, Status, Tag, Uid};
use causeway_dataset::identifier;
use causeway_dimse::message::Progress;

use super::{Counts, Final, RetrieveEnd, Way};
use crate::visit::survey::Listed;
use crate::visit::{Told, words};

/// Most instances named in a list of what is missing or failed.
const MAX_NAMED: usize = 1_000;

/// What is known when all is said.
pub(super) struct Outlook<'a> {
    /// What the remote lists, where it does.
    pub(super) listed: Option<&'a Listed>,
    /// What is here of what was wanted; none when that cannot be said.
    pub(super) here: Option<BTreeSet<Uid>>,
    /// How far it was.
    pub(super) counts: Counts,
}

impl Outlook<'_> {
    /// Those listed that are not here.
    fn missing(&self) -> Vec<&Uid> {
        let is_here = |uid: &Uid| self.here.as_ref().is_some_and(|here| here.contains(uid));
        self.listed.into_iter().flat_map(|listed| listed.keys()).filter(|uid| !is_here(uid)).collect()
    }

    /// The end of what was not answered to its end, or not asked.
    pub(super) fn broken(&self, way: Option<Way>, words: String) -> RetrieveEnd {
        RetrieveEnd {
            is_well: false,
            words,
            way,
            status: None,
            counts: self.counts,
            here: self.here.as_ref().map_or(0, |here| here.len() as u64),
            failed: Vec::new(),
            missing: self.missing().into_iter().take(MAX_NAMED).cloned().collect(),
        }
    }

    /// The end of what was taken over the web, where nothing is said but what came.
    pub(super) fn taken(&self) -> RetrieveEnd {
        let (missing, here) = (self.missing().len(), self.here.as_ref().map_or(0, BTreeSet::len));
        let of = self.listed.map(|listed| format!(" of {}", listed.len())).unwrap_or_default();
        let words = match (here, missing) {
            (0, _) => "nothing of it is here".to_owned(),
            (here, 0) => format!("{here}{of} instances are here"),
            (_, missing) => format!("{missing}{of} instances are not here"),
        };
        let is_well = here > 0 && missing == 0 && self.counts.refused == 0;
        RetrieveEnd { is_well, ..self.broken(Some(Way::Web), words) }
    }

    /// The end of what was answered. `remedy`: what may help, should it not be well.
    pub(super) fn end(&self, way: Way, last: &Final, remedy: Option<String>) -> RetrieveEnd {
        let retrieved = &last.retrieved;
        let Progress { remaining, completed, failed, warning } = retrieved.progress;
        let counts = Counts {
            remaining,
            completed: completed.or(self.counts.completed),
            failed: failed.or(self.counts.failed),
            warning: warning.or(self.counts.warning),
            ..self.counts
        };
        let missing = self.missing();
        let here = self.here.as_ref().map_or(0, |here| here.len() as u64);
        let said = u64::from(counts.completed.unwrap_or(0)) + u64::from(counts.warning.unwrap_or(0));
        let is_said = matches!(retrieved.status.outcome(), Outcome::Success | Outcome::Warning)
            && counts.failed.unwrap_or(0) == 0
            && counts.refused == 0;
        let came = here > 0 && here >= said && missing.is_empty();
        let is_well = is_said && came;
        let mut sentences = Vec::new();
        if !is_said || retrieved.status != Status::SUCCESS {
            sentences.push(words::sentence(retrieved.status, retrieved.comment.as_deref(), &[]));
        }
        if !is_well {
            sentences.extend(remedy);
        }
        let of = self.listed.map(|listed| format!(" of {}", listed.len())).unwrap_or_default();
        match (here, missing.len()) {
            (0, 0) if is_said => sentences.push("nothing came: it has nothing of this".to_owned()),
            (0, 0) => sentences.push("nothing of it is here".to_owned()),
            (_, 0) if here < said => {
                sentences.push(format!("it says that it sent {said}, and {here} are here"))
            }
            (_, 0) => sentences.push(format!("{here}{of} instances are here")),
            (_, missing) => sentences.push(format!("{missing}{of} instances are not here")),
        }
        RetrieveEnd {
            is_well,
            words: sentences.join("; "),
            way: Some(way),
            status: Some(Told(retrieved.status)),
            counts,
            here,
            failed: failed_list(last),
            missing: missing.into_iter().take(MAX_NAMED).cloned().collect(),
        }
    }
}

/// Failed SOP Instance UID List (0008,0058), as far as it can be read.
fn failed_list(last: &Final) -> Vec<Uid> {
    let Some(bytes) = &last.retrieved.identifier else { return Vec::new() };
    let Ok(found) = identifier::decode(bytes, last.layout) else { return Vec::new() };
    let listed = found.get(Tag::FAILED_SOP_INSTANCE_UID_LIST).map(Element::values).unwrap_or_default();
    listed.iter().filter_map(|text| Uid::parse(text).ok()).take(MAX_NAMED).collect()
}

#[cfg(test)]
mod tests {
    use causeway_core::transfer_syntax::Layout;
    use causeway_core::{Attributes, Vr};
    use causeway_dimse::scu::Retrieved;

    use super::*;

    fn uid(n: usize) -> Uid {
        Uid::parse(&format!("1.2.{n}")).unwrap()
    }

    fn last(status: u16, completed: u16, failed: u16, list: &[usize]) -> Final {
        let mut keys = Attributes::new();
        let values = list.iter().map(|n| uid(*n).as_str().to_owned()).collect();
        keys.put(Tag::FAILED_SOP_INSTANCE_UID_LIST, Element::text(Vr::UI, values));
        let layout = Layout::ImplicitLittleEndian;
        let identifier = (!list.is_empty()).then(|| identifier::encode(&keys, layout));
        let progress =
            Progress { remaining: None, completed: Some(completed), failed: Some(failed), warning: Some(0) };
        Final { retrieved: Retrieved { status: Status(status), comment: None, progress, identifier }, layout }
    }

    fn end(listed: Option<usize>, here: usize, last: &Final) -> RetrieveEnd {
        let listed: Option<Listed> = listed.map(|count| (0..count).map(|n| (uid(n), None)).collect());
        let here = Some((0..here).map(uid).collect());
        let outlook = Outlook { listed: listed.as_ref(), here, counts: Counts::default() };
        outlook.end(Way::Move, last, Some("the remedy".to_owned()))
    }

    #[test]
    fn it_is_well_only_when_all_that_is_listed_and_all_that_was_counted_is_here() {
        for (listed, here, status, completed, failed, is_well) in [
            (Some(3), 3, 0x0000, 3, 0, true),
            (Some(3), 2, 0x0000, 3, 0, false),
            (Some(3), 3, 0xB000, 2, 1, false),
            (Some(3), 3, 0xB000, 3, 0, true),
            (Some(3), 3, 0xA702, 0, 3, false),
            (Some(0), 0, 0x0000, 0, 0, false),
            (None, 3, 0x0000, 3, 0, true),
            (None, 2, 0x0000, 3, 0, false),
            (None, 0, 0x0000, 0, 0, false),
            (Some(3), 3, 0xFE00, 3, 0, false),
        ] {
            let end = end(listed, here, &last(status, completed, failed, &[]));
            assert_eq!(end.is_well, is_well, "{listed:?} {here} {status:04X}: {}", end.words);
            assert_eq!(end.words.contains("the remedy"), !is_well, "{}", end.words);
        }
    }

    #[test]
    fn what_failed_and_what_is_missing_is_named_within_bounds() {
        let told = end(Some(3), 1, &last(0xB000, 1, 2, &[1, 2]));
        assert_eq!((told.failed, told.missing), (vec![uid(1), uid(2)], vec![uid(1), uid(2)]));
        for count in [MAX_NAMED, MAX_NAMED + 1] {
            let told = end(Some(count), 0, &last(0xA702, 0, 1, &(0..count).collect::<Vec<_>>()));
            assert_eq!((told.failed.len(), told.missing.len()), (MAX_NAMED, MAX_NAMED));
        }
    }
}
