//! Quirks of remotes: named departures from what we do by default, for peers that cannot bear it.
//!
//! Each has a name for settings and words for people. Code that departs for the sake of one peer asks for a quirk of
//! this list; there is no other way.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::attributes::{Attributes, Element, Value};
use crate::vr::Vr;

/// One departure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quirk {
    /// Neither offer role selection to it nor answer its own (PS3.7 §D.3.3.4).
    NoRoleSelection,
    /// Send to it in Implicit VR Little Endian only (PS3.5 §10.1).
    ImplicitOnly,
    /// Send to it, and let it send, P-DATA-TF PDUs of at most 16 KiB (PS3.8 §D.1).
    SmallPdus,
    /// Ask it for any value by an empty key, never by `*` alone (PS3.4 §C.2.2.2.3, §C.2.2.2.4).
    NoUniversalWildcard,
}

impl Quirk {
    /// Every quirk there is.
    pub const ALL: [Self; 4] =
        [Self::NoRoleSelection, Self::ImplicitOnly, Self::SmallPdus, Self::NoUniversalWildcard];

    /// Its name in settings and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRoleSelection => "no-role-selection",
            Self::ImplicitOnly => "implicit-only",
            Self::SmallPdus => "small-pdus",
            Self::NoUniversalWildcard => "no-universal-wildcard",
        }
    }

    /// What it does, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoRoleSelection => "role selection is neither offered nor answered",
            Self::ImplicitOnly => "everything is sent in Implicit VR Little Endian",
            Self::SmallPdus => "PDUs of at most 16 KiB are sent and announced",
            Self::NoUniversalWildcard => {
                "where a query of ours has `*` alone, or a wildcard in a date or time, it is sent an empty key"
            }
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quirk| quirk.as_str() == text)
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The quirks of one remote.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quirks(BTreeSet<Quirk>);

impl Quirks {
    /// Whether `quirk` is among them.
    #[must_use]
    pub fn has(&self, quirk: Quirk) -> bool {
        self.0.contains(&quirk)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The quirks, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Quirk> + '_ {
        self.0.iter().copied()
    }

    /// The keys of a C-FIND of ours as the remote bears them: what each asks for stays the same, but for wildcards in
    /// dates and times, which have no meaning there and come to ask for any.
    pub fn tame(&self, keys: &mut Attributes) {
        if self.has(Quirk::NoUniversalWildcard) {
            keys.elements_mut().for_each(without_universal_wildcard);
        }
    }
}

/// Empties a key that asks for any value by a wildcard, in items too; they lie no deeper than identifiers may.
fn without_universal_wildcard(key: &mut Element) {
    match &mut key.value {
        Value::Text(values) => {
            let is_time = matches!(key.vr, Vr::DA | Vr::TM | Vr::DT);
            let is_any = |value: &String| !value.is_empty() && value.bytes().all(|byte| byte == b'*');
            if values.iter().any(|value| is_any(value) || (is_time && value.contains(['*', '?']))) {
                values.clear();
            }
        }
        Value::Items(items) => {
            items.iter_mut().flat_map(Attributes::elements_mut).for_each(without_universal_wildcard);
        }
    }
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Tag;

    #[test]
    fn a_quirk_has_one_name_in_settings_and_in_documents() {
        for quirk in Quirk::ALL {
            assert_eq!(Quirk::parse(quirk.as_str()), Some(quirk));
            assert_eq!(serde_json::to_value(quirk).unwrap(), quirk.as_str());
        }
    }

    /// What becomes of one key on its way to a remote with these quirks.
    fn tamed(quirks: &[Quirk], vr: Vr, values: &[&str]) -> Vec<String> {
        let tag = Tag::new(0x0010, 0x0010);
        let element = Element::text(vr, values.iter().map(ToString::to_string).collect());
        let mut keys = Attributes::from_iter([(tag, element)]);
        quirks.iter().copied().collect::<Quirks>().tame(&mut keys);
        let tamed = keys.get(tag).unwrap();
        assert_eq!(tamed.vr, vr, "the key is still there");
        tamed.values().to_vec()
    }

    #[test]
    fn any_value_is_asked_for_by_an_empty_key_where_a_wildcard_is_not_borne() {
        let quirk = [Quirk::NoUniversalWildcard];
        let nothing: [&str; 0] = [];
        for (vr, value) in [
            (Vr::PN, "*"),
            (Vr::LO, "**"),
            (Vr::UI, "*"),
            (Vr::DA, "*"),
            (Vr::DA, "2024*"),
            (Vr::TM, "12??"),
            (Vr::DT, "2024*-2025*"),
        ] {
            assert_eq!(tamed(&quirk, vr, &[value]), nothing, "{vr:?} {value}");
        }
        assert_eq!(tamed(&quirk, Vr::CS, &["CT", "*"]), nothing, "one of a list that is any makes it any");
    }

    #[test]
    fn what_asks_for_less_than_any_value_is_sent_as_it_is() {
        for quirks in [&[Quirk::NoUniversalWildcard][..], &[]] {
            for (vr, value) in [
                (Vr::PN, "DOE*"),
                (Vr::LO, "?"),
                (Vr::LO, "*?"),
                (Vr::LO, ""),
                (Vr::DA, "20240101-20241231"),
                (Vr::UI, "1.2"),
            ] {
                assert_eq!(tamed(quirks, vr, &[value]), [value], "{vr:?}");
            }
        }
        assert_eq!(tamed(&[Quirk::SmallPdus], Vr::PN, &["*"]), ["*"]);
    }

    #[test]
    fn keys_within_sequences_are_tamed_too() {
        let (sequence, code) = (Tag::new(0x0008, 0x1032), Tag::new(0x0008, 0x0100));
        let item = Attributes::from_iter([(code, Element::text(Vr::SH, vec!["*".to_owned()]))]);
        let element = Element { vr: Vr::SQ, value: Value::Items(vec![item]) };
        let mut keys = Attributes::from_iter([(sequence, element)]);
        Quirks::from_iter([Quirk::NoUniversalWildcard]).tame(&mut keys);
        let [item] = keys.get(sequence).unwrap().items() else { panic!("the item is still there") };
        assert!(item.get(code).unwrap().is_empty());
    }
}
