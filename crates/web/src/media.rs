//! The grammar of media types (RFC 9110 §8.3.1, PS3.18 §8.7.1), as clients really write it.
//!
//! Ours, since general parsers refuse what DICOM clients send: `type=application/dicom` without quotes, a boundary
//! with characters that are no token. Quoted and unquoted values are equal.

/// Most entries of a list of media types that are looked at.
const MAX_LIST_ENTRIES: usize = 64;
/// Most parameters of one media type that are looked at.
const MAX_PARAMETERS: usize = 16;

/// A media type, or a range of them (`*/*`, `text/*`). Names are in lower case, values as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// `type/subtype`.
    pub(crate) essence: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads one media type with its parameters; `None` where it is malformed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (essence, mut rest) = match text.find(';') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let essence = essence.trim();
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut parameters = Vec::new();
        while let Some(after) = rest.trim_start().strip_prefix(';') {
            if after.trim_start().is_empty() || after.trim_start().starts_with(';') {
                rest = after;
                continue;
            }
            let (name, value) = after.split_once('=')?;
            let name = name.trim();
            if !is_token(name) || parameters.len() == MAX_PARAMETERS {
                return None;
            }
            let (value, tail) = parameter_value(value)?;
            parameters.push((name.to_ascii_lowercase(), value));
            rest = tail;
        }
        rest.trim().is_empty().then(|| Self { essence: essence.to_ascii_lowercase(), parameters })
    }

    /// The value of the parameter `name`, given in lower case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The media types of a comma-separated list; malformed ones are passed over (PS3.18 §8.7.7).
    pub(crate) fn list(text: &str) -> impl Iterator<Item = Self> {
        entries(text).take(MAX_LIST_ENTRIES).filter_map(Self::parse)
    }
}

/// Whether `range` (`*/*`, `kind/*` or `kind/subtype`) takes in `essence`, and how narrowly: 0 to 2.
pub(crate) fn takes_in(range: &str, essence: &str) -> Option<u8> {
    if range == essence {
        return Some(2);
    }
    let (kind, subtype) = range.split_once('/')?;
    match (kind, subtype) {
        ("*", "*") => Some(0),
        (kind, "*") if essence.split_once('/').is_some_and(|(other, _)| other == kind) => Some(1),
        _ => None,
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The value at the beginning of `text`, and what follows it.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.trim_start().strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        let value = value.trim();
        let fine = !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        return fine.then(|| (value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            _ if character.is_control() => return None,
            _ => value.push(character),
        }
    }
    None
}

/// The entries of a comma-separated list, where a comma in quotes separates nothing.
fn entries(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => return true,
            _ => {}
        }
        false
    })
    .filter(|entry| !entry.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quoted_and_unquoted_values_are_equal() {
        for text in [
            "multipart/related; type=\"application/dicom\"; boundary=x",
            "multipart/related;type=application/dicom;boundary=\"x\"",
            "Multipart/Related ; Type = application/dicom ; BOUNDARY=x;",
        ] {
            let media = MediaType::parse(text).expect(text);
            assert_eq!(media.essence, "multipart/related");
            assert_eq!(media.parameter("type"), Some("application/dicom"), "{text}");
            assert_eq!(media.parameter("boundary"), Some("x"), "{text}");
        }
    }

    #[test]
    fn a_boundary_may_hold_what_a_token_may_not() {
        let boundary = |text| MediaType::parse(text).unwrap().parameter("boundary").unwrap().to_owned();
        assert_eq!(boundary("multipart/related; boundary=a/b:c=d?,e"), "a/b:c=d?,e");
        assert_eq!(boundary("multipart/related; boundary=\"a b;c\\\"d\""), "a b;c\"d");
    }

    #[test]
    fn malformed_types_are_none() {
        for text in ["", "a", "a/", "/b", "a/b; c", "a/b; c=", "a/b; c=\"d", "a b/c", "a/b x", "a/b; =c"] {
            assert_eq!(MediaType::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_comma_in_quotes_separates_nothing() {
        let all: Vec<_> = MediaType::list("a/b; x=\"1,2\", , nonsense, c/d").map(|m| m.essence).collect();
        assert_eq!(all, ["a/b", "c/d"]);
    }

    #[test]
    fn only_so_many_entries_are_looked_at() {
        let text = vec!["a/b"; MAX_LIST_ENTRIES + 1].join(",");
        assert_eq!(MediaType::list(&text).count(), MAX_LIST_ENTRIES);
    }

    #[test]
    fn ranges_take_in_what_they_name() {
        assert_eq!(takes_in("*/*", "a/b"), Some(0));
        assert_eq!(takes_in("a/*", "a/b"), Some(1));
        assert_eq!(takes_in("a/b", "a/b"), Some(2));
        assert_eq!(takes_in("a/c", "a/b"), None);
        assert_eq!(takes_in("*/b", "a/b"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_passed_over_without_panic(text in "[ -~\u{e9}\t]{0,80}") {
            let _ = MediaType::parse(&text);
            let _ = MediaType::list(&text).count();
        }

        #[test]
        fn what_is_quoted_is_read_back(value in "[ -~]{1,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let media = MediaType::parse(&format!("a/b; c=\"{quoted}\"; d=e")).unwrap();
            prop_assert_eq!(media.parameter("c"), Some(value.as_str()));
            prop_assert_eq!(media.parameter("d"), Some("e"));
        }
    }
}
