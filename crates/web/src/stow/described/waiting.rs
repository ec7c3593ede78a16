//! Instances that wait for their bulk data, and where those were put aside. Pure.
//!
//! A part goes to the instances that name its place, which come before it (PS3.18 §8.6.1.2). One part makes a value;
//! compressed frames come in a part each, all under the same name, as many as Number of Frames says.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use causeway_core::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
use causeway_dataset::compose::Composed;

use crate::media::MediaType;

/// What the parts under one name are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    /// Media type of the parts.
    pub(super) media_type: String,
    /// Their transfer syntax, where they say.
    pub(super) syntax: Option<String>,
}

/// A part that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) kind: Arc<Kind>,
    /// Where it begins in what was put aside.
    pub(super) start: u64,
    pub(super) bytes: u64,
}

/// An instance whose bulk data are all there.
#[derive(Debug)]
pub(super) struct Ready {
    /// Its place among those of the request.
    pub(super) index: usize,
    pub(super) composed: Composed,
    /// Where the value of each gap is.
    pub(super) places: Vec<String>,
}

/// All that is waited for.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    instances: BTreeMap<usize, Instance>,
    places: HashMap<String, Place>,
}

#[derive(Debug)]
struct Instance {
    composed: Composed,
    places: Vec<String>,
    /// Gaps whose value is not there.
    open: usize,
}

/// What is under one name.
#[derive(Debug, Default)]
struct Place {
    parts: Vec<Part>,
    /// Who waits, by how many parts: an instance as often as it names the place.
    waiting: BTreeMap<usize, Vec<usize>>,
}

impl Kind {
    /// What the header of a part says; octets where it does not.
    pub(super) fn of(media: Option<&MediaType>) -> Self {
        let media_type = media.map_or("application/octet-stream", |media| media.essence.as_str());
        let syntax = media.and_then(|media| media.parameter("transfer-syntax"));
        Self { media_type: media_type.to_owned(), syntax: syntax.map(str::to_owned) }
    }

    /// Whether one part is all there is: but for compressed images, of which each is a frame (PS3.18 §10.5.1.4).
    fn is_whole(&self) -> bool {
        let is_named = self.syntax.as_deref().is_some_and(|syntax| syntax != EXPLICIT_VR_LITTLE_ENDIAN);
        let is_frame = match self.media_type.as_str() {
            "application/octet-stream" => is_named,
            media_type => media_type.starts_with("image/"),
        };
        !is_frame
    }
}

impl Waiting {
    /// Takes an instance, whose values are to come under the names `places`. Given back when it has to wait for nothing.
    pub(super) fn take(&mut self, index: usize, composed: Composed, places: Vec<String>) -> Option<Ready> {
        let mut open = 0;
        for (gap, place) in composed.gaps.iter().zip(&places) {
            let frames = usize::try_from(composed.frames.max(1)).unwrap_or(usize::MAX);
            let wanted = if gap.is_pixel_data() { frames } else { 1 };
            let place = self.places.entry(place.clone()).or_default();
            let is_there = match place.parts.first() {
                Some(first) => first.kind.is_whole() || place.parts.len() >= wanted,
                None => false,
            };
            if !is_there {
                place.waiting.entry(wanted).or_default().push(index);
                open += 1;
            }
        }
        if open == 0 {
            return Some(Ready { index, composed, places });
        }
        self.instances.insert(index, Instance { composed, places, open });
        None
    }

    /// Whether someone named this place.
    pub(super) fn knows(&self, location: &str) -> bool {
        self.places.contains_key(location)
    }

    /// Takes a part that is under the name `location`. Gives back the instances that have everything with it; nothing
    /// where no one waits for it.
    pub(super) fn give(&mut self, location: &str, part: Part) -> Option<Vec<Ready>> {
        let place = self.places.get_mut(location)?;
        if place.waiting.is_empty() {
            return None;
        }
        let is_whole = part.kind.is_whole() && place.parts.is_empty();
        place.parts.push(part);
        let mut served = Vec::new();
        while let Some(entry) = place.waiting.first_entry() {
            if !is_whole && *entry.key() > place.parts.len() {
                break;
            }
            served.extend(entry.remove());
        }
        Some(served.into_iter().filter_map(|index| self.serve(index)).collect())
    }

    fn serve(&mut self, index: usize) -> Option<Ready> {
        let instance = self.instances.get_mut(&index)?;
        instance.open = instance.open.saturating_sub(1);
        if instance.open > 0 {
            return None;
        }
        let Instance { composed, places, .. } = self.instances.remove(&index)?;
        Some(Ready { index, composed, places })
    }

    /// The parts that are under each of these names.
    pub(super) fn parts_of(&self, places: &[String]) -> Vec<Vec<Part>> {
        let parts = |place: &String| self.places.get(place).map(|place| place.parts.clone());
        places.iter().map(|place| parts(place).unwrap_or_default()).collect()
    }

    /// The instances that still wait, each with a place that has not enough.
    pub(super) fn into_waiting(self) -> impl Iterator<Item = (usize, Composed, String)> {
        let Self { instances, places } = self;
        instances.into_iter().map(move |(index, Instance { composed, places: named, .. })| {
            let is_open = |name: &&String| places.get(*name).is_some_and(|place| !place.waiting.is_empty());
            let open = named.iter().find(is_open).cloned().unwrap_or_default();
            (index, composed, open)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_dataset::json::read::read;

    fn composed(members: &str) -> Composed {
        read(format!("[{{{members}}}]").as_bytes(), 1, 10_000).unwrap().remove(0).unwrap()
    }

    fn pixels(frames: u32) -> Composed {
        composed(&format!(
            r#""00280008":{{"vr":"IS","Value":[{frames}]}},"7FE00010":{{"vr":"OB","BulkDataURI":"p"}}"#
        ))
    }

    fn part(media_type: &str) -> Part {
        let kind = Arc::new(Kind::of(MediaType::parse(media_type).as_ref()));
        Part { kind, start: 0, bytes: 1 }
    }

    fn given(waiting: &mut Waiting, place: &str, media_type: &str) -> Option<Vec<usize>> {
        let ready = waiting.give(place, part(media_type))?;
        Some(ready.iter().map(|ready| ready.index).collect())
    }

    const OCTETS: &str = "application/octet-stream";

    #[test]
    fn an_instance_without_gaps_waits_for_nothing() {
        let mut waiting = Waiting::default();
        assert!(waiting.take(0, composed(""), vec![]).is_some());
        assert_eq!(given(&mut waiting, "p", OCTETS), None);
    }

    #[test]
    fn an_instance_waits_for_each_of_its_values() {
        let mut waiting = Waiting::default();
        let two = r#""00420011":{"vr":"OB","BulkDataURI":"a"},"7FE00010":{"vr":"OB","BulkDataURI":"b"}"#;
        assert!(waiting.take(7, composed(two), vec!["a".to_owned(), "b".to_owned()]).is_none());
        assert_eq!(given(&mut waiting, "b", OCTETS), Some(vec![]));
        assert_eq!(given(&mut waiting, "b", OCTETS), None);
        assert_eq!(given(&mut waiting, "a", "application/pdf"), Some(vec![7]));
        assert_eq!(waiting.into_waiting().count(), 0);
    }

    #[test]
    fn compressed_frames_come_one_by_one_and_samples_at_once() {
        for (media_type, parts) in [
            ("image/jpeg", 3),
            ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.5", 3),
            ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", 1),
            (OCTETS, 1),
            ("video/mp4", 1),
        ] {
            let mut waiting = Waiting::default();
            assert!(waiting.take(0, pixels(3), vec!["p".to_owned()]).is_none());
            for _ in 1..parts {
                assert_eq!(given(&mut waiting, "p", media_type), Some(vec![]), "{media_type}");
            }
            assert_eq!(given(&mut waiting, "p", media_type), Some(vec![0]), "{media_type}");
            assert_eq!(given(&mut waiting, "p", media_type), None, "{media_type}");
        }
    }

    #[test]
    fn one_part_may_serve_several_instances() {
        let mut waiting = Waiting::default();
        for index in 0..3 {
            assert!(waiting.take(index, pixels(1), vec!["p".to_owned()]).is_none());
        }
        assert_eq!(given(&mut waiting, "p", OCTETS), Some(vec![0, 1, 2]));
        assert!(waiting.take(3, pixels(1), vec!["p".to_owned()]).is_some());
        assert_eq!(waiting.parts_of(&["p".to_owned(), "q".to_owned()]), [vec![part(OCTETS)], vec![]]);
    }

    #[test]
    fn what_waits_in_vain_says_for_what() {
        let mut waiting = Waiting::default();
        assert!(waiting.take(0, pixels(2), vec!["p".to_owned()]).is_none());
        given(&mut waiting, "p", "image/jpeg");
        let left: Vec<_> = waiting.into_waiting().map(|(index, _, place)| (index, place)).collect();
        assert_eq!(left, [(0, "p".to_owned())]);
    }
}
