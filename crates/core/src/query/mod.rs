//! What a caller looks for. C-FIND and QIDO-RS both build this one type; the catalog turns it into SQL, and
//! `matching` says what it means.
//!
//! Lives here: the query, its keys, what the text of a key means, and which attributes belong to which level. Never
//! here: how an identifier or a URL is taken apart (the doors), how rows are found (`catalog`).

pub mod dates;
pub mod fuzzy;
pub mod levels;
pub mod matching;
pub mod moments;
pub mod reading;
pub mod zones;

use crate::sight::Sight;
use crate::tag::Tag;
use crate::vr::Vr;
pub use matching::Matching;
pub use reading::Reading;
pub use zones::Zones;

/// A level of the information models (PS3.4 §C.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// PATIENT.
    Patient,
    /// STUDY.
    Study,
    /// SERIES.
    Series,
    /// IMAGE: an instance of any kind.
    Instance,
}

impl Level {
    /// The value of Query/Retrieve Level (0008,0052).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "PATIENT",
            Self::Study => "STUDY",
            Self::Series => "SERIES",
            Self::Instance => "IMAGE",
        }
    }

    /// Reads a value of Query/Retrieve Level.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Patient, Self::Study, Self::Series, Self::Instance].into_iter().find(|l| l.as_str() == text)
    }

    /// The attribute that names one entity of this level (PS3.4 §C.6.1.1, §C.6.2.1).
    #[must_use]
    pub const fn unique_key(self) -> Tag {
        match self {
            Self::Patient => Tag::PATIENT_ID,
            Self::Study => Tag::STUDY_INSTANCE_UID,
            Self::Series => Tag::SERIES_INSTANCE_UID,
            Self::Instance => Tag::SOP_INSTANCE_UID,
        }
    }
}

/// A question to the catalog.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What kind of entity is sought.
    pub level: Level,
    /// All of these must hold. Keys of this level and of the levels above it.
    pub keys: Vec<Key>,
    /// Which attributes an answer shows.
    pub returned: Returned,
    /// Most answers to give; `None`: all.
    pub limit: Option<u32>,
    /// Answers to pass over first.
    pub offset: u32,
    /// The zone that dates and times are matched and answered in; `None`: as they are kept.
    pub zones: Option<Zones>,
    /// Which studies are looked at. The archive's to set, by who asks.
    pub sight: Sight,
}

impl Query {
    /// Everything at `level`.
    #[must_use]
    pub const fn all(level: Level) -> Self {
        Self {
            level,
            keys: Vec::new(),
            returned: Returned::All,
            limit: None,
            offset: 0,
            zones: None,
            sight: Sight::Everything,
        }
    }

    /// Adds a key.
    #[must_use]
    pub fn with(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }
}

/// One condition on one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The attribute.
    pub tag: Tag,
    /// Its VR, which decides how values are compared.
    pub vr: Vr,
    /// The condition.
    pub matching: Matching,
}

/// Which attributes an answer shows. The unique keys of the level and of those above are shown in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    /// All that is kept.
    All,
    /// These only.
    Only(Vec<Tag>),
}

impl Returned {
    /// Whether an answer shows `tag`.
    #[must_use]
    pub fn shows(&self, tag: Tag) -> bool {
        match self {
            Self::All => true,
            Self::Only(tags) => tags.contains(&tag),
        }
    }
}
