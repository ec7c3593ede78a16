//! What a remote's final status means, in words, with what to do about it (PS3.4 Tables C.4-1, C.4-2, C.4-3; PS3.7
//! Annex C). Pure.

use causeway_core::status::Outcome;
use causeway_core::{AeTitle, Status, Tag};
use causeway_dataset::dictionary;

use super::said;

/// Most attributes at fault that are named.
const MAX_OFFENDING: usize = 8;

/// What a status means; nothing to be said of Success.
fn meaning(status: Status) -> &'static str {
    match (status.outcome(), status.0) {
        (Outcome::Success, _) => "it says that this was all",
        (Outcome::Cancel, _) => "it stopped as it was asked to",
        (Outcome::Warning, _) => "some of it failed or went with a warning",
        (Outcome::Pending, _) => "it says that it goes on, and does not",
        (Outcome::Failure, 0x0122) => "it does not serve this SOP class to us",
        (Outcome::Failure, 0x0124) => "it does not allow us this",
        (Outcome::Failure, 0x0211) => "it does not know this operation",
        (Outcome::Failure, 0x0110) => "it failed",
        (Outcome::Failure, 0xA701) => "it could not count what matches",
        (Outcome::Failure, 0xA702) => "it could send nothing",
        (Outcome::Failure, 0xA700..=0xA7FF) => "it is out of resources: ask for less, or later",
        (Outcome::Failure, 0xA801) => "it does not know the destination",
        (Outcome::Failure, 0xA900..=0xA9FF) => "what was asked does not fit its information model",
        (Outcome::Failure, 0xC000..=0xCFFF) => "it is unable to process the request",
        (Outcome::Failure, _) => "it failed with a status of its own",
    }
}

/// A final status in a sentence: what it means, its number, the attributes at fault, and the remote's own words.
pub(super) fn sentence(status: Status, comment: Option<&str>, offending: &[Tag]) -> String {
    let mut words = meaning(status).to_owned();
    if status != Status::SUCCESS {
        words.push_str(&format!(" ({status})"));
    }
    let name = |tag: &Tag| dictionary::keyword_of(*tag).map_or_else(|| tag.to_string(), str::to_owned);
    let offending: Vec<String> = offending.iter().take(MAX_OFFENDING).map(name).collect();
    if !offending.is_empty() {
        words.push_str(&format!("; at fault: {}", offending.join(", ")));
    }
    let comment = said(comment);
    if !comment.is_empty() {
        words.push_str(&format!("; it says: {comment}"));
    }
    words
}

/// What the remote's administrator is to do when it does not know where to send to.
pub(super) fn unknown_destination(ours: &AeTitle, port: u16) -> String {
    format!(
        "it does not know our AE title {ours} as a move destination: register {ours} there, with this machine's \
         address and port {port}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_status_has_words_and_what_the_remote_says_is_made_harmless() {
        assert_eq!(sentence(Status::SUCCESS, None, &[]), "it says that this was all");
        assert_eq!(
            sentence(Status(0xA900), Some(" no \u{1b}[31mlevel\n"), &[Tag::QUERY_RETRIEVE_LEVEL]),
            "what was asked does not fit its information model (A900H); at fault: QueryRetrieveLevel; it says: no  [31mlevel"
        );
        for (status, expected) in [
            (0xA700, "out of resources"),
            (0xA701, "could not count"),
            (0xA702, "send nothing"),
            (0xA7FF, "out of resources"),
            (0xA801, "destination"),
            (0xC000, "unable"),
            (0xCFFF, "unable"),
            (0xFE00, "stopped"),
            (0xFF00, "goes on"),
            (0xB000, "warning"),
            (0x0122, "SOP class"),
            (0x0124, "allow"),
            (0x1234, "of its own"),
        ] {
            let words = sentence(Status(status), None, &[]);
            assert!(words.contains(expected) && words.contains(&format!("{status:04X}H")), "{words}");
        }
    }

    #[test]
    fn a_destination_that_is_not_known_has_a_remedy() {
        let words = unknown_destination(&AeTitle::parse("HERE").unwrap(), 11112);
        assert!(words.contains("register HERE there") && words.contains("11112"), "{words}");
    }
}
