//! The URI service (PS3.18 §9): one instance named by query parameters, as a link in a document can. Instances come
//! as files, from the same place as over WADO-RS; rendered media types are not given.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use causeway_core::Uid;

use super::objects;
use crate::accept::{FILE, Selected, Syntax, Wish};
use crate::door::{Caller, Door};
use crate::media::MediaType;
use crate::percent;
use crate::problem::Problem;
use crate::target::Target;

/// Most parameters of one request.
pub(crate) const MAX_PARAMETERS: usize = 64;
/// Largest `q`.
const FULL: u16 = 1000;

/// Answers with the file of the instance that the query names.
pub(crate) async fn uri(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let Asked { target, selected } = read(uri.query().unwrap_or_default())?;
    objects::give(&door, &principal, &target, &selected, (uri, headers)).await
}

/// What a query asks for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    target: Target,
    selected: Selected,
}

/// What a query says.
#[derive(Default)]
struct Draft {
    target: Target,
    is_wado: bool,
    takes_files: bool,
    syntax: Option<Uid>,
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
            "contentType" => self.takes_files = takes_files(raw)?,
            // To give what was not de-identified to someone who asked for that would be a lie.
            "anonymize" => return Err(Problem::bad_request("anonymize is not done here")),
            // What concerns rendering, and the character set of it, has no bearing on files.
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Asked, Problem> {
        let Self { target, is_wado, takes_files, syntax } = self;
        if !is_wado {
            return Err(Problem::bad_request("requestType must be WADO"));
        }
        if target.study.is_none() || target.series.is_none() || target.instance.is_none() {
            return Err(Problem::bad_request("studyUID, seriesUID and objectUID must all be there"));
        }
        if !takes_files {
            return Err(Problem::not_acceptable(
                "instances can be had here with contentType=application/dicom only",
            ));
        }
        let syntax = syntax.map_or(Syntax::Unsaid, Syntax::Exactly);
        let selected = Selected { offer: FILE, wishes: vec![Wish { syntax, q: FULL }] };
        Ok(Asked { target, selected })
    }
}

fn uid(name: &'static str, raw: &str) -> Result<Uid, Problem> {
    let text = percent::decode(raw)
        .map_err(|error| Problem::bad_request(format!("the value of {name} cannot be read: {error}")))?;
    Uid::parse(&text).map_err(|error| Problem::bad_request(format!("{name} is no UID: {error}")))
}

/// Whether `application/dicom` is asked for. It stands alone, and has no parameters here (PS3.18 §9.1.2.2.1).
fn takes_files(raw: &str) -> Result<bool, Problem> {
    let text = percent::decode(raw)
        .map_err(|error| Problem::bad_request(format!("the value of contentType cannot be read: {error}")))?;
    let asked: Vec<MediaType> = MediaType::list(&text).collect();
    if !asked.iter().any(|media| media.essence == FILE.essence) {
        return Ok(false);
    }
    let is_bare = |media: &MediaType| {
        media.parameter("transfer-syntax").is_none() && media.parameter("charset").is_none()
    };
    if asked.len() > 1 || !asked.iter().all(is_bare) {
        return Err(Problem::bad_request(
            "contentType=application/dicom stands alone, and takes no transfer-syntax and no charset",
        ));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INSTANCE: &str = "requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4";

    fn status(query: &str) -> u16 {
        read(query).map_or_else(|problem| problem.status().as_u16(), |_| 200)
    }

    #[test]
    fn an_instance_is_named_by_three_uids_and_comes_as_a_file() {
        let asked = read(&format!("{INSTANCE}&contentType=application%2Fdicom&rows=7")).unwrap();
        let uid = |text| Some(Uid::parse(text).unwrap());
        assert_eq!(asked.target, Target { study: uid("1.2"), series: uid("1.3"), instance: uid("1.4") });
        assert_eq!(asked.selected.offer, FILE);
        assert_eq!(asked.selected.wishes, [Wish { syntax: Syntax::Unsaid, q: FULL }]);
        let asked =
            read(&format!("{INSTANCE}&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.4.50"));
        let syntax = Syntax::Exactly(Uid::parse("1.2.840.10008.1.2.4.50").unwrap());
        assert_eq!(asked.unwrap().selected.wishes, [Wish { syntax, q: FULL }]);
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        let of = |rest: &str| status(&format!("{INSTANCE}{rest}"));
        let file = "&contentType=application/dicom";
        assert_eq!(of(file), 200);
        assert_eq!(of(""), 406);
        assert_eq!(of("&contentType=image/jpeg"), 406);
        assert_eq!(of("&contentType=application/dicom%3Btransfer-syntax=1.2.840.10008.1.2.1"), 400);
        assert_eq!(of("&contentType=application/dicom,image/jpeg"), 400);
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
