//! The answer to an upload, each line saying what became of one instance; or the same as whoever collects says it.

use causeway_archive::link::hatch::Handing;
use causeway_core::link::words::{Fate, Refused, Said};
use causeway_core::{LinkReceipt, Status};
use reqwest::Response;

use super::client::broken;
use crate::failure::{Answer, Failure, Kind, answer};
use crate::job::Outcome;

/// Longest line that is read.
const MAX_LINE_BYTES: usize = 8 * 1024;

/// What is known of an instance of an upload.
#[derive(Debug)]
pub(super) enum Told {
    /// The far side said what became of it.
    Fate(Fate),
    /// It could not be read here.
    Unreadable(Failure),
}

/// What is said of instances, as it comes.
pub(super) enum Saying {
    /// In the answer to a request of ours.
    Answer(Lines),
    /// In requests of the far side.
    Collected(Handing),
}

impl Saying {
    /// The next word; none when no more will be said.
    pub(super) async fn next(&mut self) -> Result<Option<Said>, Failure> {
        match self {
            Self::Answer(lines) => lines.next().await,
            Self::Collected(handing) => Ok(handing.said().await),
        }
    }
}

/// Lines of an answer, as they come.
pub(super) struct Lines {
    response: Response,
    held: Vec<u8>,
}

impl Lines {
    pub(super) const fn new(response: Response) -> Self {
        Self { response, held: Vec::new() }
    }

    /// The next line; none at the end.
    async fn next(&mut self) -> Result<Option<Said>, Failure> {
        let unclear = |words| Failure::new(Kind::Unclear, words);
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.held.drain(..=end).collect();
                let said = serde_json::from_slice(&line);
                return said.map(Some).map_err(|_| unclear("a line of its answer cannot be read"));
            }
            if self.held.len() > MAX_LINE_BYTES {
                return Err(unclear("a line of its answer is too long"));
            }
            match self.response.chunk().await.map_err(|error| broken(&error))? {
                Some(chunk) => self.held.extend_from_slice(&chunk),
                None if self.held.is_empty() => return Ok(None),
                None => return Err(unclear("its answer ends in the middle of a line")),
            }
        }
    }
}

/// A receipt, or the outcome that a refusal is; none: the instance is to be offered again.
pub(super) fn fate(fate: Fate) -> Option<Result<LinkReceipt, Outcome>> {
    match fate {
        Fate::Receipt(receipt) => Some(Ok(receipt)),
        Fate::Refused(why) => Some(Err(refused(&why))),
        Fate::Again => None,
    }
}

/// Sorts a refusal, as a status of C-STORE is sorted.
pub(super) fn refused(why: &Refused) -> Outcome {
    let failure = match answer(Status(why.status), &why.words) {
        Answer::HasNot(failure) => failure,
        Answer::Has(code) => {
            Failure::with_status(Kind::Unclear, code.0, "refused with a status that is no refusal")
        }
    };
    Outcome::Failed(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_sorted_by_its_status_and_keeps_its_words() {
        let kind = |status| match refused(&Refused { status, words: "why".to_owned() }) {
            Outcome::Failed(failure) => {
                assert!(failure.words.contains("why") || status == 0);
                failure.kind
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(0x0111), Kind::Permanent);
        assert_eq!(kind(0xA700), Kind::Exhausted);
        assert_eq!(kind(0x0110), Kind::Unclear);
        assert_eq!(kind(0x0000), Kind::Unclear);
    }
}
