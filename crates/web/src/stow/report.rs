//! The answer to a store request: the Store Instances Response Module (PS3.18 Annex I) and the status that sums it
//! up (PS3.18 §10.5.3.1). Pure.

use axum::http::header::{CONTENT_LOCATION, LOCATION, RETRY_AFTER, WARNING};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use causeway_archive::Accepted;
use causeway_core::{Attributes, Class, Element, Status, Tag, Uid, Value, Vr};

use super::broken::Broken;
use super::part::{CANNOT_UNDERSTAND, Fate, Refusal, inside};
use crate::accept::Offer;
use crate::data_set::respond_with;
use crate::problem::{Problem, RETRY_AFTER_SECONDS};

/// Most reasons that are told in Warning headers; the payload tells them all by their codes.
pub(crate) const MAX_WARNINGS: usize = 8;
/// Most characters of one of them.
const MAX_WARNING_CHARS: usize = 400;
/// Warning Reason of a value that was changed: Coercion of Data Elements (PS3.18 Table I.2-1).
const COERCED: u16 = 0xB000;
const COERCED_WORDS: &str = "numbers longer than a decimal string (DS) were rounded to its 16 characters";
/// Warn-code of what is no DICOM status (RFC 7234 §5.5.7).
const MISCELLANEOUS: &str = "299";

/// An instance that was stored.
struct Stored {
    accepted: Accepted,
    /// Warning Reason (0008,1196).
    warning: Option<u16>,
}

/// What became of a request.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// What became of each instance.
    pub(super) fates: Vec<Fate>,
    /// What was passed over and is no failure, in words.
    pub(super) notes: Vec<String>,
}

/// Answers. `ended`: how the body ended.
pub(super) fn respond(
    base: &str,
    offer: Offer,
    Taken { fates, notes }: Taken,
    ended: Result<(), Broken>,
) -> Result<Response, Problem> {
    let (mut stored, mut refused) = (Vec::new(), Vec::new());
    for fate in fates {
        match fate {
            Fate::Stored(accepted) => stored.push(Stored { accepted, warning: None }),
            Fate::Coerced(accepted) => stored.push(Stored { accepted, warning: Some(COERCED) }),
            Fate::Refused(refusal) => refused.push(refusal),
        }
    }
    match ended {
        Err(Broken::Off(broken)) => return Err(broken.into()),
        Err(broken) if stored.is_empty() || matches!(broken, Broken::TooMany) => {
            return Err(problem(&broken));
        }
        Err(broken) => refused.push(failure(&broken)),
        Ok(()) if stored.is_empty() && refused.is_empty() => {
            let words = "the body holds no instance".to_owned();
            return Err(Problem::bad_request(
                [words].into_iter().chain(notes).collect::<Vec<_>>().join("; "),
            ));
        }
        Ok(()) => {}
    }
    let study = only_study(&stored);
    let mut response = respond_with(&data_set(base, study, &stored, &refused), offer);
    *response.status_mut() = status(&stored, &refused);
    let headers = response.headers_mut();
    if let Some(study) = study
        && let Ok(url) = HeaderValue::try_from(format!("{base}/studies/{study}"))
    {
        headers.insert(CONTENT_LOCATION, url.clone());
        headers.insert(LOCATION, url);
    }
    explain(headers, base, (&stored, &refused), &notes);
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    }
    Ok(response)
}

/// A body that could not be taken, where nothing of it was stored.
fn problem(broken: &Broken) -> Problem {
    match broken {
        Broken::NotPutAside(class) => Problem::busy(inside(*class)),
        broken if broken.is_too_large() => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, broken.to_string()),
        broken => Problem::bad_request(broken.to_string()),
    }
}

/// The same beside instances that were stored.
fn failure(broken: &Broken) -> Refusal {
    let (reason, class) = match broken {
        Broken::NotPutAside(class) => (class.store_status().0, *class),
        broken if broken.is_too_large() => (Status::OUT_OF_RESOURCES.0, Class::Peer),
        _ => (CANNOT_UNDERSTAND, Class::Peer),
    };
    Refusal::nameless(reason, broken.to_string(), class)
}

fn status(stored: &[Stored], refused: &[Refusal]) -> StatusCode {
    let all = |classes: &[Class]| refused.iter().all(|refusal| classes.contains(&refusal.class));
    match (stored.is_empty(), refused.is_empty()) {
        (_, true) if stored.iter().all(|stored| stored.warning.is_none()) => StatusCode::OK,
        (_, true) => StatusCode::ACCEPTED,
        (false, false) => StatusCode::ACCEPTED,
        (true, false) if all(&[Class::Transient, Class::Exhausted]) => StatusCode::SERVICE_UNAVAILABLE,
        (true, false) if all(&[Class::Transient, Class::Exhausted, Class::Bug]) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        // None of it was in the grammar of its form (PS3.18 Table 10.5.3-1).
        (true, false) if all(&[Class::Caller]) => StatusCode::BAD_REQUEST,
        (true, false) => StatusCode::CONFLICT,
    }
}

/// The study that all of `stored` belong to, when it is one.
fn only_study(stored: &[Stored]) -> Option<&Uid> {
    let mut studies = stored.iter().map(|stored| &stored.accepted.ids.study);
    let first = studies.next()?;
    studies.all(|other| other == first).then_some(first)
}

fn data_set(base: &str, study: Option<&Uid>, stored: &[Stored], refused: &[Refusal]) -> Attributes {
    let url = study.map(|study| format!("{base}/studies/{study}"));
    let mut out = Attributes::new();
    out.put(Tag::RETRIEVE_URL, Element::text(Vr::UR, url.into_iter().collect()));
    let named = |refusal: &&Refusal| refusal.sop_instance.is_some();
    let failed = refused.iter().filter(named).map(failed_item).collect();
    let other = refused.iter().filter(|refusal| !named(refusal)).map(other_item).collect();
    let referenced = stored.iter().map(|stored| referenced_item(base, stored)).collect();
    put_items(&mut out, Tag::FAILED_SOP_SEQUENCE, failed);
    put_items(&mut out, Tag::OTHER_FAILURES_SEQUENCE, other);
    put_items(&mut out, Tag::REFERENCED_SOP_SEQUENCE, referenced);
    out
}

/// Each of the sequences is there only when it has items.
fn put_items(out: &mut Attributes, tag: Tag, items: Vec<Attributes>) {
    if !items.is_empty() {
        out.put(tag, Element { vr: Vr::SQ, value: Value::Items(items) });
    }
}

fn referenced_item(base: &str, Stored { accepted, warning }: &Stored) -> Attributes {
    let ids = &accepted.ids;
    let url = format!("{base}/studies/{}/series/{}/instances/{}", ids.study, ids.series, ids.instance);
    let mut item = Attributes::new();
    item.put_text(Tag::REFERENCED_SOP_CLASS_UID, Vr::UI, accepted.sop_class.as_str());
    item.put_text(Tag::REFERENCED_SOP_INSTANCE_UID, Vr::UI, ids.instance.as_str());
    item.put_text(Tag::RETRIEVE_URL, Vr::UR, url);
    if let Some(reason) = warning {
        item.put_text(Tag::WARNING_REASON, Vr::US, reason.to_string());
    }
    item
}

fn failed_item(refusal: &Refusal) -> Attributes {
    let uid =
        |uid: &Option<Uid>| Element::text(Vr::UI, uid.iter().map(|uid| uid.as_str().to_owned()).collect());
    let mut item = other_item(refusal);
    item.put(Tag::REFERENCED_SOP_CLASS_UID, uid(&refusal.sop_class));
    item.put(Tag::REFERENCED_SOP_INSTANCE_UID, uid(&refusal.sop_instance));
    item
}

fn other_item(refusal: &Refusal) -> Attributes {
    let mut item = Attributes::new();
    item.put_text(Tag::FAILURE_REASON, Vr::US, refusal.reason.to_string());
    item
}

/// The reasons in words, each once (PS3.18 §10.5.3.2), and what else is to be known.
fn explain(
    headers: &mut HeaderMap,
    base: &str,
    (stored, refused): (&[Stored], &[Refusal]),
    notes: &[String],
) {
    let mut told: Vec<String> = Vec::new();
    let reasons = refused.iter().map(|refusal| (format!("{:04X}", refusal.reason), refusal.words.as_str()));
    let notes = notes.iter().map(|words| (MISCELLANEOUS.to_owned(), words.as_str()));
    let warned = stored.iter().find_map(|stored| stored.warning);
    let warnings = warned.map(|reason| (format!("{reason:04X}"), COERCED_WORDS));
    for (code, words) in notes.chain(warnings).chain(reasons) {
        if told.len() == MAX_WARNINGS {
            return;
        }
        let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
        let words: String = words.chars().take(MAX_WARNING_CHARS).map(plain).collect();
        let text = format!("{code} {base}: {words}");
        if told.contains(&text) {
            continue;
        }
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.append(WARNING, value);
        }
        told.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accept::{DICOM_JSON, XML, XML_ALONE};
    use crate::body::BrokenOff;
    use crate::multipart::read::MultipartError;
    use axum::body::to_bytes;
    use axum::http::header::CONTENT_TYPE;
    use causeway_archive::Outcome;
    use causeway_core::Identifiers;

    const BASE: &str = "http://h/dicom-web";

    fn stored(study: &str, instance: &str) -> Fate {
        let uid = |text| Uid::parse(text).unwrap();
        let ids = Identifiers { study: uid(study), series: uid("1.5"), instance: uid(instance) };
        Fate::Stored(Accepted { ids, sop_class: uid("1.2.840.10008.5.1.4.1.1.2"), outcome: Outcome::New })
    }

    fn refused(instance: Option<&str>, reason: u16, class: Class) -> Fate {
        let sop_instance = instance.map(|text| Uid::parse(text).unwrap());
        let sop_class = sop_instance.as_ref().map(|_| Uid::parse("1.2.840.10008.5.1.4.1.1.2").unwrap());
        Fate::Refused(Refusal { sop_class, sop_instance, reason, words: "n\u{f6}t\r\n so".to_owned(), class })
    }

    fn taken(fates: Vec<Fate>) -> Taken {
        Taken { fates, notes: Vec::new() }
    }

    fn status_of(fates: Vec<Fate>, ended: Result<(), Broken>) -> u16 {
        match respond(BASE, DICOM_JSON, taken(fates), ended) {
            Ok(response) => response.status().as_u16(),
            Err(problem) => problem.status().as_u16(),
        }
    }

    #[test]
    fn the_status_sums_up_what_became_of_all() {
        let fine = || stored("1.1", "1.9");
        let bad = |class| refused(Some("1.8"), 0xA900, class);
        assert_eq!(status_of(vec![fine(), fine()], Ok(())), 200);
        assert_eq!(status_of(vec![fine(), bad(Class::Peer)], Ok(())), 202);
        assert_eq!(status_of(vec![bad(Class::Peer), bad(Class::Exhausted)], Ok(())), 409);
        assert_eq!(status_of(vec![bad(Class::Exhausted), bad(Class::Transient)], Ok(())), 503);
        assert_eq!(status_of(vec![bad(Class::Bug)], Ok(())), 500);
        assert_eq!(status_of(vec![bad(Class::Caller)], Ok(())), 400);
        assert_eq!(status_of(vec![bad(Class::Caller), bad(Class::Peer)], Ok(())), 409);
        assert_eq!(status_of(vec![bad(Class::Caller), fine()], Ok(())), 202);
        assert_eq!(status_of(vec![], Ok(())), 400);
    }

    #[test]
    fn a_body_that_breaks_is_told_apart_from_files_that_do() {
        let framing = || Err(Broken::Framing(MultipartError::Truncated));
        assert_eq!(status_of(vec![], framing()), 400);
        assert_eq!(status_of(vec![refused(None, 0xC000, Class::Peer)], framing()), 400);
        assert_eq!(status_of(vec![stored("1.1", "1.9")], framing()), 202);
        assert_eq!(status_of(vec![stored("1.1", "1.9")], Err(Broken::Off(BrokenOff::Paused))), 408);
        assert_eq!(status_of(vec![], Err(Broken::TooMany)), 413);
        assert_eq!(status_of(vec![], Err(Broken::MetadataTooLong)), 413);
        assert_eq!(status_of(vec![stored("1.1", "1.9")], Err(Broken::Bomb)), 202);
        assert_eq!(status_of(vec![], Err(Broken::NotPutAside(Class::Exhausted))), 503);
    }

    #[tokio::test]
    async fn each_file_is_in_the_sequence_of_its_fate() {
        let fates = vec![
            stored("1.1", "1.9"),
            refused(Some("1.8"), 0x0111, Class::Peer),
            refused(None, 0xC000, Class::Peer),
        ];
        let response = respond(BASE, DICOM_JSON, taken(fates), Ok(())).unwrap();
        assert_eq!(response.headers()[CONTENT_LOCATION], "http://h/dicom-web/studies/1.1");
        assert_eq!(response.headers()[WARNING], "0111 http://h/dicom-web: n?t?? so");
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json["00081190"]["Value"][0], "http://h/dicom-web/studies/1.1");
        assert_eq!(json["00081199"]["Value"][0]["00081155"]["Value"][0], "1.9");
        let url = "http://h/dicom-web/studies/1.1/series/1.5/instances/1.9";
        assert_eq!(json["00081199"]["Value"][0]["00081190"]["Value"][0], url);
        assert_eq!(json["00081198"]["Value"][0]["00081155"]["Value"][0], "1.8");
        assert_eq!(json["00081198"]["Value"][0]["00081197"]["Value"][0], 0x0111);
        assert_eq!(json["0008119A"]["Value"][0]["00081197"]["Value"][0], 0xC000);
    }

    #[tokio::test]
    async fn the_report_comes_as_xml_too() {
        let respond = |offer| respond(BASE, offer, taken(vec![stored("1.1", "1.9")]), Ok(())).unwrap();
        let alone = respond(XML_ALONE);
        assert_eq!(alone.headers()[CONTENT_TYPE], "application/dicom+xml");
        let xml = to_bytes(alone.into_body(), 10_000).await.unwrap();
        assert!(xml.starts_with(b"<?xml"));
        let parts = respond(XML);
        let content_type = parts.headers()[CONTENT_TYPE].to_str().unwrap();
        assert!(content_type.starts_with("multipart/related; type=\"application/dicom+xml\"; boundary="));
        let body = to_bytes(parts.into_body(), 10_000).await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains(&*String::from_utf8_lossy(&xml)));
    }

    #[test]
    fn what_was_passed_over_is_told_and_no_failure() {
        let notes = vec!["1 DICOMDIR is no instance".to_owned()];
        let taken = Taken { fates: vec![stored("1.1", "1.9")], notes };
        let response = respond(BASE, DICOM_JSON, taken, Ok(())).unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[WARNING], "299 http://h/dicom-web: 1 DICOMDIR is no instance");
    }

    #[tokio::test]
    async fn what_was_changed_is_stored_with_a_warning() {
        let coerced = || match stored("1.1", "1.8") {
            Fate::Stored(accepted) | Fate::Coerced(accepted) => Fate::Coerced(accepted),
            refused @ Fate::Refused(_) => refused,
        };
        assert_eq!(status_of(vec![coerced()], Ok(())), 202);
        let response =
            respond(BASE, DICOM_JSON, taken(vec![stored("1.1", "1.9"), coerced()]), Ok(())).unwrap();
        assert!(
            response.headers()[WARNING].to_str().unwrap().starts_with("B000 http://h/dicom-web: numbers")
        );
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json["00081199"]["Value"][1]["00081196"]["Value"][0], 0xB000);
        assert!(json["00081199"]["Value"][0].get("00081196").is_none());
        assert!(json.get("00081198").is_none());
    }

    #[test]
    fn instances_of_several_studies_have_no_common_url() {
        let both = taken(vec![stored("1.1", "1.9"), stored("1.2", "1.8")]);
        let response = respond(BASE, DICOM_JSON, both, Ok(())).unwrap();
        assert!(!response.headers().contains_key(LOCATION));
    }

    #[test]
    fn only_so_many_reasons_are_told_in_headers() {
        let many =
            |count: u16| (0..count).map(|reason| refused(None, 0xC000 + reason, Class::Peer)).collect();
        let told = |count| {
            let response = respond(BASE, DICOM_JSON, taken(many(count)), Ok(())).unwrap();
            response.headers().get_all(WARNING).iter().count()
        };
        assert_eq!(told(7), 7);
        assert_eq!(told(8), 8);
        assert_eq!(told(9), 8);
    }
}
