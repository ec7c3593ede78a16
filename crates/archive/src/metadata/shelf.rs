//! Answers held in memory, so that a viewer's second question costs nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use causeway_core::{ObjectKey, Uid};

/// Most bytes of answers held in memory.
const MAX_SHELF_BYTES: usize = 64 * 1024 * 1024;

/// Answers, the one made longest ago going first when space runs out.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Answers>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) series: Uid,
    pub(super) base_url: String,
}

#[derive(Default)]
struct Answers {
    answers: HashMap<Key, Answer>,
    order: VecDeque<Key>,
    bytes: usize,
}

pub(super) struct Answer {
    /// What the answer was made of: it serves only a question about exactly these.
    pub(super) objects: Vec<ObjectKey>,
    pub(super) json: Bytes,
}

impl Shelf {
    fn shelf(&self) -> std::sync::MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, key: &Key, objects: &[ObjectKey]) -> Option<Bytes> {
        let shelf = self.shelf();
        let answer = shelf.answers.get(key)?;
        (answer.objects == objects).then(|| answer.json.clone())
    }

    pub(super) fn keep(&self, key: Key, answer: Answer) {
        if answer.json.len() > MAX_SHELF_BYTES / 4 {
            return;
        }
        let mut shelf = self.shelf();
        shelf.remove(&key);
        shelf.bytes += answer.json.len();
        shelf.answers.insert(key.clone(), answer);
        shelf.order.push_back(key);
        while shelf.bytes > MAX_SHELF_BYTES {
            let Some(oldest) = shelf.order.front().cloned() else { break };
            shelf.remove(&oldest);
        }
    }
}

impl Answers {
    fn remove(&mut self, key: &Key) {
        if let Some(answer) = self.answers.remove(key) {
            self.bytes = self.bytes.saturating_sub(answer.json.len());
            self.order.retain(|other| other != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(series: &str) -> Key {
        Key { series: Uid::parse(series).unwrap(), base_url: "http://h/dicom-web".to_owned() }
    }

    fn object(digit: char) -> ObjectKey {
        ObjectKey::parse(&digit.to_string().repeat(32)).unwrap()
    }

    #[test]
    fn an_answer_serves_only_the_objects_it_was_made_of() {
        let shelf = Shelf::default();
        shelf.keep(key("1.2"), Answer { objects: vec![object('a')], json: Bytes::from_static(b"{}") });
        assert!(shelf.find(&key("1.2"), &[object('a')]).is_some());
        assert!(shelf.find(&key("1.2"), &[object('a'), object('b')]).is_none());
        assert!(shelf.find(&key("1.3"), &[object('a')]).is_none());
    }

    #[test]
    fn the_shelf_never_holds_more_than_its_bound() {
        let shelf = Shelf::default();
        let quarter = Bytes::from(vec![b' '; MAX_SHELF_BYTES / 4]);
        for series in ["1.1", "1.2", "1.3", "1.4", "1.5"] {
            shelf.keep(key(series), Answer { objects: Vec::new(), json: quarter.clone() });
        }
        assert!(shelf.shelf().bytes <= MAX_SHELF_BYTES);
        assert!(shelf.find(&key("1.1"), &[]).is_none());
        assert!(shelf.find(&key("1.5"), &[]).is_some());
    }

    #[test]
    fn an_answer_beyond_a_quarter_of_the_shelf_is_not_kept() {
        let shelf = Shelf::default();
        let large = Bytes::from(vec![b' '; MAX_SHELF_BYTES / 4 + 1]);
        shelf.keep(key("1.1"), Answer { objects: Vec::new(), json: large });
        assert_eq!(shelf.shelf().bytes, 0);
    }
}
