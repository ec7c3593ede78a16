//! What has to be known of a data set before it can be changed: read from its beginning to its pixels.
//!
//! Lives here: [`Surveyor`], which takes the bytes, and the [`Survey`] that it makes. Never here: what is decided.

use std::collections::BTreeSet;

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Tag, Vr};

use super::tags;
use crate::charset::CharacterSets;
use crate::gather::{Choice, Gather};
use crate::scanner::{Flow, Header, Progress, Scanner, Sink};
use crate::{Error, dictionary};

/// Longest value that is looked at, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// Most UIDs of one instance that are noted.
pub const MAX_UIDS: usize = 100_000;
/// Most bytes of a deflated data set that are read for its beginning.
const MAX_INFLATED_BYTES: u64 = 256 * 1024 * 1024;

/// What the beginning of a data set said.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Attributes outside of any sequence that a transform reads, and whole sequences of them.
    pub attributes: Attributes,
    /// UIDs, at any depth, that are of a thing and not of the standard.
    pub uids: BTreeSet<String>,
    /// Those among them that name instances.
    pub(super) instances: BTreeSet<String>,
    /// Whether text is UTF-8 or ASCII as it stands.
    pub(super) is_utf8: bool,
    /// Whether some text could not be read as its character set says.
    pub(super) is_lossy: bool,
    /// Whether an attribute was longer than is looked at.
    pub(super) is_cut: bool,
    /// Whether there are more UIDs than are noted.
    pub(super) has_too_many_uids: bool,
}

/// Reads the beginning of a data set.
#[derive(Debug)]
pub struct Surveyor {
    scanner: Scanner<Tee>,
}

impl Surveyor {
    /// A surveyor of a data set laid out as `layout`, which keeps the attributes of `wanted` beside its own.
    pub(super) fn new(layout: Layout, wanted: BTreeSet<Tag>) -> Self {
        let tee = Tee {
            gather: Gather::new(Wanted(wanted)),
            is_gathering: false,
            is_uid: false,
            value: Vec::new(),
            uids: BTreeSet::new(),
            has_too_many: false,
            instances: BTreeSet::new(),
            names_instance: false,
            sets: None,
            is_sets: false,
        };
        Self { scanner: Scanner::new(layout, MAX_INFLATED_BYTES, tee) }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they are no data set.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, Error> {
        self.scanner.feed(bytes)
    }

    /// What was said until here: all of it, once [`Self::feed`] was told to stop or the data set was at its end.
    #[must_use]
    pub fn finish(self) -> Survey {
        let Tee { gather, uids, instances, has_too_many, sets, .. } = self.scanner.into_sink();
        let sets = sets.unwrap_or_default();
        Survey {
            is_utf8: CharacterSets::parse(&sets).is_utf8(),
            is_lossy: gather.is_lossy,
            is_cut: gather.is_cut,
            attributes: gather.attributes,
            uids,
            instances,
            has_too_many_uids: has_too_many,
        }
    }
}

#[derive(Debug)]
struct Wanted(BTreeSet<Tag>);

impl Choice for Wanted {
    const MAX_VALUE_BYTES: usize = MAX_VALUE_BYTES;

    fn keeps(&self, tag: Tag) -> Option<Vr> {
        let vr = dictionary::vr_of(tag)?;
        (self.0.contains(&tag) || tags::tells(tag, vr)).then_some(vr)
    }

    fn stops_at(&mut self, header: &Header) -> bool {
        header.is_pixel_data()
    }
}

/// Gathers attributes, and UIDs beside them.
#[derive(Debug)]
struct Tee {
    gather: Gather<Wanted>,
    is_gathering: bool,
    is_uid: bool,
    value: Vec<u8>,
    uids: BTreeSet<String>,
    has_too_many: bool,
    instances: BTreeSet<String>,
    names_instance: bool,
    /// Specific Character Set of the data set itself.
    sets: Option<Vec<u8>>,
    is_sets: bool,
}

impl Tee {
    fn note_uids(&mut self) {
        let text = String::from_utf8_lossy(&self.value);
        for uid in text.split('\\').map(|uid| uid.trim_matches(['\0', ' '])) {
            if uid.is_empty() || tags::is_of_the_standard(uid) {
                continue;
            }
            if self.uids.len() >= MAX_UIDS && !self.uids.contains(uid) {
                self.has_too_many = true;
                return;
            }
            if self.names_instance {
                self.instances.insert(uid.to_owned());
            }
            self.uids.insert(uid.to_owned());
        }
    }
}

impl Sink for Tee {
    fn element(&mut self, header: &Header) -> Flow {
        let flow = self.gather.element(header);
        self.is_gathering = flow == Flow::Value;
        if flow == Flow::Stop {
            return flow;
        }
        let vr = dictionary::vr_of(header.tag).unwrap_or(header.vr);
        let is_short = header.length.is_some_and(|length| length as usize <= MAX_VALUE_BYTES);
        let is_uid = vr == Vr::UI || header.vr == Vr::UI;
        self.has_too_many |= is_uid && !is_short;
        self.is_uid = is_uid && is_short;
        self.names_instance = matches!(header.tag, Tag::SOP_INSTANCE_UID | tags::REFERENCED_INSTANCE);
        self.is_sets = header.depth == 0 && header.tag == Tag::SPECIFIC_CHARACTER_SET && is_short;
        if self.is_gathering || self.is_uid || self.is_sets { Flow::Value } else { Flow::Skip }
    }

    fn value(&mut self, chunk: &[u8]) {
        if self.is_gathering {
            self.gather.value(chunk);
        }
        if self.is_uid || self.is_sets {
            self.value.extend_from_slice(chunk);
        }
    }

    fn end_element(&mut self) {
        if self.is_gathering {
            self.gather.end_element();
        }
        if self.is_uid {
            self.note_uids();
        }
        if self.is_sets {
            self.sets = Some(std::mem::take(&mut self.value));
        }
        self.value.clear();
    }

    fn begin_sequence(&mut self, header: &Header) {
        self.gather.begin_sequence(header);
    }

    fn begin_item(&mut self) {
        self.gather.begin_item();
    }

    fn end_item(&mut self) {
        self.gather.end_item();
    }

    fn end_sequence(&mut self) {
        self.gather.end_sequence();
    }

    fn begin_fragments(&mut self, header: &Header) -> Flow {
        self.gather.begin_fragments(header)
    }
}
