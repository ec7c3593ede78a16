//! What a change did to a data set, attribute by attribute up to its pixels, for who tries a transform.

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Element, Tag, Value, Vr};

use super::survey::MAX_VALUE_BYTES;
use crate::gather::{Choice, Gather};
use crate::scanner::{Header, Scanner};
use crate::{Error, dictionary};

/// Most differences that are told.
pub const MAX_DIFFERENCES: usize = 10_000;

/// An attribute that is another, or is there on one side only.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Its keyword, or its tag where it has none, behind those of the items that it stands in.
    pub path: String,
    /// Its values before; none: it was absent.
    pub before: Option<String>,
    /// Its values after; none: it is absent.
    pub after: Option<String>,
}

#[derive(Debug)]
struct ToPixels;

impl Choice for ToPixels {
    const MAX_VALUE_BYTES: usize = MAX_VALUE_BYTES;

    fn keeps(&self, tag: Tag) -> Option<Vr> {
        Some(dictionary::vr_of(tag).unwrap_or(Vr::UN))
    }

    fn stops_at(&mut self, header: &Header) -> bool {
        header.is_pixel_data()
    }
}

/// The differences between two data sets, in the order of their tags. Values longer than [`MAX_VALUE_BYTES`] and bytes
/// without a form as text are told as there and empty.
///
/// # Errors
/// When one of them cannot be read.
pub fn differences(before: (&[u8], Layout), after: (&[u8], Layout)) -> Result<Vec<Difference>, Error> {
    let mut found = Vec::new();
    compare("", &read(before)?, &read(after)?, &mut found);
    Ok(found)
}

fn read((bytes, layout): (&[u8], Layout)) -> Result<Attributes, Error> {
    let mut scanner = Scanner::new(layout, bytes.len().max(1 << 20) as u64 * 64, Gather::new(ToPixels));
    scanner.feed(bytes)?;
    Ok(scanner.into_sink().attributes)
}

fn compare(around: &str, before: &Attributes, after: &Attributes, found: &mut Vec<Difference>) {
    let mut tags: Vec<Tag> = before.iter().chain(after.iter()).map(|(tag, _)| tag).collect();
    tags.sort_unstable();
    tags.dedup();
    for tag in tags {
        if found.len() >= MAX_DIFFERENCES {
            return;
        }
        let (one, other) = (before.get(tag), after.get(tag));
        if one == other {
            continue;
        }
        let name = dictionary::keyword_of(tag).map_or_else(|| tag.to_string(), str::to_owned);
        let path = format!("{around}{name}");
        match (one.map(|it| &it.value), other.map(|it| &it.value)) {
            (Some(Value::Items(one)), Some(Value::Items(other))) if one.len() == other.len() => {
                for (index, (one, other)) in one.iter().zip(other).enumerate() {
                    compare(&format!("{path}[{index}]."), one, other, found);
                }
            }
            _ => found.push(Difference { path, before: one.map(told), after: other.map(told) }),
        }
    }
}

fn told(element: &Element) -> String {
    match &element.value {
        Value::Text(values) => values.join("\\"),
        Value::Items(items) => match items.len() {
            1 => "1 item".to_owned(),
            count => format!("{count} items"),
        },
    }
}
