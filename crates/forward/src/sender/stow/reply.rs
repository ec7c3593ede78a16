//! What a far side answers to a STOW request: instance by instance, or the same for all (PS3.18 §10.5.3).

use std::time::Duration;

use causeway_core::{Attributes, Status, Tag};
use reqwest::header::{DATE, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::failure::{Answer, Failure, Kind, answer};
use crate::http::{broken, silent};
use crate::job::Outcome;

/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// What the far side answered.
#[derive(Debug)]
pub(super) enum Reply {
    /// Instance by instance.
    Each(Attributes),
    /// The same for all.
    All(Failure),
}

impl Reply {
    /// What was said of one instance. Silence is not a yes.
    pub(super) fn of(&self, instance: &str) -> Outcome {
        let answered = match self {
            Self::All(failure) => return Outcome::Failed(failure.clone()),
            Self::Each(answered) => answered,
        };
        let item = |sequence: Tag| {
            let items = answered.get(sequence).map(causeway_core::Element::items).unwrap_or_default();
            items.iter().find(|item| item.first(Tag::REFERENCED_SOP_INSTANCE_UID) == Some(instance))
        };
        if let Some(failed) = item(Tag::FAILED_SOP_SEQUENCE) {
            let code = code(failed, Tag::FAILURE_REASON).unwrap_or(Status::PROCESSING_FAILURE);
            return match answer(code, "") {
                Answer::HasNot(failure) => Outcome::Failed(failure),
                Answer::Has(_) => Outcome::Failed(Failure::with_status(
                    Kind::Unclear,
                    code.0,
                    "listed as failed, with a reason that is none",
                )),
            };
        }
        match item(Tag::REFERENCED_SOP_SEQUENCE) {
            Some(stored) => Outcome::Delivered(code(stored, Tag::WARNING_REASON).unwrap_or(Status::SUCCESS)),
            None => Outcome::Failed(Failure::new(Kind::Unclear, "the answer does not name the instance")),
        }
    }
}

fn code(item: &Attributes, tag: Tag) -> Option<Status> {
    item.first(tag)?.parse().ok().map(Status)
}

/// Sorts an HTTP status (PS3.18 Table 10.5.3-1); an error is the destination's when it speaks of no instance.
pub(super) async fn read_reply(response: Response, patience: Duration) -> Result<Reply, Failure> {
    let status = response.status();
    let not_before = retry_after(&response);
    let say = |kind: Kind, words: &str| Failure {
        not_before,
        ..Failure::with_status(kind, status.as_u16(), format!("HTTP {}: {words}", status.as_u16()))
    };
    match status {
        StatusCode::OK | StatusCode::ACCEPTED | StatusCode::CONFLICT => {
            let Some(body) = read_whole(response, patience).await? else {
                return Ok(Reply::All(say(Kind::Unclear, "the answer is too long")));
            };
            match std::str::from_utf8(&body).ok().and_then(|text| Attributes::from_json(text).ok()) {
                Some(answered) => Ok(Reply::Each(answered)),
                None => Ok(Reply::All(say(Kind::Unclear, "the answer is no DICOM JSON"))),
            }
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(say(Kind::Refused, "not let in; check the token file"))
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            Err(say(Kind::Refused, "no STOW-RS there; check the URL"))
        }
        _ if status.is_redirection() => {
            Err(say(Kind::Refused, "it points elsewhere, which is not followed; check the URL"))
        }
        StatusCode::REQUEST_TIMEOUT => Err(say(Kind::Transient, "it waited too long for the request")),
        StatusCode::PAYLOAD_TOO_LARGE => {
            Ok(Reply::All(say(Kind::Permanent, "the instance is too large for it")))
        }
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::NOT_ACCEPTABLE => {
            Ok(Reply::All(say(Kind::Unclear, "the request was not understood")))
        }
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::INSUFFICIENT_STORAGE => Err(say(Kind::Exhausted, "busy or full")),
        _ if status.is_server_error() => Err(say(Kind::Transient, "it failed")),
        _ => Ok(Reply::All(say(Kind::Unclear, "an answer that STOW-RS does not have"))),
    }
}

/// How long it asks to be left alone (RFC 9110 §10.2.3).
fn retry_after(response: &Response) -> Option<Duration> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    wish(header(RETRY_AFTER)?, header(DATE))
}

/// The wish: seconds, or a moment, which is counted from the far side's own `date`: its clock may be wrong.
fn wish(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = retry_after.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = |text: &str| jiff::fmt::rfc2822::parse(text.trim()).ok().map(|moment| moment.timestamp());
    let (until, now) = (moment(retry_after)?, moment(date?)?);
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

/// The answer's body; `None` when it is too long.
async fn read_whole(mut response: Response, patience: Duration) -> Result<Option<Vec<u8>>, Failure> {
    let mut body = Vec::new();
    loop {
        let Ok(chunk) = tokio::time::timeout(patience, response.chunk()).await else {
            return Err(silent());
        };
        let Some(chunk) = chunk.map_err(|error| broken(&error))? else { return Ok(Some(body)) };
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Ok(None);
        }
    }
}

/// Whether the line broke, or a proxy on it lost the far side: not where the far side says something else, or asks to be
/// left alone, nor where it says nothing, since the next wait would be as long.
pub(super) fn is_the_lines(failure: &Failure) -> bool {
    let is_said = !matches!(failure.status, None | Some(502 | 504));
    let Failure { kind, not_before, words, .. } = failure;
    *kind == Kind::Transient && !is_said && not_before.is_none() && *words != silent().words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(json: &str) -> Reply {
        Reply::Each(Attributes::from_json(json).unwrap())
    }

    #[test]
    fn it_asks_to_be_left_alone_in_seconds_or_until_a_moment_on_its_own_clock() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (retry_after, date, seconds) in [
            ("120", None, Some(120)),
            (" 0 ", None, Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", date, Some(30)),
            ("Sun, 06 Nov 1994 08:40:00 GMT", date, Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", None, None),
            ("soon", date, None),
            ("-5", date, None),
        ] {
            assert_eq!(wish(retry_after, date), seconds.map(Duration::from_secs), "{retry_after}");
        }
    }

    #[test]
    fn silence_and_a_wish_to_be_left_alone_are_not_the_lines() {
        let broken = Failure::new(Kind::Transient, "the connection broke");
        assert!(is_the_lines(&broken));
        for (status, is) in [(502, true), (504, true), (500, false), (408, false)] {
            assert_eq!(is_the_lines(&Failure::with_status(Kind::Transient, status, "")), is, "{status}");
        }
        assert!(!is_the_lines(&silent()));
        assert!(!is_the_lines(&Failure { not_before: Some(Duration::ZERO), ..broken }));
        assert!(!is_the_lines(&Failure::new(Kind::Exhausted, "busy")));
    }

    #[test]
    fn each_instance_has_its_own_answer_and_silence_is_not_a_yes() {
        let reply = reply(
            r#"{"00081198":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2"]},
                "00081197":{"vr":"US","Value":[42752]}}]},
                "00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.3"]}},
                {"00081155":{"vr":"UI","Value":["1.4"]},"00081196":{"vr":"US","Value":[45056]}}]}}"#,
        );
        assert!(matches!(reply.of("1.2"), Outcome::Failed(Failure { kind: Kind::Exhausted, .. })));
        assert_eq!(reply.of("1.3"), Outcome::Delivered(Status::SUCCESS));
        assert_eq!(reply.of("1.4"), Outcome::Delivered(Status(0xB000)));
        assert!(matches!(reply.of("1.5"), Outcome::Failed(Failure { kind: Kind::Unclear, .. })));
    }

    #[test]
    fn an_instance_listed_as_failed_is_failed_whatever_its_reason() {
        let reply = reply(
            r#"{"00081198":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2"]},
                "00081197":{"vr":"US","Value":[0]}}]},
                "00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2"]}}]}}"#,
        );
        assert!(matches!(reply.of("1.2"), Outcome::Failed(_)));
    }
}
