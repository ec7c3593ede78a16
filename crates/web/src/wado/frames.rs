//! Frames of an instance (PS3.18 §10.4.1.1.6): one part for each, in the order of the request, or the one frame that is
//! asked for by itself.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::header::ETAG;
use axum::http::request::Parts;
use axum::response::Response;
use causeway_core::{Principal, StoredInstance};

use super::pixels::{self, Alone};
use super::sending::{Packing, Sending};
use super::{absent, etag, location};
use crate::base_url::base_url;
use crate::door::{Caller, Door};
use crate::multipart::write::Boundary;
use crate::problem::Problem;
use crate::target::Target;

/// Most frames that one request may name.
pub(crate) const MAX_FRAMES_ASKED: usize = 4096;

/// The numbers of frames in the path, in the order of the request, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FrameList(pub(crate) Vec<NonZeroU32>);

impl FrameList {
    /// Reads a comma-separated list.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let mut numbers = Vec::new();
        for entry in text.split(',') {
            let is_number = !entry.is_empty() && entry.bytes().all(|byte| byte.is_ascii_digit());
            let number = entry.parse().ok().filter(|_| is_number).ok_or_else(|| {
                Problem::bad_request(
                    "frames are named by a list of their numbers, which count from 1: frames/1 or frames/2,1,7",
                )
            })?;
            if numbers.len() == MAX_FRAMES_ASKED {
                let words = format!("at most {MAX_FRAMES_ASKED} frames can be asked for at once");
                return Err(Problem::bad_request(words));
            }
            numbers.push(number);
        }
        Ok(Self(numbers))
    }

    /// 404, unless all of them are among `count` frames.
    pub(crate) fn check(&self, count: u32) -> Result<(), Problem> {
        match self.0.iter().find(|number| number.get() > count) {
            Some(number) => {
                Err(Problem::not_found(format!("there is no frame {number}; the instance has {count}")))
            }
            None => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for FrameList {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unreadable = |_| Problem::bad_request("the path cannot be read");
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(unreadable)?;
        let list = params.iter().find(|(name, _)| *name == "frames").map(|(_, value)| value);
        Self::parse(list.unwrap_or_default())
    }
}

/// Answers with the frames that the path names.
pub(crate) async fn frames(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    list: FrameList,
    request: Request,
) -> Result<Response, Problem> {
    let instance = the_instance(&door, &principal, &target).await?;
    let no_frames = || Problem::not_found("the instance has no frames");
    let frames = door.archive.frames(&instance).await?.ok_or_else(no_frames)?;
    list.check(frames.count())?;
    let (uri, headers) = (request.uri(), request.headers());
    let alone = if list.0.len() == 1 { Alone::Always } else { Alone::Never };
    let missing = door.config.missing_accept;
    let form = pixels::choose(&instance.transfer_syntax, alone, headers, uri.query(), missing)?;
    let location = format!("{}/frames", location(&base_url(&door.config, uri, headers), &instance.ids));
    let sending = Sending { frames, numbers: list.0, form, packing: Packing::Each, location };
    respond(&instance, sending, headers).await
}

/// The instance that the path names.
pub(super) async fn the_instance(
    door: &Door,
    principal: &Principal,
    target: &Target,
) -> Result<StoredInstance, Problem> {
    let mut instances = door.archive.select(principal, &target.selection()).await?;
    match instances.pop() {
        Some(instance) => Ok(instance),
        None => Err(absent(door, principal, target).await?),
    }
}

/// The answer with its entity tag, or word that the caller has it already.
pub(super) async fn respond(
    instance: &StoredInstance,
    sending: Sending,
    headers: &axum::http::HeaderMap,
) -> Result<Response, Problem> {
    let numbers: Vec<String> = sending.numbers.iter().map(NonZeroU32::to_string).collect();
    let kind =
        format!("{} {:?} {} {:?}", sending.form.media, sending.form, numbers.join(","), sending.packing);
    let mut maker = etag::Maker::new(&kind, &sending.location);
    maker.add(instance, &sending.form.transfer_syntax);
    let digest = maker.finish();
    let tag = etag::header(&digest);
    if let Some(response) = etag::not_modified(headers, &tag) {
        return Ok(response);
    }
    let mut response = sending.answer(Boundary::of(digest)).await?;
    response.headers_mut().insert(ETAG, tag);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<u32>, StatusCode> {
        let list = FrameList::parse(text).map_err(|problem| problem.status())?;
        Ok(list.0.into_iter().map(NonZeroU32::get).collect())
    }

    #[test]
    fn a_list_keeps_the_order_of_the_request() {
        assert_eq!(read("1"), Ok(vec![1]));
        assert_eq!(read("3,1,2,1"), Ok(vec![3, 1, 2, 1]));
    }

    #[test]
    fn what_is_no_list_of_numbers_from_1_is_refused() {
        for text in ["", "0", "x", "1,", ",1", "1,,2", "-1", "+1", "1.0", " 1", "1-3", "4294967296", "1;2"] {
            assert_eq!(read(text), Err(StatusCode::BAD_REQUEST), "{text}");
        }
    }

    #[test]
    fn a_list_is_bounded_at_below_and_above() {
        let of = |count: usize| vec!["1"; count].join(",");
        assert!(read(&of(MAX_FRAMES_ASKED - 1)).is_ok() && read(&of(MAX_FRAMES_ASKED)).is_ok());
        assert_eq!(read(&of(MAX_FRAMES_ASKED + 1)), Err(StatusCode::BAD_REQUEST));
    }

    #[test]
    fn a_frame_beyond_the_last_is_not_found() {
        let list = FrameList::parse("1,3").unwrap();
        assert!(list.check(3).is_ok() && list.check(4).is_ok());
        assert_eq!(list.check(2).map_err(|problem| problem.status()), Err(StatusCode::NOT_FOUND));
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(numbers in proptest::collection::vec(1_u32.., 1..20)) {
            let text: Vec<String> = numbers.iter().map(u32::to_string).collect();
            prop_assert_eq!(read(&text.join(",")), Ok(numbers));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[ -~]{0,40}") {
            let _ = read(&text);
        }
    }
}
