//! The URI service (PS3.18 §9): one instance named by query parameters, as a link in a document can. Files come from the
//! same place as over WADO-RS, pictures and documents too; which of the two is wanted the media types say (§9.3).

mod rendering;

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use causeway_core::Uid;

use super::frames::FrameList;
use super::objects;
use super::rendered::{self, Ask, Service};
use crate::accept::{self, EITHER, FILE, Selected, Syntax, Wish};
use crate::config::MissingAccept;
use crate::door::{Caller, Door};
use crate::media::MediaType;
use crate::percent;
use crate::problem::Problem;
use crate::target::Target;
use rendering::Rendering;

/// Most parameters of one request.
pub(crate) const MAX_PARAMETERS: usize = 64;
/// Largest `q`.
const FULL: u16 = 1000;

/// Answers with the instance that the query names, as a file or rendered.
pub(crate) async fn uri(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let asked = read(uri.query().unwrap_or_default())?;
    if asked.is_of_a_file(headers, door.config.missing_accept) {
        let (target, selected) = asked.file()?;
        return objects::give(&door, &principal, &target, &selected, (uri, headers)).await;
    }
    let Asked { target, content_type, rendering: Rendering { parameters, frame, state }, .. } = asked;
    let ask = Ask {
        door: &door,
        principal: &principal,
        target,
        uri,
        headers,
        frames: frame.map(|frame| FrameList(vec![frame])),
        parameters,
        service: Service::Uri { content_type, state },
    };
    rendered::answer(ask).await
}

/// What a query asks for.
#[derive(Debug, PartialEq)]
struct Asked {
    target: Target,
    content_type: Option<String>,
    syntax: Option<Uid>,
    rendering: Rendering,
}

impl Asked {
    /// Whether the media types say that it is a file that is wanted.
    fn is_of_a_file(&self, headers: &HeaderMap, missing: MissingAccept) -> bool {
        match &self.content_type {
            Some(list) => MediaType::list(list).any(|media| media.essence == FILE.essence),
            None => {
                accept::select(EITHER, headers, None, missing).is_ok_and(|selected| selected.offer == FILE)
            }
        }
    }

    fn file(self) -> Result<(Target, Selected), Problem> {
        if let Some(list) = &self.content_type {
            stands_alone(list)?;
        }
        if self.rendering.parameters.window.is_some() {
            return Err(Problem::bad_request("a file has no window (PS3.18 §9.5.1.2.6)"));
        }
        let syntax = self.syntax.map_or(Syntax::Unsaid, Syntax::Exactly);
        Ok((self.target, Selected { offer: FILE, wishes: vec![Wish { syntax, q: FULL }] }))
    }
}

/// What a query says.
#[derive(Default)]
struct Draft {
    target: Target,
    is_wado: bool,
    content_type: Option<String>,
    syntax: Option<Uid>,
    rendering: rendering::Draft,
}

/// Reads the query part of the URL.
fn read(query: &str) -> Result<Asked, Problem> {
    let mut draft = Draft::default();
    let mut seen: Vec<&str> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if seen.len() == MAX_PARAMETERS {
            return Err(Problem::bad_request(format!("a request takes at most {MAX_PARAMETERS} parameters")));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if seen.contains(&name) {
            return Err(Problem::bad_request("a parameter is there more than once"));
        }
        seen.push(name);
        draft.take(name, value)?;
    }
    draft.finish()
}

impl Draft {
    fn take(&mut self, name: &str, raw: &str) -> Result<(), Problem> {
        match name {
            "requestType" => self.is_wado = raw == "WADO",
            "studyUID" => self.target.study = Some(uid("studyUID", raw)?),
            "seriesUID" => self.target.series = Some(uid("seriesUID", raw)?),
            "objectUID" => self.target.instance = Some(uid("objectUID", raw)?),
            "transferSyntax" => self.syntax = Some(uid("transferSyntax", raw)?),
            "contentType" => self.content_type = Some(text("contentType", raw)?.into_owned()),
            // To give what was not de-identified to someone who asked for that would be a lie.
            "anonymize" => return Err(Problem::bad_request("anonymize is not done here")),
            _ => self.rendering.take(name, raw)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<Asked, Problem> {
        let Self { target, is_wado, content_type, syntax, rendering } = self;
        if !is_wado {
            return Err(Problem::bad_request("requestType must be WADO"));
        }
        if target.study.is_none() || target.series.is_none() || target.instance.is_none() {
            return Err(Problem::bad_request("studyUID, seriesUID and objectUID must all be there"));
        }
        Ok(Asked { target, content_type, syntax, rendering: rendering.finish()? })
    }
}

fn text<'a>(name: &'static str, raw: &'a str) -> Result<Cow<'a, str>, Problem> {
    percent::decode(raw)
        .map_err(|error| Problem::bad_request(format!("the value of {name} cannot be read: {error}")))
}

fn uid(name: &'static str, raw: &str) -> Result<Uid, Problem> {
    Uid::parse(&text(name, raw)?).map_err(|error| Problem::bad_request(format!("{name} is no UID: {error}")))
}

/// That `application/dicom` stands alone, and has no parameters here (PS3.18 §9.1.2.2.1).
fn stands_alone(list: &str) -> Result<(), Problem> {
    let asked: Vec<MediaType> = MediaType::list(list).collect();
    let is_bare = |media: &MediaType| {
        media.parameter("transfer-syntax").is_none() && media.parameter("charset").is_none()
    };
    if asked.len() > 1 || !asked.iter().all(is_bare) {
        return Err(Problem::bad_request(
            "contentType=application/dicom stands alone, and takes no transfer-syntax and no charset",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use axum::http::header::ACCEPT;
    use proptest::prelude::*;

    const INSTANCE: &str = "requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4";

    fn status(query: &str) -> u16 {
        let file = read(query).and_then(|asked| match &asked.content_type {
            Some(_) if asked.is_of_a_file(&HeaderMap::new(), MissingAccept::Default) => {
                asked.file().map(drop)
            }
            _ => Ok(()),
        });
        file.map_or_else(|problem| problem.status().as_u16(), |()| 200)
    }

    #[test]
    fn an_instance_is_named_by_three_uids_and_comes_as_a_file() {
        let asked = read(&format!("{INSTANCE}&contentType=application%2Fdicom&rows=7")).unwrap();
        let uid = |text| Some(Uid::parse(text).unwrap());
        let (target, selected) = asked.file().unwrap();
        assert_eq!(target, Target { study: uid("1.2"), series: uid("1.3"), instance: uid("1.4") });
        assert_eq!(selected.offer, FILE);
        assert_eq!(selected.wishes, [Wish { syntax: Syntax::Unsaid, q: FULL }]);
        let asked =
            read(&format!("{INSTANCE}&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.4.50"));
        let syntax = Syntax::Exactly(Uid::parse("1.2.840.10008.1.2.4.50").unwrap());
        assert_eq!(asked.unwrap().file().unwrap().1.wishes, [Wish { syntax, q: FULL }]);
    }

    #[test]
    fn the_media_types_say_whether_it_is_a_file_that_is_wanted() {
        let is_file = |rest: &str, accept: &str| {
            let headers = [(ACCEPT, HeaderValue::from_str(accept).unwrap())].into_iter().collect();
            read(&format!("{INSTANCE}{rest}")).unwrap().is_of_a_file(&headers, MissingAccept::Default)
        };
        assert!(is_file("&contentType=application/dicom", "*/*"));
        assert!(is_file("&contentType=application/dicom", "image/png"));
        assert!(is_file("", "application/dicom"));
        for accept in ["*/*", "image/*", "image/png", "text/html", "audio/basic", "text/html,*/*;q=0.8"] {
            assert!(!is_file("", accept), "{accept}");
        }
        assert!(!is_file("&contentType=image/png", "application/dicom"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        let of = |rest: &str| status(&format!("{INSTANCE}{rest}"));
        let file = "&contentType=application/dicom";
        assert_eq!(of(file), 200);
        assert_eq!(of(""), 200);
        assert_eq!(of("&contentType=image/jpeg"), 200);
        assert_eq!(of("&contentType=application/dicom%3Btransfer-syntax=1.2.840.10008.1.2.1"), 400);
        assert_eq!(of("&contentType=application/dicom,image/jpeg"), 400);
        assert_eq!(of(&format!("{file}&windowCenter=1&windowWidth=2")), 400);
        assert_eq!(of("&windowCenter=1"), 400);
        assert_eq!(of(&format!("{file}&anonymize=yes")), 400);
        assert_eq!(of(&format!("{file}&studyUID=1.2")), 400);
        assert_eq!(of(&format!("{file}&transferSyntax=x")), 400);
        assert_eq!(status("requestType=WADO&studyUID=1.2&objectUID=1.4&contentType=application/dicom"), 400);
        assert_eq!(status(&INSTANCE.replace("WADO", "wado")), 400);
        assert_eq!(status(&INSTANCE.replace("1.4", "../1")), 400);
        assert_eq!(status(""), 400);
    }

    #[test]
    fn parameters_are_bounded() {
        let of = |count: usize| {
            let more: String = (5..count).map(|number| format!("&p{number}=")).collect();
            status(&format!("{INSTANCE}&contentType=application/dicom{more}"))
        };
        assert_eq!(of(MAX_PARAMETERS - 1), 200);
        assert_eq!(of(MAX_PARAMETERS), 200);
        assert_eq!(of(MAX_PARAMETERS + 1), 400);
    }

    proptest! {
        #[test]
        fn any_query_is_answered_without_panic(query in "[ -~]{0,80}") {
            let _ = read(&query);
        }
    }
}
