//! Entity tags (RFC 9110 §8.8.3): a digest over the digests of what an answer is made of, so that it costs no
//! reading. Pure.

use std::fmt::Write as _;

use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use causeway_core::{StoredInstance, Uid};
use sha2::{Digest, Sha256};

/// Bytes of the digest that an entity tag shows.
const TAG_BYTES: usize = 16;

/// Gathers what an answer is made of.
pub(crate) struct Maker(Sha256);

impl Maker {
    /// For an answer of this `kind`, with links that begin with `base`. Another version of the node may write the
    /// same answer in other words.
    pub(crate) fn new(kind: &str, base: &str) -> Self {
        let mut hasher = Sha256::new();
        for text in [env!("CARGO_PKG_VERSION"), kind, base] {
            hasher.update(text.as_bytes());
            hasher.update([0]);
        }
        Self(hasher)
    }

    /// Adds an instance in the form in which it goes out.
    pub(crate) fn add(&mut self, instance: &StoredInstance, transfer_syntax: &Uid) {
        self.0.update(instance.digest.0);
        for text in [instance.ids.instance.as_str(), transfer_syntax.as_str()] {
            self.0.update(text.as_bytes());
            self.0.update([0]);
        }
    }

    /// Adds what else decides how it goes out.
    pub(super) fn note(&mut self, text: &str) {
        self.0.update(text.as_bytes());
        self.0.update([0]);
    }

    /// The digest over all of it.
    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The header for an answer with this digest.
pub(crate) fn header(digest: &[u8; 32]) -> HeaderValue {
    let mut text = String::with_capacity(2 * TAG_BYTES + 2);
    text.push('"');
    for byte in digest.iter().take(TAG_BYTES) {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// 304, when the caller has this answer already, with the tag as the caller has it: weak, where it was packed on the way.
pub(crate) fn not_modified(headers: &HeaderMap, tag: &HeaderValue) -> Option<Response> {
    let tag_text = tag.to_str().ok()?;
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .find(|entry| entry.trim_start_matches("W/") == tag_text || *entry == "*")?;
    let weak = known.starts_with("W/").then(|| HeaderValue::from_str(known).ok()).flatten();
    Some((StatusCode::NOT_MODIFIED, [(ETAG, weak.unwrap_or_else(|| tag.clone()))]).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_tag_is_recognised_in_a_list_and_an_unknown_one_is_not() {
        let tag = header(&[1; 32]);
        let with = |value: &str| {
            let headers = [(IF_NONE_MATCH, value.parse().unwrap())].into_iter().collect();
            let response = not_modified(&headers, &tag)?;
            assert!(response.headers()[ETAG].to_str().unwrap().ends_with(tag.to_str().unwrap()));
            Some(response.status())
        };
        let text = tag.to_str().unwrap();
        assert_eq!(with(text), Some(StatusCode::NOT_MODIFIED));
        assert_eq!(with(&format!("\"x\", W/{text}")), Some(StatusCode::NOT_MODIFIED));
        assert_eq!(with("*"), Some(StatusCode::NOT_MODIFIED));
        assert_eq!(with("\"x\""), None);
        assert!(not_modified(&HeaderMap::new(), &tag).is_none());
    }

    #[test]
    fn another_kind_or_base_makes_another_tag() {
        let of = |kind, base| Maker::new(kind, base).finish();
        assert_eq!(of("a", "b"), of("a", "b"));
        assert_ne!(of("a", "b"), of("ab", ""));
        assert_ne!(of("a", "b"), of("a", "c"));
    }
}
